package dnssec

import (
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"ready6/probes/verdict"
)

// fits reports whether a DS record is of a key (RFC 4034 5.1.4).
func fits(ds *dns.DS, k *dns.DNSKEY) bool {
	if ds.Algorithm != k.Algorithm || ds.KeyTag != newKey(k).tag {
		return false
	}
	made := k.ToDS(ds.DigestType)
	return made != nil && strings.EqualFold(made.Digest, ds.Digest)
}

// unreadable reports whether a DS record may be of a key, in a digest that is
// not known here: such a one is nothing to be judged.
func unreadable(ds *dns.DS) bool {
	return !digests[ds.DigestType].supported() || !algorithms[ds.Algorithm].supported()
}

// named reports whether a DS record at the parent is of the key.
func (p *posture) named(k *dns.DNSKEY) bool {
	return slices.ContainsFunc(p.ds, func(ds *dns.DS) bool { return fits(ds, k) })
}

func (p *posture) anyMatch(keys []*dns.DNSKEY) bool { return slices.ContainsFunc(keys, p.named) }

// delegation compares the parent's DS records with the keys.
func (p *posture) delegation() {
	if p.above() || p.unreadableDS() {
		return
	}
	p.links()
	p.remnants()
	if !slices.ContainsFunc(p.ds, func(ds *dns.DS) bool { return ds.DigestType != dns.SHA1 }) {
		p.add("posture.ds-sha1", nil, "record", record(p.ds[0]))
	}
}

// above judges what needs no key of the zone; true: there is nothing more.
func (p *posture) above() bool {
	switch {
	case p.DSCause != "":
		p.add("posture.parent-unknown", nil, "cause", string(p.DSCause))
		return true
	case p.Parent == "":
		return true
	case !p.ParentSigned:
		p.add("posture.parent-unsigned", nil)
		return true
	case len(p.ds) == 0:
		if wanted := p.wantedDS(); wanted != "" {
			p.add("posture.island", nil, "ds", wanted, "record", wanted)
		}
		return true
	}
	return false
}

// links judges at which servers the chain from the parent is broken.
func (p *posture) links() {
	var broken, unlinked []*seen
	for _, s := range p.seen {
		switch {
		case s.passing, len(s.keys) == 0:
		case !p.anyMatch(s.keys):
			broken = append(broken, s)
		case p.unlinked(s):
			unlinked = append(unlinked, s)
		}
	}
	if len(unlinked) > 0 {
		p.add("posture.dnskey-unlinked", indices(unlinked), "servers", p.who(unlinked), "tags", dsTags(p.ds), "record", record(p.ds[0]))
	}
	if len(broken) > 0 {
		p.add("posture.ds-no-key", indices(broken), "servers", p.who(broken), "tags", dsTags(p.ds), "record", record(p.ds[0]))
	}
}

// unlinked reports whether a server's keys are signed, but by none that a DS
// record names.
func (p *posture) unlinked(s *seen) bool {
	for _, set := range s.sets {
		if set.rrtype != dns.TypeDNSKEY || len(set.sigs) == 0 {
			continue
		}
		return !slices.ContainsFunc(set.sigs, func(sig *dns.RRSIG) bool {
			return slices.ContainsFunc(s.keys, func(k *dns.DNSKEY) bool {
				return p.named(k) && k.Algorithm == sig.Algorithm && newKey(k).tag == sig.KeyTag
			})
		})
	}
	return false
}

// unreadableDS reports whether no DS record can be judged: the zone is insecure
// then, whatever its keys.
func (p *posture) unreadableDS() bool {
	return !slices.ContainsFunc(p.ds, func(ds *dns.DS) bool { return !unreadable(ds) })
}

// remnants tells DS records beside good ones that are of no key. One that the
// zone itself asks for (CDS) is ahead of its key, not behind.
func (p *posture) remnants() {
	if !p.anyMatch(p.keys) {
		return // that is told of the servers
	}
	for _, ds := range p.ds {
		fit := func(s *seen) bool {
			return slices.ContainsFunc(s.keys, func(k *dns.DNSKEY) bool { return fits(ds, k) })
		}
		switch {
		case unreadable(ds), slices.ContainsFunc(p.seen, fit):
		case p.asked(ds):
			p.add("posture.rollover-ds-ahead", nil, "tag", fmt.Sprint(ds.KeyTag), "record", record(ds))
		default:
			p.add("posture.ds-remnant", nil, "tag", fmt.Sprint(ds.KeyTag), "record", record(ds))
		}
	}
}

