//go:build integration

package main_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// rtrAddr is where StayRTR listens in the dual-stack vantage.
const rtrAddr = "127.0.0.1:8282"

// webNames are the hosts with a web server, by zone file.
var webNames = map[string][]string{
	"secure.gov.vn":   {"www", "v4only", "silent", "refused", "v6only", "half"},
	"nsec3.gov.vn":    {"www"},
	"insecure.gov.vn": {"www"},
	"expired.gov.vn":  {"www"},
	"mismatch.gov.vn": {"www"},
	"hosting.vn":      {"cdn"},
}

// startServices starts web, mail and RTR servers with a CA of their own.
func (w *world) startServices() {
	w.t.Helper()
	names := []string{"mx.secure.gov.vn", "alias.secure.gov.vn", "www.lame.gov.vn"}
	var listen []string
	for zone, hosts := range webNames {
		addrs, owners := addresses(w.fixture("zones/" + zone + ".zone"))
		for _, h := range hosts {
			names = append(names, h+"."+zone)
			for i, owner := range owners {
				// refused: over IPv6 the host is up but no web server listens
				if owner == h && !isSilent(addrs[i]) && (h != "refused" || addrs[i].Is4()) {
					listen = append(listen, bracketed(addrs[i]))
				}
			}
		}
	}
	cert, key := w.certificate(names)
	web := filepath.Dir(w.write("web/keep", ""))
	w.write("web/html/index.html", page)
	conf := w.render("nginx.conf.tmpl", "web/nginx.conf", map[string]any{"Dir": web, "Addrs": listen, "Cert": cert, "Key": key})
	w.start(w.servers, "nginx", "nginx", "-e", "stderr", "-c", conf)
	w.startMail("mx.secure.gov.vn", []string{"198.51.100.25", "2001:db8:100::25"}, cert, key)
	w.startRTR("stayrtr", rtrAddr, time.Now())
	w.await("nginx", func() error { return w.fetch("www.secure.gov.vn", "2001:db8:100::80") })
}

// page is longer than the smallest IPv6 MTU: a small page passes where the
// path MTU is broken.
var page = "<!DOCTYPE html><html lang=\"vi\"><head><meta charset=\"utf-8\"><title>Trang thử</title></head><body>\n" +
	strings.Repeat("<p>Cổng thông tin điện tử của một cơ quan trong thế giới thử nghiệm.</p>\n", 80) + "</body></html>\n"

func bracketed(a netip.Addr) string {
	if a.Is6() {
		return "[" + a.String() + "]"
	}
	return a.String()
}

// fetch gets the page of a host at one address, trusting only the world's CA.
func (w *world) fetch(host, addr string) error {
	a := bracketed(netip.MustParseAddr(addr))
	o := w.run(w.dual, 20*time.Second, "curl", "-sS", "--max-time", "5", "--cacert", w.files.ca,
		"--resolve", host+":443:"+a, "https://"+host+"/")
	if o.code != 0 || o.stdout != page {
		return fmt.Errorf("https://%s/ at %s: %v", host, addr, o)
	}
	return nil
}

// startMail starts Postfix as an MX at its addresses, with a spool of its own.
func (w *world) startMail(host string, addrs []string, cert, key string) {
	w.t.Helper()
	dir := filepath.Dir(w.write("mail/keep", ""))
	for _, d := range []string{"queue", "data", "conf"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			w.t.Fatal(err)
		}
	}
	w.must("chown", "postfix", filepath.Join(dir, "data"))
	_, domain, _ := strings.Cut(host, ".")
	w.render("main.cf.tmpl", "mail/conf/main.cf", map[string]any{"Dir": dir, "Cert": cert, "Key": key, "Host": host, "Domain": domain, "Addrs": addrs})
	w.write("mail/conf/master.cf", w.fixture("master.cf"))
	// start-fg keeps the master in the foreground, where it is ours to stop
	w.start(w.servers, "postfix", "postfix", "-c", filepath.Join(dir, "conf"), "start-fg")
	for _, a := range addrs {
		w.await("postfix on "+a, func() error { return w.startTLS(w.dual, host, a) })
	}
}

// startTLS goes through the mail server's greeting and STARTTLS at one address.
func (w *world) startTLS(ns, host, addr string) error {
	o := w.run(ns, 20*time.Second, "sh", "-c", "echo QUIT | timeout 10 openssl s_client -starttls smtp -connect "+bracketed(netip.MustParseAddr(addr))+":25 -CAfile "+
		w.files.ca+" -verify_return_error -verify_hostname "+host)
	if !strings.Contains(o.stdout, "Verify return code: 0 (ok)") {
		return errors.New(o.String())
	}
	return nil
}

// startRTR starts StayRTR in the dual-stack vantage with VRPs built at a time.
func (w *world) startRTR(name, addr string, built time.Time) {
	w.t.Helper()
	w.files.vrps = w.vrps("vrps.json", built)
	w.start(w.dual, name, "stayrtr", "-bind", addr, "-cache", w.files.vrps, "-metrics.addr", "", "-checktime=false")
	w.await(name, func() error {
		// a client that comes too early waits longer than we do
		if text, err := os.ReadFile(filepath.Join(w.dir, name+".log")); err != nil || !strings.Contains(string(text), "Server started") {
			return errors.New("has not started")
		}
		if n, o := w.rtrCount(); n == 0 {
			return errors.New(o.String())
		}
		return nil
	})
}

// vrps writes the VRP file with a build time; every VRP expires 8 hours later.
func (w *world) vrps(name string, built time.Time) string {
	return w.render("vrps.json.tmpl", name, map[string]any{
		"Built": built.UTC().Format(time.RFC3339), "Expires": built.Add(8 * time.Hour).Unix()})
}

// rtrCount is how many VRPs rtrclient gets from the cache.
func (w *world) rtrCount() (int, output) {
	w.t.Helper()
	o := w.run(w.dual, 30*time.Second, "timeout", "10", "rtrclient", "-e", "-t", "csv", "tcp", "127.0.0.1", "8282")
	n := 0
	for line := range strings.Lines(o.stdout) {
		for _, f := range strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(", \t\n\"", r) }) {
			if _, err := netip.ParsePrefix(f); err == nil {
				n++
				break
			}
			if a, err := netip.ParseAddr(f); err == nil && a.IsValid() {
				n++
				break
			}
		}
	}
	return n, o
}

// certificate makes a CA, whose file it notes, and one leaf for all names.
func (w *world) certificate(names []string) (cert, key string) {
	w.t.Helper()
	make := func(tmpl, parent *x509.Certificate, signer *ecdsa.PrivateKey) ([]byte, *ecdsa.PrivateKey) {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			w.t.Fatal(err)
		}
		if signer == nil {
			signer = k
		}
		der, err := x509.CreateCertificate(rand.Reader, tmpl, parent, k.Public(), signer)
		if err != nil {
			w.t.Fatal(err)
		}
		return der, k
	}
	now := time.Now()
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ready6 integration CA"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign}
	caDER, caKey := make(ca, ca, nil)
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: names[0]}, DNSNames: names,
		NotBefore: ca.NotBefore, NotAfter: ca.NotAfter, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	leafDER, leafKey := make(leaf, ca, caKey)
	keyDER, err := x509.MarshalECPrivateKey(leafKey)
	if err != nil {
		w.t.Fatal(err)
	}
	block := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	w.files.ca = w.write("ca.pem", block("CERTIFICATE", caDER))
	return w.write("cert.pem", block("CERTIFICATE", leafDER)), w.write("key.pem", block("EC PRIVATE KEY", keyDER))
}
