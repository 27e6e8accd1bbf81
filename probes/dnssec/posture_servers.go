package dnssec

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"ready6/probes/verdict"
)

// newer reports whether serial a comes after b; neither does where they are
// half the space apart (RFC 1982 3.2).
func newer(a, b uint32) bool { return a != b && a-b < 1<<31 }

// serials finds the servers that are behind, primary by primary.
func (p *posture) serials() {
	var primaries []string
	groups := map[string][]*seen{}
	for _, s := range p.seen {
		k := primaryOf(s.soa)
		if groups[k] == nil {
			primaries = append(primaries, k)
		}
		groups[k] = append(groups[k], s)
	}
	for _, k := range primaries {
		p.compareSerials(groups[k])
	}
	for _, s := range p.seen {
		if !s.behind && !s.passing {
			p.current = append(p.current, s)
		}
	}
}

func (p *posture) compareSerials(group []*seen) {
	top := slices.IndexFunc(group, func(s *seen) bool {
		return !slices.ContainsFunc(group, func(o *seen) bool { return o.soa.Serial != s.soa.Serial && !newer(s.soa.Serial, o.soa.Serial) })
	})
	if top < 0 {
		p.add("posture.serial-unordered", indices(group), "serials", joined(group, func(s *seen) string { return fmt.Sprint(s.soa.Serial) }))
		return
	}
	newest := group[top].soa.Serial
	lag := map[uint32][]*seen{}
	var order []uint32
	for _, s := range group {
		if s.soa.Serial == newest {
			continue
		}
		// What the others had at the first look, it must have at the second.
		again := soaOf(p.Zone, s.Later.Msg)
		if again == nil || !newer(newest, again.Serial) {
			s.passing = true
			continue
		}
		s.behind = true
		if lag[again.Serial] == nil {
			order = append(order, again.Serial)
		}
		lag[again.Serial] = append(lag[again.Serial], s)
	}
	for _, serial := range order {
		p.add("posture.serial-behind", indices(lag[serial]), "servers", p.who(lag[serial]), "serial", fmt.Sprint(serial),
			"newest", fmt.Sprint(newest), "behind", fmt.Sprint(newest-serial))
	}
}

// joined lists what f says of each, every word once, in order.
func joined[T any](list []T, f func(T) string) string {
	var out []string
	for _, x := range list {
		if w := f(x); w != "" && !slices.Contains(out, w) {
			out = append(out, w)
		}
	}
	return strings.Join(out, ", ")
}

// choose takes what most of the current servers publish for the zone's keys, and
// tells who publishes others under the same serial.
func (p *posture) choose() {
	for _, s := range p.seen {
		p.online = p.online || slices.ContainsFunc(s.sets, madeToOrder)
	}
	from := slices.DeleteFunc(slices.Clone(p.current), func(s *seen) bool { return len(s.keys) == 0 })
	most, rest := majority(from, func(s *seen) string { return keyList(s.keys) })
	if len(most) == 0 {
		return
	}
	p.keys = most[0].keys
	for _, s := range rest {
		same := func(o *seen) bool { return o.soa.Serial == s.soa.Serial && primaryOf(o.soa) == primaryOf(s.soa) }
		if slices.ContainsFunc(most, same) {
			p.add("posture.keys-differ", []int{s.index, most[0].index}, "servers", p.who([]*seen{s}), "tags", tags(s.keys), "others", tags(p.keys))
		}
	}
}

// madeToOrder recognises a denial made for one question (RFC 9824): whoever has
// such signs as questions come, and has no version that could grow old.
func madeToOrder(set *rrset) bool {
	if set.rrtype != dns.TypeNSEC {
		return false
	}
	n, ok := set.rrs[0].(*dns.NSEC)
	return ok && dns.CanonicalName(n.NextDomain) == `\000.`+dns.CanonicalName(n.Hdr.Name)
}

// majority splits servers into those that say what most of them say, and the
// rest; of equals the first counts.
func majority(list []*seen, say func(*seen) string) (most, rest []*seen) {
	count := map[string]int{}
	for _, s := range list {
		count[say(s)]++
	}
	best := ""
	for i, s := range list {
		if w := say(s); i == 0 || count[w] > count[best] {
			best = w
		}
	}
	for _, s := range list {
		if say(s) == best {
			most = append(most, s)
		} else {
			rest = append(rest, s)
		}
	}
	return most, rest
}

