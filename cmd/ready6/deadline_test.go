package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// What a scan may take counts from its beginning: proving the vantage is a part of
// it, and takes its time where nothing answers.
func TestRunTimeoutCountsThePreflight(t *testing.T) {
	file := filepath.Join(t.TempDir(), "inventory.yaml")
	err := os.WriteFile(file, []byte(`agencies:
  - id: tinh
    name: {vi: Tỉnh, en: Province}
    kind: province
    services:
      - {kind: web, host: www.tinh.gov.vn}
canaries:
  - {host: www.tinh.gov.vn, kind: reach, port: 443, want: up}
`), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		var stdout, stderr strings.Builder
		code := run(t.Context(), []string{"scan", "--lab", "--world", "silent-both", "--inventory", file, "--lang", "en", "--format", "jsonl",
			"--run-timeout", "1500ms"}, nil, strings.NewReader(""), &stdout, &stderr)
		took := time.Since(begun)
		if code != exitFailed || took > 2*time.Second || !strings.Contains(stdout.String(), "whole run (1.5s)") || !strings.Contains(stderr.String(), "1 not (fully) measured") {
			t.Errorf("exit %d after %v: %s\n%s", code, took, stdout.String(), stderr.String())
		}
	})
}
