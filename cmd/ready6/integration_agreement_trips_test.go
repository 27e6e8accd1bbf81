//go:build integration

package main_test

import (
	"flag"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// roundTrip is how long a question and its answer take while trips are counted:
// long enough that the work in between does not add up to one.
const roundTrip = 200 * time.Millisecond

// roundTrips counts the questions in sequence that one name costs, by the time
// it takes where every round trip takes the same and nothing else takes long.
// The servers of root, parent and zone stand behind relays that wait.
func (b *bed) roundTrips() {
	b.t.Helper()
	anchor := b.far()
	slow, ask := *b, []asking{{name: "www.zone.far.", qtype: "A"}, {name: "nothere.zone.far.", qtype: "A"}, {name: "www.zone.far.", qtype: "AAAA"}, {name: "zone.far.", qtype: "SOA"}}
	w := *b.world
	slow.world = &w
	slow.anchors, slow.port = []dns.RR{anchor}, 5301
	for i, q := range ask {
		slow.port += 2 // every name finds a resolver that knows nothing
		slow.resolvers(farAddr(0), fmt.Sprintf("far%d", i))
		theirs, ours := slow.trips(slow.askDelv, q), slow.trips(slow.askReady6, q)
		b.start(b.ns, "relay-resolver-"+fmt.Sprint(i), os.Args[0], "-test.run=^TestRelay$",
			"-relay", fmt.Sprintf("127.0.0.1:%d=127.0.0.1:%d", slow.port+1, slow.port))
		slow.awaitRelay(fmt.Sprintf("127.0.0.1:%d", slow.port+1))
		asked := slow
		asked.port++
		own := asked.trips(asked.askDelv, q)
		b.t.Logf("round trips in sequence, cold, for %s %s: ready6 %d; delv %d through a resolver that knows nothing, %d to one that has all of it", q.name, q.qtype, ours, theirs, own)
		if most := min(theirs, own) + 1; ours > most {
			b.t.Errorf("%s %s: ready6 needs %d round trips, more than delv's plus one, %d", q.name, q.qtype, ours, most)
		}
	}
}

// trips is how many round trips a question took.
func (b *bed) trips(ask func(asking) said, q asking) int {
	b.t.Helper()
	begun := time.Now()
	if s := ask(q); s.err != nil || s.state != "secure" {
		b.t.Errorf("%s %s is %s: %v\n%s", q.name, q.qtype, s.state, s.err, s.words)
	}
	return int(time.Since(begun) / roundTrip)
}

func farAddr(i int) string { return fmt.Sprintf("198.18.70.%d", i+1) }

// far makes a root, a parent and a zone, each with a server of its own behind a
// relay, and returns the root's anchor.
func (b *bed) far() dns.RR {
	b.t.Helper()
	var relays []string
	var below []dns.RR
	for i := 2; i >= 0; i-- {
		apex, child := [...]string{".", "far.", "zone.far."}[i], [...]string{"far.", "zone.far.", ""}[i]
		text := fmt.Sprintf("@ SOA ns hostmaster 1 3600 900 604800 300\n@ NS ns.far%d.\nns.far%[1]d. A %s\n", i, farAddr(i))
		if i > 0 {
			text = fmt.Sprintf("@ SOA ns hostmaster 1 3600 900 604800 300\n@ NS ns\nns A %s\nwww A 192.0.2.80\n", farAddr(i))
		}
		if child != "" {
			text += fmt.Sprintf("%s NS ns.%[1]s\nns.%[1]s A %s\n", child, farAddr(i+1))
		}
		for _, ds := range below {
			text += ds.String() + "\n"
		}
		z, err := b.forge.sign(order{apex: apex, text: text, signer: "ours", algorithm: "ECDSAP256SHA256"})
		if err != nil {
			b.t.Fatal(err)
		}
		below = z.ds
		behind := fmt.Sprintf("198.18.70.%d", 100+i)
		b.must("ip", "-n", b.ns, "addr", "replace", farAddr(i)+"/32", "dev", "lo")
		b.serve(0, fmt.Sprintf("far%d", i), behind, map[string]*madeZone{apex: z})
		relays = append(relays, farAddr(i)+":53="+behind+":53")
	}
	b.start(b.ns, "relay", os.Args[0], "-test.run=^TestRelay$", "-relay", strings.Join(relays, ","))
	for i := range 3 {
		b.awaitRelay(farAddr(i) + ":53")
	}
	return below[0]
}

func (b *bed) awaitRelay(addr string) {
	b.t.Helper()
	host, port, _ := net.SplitHostPort(addr)
	b.await("relay "+addr, func() error {
		o := b.run(b.ns, 10*time.Second, "dig", "+norec", "+time=2", "+tries=1", "@"+host, "-p", port, "zone.far.", "SOA")
		if !strings.Contains(o.stdout, "status: ") {
			return fmt.Errorf("%v", o)
		}
		return nil
	})
}

var relayPairs = flag.String("relay", "", "for TestRelay, when it serves another test: LISTEN=TARGET,...")

// TestRelay is no test by itself, but a process of TestAgreement's: it hands
// datagrams on to servers, a round trip late.
func TestRelay(t *testing.T) {
	if *relayPairs == "" {
		t.Skip("only for TestAgreement")
	}
	for pair := range strings.SplitSeq(*relayPairs, ",") {
		listen, target, _ := strings.Cut(pair, "=")
		in, err := net.ListenPacket("udp", listen)
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			for {
				buf := make([]byte, 65535)
				n, from, err := in.ReadFrom(buf)
				if err != nil {
					return
				}
				go relay(in, from, target, buf[:n])
			}
		}()
	}
	select {} // until it is killed
}

// relay hands one question on and its answer back.
func relay(in net.PacketConn, from net.Addr, target string, question []byte) {
	time.Sleep(roundTrip)
	out, err := net.Dial("udp", target)
	if err != nil {
		return
	}
	defer out.Close()
	out.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := out.Write(question); err != nil {
		return
	}
	buf := make([]byte, 65535)
	if n, err := out.Read(buf); err == nil {
		in.WriteTo(buf[:n], from)
	}
}
