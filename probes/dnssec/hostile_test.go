package dnssec

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// keyTrap makes the answer for www.nsec.vn. carry many signatures that each fit
// many keys and none of them (CVE-2023-50387).
func keyTrap(w *world, keys, sigs int) {
	z := w.z("nsec.vn.")
	for _, k := range sameTag(z.zsk.rr, keys) {
		w.moreKeys("nsec.vn.", k)
	}
	w.at(www, dns.TypeA, trap(sigs))
}

// trap replaces each signature by many that do not hold.
func trap(sigs int) func(*dns.Msg) {
	return func(m *dns.Msg) {
		both(m, func(s []dns.RR) []dns.RR {
			var out []dns.RR
			for _, rr := range s {
				sig, ok := rr.(*dns.RRSIG)
				if !ok {
					out = append(out, rr)
					continue
				}
				for i := range sigs {
					bad := dns.Copy(sig).(*dns.RRSIG)
					bad.Inception -= uint32(i + 1)
					out = append(out, bad)
				}
			}
			return out
		})
	}
}

// nsec3Trap is a zone whose denials cost as many hashes as can be: many
// iterations, and a name of many labels (CVE-2023-50868).
func nsec3Trap(w *world) string {
	z := w.z("nsec3.vn.")
	z.iter, z.salt = maxIterations, strings.Repeat("ab", 200)
	return strings.Repeat("a.", 120) + "nsec3.vn."
}

var limitCases = []brokenCase{
	{"many keys of one tag, many signatures", "", 0, Indeterminate, "dnssec.indeterminate.limit", func(w *world) { keyTrap(w, 30, 30) }},
	{"many keys of one tag, one bad signature", "", 0, Indeterminate, "dnssec.indeterminate.limit", func(w *world) { keyTrap(w, 30, 1) }},
	{"one key, many bad signatures", "", 0, Indeterminate, "dnssec.indeterminate.limit", func(w *world) { w.at(www, dns.TypeA, trap(100)) }},
	{"one key, a few bad signatures", "", 0, Bogus, "dnssec.bogus.sig-invalid", func(w *world) { w.at(www, dns.TypeA, trap(4)) }},
	{"several keys of one tag, good signature", "", 0, Secure, "", func(w *world) {
		z := w.z("nsec.vn.")
		k := setKey{z.apex, dns.TypeDNSKEY}
		for _, c := range sameTag(z.zsk.rr, 4) {
			z.sets[k] = slices.Insert(z.sets[k], 0, dns.RR(c))
		}
	}},
	{"DNSKEY set with many bad signatures", "", 0, Indeterminate, "dnssec.indeterminate.limit", func(w *world) { w.at("nsec.vn.", dns.TypeDNSKEY, trap(100)) }},
	{"DS set with many bad signatures", "", 0, Indeterminate, "dnssec.indeterminate.limit", func(w *world) { w.at("nsec.vn.", dns.TypeDS, trap(100)) }},
	{"too many keys", "", 0, Indeterminate, "dnssec.indeterminate.limit", func(w *world) {
		for i := range 100 {
			w.moreKeys("nsec.vn.", rr(fmt.Sprintf("nsec.vn. DNSKEY 256 3 15 %s", strings.Repeat("A", 41)+fmt.Sprintf("%02d=", i))).(*dns.DNSKEY))
		}
	}},
	{"too many DS", "", 0, Indeterminate, "dnssec.indeterminate.limit", func(w *world) {
		for i := range 100 {
			w.moreDS("nsec.vn.", rr(fmt.Sprintf("nsec.vn. 3600 DS %d 13 2 %s", i, strings.Repeat("AB", 32))))
		}
	}},
	{"DS for many keys of one tag", "", 0, Indeterminate, "dnssec.indeterminate.limit", func(w *world) {
		z := w.z("nsec.vn.")
		for _, k := range sameTag(z.ksk.rr, 40) {
			w.moreKeys("nsec.vn.", k)
		}
		w.badDigest("nsec.vn.", 0)
	}},
	{"too many denial records", "", dns.TypeMX, Indeterminate, "dnssec.indeterminate.limit", func(w *world) {
		w.at(www, dns.TypeMX, func(m *dns.Msg) {
			for i := range 40 {
				m.Ns = append(m.Ns, rr(fmt.Sprintf("n%d.nsec.vn. NSEC n%dx.nsec.vn. A", i, i)))
			}
		})
	}},
	{"NSEC3 hashing without end", strings.Repeat("a.", 120) + "nsec3.vn.", 0, Indeterminate, "dnssec.indeterminate.limit", func(w *world) { nsec3Trap(w) }},
	{"long name, no iterations", strings.Repeat("a.", 120) + "nsec3.vn.", 0, Secure, "", func(w *world) {}},
	{"too many aliases", "c0.nsec.vn.", 0, Indeterminate, "dnssec.indeterminate.limit", func(w *world) {
		for i := range 30 {
			w.z("nsec.vn.").put(rr(fmt.Sprintf("c%d.nsec.vn. 60 CNAME c%d.nsec.vn.", i, i+1)))
			w.z("nsec.vn.").nodes[mustName(fmt.Sprintf("c%d.nsec.vn.", i))] = true
		}
	}},
	{"a few aliases", "c20.nsec.vn.", 0, Secure, "", func(w *world) {
		for i := range 10 {
			w.z("nsec.vn.").put(rr(fmt.Sprintf("c%d.nsec.vn. 60 CNAME c%d.nsec.vn.", i+20, i+21)))
			w.z("nsec.vn.").nodes[mustName(fmt.Sprintf("c%d.nsec.vn.", i+20))] = true
		}
		w.z("nsec.vn.").put(rr("c30.nsec.vn. 60 A 192.0.2.1"))
		w.z("nsec.vn.").nodes[mustName("c30.nsec.vn.")] = true
	}},
}

