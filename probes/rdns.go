package probes

import (
	"context"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/miekg/dns"

	"ready6/probes/verdict"
)

// maxSenders bounds the addresses of one mail domain whose reverse names are
// looked up, maxPTR the names of one of them.
const (
	maxSenders = 16
	maxPTR     = 8
)

// sender is an IPv6 address that mail may leave from.
type sender struct {
	addr netip.Addr
	use  string // "sender": SPF names it; "mx": it is an MX host's, and SPF does not
	term string // where it stands
}

// outgoing lists the addresses that are looked at, and the blocks that are too
// wide for it. No address is guessed: who sends from a block is not known.
func (m *mailCheck) outgoing() (list []sender, wide []string) {
	add := func(s sender) {
		if !slices.ContainsFunc(list, func(o sender) bool { return o.addr == s.addr }) {
			list = append(list, s)
		}
	}
	covered := func(a netip.Addr) bool {
		return slices.ContainsFunc(m.senders, func(r spfRule) bool { return r.prefix.Contains(a) })
	}
	for _, r := range m.senders {
		if r.prefix.IsSingleIP() {
			add(sender{r.prefix.Addr(), "sender", r.by + " " + r.term})
		} else {
			wide = append(wide, r.prefix.String())
		}
	}
	for _, h := range m.s.hosts {
		for _, a := range h.v6.usable {
			use := "mx"
			if covered(a) {
				use = "sender"
			}
			add(sender{a, use, "MX " + h.host})
		}
	}
	return list, wide
}

// reverse judges the reverse names of the addresses that mail leaves from: many
// receivers refuse mail over IPv6 without one that leads back.
func (m *mailCheck) reverse(ctx context.Context) {
	list, wide := m.outgoing()
	if len(wide) > 0 {
		m.note("rdns-wide", m.s.Host, verdict.Owner{}, nil, "ranges", few(wide))
	}
	if len(list) > maxSenders {
		m.note("rdns-many", m.s.Host, verdict.Owner{}, nil, "count", strconv.Itoa(len(list)), "looked", strconv.Itoa(maxSenders))
		list = list[:maxSenders]
	}
	found := make([]reverseName, len(list))
	alongside(len(list), func(i int) { found[i] = m.e.reverseName(ctx, list[i].addr) })
	for i, s := range list {
		m.reverseResult(s, found[i])
	}
}

func (m *mailCheck) reverseResult(s sender, f reverseName) {
	at := s.addr.String()
	switch {
	case f.confirmed != "":
		m.note("rdns-ok", at, verdict.Owner{}, f.evidence, "use", s.use, "name", f.confirmed, "term", s.term)
	case f.cause != "":
		m.note("rdns-unknown", at, verdict.Owner{}, f.evidence, "use", s.use, "cause", string(f.cause), "term", s.term)
	case len(f.names) > 0:
		owner := verdict.Owner{}
		if !sameSite(f.names[0], m.s.Host) {
			owner = f.owner
		}
		m.note("rdns-unconfirmed", at, owner, f.evidence, "use", s.use, "name", few(f.names), "term", s.term)
	case s.use == "mx":
		m.note("rdns-mx-none", at, f.owner, f.evidence, "use", s.use, "term", s.term)
	default:
		m.note("rdns-none", at, f.owner, f.evidence, "use", s.use, "term", s.term)
	}
}

// reverseName is what the reverse DNS of an address says.
type reverseName struct {
	names     []string
	confirmed string // the first name that leads back to the address
	cause     verdict.Cause
	owner     verdict.Owner // who can make the PTR record
	evidence  []verdict.Evidence
}

// reverseName looks up an address's reverse name and whether it leads back.
func (e *Env) reverseName(ctx context.Context, a netip.Addr) (out reverseName) {
	arpa, err := dns.ReverseAddr(a.String())
	if err != nil {
		return reverseName{cause: verdict.OtherCause}
	}
	got := e.records(ctx, arpa, dns.TypePTR)
	out.cause, out.evidence, out.owner = got.cause, got.evidence, e.reverseOwner(ctx, a, arpa)
	for _, rr := range got.rrs[:min(len(got.rrs), maxPTR)] {
		out.names = append(out.names, plainName(dns.CanonicalName(rr.(*dns.PTR).Ptr)))
	}
	for _, n := range out.names {
		h := e.lookup(ctx, n)
		out.evidence = append(out.evidence, h.v6.evidence...)
		if slices.Contains(h.v6.usable, a) || slices.Contains(h.v6.special, a) {
			out.confirmed = n
			return out
		}
		if h.v6.cause != "" {
			out.cause = h.v6.cause
		} else if h.v6.more {
			out.cause = verdict.OverBudget
		}
	}
	return out
}

// reverseOwner is who keeps the reverse zone of an address: the agency in whose
// own block it lies, else whoever runs the zone, else whoever gave the address.
func (e *Env) reverseOwner(ctx context.Context, a netip.Addr, arpa string) verdict.Owner {
	if holder, own := e.holder(a); own {
		return verdict.Owner{Role: verdict.Agency, Name: holder}
	}
	path, err := e.DNS.Path(ctx, arpa)
	if err != nil || len(path) == 0 {
		return verdict.Owner{Role: verdict.ISP}
	}
	if zone := zoneName(path[len(path)-1].Name); strings.HasSuffix(zone, ".ip6.arpa") {
		return verdict.Owner{Role: verdict.DNSOperator, Name: zone}
	}
	return verdict.Owner{Role: verdict.ISP}
}
