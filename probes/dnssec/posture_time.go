package dnssec

import (
	"fmt"
	"slices"
	"time"
)

// signatures judges how long the signatures last.
func (p *posture) signatures() {
	var ended, early []span
	for _, sp := range p.spans() {
		switch {
		case p.Now.After(sp.expires):
			ended = append(ended, sp)
		case p.Now.Before(sp.begins):
			early = append(early, sp)
		}
	}
	at := func(list []span) (out []*seen) {
		for _, sp := range list {
			if !slices.Contains(out, sp.at) {
				out = append(out, sp.at)
			}
		}
		return out
	}
	types := func(list []span) string {
		return joined(list, func(sp span) string { return typeName(sp.set.rrtype) })
	}
	if len(ended) > 0 {
		first := slices.MinFunc(ended, func(a, b span) int { return a.expires.Compare(b.expires) })
		p.fault("posture.sig-expired", at(ended), types(ended), "expiration", first.expires.Format(time.RFC3339), "record", record(first.set.sigs[0]))
	}
	if len(early) > 0 {
		last := slices.MaxFunc(early, func(a, b span) int { return a.begins.Compare(b.begins) })
		p.fault("posture.sig-future", at(early), types(early), "inception", last.begins.Format(time.RFC3339), "record", record(last.set.sigs[0]))
	}
	p.expiry()
	p.lifetimes()
}

// neglected reports whether a signature is within the operator's lead time of
// its end. One in the first two thirds of its life is not, however short that
// life is: signers that make theirs for a day or two renew them all the time.
func neglected(sp span, now time.Time, lead time.Duration) bool {
	left := sp.left(now)
	return left < lead && left < sp.expires.Sub(sp.begins)/3
}

// expiry looks ahead to the first signature that ends.
func (p *posture) expiry() {
	var soon, short span
	for _, sp := range p.spans() {
		if !sp.good(p.Now) {
			continue
		}
		if neglected(sp, p.Now, p.Lead) && (soon.set == nil || sp.expires.Before(soon.expires)) {
			soon = sp
		}
		// "(…) the SOA Expiration timer [should be] approximately one-third or a quarter of the signature
		// validity period": a secondary on its own must stop before its signatures do (RFC 6781 4.4.2).
		if left := sp.left(p.Now); !p.online && left < expireOf(sp) && (short.set == nil || sp.expires.Before(short.expires)) {
			short = sp
		}
	}
	switch {
	case soon.set != nil:
		p.add("posture.expires-soon", []int{soon.at.index}, "type", typeName(soon.set.rrtype), "days", days(soon.left(p.Now)),
			"expiration", soon.expires.Format(time.RFC3339), "servers", p.who(p.sharing(soon)), "record", record(soon.set.sigs[0]))
	case short.set != nil:
		p.add("posture.expires-before-soa", []int{short.at.index}, "type", typeName(short.set.rrtype), "days", days(short.left(p.Now)),
			"expire", days(expireOf(short)), "expiration", short.expires.Format(time.RFC3339), "record", record(short.set.sigs[0]))
	}
}

// sharing are the servers that show the same signature's end.
func (p *posture) sharing(with span) (out []*seen) {
	for _, sp := range p.spans() {
		if sp.set.rrtype == with.set.rrtype && sp.expires.Equal(with.expires) && !slices.Contains(out, sp.at) {
			out = append(out, sp.at)
		}
	}
	return out
}

func expireOf(sp span) time.Duration { return time.Duration(sp.at.soa.Expire) * time.Second }

// lifetimes compares TTLs with what is left of the signatures.
func (p *posture) lifetimes() {
	var worst span
	var over time.Duration
	for _, sp := range p.spans() {
		ttl := time.Duration(sp.set.rrs[0].Header().Ttl) * time.Second
		if by := ttl - sp.left(p.Now); sp.good(p.Now) && by > over {
			worst, over = sp, by
		}
	}
	if worst.set != nil {
		p.add("posture.ttl-exceeds-validity", []int{worst.at.index}, "type", typeName(worst.set.rrtype),
			"ttl", fmt.Sprint(worst.set.rrs[0].Header().Ttl), "left", fmt.Sprint(int(worst.left(p.Now).Seconds())), "record", record(worst.set.sigs[0]))
	}
}

// days writes a duration in days with one decimal, rounded down.
func days(d time.Duration) string { return fmt.Sprintf("%.1f", float64(d/(6*time.Minute)/24)/10) }
