package lab

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// record reads the data of an add or replace as a record of the zone.
func (z *zone) record(e edit) (dns.RR, error) {
	rr, err := dns.NewRR(fmt.Sprintf("%s %d IN %s %s", z.qualified(e.owner), z.spec.ttl, e.rtype, z.relative(e.rest)))
	if err == nil && rr == nil {
		err = errors.New("no record")
	}
	return rr, err
}

// relative lets data end in a name that is relative to the zone by writing @.
func (z *zone) relative(data string) string {
	return strings.ReplaceAll(data, " @", " "+z.name)
}

// qualified is the full owner name: "@" is the apex, a final dot makes a name
// absolute, anything else is relative to the zone.
func (z *zone) qualified(owner string) string {
	switch {
	case owner == "@":
		return z.name
	case strings.HasSuffix(owner, "."):
		return owner
	}
	return owner + "." + strings.TrimPrefix(z.name, ".")
}

// apply does an edit before signing.
func (z *zone) apply(e edit) error {
	if e.verb == "remove" || e.verb == "replace" {
		if err := z.eachSet(e, func(owner string, rtype uint16, _ *rrset) error { z.remove(owner, rtype); return nil }); err != nil {
			return err
		}
	}
	if e.verb == "remove" {
		return nil
	}
	rr, err := z.record(e)
	if err != nil {
		return err
	}
	z.add(rr)
	return nil
}

// eachSet calls f for the sets that an edit names; naming none is an error, so
// that a world cannot fail to break what it means to break. For type NSEC3 the
// owner is the name whose hash matches or, failing that, whose gap covers it.
func (z *zone) eachSet(e edit, f func(owner string, rtype uint16, set *rrset) error) error {
	owner, found := z.qualified(e.owner), false
	if want := dns.StringToType[e.rtype]; want == dns.TypeNSEC3 && e.owner != "any" {
		o, ok := z.match(owner)
		if !ok {
			o, _ = z.cover(owner)
		}
		owner = o
	}
	for name, node := range z.sets {
		if e.owner != "any" && name != owner {
			continue
		}
		for _, t := range sortedTypes(node) {
			if e.rtype != "ANY" && dns.TypeToString[t] != e.rtype {
				continue
			}
			found = true
			if err := f(name, t, node[t]); err != nil {
				return err
			}
		}
	}
	if !found {
		return fmt.Errorf("there is no %s %s to %s", e.owner, e.rtype, e.verb)
	}
	return nil
}

// amend breaks the signed zone.
func (z *zone) amend(e edit, now time.Time) error {
	switch e.verb {
	case "mute":
		z.muted[z.qualified(e.owner)+" "+e.rtype] = true
		return nil
	case "add", "replace", "remove":
		return z.amendData(e)
	}
	return z.eachSet(e, func(_ string, rtype uint16, set *rrset) error {
		switch e.verb {
		case "strip":
			set.sigs = nil
			return nil
		case "drop-bit":
			return dropBit(set, e.rest)
		case "other-key":
			return z.signBy(set, z.others(rtype), now.Add(z.spec.from), now.Add(z.spec.to))
		case "expire":
			return z.signBy(set, z.signers(rtype), now.Add(-30*24*time.Hour), now.Add(-2*24*time.Hour))
		case "future":
			return z.signBy(set, z.signers(rtype), now.Add(2*24*time.Hour), now.Add(30*24*time.Hour))
		}
		return z.eachSig(set, e)
	})
}

// amendData changes records and leaves the old signatures where there are any.
func (z *zone) amendData(e edit) error {
	if e.verb == "remove" {
		return z.eachSet(e, func(owner string, rtype uint16, _ *rrset) error { z.remove(owner, rtype); return nil })
	}
	rr, err := z.record(e)
	if err != nil {
		return err
	}
	if e.verb == "replace" {
		return z.eachSet(e, func(_ string, _ uint16, set *rrset) error { set.rrs = []dns.RR{rr}; return nil })
	}
	z.add(rr)
	return nil
}

// others are the keys that should not sign a type.
func (z *zone) others(rtype uint16) []key {
	if rtype == dns.TypeDNSKEY {
		return z.keys[1:]
	}
	return z.keys[:1]
}

// signBy replaces a set's signatures by those of certain keys and period.
func (z *zone) signBy(set *rrset, keys []key, from, to time.Time) error {
	set.sigs = nil
	for _, k := range keys {
		sig, err := k.sign(z, set.rrs, from, to)
		if err != nil {
			return err
		}
		set.sigs = append(set.sigs, sig)
	}
	return nil
}

// eachSig changes the signatures of a set in place.
func (z *zone) eachSig(set *rrset, e edit) error {
	for i, rr := range set.sigs {
		sig := dns.Copy(rr).(*dns.RRSIG)
		switch e.verb {
		case "corrupt":
			raw, err := base64.StdEncoding.DecodeString(sig.Signature)
			if err != nil || len(raw) == 0 {
				return fmt.Errorf("signature %q: %v", sig.Signature, err)
			}
			raw[len(raw)/2] ^= 0xff
			sig.Signature = base64.StdEncoding.EncodeToString(raw)
		case "signer":
			sig.SignerName = canonical(e.rest)
		case "labels":
			sig.Labels++
		case "algorithm":
			sig.Algorithm = 250
		}
		set.sigs[i] = sig
	}
	if len(set.sigs) == 0 {
		return errors.New("the set has no signatures")
	}
	return nil
}

// dropBit takes a type out of NSEC and NSEC3 bit maps; the signature over the
// record then no longer fits, so it is one more way of breaking it.
func dropBit(set *rrset, rtype string) error {
	t, ok := dns.StringToType[rtype]
	if !ok {
		return fmt.Errorf("no type %q", rtype)
	}
	for i, rr := range set.rrs {
		rr = dns.Copy(rr)
		switch rr := rr.(type) {
		case *dns.NSEC:
			rr.TypeBitMap = slices.DeleteFunc(rr.TypeBitMap, func(b uint16) bool { return b == t })
		case *dns.NSEC3:
			rr.TypeBitMap = slices.DeleteFunc(rr.TypeBitMap, func(b uint16) bool { return b == t })
		default:
			return errors.New("only NSEC and NSEC3 have bit maps")
		}
		set.rrs[i] = rr
	}
	return nil
}
