package probes

import (
	"context"
	"errors"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"

	"ready6/inventory"
	"ready6/probes/dnssec"
	"ready6/probes/resolve"
	"ready6/probes/verdict"
)

// blind is an Env whose network answers nothing but, over TCP, the addresses in up.
func blind(t *testing.T, inv inventory.Inventory, up ...string) *Env {
	t.Helper()
	out := func(_ context.Context, network, address string) (net.Conn, error) {
		for _, a := range up {
			if host, _, _ := net.SplitHostPort(address); host == a && network[:3] == "tcp" {
				c, _ := net.Pipe()
				return c, nil
			}
		}
		return nil, syscall.ECONNREFUSED
	}
	c := Config{Dial: out, Inventory: inv, Step: 50 * time.Millisecond, Roots: []resolve.Server{{Name: "a.", Addrs: nil}}}
	c.DNS = resolve.New(resolve.Config{Dial: out, Timeout: c.Step})
	c.DNS6 = resolve.New(resolve.Config{Dial: out, Timeout: c.Step, Families: resolve.V6})
	return New(t.Context(), c)
}

func canaryOf(host, want string) inventory.Canary {
	return inventory.Canary{Host: host, Port: 443, Kind: "reach", Want: want}
}

func has(list []verdict.Result, r verdict.Reason) bool {
	for _, x := range list {
		if x.Reason == r {
			return true
		}
	}
	return false
}

// A canary says something of the families it was tried over, and of no other.
func TestCanariesVoidOnlyWhatTheyConcern(t *testing.T) {
	const good6, good4 = "2606:4700::1", "1.1.1.1"
	for _, tc := range []struct {
		name     string
		canaries []inventory.Canary
		up       []string
		v6, v4   bool
		reason   verdict.Reason
	}{
		{"both up", []inventory.Canary{canaryOf(good6, "up"), canaryOf(good4, "up")}, []string{good6, good4}, true, true, "vantage.canary-ok"},
		{"the IPv6 one is down", []inventory.Canary{canaryOf(good6, "up"), canaryOf(good4, "up")}, []string{good4}, false, true, "vantage.canary-good-fails"},
		{"one of two is down", []inventory.Canary{canaryOf(good6, "up"), canaryOf("2606:4700::2", "up"), canaryOf(good4, "up")}, []string{good6, good4}, true, true, "vantage.canary-good-fails"},
		{"one that never answers does", []inventory.Canary{canaryOf(good6, "up"), canaryOf(good4, "up"), canaryOf("1.0.0.1", "down")}, []string{good6, good4, "1.0.0.1"}, true, false, "vantage.canary-bad-passes"},
		{"one that may not be contacted", []inventory.Canary{canaryOf(good6, "up"), canaryOf(good4, "up"), canaryOf("2001:db8::1", "up")}, []string{good6, good4}, true, true, "vantage.canary-unknown"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			v, results := blind(t, inventory.Inventory{Canaries: tc.canaries}, tc.up...).Preflight(t.Context())
			if v.V6 != tc.v6 || v.V4 != tc.v4 || !has(results, tc.reason) {
				t.Errorf("v6=%t v4=%t %v", v.V6, v.V4, results)
			}
			if !has(results, "vantage.anchor-missing") || v.DNSSEC {
				t.Error("no anchor, and DNSSEC is to be believed")
			}
		})
	}
}

// Without a trust anchor the signed canaries are not at fault: one sentence tells
// what is missing, and none asks for other canaries.
func TestMissingAnchorIsToldOnce(t *testing.T) {
	_, results := blind(t, inventory.Inventory{Canaries: []inventory.Canary{{Host: "www.vnnic.vn", Kind: "dnssec", Want: "secure"}}}).Preflight(t.Context())
	if !has(results, "vantage.anchor-missing") || has(results, "vantage.canary-unknown") {
		t.Errorf("%v", results)
	}
}

