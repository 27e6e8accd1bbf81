package resolve

import (
	"context"
	"net/netip"
	"time"

	"github.com/miekg/dns"

	"ready6/probes/verdict"
)

// trySafely makes of a defect in handling a reply a fault of this try.
func (a *asking) trySafely(ctx context.Context, t *target, h how) (o outcome) {
	defer func() {
		if p := recover(); p != nil {
			o = outcome{t: t, how: h, err: defect(p), x: exchange{cause: verdict.Panicked}}
		}
	}()
	return a.try(ctx, t, h)
}

// try asks one server address once, and again where the reply itself says how.
func (a *asking) try(ctx context.Context, t *target, h how) outcome {
	doubt := !h.edns && t.srv.manner().edns // asked without EDNS on suspicion only
	deaf := t.srv.isDeaf()                  // which may be over before the reply is here
	var first, o outcome
	used, forgot, err := insist(h, true, func(h how) (*dns.Msg, error) {
		o = a.once(ctx, t, h)
		if first.t == nil {
			first = o
		}
		return o.msg, o.err
	})
	switch {
	case forgot && err != nil && ctx.Err() == nil:
		t.srv.forgetCookie() // TCP does not help: perhaps not all machines behind this address have cookies
	case err == nil && o.read.kind == useless && first.err == nil && first.how != o.how:
		if rejectsEDNS(first.msg) || rejectsCookie(first.msg) {
			return first // it refuses everything
		}
	case err == nil && h.edns && !used.edns:
		t.srv.withoutEDNS()
	case err == nil && h.cookie && !used.cookie:
		t.srv.withoutCookie()
	}
	if o.err == nil && doubt {
		// Silence to EDNS may have been loss. What follows would be taken for
		// an unsigned answer, so make sure.
		if again := a.once(ctx, t, how{edns: true}); again.err == nil {
			return again
		}
		t.srv.deafToEDNS()
	}
	o.x.unheard = o.err == nil && !used.edns && (deaf || t.srv.isDeaf())
	return o
}

// once makes one exchange on the look-up's budget and notes what it says of the
// server's health.
func (a *asking) once(ctx context.Context, t *target, h how) outcome {
	if a.f.budget.Add(-1) < 0 {
		return outcome{t: t, how: h, over: true, err: errSpent}
	}
	x, m, err := a.r.exchange(ctx, t.name.name, t.srv, a.q, h)
	o := outcome{t: t, how: h, msg: m, err: err}
	switch {
	case err == nil:
		t.srv.answered(x.took, h, m.IsEdns0() != nil && !rejectsEDNS(m))
		t.srv.denies(time.Now(), m.Rcode == dns.RcodeRefused)
		if !m.Truncated {
			o.read = read(a.z.name, a.q, m)
			x.note = o.read.note
		}
	case ctx.Err() != nil:
		if x.took >= t.srv.rto(a.r.cfg.Timeout) {
			t.srv.overtaken(time.Now().Add(-x.took))
		}
	case !a.part:
		t.srv.failed(time.Now(), a.z.name, h, x.cause)
	}
	o.x = x
	if err == nil || ctx.Err() == nil {
		a.r.note(a.f, x, m)
	}
	return o
}

// lookup finds the addresses of a name server in its own zone, of the first
// family in use that it has. No address and no error means that it has none.
func (r *Resolver) lookup(ctx context.Context, f *flight, name string) (found []netip.Addr, last error) {
	defer func() {
		if p := recover(); p != nil { // nobody above its goroutine could
			found, last = nil, defect(p)
		}
	}()
	for _, t := range r.cfg.Families.types() {
		a, err := r.query(ctx, f, question{name, t})
		if err == nil {
			var addrs []netip.Addr
			if addrs, err = addressesIn(a.msg, name); len(addrs) > 0 {
				return addrs, nil
			}
		}
		if err != nil {
			last = err
		}
	}
	return nil, last
}

// types are the address record types of the families.
func (f Family) types() []uint16 {
	switch f {
	case V4:
		return []uint16{dns.TypeA}
	case V6:
		return []uint16{dns.TypeAAAA}
	}
	return []uint16{dns.TypeA, dns.TypeAAAA}
}

// addressesIn returns the addresses of name in an answer, at most maxAddrs. An
// error means that the answer does not settle whether there are any.
func addressesIn(m *dns.Msg, name string) ([]netip.Addr, error) {
	var out []netip.Addr
	for _, rr := range m.Answer {
		if dns.CanonicalName(rr.Header().Name) != name {
			continue
		}
		if _, ok := rr.(*dns.CNAME); ok {
			return nil, errAlias
		}
		if a, ok := address(rr); ok && len(out) < maxAddrs && !a.Is4In6() {
			out = append(out, a)
		}
	}
	if len(out) == 0 && !m.Authoritative {
		return nil, errWeakNone
	}
	return out, nil
}

// causeRank orders causes by how much they tell about a server.
var causeRank = map[verdict.Cause]int{
	verdict.NoFamily: 1, verdict.Forbidden: 2, verdict.OptedOut: 2, verdict.OverBudget: 3, verdict.OtherCause: 4, verdict.Timeout: 5,
	verdict.Unreachable: 6, verdict.Refused: 7, verdict.Reset: 8, verdict.Malformed: 9, verdict.Lame: 10, verdict.ServFail: 11,
	verdict.Panicked: 12,
}

// worse returns the cause that tells more.
func worse(a, b verdict.Cause) verdict.Cause {
	if causeRank[b] > causeRank[a] {
		return b
	}
	return a
}
