package dnssec

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// lines writes the whole zone in master-file form, a record a line.
func (z *tzone) lines() []string {
	m := new(dns.Msg)
	for k := range z.sets {
		var set []dns.RR
		if z.glue(k.owner) || z.cuts[k.owner] && k.rrtype != dns.TypeNS && k.rrtype != dns.TypeDS {
			set = z.sets[k]
		} else {
			z.add(&set, k.owner, k.rrtype)
		}
		m.Answer = append(m.Answer, set...)
	}
	if z.nsec3 {
		for n := range z.nodes {
			rr, _ := z.nsec3At(n)
			z.denial(m, rr)
		}
	} else {
		for _, n := range z.chain() {
			z.denial(m, z.nsecAt(n))
		}
	}
	var out []string
	for _, rr := range slices.Concat(m.Answer, m.Ns) {
		out = append(out, rr.String())
	}
	return out
}

func planOf(t *testing.T, text string) *Plan {
	t.Helper()
	p := &Plan{}
	if err := p.Read(strings.NewReader(text), "plan"); err != nil {
		t.Fatal(err)
	}
	return p
}

func (w *world) planned(p *Plan) *Validator {
	return WithPlan(p, w, w.anchors, w.validator().now)
}

// faultsOf checks the plan's zone; what the test worlds leave out by design is
// taken off: they have no NSEC3PARAM record.
func faultsOf(v *Validator) []Reason {
	out := v.CheckPlan(context.Background())[0].Faults
	return slices.DeleteFunc(out, func(r Reason) bool { return strings.Contains(r.Args["why"], "no NSEC3PARAM") })
}

// A zone judged from its file comes out as it does from its servers, answer by
// answer; and the file as a whole is right.
func TestPlannedZoneAnswersAsServed(t *testing.T) {
	w := newWorld(t, province()...)
	for _, apex := range []string{"nsec.vn.", "nsec3.vn.", "salted.vn.", "opt.vn."} {
		z := w.zones[mustName(apex)]
		p := planOf(t, strings.Join(z.lines(), "\n"))
		v := w.planned(p)
		if faults := faultsOf(v); len(faults) > 0 {
			t.Errorf("%s: %s", apex, faults[0].Detail)
		}
		for _, q := range []string{"", "www.", "web.", "out.", "loop1.", "a.wild.", "host.wild.", "ent.deep.", "deep.", "none.", "a.b.none.", "x.d.", `odd\.dot.`,
			"mixed.", "x.wc.", "x.long.", "plainn.", "www.child.", "x.sub.host.wild."} {
			for _, qtype := range []uint16{dns.TypeA, dns.TypeTXT, dns.TypeDS, dns.TypeCNAME, dns.TypeSOA} {
				if q == "" && qtype == dns.TypeDS {
					continue // the parent's
				}
				got, want := v.Validate(t.Context(), q+apex, qtype), w.validator().Validate(t.Context(), q+apex, qtype)
				if got.State != want.State || got.Rcode != want.Rcode || got.Negative != want.Negative {
					t.Errorf("%s%s %s: from the file %v %s, served %v %s (%v)", q, apex, typeName(qtype), got.State, rcodeName(got.Rcode), want.State, rcodeName(want.Rcode), got.Reasons)
				}
			}
		}
	}
}

// Taking any one record out of a right zone is found, glue aside.
func TestPlannedZoneMissesNothing(t *testing.T) {
	w := newWorld(t, province()...)
	for _, apex := range []string{"nsec.vn.", "nsec3.vn."} {
		z := w.zones[mustName(apex)]
		all := z.lines()
		for i, line := range all {
			rr, err := dns.NewRR(line)
			if err != nil {
				t.Fatal(err)
			}
			owner := mustName(rr.Header().Name)
			if z.glue(owner) || rr.Header().Rrtype == dns.TypeSOA || rr.Header().Rrtype == dns.TypeNS && owner != z.apex && strings.Count(strings.Join(all, "\n"), "\n"+rr.Header().Name+"\t") < 2 {
				continue
			}
			v := w.planned(planOf(t, strings.Join(slices.Delete(slices.Clone(all), i, i+1), "\n")))
			if c := v.CheckPlan(t.Context())[0]; len(faultsOf(v)) == 0 && !c.Unsigned {
				t.Errorf("%s: nobody misses %s", apex, line)
			}
		}
	}
}

