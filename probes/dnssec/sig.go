package dnssec

import (
	"encoding/base64"
	"sync"
	"time"

	"github.com/miekg/dns"

	"ready6/probes/verdict"
)

// checked is what came out of verifying one record set.
type checked struct {
	ok      bool
	sig     *dns.RRSIG // the one that holds
	key     *key
	expires time.Time
	reason  Reason // why not, if not ok
	limit   bool   // a work limit was hit before an answer was found
	tried   []attempt
}

// expanded returns the closest encloser whose wildcard the set was made from,
// and false if the set stands in the zone under its own name (RFC 4035 5.3.4).
func (c checked) expanded(owner name) (name, bool) {
	n := owner.labels()
	if owner.isWild() {
		n--
	}
	if int(c.sig.Labels) >= n {
		return "", false
	}
	return owner.last(int(c.sig.Labels)), true
}

// verify checks a record set against keys of the zone at apex (RFC 4035 5.3).
// One good signature is enough (RFC 6840 5.11).
func (r *run) verify(apex name, keys []*key, set *rrset) checked {
	got := r.examine(apex, keys, set)
	if !r.v.Brief {
		r.b.note(apex, set, got)
	}
	return got
}

func (r *run) examine(apex name, keys []*key, set *rrset) checked {
	var tried []attempt
	var worst fault
	failed := 0
	for _, sig := range set.sigs {
		f := r.precheck(apex, set, sig)
		if f.code != "" {
			worst = worst.orWorse(f)
			tried = append(tried, attempt{sig: sig, code: f.code})
			continue
		}
		c, f := r.tryKeys(apex, keys, set, sig, &failed)
		tried = append(tried, attempt{sig: sig, code: f.code, ok: c.ok})
		if c.ok {
			c.tried = tried
			return c
		}
		worst = worst.orWorse(f)
		if r.b.spent {
			return checked{limit: true, tried: tried, reason: newReason(codeLimit, apex, set.owner, set.rrtype)}
		}
	}
	if worst.code == "" {
		worst = fault{code: codeNoSignature}
	}
	return checked{tried: tried, reason: r.word(worst, apex, set)}
}

// fault is why a signature does not count; a later stage of checking tells more
// about the cause and wins when several signatures fail.
type fault struct {
	code  verdict.Reason
	sig   *dns.RRSIG
	stage int
}

func (f fault) orWorse(g fault) fault {
	if f.code == "" || g.stage > f.stage {
		return g
	}
	return f
}

// precheck applies the rules of RFC 4035 5.3.1 that need no key. Owner, class
// and type covered match because of how sets are made.
func (r *run) precheck(apex name, set *rrset, sig *dns.RRSIG) fault {
	signer, ok := parseName(sig.SignerName)
	switch {
	// "The RRSIG RR's Signer's Name field MUST be the name of the zone that contains the RRset."
	case !ok || signer != apex || !set.owner.within(apex):
		return fault{codeSignerWrong, sig, 1}
	case !algorithms[sig.Algorithm].supported():
		return fault{codeSigUnsupported, sig, 2}
	// "The number of labels in the RRset owner name MUST be greater than or equal to the value in the RRSIG RR's Labels field."
	case set.owner.labels() < int(sig.Labels) || int(sig.Labels) < apex.labels():
		return fault{codeSigLabels, sig, 3}
	case set.owner.isWild() && set.owner.labels() == int(sig.Labels):
		return fault{codeSigLabels, sig, 3}
	// "The validator's notion of the current time MUST be less than or equal to" Expiration and
	// "greater than or equal to" Inception, in serial arithmetic (RFC 4034 3.1.5, RFC 1982).
	case int32(sig.Expiration-sig.Inception) < 0:
		return fault{codeSigDates, sig, 4}
	case int32(sig.Expiration-r.now32) < 0:
		return fault{codeExpired, sig, 5}
	case int32(r.now32-sig.Inception) < 0:
		return fault{codeNotYet, sig, 5}
	}
	return fault{}
}

// tryKeys tries every key that the signature may have been made with: key tags
// are no more than a hint, several keys can share one (RFC 4034 appendix B).
func (r *run) tryKeys(apex name, keys []*key, set *rrset, sig *dns.RRSIG, failed *int) (checked, fault) {
	f := fault{codeKeyMissing, sig, 6}
	s := signeds.Get().(*signed)
	defer signeds.Put(s)
	ready := false
	for _, k := range keys {
		if k.tag != sig.KeyTag || k.algorithm != sig.Algorithm {
			continue
		}
		if !k.usable() {
			f = f.orWorse(fault{codeKeyUnusable, sig, 7})
			continue
		}
		if ready = ready || s.read(sig, apex, set); !ready {
			return checked{}, fault{codeSigInvalid, sig, 8}
		}
		id := memoryKey(k, s.data, s.signature)
		good := r.v.memory.has(id)
		if !good {
			if !r.b.check(*failed, k.cost) {
				return checked{}, f
			}
			if good = k.check(s.data, s.signature); good {
				r.v.memory.add(id, sig.Expiration)
			}
		}
		if good {
			return checked{ok: true, sig: sig, key: k, expires: nearest(sig.Expiration, r.now)}, fault{}
		}
		*failed += k.cost
		r.b.failed(k.cost)
		f = fault{codeSigInvalid, sig, 8}
	}
	return checked{}, f
}

// signed is what a signature was made over, and the signature itself.
type signed struct{ data, signature []byte }

// signeds lend room for one signature each, for as long as it is checked.
var signeds = sync.Pool{New: func() any { return new(signed) }}

// read is false for a set or a signature that cannot be read.
func (s *signed) read(sig *dns.RRSIG, apex name, set *rrset) bool {
	canon, ok := set.canonical()
	if !ok {
		return false
	}
	s.data = appendSigned(s.data[:0], sig, apex, set.owner, dns.ClassINET, canon)
	var err error
	s.signature, err = base64.StdEncoding.AppendDecode(s.signature[:0], []byte(sig.Signature))
	return err == nil
}

// word makes the reason for a set none of whose signatures counts.
func (r *run) word(f fault, apex name, set *rrset) Reason {
	if f.sig == nil {
		var rec string
		if len(set.rrs) > 0 {
			rec = record(set.rrs[0])
		}
		return newReason(f.code, apex, set.owner, set.rrtype, "record", rec)
	}
	s := f.sig
	return newReason(f.code, apex, set.owner, set.rrtype,
		"record", record(s), "tag", itoa(int(s.KeyTag)), "algorithm", algorithmName(s.Algorithm), "signer", s.SignerName,
		"inception", stamp(s.Inception, r.now), "expiration", stamp(s.Expiration, r.now), "labels", itoa(int(s.Labels)))
}