// wantedDS is the DS record that the parent should have, in SHA-256.
func (p *posture) wantedDS() string {
	for _, k := range p.keys {
		if k.Flags&dns.SEP == 0 || k.Flags&dns.REVOKE != 0 {
			continue
		}
		if ds := k.ToDS(dns.SHA256); ds != nil {
			return strings.Join(strings.Fields(ds.String()), " ")
		}
	}
	for _, k := range p.keys { // a zone may do without the SEP flag (RFC 4034 2.1.1)
		if ds := k.ToDS(dns.SHA256); ds != nil {
			return strings.Join(strings.Fields(ds.String()), " ")
		}
	}
	return ""
}

func dsTags(list []*dns.DS) string {
	return joined(list, func(ds *dns.DS) string { return fmt.Sprint(ds.KeyTag) })
}

// algorithms judges the keys by the registry (RFC 9904) and by their length.
func (p *posture) algorithms() {
	short := map[int][]*dns.DNSKEY{}
	old := map[uint8][]*dns.DNSKEY{}
	for _, k := range p.keys {
		old[k.Algorithm] = append(old[k.Algorithm], k)
		if bits := newKey(k).bits; bits > 0 && bits < 2048 && isRSA(k.Algorithm) {
			short[bits] = append(short[bits], k)
		}
	}
	for _, alg := range sortedKeys(old) {
		code := verdict.Reason("")
		switch row, known := algorithms[alg]; {
		case alg == dns.RSASHA1, alg == dns.RSASHA1NSEC3SHA1:
			code = "posture.algorithm-sha1"
		case !known:
			code = "posture.algorithm-unknown"
		case row.outdated():
			code = "posture.algorithm-deprecated"
		}
		if code != "" {
			p.add(code, nil, "tag", tags(old[alg]), "algorithm", algorithmName(alg), "record", record(old[alg][0]))
		}
	}
	for _, bits := range sortedKeys(short) {
		p.add("posture.rsa-short", nil, "tag", tags(short[bits]), "bits", fmt.Sprint(bits), "record", record(short[bits][0]))
	}
}

func isRSA(alg uint8) bool {
	return alg == dns.RSASHA1 || alg == dns.RSASHA1NSEC3SHA1 || alg == dns.RSASHA256 || alg == dns.RSASHA512
}

func sortedKeys[K uint8 | int, V any](m map[K]V) []K {
	var out []K
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// denial judges the NSEC3 parameters (RFC 9276 3.1) of the current servers.
func (p *posture) denial() {
	iterations, salt, rec := uint16(0), "", ""
	optOut := false
	for _, s := range p.current {
		for _, set := range s.sets {
			for _, rr := range set.rrs {
				var it uint16
				var sa string
				switch rr := rr.(type) {
				case *dns.NSEC3:
					it, sa, optOut = rr.Iterations, rr.Salt, optOut || rr.Flags&1 == 1
				case *dns.NSEC3PARAM:
					it, sa = rr.Iterations, rr.Salt
				default:
					continue
				}
				if it > iterations || sa != "" && sa != "-" && salt == "" {
					rec = record(rr)
				}
				iterations = max(iterations, it)
				if sa != "-" && salt == "" {
					salt = sa
				}
			}
		}
	}
	if iterations > 0 {
		p.add("posture.nsec3-iterations", nil, "iterations", fmt.Sprint(iterations), "record", rec)
	}
	if salt != "" {
		p.add("posture.nsec3-salt", nil, "salt", salt, "record", rec)
	}
	if optOut {
		p.add("posture.opt-out", nil)
	}
}

// transport judges how the keys travel.
func (p *posture) transport() {
	var large, deaf []*seen
	size, cause := 0, ""
	for _, s := range p.seen {
		n := s.DNSKEY.Size
		if s.DNSKEYTCP.Msg != nil {
			n = s.DNSKEYTCP.Size
		}
		if n > plainUDP && len(s.keys) > 0 {
			large, size = append(large, s), max(size, n)
		}
		c := replyCause(s.DNSKEYTCP)
		if s.DNSKEY.Msg != nil && replyCause(s.DNSKEY) == "" && c != "" && !ourCause(c) {
			deaf, cause = append(deaf, s), string(c)
		}
	}
	if len(large) > 0 {
		p.add("posture.dnskey-large", indices(large), "servers", p.who(large), "size", fmt.Sprint(size))
	}
	if len(deaf) > 0 {
		p.add("posture.dnskey-no-tcp", indices(deaf), "servers", p.who(deaf), "cause", cause)
	}
}
