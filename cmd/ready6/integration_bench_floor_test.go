//go:build integration

package main_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"flag"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// benchFloor measures what no scanner can do without on this machine, now: for each
// name the exchanges that its validation takes, one with a server of the parent and
// two (unsigned: one) with its zone's, by sockets that stay open, with nothing made
// of the replies; and the signatures that have to be checked by cryptography. What a
// scan costs above that is the scanner's own.
func (b *bed) benchFloor(plan []agencyZone) {
	b.t.Helper()
	var jobs strings.Builder
	verifications := 0
	for _, z := range live(plan) {
		var i int
		fmt.Sscanf(z.apex, "a%06d", &i)
		parent, _ := benchAddr(govServer + i%2)
		_, own := benchAddr(z.servers(i)[i/2%2])
		fmt.Fprintf(&jobs, "%s www.%s AAAA\n%s www.%s AAAA\n", parent, z.apex, own, z.apex)
		verifications++ // of the parent's about DS
		if z.state == "insecure" || z.mute {
			continue
		}
		fmt.Fprintf(&jobs, "%s %s DNSKEY\n", own, z.apex)
		verifications++ // of its keys
		if z.state == "secure" {
			verifications++ // of the answer or its denial
		}
	}
	list := b.write("floor-"+b.dual, jobs.String())
	before := b.datagrams()
	o := b.run(b.dual, 5*time.Minute, os.Args[0], "-test.run=^TestFloor$", "-test.v", "-floor", list)
	n := float64(len(live(plan)))
	var took, cpu, verify time.Duration
	for line := range strings.Lines(o.stdout) {
		if _, told, found := strings.Cut(line, "floor: "); found {
			fmt.Sscan(told, (*nanos)(&took), (*nanos)(&cpu), (*nanos)(&verify))
		}
	}
	if o.code != 0 || verify == 0 {
		b.t.Errorf("floor: %v", o)
		return
	}
	crypto := verify.Seconds() * float64(verifications)
	b.t.Logf("floor, live: %.2f exchanges a name at %.0f names/s, %.3f CPU s per 1,000 names, and %.2f ECDSA verifications, %.3f: %.3f in all",
		float64(b.datagrams()-before)/n, n/took.Seconds(), cpu.Seconds()*1000/n, float64(verifications)/n, crypto*1000/n, (cpu.Seconds()+crypto)*1000/n)
}

// nanos is a duration written as a number.
type nanos time.Duration

func (d *nanos) Scan(s fmt.ScanState, _ rune) error {
	var n int64
	_, err := fmt.Fscan(s, &n)
	*d = nanos(n)
	return err
}

var floorJob = flag.String("floor", "", "for TestFloor, when it serves another test: a file of SERVER NAME TYPE")

// floorAtOnce is how many questions are under way at once.
const floorAtOnce = 64

// TestFloor is no test by itself, but a process of TestBenchScan's: it asks what a
// file says and tells what that cost.
func TestFloor(t *testing.T) {
	if *floorJob == "" {
		t.Skip("only for TestBenchScan")
	}
	text, err := os.ReadFile(*floorJob)
	if err != nil {
		t.Fatal(err)
	}
	work := make(chan []string, floorAtOnce)
	var wg sync.WaitGroup
	begun, used := time.Now(), cpuTime()
	for range floorAtOnce {
		wg.Go(func() { floorAsk(t, work) })
	}
	for line := range strings.Lines(string(text)) {
		work <- strings.Fields(line)
	}
	close(work)
	wg.Wait()
	took, cpu := time.Since(begun), cpuTime()-used
	fmt.Println("floor:", took.Nanoseconds(), cpu.Nanoseconds(), verifyTime(t).Nanoseconds())
}

// floorAsk asks one question after another.
func floorAsk(t *testing.T, work <-chan []string) {
	open := map[string]net.Conn{}
	var wire, reply [4096]byte
	for w := range work {
		c := open[w[0]]
		if c == nil {
			var err error
			if c, err = net.Dial("udp", netip.AddrPortFrom(netip.MustParseAddr(w[0]), 53).String()); err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			open[w[0]] = c
		}
		q := new(dns.Msg).SetQuestion(w[1], dns.StringToType[w[2]])
		q.SetEdns0(1232, true)
		b, err := q.PackBuffer(wire[:])
		if err != nil {
			t.Error(err)
			return
		}
		for range 3 {
			if _, err = c.Write(b); err != nil {
				break
			}
			_ = c.SetReadDeadline(time.Now().Add(time.Second))
			if _, err = c.Read(reply[:]); err == nil {
				break
			}
		}
		if err != nil {
			t.Errorf("%v: %v", w, err)
		}
	}
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// verifyTime is what one verification of an ECDSA P-256 signature takes.
func verifyTime(t *testing.T) time.Duration {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	digest := make([]byte, 32)
	sig, err := ecdsa.SignASN1(rand.Reader, key, digest)
	if err != nil {
		t.Fatal(err)
	}
	const times = 5000
	used := cpuTime()
	for range times {
		if !ecdsa.VerifyASN1(&key.PublicKey, digest, sig) {
			t.Fatal("a good signature does not hold")
		}
	}
	return (cpuTime() - used) / times
}
