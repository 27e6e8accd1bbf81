//go:build integration

package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestUnits has systemd itself read the units of deploy/, and protects how far
// the services are fenced in.
func TestUnits(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		leaveOut(t, "there is no systemd-analyze")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	var units []string
	files, err := filepath.Glob(filepath.Join("..", "..", "deploy", "systemd", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		unit := filepath.Join(dir, filepath.Base(path)) // with a program that is there
		if err := os.WriteFile(unit, []byte(strings.ReplaceAll(string(b), "/usr/bin/ready6", self)), 0o644); err != nil {
			t.Fatal(err)
		}
		units = append(units, unit)
	}
	if len(units) != 3 {
		t.Fatalf("units: %q", units)
	}
	out, err := exec.Command("systemd-analyze", append([]string{"verify", "--man=no"}, units...)...).CombinedOutput()
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "ready6") { // not of this machine's own units
			t.Error(line)
		}
	}
	if err != nil {
		t.Errorf("%v: %s", err, out)
	}
	for _, unit := range units {
		if filepath.Ext(unit) != ".service" {
			continue
		}
		out, err := exec.Command("systemd-analyze", "security", "--offline=true", "--threshold=15", "--no-pager", unit).CombinedOutput()
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		if err != nil {
			t.Errorf("%v: %s", err, out)
		}
		t.Log(lines[len(lines)-1])
	}
	out, err = exec.Command("systemd-analyze", "calendar", "*-*-* 02:00:00 Asia/Ho_Chi_Minh").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "19:00:00 UTC") {
		t.Errorf("%v: %s", err, out)
	}
}
