//go:build integration

package main_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// asHosts makes a process of the test binary all the hosts of TestBenchProbe: its
// value is the folder for ca.pem and connections.json.
const asHosts = "R6TEST_HOSTS"

func init() {
	if dir := os.Getenv(asHosts); dir != "" {
		fmt.Fprintln(os.Stderr, serveHosts(dir))
		os.Exit(1)
	}
}

// simulated is one process that answers as web and mail server at every address
// that its namespace takes for its own.
type simulated struct {
	ca     *x509.Certificate
	signer *ecdsa.PrivateKey
	key    *ecdsa.PrivateKey // of every host

	mu    sync.Mutex
	count map[string]int // connections by address and port
}

// connectionCount is what it tells of them.
type connectionCount struct {
	Total, Addresses int
	Most             map[string]int // the most that one address had, by port
}

func serveHosts(dir string) error {
	s := &simulated{count: map[string]int{}}
	if err := s.authority(filepath.Join(dir, "ca.pem")); err != nil {
		return err
	}
	config := &tls.Config{GetCertificate: s.certificate}
	page := []byte("<!doctype html><title>Cổng thông tin</title><p>" + strings.Repeat("Thông báo của đơn vị. ", 300))
	web := http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.TLS == nil {
			http.Redirect(w, r, "https://"+r.Host+r.URL.Path, http.StatusMovedPermanently)
			return
		}
		w.Header().Set("Strict-Transport-Security", "max-age=31536000")
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Write(page)
	}), ErrorLog: log.New(io.Discard, "", 0), IdleTimeout: 10 * time.Second, ConnState: func(c net.Conn, state http.ConnState) {
		if state == http.StateNew {
			s.counted(c)
		}
	}}
	secure := &http.Server{TLSConfig: config, Handler: web.Handler, ErrorLog: web.ErrorLog, IdleTimeout: web.IdleTimeout, ConnState: web.ConnState}
	faults := make(chan error)
	for port, serve := range map[string]func(net.Listener) error{
		"80": web.Serve, "443": func(l net.Listener) error { return secure.ServeTLS(l, "", "") },
		"25": func(l net.Listener) error { return s.mail(l, config) },
	} {
		l, err := net.Listen("tcp", "[::]:"+port)
		if err != nil {
			return err
		}
		go func() { faults <- serve(l) }()
	}
	for tick := time.Tick(time.Second); ; {
		select {
		case err := <-faults:
			return err
		case <-tick:
			if err := s.tell(filepath.Join(dir, "connections.json")); err != nil {
				return err
			}
		}
	}
}

func (s *simulated) counted(c net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count[c.LocalAddr().String()]++
}

func (s *simulated) tell(path string) error {
	s.mu.Lock()
	told := connectionCount{Addresses: len(s.count), Most: map[string]int{}}
	for at, n := range s.count {
		_, port, _ := net.SplitHostPort(at)
		told.Total += n
		told.Most[port] = max(told.Most[port], n)
	}
	s.mu.Unlock()
	text, err := json.Marshal(told)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+".new", text, 0o644); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// authority makes the CA of all hosts.
func (s *simulated) authority(path string) (err error) {
	for _, k := range []**ecdsa.PrivateKey{&s.signer, &s.key} {
		if *k, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			return err
		}
	}
	t := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Simulated hosts"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(48 * time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, t, t, &s.signer.PublicKey, s.signer)
	if err != nil {
		return err
	}
	if s.ca, err = x509.ParseCertificate(der); err != nil {
		return err
	}
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644)
}

// certificate makes that of the host asked for.
func (s *simulated) certificate(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
	t := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: h.ServerName}, DNSNames: []string{h.ServerName},
		NotBefore: s.ca.NotBefore, NotAfter: s.ca.NotAfter, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, t, s.ca, &s.key.PublicKey, s.signer)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: s.key}, nil
}

// mail answers as an SMTP server with STARTTLS (RFC 3207) that takes no mail.
func (s *simulated) mail(l net.Listener, config *tls.Config) error {
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		s.counted(c)
		go func() {
			defer func() { c.Close() }()
			_ = c.SetDeadline(time.Now().Add(30 * time.Second)) // a new connection takes it
			in := bufio.NewReader(io.LimitReader(c, 1<<16))
			fmt.Fprint(c, "220 mail.example ESMTP\r\n")
			for {
				line, err := in.ReadString('\n')
				if err != nil {
					return
				}
				switch verb, _, _ := strings.Cut(strings.ToUpper(strings.TrimSpace(line)), " "); verb {
				case "EHLO":
					fmt.Fprint(c, "250-mail.example\r\n250 STARTTLS\r\n")
				case "STARTTLS":
					fmt.Fprint(c, "220 go ahead\r\n")
					t := tls.Server(c, config)
					if t.Handshake() != nil {
						return
					}
					c, in = t, bufio.NewReader(io.LimitReader(t, 1<<16))
				case "QUIT":
					fmt.Fprint(c, "221 bye\r\n")
					return
				default:
					fmt.Fprint(c, "502 not here\r\n")
				}
			}
		}()
	}
}
