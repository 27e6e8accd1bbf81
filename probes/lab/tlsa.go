package lab

import (
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/miekg/dns"
)

// mailCert is the certificate of a mail host, the same at all its addresses, with
// its issuer's behind it.
func (l *Lab) mailCert(h host) (tls.Certificate, error) {
	if c, ok := l.mails[h.name]; ok {
		return c, nil
	}
	c, err := l.ca.issue([]string{plain(h.name)}, h.options["cert"], "")
	if err != nil {
		return c, err
	}
	c.Certificate = append(c.Certificate, l.ca.trusted.cert.Raw)
	l.mails[h.name] = c
	return c, nil
}

// publishTLSA adds the TLSA records of the mail hosts to the zones that own them.
func (l *Lab) publishTLSA() error {
	for _, h := range l.world.hosts {
		if h.options["tlsa"] == "" {
			continue
		}
		owner := "_25._tcp." + h.name
		for _, z := range versions(l.zones, deepest(l.zones, owner).name) {
			for spec := range strings.SplitSeq(h.options["tlsa"], "+") {
				t, err := l.tlsa(h, spec)
				if err != nil {
					return fmt.Errorf("host %s: tlsa %s: %w", h.name, spec, err)
				}
				t.Hdr = z.header(owner, dns.TypeTLSA)
				z.add(t)
			}
		}
	}
	return nil
}

// tlsa makes a record from USAGE-SELECTOR-MATCHING[:old]: of the host's own
// certificate, of its issuer's for usage 2, or of one that is no longer in use.
func (l *Lab) tlsa(h host, spec string) (*dns.TLSA, error) {
	form, old, _ := strings.Cut(spec, ":")
	parts := strings.Split(form, "-")
	if len(parts) != 3 || old != "" && old != "old" {
		return nil, errors.New("wants USAGE-SELECTOR-MATCHING[:old]")
	}
	var n [3]uint8
	for i, p := range parts {
		v, err := strconv.ParseUint(p, 10, 8)
		if err != nil {
			return nil, err
		}
		n[i] = uint8(v)
	}
	c, err := l.mailCert(h)
	if old != "" {
		c, err = l.ca.issue([]string{plain(h.name)}, "", "")
	}
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(c.Certificate[0])
	if err != nil {
		return nil, err
	}
	if n[0] == 2 {
		leaf = l.ca.trusted.cert
		if old != "" {
			leaf = l.ca.untrusted.cert
		}
	}
	data := leaf.Raw
	if n[1] == 1 {
		data = leaf.RawSubjectPublicKeyInfo
	}
	switch n[2] {
	case 1:
		sum := sha256.Sum256(data)
		data = sum[:]
	case 2:
		sum := sha512.Sum512(data)
		data = sum[:]
	}
	return &dns.TLSA{Usage: n[0], Selector: n[1], MatchingType: n[2], Certificate: hex.EncodeToString(data)}, nil
}
