package dnssec

import (
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"ready6/probes/verdict"
)

// What one validation shows of its way at most. Hostile zones publish more.
const (
	maxShownRecords    = 8
	maxShownText       = 160 // octets of one record's data
	maxShownSignatures = 12  // on one set
	maxShownKeys       = 24
)

// attempt is what came of one signature. An empty code with ok unset does not
// occur: what was not tried is not listed.
type attempt struct {
	sig  *dns.RRSIG
	code verdict.Reason
	ok   bool
}

// examined is a record set that was verified on the way.
type examined struct {
	apex  name
	set   *rrset
	ok    bool
	code  verdict.Reason // why not
	tried []attempt
}

// note keeps what came of verifying a set: the first outcome, or the first good
// one after other servers were asked.
func (b *budget) note(apex name, set *rrset, got checked) {
	now := examined{apex, set, got.ok, got.reason.Code, got.tried}
	for i, e := range b.seen {
		if e.apex == apex && e.set.owner == set.owner && e.set.rrtype == set.rrtype {
			if now.ok && !e.ok {
				b.seen[i] = now
			}
			return
		}
	}
	b.seen = append(b.seen, now)
}

// show fills a new zone's link with what was looked at to make it.
func (r *run) show(z *zone) {
	l := z.link
	if z.parent != nil {
		l.Parent = z.parent.link.Zone
	}
	for _, e := range r.b.seen {
		if e.apex == z.apex && e.set.rrtype != dns.TypeDNSKEY {
			continue
		}
		l.Signatures = r.signatures(l.Signatures, e)
		if e.set.rrtype == dns.TypeDS && e.set.owner == z.apex && l.DS == nil {
			l.DS = e.set.rrs[:min(len(e.set.rrs), maxDS)] // of a set that does not hold
		}
	}
	for _, rrs := range []Records{l.DS, l.Anchor} {
		for _, rr := range rrs {
			if ds, ok := rr.(*dns.DS); ok {
				l.Digests = append(l.Digests, verdict.ChainDS{Tag: ds.KeyTag,
					Algorithm: algorithmName(ds.Algorithm), Digest: digestName(ds.DigestType), Match: r.b.match(ds, l)})
			}
		}
	}
}

// match words what became of one DS record.
func (b *budget) match(ds *dns.DS, l *Link) string {
	same := func(o *dns.DS) bool {
		return o.KeyTag == ds.KeyTag && o.Algorithm == ds.Algorithm && o.DigestType == ds.DigestType && strings.EqualFold(o.Digest, ds.Digest)
	}
	switch {
	case slices.ContainsFunc(b.matched, same):
		return "match"
	case !algorithms[ds.Algorithm].supported() || !digests[ds.DigestType].supported():
		return "unsupported"
	case ds.DigestType == dns.SHA1 && slices.ContainsFunc(l.Digests, func(d verdict.ChainDS) bool { return d.Match == "match" && d.Tag == ds.KeyTag }):
		return "ignored"
	case l.Keys == nil:
		return ""
	case slices.ContainsFunc(l.Keys, func(k Key) bool { return k.Tag == ds.KeyTag && k.Algorithm == algorithmName(ds.Algorithm) }):
		if ds.DigestType == dns.SHA1 {
			return "ignored"
		}
		return "mismatch"
	}
	return "no-key"
}

// signatures appends the signatures of a set as they were found.
func (r *run) signatures(out []verdict.Signature, e examined) []verdict.Signature {
	for _, sig := range e.set.sigs[:min(len(e.set.sigs), maxShownSignatures)] {
		s := verdict.Signature{
			Type: typeName(sig.TypeCovered), Signer: sig.SignerName, Tag: sig.KeyTag, Algorithm: algorithmName(sig.Algorithm),
			Inception: nearest(sig.Inception, r.now), Expiration: nearest(sig.Expiration, r.now),
		}
		i := slices.IndexFunc(e.tried, func(a attempt) bool { return a.sig == sig })
		switch {
		case i >= 0:
			s.Valid, s.Reason = e.tried[i].ok, e.tried[i].code
		case e.apex != "": // the others hold or not by what needs no cryptography
			s.Reason = r.precheck(e.apex, e.set, sig).code
		}
		out = append(out, s)
	}
	return out
}