func keyList(keys []*dns.DNSKEY) string {
	var out []string
	for _, k := range keys {
		out = append(out, fmt.Sprint(k.Flags, k.Protocol, k.Algorithm, k.PublicKey))
	}
	slices.Sort(out)
	return strings.Join(out, "\n")
}

func tags(keys []*dns.DNSKEY) string {
	return joined(keys, func(k *dns.DNSKEY) string { return fmt.Sprint(newKey(k).tag) })
}

// serverFaults tells who serves the zone in a way that nobody can validate.
func (p *posture) serverFaults() {
	var bare, unsigned, naked []*seen
	var types []uint16
	for _, s := range p.seen {
		missing := s.unsignedTypes()
		switch {
		case s.passing:
		case s.SOA.Msg.IsEdns0() == nil && len(missing) > 0:
			bare = append(bare, s)
		case s.keyed && len(s.keys) == 0:
			unsigned = append(unsigned, s)
		case len(missing) > 0:
			naked = append(naked, s)
			types = append(types, missing...)
		}
	}
	p.fault("posture.server-no-edns", bare, "SOA, DNSKEY")
	p.fault("posture.server-unsigned", unsigned, "DNSKEY")
	p.fault("posture.sigs-missing", naked, joined(types, typeName))
}

// fault tells a fault at some servers. It breaks the chain where there is one;
// of an island it is what has to be mended before.
func (p *posture) fault(code verdict.Reason, at []*seen, types string, pairs ...string) {
	switch {
	case len(at) == 0, !p.chained && p.DSCause != "":
	case p.chained:
		p.add(code, indices(at), append(pairs, "servers", p.who(at), "type", types)...)
	default:
		p.add("posture.island-broken", indices(at), append(pairs, "servers", p.who(at), "type", types)...)
	}
}

func (s *seen) unsignedTypes() (out []uint16) {
	for _, set := range s.sets {
		if len(set.sigs) == 0 && !slices.Contains(out, set.rrtype) {
			out = append(out, set.rrtype)
		}
	}
	return out
}

// span is how long one set of records at one server stays valid.
type span struct {
	set             *rrset
	at              *seen
	begins, expires time.Time
}

func (s span) left(now time.Time) time.Duration { return s.expires.Sub(now) }

// spans lists the validity of every set seen. Of several signatures by published
// keys the one that lasts longest counts: one is enough (RFC 6840 5.11).
func (p *posture) spans() []span {
	var out []span
	for _, s := range p.seen {
		if s.passing {
			continue
		}
		for _, set := range s.sets {
			if sp, ok := p.spanOf(s, set); ok {
				out = append(out, sp)
			}
		}
	}
	return out
}

func (p *posture) spanOf(s *seen, set *rrset) (best span, ok bool) {
	counts := func(sig *dns.RRSIG) bool {
		return slices.ContainsFunc(s.keys, func(k *dns.DNSKEY) bool {
			named := set.rrtype != dns.TypeDNSKEY || !p.anyMatch(s.keys) || p.named(k)
			return named && k.Algorithm == sig.Algorithm && newKey(k).tag == sig.KeyTag
		})
	}
	some := slices.ContainsFunc(set.sigs, counts)
	for _, sig := range set.sigs {
		if some && !counts(sig) {
			continue
		}
		sp := span{set, s, nearest(sig.Inception, p.Now), nearest(sig.Expiration, p.Now)}
		if ok && (best.good(p.Now) && !sp.good(p.Now) || best.good(p.Now) == sp.good(p.Now) && !sp.expires.After(best.expires)) {
			continue
		}
		best, ok = sp, true
	}
	return best, ok
}

func (s span) good(now time.Time) bool { return !now.Before(s.begins) && !now.After(s.expires) }

// first is the span that ends first, of those that have not ended.
func (p *posture) first() (out span) {
	for _, sp := range p.spans() {
		if sp.good(p.Now) && (out.set == nil || sp.expires.Before(out.expires)) {
			out = sp
		}
	}
	return out
}
