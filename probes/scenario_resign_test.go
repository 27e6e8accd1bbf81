package probes_test

import (
	"bytes"
	"crypto/dsa" //lint:ignore SA1019 what is replaced here is of its time
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// Many scenarios are of a time when DSA was in use. RFC 9904 forbids it for
// validation, which makes such zones insecure and what the scenario tests goes
// untested. So a scenario's DSA keys are replaced by ECDSA ones: what was
// signed well is signed again, what was not stays badly signed.
type resigner struct {
	keys map[string]*replaced // by public key
}

type replaced struct {
	old, new *dns.DNSKEY // owner names are those of the first appearance
	private  *ecdsa.PrivateKey
}

func isDSA(algorithm uint8) bool { return algorithm == dns.DSA || algorithm == dns.DSANSEC3SHA1 }

// resign changes a scenario in place and returns its trust anchors, changed alike.
func resign(s *scenario, anchors []dns.RR) ([]dns.RR, error) {
	r := &resigner{keys: map[string]*replaced{}}
	sections := [][]dns.RR{anchors}
	entries := s.entries()
	for _, e := range entries {
		sections = append(sections, e.msg.Answer, e.msg.Ns, e.msg.Extra)
	}
	for _, section := range sections {
		for _, rr := range section {
			if k, ok := rr.(*dns.DNSKEY); ok && isDSA(k.Algorithm) && r.keys[k.PublicKey] == nil {
				if err := r.replace(k); err != nil {
					return nil, err
				}
			}
		}
	}
	if len(r.keys) == 0 && !slices.ContainsFunc(sections, func(rrs []dns.RR) bool { return slices.ContainsFunc(rrs, ofDSA) }) {
		return anchors, nil
	}
	for _, e := range entries {
		m := e.msg
		out := r.records(slices.Concat(m.Answer, m.Ns, m.Extra)) // signatures may be in another section
		a, n := len(m.Answer), len(m.Answer)+len(m.Ns)
		m.Answer, m.Ns, m.Extra = out[:a:a], out[a:n:n], out[n:]
	}
	return r.records(anchors), nil
}

func ofDSA(rr dns.RR) bool {
	switch rr := rr.(type) {
	case *dns.DS:
		return isDSA(rr.Algorithm)
	case *dns.RRSIG:
		return isDSA(rr.Algorithm)
	}
	return false
}

// entries lists every message of the scenario.
func (s *scenario) entries() []*entry {
	var out []*entry
	for _, r := range s.ranges {
		out = append(out, r.entries...)
	}
	for _, st := range s.steps {
		if st.entry != nil {
			out = append(out, st.entry)
		}
	}
	return out
}

func (r *resigner) replace(k *dns.DNSKEY) error {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	point, err := private.PublicKey.Bytes()
	if err != nil {
		return err
	}
	n := dns.Copy(k).(*dns.DNSKEY)
	n.Algorithm = dns.ECDSAP256SHA256
	n.PublicKey = base64.StdEncoding.EncodeToString(point[1:])
	r.keys[k.PublicKey] = &replaced{old: k, new: n, private: private}
	return nil
}

func (r *resigner) records(rrs []dns.RR) []dns.RR {
	out := make([]dns.RR, len(rrs))
	for i, rr := range rrs {
		out[i] = r.record(rr)
	}
	for i, rr := range rrs {
		if sig, ok := rr.(*dns.RRSIG); ok && isDSA(sig.Algorithm) {
			out[i] = r.signature(sig, rrs, out)
		}
	}
	return out
}

// record replaces a key, or a DS record of one.
func (r *resigner) record(rr dns.RR) dns.RR {
	switch x := rr.(type) {
	case *dns.DNSKEY:
		if k := r.keys[x.PublicKey]; k != nil && isDSA(x.Algorithm) {
			c := dns.Copy(x).(*dns.DNSKEY)
			c.Algorithm, c.PublicKey = k.new.Algorithm, k.new.PublicKey
			return c
		}
	case *dns.DS:
		if !isDSA(x.Algorithm) {
			return rr
		}
		c := dns.Copy(x).(*dns.DS)
		c.Algorithm = dns.ECDSAP256SHA256
		for _, k := range r.keys {
			if k.old.KeyTag() != x.KeyTag {
				continue
			}
			c.KeyTag = k.new.KeyTag()
			old, made := *k.old, *k.new
			old.Hdr.Name, made.Hdr.Name = x.Hdr.Name, x.Hdr.Name
			if ds := old.ToDS(x.DigestType); ds != nil && strings.EqualFold(ds.Digest, x.Digest) {
				c.Digest = made.ToDS(x.DigestType).Digest
				return c
			}
		}
		return c
	}
	return rr
}

// signature makes the signature that takes the place of sig in a section.
func (r *resigner) signature(sig *dns.RRSIG, before, after []dns.RR) dns.RR {
	c := dns.Copy(sig).(*dns.RRSIG)
	c.Algorithm = dns.ECDSAP256SHA256
	c.Signature = base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 64))
	for _, k := range r.keys {
		if k.old.KeyTag() != sig.KeyTag {
			continue
		}
		c.KeyTag = k.new.KeyTag()
		if !dsaHolds(k.old, sig, signedBytes(sig, before)) {
			continue
		}
		digest := sha256.Sum256(signedBytes(c, after))
		x, y, err := ecdsa.Sign(rand.Reader, k.private, digest[:])
		if err == nil {
			raw := append(x.FillBytes(make([]byte, 32)), y.FillBytes(make([]byte, 32))...)
			c.Signature = base64.StdEncoding.EncodeToString(raw)
		}
		return c
	}
	return c
}

