package dnssec

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// FuzzMessage puts foreign bytes in the place of one answer: no panic, and never
// secure for anything but the truth.
func FuzzMessage(f *testing.F) {
	specs := province()
	for i := range specs {
		specs[i].alg, specs[i].bits = dns.ED25519, 0 // signs alike in every fuzzing process
	}
	w := newWorld(f, specs...)
	now := func() time.Time { return testNow }
	type target struct {
		q    question
		tape tape
		keys []string
		good string
	}
	var targets []target
	for _, q := range []question{{name: www, qtype: dns.TypeA}, {name: "none.nsec.vn.", qtype: dns.TypeA}, {name: "any.wild.nsec3.vn.", qtype: dns.TypeAAAA},
		{name: "www.d.nsec.vn.", qtype: dns.TypeA}, {name: "www.unsigned.opt.vn.", qtype: dns.TypeA}, {name: "www.plain.vn.", qtype: dns.TypeA}} {
		tape := recordAll(f, w, q.name, q.qtype)
		t := target{q, tape, slices.Sorted(maps.Keys(tape)), content(New(tape, w.anchors, now).Validate(context.Background(), q.name, q.qtype))}
		targets = append(targets, t)
		for i, key := range t.keys {
			raw, err := tape[key].Pack()
			if err != nil {
				f.Fatal(err)
			}
			f.Add(uint8(len(targets)-1), uint8(i), raw)
		}
	}
	f.Fuzz(func(t *testing.T, which, slot uint8, raw []byte) {
		x := targets[int(which)%len(targets)]
		m := new(dns.Msg)
		if m.Unpack(raw) != nil {
			return
		}
		bad := maps.Clone(x.tape)
		bad[x.keys[int(slot)%len(x.keys)]] = m
		res := New(bad, w.anchors, now).Validate(context.Background(), x.q.name, x.q.qtype)
		if res.State == Secure && content(res) != x.good {
			t.Errorf("secure: %s\ntruth:  %s", content(res), x.good)
		}
		if len(res.Reasons) == 0 {
			t.Error("no reason")
		}
		if _, err := res.MarshalJSON(); err != nil {
			t.Error(err)
		}
	})
}

// FuzzDenial feeds the proof code with records as if a zone had signed them. A
// zone that owns a name's records can deny only what its records cover: proofs
// are compared with a plain model of the same records.
func FuzzDenial(f *testing.F) {
	f.Add("a.vn.", uint16(1), "a.vn.|c.vn.|1 2 46 47;c.vn.|vn.|1 46 47;vn.|a.vn.|2 6 46 47")
	f.Add("b.vn.", uint16(1), "a.vn.|c.vn.|1 2 46 47;vn.|a.vn.|2 6 46 47")
	f.Add("b.a.vn.", uint16(43), "a.vn.|c.a.vn.|2 46 47;*.a.vn.|vn.|5")
	f.Add("x.ent.vn.", uint16(28), "vn.|a.x.ent.vn.|2 6")
	f.Add("A.vn", uint16(1), "A.vn|vn|1 2")
	f.Fuzz(func(t *testing.T, qname string, qtype uint16, text string) {
		q, ok := parseName(qname)
		if !ok || len(text) > 2000 {
			return
		}
		apex := mustName("vn.")
		e := evidence{zone: &zone{apex: apex}}
		for _, line := range strings.Split(text, ";") {
			parts := strings.Split(line, "|")
			if len(parts) != 3 {
				continue
			}
			owner, ok := parseName(parts[0])
			if !ok || !owner.within(apex) {
				continue
			}
			n := &dns.NSEC{Hdr: dns.RR_Header{Name: owner.String(), Rrtype: dns.TypeNSEC, Class: dns.ClassINET}, NextDomain: parts[1]}
			for _, f := range strings.Fields(parts[2]) {
				var b uint16
				if _, err := fmt.Sscan(f, &b); err == nil {
					n.TypeBitMap = append(n.TypeBitMap, b)
				}
			}
			e.add(owner, n)
		}
		p := e.denyNSEC(q, qtype)
		if p.kind == unproven {
			return
		}
		if !q.within(apex) {
			t.Fatal("a name outside the zone was denied")
		}
		for _, n := range e.nsec {
			// An unsigned delegation leads to an insecure zone, whatever else its
			// record says: nothing is denied with it.
			if p.insecure == "" && n.owner == q && n.types.has(qtype) && len(e.nsec) == 1 {
				t.Errorf("denied although %v", n.rr)
			}
		}
		if p.kind == nameError {
			if _, ok := e.matching(q); ok {
				t.Error("a name with a record of its own does not exist")
			}
			for _, n := range e.nsec {
				if len(e.nsec) == 1 && (n.owner.below(q) || n.next.below(q)) {
					t.Errorf("a name above another does not exist: %v", n.rr)
				}
			}
		}
	})
}

