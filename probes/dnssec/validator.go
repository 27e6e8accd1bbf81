package dnssec

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/miekg/dns"

	"ready6/probes/verdict"
)

// Validator judges answers of one Source under fixed trust anchors. It is safe
// for concurrent use and keeps every zone it has validated.
type Validator struct {
	// Brief leaves out of results what only a picture of the chain of trust shows:
	// their Hops, and of a secure zone's Link the DS, Keys, Digests and Signatures. It
	// is set before anything is asked.
	Brief bool

	src     Source
	now     func() time.Time
	anchors map[name][]dns.RR
	memory  memory
	plan    *Plan // nil: what is published

	mu    sync.Mutex
	zones map[name]*flight
	aged  map[name]*flight // zones that were not looked at since as many others were as are kept
}

// New returns a Validator over src that trusts the anchors, DS or DNSKEY records
// of any owners; of several above a name the closest counts. Records of other
// types are ignored. now gives the time that signatures are judged at.
func New(src Source, anchors []dns.RR, now func() time.Time) *Validator {
	v := &Validator{src: src, now: now, anchors: make(map[name][]dns.RR), zones: make(map[name]*flight)}
	for _, rr := range anchors {
		switch rr.(type) {
		case *dns.DS, *dns.DNSKEY:
			if n, ok := parseName(rr.Header().Name); ok {
				v.anchors[n] = append(v.anchors[n], rr)
			}
		}
	}
	return v
}

// anchorFor finds the closest anchor at or above n.
func (v *Validator) anchorFor(n name) (name, bool) {
	for {
		if _, ok := v.anchors[n]; ok {
			return n, true
		}
		if n == root {
			return "", false
		}
		n = n.parent()
	}
}

// run is one judgement under way: of a name, or of a zone. It belongs to one
// goroutine.
type run struct {
	v     *Validator
	ctx   context.Context
	now   time.Time
	now32 uint32 // now as signatures count it, modulo 2^32
	b     *budget

	atHand     []*message // of the step under way and the one before
	disclaimed *dns.Msg   // what the servers said to the last question that got no usable answer
}

func (v *Validator) begin(ctx context.Context) *run {
	now := v.now()
	return &run{v: v, ctx: ctx, now: now, now32: uint32(now.Unix()), b: &budget{all: &effort{}}}
}

// Validate asks for name and type, follows aliases, and judges every step. What
// could not be found out is Indeterminate with its reason; there is no error.
func (v *Validator) Validate(ctx context.Context, qname string, qtype uint16) Result {
	r := v.begin(ctx)
	n, ok := parseName(qname)
	if !ok {
		reason := newReason(codeBadName, root, root, qtype, "text", qname)
		return Result{Name: qname, Type: qtype, Rcode: dns.RcodeServerFailure, Reasons: []Reason{reason}, Canonical: qname}
	}
	res := Result{Name: dns.Fqdn(qname), Type: qtype, State: Secure, Rcode: dns.RcodeServerFailure, At: r.now}
	var chain chainOf
	var decided []Reason
	var remarks []Reason
	seen := map[name]bool{}
	var prior finding
	for cur := n; ; cur = prior.next {
		res.Canonical = cur.String()
		if seen[cur] || len(seen) > maxAliases {
			code := codeLoop
			if !seen[cur] {
				code = codeLimit
			}
			f := finding{state: Indeterminate, reason: newReason(code, prior.zoneName(), cur, qtype, "record", lastRecord(prior.rrs))}
			res.State, decided = fold(res.State, decided, f)
			break
		}
		seen[cur] = true
		r.b.seen = nil
		f := r.hop(cur, qtype, prior)
		if !v.Brief {
			res.Hops = append(res.Hops, r.shown(cur, qtype, f))
		}
		chain.add(f.zone)
		res.Answer = append(res.Answer, f.rrs...)
		res.Rcode, res.Negative = f.rcode, f.negative
		res.Expires = earlier(res.Expires, f.expires)
		remarks = append(remarks, f.remarks...)
		res.State, decided = fold(res.State, decided, f)
		if f.next == "" || f.state == Bogus || f.stop {
			break
		}
		prior = f
	}
	if res.State == Secure {
		decided = append(decided, newReason(codeSecure, prior.orZone(chain.last), n, qtype))
	} else {
		res.Expires = time.Time{}
	}
	res.Reasons = append(append(decided, remarks...), chain.remarks...)
	res.Chain = chain.links
	return res
}

// fold adds one step to the state so far; the deciding reason comes first.
func fold(state State, reasons []Reason, f finding) (State, []Reason) {
	if f.state == Secure {
		return state, reasons
	}
	if weaker(state, f.state) != state {
		return f.state, append([]Reason{f.reason}, reasons...)
	}
	return state, append(reasons, f.reason)
}

func lastRecord(rrs []dns.RR) string {
	if len(rrs) == 0 {
		return ""
	}
	return record(rrs[len(rrs)-1])
}

// chainOf gathers the zones of a result from the anchors down, each once.
type chainOf struct {
	links   []*Link
	remarks []Reason
	last    *zone
}

func (c *chainOf) add(z *zone) {
	if z == nil || slices.Contains(c.links, z.link) {
		return
	}
	c.add(z.parent)
	c.links = append(c.links, z.link)
	c.remarks = append(c.remarks, z.remarks...)
	c.last = z
}

// query asks the source and sorts out what is no answer at all.
func (r *run) query(n name, qtype uint16) (*dns.Msg, *Reason) {
	m, err := r.v.src.Query(r.ctx, n.String(), qtype)
	return r.usable(m, err, n, qtype)
}

func (r *run) usable(m *dns.Msg, err error, n name, qtype uint16) (*dns.Msg, *Reason) {
	r.disclaimed = nil
	if err != nil || m == nil {
		var said interface{ Disclaimed() *dns.Msg }
		if errors.As(err, &said) {
			r.disclaimed = said.Disclaimed()
		}
		reason := newReason(codeUnreachable, silentZone(err, n), n, qtype, "cause", string(causeOf(r.ctx, err)))
		return nil, &reason
	}
	switch m.Rcode {
	case dns.RcodeSuccess, dns.RcodeNameError, dns.RcodeYXDomain:
		return m, nil
	}
	reason := newReason(codeServFail, n, n, qtype, "rcode", rcodeName(m.Rcode), "cause", string(verdict.ServFail))
	return m, &reason
}

// silentZone is whose servers gave no answer about n, as far as the source knows:
// it may have come no further than the root.
func silentZone(err error, n name) name {
	var known interface{ VerdictZone() string }
	if errors.As(err, &known) {
		if z, ok := parseName(known.VerdictZone()); ok && known.VerdictZone() != "" {
			return z
		}
	}
	return n
}

// causeOf finds why a source gave no answer. What the source itself says comes
// first, since only it has seen the network.
func causeOf(ctx context.Context, err error) verdict.Cause {
	var known interface{ VerdictCause() verdict.Cause }
	switch {
	case errors.As(err, &known):
		return known.VerdictCause()
	case errors.Is(err, context.DeadlineExceeded), errors.Is(ctx.Err(), context.DeadlineExceeded):
		return verdict.Deadline
	case errors.Is(err, context.Canceled), ctx.Err() != nil:
		return verdict.Cancelled
	}
	return verdict.OtherCause
}