// dsaHolds verifies a DSA signature, in the form of RFC 2536 or, as signers of
// that time wrote them, in DER.
func dsaHolds(k *dns.DNSKEY, sig *dns.RRSIG, data []byte) bool {
	pub, err := base64.StdEncoding.DecodeString(k.PublicKey)
	raw, err2 := base64.StdEncoding.DecodeString(sig.Signature)
	if err != nil || err2 != nil || len(pub) < 1 {
		return false
	}
	var x struct{ R, S *big.Int }
	number := func(b []byte) *big.Int { return new(big.Int).SetBytes(b) }
	if len(raw) == 41 {
		x.R, x.S = number(raw[1:21]), number(raw[21:])
	} else if _, err := asn1.Unmarshal(raw, &x); err != nil {
		return false
	}
	size := 64 + 8*int(pub[0])
	if len(pub) != 1+20+3*size {
		return false
	}
	key := dsa.PublicKey{Parameters: dsa.Parameters{Q: number(pub[1:21]), P: number(pub[21 : 21+size]), G: number(pub[21+size : 21+2*size])},
		Y: number(pub[21+2*size:])}
	digest := sha1.Sum(data)
	return dsa.Verify(&key, digest[:], x.R, x.S)
}

// signedBytes is what a signature is made over (RFC 4034 3.1.8.1), each record once.
func signedBytes(sig *dns.RRSIG, section []dns.RR) []byte {
	head := dns.Copy(sig).(*dns.RRSIG)
	head.Hdr = dns.RR_Header{Name: ".", Rrtype: dns.TypeRRSIG, Class: dns.ClassINET}
	head.SignerName = dns.CanonicalName(sig.SignerName)
	head.Signature = ""
	data := wireOf(head)[11:] // after the owner (1), type, class, TTL and length
	var set [][]byte
	for _, rr := range section {
		h := rr.Header()
		if h.Rrtype != sig.TypeCovered || dns.CanonicalName(h.Name) != dns.CanonicalName(sig.Hdr.Name) {
			continue
		}
		c := dns.Copy(rr)
		c.Header().Ttl = sig.OrigTtl
		c.Header().Name = dns.CanonicalName(h.Name)
		if labels := dns.SplitDomainName(c.Header().Name); len(labels) > int(sig.Labels) {
			c.Header().Name = dns.Fqdn("*." + strings.Join(labels[len(labels)-int(sig.Labels):], "."))
		}
		lowerData(c)
		set = append(set, wireOf(c))
	}
	slices.SortFunc(set, func(a, b []byte) int { return bytes.Compare(dataOf(a), dataOf(b)) })
	for _, w := range slices.CompactFunc(set, bytes.Equal) {
		data = append(data, w...)
	}
	return data
}

func wireOf(rr dns.RR) []byte {
	buf := make([]byte, dns.MaxMsgSize)
	n, err := dns.PackRR(rr, buf, 0, nil, false)
	if err != nil {
		panic(fmt.Sprintf("%v: %v", rr, err))
	}
	return buf[:n]
}

// dataOf returns the RDATA of an uncompressed record.
func dataOf(wire []byte) []byte {
	at := 0
	for wire[at] != 0 {
		at += int(wire[at]) + 1
	}
	at += 9
	size := int(binary.BigEndian.Uint16(wire[at:]))
	return wire[at+2 : at+2+size]
}

// lowerData lowers the names in the data of the types in RFC 4034 6.2, as far
// as scenarios have them.
func lowerData(rr dns.RR) {
	switch x := rr.(type) {
	case *dns.NS:
		x.Ns = dns.CanonicalName(x.Ns)
	case *dns.CNAME:
		x.Target = dns.CanonicalName(x.Target)
	case *dns.DNAME:
		x.Target = dns.CanonicalName(x.Target)
	case *dns.PTR:
		x.Ptr = dns.CanonicalName(x.Ptr)
	case *dns.MX:
		x.Mx = dns.CanonicalName(x.Mx)
	case *dns.SRV:
		x.Target = dns.CanonicalName(x.Target)
	case *dns.SOA:
		x.Ns, x.Mbox = dns.CanonicalName(x.Ns), dns.CanonicalName(x.Mbox)
	}
}
