package lab

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// TestAmend checks that every way of breaking a signed zone breaks just what it
// says, as the wire shows it.
func TestAmend(t *testing.T) {
	type reply struct {
		z     *zone
		rrs   []dns.RR
		sig   *dns.RRSIG
		proof []dns.RR
	}
	fits := func(r reply) bool { return r.sig != nil && r.sig.Verify(r.z.keys[1].public, r.rrs) == nil }
	current := func(r reply) bool { return r.sig != nil && r.sig.ValidityPeriod(time.Now()) }
	for _, c := range []struct {
		line string
		want func(reply) bool
	}{
		{"", func(r reply) bool { return fits(r) && current(r) }},
		{"strip www AAAA", func(r reply) bool { return len(r.rrs) == 1 && r.sig == nil }},
		{"expire www AAAA", func(r reply) bool { return fits(r) && int64(r.sig.Expiration) < time.Now().Unix() }},
		{"future www AAAA", func(r reply) bool { return fits(r) && int64(r.sig.Inception) > time.Now().Unix() }},
		{"corrupt www AAAA", func(r reply) bool { return !fits(r) && current(r) }},
		{"replace www AAAA 2001:db8::1", func(r reply) bool { return !fits(r) && len(r.rrs) == 1 }},
		{"add www AAAA 2001:db8::1", func(r reply) bool { return !fits(r) && len(r.rrs) == 2 }},
		{"signer www AAAA gov.vn", func(r reply) bool { return r.sig.SignerName == "gov.vn." }},
		{"labels www AAAA", func(r reply) bool { return r.sig.Labels == 5 }},
		{"algorithm www AAAA", func(r reply) bool { return r.sig.Algorithm == 250 }},
		{"other-key www AAAA", func(r reply) bool { return !fits(r) && r.sig.Verify(r.z.keys[0].public, r.rrs) == nil }},
		{"remove www AAAA", func(r reply) bool {
			return len(r.rrs) == 0 && slices.Contains(r.proof[0].(*dns.NSEC).TypeBitMap, dns.TypeAAAA)
		}},
	} {
		world := "amended\n-- include --\nbase\n"
		if c.line != "" {
			world += "-- amend --\ntinh.gov.vn " + c.line + "\n"
		}
		l := start(t, world, Options{})
		m := mustAsk(t, l, "udp", dcServer, "www.tinh.gov.vn.", dns.TypeAAAA)
		r := reply{z: l.zones["tinh.gov.vn."]}
		for _, rr := range m.Answer {
			if sig, ok := rr.(*dns.RRSIG); ok {
				r.sig = sig
				continue
			}
			r.rrs = append(r.rrs, rr)
		}
		for _, rr := range m.Ns {
			if rr.Header().Rrtype == dns.TypeNSEC {
				r.proof = append(r.proof, rr)
			}
		}
		if !c.want(r) {
			t.Errorf("%q: %v", c.line, m)
		}
		l.Close()
	}
}

// TestAmendDenial breaks proofs.
func TestAmendDenial(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{"", "NOERROR aa||SOA n|"},
		{"mute www TXT", "NOERROR aa||SOA|"},
		{"mute www ANY", "NOERROR aa||SOA|"},
		{"mute www AAAA", "NOERROR aa||SOA n|"},
		{"remove www DENIAL", "NOERROR aa||SOA|"},
		{"strip www DENIAL", "NOERROR aa||SOA n|"},
		{"drop-bit www DENIAL AAAA", "NOERROR aa||SOA n|"},
	} {
		for options, denial := range map[string]string{"": "NSEC", "nsec3": "NSEC3"} {
			world := "amended\n-- include --\nbase\n-- zones --\ntinh.gov.vn ns1.dc.gov.vn ns2.dc.gov.vn " + options + "\n"
			if c.line != "" {
				world += "-- amend --\ntinh.gov.vn " + strings.Replace(c.line, "DENIAL", denial, 1) + "\n"
			}
			l := start(t, world, Options{})
			m := mustAsk(t, l, "udp", dcServer, "www.tinh.gov.vn.", dns.TypeTXT)
			if got := counted(m); got != c.want {
				t.Errorf("%q, %s: %s, want %s", c.line, denial, got, c.want)
			}
			sigs := len(m.Ns) - strings.Count(summary(m), "SOA") - strings.Count(summary(m), "NSEC")
			if stripped := strings.HasPrefix(c.line, "strip"); stripped && sigs != 1 {
				t.Errorf("%q, %s: %d signatures", c.line, denial, sigs)
			}
			if strings.HasPrefix(c.line, "drop-bit") && strings.Contains(m.String(), "AAAA RRSIG") {
				t.Errorf("%q, %s: %v", c.line, denial, m.Ns)
			}
			l.Close()
		}
	}
}

// TestEditsOfNothing keeps a world from not breaking what it means to break.
func TestEditsOfNothing(t *testing.T) {
	for _, section := range []string{
		"-- edit --\ntinh.gov.vn remove ww AAAA", "-- edit --\ntinh.gov.vn replace www TXT x", "-- edit --\nno.vn add x A 192.0.2.1",
		"-- amend --\ntinh.gov.vn strip ww AAAA", "-- amend --\ntinh.gov.vn corrupt ns1 A", "-- amend --\nno.vn strip x A",
		"-- amend --\ntinh.gov.vn drop-bit www AAAA A", "-- zone no.vn --\nx A 192.0.2.1", "-- zone tinh.gov.vn --\nx.vn. A 192.0.2.1",
		"-- hosts --\nx.tinh.gov.vn web 2001:db8:4::53\ny.tinh.gov.vn mail 2001:db8:8000::25",
	} {
		w, err := Parse([]byte("nothing\n-- include --\nbase\n" + section + "\n"))
		if err == nil {
			var l *Lab
			if l, err = Start(w, Options{}); err == nil {
				l.Close()
				t.Errorf("no error for\n%s", section)
			}
		}
	}
}
