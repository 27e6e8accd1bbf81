package dnssec

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/miekg/dns"
)

// supportedDS keeps the DS records that can be used at all, and of those drops
// SHA-1 digests if there is a better one (RFC 4509 3).
func supportedDS(rrs []dns.RR) []*dns.DS {
	var out []*dns.DS
	better := false
	for _, rr := range rrs {
		ds, ok := rr.(*dns.DS)
		if ok && algorithms[ds.Algorithm].supported() && digests[ds.DigestType].supported() {
			out = append(out, ds)
			better = better || ds.DigestType != dns.SHA1
		}
	}
	if better {
		out = slices.DeleteFunc(out, func(ds *dns.DS) bool { return ds.DigestType == dns.SHA1 })
	}
	return out
}

// unsupported words why none of a DS set can be used: an algorithm, or a digest.
func unsupportedDS(parent, c name, rrs []dns.RR) Reason {
	code, rec, alg, digest := codeAlgorithm, "", "", ""
	for _, rr := range rrs {
		ds, ok := rr.(*dns.DS)
		if !ok {
			continue
		}
		if rec == "" || algorithms[ds.Algorithm].supported() {
			rec, alg, digest = record(ds), algorithmName(ds.Algorithm), digestName(ds.DigestType)
		}
		if algorithms[ds.Algorithm].supported() {
			code = codeDigest
			break
		}
	}
	return newReason(code, c, c, dns.TypeDS, "record", rec, "algorithm", alg, "digest", digest, "parent", parent.String())
}

// reply is what a question asked ahead brought.
type reply struct {
	msg *dns.Msg
	err error
}

// asked is a question under way. Its answer can be taken once.
type asked struct {
	reply  chan reply
	cancel context.CancelFunc
	done   chan struct{}
}

// fetch asks a question while other work goes on, to save a round trip.
func (r *run) fetch(n name, qtype uint16) asked {
	ctx, cancel := context.WithCancel(r.ctx)
	a := asked{reply: make(chan reply, 1), cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(a.done)
		defer func() {
			if p := recover(); p != nil { // nobody above this goroutine could
				a.reply <- reply{err: fmt.Errorf("defect: %v", p)}
			}
		}()
		m, err := r.v.src.Query(ctx, n.String(), qtype)
		a.reply <- reply{m, err}
	}()
	return a
}

// stop ends the question and waits for it, so that nothing outlives the caller.
func (a asked) stop() {
	a.cancel()
	<-a.done
}

// keysByDS makes the zone at c from its DNSKEY set, which a key that the DS
// records name must have signed (RFC 4035 5.2).
func (r *run) keysByDS(c name, parent *zone, cut cut, early <-chan reply) *zone {
	ds := supportedDS(cut.ds)
	if len(ds) == 0 {
		z := r.failed(c, parent, Insecure, unsupportedDS(parent.apex, c, cut.ds))
		z.link.DS = slices.Clone(cut.ds) // and not the message around them
		return z
	}
	var limit *Reason
	trust := func(keys []*key) ([]*key, *Reason) {
		trusted, mismatch, ok := r.matchDS(c, keys, ds)
		if !ok {
			reason := newReason(codeLimit, c, c, dns.TypeDNSKEY)
			limit = &reason
			return nil, limit
		}
		if len(trusted) == 0 {
			reason := newReason(codeNoKeyForDS, c, c, dns.TypeDS,
				"record", record(ds[0]), "tag", itoa(int(ds[0].KeyTag)), "parent", parent.apex.String())
			if mismatch != nil {
				reason = newReason(codeDSMismatch, c, c, dns.TypeDS,
					"record", record(mismatch), "tag", itoa(int(mismatch.KeyTag)), "parent", parent.apex.String())
			}
			return nil, &reason
		}
		return trusted, nil
	}
	z := r.keyed(c, parent, trust, early)
	if !r.v.Brief {
		z.link.DS = slices.Clone(cut.ds)
	}
	if z.state == Secure {
		z.expires = earlier(z.expires, cut.expires)
		z.link.Expires = earlier(z.link.Expires, cut.expires)
	}
	return z
}

// maxDigests bounds how many DS digests may fail to match for one zone: keys
// crafted to share the tag of the DS cost one each.
const maxDigests = 32

// matchDS returns the keys that DS records name, and a DS whose tag and
// algorithm fit a key while the digest does not. False: too many such.
func (r *run) matchDS(c name, keys []*key, set []*dns.DS) (trusted []*key, mismatch *dns.DS, ok bool) {
	failed := 0
	for _, ds := range set {
		want, err := hex.DecodeString(ds.Digest)
		if err != nil {
			continue
		}
		for _, k := range keys {
			if k.tag != ds.KeyTag || k.algorithm != ds.Algorithm || k.rdata == nil {
				continue
			}
			if bytes.Equal(k.dsDigest(c, ds.DigestType), want) {
				r.b.matched = append(r.b.matched, ds)
				if !slices.Contains(trusted, k) {
					trusted = append(trusted, k)
				}
				continue
			}
			mismatch = ds
			if failed++; failed > maxDigests {
				return nil, ds, len(trusted) > 0
			}
		}
	}
	return trusted, mismatch, true
}

