//go:build integration

package main_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// questions is what every validator is asked, and the state that the world was
// made to have.
var questions = []struct{ name, qtype, state string }{
	{"www.secure.gov.vn", "AAAA", "secure"},
	{"v4only.secure.gov.vn", "AAAA", "secure"},  // no data, by NSEC
	{"nothere.secure.gov.vn", "AAAA", "secure"}, // no such name, by NSEC
	{"secure.gov.vn", "MX", "secure"},
	{"www.nsec3.gov.vn", "AAAA", "secure"},
	{"www.nsec3.gov.vn", "MX", "secure"},       // no data, by NSEC3
	{"nothere.nsec3.gov.vn", "AAAA", "secure"}, // no such name, by NSEC3
	{"www.insecure.gov.vn", "AAAA", "insecure"},
	{"nothere.insecure.gov.vn", "AAAA", "insecure"},
	{"cdn.hosting.vn", "AAAA", "insecure"},      // by opt-out
	{"alias.secure.gov.vn", "AAAA", "insecure"}, // secure alias, insecure target
	{"insecure.gov.vn", "DS", "secure"},         // the proof itself
	{"hosting.vn", "DS", "insecure"},            // opt-out proves too little
	{"nothere.vn", "AAAA", "insecure"},          // likewise
	{"www.expired.gov.vn", "AAAA", "bogus"},
	{"nothere.expired.gov.vn", "AAAA", "bogus"},
	{"www.mismatch.gov.vn", "AAAA", "bogus"},
	{"www.lame.gov.vn", "AAAA", "indeterminate"},
}

// optedOut are the absences inside an opt-out span. RFC 5155 9.2 forbids to
// call them authenticated, and Unbound does not; delv does.
var optedOut = map[string]bool{"hosting.vn DS": true, "nothere.vn AAAA": true}

// testBed proves that the world is what the scans are judged against.
func testBed(t *testing.T, w *world) {
	t.Run("routes of the vantages", func(t *testing.T) {
		w := w.with(t)
		for _, c := range []struct {
			ns, addr string
			ok       bool
		}{
			{w.dual, "2001:db8:100::80", true}, {w.dual, "198.51.100.80", true},
			{w.only4, "198.51.100.80", true}, {w.only4, "2001:db8:100::80", false},
			{w.cut, "198.51.100.80", false}, {w.cut, "2001:db8:100::80", false},
		} {
			if o := w.run(c.ns, 10*time.Second, "ip", "route", "get", c.addr); (o.code == 0) != c.ok {
				t.Errorf("route to %s: want %v, got %v", c.addr, c.ok, o)
			}
		}
	})
	t.Run("silence", func(t *testing.T) {
		w := w.with(t)
		for _, a := range []string{"[2001:db8:dead::80]", "198.18.13.53"} {
			o := w.run(w.dual, 10*time.Second, "curl", "-sS", "--max-time", "3", "http://"+a+"/")
			if o.code != 28 || o.took < 3*time.Second { // 28: operation timed out
				t.Errorf("%s is not silent: %v", a, o)
			}
		}
		o := w.run(w.dual, 10*time.Second, "curl", "-sS", "--max-time", "3", "https://[2001:db8:100::83]/")
		if o.code != 7 || o.took > 2*time.Second { // 7: could not connect
			t.Errorf("the refusing host does not refuse: %v", o)
		}
	})
	t.Run("servers", func(t *testing.T) {
		w := w.with(t)
		for _, c := range []struct{ server, name, flags string }{
			{"2001:db8:53::a", ".", "aa"}, {"198.18.0.21", "vn", "aa"}, {"2001:db8:53::2:2", "gov.vn", "aa"},
			{"198.18.0.43", "nsec3.gov.vn", "aa"}, {"2001:db8:53::4:1", "hosting.vn", "aa"},
		} {
			for _, transport := range []string{"+notcp", "+tcp"} {
				o := w.run(w.dual, 20*time.Second, "dig", "+norec", "+dnssec", transport, "+time=2", "+tries=2", "@"+c.server, c.name, "SOA")
				if !strings.Contains(o.stdout, "flags: qr "+c.flags) {
					t.Errorf("%s %s: not authoritative: %v", c.server, c.name, o)
				}
			}
		}
		o := w.run(w.dual, 20*time.Second, "dig", "+norec", "@2001:db8:53::3:2", "www.lame.gov.vn", "AAAA")
		if !strings.Contains(o.stdout, "status: REFUSED") {
			t.Errorf("lame server: %v", o)
		}
	})
	t.Run("web", func(t *testing.T) {
		w := w.with(t)
		for host, addrs := range map[string][]string{
			"www.secure.gov.vn":    {"2001:db8:100::80", "198.51.100.80"},
			"v6only.secure.gov.vn": {"2001:db8:100::84"},
			"half.secure.gov.vn":   {"2001:db8:100::85"},
			"alias.secure.gov.vn":  {"2001:db8:100::86", "198.51.100.86"},
			"v4only.secure.gov.vn": {"198.51.100.81"},
			"silent.secure.gov.vn": {"198.51.100.82"},
			"www.insecure.gov.vn":  {"2001:db8:200::80", "203.0.113.80"},
			"www.nsec3.gov.vn":     {"2001:db8:300::80", "192.0.2.80"},
			"www.mismatch.gov.vn":  {"2001:db8:400::80", "198.18.4.80"},
			"www.expired.gov.vn":   {"2001:db8:500::80", "198.18.5.80"},
		} {
			for _, a := range addrs {
				if err := w.fetch(host, a); err != nil {
					t.Error(err)
				}
			}
		}
		if len(page) < 4*1280 {
			t.Errorf("the page has %d bytes: it would pass a broken path MTU", len(page))
		}
	})
	t.Run("VRPs", func(t *testing.T) {
		w := w.with(t)
		if n, o := w.rtrCount(); n != vrpCount {
			t.Errorf("rtrclient got %d VRPs, want %d: %v", n, vrpCount, o)
		}
	})
	t.Run("validators", func(t *testing.T) {
		w := w.with(t)
		conf, anchor := w.startUnbound()
		for _, q := range questions {
			if got, o := w.unboundState(conf, q.name, q.qtype); got != q.state {
				t.Errorf("unbound-host: %s %s is %s, want %s: %v", q.name, q.qtype, got, q.state, o)
			}
			want := q.state
			if optedOut[q.name+" "+q.qtype] {
				want = "secure"
			}
			if got, o := w.delvState(anchor, q.name, q.qtype); got != want {
				t.Errorf("delv: %s %s is %s, want %s: %v", q.name, q.qtype, got, want, o)
			}
		}
	})
}