// A trust anchor of one zone that does not validate says nothing of the others;
// one that could not be compared says nothing at all.
func TestAnchorsVoidOnlyTheirOwnNames(t *testing.T) {
	e := blind(t, inventory.Inventory{})
	for _, s := range []string{". IN DS 1 13 2 00", "lab. IN DS 1 13 2 00"} {
		rr, err := dns.NewRR(s)
		if err != nil {
			t.Fatal(err)
		}
		e.Anchors = append(e.Anchors, rr)
	}
	e.voided = []string{"lab."}
	if e.anchored("www.lab") || !e.anchored("www.vn") || !e.anchored("collab") {
		t.Error("the wrong names are voided")
	}
	e.DNSSEC = dnssec.New(e.DNS, e.Anchors, time.Now)
	r := e.secureResults(t.Context(), "www.lab", dns.TypeAAAA)
	if len(r) != 1 || r[0].Reason != "dnssec.indeterminate.vantage" {
		t.Errorf("%+v", r)
	}
	e.voided = nil
	if v, results := e.Preflight(t.Context()); !v.DNSSEC || !has(results, "vantage.anchor-unknown") || has(results, "vantage.anchor-bad") {
		t.Errorf("%+v %v", v, results)
	}
	got := dnssec.Result{State: dnssec.Bogus, Reasons: []dnssec.Reason{{Detail: "no key"}}}
	done := make(chan struct{})
	close(done)
	e.secured.old, e.secured.young = nil, map[question]*memoEntry[question, dnssec.Result]{{".", dns.TypeDNSKEY}: {done: done, value: got}, {"lab.", dns.TypeDNSKEY}: {done: done, value: got}}
	if v, results := e.Preflight(t.Context()); v.DNSSEC || !has(results, "vantage.anchor-bad") {
		t.Errorf("%+v %v", v, results)
	}
}

func TestData(t *testing.T) {
	now := time.Date(2026, 1, 10, 0, 0, 0, 0, time.UTC)
	e := New(t.Context(), Config{Now: func() time.Time { return now }})
	for _, tc := range []struct {
		d    Data
		want verdict.Reason
	}{
		{Data{Kind: "VRPs", Name: "f", At: now, Count: 1}, "vantage.data-ok"},
		{Data{Kind: "VRPs", Name: "f", At: now.Add(-25 * time.Hour), Count: 1}, "vantage.data-stale"},
		{Data{Kind: "routes", Name: "f", At: now.Add(-25 * time.Hour), Count: 1}, "vantage.data-ok"},
		{Data{Kind: "routes", Name: "f", At: now.Add(-8 * 24 * time.Hour), Count: 1}, "vantage.data-stale"},
		{Data{Kind: "VRPs", Name: "f", Count: 1}, "vantage.data-undated"},
		{Data{Kind: "VRPs", Name: "f", At: now}, "vantage.data-empty"},
		{Data{Kind: "VRPs", Name: "f", Err: errors.New("x")}, "vantage.data-missing"},
		{Data{Kind: "VRPs"}, "vantage.data-none"},
		{Data{Kind: "routes", Name: "f", At: now, Count: 1, Err: errors.New("x")}, "vantage.data-damaged"},
		{Data{Kind: "VRPs", Name: "f", At: now, Count: 1, Shrunk: "ripe: 9 → 1"}, "vantage.data-shrunk"},
		{Data{Kind: "VRPs", Name: "f", At: now.Add(-25 * time.Hour), Count: 1, Shrunk: "ripe: 9 → 1"}, "vantage.data-stale"},
	} {
		if got := e.judgeData(tc.d); got.Reason != tc.want {
			t.Errorf("%+v: %s, want %s", tc.d, got.Reason, tc.want)
		}
	}
	e.Data = []Data{{Kind: "VRPs", Name: "b", At: now, Count: 1, Passed: []string{"a: refused"}}}
	_, out := e.Preflight(t.Context())
	if last := out[len(out)-1]; last.Reason != "vantage.data-passed" || last.Args["detail"] != "a: refused" || last.Subject != "VRPs" {
		t.Errorf("%+v", last)
	}
}

// A service known by its address hangs on no name; what could not be looked up
// is not absent.
func TestUnmeasuredIsNotAbsent(t *testing.T) {
	e := blind(t, inventory.Inventory{}, "2606:4700::1")
	lit := e.Service(t.Context(), "a", inventory.Service{Kind: "tcp", Host: "2606:4700::1", Port: 22})
	if !has(lit.Results, "closure.no-name") || !has(lit.Results, "reach.small") || !has(lit.Results, "a.none") {
		t.Errorf("%v", lit.Results)
	}
	for _, kind := range []string{"web", "mail", "dns", "tcp"} {
		rec := e.Service(t.Context(), "a", inventory.Service{Kind: kind, Host: "www.a.vn", Port: 443})
		for _, r := range rec.Results {
			if o := r.Outcome(); o == verdict.Fail || o == verdict.Pass || r.Reason == "closure.none" {
				t.Errorf("%s: %s of %s without having measured anything", kind, r.Reason, r.Subject)
			}
		}
		if !has(rec.Results, "aaaa.unknown") || (kind != "mail" && !has(rec.Results, "closure.unknown")) {
			t.Errorf("%s: %v", kind, rec.Results)
		}
	}
}