// A planned DS set counts as if its parent had signed it.
func TestPlannedDS(t *testing.T) {
	w := newWorld(t, province()...)
	nsec := w.zones[mustName("nsec.vn.")]
	island := w.zones[mustName("island.vn.")]
	for _, c := range []struct {
		plan, name string
		state      State
		code       any
	}{
		{"nsec.vn. DS 4711 13 2 " + strings.Repeat("ab", 32), "www.nsec.vn.", Bogus, codeNoKeyForDS},
		{fmt.Sprintf("nsec.vn. DS %d 13 2 %s", nsec.ksk.rr.KeyTag(), strings.Repeat("ab", 32)), "www.nsec.vn.", Bogus, codeDSMismatch},
		{nsec.ksk.rr.ToDS(dns.SHA384).String(), "www.nsec.vn.", Secure, codeSecure},
		{nsec.zsk.rr.ToDS(dns.SHA256).String(), "www.nsec.vn.", Bogus, codeDNSKEYUnsigned},
		{"nsec.vn. DS 4711 200 2 " + strings.Repeat("ab", 32), "www.nsec.vn.", Insecure, codeAlgorithm},
		{"nsec.vn. DS 0 0 0 00", "www.nsec.vn.", Insecure, codeIsland},
		{island.ksk.rr.ToDS(dns.SHA256).String(), "www.island.vn.", Secure, codeSecure},
		{"plain.vn. DS 4711 13 2 " + strings.Repeat("ab", 32), "www.plain.vn.", Bogus, codeDNSKEYMissing},
		{"below.plain.vn. DS 4711 13 2 " + strings.Repeat("ab", 32), "www.below.plain.vn.", Insecure, codeUnsigned},
	} {
		got := w.planned(planOf(t, c.plan)).Validate(t.Context(), c.name, dns.TypeA)
		if got.State != c.state || got.Reasons[0].Code != c.code {
			t.Errorf("%s: %v %v, want %v %v", c.plan, got.State, got.Reasons[0].Code, c.state, c.code)
		}
	}
}

// A delegation that only the plan has cannot be judged below: that nobody serves
// it yet is not a fault of it.
func TestPlannedDelegation(t *testing.T) {
	later := newWorld(t, append(province(), spec{apex: "new.nsec.vn.", text: "www A 192.0.2.1"})...)
	z := later.zones[mustName("nsec.vn.")]
	plan := func() *Plan {
		p := planOf(t, strings.Join(z.lines(), "\n"))
		if err := p.Read(strings.NewReader(z.ksk.rr.ToDS(dns.SHA256).String()), "ds"); err != nil {
			t.Fatal(err)
		}
		return p
	}
	if got := later.planned(plan()).Validate(t.Context(), "www.new.nsec.vn.", dns.TypeA); got.State != Secure {
		t.Errorf("served: %v %v", got.State, got.Reasons)
	}
	now := newWorld(t, province()...)
	got := now.planned(plan()).Validate(t.Context(), "www.new.nsec.vn.", dns.TypeA)
	if got.State != Indeterminate {
		t.Errorf("%v %v, want indeterminate", got.State, got.Reasons)
	}
}

