package probes_test

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"ready6/inventory"
	"ready6/probes/lab"
	"ready6/probes/verdict"
)

// Whether a certificate agrees with TLSA records is OpenSSL's word, too: the
// same records, the same servers, over sockets.
func TestDANEAgreesWithOpenSSL(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("no openssl here")
	}
	for _, name := range []string{"mail-dane-match", "mail-dane-anchor", "mail-dane-full", "mail-dane-rollover", "mail-dane-expired",
		"mail-dane-old", "mail-dane-old-anchor", "mail-dane-digest", "mail-dane-v6-other", "mail-dane-v4-other"} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			w, err := lab.Open(name)
			if err != nil {
				t.Fatal(err)
			}
			l, err := lab.Start(w, lab.Options{Loopback: true})
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			env := environment(t, ctx, l, inventory.Inventory{})
			rec := env.Service(ctx, "lab", inventory.Service{Host: "tinh.gov.vn", Kind: "mail"})
			m, err := env.DNS.Query(ctx, "_25._tcp.mx.tinh.gov.vn", dns.TypeTLSA)
			if err != nil {
				t.Fatal(err)
			}
			var records []string
			for _, rr := range m.Answer {
				if r, ok := rr.(*dns.TLSA); ok {
					records = append(records, "-dane_tlsa_rrdata", fmt.Sprintf("%d %d %d %s", r.Usage, r.Selector, r.MatchingType, r.Certificate))
				}
			}
			asked := 0
			for _, e := range l.Endpoints() {
				if e.Role != "mail" {
					continue
				}
				asked++
				args := append([]string{"s_client", "-starttls", "smtp", "-connect", e.Local.String(), "-dane_tlsa_domain", "mx.tinh.gov.vn", "-verify_return_error", "-brief"}, records...)
				c := exec.CommandContext(ctx, openssl, args...)
				c.Stdin = strings.NewReader("QUIT\r\n")
				var out bytes.Buffer
				c.Stdout, c.Stderr = &out, &out
				err := c.Run()
				theirs := err == nil && strings.Contains(out.String(), "Verification: OK")
				ours := false
				for _, r := range rec.Results {
					ours = ours || r.Reason == verdict.Reason("mail.dane-ok") && r.Subject == e.World.String()
				}
				if ours != theirs {
					t.Errorf("%s: ours %t, theirs %t: %v\n%s\n%s", e.World, ours, theirs, err, out.String(), dump(rec, nil))
				}
			}
			if asked != 2 || len(records) == 0 {
				t.Errorf("%d servers, %d records", asked, len(records)/2)
			}
		})
	}
}
