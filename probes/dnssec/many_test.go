package dnssec

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// fresh gives copies, as a resolver does that keeps no answers.
type fresh struct{ answers }

func (f fresh) Query(ctx context.Context, name string, qtype uint16) (*dns.Msg, error) {
	m, err := f.answers.Query(ctx, name, qtype)
	if err != nil {
		return nil, err
	}
	return unpacked(m)
}

// unpacked is a message as it comes from the wire.
func unpacked(m *dns.Msg) (*dns.Msg, error) {
	wire, err := m.Pack()
	if err != nil {
		return nil, err
	}
	got := new(dns.Msg)
	return got, got.Unpack(wire)
}

type asking struct {
	name  string
	qtype uint16
}

// answers is a source that has every answer at hand and costs nothing itself.
type answers map[asking]*dns.Msg

func (a answers) Query(_ context.Context, name string, qtype uint16) (*dns.Msg, error) {
	if m := a[asking{name, qtype}]; m != nil {
		return m, nil
	}
	return nil, fmt.Errorf("%s %s is not there", name, typeName(qtype))
}

// give adds an answer as a resolver would have it: unpacked from the wire.
func (a answers) give(tb testing.TB, qname string, qtype uint16, rrs ...dns.RR) {
	tb.Helper()
	m := new(dns.Msg)
	m.SetQuestion(qname, qtype)
	m.Response, m.Answer = true, rrs
	got, err := unpacked(m)
	must(tb, err)
	a[asking{qname, qtype}] = got
}

// manyZones makes n signed zones below vn., each with one name.
func manyZones(tb testing.TB, n int) (src answers, anchors []dns.RR, names []string) {
	tb.Helper()
	w := newWorld(tb, spec{apex: "."}, spec{apex: "vn."})
	src = answers{}
	for _, q := range []asking{{".", dns.TypeDNSKEY}, {"vn.", dns.TypeDS}, {"vn.", dns.TypeDNSKEY}} {
		m, err := w.Query(context.Background(), q.name, q.qtype)
		must(tb, err)
		src.give(tb, q.name, q.qtype, m.Answer...)
	}
	vn := w.z("vn.")
	for i := range n {
		s := spec{apex: fmt.Sprintf("agency-%d.vn.", i)}
		z := &tzone{spec: s, apex: mustName(s.apex), from: vn.from, to: vn.to, ksk: s.key(4, 257), zsk: s.key(5, 256)}
		name := "www." + s.apex
		signed := func(by *tzone, k tkey, rrs ...dns.RR) []dns.RR { return append(rrs, by.signWith(k, rrs)) }
		ds := z.ksk.rr.ToDS(dns.SHA256)
		src.give(tb, s.apex, dns.TypeDS, signed(vn, vn.zsk, ds)...)
		src.give(tb, s.apex, dns.TypeDNSKEY, signed(z, z.ksk, z.ksk.rr, z.zsk.rr)...)
		src.give(tb, name, dns.TypeAAAA, signed(z, z.zsk, rr(name+" 3600 AAAA 2001:db8::1"))...)
		names = append(names, name)
	}
	return src, w.anchors, names
}

// BenchmarkManyZones validates names of zones that were not seen before. All: with
// the cryptography; remembered: with every signature known from an earlier run.
func BenchmarkManyZones(b *testing.B) {
	const zones = 1000
	src, anchors, names := manyZones(b, zones)
	newValidator := func() *Validator { return New(src, anchors, func() time.Time { return testNow }) }
	first := newValidator()
	for _, name := range names {
		judge(b, first.Validate(context.Background(), name, dns.TypeAAAA), Secure, "")
	}
	var known bytes.Buffer
	must(b, first.WriteSignatures(&known))
	run := func(b *testing.B, remembered []byte) {
		b.ReportAllocs()
		var v *Validator
		for i := range b.N {
			if i%zones == 0 {
				b.StopTimer()
				v = newValidator()
				if remembered != nil {
					must(b, v.ReadSignatures(bytes.NewReader(remembered)))
				}
				b.StartTimer()
			}
			if res := v.Validate(context.Background(), names[i%zones], dns.TypeAAAA); res.State != Secure {
				b.Fatal(reasonsText(res))
			}
		}
	}
	b.Run("all", func(b *testing.B) { run(b, nil) })
	b.Run("remembered", func(b *testing.B) { run(b, known.Bytes()) })
}

// BenchmarkKeptZone tells how many bytes a validated zone takes as long as it is kept.
func BenchmarkKeptZone(b *testing.B) {
	const zones = 10_000
	src, anchors, names := manyZones(b, zones)
	for range b.N {
		v := New(fresh{src}, anchors, func() time.Time { return testNow })
		before := heap()
		for _, name := range names {
			v.Validate(context.Background(), name, dns.TypeAAAA)
		}
		b.ReportMetric(float64(heap()-before)/zones, "kept-B/zone")
		runtime.KeepAlive(v)
	}
	runtime.KeepAlive(src)
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
