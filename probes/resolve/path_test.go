package resolve

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"ready6/probes/verdict"
)

func names(p []Zone) string {
	var out []string
	for _, z := range p {
		s := z.Name
		if z.Hidden {
			s += "!"
		}
		out = append(out, s)
	}
	return strings.Join(out, " ")
}

func TestPath(t *testing.T) {
	// 192.0.2.2 serves vn and gov.vn, so that no referral shows gov.vn.
	// 192.0.2.11 serves x.gov.vn and its child sub.x.gov.vn.
	build := func(t *testing.T, n *fakeNet) {
		n.put(zones(t, rootText).handle, "192.0.2.1")
		n.put(zones(t, "vn.\n@ NS ns\nns A 192.0.2.2\ngov NS ns\ndead NS ns.dead\nns.dead A 192.0.2.99\nb.b.b NS ns.b.b.b\nns.b.b.b A 192.0.2.12\n",
			"gov.vn.\n@ NS ns.vn.\nx NS ns.x\nns.x A 192.0.2.11\nwww A 192.0.2.80\nalias CNAME www\n").handle, "192.0.2.2")
		n.put(zones(t, "x.gov.vn.\n@ NS ns\nns A 192.0.2.11\nns AAAA 2001:db8::11\nwww A 192.0.2.80\nsub NS ns.x.gov.vn.\n", "sub.x.gov.vn.\n@ NS ns.x.gov.vn.\nwww A 192.0.2.80\n").handle, "192.0.2.11")
		n.put(zones(t, "b.b.b.vn.\n@ NS ns\nwww A 192.0.2.80\n").handle, "192.0.2.12")
	}
	for name, c := range map[string]struct{ path, first string }{
		"www.x.gov.vn":        {". vn. gov.vn.! x.gov.vn.", ""},
		"x.gov.vn":            {". vn. gov.vn.! x.gov.vn.", ""},
		"none.x.gov.vn":       {". vn. gov.vn.! x.gov.vn.", ""},
		"www.sub.x.gov.vn":    {". vn. gov.vn.! x.gov.vn. sub.x.gov.vn.!", ""},
		"www.gov.vn":          {". vn. gov.vn.!", ""},
		"alias.gov.vn":        {". vn. gov.vn.!", ""},
		"www.b.b.b.vn":        {". vn. b.b.b.vn.", ""},
		"vn":                  {". vn.", ""},
		".":                   {".", ""},
		"none":                {".", ""},
		"www.a.dead.vn":       {". vn. dead.vn.", ""},
		"a.b.c.d.none.gov.vn": {". vn. gov.vn.!", ""},
	} {
		t.Run(name, func(t *testing.T) {
			for _, warm := range []bool{false, true} {
				bubble(t, func(t *testing.T, n *fakeNet) {
					build(t, n)
					r := n.resolver(v4)
					if warm {
						_, _ = r.Query(t.Context(), name, dns.TypeA)
					}
					p, err := r.Path(t.Context(), name)
					if err != nil || names(p) != c.path {
						t.Errorf("warm %v: %s, %v; want %s", warm, names(p), err, c.path)
					}
					for i := 1; i < len(p); i++ {
						if p[i].Parent != p[i-1].Name || len(p[i].NS) == 0 {
							t.Errorf("%+v after %s", p[i], p[i-1].Name)
						}
					}
				})
			}
		})
	}
}

