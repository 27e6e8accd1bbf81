//go:build integration

package main_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestRough: name servers that answer 20 questions a second to a network (NSD's
// rate limit: every second one beyond it truncated, the rest dropped), over a path
// that loses one packet in five each way. A scan of many names of the same few
// zones is slow and has no wrong state.
func TestRough(t *testing.T) {
	if os.Geteuid() != 0 {
		leaveOut(t, "network namespaces need root")
	}
	for _, tool := range []string{"ip", "nft", "nsd", "ldns-signzone", "ldns-keygen", "ldns-key2ds", "dnssec-signzone", "dnssec-keygen", "dig"} {
		if _, err := exec.LookPath(tool); err != nil {
			leaveOut(t, tool+" is not installed")
		}
	}
	w := newWorld(t)
	w.rateLimit = 20
	w.startDNS()
	w.build()
	want := map[string]string{}
	for _, q := range questions {
		if q.qtype == "AAAA" {
			want[q.name] = q.state
		}
	}
	for i := range 50 {
		want[fmt.Sprintf("n%d.secure.gov.vn", i)] = "secure"
		want[fmt.Sprintf("n%d.nsec3.gov.vn", i)] = "secure"
		want[fmt.Sprintf("n%d.insecure.gov.vn", i)] = "insecure"
	}
	var list strings.Builder
	for name := range want {
		fmt.Fprintln(&list, name)
	}
	names := w.write("names.txt", list.String())
	w.mustIn(w.dual, "nft", "add table inet rough; "+
		"add chain inet rough in { type filter hook input priority 0; }; add rule inet rough in iifname up0 numgen random mod 100 < 20 drop; "+
		"add chain inet rough out { type filter hook output priority 0; }; add rule inet rough out oifname up0 numgen random mod 100 < 20 drop")
	args := append([]string{"scan", "--names", names, "--only", "aaaa,dnssec", "--format", "jsonl", "--trust-anchor", w.files.anchor, "--lang", "en"}, w.network()...)
	o := w.run(w.dual, 6*time.Minute, w.bin, args...)
	t.Logf("%d names took %v; stderr:\n%s", len(want), o.took.Round(time.Second), o.stderr)
	got := services(t, o.stdout)
	unknown := 0
	for name, state := range want {
		s, found := got[name]
		switch {
		case !found:
			t.Errorf("%s has no result", name)
		case s.DNSSEC == "indeterminate" && state != "indeterminate":
			unknown++
			if !explained(s) {
				t.Errorf("%s: unknown, and no word why: %v", name, s.codes())
			}
		case s.DNSSEC != state:
			t.Errorf("%s is %s, not %s: %v", name, s.DNSSEC, state, s.codes())
		}
		if state != "bogus" && state != "indeterminate" {
			for _, f := range s.Found {
				if f.Outcome == "fail" && f.Code != "aaaa.nodata" && f.Code != "aaaa.nxdomain" {
					t.Errorf("%s: %s %s", name, f.Code, f.Subject)
				}
			}
		}
	}
	t.Logf("not known that would have been without loss and limits: %d of %d", unknown, len(want))
	if unknown > len(want)/5 {
		t.Errorf("%d of %d names are not known: patience is too short", unknown, len(want))
	}
}

func explained(s service) bool {
	for _, f := range s.Found {
		if f.Outcome == "unknown" && f.Code != "" {
			return true
		}
	}
	return false
}
