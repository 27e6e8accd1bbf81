package resolve

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"github.com/miekg/dns"

	"ready6/probes/dial"
	"ready6/probes/verdict"
)

// reply is a useful reply.
type reply struct {
	reading
	msg *dns.Msg
	x   exchange
}

// trim is what the zone's server may say about q, and how it could be heard.
func (rep reply) trim(zone string, q question) *dns.Msg {
	m := trim(zone, q, rep.msg)
	if rep.x.unheard {
		return unheard(m)
	}
	return m
}

// asking is one question put to the servers of one zone, until one of them
// gives a useful reply or there is nothing left to try. Only the goroutine of
// askZone touches it; tries and look-ups report through out.
type asking struct {
	r *Resolver
	f *flight
	z *zone
	q question

	names   []*serverName
	targets []*target
	room    room
	out     chan outcome
	turn    turn
	open    int    // tries and look-ups under way
	lookups int    // look-ups started
	tries   int    // tries started
	weak    *reply // the best so far without the AA bit
	empty   *reply // a reply with nothing in it, without the AA bit
	spent   bool   // the budget is used up
	child   bool   // some server answered a DS question for the child
	part    bool   // the question has only a part of the name: one try each, no lesson from a failure
	direct  int    // targets that the delegation led to, before fallBack added to them; -1: not tried
}

// room is what names and targets point into. Whoever grows it leaves what is there.
type room struct {
	names   []serverName
	targets []target
}

// turn is what run needs for its first try.
type turn struct {
	ctx    context.Context
	cancel context.CancelFunc
	late   *time.Timer   // when somebody else goes on with the question
	rest   chan *settled // what became of it then
}

// serverName is one name of the NS set.
type serverName struct {
	*nameServer
	usable, other []netip.Addr // addresses of the families in use, and not
	inside        bool         // in the zone itself: only glue can tell its address
	looked        bool
	none          bool  // looked up: no address of the families in use, authoritatively
	err           error // why the look-up failed
}

// target is one address of one server.
type target struct {
	name      *serverName
	srv       *server
	udp       int // tries started
	tcp, bare bool
	wantTCP   bool // UDP gave garbage or was refused by the host
	open      int
	silent    int
	closed    bool // answered uselessly, or can't be asked
	cause     verdict.Cause
	rank      time.Duration // the lower, the sooner it is asked
}

// outcome is what a try or a look-up came to.
type outcome struct {
	t     *target
	how   how
	msg   *dns.Msg
	read  reading
	x     exchange
	err   error
	over  bool // no packet left
	name  *serverName
	addrs []netip.Addr
}

const (
	maxTries   = 40 // at the servers of one zone for one question; each gets its first in any case
	maxOpen    = 8  // tries of one question under way at once
	maxLookups = 8  // server names of one zone looked up for one question
)

var (
	errReferrals = errors.New("too many referrals")
	errChildSide = errors.New("the parent's servers answer the DS question for the child (RFC 4035 3.1.4.1)")
	errNoServers = errors.New("the delegation names no server")
	errSpent     = errors.New("too many queries for one question")
	errAlias     = errors.New("the server's name is an alias (RFC 2181 10.3)")
	errWeakNone  = errors.New("no address, but the answer was without authority")
)

// askZone asks the servers of z, the quickest first. A silent one is given its
// usual time, then the next is asked as well and the first reply counts. It
// tries everything before it gives up: each server over UDP, then those whose
// addresses must be looked up, then the silent ones again, over TCP, and
// without EDNS.
func (r *Resolver) askZone(ctx context.Context, f *flight, z *zone, q question) (reply, *Failure) {
	return r.newAsking(f, z, q).run(ctx)
}

func (r *Resolver) newAsking(f *flight, z *zone, q question) *asking {
	a, ok := r.askings.Get().(*asking)
	if !ok {
		a = &asking{out: make(chan outcome)}
		a.turn.rest = make(chan *settled, 1)
	}
	a.r, a.f, a.z, a.q, a.direct = r, f, z, q, -1
	return a
}

// free lets others use it, when nothing of it is under way.
func (a *asking) free() {
	clear(a.names)
	clear(a.targets)
	clear(a.room.names)
	clear(a.room.targets)
	r := a.r
	*a = asking{out: a.out, names: a.names[:0], targets: a.targets[:0],
		room: room{a.room.names[:0], a.room.targets[:0]}, turn: turn{late: a.turn.late, rest: a.turn.rest}}
	r.askings.Put(a)
}

