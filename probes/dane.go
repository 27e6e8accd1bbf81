package probes

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// The parts of a TLSA record that this file knows (RFC 6698 7).
const (
	daneTA = 2 // a trust anchor in the chain that the server sends
	daneEE = 3 // the server's own certificate or key

	fullCert  = 0
	publicKey = 1

	exact  = 0
	hash32 = 1 // SHA-256
	hash64 = 2 // SHA-512
)

// usableTLSA reports whether an SMTP client may use a record: usages 0 and 1 are
// not for SMTP (RFC 7672 3.1.3), and what is unknown or malformed is for nobody.
func usableTLSA(t *dns.TLSA) bool {
	if t.Usage != daneTA && t.Usage != daneEE || t.Selector > publicKey {
		return false
	}
	data, err := hex.DecodeString(t.Certificate)
	switch {
	case err != nil:
		return false
	case t.MatchingType == hash32:
		return len(data) == sha256.Size
	case t.MatchingType == hash64:
		return len(data) == sha512.Size
	case t.MatchingType != exact:
		return false
	case t.Selector == fullCert:
		_, err = x509.ParseCertificate(data)
	default:
		_, err = x509.ParsePKIXPublicKey(data)
	}
	return err == nil
}

// strongest leaves out records whose digest is weaker than another's of the same
// usage and selector (digest agility, RFC 7671 9).
func strongest(list []*dns.TLSA) []*dns.TLSA {
	var out []*dns.TLSA
	for _, t := range list {
		weak := t.MatchingType == hash32 && slices.ContainsFunc(list, func(o *dns.TLSA) bool {
			return o.Usage == t.Usage && o.Selector == t.Selector && o.MatchingType == hash64
		})
		if !weak {
			out = append(out, t)
		}
	}
	return out
}

// matchesTLSA returns the record that the chain which a server presents agrees
// with, nil if there is none. Records are those left by usableTLSA and
// strongest; names are those that a certificate under a trust anchor has to
// have one of (RFC 7672 3.2.2).
func matchesTLSA(list []*dns.TLSA, chain []*x509.Certificate, names []string, now time.Time) *dns.TLSA {
	if len(chain) == 0 {
		return nil
	}
	for _, t := range list {
		data, _ := hex.DecodeString(t.Certificate)
		if t.Usage == daneEE && fits(t, data, chain[0]) {
			return t // neither names nor dates count (RFC 7671 5.1)
		}
		if t.Usage == daneTA && anchored(t, data, chain, names, now) {
			return t
		}
	}
	return nil
}

// fits reports whether a record describes a certificate (RFC 6698 2.1.2, 2.1.3).
func fits(t *dns.TLSA, data []byte, c *x509.Certificate) bool {
	of := c.Raw
	if t.Selector == publicKey {
		of = c.RawSubjectPublicKeyInfo
	}
	switch t.MatchingType {
	case hash32:
		sum := sha256.Sum256(of)
		return bytes.Equal(sum[:], data)
	case hash64:
		sum := sha512.Sum512(of)
		return bytes.Equal(sum[:], data)
	}
	return bytes.Equal(of, data)
}

// anchored reports whether the chain leads to the trust anchor that a record
// describes, for one of the names and now.
func anchored(t *dns.TLSA, data []byte, chain []*x509.Certificate, names []string, now time.Time) bool {
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	found := false
	for _, c := range chain[1:] {
		if fits(t, data, c) {
			roots.AddCert(c)
			found = true
		}
		between.AddCert(c)
	}
	if t.Selector == fullCert && t.MatchingType == exact {
		if c, err := x509.ParseCertificate(data); err == nil { // it need not be sent
			roots.AddCert(c)
			found = true
		}
	}
	return found && slices.ContainsFunc(names, func(n string) bool {
		_, err := chain[0].Verify(x509.VerifyOptions{DNSName: n, Roots: roots, Intermediates: between, CurrentTime: now,
			KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
		return err == nil
	})
}

// hiddenAnchor reports whether a record names a trust anchor's bare key, which a
// server need not send: without it nothing can be said against the chain.
func hiddenAnchor(list []*dns.TLSA) bool {
	return slices.ContainsFunc(list, func(t *dns.TLSA) bool {
		return t.Usage == daneTA && t.Selector == publicKey && t.MatchingType == exact
	})
}

// tlsaText is a record's data, its digest shortened for a sentence.
func tlsaText(t *dns.TLSA) string {
	data := strings.ToLower(t.Certificate)
	if len(data) > 16 {
		data = data[:16] + "..."
	}
	return fmt.Sprintf("%d %d %d %s", t.Usage, t.Selector, t.MatchingType, data)
}

func tlsaTexts(list []*dns.TLSA) string {
	var out []string
	for _, t := range list {
		out = append(out, tlsaText(t))
	}
	return few(out)
}

// keyRecord is the TLSA record that a certificate's key asks for (RFC 7671 5.1).
func keyRecord(c *x509.Certificate) *dns.TLSA {
	key := sha256.Sum256(c.RawSubjectPublicKeyInfo)
	return &dns.TLSA{Usage: daneEE, Selector: publicKey, MatchingType: hash32, Certificate: hex.EncodeToString(key[:])}
}