func TestLimits(t *testing.T) { runCases(t, limitCases) }

// A chain of delegations as deep as names allow ends at the limit.
func TestEndlessDelegations(t *testing.T) {
	specs := []spec{{apex: ".", oneKey: true}}
	apex := "."
	for range 60 {
		apex = "a." + strings.TrimPrefix(apex, ".")
		specs = append(specs, spec{apex: apex, text: "www A 192.0.2.1", oneKey: true})
	}
	w := newWorld(t, specs...)
	judge(t, w.validator().Validate(context.Background(), "www."+apex, dns.TypeA), Indeterminate, "dnssec.indeterminate.limit")
	deep := strings.Repeat("a.", 30)
	judge(t, w.validator().Validate(context.Background(), "www."+deep, dns.TypeA), Secure, "")
	w.at("www."+deep, dns.TypeA, stripSig(dns.TypeA)) // found by walking down
	judge(t, w.validator().Validate(context.Background(), "www."+deep, dns.TypeA), Bogus, "dnssec.bogus.no-signature")
}

// freshly validates with nothing remembered, as a cold start does.
func freshly(b *testing.B, w *world, name string, qtype uint16, want State) {
	b.Helper()
	src := recordAll(b, w, name, qtype)
	b.ResetTimer()
	for range b.N {
		v := New(src, w.anchors, func() time.Time { return testNow })
		if res := v.Validate(context.Background(), name, qtype); res.State != want {
			b.Fatalf("%v, want %v\n%s", res.State, want, reasonsText(res))
		}
	}
}

// tape is a source that plays back messages.
type tape map[string]*dns.Msg

func (t tape) Query(_ context.Context, name string, qtype uint16) (*dns.Msg, error) {
	if m := t[key16(mustName(name), qtype)]; m != nil {
		return m, nil
	}
	return nil, fmt.Errorf("%s %s is not on the tape", name, typeName(qtype))
}

type recorder struct {
	src  Source
	tape tape
}

func (r recorder) Query(ctx context.Context, name string, qtype uint16) (*dns.Msg, error) {
	m, err := r.src.Query(ctx, name, qtype)
	if m != nil {
		r.tape[key16(mustName(name), qtype)] = m
	}
	return m, err
}

