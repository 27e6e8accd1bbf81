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

// secureQuestions are answers of every kind whose records get tampered with.
var secureQuestions = []question{
	{name: www, qtype: dns.TypeA}, {name: www, qtype: dns.TypeMX}, {name: "nsec.vn.", qtype: dns.TypeDS},
	{name: "plain.vn.", qtype: dns.TypeDS}, {name: "none.nsec.vn.", qtype: dns.TypeA}, {name: "any.wild.nsec.vn.", qtype: dns.TypeA},
	{name: "any.wild.nsec.vn.", qtype: dns.TypeAAAA}, {name: "ent.deep.nsec.vn.", qtype: dns.TypeA}, {name: "web.nsec.vn.", qtype: dns.TypeA},
	{name: "www.d.nsec.vn.", qtype: dns.TypeA}, {name: "mx.nsec.vn.", qtype: dns.TypeMX}, {name: "nsec.vn.", qtype: dns.TypeANY},
	{name: "none.nsec3.vn.", qtype: dns.TypeA}, {name: www3, qtype: dns.TypeMX}, {name: "any.wild.nsec3.vn.", qtype: dns.TypeA},
	{name: "any.wild.nsec3.vn.", qtype: dns.TypeAAAA}, {name: "www.signed.opt.vn.", qtype: dns.TypeA}, {name: "q.wc.nsec3.vn.", qtype: dns.TypeA},
	{name: "www.rsa256.vn.", qtype: dns.TypeA}, {name: "www.ed.vn.", qtype: dns.TypeA}, {name: "www.sha1.vn.", qtype: dns.TypeTXT},
}

// content is what an answer says, whatever order and TTLs.
func content(r Result) string {
	var lines []string
	for _, rr := range r.Answer {
		c := dns.Copy(rr)
		c.Header().Ttl = 0
		c.Header().Name = strings.ToLower(c.Header().Name)
		if m, ok := c.(*dns.CNAME); ok {
			m.Target = strings.ToLower(m.Target)
		}
		lines = append(lines, c.String())
	}
	slices.Sort(lines)
	return fmt.Sprint(rcodeName(r.Rcode), r.Negative, slices.Compact(lines))
}

// part reports an answer to ANY that holds some of what is there: nothing signs
// that it is all (RFC 8482).
func part(w *world, qtype uint16, r Result) bool {
	if qtype != dns.TypeANY || len(r.Answer) == 0 {
		return false
	}
	for _, rr := range r.Answer {
		found := false
		for _, z := range w.zones {
			for k, set := range z.sets {
				for _, have := range set {
					c := dns.Copy(have)
					if k.owner.isWild() && mustName(rr.Header().Name).below(k.owner.parent()) {
						c.Header().Name = rr.Header().Name
					}
					found = found || dns.IsDuplicate(c, rr)
				}
			}
		}
		if !found {
			return false
		}
	}
	return true
}

// mutants returns changed copies of one record.
func mutants(rr dns.RR) []dns.RR {
	var out []dns.RR
	buf := make([]byte, dns.Len(rr)+64)
	end, err := dns.PackRR(rr, buf, 0, nil, false)
	if err != nil {
		return nil
	}
	start := skipName(buf[:end], 0)
	change := func(i int, mask byte) {
		b := slices.Clone(buf[:end])
		b[i] ^= mask
		if got, _, err := dns.UnpackRR(b, 0); err == nil && got != nil {
			out = append(out, got)
		}
	}
	for i := 1; i < start-1; i += 3 { // owner
		change(i, 0x04)
	}
	change(start+1, 0x03) // type
	change(start+3, 0x02) // class
	for i := start + 10; i < end; i += 1 + (end-start)/24 {
		change(i, 0x01)
		change(i, 0x80)
	}
	return out
}

// TestTampering: changing or removing any one record of what a secure answer
// rests on never yields secure for other data.
func TestTampering(t *testing.T) {
	w := newWorld(t, province()...)
	now := func() time.Time { return testNow }
	tried := 0
	for _, q := range secureQuestions {
		tape := recordAll(t, w, q.name, q.qtype)
		good := New(tape, w.anchors, now).Validate(context.Background(), q.name, q.qtype)
		if good.State != Secure {
			t.Fatalf("%s %s: %v to begin with\n%s", q.name, typeName(q.qtype), good.State, reasonsText(good))
		}
		// One memory for all tampered runs of a question keeps the test short, and
		// would show a signature remembered for the wrong data.
		shared := New(tape, w.anchors, now)
		shared.Validate(context.Background(), q.name, q.qtype)
		attempt := func(what, key string, m *dns.Msg) {
			tried++
			bad := maps.Clone(tape)
			bad[key] = m
			v := New(bad, w.anchors, now)
			v.memory.good = maps.Clone(shared.memory.good)
			res := v.Validate(context.Background(), q.name, q.qtype)
			if res.State == Secure && content(res) != content(good) && !part(w, q.qtype, res) {
				t.Errorf("%s %s: secure after %s in %s\n got %s\nwant %s", q.name, typeName(q.qtype), what, key, content(res), content(good))
			}
		}
		for key, m := range tape {
			if strings.HasSuffix(key, "DNSKEY") && !strings.HasPrefix(key, "nsec.vn.") && q.name != www {
				continue // the upper zones are the same every time
			}
			for _, section := range []func(*dns.Msg) *[]dns.RR{func(m *dns.Msg) *[]dns.RR { return &m.Answer }, func(m *dns.Msg) *[]dns.RR { return &m.Ns }} {
				for i, rr := range *section(m) {
					gone := m.Copy()
					s := section(gone)
					*s = slices.Delete(*s, i, i+1)
					attempt("removing "+rr.String(), key, gone)
					for _, changed := range mutants(rr) {
						other := m.Copy()
						(*section(other))[i] = changed
						attempt("changing "+rr.String()+" to "+changed.String(), key, other)
					}
				}
			}
			for rcode := range 11 {
				other := m.Copy()
				other.Rcode = rcode
				attempt("code "+rcodeName(rcode), key, other)
			}
			empty := m.Copy()
			empty.Answer, empty.Ns = nil, nil
			attempt("emptying", key, empty)
		}
		for key := range tape { // every answer in the place of every other
			for from, m := range tape {
				if from != key {
					attempt("the answer to "+from, key, m.Copy())
				}
			}
		}
	}
	if tried < 3000 {
		t.Errorf("only %d changes tried", tried)
	}
	t.Logf("%d changes tried", tried)
}

// TestSwapping puts the answers to other questions of the same world in place of
// the answer: denials of other names, other wildcards, parent's for child's.
func TestSwapping(t *testing.T) {
	w := newWorld(t, province()...)
	now := func() time.Time { return testNow }
	all := tape{}
	for _, c := range goodCases {
		maps.Copy(all, recordAll(t, w, c.name, c.qtype))
	}
	var memory memory
	for _, c := range goodCases {
		if c.want != Secure || c.qtype == dns.TypeRRSIG {
			continue
		}
		good := New(all, w.anchors, now).Validate(context.Background(), c.name, c.qtype)
		key := key16(mustName(c.name), c.qtype)
		for from, m := range all {
			bad := maps.Clone(all)
			bad[key] = m
			v := New(bad, w.anchors, now)
			v.memory.good = memory.good
			res := v.Validate(context.Background(), c.name, c.qtype)
			memory.good = v.memory.good
			if res.State == Secure && content(res) != content(good) && !part(w, c.qtype, res) {
				t.Errorf("%s %s: secure with the answer to %s\n got %s\nwant %s", c.name, typeName(c.qtype), from, content(res), content(good))
			}
		}
	}
}
