package resolve

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"

	"ready6/probes/lab"
	"ready6/probes/verdict"
)

// inLab starts a world and returns resolvers over both families and over IPv6
// alone, the former being the latter's witness.
func inLab(t *testing.T, world string, sockets bool) (both, six *Resolver) {
	t.Helper()
	w, err := lab.Open(world)
	if err != nil {
		t.Fatal(err)
	}
	l, err := lab.Start(w, lab.Options{Loopback: sockets})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	hints, err := ReadHints(strings.NewReader(l.Hints()))
	if err != nil {
		t.Fatal(err)
	}
	both = New(Config{Dial: l.Dial, Hints: hints, Now: l.Now})
	six = New(Config{Dial: l.Dial, Hints: hints, Now: l.Now, Families: V6, Witness: both})
	return both, six
}

func TestLabBase(t *testing.T) {
	for _, sockets := range []bool{false, true} {
		both, six := inLab(t, "base", sockets)
		for _, r := range []*Resolver{both, six} {
			want(t, r, "www.tinh.gov.vn", dns.TypeAAAA, "2001:db8:8000::80")
			want(t, r, "static.cdn.net", dns.TypeA, "203.0.113.80")
			for _, z := range []string{"vn", "gov.vn", "tinh.gov.vn", "cdn.net"} {
				m, err := r.Query(t.Context(), z, dns.TypeDS)
				if err != nil || len(m.Answer) < 2 {
					t.Errorf("DS of %s: %v, %v", z, m, err)
				}
				if m, err := r.Query(t.Context(), z, dns.TypeDNSKEY); err != nil || len(m.Answer) < 2 || !m.Authoritative {
					t.Errorf("DNSKEY of %s: %v, %v", z, m, err)
				}
			}
			p, err := r.Path(t.Context(), "www.tinh.gov.vn")
			if err != nil || names(p) != ". vn. gov.vn. tinh.gov.vn." {
				t.Errorf("%s, %v", names(p), err)
			}
		}
	}
}

// The zones of the path cost three exchanges, their DS none.
func TestLabExchanges(t *testing.T) {
	w, err := lab.Open("base")
	if err != nil {
		t.Fatal(err)
	}
	l, err := lab.Start(w, lab.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	hints, err := ReadHints(strings.NewReader(l.Hints()))
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var seen []string
	r := New(Config{Dial: l.Dial, Hints: hints, Now: l.Now, Trace: func(x Exchange) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, x.Evidence.Asked+" "+x.Evidence.Query)
	}})
	for _, q := range []struct {
		name  string
		qtype uint16
	}{{"mx.tinh.gov.vn", dns.TypeAAAA}, {"vn", dns.TypeDS}, {"gov.vn", dns.TypeDS}, {"tinh.gov.vn", dns.TypeDS}} {
		if _, err := r.Query(t.Context(), q.name, q.qtype); err != nil {
			t.Error(err)
		}
	}
	if len(seen) != 4 { // root, vn, gov.vn, tinh.gov.vn
		t.Errorf("%d exchanges: %q", len(seen), seen)
	}
}

func TestLabFailures(t *testing.T) {
	const name = "www.tinh.gov.vn"
	for world, want := range map[string]struct {
		cause verdict.Cause // over both families, empty: it resolves
		six   verdict.Cause
		gap   Gap // of six
		v4    bool
	}{
		"base":                  {},
		"dnssec-lame":           {cause: verdict.Lame, six: verdict.Lame},
		"dnssec-refused":        {cause: verdict.ServFail, six: verdict.ServFail},
		"dnssec-servfail":       {cause: verdict.ServFail, six: verdict.ServFail},
		"dnssec-silent":         {cause: verdict.Timeout, six: verdict.Timeout, gap: NoAnswer},
		"dns-no-tcp":            {},
		"level-2-no-glue":       {six: verdict.NoFamily, gap: NoGlue, v4: true},
		"level-2-zone-v4-only":  {six: verdict.NoFamily, gap: NoAddress, v4: true},
		"level-2-zone-lame6":    {six: verdict.ServFail},
		"dnssec-sig-corrupt":    {},
		"dnssec-insecure-nsec3": {},
	} {
		t.Run(world, func(t *testing.T) {
			t.Parallel()
			both, six := inLab(t, world, false)
			check := func(r *Resolver, cause verdict.Cause, gap Gap, v4only bool) {
				_, err := r.Query(t.Context(), name, dns.TypeAAAA)
				var f *Failure
				if !errors.As(err, &f) {
					f = &Failure{}
				}
				if f.Cause != cause || f.Gap != gap && gap != "" || f.V4Only != v4only || (cause != "" && f.Zone != "tinh.gov.vn.") {
					t.Errorf("families %d: %v: %+v", r.cfg.Families, err, f)
				}
			}
			gap4 := want.gap
			if want.cause == "" {
				gap4 = ""
			}
			check(both, want.cause, gap4, false)
			check(six, want.six, want.gap, want.v4)
		})
	}
}
