package dnssec

import (
	"slices"

	"github.com/miekg/dns"
)

// cryptography verifies what each server serves by the keys that it publishes
// itself: a signature may be in date and yet damaged, or of a key that is gone.
// What signatures.go has told already, and what cannot be checked for want of a
// known algorithm or within the limits of work, is passed over.
func (p *posture) cryptography() {
	v := &Validator{} // whose memory saves checking the same at every server
	var invalid, keyless verified
	for _, s := range p.seen {
		if s.passing || len(s.keys) == 0 {
			continue
		}
		r := &run{v: v, now: p.Now, now32: uint32(p.Now.Unix()), b: &budget{}}
		var keys []*key
		for _, k := range s.keys {
			keys = append(keys, newKey(k))
		}
		for _, set := range s.sets {
			if sp, ok := p.spanOf(s, set); !ok || !sp.good(p.Now) {
				continue
			}
			switch got := r.examine(p.zone, keys, set); {
			case got.ok, got.limit, got.reason.Code == codeSigUnsupported:
			case got.reason.Code == codeKeyMissing, got.reason.Code == codeKeyUnusable:
				keyless.add(s, set)
			default:
				invalid.add(s, set)
			}
		}
	}
	p.fault("posture.sig-invalid", invalid.at, joined(invalid.sets, typeOfSet), invalid.pairs()...)
	p.fault("posture.sig-no-key", keyless.at, joined(keyless.sets, typeOfSet), keyless.pairs()...)
}

// verified is what did not hold, and where.
type verified struct {
	at   []*seen
	sets []*rrset
}

func (v *verified) add(s *seen, set *rrset) {
	if !slices.Contains(v.at, s) {
		v.at = append(v.at, s)
	}
	v.sets = append(v.sets, set)
}

func (v *verified) pairs() []string {
	if len(v.sets) == 0 {
		return nil
	}
	var sigs []*dns.RRSIG
	for _, set := range v.sets {
		sigs = append(sigs, set.sigs...)
	}
	return []string{"tags", joined(sigs, func(s *dns.RRSIG) string { return itoa(int(s.KeyTag)) }), "record", record(sigs[0])}
}

func typeOfSet(set *rrset) string { return typeName(set.rrtype) }
