package lab

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// TestDelv lets BIND's delv judge every world's names from the root anchor, so
// that what the lab calls secure, insecure or bogus is not its own opinion. A
// name that no server answers for is not asked: the recursive view would. The
// zones of the other worlds are those of base.
func TestDelv(t *testing.T) {
	delv, err := exec.LookPath("delv")
	if err != nil {
		t.Skip("delv is not installed")
	}
	for _, name := range Worlds() {
		if !strings.HasPrefix(name, "dnssec-") && name != "base" && name != "province" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, err := Open(name)
			if err != nil {
				t.Fatal(err)
			}
			if !w.now.IsZero() {
				t.Skip("delv knows only the system's clock")
			}
			l := start(t, name, Options{Loopback: true})
			anchors := filepath.Join(t.TempDir(), "anchors")
			if err := os.WriteFile(anchors, []byte(delvAnchors(t, l)), 0o600); err != nil {
				t.Fatal(err)
			}
			for _, want := range l.Wants() {
				if want.DNSSEC == "indeterminate" {
					continue
				}
				var got []string
				for _, q := range questions(l, want) {
					got = append(got, runDelv(t, l, delv, anchors, q))
				}
				if worst := worstOf(got); worst != want.DNSSEC {
					t.Errorf("%s %s: delv says %s (%v), the world wants %s", want.Host, want.Service, worst, got, want.DNSSEC)
				}
			}
		})
	}
}

// questions are the RRsets that make up a service's DNSSEC state.
func questions(l *Lab, w Want) [][2]string {
	hosts := []string{w.Host}
	var out [][2]string
	if w.Service == "mail" {
		out = append(out, [2]string{w.Host, "MX"})
		hosts = nil
		if set := deepest(l.zones, canonical(w.Host)).get(canonical(w.Host), dns.TypeMX); set != nil {
			for _, rr := range set.rrs {
				if mx := rr.(*dns.MX).Mx; mx != "." {
					hosts = append(hosts, mx)
				}
			}
		}
	}
	for _, h := range hosts {
		out = append(out, [2]string{h, "AAAA"}, [2]string{h, "A"})
	}
	return out
}

func worstOf(states []string) string {
	for _, s := range []string{"bogus", "indeterminate", "insecure"} {
		for _, got := range states {
			if got == s {
				return s
			}
		}
	}
	return "secure"
}

// delvAnchors writes the lab's anchors in BIND's form.
func delvAnchors(t *testing.T, l *Lab) string {
	var b strings.Builder
	b.WriteString("trust-anchors {\n")
	for _, line := range strings.Split(strings.TrimSpace(l.Anchors()), "\n") {
		rr, err := dns.NewRR(line)
		if err != nil {
			t.Fatal(err)
		}
		ds := rr.(*dns.DS)
		b.WriteString("  " + ds.Hdr.Name + " static-ds " + strconv.Itoa(int(ds.KeyTag)) + " " + strconv.Itoa(int(ds.Algorithm)) +
			" " + strconv.Itoa(int(ds.DigestType)) + " \"" + ds.Digest + "\";\n")
	}
	return b.String() + "};\n"
}

// runDelv returns delv's word on one RRset.
func runDelv(t *testing.T, l *Lab, delv, anchors string, q [2]string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	at := l.ResolverAddr()
	out, err := exec.CommandContext(ctx, delv, "@"+at.Addr().String(), "-p", strconv.Itoa(int(at.Port())),
		"-a", anchors, "+root=.", canonical(q[0]), q[1]).CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	text := string(out)
	// A chain is as good as its weakest link, and delv words each.
	switch {
	case strings.Contains(text, "resolution failed: ncache") || strings.Contains(text, "negative response, fully validated"):
		if strings.Contains(text, "unsigned answer") || strings.Contains(text, "negative response, unsigned") {
			return "insecure"
		}
		return "secure"
	case strings.Contains(text, "resolution failed"):
		return "bogus"
	case strings.Contains(text, "unsigned answer"), strings.Contains(text, "negative response, unsigned answer"):
		return "insecure"
	case strings.Contains(text, "fully validated"):
		return "secure"
	}
	t.Errorf("delv %s %s said:\n%s", q[0], q[1], text)
	return "indeterminate"
}