// prime makes the zone at c from its DNSKEY set and the trust anchors for it
// (RFC 4035 5, RFC 5011).
func (r *run) prime(c name, anchors []dns.RR) *zone {
	var ds []dns.RR
	var pinned []*key
	for _, rr := range anchors {
		if k, ok := rr.(*dns.DNSKEY); ok {
			if algorithms[k.Algorithm].supported() {
				pinned = append(pinned, newKey(k))
			}
		} else {
			ds = append(ds, rr)
		}
	}
	usable := supportedDS(ds)
	if len(usable) == 0 && len(pinned) == 0 {
		z := r.failed(c, nil, Insecure, newReason(codeAnchorAlgorithm, c, c, dns.TypeDNSKEY, "record", record(anchors[0])))
		z.link.Anchor = anchors
		return z
	}
	trust := func(keys []*key) ([]*key, *Reason) {
		trusted, _, ok := r.matchDS(c, keys, usable)
		if !ok {
			reason := newReason(codeLimit, c, c, dns.TypeDNSKEY)
			return nil, &reason
		}
		for _, k := range keys {
			for _, p := range pinned {
				if k.algorithm == p.algorithm && k.rr.PublicKey == p.rr.PublicKey && !slices.Contains(trusted, k) {
					trusted = append(trusted, k)
				}
			}
		}
		if len(trusted) == 0 {
			reason := newReason(codeAnchorMismatch, c, c, dns.TypeDNSKEY, "record", record(anchors[0]))
			return nil, &reason
		}
		return trusted, nil
	}
	z := r.keyed(c, nil, trust, nil)
	z.link.Anchor = anchors
	return z
}

// keyed asks for the DNSKEY set of c and makes the zone if one of the keys that
// trust picks has signed the set; other servers are tried if not.
func (r *run) keyed(c name, parent *zone, trust func([]*key) ([]*key, *Reason), early <-chan reply) *zone {
	var m *dns.Msg
	var reason *Reason
	if early != nil {
		rep := <-early
		m, reason = r.usable(rep.msg, rep.err, c, dns.TypeDNSKEY)
	} else {
		m, reason = r.query(c, dns.TypeDNSKEY)
	}
	if reason != nil {
		return r.failed(c, parent, Indeterminate, *reason)
	}
	z := r.doubted(r.judgeKeys(c, parent, trust, newMessage(m)), m)
	for tries := 0; z.unsettled() && tries < maxRetries; tries++ {
		if m = r.retry(c, dns.TypeDNSKEY, m); m == nil {
			break
		}
		again := r.doubted(r.judgeKeys(c, parent, trust, newMessage(m)), m)
		switch {
		case again.state == Secure:
			if z.state == Bogus {
				again.remarks = append(again.remarks, disagreement(z.reason()))
			}
			return again
		case again.state == Bogus && z.state != Bogus:
			z = again
		}
	}
	return z
}

// judgeKeys judges one answer to the question for c's DNSKEY set.
func (r *run) judgeKeys(c name, parent *zone, trust func([]*key) ([]*key, *Reason), msg *message) *zone {
	set := msg.answer.find(c, dns.TypeDNSKEY)
	if set == nil || len(set.rrs) == 0 {
		if anchors := r.v.anchors[c]; parent == nil && len(anchors) > 0 {
			return r.failed(c, parent, Bogus, newReason(codeAnchorMismatch, c, c, dns.TypeDNSKEY, "record", record(anchors[0])))
		}
		return r.failed(c, parent, Bogus, newReason(codeDNSKEYMissing, c, c, dns.TypeDNSKEY))
	}
	if len(set.rrs) > maxKeys {
		return r.failed(c, parent, Indeterminate, newReason(codeLimit, c, c, dns.TypeDNSKEY))
	}
	keys := make([]*key, 0, len(set.rrs))
	for _, rr := range set.rrs {
		if k, ok := rr.(*dns.DNSKEY); ok {
			keys = append(keys, newKey(k))
		}
	}
	trusted, reason := trust(keys)
	if reason != nil {
		z := r.failed(c, parent, Bogus, *reason)
		if reason.Code == codeLimit {
			z = r.failed(c, parent, Indeterminate, *reason)
		}
		z.link.Keys = describe(keys, nil, nil)
		return z
	}
	got := r.verify(c, trusted, set)
	for i, a := range got.tried { // only trusted keys were tried; a signature by another is not at fault
		if a.code == codeKeyMissing && published(keys, a.sig) {
			got.tried[i].code = ""
		}
	}
	if !got.ok {
		state := Bogus
		if got.limit {
			state = Indeterminate
		}
		if got.reason.Code == codeKeyMissing { // signed, but not by a key that is trusted
			got.reason = newReason(codeDNSKEYUnsigned, c, c, dns.TypeDNSKEY,
				"record", record(trusted[0].rr), "tag", itoa(int(trusted[0].tag)))
		}
		z := r.failed(c, parent, state, got.reason)
		z.link.Keys = describe(keys, trusted, nil)
		return z
	}
	z := &zone{apex: c, state: Secure, parent: parent, expires: got.expires,
		link: &Link{Zone: c.String(), State: Secure, Expires: got.expires}}
	if !r.v.Brief {
		z.link.Keys = describe(keys, trusted, got.key)
	}
	z.keys = slices.DeleteFunc(keys, func(k *key) bool { return k.algorithm == 0 || k.rdata == nil })
	for _, k := range z.keys {
		k.rr = nil
	}
	if parent != nil {
		z.expires = earlier(z.expires, parent.expires)
	}
	return z
}

// published reports that one of the keys may have made a signature.
func published(keys []*key, sig *dns.RRSIG) bool {
	return slices.ContainsFunc(keys, func(k *key) bool { return k.tag == sig.KeyTag && k.algorithm == sig.Algorithm })
}

func describe(keys, trusted []*key, signer *key) []Key {
	if len(keys) == 0 {
		return nil
	}
	out := make([]Key, 0, len(keys))
	for _, k := range keys {
		out = append(out, Key{Tag: k.tag, Flags: k.flags, Algorithm: algorithmName(k.algorithm), Bits: k.bits,
			Trusted: slices.Contains(trusted, k), Signs: k == signer})
	}
	return out
}
