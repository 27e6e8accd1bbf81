package dial

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"time"
)

// Rates are the most questions a second that may ever go to name servers. Zero
// or less is no limit.
type Rates struct {
	PerAddress int // to one address
	PerNetwork int // to one Network
	Total      int
}

// Network is the block that counts as one network: the /24 of an IPv4 address,
// the /48 of an IPv6 one, the usual size of one site (RFC 6177).
func Network(a netip.Addr) netip.Prefix {
	bits := 48
	if a = a.Unmap().WithZone(""); a.Is4() {
		bits = 24
	}
	p, _ := a.Prefix(bits)
	return p
}

// Pace says when the next question may go to a name server. Within Rates it
// finds out, address by address, how much a server can take: it begins at
// firstRate and grows fast while replies come; where some don't, or come as what
// rate limits answer with (REFUSED, SERVFAIL, a needless TC bit, an ICMP
// refusal), it goes down to half of what was answered and up again by small,
// equal steps. Who waits here has not asked yet: a wait is never a server's
// silence. The nil Pace lets everything through. Safe for concurrent use.
type Pace struct {
	rates Rates
	meter *Meter

	mu           sync.Mutex
	lanes, older map[netip.Addr]*lane // two generations: who was not asked for long is forgotten
	nets         map[netip.Prefix]*bucket
	all          bucket
	slowed       int // lanes that have been pushed back, ever
	answers      int // of all servers, and how often one that has answered before did not
	silences     int
}

// NewPace returns a Pace within the rates given. What it lets through, and how
// long it took, is noted in m, which may be nil.
func NewPace(r Rates, m *Meter) *Pace {
	return &Pace{rates: r, meter: m, lanes: map[netip.Addr]*lane{}, nets: map[netip.Prefix]*bucket{}}
}

// maxLanes bounds each generation of addresses, about 150 bytes an address.
const maxLanes = 1 << 16

// Turn is the leave to send one question. Done must be called, once.
type Turn struct {
	p     *Pace
	l     *lane
	cuts  int // of l when the question left
	began time.Time
}

// Turn waits until a question may go to an address. The wait is not counted as
// part of a Step. The error is *Exhausted where the caller's time was over
// first, or the context's own if it was cancelled.
func (p *Pace) Turn(ctx context.Context, to netip.Addr) (Turn, error) {
	if p == nil {
		return Turn{}, nil
	}
	now := time.Now()
	t, at := p.book(to, now)
	if at.After(now) {
		defer hold(ctx)()
		defer p.meter.Clock(Waiting)()
	}
	for at.After(now) {
		if err := sleep(ctx, at.Sub(now)); err != nil {
			p.giveBack(t, to)
			if errors.Is(err, context.Canceled) {
				return Turn{}, err
			}
			return Turn{}, &Exhausted{to.String(), err}
		}
		if now = time.Now(); !p.pushedBack(t) {
			break
		}
		t, at = p.book(to, now)
	}
	t.began = now
	p.meter.to(to)
	return t, nil
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// pushedBack reports whether the pace was cut since a place was booked.
func (p *Pace) pushedBack(t Turn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return t.l.cuts != t.cuts
}

// book takes a place in every queue that a question has to stand in, and returns
// when the last of them lets it go.
func (p *Pace) book(to netip.Addr, now time.Time) (t Turn, at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.lane(to, now)
	for _, q := range p.queues(l, to) {
		if q.rate <= 0 {
			continue
		}
		if free := q.b.take(now, q.rate); free.After(at) {
			at = free
		}
	}
	l.waited = l.waited || at.After(now)
	return Turn{p: p, l: l, cuts: l.cuts}, at
}

// giveBack leaves the queues again.
func (p *Pace) giveBack(t Turn, to netip.Addr) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, q := range p.queues(t.l, to) {
		if q.rate > 0 && (i > 0 || t.l.cuts == t.cuts) {
			q.b.giveBack(q.rate)
		}
	}
}

// queue is one that a question stands in, and how many go a second; 0: all at once.
type queue struct {
	b    *bucket
	rate float64
}

