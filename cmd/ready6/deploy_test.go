package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The settings that deploy/ shows are ones that the program takes, those that are
// commented out included.
func TestDeployedSettings(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "deploy", "ready6.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	all := regexp.MustCompile(`(?m)^# ([a-z-]+: \S)`).ReplaceAllString(string(text), "$1")
	if strings.Count(all, "\nmail-") < 7 {
		t.Errorf("not all settings are tried: %s", all)
	}
	for name, settings := range map[string]string{"as it is": string(text), "all of it": all} {
		dir := t.TempDir()
		path := func(name, text string) string {
			write(t, filepath.Join(dir, name), text)
			return filepath.Join(dir, name)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel() // it is not to stay
		var stderr strings.Builder
		code := run(ctx, []string{"nightly", "--config", path("ready6.yaml", settings)}, []string{
			"READY6_INVENTORY=" + path("inventory.yaml", nightInventory), "READY6_OUT=" + dir,
			"READY6_WEBHOOK_SECRET_FILE=" + path("webhook-secret", "whsec_aGlkZGVu\n"), "READY6_MAIL_PASSWORD_FILE=" + path("mail-password", "hidden\n"),
		}, strings.NewReader(""), io.Discard, &stderr)
		if code != exitDone || strings.Contains(stderr.String(), "hidden") {
			t.Errorf("%s: exit %d, %s", name, code, stderr.String())
		}
	}
}
