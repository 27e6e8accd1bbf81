package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets test scripts run the program itself under the name ready6.
func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main() // see kill_test.go
	}
	testscript.Main(m, map[string]func(){
		"ready6": func() {
			ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			os.Exit(run(ctx, os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr))
		},
	})
}

// TestScripts protects what a user sees on the command line; each archive in
// testdata/script reads as a session.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata/script"})
}

// An interrupt before anything was measured is no fault of the vantage, the
// history or the data, and is told as what it is.
func TestInterrupted(t *testing.T) {
	for _, args := range [][]string{
		{"scan", "--lab", "--lang", "en", "--out", t.TempDir()},
		{"scan", "--lab", "--lang", "en", "--format", "jsonl"},
		{"probe", "--lab", "--lang", "en", "www.daknong.gov.vn"},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		var stderr strings.Builder
		code := run(ctx, args, nil, strings.NewReader(""), io.Discard, &stderr)
		said := stderr.String()
		if code != exitFailed || !strings.Contains(said, "interrupted") && !strings.Contains(said, "stopped") || strings.Contains(said, "✗") {
			t.Errorf("%q: exit %d, %s", args, code, said)
		}
	}
}
