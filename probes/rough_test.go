package probes_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"ready6/inventory"
	"ready6/probes"
	"ready6/probes/dial"
	"ready6/probes/dnssec"
	"ready6/probes/lab"
	"ready6/probes/resolve"
	"ready6/probes/verdict"
	"ready6/reports"
)

// rough is a network that loses packets, is slow, and has servers that limit how
// many questions they answer.
type rough struct {
	loss  float64       // of a packet, each way
	rtt   time.Duration // of a round trip
	limit float64       // questions a second that a name server answers over UDP; 0: all
	dead  int           // one in so many name servers' addresses is silent; 0: none

	mu      sync.Mutex
	rng     *rand.Rand
	buckets map[netip.Addr]*allowance
	cut     map[string]int // questions that met a limit, by what came of it
}

type allowance struct {
	tokens float64
	last   time.Time
}

// manners are what servers do with questions beyond their limit. A server has one.
var manners = []string{"REFUSED", "silence", "slip"}

func (r *rough) dial(next dial.Func) dial.Func {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		at := netip.MustParseAddrPort(address)
		tcp := strings.HasPrefix(network, "tcp")
		if at.Port() == 53 && r.isDead(at.Addr()) {
			if tcp {
				<-ctx.Done()
				return nil, ctx.Err()
			}
			c, err := next(ctx, network, address)
			return &roughConn{Conn: c, r: r, dead: true}, err
		}
		if tcp { // a lost SYN is sent again after 1, 2 and 4 s (RFC 6298 2)
			wait := r.rtt
			for again := time.Second; r.lost(); again *= 2 {
				wait += again
			}
			select {
			case <-time.After(wait):
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		c, err := next(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &roughConn{Conn: c, r: r, at: at, tcp: tcp}, nil
	}
}

// isDead is the same for an address in every run, and of no zone are all servers.
func (r *rough) isDead(a netip.Addr) bool {
	if r.dead == 0 {
		return false
	}
	h := fnv.New32a()
	h.Write(a.AsSlice())
	return h.Sum32()%uint32(r.dead) == 0
}

// lost says whether a packet or its answer is lost.
func (r *rough) lost() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.rng.Float64() < 1-(1-r.loss)*(1-r.loss)
}

// over says what a name server does with a question beyond its limit, empty within it.
func (r *rough) over(a netip.Addr) string {
	if r.limit == 0 {
		return ""
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	b, now := r.buckets[a], time.Now()
	if b == nil {
		b = &allowance{tokens: r.limit, last: now}
		r.buckets[a] = b
	}
	b.tokens = min(r.limit, b.tokens+r.limit*now.Sub(b.last).Seconds())
	b.last = now
	if b.tokens--; b.tokens >= 0 {
		return ""
	}
	b.tokens = max(b.tokens, -1)
	h := fnv.New32a()
	h.Write(a.AsSlice())
	m := manners[h.Sum32()/7%3]
	if m == "slip" && r.rng.IntN(2) == 0 { // as servers have it by default: every second one
		m = "silence"
	}
	r.cut[m]++
	return m
}

type roughConn struct {
	net.Conn
	r    *rough
	at   netip.AddrPort
	tcp  bool
	dead bool

	mu  sync.Mutex
	cut map[uint16]string // questions by id, with what becomes of their answers
}

func (c *roughConn) Write(b []byte) (int, error) {
	switch {
	case c.dead:
		return len(b), nil
	case c.tcp: // a lost segment is sent again
		wait := c.r.rtt
		for again := max(200*time.Millisecond, 2*c.r.rtt); c.r.lost(); again *= 2 { // RFC 6298, with the least timeout in use
			wait += again
		}
		time.Sleep(wait)
		return c.Conn.Write(b)
	case c.at.Port() == 53 && len(b) > 2:
		what := c.r.over(c.at.Addr())
		if what == "silence" || c.r.lost() {
			return len(b), nil
		}
		c.mu.Lock()
		if c.cut == nil {
			c.cut = map[uint16]string{}
		}
		c.cut[binary.BigEndian.Uint16(b)] = what
		c.mu.Unlock()
	case c.r.lost():
		return len(b), nil
	}
	later := bytes.Clone(b)
	time.AfterFunc(c.r.rtt, func() { _, _ = c.Conn.Write(later) })
	return len(b), nil
}

func (c *roughConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if err != nil || c.tcp || c.at.Port() != 53 || n < 12 {
		return n, err
	}
	c.mu.Lock()
	what := c.cut[binary.BigEndian.Uint16(b)]
	c.mu.Unlock()
	if what == "" {
		return n, nil
	}
	m := new(dns.Msg)
	if m.Unpack(b[:n]) != nil {
		return n, nil
	}
	m.Answer, m.Ns, m.Extra = nil, nil, nil
	m.Truncated = what == "slip"
	if what == "REFUSED" {
		m.Rcode = dns.RcodeRefused
	}
	out, err := m.Pack()
	return copy(b, out), err
}

// CloseWrite and the packet methods are those of the connection below.
func (c *roughConn) ReadFrom(p []byte) (int, net.Addr, error) {
	n, err := c.Read(p)
	return n, c.RemoteAddr(), err
}
func (c *roughConn) WriteTo(p []byte, _ net.Addr) (int, error) { return c.Write(p) }

// roughRun measures every service of a world over a network, in time of its own.
func roughRun(t *testing.T, world string, r *rough) (recs map[string]verdict.Record, took time.Duration, slowed int) {
	t.Helper()
	recs = map[string]verdict.Record{}
	synctest.Test(t, func(t *testing.T) {
		r.rng, r.buckets, r.cut = rand.New(rand.NewPCG(3, 9)), map[netip.Addr]*allowance{}, map[string]int{}
		w, err := lab.Open(world)
		if err != nil {
			t.Fatal(err)
		}
		l, inv := started(t, w, lab.Options{})
		defer l.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 6*time.Hour)
		defer cancel()
		env, pace := roughEnv(t, ctx, l, inv, r)
		began := time.Now()
		var mu sync.Mutex
		var wg sync.WaitGroup
		places := make(chan struct{}, 16)
		for a, svc := range inv.All() {
			wg.Go(func() {
				places <- struct{}{}
				defer func() { <-places }()
				host, end := context.WithTimeout(ctx, 10*time.Minute)
				defer end()
				rec := env.Service(host, a.ID, svc)
				mu.Lock()
				defer mu.Unlock()
				recs[svc.Host+" "+svc.Kind] = rec
			})
		}
		wg.Wait()
		took, slowed = time.Since(began), pace.Slowed()
		cancel()
		_ = l.Close()
		time.Sleep(time.Hour) // for what is still on its way
	})
	return recs, took, slowed
}

// roughEnv wires a lab up as the command does, politeness included.
func roughEnv(t *testing.T, ctx context.Context, l *lab.Lab, inv inventory.Inventory, r *rough) (*probes.Env, *dial.Pace) {
	t.Helper()
	const step = 5 * time.Second
	out, pace := r.dial(dial.Guard(l.Dial, l.Allow()...)), dial.NewPace(dial.Rates{}, nil)
	c := environment(t, ctx, l, inv).Config
	c.Dial, c.Pace, c.Step = dial.Limit(out, dial.Limits{PerAddress: 4, PerNetwork: 64, Total: 256}), pace, step
	base := resolve.Config{Dial: dial.Limit(out, dial.Limits{PerAddress: 64}), Hints: c.Roots, Timeout: step, Now: l.Now, Pace: pace}
	c.DNS = resolve.New(base)
	base.Families, base.Witness = resolve.V6, c.DNS
	c.DNS6 = resolve.New(base)
	c.DNSSEC = dnssec.New(c.DNS, c.Anchors, l.Now)
	return probes.New(ctx, c), pace
}

// falsehoods are what a record over a rough network says that one over a quiet
// network contradicts, where "unknown" is never a contradiction.
func falsehoods(rec, truth verdict.Record) (out []string) {
	got, want := reports.Judge(rec), reports.Judge(truth)
	say := func(form string, a ...any) { out = append(out, fmt.Sprintf(form, a...)) }
	if got.Min > want.Max || got.Max < want.Min {
		say("level %d to %d, not %d to %d", got.Min, got.Max, want.Min, want.Max)
	}
	if got.DNSSEC != want.DNSSEC && got.DNSSEC != "indeterminate" {
		say("DNSSEC %s, not %s", got.DNSSEC, want.DNSSEC)
	}
	if got.RPKI != want.RPKI && got.RPKI != "unknown" {
		say("RPKI %s, not %s", got.RPKI, want.RPKI)
	}
	known := map[string]verdict.Outcome{}
	for _, r := range truth.Results {
		known[string(r.Reason)+" "+r.Subject] = r.Outcome()
	}
	for _, r := range rec.Results {
		if _, same := known[string(r.Reason)+" "+r.Subject]; !same && (r.Outcome() == verdict.Fail || r.Outcome() == verdict.Warn) {
			say("%s: %s %s %v", r.Outcome(), r.Reason, r.Subject, r.Args)
		}
	}
	return out
}

// unexplained are unknown results that don't say why.
func unexplained(rec verdict.Record) (out []string) {
	for _, r := range rec.Results {
		if r.Outcome() == verdict.Unknown && r.Args["cause"] == "" && len(r.Evidence) == 0 && r.Args["detail"] == "" {
			out = append(out, string(r.Reason)+" "+r.Subject)
		}
	}
	return out
}

// TestRoughNetworks: a network that loses one packet in five, is half a second
// away, has servers that answer 20 questions a second and dead ones among them,
// makes a scan slower and brings unknowns, each with its cause; never a verdict
// that a quiet network would not give.
func TestRoughNetworks(t *testing.T) {
	for _, c := range []struct {
		name string
		r    *rough
	}{
		{"loss", &rough{loss: 0.2}},
		{"far", &rough{rtt: 500 * time.Millisecond}},
		{"limits", &rough{limit: 20, rtt: 10 * time.Millisecond}},
		{"tight limits", &rough{limit: 3, rtt: 10 * time.Millisecond}},
		{"all at once", &rough{loss: 0.2, rtt: 500 * time.Millisecond, limit: 20, dead: 20}},
	} {
		t.Run(c.name, func(t *testing.T) {
			truth, quiet, _ := roughRun(t, "province", &rough{dead: c.r.dead})
			got, took, slowed := roughRun(t, "province", c.r)
			unknown, more := 0, map[string]int{}
			for _, host := range slices.Sorted(maps.Keys(truth)) {
				for _, f := range falsehoods(got[host], truth[host]) {
					t.Errorf("%s: %s", host, f)
				}
				for _, u := range unexplained(got[host]) {
					t.Errorf("%s: not measured, and no word why: %s", host, u)
				}
				was := map[string]bool{}
				for _, r := range truth[host].Results {
					was[string(r.Reason)+r.Subject] = true
				}
				for _, r := range got[host].Results {
					if r.Outcome() == verdict.Unknown && !was[string(r.Reason)+r.Subject] {
						unknown++
						more[string(r.Reason)+" "+r.Args["cause"]]++
					}
				}
			}
			t.Logf("%d services, %v instead of %v, %d addresses slowed, limits met %v, %d results unknown that were not: %v",
				len(got), took.Round(time.Second), quiet.Round(time.Millisecond), slowed, c.r.cut, unknown, more)
		})
	}
}