// FuzzDenialHashed is the same for NSEC3, over whole records in wire form.
func FuzzDenialHashed(f *testing.F) {
	w := newWorld(f, province()...)
	for _, c := range goodCases {
		if strings.HasSuffix(c.name, "nsec3.vn.") || strings.HasSuffix(c.name, "opt.vn.") {
			raw, err := w.z("nsec3.vn.").answer(mustName("x.nsec3.vn."), c.qtype).Pack()
			if err != nil {
				f.Fatal(err)
			}
			f.Add(c.name, c.qtype, raw)
		}
	}
	f.Fuzz(func(t *testing.T, qname string, qtype uint16, raw []byte) {
		m := new(dns.Msg)
		q, ok := parseName(qname)
		if m.Unpack(raw) != nil || !ok {
			return
		}
		e := evidence{zone: &zone{apex: mustName("nsec3.vn.")}}
		for _, rr := range m.Ns {
			if owner, ok := parseName(rr.Header().Name); ok && owner.within(e.zone.apex) {
				e.add(owner, rr)
			}
		}
		b := &budget{}
		p, _ := e.denyNSEC3(b, q, qtype)
		if p.kind != unproven && (!q.within(e.zone.apex) || len(e.nsec3) == 0) {
			t.Error("denied without records, or outside the zone")
		}
		if q.within(e.zone.apex) {
			e.closerNSEC3(b, q, e.zone.apex)
		}
		if b.hashing > maxHashing {
			t.Errorf("%d hashes", b.hashing)
		}
	})
}

// FuzzAnchors reads trust anchor files.
func FuzzAnchors(f *testing.F) {
	f.Add(rootAnchorsText)
	f.Add("vn. IN DS 1 13 2 (\nABCD )")
	f.Add("$ORIGIN vn.\n@ DNSKEY 257 3 8 AwEAAQ== ; x\n\"(\n)")
	f.Fuzz(func(t *testing.T, text string) {
		anchors, err := ReadAnchors(strings.NewReader(text))
		if err == nil && len(anchors) == 0 {
			t.Error("neither anchors nor a fault")
		}
		New(nil, anchors, func() time.Time { return testNow })
	})
}

// FuzzName compares our names with the library's.
func FuzzName(f *testing.F) {
	for _, s := range []string{".", "vn", `a\.b.VN.`, `\000\255.`, "..", `a\`, "*.vn."} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, ok := parseName(s)
		if !ok {
			return
		}
		if len(n) == 0 || len(n) > 255 || skipName([]byte(n), 0) != len(n) {
			t.Fatalf("%q became %q", s, string(n))
		}
		again, ok := parseName(n.String())
		if !ok || again != n {
			t.Errorf("%q is %q, which is not read back", s, n.String())
		}
		if dns.CountLabel(n.String()) != n.labels() {
			t.Errorf("%q has %d labels", s, n.labels())
		}
	})
}