func (a *asking) run(ctx context.Context) (reply, *Failure) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the tries that lost
	a.gather()
	t, h, wait, ok := a.pick(firstTry)
	if !ok {
		return a.manage(ctx)
	}
	// Most questions need one try, and no goroutine beside this one. Where it is not
	// back in time, somebody else goes on with the question and this try reports to him.
	a.turn.ctx, a.turn.cancel = ctx, cancel
	if a.turn.late == nil {
		a.turn.late = time.AfterFunc(wait, a.takeOver)
	} else {
		a.turn.late.Reset(wait)
	}
	o := a.trySafely(ctx, t, h)
	if !a.turn.late.Stop() {
		a.report(ctx, o)
		s := <-a.turn.rest
		return s.reply, s.failure
	}
	a.open--
	if rep, ok := a.take(o); ok {
		a.free()
		return rep, nil
	}
	return a.manage(ctx)
}

// takeOver goes on with the question beside its first try.
func (a *asking) takeOver() {
	s := a.manageSafely(a.turn.ctx)
	a.turn.rest <- s
	a.turn.cancel()
}

// settled is what became of a question.
type settled struct {
	reply   reply
	failure *Failure
}

// manageSafely is manage in a goroutine of its own, above which nobody could recover.
func (a *asking) manageSafely(ctx context.Context) (s *settled) {
	s = new(settled)
	defer func() {
		if p := recover(); p != nil {
			s.failure = &Failure{Cause: verdict.Panicked, Err: defect(p)}
		}
	}()
	s.reply, s.failure = a.manage(ctx)
	return s
}

// manage makes tries until one of them settles the question.
func (a *asking) manage(ctx context.Context) (reply, *Failure) {
	hedge := time.NewTimer(0)
	defer hedge.Stop()
	due := true
	for {
		if due && a.open < maxOpen {
			if wait, ok := a.next(ctx); ok {
				hedge.Reset(wait)
			} else if a.open == 0 {
				if !a.fallBack(ctx) {
					break
				}
				continue
			}
		}
		due = false
		select {
		case o := <-a.out:
			a.open--
			if rep, ok := a.take(o); ok {
				return rep, nil
			}
			due = !dial.HeldBack(o.err) // what this machine did not let out just now, it may a moment later
		case <-hedge.C:
			due = true
		case <-ctx.Done():
			return reply{}, &Failure{Cause: dial.Classify(ctx.Err()), Zone: a.z.name, Err: ctx.Err(), passing: true}
		}
	}
	if a.weak != nil {
		if a.weak.child != "" {
			a.weak.kind = referral
		}
		return *a.weak, nil
	}
	return reply{}, a.fail(ctx)
}

// gather lists the addresses known, best first.
func (a *asking) gather() {
	a.names, a.targets = slices.Grow(a.names, len(a.z.ns)), slices.Grow(a.targets, 2*len(a.z.ns))
	a.room = room{slices.Grow(a.room.names, len(a.z.ns)), slices.Grow(a.room.targets, 2*len(a.z.ns))}
	for _, ns := range a.z.ns {
		a.room.names = append(a.room.names, serverName{})
		n := &a.room.names[len(a.room.names)-1]
		n.nameServer, n.inside = ns, within(ns.name, a.z.name) && a.z.name != "."
		n.usable, n.other = a.r.cfg.Families.split(ns.glue)
		a.names = append(a.names, n)
		if len(n.usable) == 0 && !n.inside {
			a.recall(n)
		}
		a.add(n, n.usable)
	}
	a.sort()
}

// recall fills in addresses that an earlier look-up found.
func (a *asking) recall(n *serverName) {
	for _, t := range a.r.cfg.Families.types() {
		if got := a.r.answered(question{n.name, t}); got != nil {
			addrs, err := addressesIn(got.msg, n.name)
			if err == nil && len(addrs) > 0 {
				n.usable, n.looked = addrs, true
				return
			}
		}
	}
}

// add makes targets of a server's addresses.
func (a *asking) add(n *serverName, addrs []netip.Addr) {
	for _, addr := range addrs {
		if len(a.targets) == maxTargets || slices.ContainsFunc(a.targets, func(t *target) bool { return t.srv.addr == addr }) {
			continue
		}
		a.room.targets = append(a.room.targets, target{name: n, srv: a.r.serverAt(addr)})
		a.targets = append(a.targets, &a.room.targets[len(a.room.targets)-1])
	}
}

// sort puts the quickest first, those that were lame for this zone last, equals
// in random order so that no server gets all the first questions.
func (a *asking) sort() {
	for _, t := range a.targets {
		t.rank = t.srv.rank() + rand.N(time.Millisecond)
		if a.z.isLame(t.srv.addr) {
			t.rank += time.Hour
		}
		if a.r.unroutable(t.srv.addr) {
			t.rank += time.Minute
		}
	}
	slices.SortFunc(a.targets, func(x, y *target) int { return cmp.Compare(x.rank, y.rank) })
}