// Every fault of a planned file is told, with its line.
func TestPlanFaults(t *testing.T) {
	for text, want := range map[string]string{
		"": "plan: there is no record in it",
		"$INCLUDE x\n$GENERATE 1-9 a A 1.1.1.1\n":                "plan:1: $INCLUDE is refused",
		"\n\na.vn. A 192.0.2.1":                                  "plan:3: a planned change is a DS set",
		"a DS 1 13 2 ab":                                         `plan:1: "a" is relative`,
		" DS 1 13 2 ab":                                          "plan:1: no name before this record",
		"a.vn. DS 1 13 2 ab":                                     "plan:1: a digest of type 2 SHA-256 has 64",
		". DS 0 0 0 00":                                          "plan:1: the owner is no domain name that could",
		"a.vn. DS 0 0 0 00\na.vn. DS 0 0 0 00":                   "plan:2: a.vn. has both",
		"a.vn. CH DS 0 0 0 00":                                   "plan:1: the class is not IN",
		"a.vn. SOA a. b. 1 2 3 4 5\nb.vn. A 192.0.2.1":           "plan:2: b.vn. is outside the zone a.vn.",
		"a.vn. SOA a. b. 1 2 3 4 5\na.vn. SOA a. b. 2 2 3 4 5":   "plan:1: zone a.vn. has 2 SOA",
		"a.vn. SOA a. b. 1 2 3 4 5\nx.a.vn. SOA a. b. 2 2 3 4 5": "plan:2: a second SOA",
		"$TTL x\na.vn. DS 0 0 0 00":                              "plan:1: $TTL wants",
		"$ORIGIN\na.vn. DS 0 0 0 00":                             "plan:1: $ORIGIN wants",
	} {
		p := &Plan{}
		if err := p.Read(strings.NewReader(text), "plan"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
	p := planOf(t, "$ORIGIN vn.\n$TTL 1h\n@ SOA ns hostmaster 1 2 3 4 5\n www ( AAAA\n 2001:db8::1 ) ; comment\n A 192.0.2.1\n")
	if err := p.Read(strings.NewReader("vn. SOA a. b. 1 2 3 4 5"), "other"); err == nil || !strings.Contains(err.Error(), "planned twice") {
		t.Errorf("a zone was planned twice: %v", err)
	}
}

// What parses is answered: any name and type, without a panic, with records of
// the zone only.
func FuzzPlan(f *testing.F) {
	w := newWorld(f, province()[:6]...)
	f.Add(strings.Join(w.zones[mustName("nsec.vn.")].lines(), "\n"), "x.wild.nsec.vn.", uint16(1))
	f.Add(strings.Join(w.zones[mustName("opt.vn.")].lines(), "\n"), "a.opt.vn.", uint16(43))
	f.Add("$ORIGIN .\n@ SOA . . 1 2 3 4 5\n* CNAME *\n*.* NS .\n", "a.b.", uint16(255))
	f.Add("a. SOA a. b. 1 2 3 4 5\nb.a. DNAME a.\nc.b.a. A 192.0.2.1\n0.a. NSEC3 1 0 65535 - 0 A\n", "c.b.a.", uint16(1))
	nobody := sourceFunc(func(context.Context, string, uint16) (*dns.Msg, error) { return nil, errors.New("nobody") })
	f.Fuzz(func(t *testing.T, text, qname string, qtype uint16) {
		if len(text) > 1<<14 {
			return
		}
		p := &Plan{}
		if p.Read(strings.NewReader(text), "plan") != nil {
			return
		}
		v := WithPlan(p, nobody, w.anchors, w.validator().now)
		v.CheckPlan(t.Context())
		v.Validate(t.Context(), qname, qtype)
		m, err := planned{p, nobody}.Query(t.Context(), qname, qtype)
		if err != nil {
			return
		}
		n := mustName(qname)
		z := p.zoneFor(n, qtype)
		for _, rr := range slices.Concat(m.Answer, m.Ns) {
			if owner, ok := parseName(rr.Header().Name); !ok || !owner.within(z.apex) {
				t.Errorf("%s %d: answered with %s", qname, qtype, rr)
			}
		}
	})
}

type sourceFunc func(context.Context, string, uint16) (*dns.Msg, error)

func (f sourceFunc) Query(ctx context.Context, n string, t uint16) (*dns.Msg, error) {
	return f(ctx, n, t)
}
