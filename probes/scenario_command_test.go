package probes_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"ready6/probes/dnssec"
)

var scenarioCommand = flag.String("scenarios-command", "", "a ready6 binary: ask by its dnssec command instead, in a network namespace of our own (root, Linux)")

// TestScenariosByCommand asks the scenarios' questions as a user does, over real
// sockets at the scenario's own addresses. It has to be started inside a fresh
// network namespace: it gives the loopback interface any address it needs.
func TestScenariosByCommand(t *testing.T) {
	if *scenarioCommand == "" || *scenarioDirs == "" {
		t.Skip("needs -scenarios DIR and -scenarios-command BINARY, inside `ip netns exec NAMESPACE`")
	}
	if links, err := net.Interfaces(); err != nil || len(links) != 1 {
		t.Fatalf("%d network interfaces (%v): a namespace with nothing but loopback is wanted", len(links), err)
	}
	known := exceptions(t)
	var slowest time.Duration
	for _, dir := range strings.Split(*scenarioDirs, ",") {
		files, _ := filepath.Glob(filepath.Join(dir, "*rpl"))
		for _, file := range files {
			name := filepath.Base(file)
			if _, listed := known[name]; listed || known[filepath.Base(dir)+"/"+name].kind != "" {
				continue
			}
			t.Run(name, func(t *testing.T) {
				s, err := readScenario(file)
				if err != nil {
					t.Fatal(err)
				}
				s.without(name, known)
				took := byCommand(t, s)
				slowest = max(slowest, took)
				if took > 5*time.Second {
					t.Logf("slow: %v", took)
				}
			})
		}
	}
	t.Logf("slowest question: %v", slowest)
}

func byCommand(t *testing.T, s *scenario) (slowest time.Duration) {
	anchors, err := s.anchors()
	if err != nil {
		t.Fatal(err)
	}
	if anchors, err = resign(s, anchors); err != nil {
		t.Fatal(err)
	}
	g := &stage{s: s, dumb: *scenarioDumb, bare: *scenarioBare}
	g.listen(t)
	dir := t.TempDir()
	var hints, trust strings.Builder
	for _, server := range s.hints() {
		for _, a := range server.Addrs {
			kind := "A"
			if a.Is6() {
				kind = "AAAA"
			}
			fmt.Fprintf(&hints, ". 3600 NS %[1]s\n%[1]s 3600 %[2]s %[3]s\n", server.Name, kind, a)
		}
	}
	for _, rr := range anchors {
		fmt.Fprintln(&trust, rr)
	}
	if len(anchors) == 0 { // the command wants one: it lies beside all questions
		fmt.Fprintln(&trust, "anchor.invalid. DS 1 13 2 "+strings.Repeat("AB", 32))
	}
	for name, text := range map[string]string{"hints": hints.String(), "anchors": trust.String()} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	now := s.clock()
	for i, st := range s.steps {
		if st.kind == "TIME_PASSES" {
			now = now.Add(elapsed(st.args))
		}
		if st.kind != "QUERY" || len(st.entry.msg.Question) != 1 {
			continue
		}
		want, at := s.expected(i)
		if want == nil {
			continue
		}
		g.mu.Lock()
		g.step, g.log, g.used = [2]int{st.n, at}, nil, nil
		g.mu.Unlock()
		q := st.entry.msg.Question[0]
		c := exec.Command(*scenarioCommand, "dnssec", q.Name, fmt.Sprint("TYPE", q.Qtype), "--root-hints", filepath.Join(dir, "hints"),
			"--trust-anchor", filepath.Join(dir, "anchors"), "--at", now.Format(time.RFC3339), "--allow", "0.0.0.0/0", "--allow", "::/0", "--format", "json")
		begun := time.Now()
		out, err := c.Output()
		took := time.Since(begun)
		slowest = max(slowest, took)
		res := dnssec.Result{Type: q.Qtype}
		var err2 error
		res.State, res.Rcode, res.Answer, err2 = published(out)
		if err != nil || err2 != nil {
			t.Errorf("%v: %v, %v\n%s", c.Args, err, err2, out)
			continue
		}
		found := compare(res, st.entry, want)
		g.mu.Lock()
		unscripted := slices.ContainsFunc(g.log, func(s string) bool { return strings.HasSuffix(s, "(not scripted)") })
		if len(found) > 0 && !unscripted { // else it rests on what was asked before
			t.Errorf("step %d, %s (%v): %s\n%s\nasked: %s", st.n, q.Name, took, strings.Join(found, "; "), out, strings.Join(g.log, "\n  "))
		}
		g.mu.Unlock()
	}
	return slowest
}