// next starts the most promising thing left to do and says how long to wait
// before the one after it; false if nothing is left.
func (a *asking) next(ctx context.Context) (time.Duration, bool) {
	if a.spent {
		return 0, false
	}
	if wait, ok := a.start(ctx, firstTry); ok {
		return wait, true
	}
	if a.lookup(ctx) {
		return firstRTO, true
	}
	if a.part || a.weak != nil || a.tries >= maxTries {
		return 0, false // no retries for something better than this, or of so many servers
	}
	for _, step := range []func(*target) (how, bool){otherTransport, secondTry, overTCPAfterSilence, withoutEDNS, lastTry} {
		if wait, ok := a.start(ctx, step); ok {
			return wait, true
		}
	}
	return 0, false
}

// start makes a try at the first target that a step applies to.
func (a *asking) start(ctx context.Context, step func(*target) (how, bool)) (time.Duration, bool) {
	t, h, wait, ok := a.pick(step)
	if ok {
		a.r.crew.Do(func() { a.report(ctx, a.trySafely(ctx, t, h)) })
	}
	return wait, ok
}

// pick finds the first target that a step applies to, and notes the try that is
// made now.
func (a *asking) pick(step func(*target) (how, bool)) (*target, how, time.Duration, bool) {
	for _, t := range a.targets {
		if t.closed || t.open > 0 && a.r.cfg.Pace.Busy(t.srv.addr) {
			continue // what waits for its turn is not sent yet, so it needs no retry
		}
		if t.udp == 0 && !t.tcp {
			if c := t.srv.shunned(time.Now()); c != "" {
				t.closed, t.cause = true, c
				continue
			}
		}
		h, ok := step(t)
		if !ok {
			continue
		}
		t.open++
		a.open++
		a.tries++
		return t, h, t.srv.rto(a.r.cfg.Timeout), true
	}
	return nil, how{}, 0, false
}

func (a *asking) report(ctx context.Context, o outcome) {
	select {
	case a.out <- o:
	case <-ctx.Done():
	}
}

// lookup starts the look-up of the next server whose address is not known.
// Names inside the zone are left out: only its own servers could tell.
func (a *asking) lookup(ctx context.Context) bool {
	for _, n := range a.names {
		if n.looked || n.inside || a.lookups == maxLookups || slices.ContainsFunc(n.usable, func(addr netip.Addr) bool { return !a.r.unroutable(addr) }) {
			continue // where all that is known is of a family missing here, there may be more
		}
		n.looked = true
		a.lookups++
		a.open++
		go func() {
			addrs, err := a.r.lookup(ctx, a.f, n.name)
			a.report(ctx, outcome{name: n, addrs: addrs, err: err})
		}()
		return true
	}
	return false
}

// take notes an outcome; true if it is a useful reply.
func (a *asking) take(o outcome) (reply, bool) {
	if o.name != nil {
		o.name.usable, o.name.err = o.addrs, o.err
		o.name.none = o.err == nil && len(o.addrs) == 0
		a.add(o.name, o.addrs)
		return reply{}, false
	}
	t := o.t
	t.open--
	switch {
	case o.over:
		a.spent = true
		return reply{}, false
	case o.err != nil:
		a.fault(t, o)
		return reply{}, false
	}
	switch o.read.kind {
	case authority, referral:
		if o.how.tcp && t.udp > 0 {
			t.srv.prefersTCP()
		}
		return reply{o.read, o.msg, o.x}, true
	case weak:
		if a.weak == nil {
			a.weak = &reply{o.read, o.msg, o.x}
		}
	case childSide:
		a.child = true
	case useless:
		if a.empty == nil && o.read.empty {
			a.empty = &reply{o.read, o.msg, o.x}
		}
	}
	t.closed, t.cause = true, o.read.cause
	if a.part {
		return reply{}, false
	}
	if o.read.cause == verdict.Lame && o.read.kind != weak || o.msg.Rcode == dns.RcodeRefused || o.msg.Rcode == dns.RcodeNotAuth {
		a.z.markLame(t.srv.addr, o.read.cause)
	}
	return reply{}, false
}

// fault notes a try without a reply.
func (a *asking) fault(t *target, o outcome) {
	c := o.x.cause
	t.cause = worse(t.cause, c)
	switch c {
	case verdict.Timeout, verdict.Unreachable:
		t.silent++
	case verdict.Refused, verdict.Reset, verdict.Malformed:
		t.wantTCP = t.wantTCP || !o.how.tcp
	case verdict.NoFamily:
		t.closed = true
		a.r.cannotRoute(t.srv.addr)
	default: // forbidden, or a limit of ours
		t.closed = !dial.HeldBack(o.err)
	}
}
