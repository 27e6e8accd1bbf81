//go:build integration

package main_test

import (
	"os"
	"os/exec"
	"testing"
	"time"
)

// TestIntegration runs the built ready6 against Debian's own daemons.
func TestIntegration(t *testing.T) {
	if os.Geteuid() != 0 {
		leaveOut(t, "network namespaces need root")
	}
	for _, tool := range []string{"ip", "nsd", "ldns-signzone", "ldns-keygen", "ldns-key2ds", "dnssec-signzone", "dnssec-keygen", "dig", "delv",
		"unbound", "unbound-host", "nginx", "openssl", "curl", "postfix", "stayrtr", "rtrclient"} {
		if _, err := exec.LookPath(tool); err != nil {
			leaveOut(t, tool+" is not installed")
		}
	}
	begun := time.Now()
	w := newWorld(t)
	w.startDNS()
	w.startServices()
	t.Logf("the world is up after %v", time.Since(begun).Round(time.Millisecond))
	t.Run("bed", func(t *testing.T) { testBed(t, w.with(t)) })
	if t.Failed() {
		t.Fatal("the test bed is not what the scans are judged against")
	}
	w.build()
	w.files.inventory = w.write("inventory.yaml", w.fixture("inventory.yaml"))
	w.files.routes = w.write("routes.mrt", string(mrt(time.Now())))
	for _, c := range []struct {
		name string
		test func(*testing.T, *world)
	}{
		{"scan", testScan},
		{"validator", testValidator},
		{"IPv4-only vantage", testOnly4},
		{"nobody answers", testNobody},
		{"bad data", testBadData},
		{"ends", testEnds},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, w.with(t)) })
	}
}

// leaveOut skips the tier, unless it was demanded.
func leaveOut(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("INTEGRATION") == "required" {
		t.Fatalf("the integration tier was demanded, but %s", why)
	}
	t.Skipf("SKIPPED: integration tier (%s)", why)
}