func TestPathUntold(t *testing.T) {
	bubble(t, func(t *testing.T, n *fakeNet) { // a root that does not answer is our trouble, not a short path
		r := n.resolver(v4)
		if p, err := r.Path(t.Context(), "www.x.vn"); err == nil {
			t.Errorf("got %s", names(p))
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if p, err := r.Path(ctx, "www.x.vn"); err == nil {
			t.Errorf("got %s", names(p))
		}
		if _, err := r.Path(t.Context(), "a..b"); err == nil {
			t.Error("a bad name has a path")
		}
	})
}

func TestZone(t *testing.T) {
	bubble(t, func(t *testing.T, n *fakeNet) {
		plainWorld(t, n)
		n.put(zones(t, xText+"ns1 A 192.0.2.11\nns1 AAAA 2001:db8::11\nns1 AAAA 2001:db8::1111\n").handle, "192.0.2.11", "2001:db8::11", "192.0.2.12", "2001:db8::12")
		r := n.resolver()
		z, err := r.Zone(t.Context(), "www.x.vn")
		if err != nil || z.Name != "x.vn." || z.Parent != "vn." || len(z.NS) != 2 {
			t.Fatalf("%+v, %v", z, err)
		}
		if s := z.NS[0]; s.Name != "ns1.x.vn." || len(s.Glue) != 2 || len(s.Addrs) != 3 || s.Err != nil {
			t.Errorf("%+v", s)
		}
		if s := z.NS[1]; len(s.Glue) != 2 || len(s.Addrs) != 0 || s.Err != nil {
			t.Errorf("a server without addresses in its zone: %+v", s)
		}
		dead, err := r.Zone(t.Context(), "www.none.x.vn")
		if err != nil || dead.Name != "x.vn." {
			t.Errorf("%+v, %v", dead, err)
		}
		root, err := r.Zone(t.Context(), ".")
		if err != nil || root.Name != "." || root.Parent != "" || len(root.NS[0].Addrs) != 2 {
			t.Errorf("%+v, %v", root, err)
		}
	})
}

func TestAsk(t *testing.T) {
	bubble(t, func(t *testing.T, n *fakeNet) {
		plainWorld(t, n)
		a := zones(t, xText)
		n.put(func(q *dns.Msg, tcp bool) []byte {
			m := a.answer(q, tcp)
			m.Truncated = !tcp
			return pack1(m)
		}, "192.0.2.11")
		r := n.resolver()
		for _, tcp := range []bool{false, true} {
			m, e, err := r.Ask(t.Context(), addr("192.0.2.11"), tcp, "x.vn", dns.TypeSOA)
			if err != nil || m.Truncated == tcp || !m.Authoritative || len(m.Answer) != 1 {
				t.Errorf("tcp %v: %v, %v", tcp, m, err)
			}
			if over := map[bool]string{false: "udp4", true: "tcp4"}[tcp]; e.Over != over || e.Asked != "192.0.2.11:53" || e.Query != "x.vn. SOA" || !strings.HasPrefix(e.Answer, "NOERROR aa") {
				t.Errorf("%+v", e)
			}
		}
		if len(n.log) != 2 {
			t.Errorf("%q", n.log)
		}
		for _, tcp := range []bool{false, true} {
			_, e, err := r.Ask(t.Context(), addr("2001:db8::99"), tcp, "x.vn", dns.TypeSOA)
			if f, ok := err.(*Failure); !ok || f.Cause != verdict.Timeout || !strings.Contains(e.Answer, "no answer") || e.Asked != "[2001:db8::99]:53" {
				t.Errorf("%v, %+v", err, e)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second/2)
		defer cancel()
		if _, _, err := r.Ask(ctx, addr("2001:db8::99"), false, "x.vn", dns.TypeSOA); err.(*Failure).Cause != verdict.Deadline {
			t.Error(err)
		}
		if _, _, err := r.Ask(t.Context(), addr("192.0.2.11"), false, "..", dns.TypeSOA); err == nil {
			t.Error("a bad name was asked")
		}
	})
}

func TestTrace(t *testing.T) {
	bubble(t, func(t *testing.T, n *fakeNet) {
		plainWorld(t, n)
		var mu sync.Mutex
		var seen []verdict.Evidence
		r := n.resolver(v4, func(c *Config) {
			c.Trace = func(x Exchange) { mu.Lock(); defer mu.Unlock(); seen = append(seen, x.Evidence) }
		})
		want(t, r, "www.x.vn", dns.TypeA, "192.0.2.80")
		if len(seen) != len(n.log) || len(seen) != 3 {
			t.Errorf("%d traced, %d sent", len(seen), len(n.log))
		}
		if ev := r.Evidence("WWW.x.vn.", dns.TypeA); fmt.Sprint(ev) != fmt.Sprint(seen) {
			t.Errorf("evidence %v\ntrace %v", ev, seen)
		}
		if r.Evidence("other.x.vn", dns.TypeA) != nil {
			t.Error("evidence of a question that was not asked")
		}
	})
}

func TestReadHints(t *testing.T) {
	if s := RootHints(); len(s) != 13 || slices.ContainsFunc(s, func(s Server) bool { return len(s.Addrs) != 2 }) {
		t.Errorf("embedded hints: %v", s)
	}
	if !strings.Contains(namedRoot, "July 22, 2026") || HintsDate != "2026-07-22" {
		t.Error("the date of the embedded hints does not match")
	}
	got, err := ReadHints(strings.NewReader("; c\n. IN NS A.\n. 1 NS b\nA. 5 IN A 192.0.2.1 ; x\n\tAAAA 2001:db8::1\nb A 192.0.2.2\n"))
	wantServers := []Server{{"a.", []netip.Addr{addr("192.0.2.1"), addr("2001:db8::1")}}, {"b.", []netip.Addr{addr("192.0.2.2")}}}
	if err != nil || fmt.Sprint(got) != fmt.Sprint(wantServers) {
		t.Errorf("%v, %v", got, err)
	}
	_, err = ReadHints(strings.NewReader(". NS a.\na. A 2001:db8::1\na. AAAA 192.0.2.1\nvn. NS b.\n. NS\n. MX 1 c.\n$TTL 5\n. NS d.\nz. A 192.0.2.9\na..b. A 192.0.2.3\n"))
	for _, line := range []string{"line 2:", "line 3:", "line 4:", "line 5:", "line 6:", "line 7:", "line 10:", "root server d. has no address", "root server a. has no address", "z., which is not"} {
		if err == nil || !strings.Contains(err.Error(), line) {
			t.Errorf("no %q in\n%v", line, err)
		}
	}
	if _, err := ReadHints(strings.NewReader("")); err == nil {
		t.Error("an empty file passes")
	}
}

func TestNames(t *testing.T) {
	for in, out := range map[string]string{
		"": "", ".": ".", "VN": "vn.", "www.X.vn.": "www.x.vn.", "a..b": "", ".a": "", `\097.vn`: "a.vn.", `A\.b.vn`: `a\.b.vn.`,
		strings.Repeat("a", 63) + ".": strings.Repeat("a", 63) + ".", strings.Repeat("a", 64): "", strings.Repeat("a.", 127): strings.Repeat("a.", 127), strings.Repeat("a.", 128): "",
		"thư.vn": `th\198\176.vn.`, `a\`: "", `\300.vn`: "", "*.x.vn": "*.x.vn.", "a b.vn": `a\ b.vn.`,
	} {
		if got, ok := normal(in); got != out || ok != (out != "") {
			t.Errorf("normal(%q) = %q, %v; want %q", in, got, ok, out)
		}
	}
	for _, c := range []struct {
		name, zone string
		in         bool
	}{
		{"a.vn.", "vn.", true}, {"vn.", "vn.", true}, {"vn.", ".", true}, {".", ".", true}, {".", "vn.", false},
		{"badvn.", "vn.", false}, {"x.badvn.", "vn.", false}, {`a\.vn.`, "vn.", false}, {`a\\.vn.`, "vn.", true}, {"vn.", "a.vn.", false},
	} {
		if within(c.name, c.zone) != c.in {
			t.Errorf("within(%q, %q) is not %v", c.name, c.zone, c.in)
		}
	}
}

func TestGenerationsAreBounded(t *testing.T) {
	g := newGenerations[int, int](1000)
	for i := range 10000 {
		g.put(i, i, 10)
		if _, ok := g.get(0); !ok { // in use: stays
			t.Fatalf("0 was lost after %d", i)
		}
		if g.len() > 101 {
			t.Fatalf("%d entries of 10 bytes in 1000", g.len())
		}
	}
	g.put(5, 5, 5000) // larger than everything: still only one
	if v, ok := g.get(5); !ok || v != 5 {
		t.Error("lost what was just put")
	}
	if v, found := g.getOrPut(5, 1, func() int { return 6 }); v != 5 || !found {
		t.Error(v, found)
	}
}