// shown makes the data of one step.
func (r *run) shown(n name, qtype uint16, f finding) verdict.ChainHop {
	h := verdict.ChainHop{Name: n.String(), State: f.state.String(), Kind: "answer"}
	secure := f.zone != nil && f.zone.state == Secure
	if f.zone != nil {
		h.Zone = f.zone.apex.String()
	}
	switch {
	case f.msg == nil:
		h.Kind = "none"
	case f.next != "":
		h.Kind, h.Target = "alias", f.next.String()
	case f.negative:
		h.Kind = "denial"
	}
	if secure || f.zone == nil || f.stop {
		h.Reason = f.reason.Code
	}
	for _, e := range r.b.seen {
		if secure && e.apex == f.zone.apex {
			h.Sets = append(h.Sets, r.shownSet(e))
		}
	}
	if len(h.Sets) == 0 && f.msg != nil {
		for _, set := range relevant(f.msg, n, qtype) {
			if len(h.Sets) < maxDenials {
				h.Sets = append(h.Sets, r.shownSet(examined{set: set, ok: true}))
			}
		}
	}
	return h
}

func (r *run) shownSet(e examined) verdict.ChainSet {
	out := verdict.ChainSet{Name: e.set.owner.String(), Type: typeName(e.set.rrtype), Signatures: r.signatures(nil, e)}
	if !e.ok {
		out.Reason = e.code
	}
	for i, rr := range e.set.rrs {
		if i == maxShownRecords {
			out.More = len(e.set.rrs) - i
			break
		}
		data := strings.TrimPrefix(rr.String(), rr.Header().String())
		if x, ok := rr.(*dns.RFC3597); ok { // whose header is written otherwise
			data = `\# ` + itoa(len(x.Rdata)/2) + " " + x.Rdata
		}
		if len(data) > maxShownText {
			data = data[:maxShownText-3] + "..."
		}
		out.Records = append(out.Records, data)
	}
	return out
}

// place says where in a zone's part of the chain a reason belongs.
func place(why *Reason) verdict.ChainPlace {
	switch {
	case why == nil:
		return ""
	case why.Code == codeNoKeyForDS, why.Code == codeDSMismatch, why.Code == codeAnchorMismatch, why.Code == codeAlgorithm,
		why.Code == codeDigest, why.Code == codeAnchorAlgorithm:
		return verdict.AtMatch
	case why.Args["type"] == typeName(dns.TypeDNSKEY):
		return verdict.AtKeys
	}
	return verdict.AtDS
}

// ChainOfTrust returns the chain as data, to store and to draw.
func (r Result) ChainOfTrust() verdict.Chain {
	out := verdict.Chain{Name: r.Name, Type: typeName(r.Type), State: r.State.String(), Rcode: rcodeName(r.Rcode),
		At: r.At.UTC().Truncate(time.Second), Zones: []verdict.ChainZone{}, Hops: r.Hops}
	for _, l := range r.Chain {
		z := verdict.ChainZone{Zone: l.Zone, Parent: l.Parent, State: l.State.String(), DS: l.Digests,
			Keys: l.Keys[:min(len(l.Keys), maxShownKeys)], Signatures: l.Signatures}
		if l.Reason != nil {
			z.Place, z.Reason = place(l.Reason), l.Reason.Code
			for _, why := range r.Reasons { // that a zone is signed all the same is seen at its answers
				if why.Code == codeIsland && why.Zone == l.Zone {
					z.Reason = why.Code
				}
			}
		}
		out.Zones = append(out.Zones, z)
	}
	return out
}
