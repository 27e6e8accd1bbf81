package resolve

import (
	"context"
	"net/netip"
	"slices"
	"sync"

	"github.com/miekg/dns"

	"ready6/probes/verdict"
)

// heard is which servers' answers to one question have been given out.
type heard struct {
	turn    chan struct{} // held by the one who asks
	answers []*dns.Msg    // that Retry gave, in order; under turn

	mu    sync.Mutex
	addrs map[netip.Addr]bool
	said  exchanges // with those that Retry asked
	f     *flight   // its budget is that of all Retries of the question
}

// Retry returns the answer of another server of the zone than the one that gave
// bad, for a validator that found that one bogus: one server with an old or unsigned
// copy must not condemn the zone. bad is Query's message or Retry's last one. Every
// server is asked once, however often its answer is wanted; when all that can be
// reached have been heard (see next), Retry returns nil with no error. The message
// is as Query's, but shared with others who ask: do not change it.
func (r *Resolver) Retry(ctx context.Context, name string, qtype uint16, bad *dns.Msg) (*dns.Msg, error) {
	n, ok := normal(name)
	if !ok {
		return nil, &Failure{Cause: verdict.OtherCause, Err: errName(name)}
	}
	q := question{n, qtype}
	z := r.closest(q)
	h := r.hearing(q)
	select {
	case h.turn <- struct{}{}:
		defer func() { <-h.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if at := slices.Index(h.answers, bad) + 1; at < len(h.answers) { // Query's own stands before them
		return h.answers[at], nil
	}
	others := r.others(ctx, q, z, h)
	for t := h.next(others); t != nil; t = h.next(others) {
		if m := r.hear(ctx, z, t, q, h); m != nil {
			h.answers = append(h.answers, m)
			return m, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	return nil, nil
}

// take notes that an address is heard.
func (h *heard) take(a netip.Addr) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.addrs[a] = true
}

// next picks whom to hear next, and notes that it is heard; nil if nobody is left.
// A server of another name comes first, over the other family if it can be: two
// such are the most independent witnesses. The other address of a server that was
// heard is no further one once others were heard over that family: a name with an
// address of each family is most often one machine, and each bogus zone would cost
// all of them a question.
func (h *heard) next(all []*target) (best *target) {
	h.mu.Lock()
	defer h.mu.Unlock()
	most := -1
	for _, t := range all {
		if h.addrs[t.srv.addr] {
			continue
		}
		named, twin, familiar := false, false, false
		for _, o := range all {
			if !h.addrs[o.srv.addr] {
				continue
			}
			family := o.srv.addr.Is4() == t.srv.addr.Is4()
			named = named || o.name == t.name
			twin = twin || o.name == t.name && !family
			familiar = familiar || o.name != t.name && family
		}
		if twin && familiar {
			continue
		}
		worth := 0
		if !named {
			worth += 2
		}
		if !familiar {
			worth++
		}
		if worth > most {
			best, most = t, worth
		}
	}
	if best != nil {
		h.addrs[best.srv.addr] = true
	}
	return best
}

// hearing returns the record of who was heard on a question; the server whose
// answer Query gives is the first. What a referral brought is nobody's answer: the
// server that referred may have the DS set right when asked for it.
func (r *Resolver) hearing(q question) *heard {
	h, found := r.hearings.getOrPut(q, 4096, func() *heard {
		f := &flight{q: q}
		f.budget = &f.own
		f.budget.Store(int32(min(r.cfg.MaxQueries, 1<<30)))
		return &heard{turn: make(chan struct{}, 1), addrs: map[netip.Addr]bool{}, f: f}
	})
	if found {
		return h
	}
	if a, ok := r.answers.get(q); ok && a.from.IsValid() {
		h.take(a.from)
	}
	return h
}

// others lists the addresses of the zone's servers, those included that have to
// be looked up first.
func (r *Resolver) others(ctx context.Context, q question, z *zone, h *heard) []*target {
	a := &asking{r: r, z: z, q: q}
	a.gather()
	for _, n := range a.names {
		if len(n.usable) > 0 || n.inside || ctx.Err() != nil || a.lookups == maxLookups {
			continue
		}
		a.lookups++
		if addrs, err := r.lookup(ctx, h.f, n.name); err == nil {
			a.add(n, addrs)
		}
	}
	return a.targets
}

// hear asks one server, and over the other transport where the first brings
// nothing: a lost packet is no reason to let a bogus answer stand. nil if it gives
// no answer.
func (r *Resolver) hear(ctx context.Context, z *zone, t *target, q question, told *heard) *dns.Msg {
	h, deaf := t.srv.manner(), t.srv.isDeaf()
	m, used, err := r.hearBy(ctx, t, q, told, h)
	if err != nil && ctx.Err() == nil {
		tcp := !h.tcp
		h = t.srv.again()
		h.tcp = tcp
		m, used, err = r.hearBy(ctx, t, q, told, h)
	}
	if err != nil {
		return nil
	}
	if h.edns && !used.edns {
		t.srv.withoutEDNS()
	}
	switch read(z.name, q, m).kind {
	case authority, weak: // the validator weighs it
		out := trim(z.name, q, m)
		if !used.edns && (deaf || t.srv.isDeaf()) {
			out = unheard(out)
		}
		return out
	}
	return nil
}

// hearBy asks it in one manner, and returns the one that its reply led to.
func (r *Resolver) hearBy(ctx context.Context, t *target, q question, told *heard, h how) (m *dns.Msg, used how, err error) {
	used, _, err = insist(h, true, func(h how) (*dns.Msg, error) {
		if told.f.budget.Add(-1) < 0 {
			return nil, errSpent
		}
		var err error
		var x exchange
		x, m, err = r.exchange(ctx, t.name.name, t.srv, q, h)
		if err == nil {
			x.note = "asked since another server's answer is bogus"
		}
		told.said.add(x)
		r.trace(x, m)
		return m, err
	})
	return m, used, err
}