// serial makes a source answer one question at a time, for recording.
type serial struct {
	Source
	gate chan struct{}
}

func (s serial) Query(ctx context.Context, name string, qtype uint16) (*dns.Msg, error) {
	s.gate <- struct{}{}
	defer func() { <-s.gate }()
	return s.Source.Query(ctx, name, qtype)
}

// recordAll validates once and returns the messages it took.
func recordAll(tb testing.TB, w *world, name string, qtype uint16) tape {
	tb.Helper()
	t := tape{}
	v := New(serial{recorder{w, t}, make(chan struct{}, 1)}, w.anchors, func() time.Time { return testNow })
	v.Validate(context.Background(), name, qtype)
	return t
}

func BenchmarkOrdinaryBogus(b *testing.B) {
	w := newWorld(b, province()...)
	w.at(www, dns.TypeA, eachSig(dns.TypeA, flip))
	freshly(b, w, www, dns.TypeA, Bogus)
}

func BenchmarkKeyTrap(b *testing.B) {
	w := newWorld(b, province()...)
	keyTrap(w, 60, 100)
	freshly(b, w, www, dns.TypeA, Indeterminate)
}

func BenchmarkKeyTrapEverywhere(b *testing.B) {
	w := newWorld(b, province()...)
	keyTrap(w, 60, 3)
	w.at(www, dns.TypeANY, trap(2))
	freshly(b, w, www, dns.TypeANY, Indeterminate)
}

func BenchmarkNSEC3Trap(b *testing.B) {
	w := newWorld(b, province()...)
	name := nsec3Trap(w)
	freshly(b, w, name, dns.TypeA, Indeterminate)
}

func BenchmarkSecure(b *testing.B) {
	w := newWorld(b, province()...)
	freshly(b, w, www, dns.TypeA, Secure)
}

func BenchmarkSecureDenial(b *testing.B) {
	w := newWorld(b, province()...)
	freshly(b, w, "none.nsec3.vn.", dns.TypeA, Secure)
}

// BenchmarkSignaturesAlone is what the cryptography of BenchmarkSecure costs:
// one check for each signature it needs, on data made beforehand.
func BenchmarkSignaturesAlone(b *testing.B) {
	signaturesAlone(b, www, dns.TypeA)
}

// BenchmarkSignaturesAloneDenial is the same for BenchmarkSecureDenial.
func BenchmarkSignaturesAloneDenial(b *testing.B) {
	signaturesAlone(b, "none.nsec3.vn.", dns.TypeA)
}

func signaturesAlone(b *testing.B, name string, qtype uint16) {
	w := newWorld(b, province()...)
	var jobs []func() bool
	for _, m := range recordAll(b, w, name, qtype) {
		msg := newMessage(m)
		for _, set := range slices.Concat(msg.answer.list, msg.authority.list) {
			for _, sig := range set.sigs {
				z := w.z(sig.SignerName)
				for _, rr := range []*dns.DNSKEY{z.ksk.rr, z.zsk.rr} {
					if k := newKey(rr); k.tag == sig.KeyTag {
						canon, _ := set.canonical()
						data := appendSigned(nil, sig, z.apex, set.owner, dns.ClassINET, canon)
						raw := mustBase64(sig.Signature)
						jobs = append(jobs, func() bool { return k.check(data, raw) })
					}
				}
			}
		}
	}
	b.ReportMetric(float64(len(jobs)), "sigs")
	b.ResetTimer()
	for range b.N {
		for _, job := range jobs {
			if !job() {
				b.Fatal("a signature does not hold")
			}
		}
	}
}

// BenchmarkRemembered is everything but the cryptography: zone known, signature
// seen before.
func BenchmarkRemembered(b *testing.B) {
	w := newWorld(b, province()...)
	src := recordAll(b, w, www, dns.TypeA)
	v := New(src, w.anchors, func() time.Time { return testNow })
	for range b.N {
		if res := v.Validate(context.Background(), www, dns.TypeA); res.State != Secure {
			b.Fatal(res.State)
		}
	}
}
