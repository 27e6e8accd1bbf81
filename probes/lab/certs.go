package lab

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// authority is the lab's certification authority, and a second one that nobody
// trusts.
type authority struct {
	now       time.Time
	trusted   issuer
	untrusted issuer
	serial    int64
	issued    map[string]*tls.Certificate
}

type issuer struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(now time.Time) (*authority, error) {
	a := &authority{now: now, serial: 1, issued: map[string]*tls.Certificate{}}
	var err error
	if a.trusted, err = newIssuer(now, "ready6 lab CA"); err != nil {
		return nil, err
	}
	a.untrusted, err = newIssuer(now, "nobody's CA")
	return a, err
}

func newIssuer(now time.Time, name string) (issuer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return issuer{}, fmt.Errorf("making a CA key: %w", err)
	}
	t := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name, Organization: []string{"ready6"}},
		NotBefore: now.Add(-30 * 24 * time.Hour), NotAfter: now.Add(365 * 24 * time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign}
	der, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	if err != nil {
		return issuer{}, fmt.Errorf("making a CA certificate: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	return issuer{cert, key}, err
}

// shared is the certificate that all addresses of a host show, as with one server
// behind them; of kind "own" each has another.
func (a *authority) shared(names []string, kind, ocsp string) (*tls.Certificate, error) {
	key := strings.Join(append(slices.Clone(names), kind, ocsp), " ")
	if c := a.issued[key]; c != nil && kind != "own" {
		return c, nil
	}
	c, err := a.issue(names, kind, ocsp)
	a.issued[key] = &c
	return &c, err
}

// issue makes a certificate for names (host names or addresses). kind is empty
// for a good one, own for another good one, or wrong, expired, future, ending (in
// five days) or untrusted; ocsp, unless empty, is
// the host of its OCSP responder.
func (a *authority) issue(names []string, kind, ocsp string) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("making a key: %w", err)
	}
	if kind == "wrong" {
		names = []string{"another-host.invalid"}
	}
	from, to, by := a.now.Add(-24*time.Hour), a.now.Add(90*24*time.Hour), a.trusted
	switch kind {
	case "expired":
		from, to = a.now.Add(-90*24*time.Hour), a.now.Add(-48*time.Hour)
	case "ending":
		to = a.now.Add(5 * 24 * time.Hour)
	case "future":
		from = a.now.Add(48 * time.Hour)
	case "untrusted":
		by = a.untrusted
	}
	a.serial++
	t := &x509.Certificate{SerialNumber: big.NewInt(a.serial), Subject: pkix.Name{CommonName: names[0]}, NotBefore: from, NotAfter: to,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	if ocsp != "" {
		t.OCSPServer = []string{"http://" + ocsp + "/"}
	}
	for _, n := range names {
		if ip, err := netip.ParseAddr(n); err == nil {
			t.IPAddresses = append(t.IPAddresses, ip.AsSlice())
			continue
		}
		t.DNSNames = append(t.DNSNames, n)
	}
	der, err := x509.CreateCertificate(rand.Reader, t, by.cert, &key.PublicKey, by.key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("making a certificate for %s: %w", names[0], err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}

// CAs returns a pool with the lab's CA.
func (l *Lab) CAs() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(l.ca.trusted.cert)
	return pool
}

// CAPEM returns the lab's CA certificate.
func (l *Lab) CAPEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: l.ca.trusted.cert.Raw})
}