// queues are those of an address: its own, its network's, and everybody's. p.mu is held.
func (p *Pace) queues(l *lane, to netip.Addr) [3]queue {
	return [3]queue{{&l.bucket, l.rate}, {p.net(to), float64(p.rates.PerNetwork)}, {&p.all, float64(p.rates.Total)}}
}

// net finds the queue of an address's network. p.mu is held.
func (p *Pace) net(a netip.Addr) *bucket {
	if p.rates.PerNetwork <= 0 {
		return nil
	}
	n := Network(a)
	b := p.nets[n]
	if b == nil {
		if len(p.nets) >= maxLanes {
			clear(p.nets) // a limit by the second has nothing old to remember
		}
		b = &bucket{}
		p.nets[n] = b
	}
	return b
}

// lane finds the state of an address. p.mu is held.
func (p *Pace) lane(a netip.Addr, now time.Time) *lane {
	if l := p.lanes[a]; l != nil {
		return l
	}
	if len(p.lanes) >= maxLanes {
		p.older, p.lanes = p.lanes, map[netip.Addr]*lane{}
	}
	l := p.older[a]
	if l == nil {
		most := float64(p.rates.PerAddress)
		if most <= 0 {
			most = fastest
		}
		l = &lane{rate: min(firstRate, most), most: most, began: now}
	}
	p.lanes[a] = l
	return l
}

// Echo is what became of a question.
type Echo uint8

// The echoes. Void says nothing about the server: the asker gave up first.
const (
	Void    Echo = iota
	Heard        // a reply that no rate limit sends
	Silence      // no reply in time
	Pushed       // what rate limits answer with: REFUSED, SERVFAIL, an ICMP refusal, a needless TC bit
)

// Done notes what became of the question.
func (t Turn) Done(e Echo) {
	if t.p == nil {
		return
	}
	now := time.Now()
	t.p.meter.Add(Asking, now.Sub(t.began))
	t.p.mu.Lock()
	defer t.p.mu.Unlock()
	before := [2]int{t.l.answers, t.l.silences}
	t.p.noted(t.l, t.l.note(now, e, t.cuts))
	t.p.answers += t.l.answers - before[0]
	t.p.silences += t.l.silences - before[1]
}

// Busy reports whether a question to an address would have to wait for its turn.
func (p *Pace) Busy(a netip.Addr) bool {
	if p == nil {
		return false
	}
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lane(a, now).next.After(now)
}

// Needless notes that the truncated reply of a server was no matter of size: the
// whole one would have fitted. Rate limits let one in a few questions through
// like that, for honest askers to come again over TCP.
func (p *Pace) Needless(from netip.Addr) {
	if p == nil {
		return
	}
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.lane(from, now)
	p.noted(l, l.note(now, Pushed, l.cuts))
}

// noted counts an address at its first cut. p.mu is held.
func (p *Pace) noted(l *lane, cut bool) {
	if cut && l.cuts == 1 {
		p.slowed++
	}
}

// fewest is how many outcomes make a share of loss.
const fewest = 20

// Loss returns the share of questions, 0 to 1, to servers that do answer that
// went unanswered: of those to one address or of all, whichever is more. It is 0
// while too few were asked to tell.
func (p *Pace) Loss(at netip.Addr) float64 {
	if p == nil {
		return 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	share := func(answers, silences int) float64 {
		if answers+silences < fewest {
			return 0
		}
		return float64(silences) / float64(answers+silences)
	}
	loss := share(p.answers, p.silences)
	if l := p.lanes[at]; l != nil {
		loss = max(loss, share(l.answers, l.silences))
	}
	return loss
}

// PushedBack reports whether an address was found to take less than it was given.
func (p *Pace) PushedBack(at netip.Addr) bool {
	return p.known(at, func(l *lane) bool { return l.cuts > 0 })
}

// Answers reports whether an address has given a reply that no rate limit sends.
func (p *Pace) Answers(at netip.Addr) bool {
	return p.known(at, func(l *lane) bool { return l.heard })
}

func (p *Pace) known(at netip.Addr, is func(*lane) bool) bool {
	if p == nil {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.lanes[at]
	return l != nil && is(l)
}

// Slowed returns how many addresses were found to take less than they were given.
func (p *Pace) Slowed() int {
	if p == nil {
		return 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.slowed
}