// vrpCount is the number of lines of vrps.json.tmpl.
const vrpCount = 9

// unboundState is the state that unbound-host finds.
func (w *world) unboundState(conf, name, qtype string) (string, output) {
	w.t.Helper()
	// where no server answers, unbound goes on asking for minutes
	o := w.run(w.dual, time.Minute, "timeout", "20", "unbound-host", "-C", conf, "-v", "-t", qtype, name)
	return worst(map[string]bool{
		"indeterminate": o.code == 124 || strings.Contains(o.stdout+o.stderr, "SERVFAIL") && !strings.Contains(o.stdout, "BOGUS"),
		"bogus":         strings.Contains(o.stdout, "(BOGUS"),
		"insecure":      strings.Contains(o.stdout, "(insecure)"),
		"secure":        strings.Contains(o.stdout, "(secure)"),
	}), o
}

// delvState is the state that delv finds.
func (w *world) delvState(anchor, name, qtype string) (string, output) {
	w.t.Helper()
	o := w.run(w.dual, time.Minute, "delv", "@127.0.0.1", "-p", "5300", "-a", anchor, "+root=.", "+nodlv", name, qtype)
	out := o.stdout + o.stderr
	unanswered := strings.Contains(out, "resolution failed: SERVFAIL") || strings.Contains(out, "timed out")
	return worst(map[string]bool{
		"indeterminate": unanswered,
		"bogus":         strings.Contains(out, "resolution failed") && !unanswered && !strings.Contains(out, "resolution failed: ncache"),
		"insecure":      strings.Contains(out, "; unsigned answer") || strings.Contains(out, "unsigned answer"),
		"secure":        strings.Contains(out, "fully validated"),
	}), o
}

// worst is the state of a chain of answers: the worst of its links'.
func worst(seen map[string]bool) string {
	for _, s := range []string{"indeterminate", "bogus", "insecure", "secure"} {
		if seen[s] {
			return s
		}
	}
	return fmt.Sprintf("none of %v", seen)
}
