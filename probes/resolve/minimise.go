package resolve

import (
	"context"

	"github.com/miekg/dns"

	"ready6/probes/verdict"
)

// RFC 9156 2.3: questions with a part of the name in one look-up, and how many of
// them add one label only; the others share what is left.
const (
	maxMinimiseCount = 10
	minimiseOneLab   = 4
)

// askDown asks the servers of z for f's question or, with Minimise, whether they
// refer to another zone for an ancestor of its name first. The reply is to the
// question itself or a referral.
func (r *Resolver) askDown(ctx context.Context, f *flight, z *zone) (reply, *Failure) {
	if r.cfg.Minimise {
		if rep, failure, done := r.askParts(ctx, f, z, dns.TypeA); done {
			return rep, failure
		}
		return r.askZone(ctx, f, z, f.q)
	}
	rep, failure := r.askZone(ctx, f, z, f.q)
	if failure == nil || failure.passing || failure.Cause != verdict.ServFail && failure.Cause != verdict.Lame {
		return rep, failure
	}
	// Some servers know their delegations only by name, or by name and type.
	for _, qtype := range []uint16{dns.TypeA, dns.TypeNS} {
		f.minimised = 0
		if down, lost, done := r.askParts(ctx, f, z, qtype); done && lost == nil {
			return down, nil
		}
	}
	return rep, failure
}

// askParts asks the servers of z for ancestors of f's name, until one is in
// another zone: done means that the reply refers there, or that the look-up is
// over. The type to begin with is A: the one that attracts the least attention and
// that no server or firewall treats as special (RFC 9156 2.1).
func (r *Resolver) askParts(ctx context.Context, f *flight, z *zone, qtype uint16) (rep reply, failure *Failure, done bool) {
	last := f.q.name
	if f.q.qtype == dns.TypeDS {
		last = parentOf(last) // the last label is asked of whoever has the DS set
	}
	for at := z.name; f.minimised < maxMinimiseCount; {
		left := labelsBetween(last, at)
		if left <= 0 || left == 1 && f.q.qtype != dns.TypeDS {
			break
		}
		at = ancestor(last, left-f.stride(left))
		if at == f.q.name {
			break
		}
		f.minimised++
		part := question{at, qtype}
		if known, ok := r.answers.get(part); ok && known.failure == nil {
			continue // no cut: it would be known as a zone
		}
		a := r.newAsking(f, z, part)
		a.part = true
		rep, failure = a.run(ctx)
		switch {
		case failure != nil && failure.passing, failure == nil && rep.kind == referral:
			return rep, failure, true
		case failure != nil, rep.kind != authority, rep.msg.Rcode != dns.RcodeSuccess, aliased(rep.msg):
			f.minimised = maxMinimiseCount // from here on nothing but the whole name
		default:
			none := &answer{msg: rep.trim(z.name, part), exchanges: []exchange{rep.x}}
			r.answers.put(part, none, none.size())
		}
	}
	return rep, failure, false
}

// stride is by how many of the labels left the next question is longer.
func (f *flight) stride(left int) int {
	if f.minimised < minimiseOneLab {
		return 1
	}
	steps := maxMinimiseCount - f.minimised
	return max(1, (left+steps-1)/steps)
}

// labelsBetween counts the labels that name has below zone; -1 if it is not there.
func labelsBetween(name, zone string) int {
	if !within(name, zone) {
		return -1
	}
	_, n := below(name, zone)
	return n
}

// ancestor drops the first n labels.
func ancestor(name string, n int) string {
	for range n {
		name = parentOf(name)
	}
	return name
}

// aliased says whether an answer has an alias in it: nothing should be below one.
func aliased(m *dns.Msg) bool {
	for _, rr := range m.Answer {
		if t := rr.Header().Rrtype; t == dns.TypeCNAME || t == dns.TypeDNAME {
			return true
		}
	}
	return false
}
