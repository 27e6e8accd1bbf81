package probes_test

import (
	"bytes"
	"context"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"ready6/probes/dnssec"
	"ready6/probes/lab"
	"ready6/probes/resolve"
	"ready6/probes/verdict"
)

// forger changes replies on the way. It belongs to one resolution; the pool of
// replies seen is shared by all of a world.
type forger struct {
	rng  *rand.Rand
	mode int
	pool *pool
	mu   sync.Mutex
}

type pool struct {
	mu   sync.Mutex
	seen [][]byte
}

// other keeps a reply and returns one seen before, perhaps to another question.
func (p *pool) other(rng *rand.Rand, m []byte) *dns.Msg {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen = append(p.seen, bytes.Clone(m))
	d := new(dns.Msg)
	if d.Unpack(p.seen[rng.IntN(len(p.seen))]) != nil {
		return new(dns.Msg)
	}
	return d
}

func (f *forger) change(m []byte, _ netip.AddrPort, _ bool) [][]byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.rng.IntN(3) > 0 {
		return one(m)
	}
	rng := f.rng
	switch f.mode {
	case 0: // bits
		b := bytes.Clone(m)
		for range 1 + rng.IntN(3) {
			b[2+rng.IntN(len(b)-2)] ^= 1 << rng.IntN(8)
		}
		return one(b)
	case 1: // a record gone
		return edited(m, func(d *dns.Msg) {
			s := []*[]dns.RR{&d.Answer, &d.Ns, &d.Extra}[rng.IntN(3)]
			if n := len(*s); n > 0 {
				i := rng.IntN(n)
				*s = slices.Delete(*s, i, i+1)
			}
			d.Rcode = []int{d.Rcode, d.Rcode, 0, 3}[rng.IntN(4)]
		})
	case 2: // another answer, or both
		o := f.pool.other(rng, m)
		return edited(m, func(d *dns.Msg) {
			if rng.IntN(2) == 0 {
				d.Answer, d.Ns, d.Rcode = nil, nil, o.Rcode
			}
			d.Answer, d.Ns = append(d.Answer, o.Answer...), append(d.Ns, o.Ns...)
		})
	case 3: // other owners
		return edited(m, func(d *dns.Msg) {
			for _, rr := range slices.Concat(d.Answer, d.Ns) {
				if rng.IntN(2) == 0 {
					rr.Header().Name = d.Question[0].Name
				}
			}
		})
	}
	o := f.pool.other(rng, m) // single records of another answer
	return edited(m, func(d *dns.Msg) {
		for _, s := range [][2][]dns.RR{{d.Answer, o.Answer}, {d.Ns, o.Ns}} {
			for i := range s[0] {
				if rng.IntN(3) == 0 && len(s[1]) > 0 {
					s[0][i] = s[1][rng.IntN(len(s[1]))]
				}
			}
		}
	})
}

// TestForgedRepliesProveNothing: whatever is changed in, left out of, or exchanged
// between the replies of a whole resolution, secure means that the answer is the
// true one, and insecure that the zone is.
func TestForgedRepliesProveNothing(t *testing.T) {
	places := make(chan struct{}, 8)
	var wait sync.WaitGroup
	defer wait.Wait()
	for _, q := range pathQuestions {
		w, err := lab.Open(q.world)
		if err != nil {
			t.Fatal(err)
		}
		l, err := lab.Start(w, lab.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		good := validatorOver(t, l, l.Dial).Validate(t.Context(), q.name, q.qtype)
		shared := new(pool)
		for i := range uint64(15) {
			wait.Go(func() {
				places <- struct{}{}
				defer func() { <-places }()
				f := &forger{rng: rand.New(rand.NewPCG(11, i)), mode: int(i % 5), pool: shared}
				v := labValidator(t, l, path{on: f.change}.dial(l.Dial), func(c *resolve.Config) { c.Timeout = 15 * time.Millisecond })
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				defer cancel()
				got := v.Validate(ctx, q.name, q.qtype)
				switch {
				case ctx.Err() != nil:
					t.Errorf("%s, %s, %d: it takes for ever", q.world, q.name, i)
				case got.State == dnssec.Secure && said(got) != said(good):
					t.Errorf("%s, %s, %d: secure, and it says %s", q.world, q.name, i, said(got))
				case got.State == dnssec.Insecure && good.State != dnssec.Insecure:
					t.Errorf("%s, %s, %d: insecure: %s", q.world, q.name, i, got.Reasons[0].Detail)
				}
				for _, r := range got.Reasons {
					if r.Cause == verdict.Panicked {
						t.Errorf("%s, %s, %d: a defect: %s", q.world, q.name, i, r.Detail)
					}
				}
			})
		}
	}
}