// published reads the command's JSON back.
func published(out []byte) (state dnssec.State, rcode int, answer []dns.RR, err error) {
	var r struct {
		Status, Rcode string
		Answer        []string
	}
	if err := json.Unmarshal(out, &r); err != nil {
		return 0, 0, nil, err
	}
	for _, s := range []dnssec.State{dnssec.Indeterminate, dnssec.Insecure, dnssec.Secure, dnssec.Bogus} {
		if s.String() == r.Status {
			state = s
		}
	}
	for _, text := range r.Answer {
		rr, err := dns.NewRR(text)
		if err != nil {
			return 0, 0, nil, err
		}
		answer = append(answer, rr)
	}
	return state, dns.StringToRcode[r.Rcode], answer, nil
}

// listen serves the stage at all of the scenario's addresses, until the test ends.
func (g *stage) listen(t *testing.T) {
	addrs := g.s.hints()[0].Addrs
	for _, r := range g.s.ranges {
		addrs = append(addrs, r.addrs...)
	}
	for _, st := range g.s.steps { // a reply that is a step of its own comes from any address
		if st.kind != "REPLY" {
			continue
		}
		for _, rr := range st.entry.msg.Extra {
			if a, ok := rr.(*dns.A); ok {
				addrs = append(addrs, netip.AddrFrom4([4]byte(a.A.To4())))
			}
		}
	}
	slices.SortFunc(addrs, netip.Addr.Compare)
	t.Cleanup(g.wg.Wait) // runs last
	for _, a := range slices.Compact(addrs) {
		if !a.IsLoopback() {
			bits := fmt.Sprint(a, "/", a.BitLen())
			if _, err := exec.Command("ip", "addr", "replace", bits, "dev", "lo", "nodad").CombinedOutput(); err != nil {
				if out, err := exec.Command("ip", "addr", "replace", bits, "dev", "lo").CombinedOutput(); err != nil {
					t.Fatalf("ip addr: %v %s", err, out)
				}
			}
			t.Cleanup(func() { exec.Command("ip", "addr", "del", bits, "dev", "lo").Run() })
		}
		at := netip.AddrPortFrom(a, 53)
		udp, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(at))
		if err != nil {
			t.Fatal(err)
		}
		tcp, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(at))
		if err != nil {
			t.Fatal(err)
		}
		g.wg.Go(func() { g.serveUDP(udp, a) })
		g.wg.Go(func() {
			for {
				c, err := tcp.Accept()
				if err != nil {
					return
				}
				g.wg.Go(func() { g.serve(c, a, true) })
			}
		})
		t.Cleanup(func() { closeAll(udp, tcp) })
	}
}

func closeAll(cs ...io.Closer) {
	for _, c := range cs {
		c.Close()
	}
}

func (g *stage) serveUDP(c *net.UDPConn, at netip.Addr) {
	buf := make([]byte, 65536)
	for {
		n, from, err := c.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		q := new(dns.Msg)
		if q.Unpack(buf[:n]) == nil && len(q.Question) == 1 {
			if out := g.answer(at, q, false); out != nil {
				c.WriteToUDPAddrPort(out, from)
			}
		}
	}
}
