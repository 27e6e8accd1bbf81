package lab

import (
	"crypto"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// key is one DNSKEY with what signs for it. For an algorithm nobody implements
// the signer is of another algorithm, and its output is relabelled.
type key struct {
	public *dns.DNSKEY
	signer crypto.Signer
	real   uint8 // algorithm of signer
}

const (
	flagZone = 256
	flagSEP  = 257
)

// makeKeys makes the zone's KSK and ZSK, or its one CSK.
func (z *zone) makeKeys() error {
	if z.spec.unsigned {
		return nil
	}
	flags := []uint16{flagSEP, flagZone}
	if z.spec.csk {
		flags = []uint16{flagSEP}
	}
	for len(z.keys) < len(flags) {
		k, err := z.makeKey(flags[len(z.keys)])
		if err != nil {
			return fmt.Errorf("zone %s: %w", z.name, err)
		}
		if k.public.KeyTag() == 0 || slices.ContainsFunc(z.keys, func(o key) bool { return o.public.KeyTag() == k.public.KeyTag() }) {
			continue // a tag tells the keys apart, and miekg/dns takes 0 for "not set"
		}
		z.keys = append(z.keys, k)
	}
	return nil
}

func (z *zone) makeKey(flags uint16) (key, error) {
	k := key{real: z.spec.alg, public: &dns.DNSKEY{Hdr: z.header(z.name, dns.TypeDNSKEY), Flags: flags, Protocol: 3, Algorithm: z.spec.alg}}
	bits := 256
	switch z.spec.alg {
	case dns.RSASHA1, dns.RSASHA1NSEC3SHA1, dns.RSASHA256, dns.RSASHA512:
		bits = z.spec.bits
	case dns.ECDSAP384SHA384:
		bits = 384
	case dns.ECDSAP256SHA256, dns.ED25519:
	default:
		k.real = dns.ECDSAP256SHA256
	}
	k.public.Algorithm = k.real
	private, err := k.public.Generate(bits)
	if err != nil {
		return k, fmt.Errorf("making a key of algorithm %d with %d bits: %w", k.real, bits, err)
	}
	signer, ok := private.(crypto.Signer)
	if !ok {
		return k, fmt.Errorf("algorithm %d cannot sign", k.real)
	}
	k.signer, k.public.Algorithm = signer, z.spec.alg
	return k, nil
}

// sign makes one signature. The key tag is that of the relabelled key.
func (k key) sign(z *zone, rrs []dns.RR, from, to time.Time) (*dns.RRSIG, error) {
	h := rrs[0].Header()
	sig := &dns.RRSIG{Hdr: dns.RR_Header{Name: h.Name, Rrtype: dns.TypeRRSIG, Class: dns.ClassINET, Ttl: h.Ttl},
		Algorithm: k.real, KeyTag: k.public.KeyTag(), SignerName: z.name,
		Inception: uint32(from.Unix()), Expiration: uint32(to.Unix())}
	if err := sig.Sign(k.signer, rrs); err != nil {
		return nil, fmt.Errorf("signing %s %s: %w", h.Name, dns.TypeToString[h.Rrtype], err)
	}
	sig.Algorithm = z.spec.alg
	return sig, nil
}

// signers returns the keys that sign a type: the KSK signs the DNSKEY set.
func (z *zone) signers(rtype uint16) []key {
	if len(z.keys) < 2 || rtype == dns.TypeDNSKEY {
		return z.keys[:1]
	}
	return z.keys[1:]
}

// sign adds DNSKEY, the chain of denial and all signatures, as of now.
func (z *zone) sign(now time.Time) error {
	z.findENTs()
	if z.spec.unsigned {
		return nil
	}
	for _, k := range z.keys {
		z.add(k.public)
	}
	if err := z.addSpares(); err != nil {
		return err
	}
	if err := z.addCDS(); err != nil {
		return err
	}
	if z.spec.nsec3 {
		z.addNSEC3()
	} else {
		z.addNSEC()
	}
	from, to := now.Add(z.spec.from), now.Add(z.spec.to)
	for owner, node := range z.sets {
		for rtype, set := range node {
			if rtype == dns.TypeNS && owner != z.name || z.foreign(owner, rtype) {
				continue
			}
			for _, k := range z.signers(rtype) {
				sig, err := k.sign(z, set.rrs, from, to)
				if err != nil {
					return err
				}
				set.sigs = append(set.sigs, sig)
			}
		}
	}
	return nil
}

// addSpares publishes the keys that sign nothing.
func (z *zone) addSpares() error {
	for _, flags := range z.spec.spare {
		k, err := z.makeKey(flags)
		if err != nil {
			return err
		}
		z.add(k.public)
	}
	return nil
}

// addCDS adds what the cds option says, as CDS and as CDNSKEY (RFC 7344 3).
func (z *zone) addCDS() error {
	for _, kind := range z.spec.cds {
		cds := &dns.CDS{DS: dns.DS{Hdr: z.header(z.name, dns.TypeCDS), Digest: "00"}}
		public := &dns.CDNSKEY{DNSKEY: dns.DNSKEY{Hdr: z.header(z.name, dns.TypeCDNSKEY), Protocol: 3, PublicKey: "AA=="}}
		if kind != "delete" {
			k := z.keys[0]
			if kind == "nokey" {
				var err error
				if k, err = z.makeKey(flagSEP); err != nil {
					return err
				}
			}
			cds.DS, public.DNSKEY = *k.public.ToDS(dns.SHA256), *k.public
			cds.Hdr, public.Hdr = z.header(z.name, dns.TypeCDS), z.header(z.name, dns.TypeCDNSKEY)
		}
		z.add(cds)
		z.add(public)
	}
	return nil
}

// addDS adds what the child's ds option says to the parent.
func (z *zone) addDS(child *zone) error {
	if child.spec.unsigned || z.get(child.name, dns.TypeDS) != nil {
		return nil
	}
	for _, kind := range child.spec.ds {
		ds, err := child.ds(kind)
		if err != nil {
			return err
		}
		if ds != nil {
			ds.Hdr.Ttl = z.spec.ttl
			z.add(ds)
		}
	}
	return nil
}

// ds makes one DS record of the zone's KSK; see dsKinds. It is nil for "none".
func (z *zone) ds(kind string) (*dns.DS, error) {
	digest := map[string]uint8{"sha1": dns.SHA1, "sha384": dns.SHA384}[kind]
	if digest == 0 {
		digest = dns.SHA256
	}
	public := z.keys[0].public
	switch kind {
	case "none":
		return nil, nil
	case "nokey":
		k, err := z.makeKey(flagSEP)
		if err != nil {
			return nil, err
		}
		public = k.public
	}
	ds := public.ToDS(digest)
	if ds == nil {
		return nil, fmt.Errorf("zone %s: no DS of digest type %d", z.name, digest)
	}
	switch kind {
	case "wrong":
		ds.Digest = flipHex(ds.Digest)
	case "unknown":
		ds.DigestType = 200
	case "badalg":
		ds.Algorithm = 250
	}
	return ds, nil
}

// flipHex changes the first digit.
func flipHex(s string) string {
	if strings.HasPrefix(s, "0") {
		return "1" + s[1:]
	}
	return "0" + s[1:]
}
