package inventory

import (
	"strings"
	"testing"
)

// The YAML parser stops at its first fault; tabs after it are told all the same,
// those that matter and no others.
func TestTabsAreToldAtOnce(t *testing.T) {
	_, err := Read(strings.NewReader("agencies:\n  - id: a\n\tkind: office\n    # a comment\n \t# another\n\t\n  - id: b\n  \tkind: office\n"), "inv.yaml")
	if err == nil {
		t.Fatal("no fault")
	}
	lines := strings.Split(strings.TrimSpace(err.Error()), "\n")
	if len(lines) != 3 || !strings.HasPrefix(lines[1], "inv.yaml:3: is indented with a tab") || !strings.HasPrefix(lines[2], "inv.yaml:8: is indented with a tab") {
		t.Errorf("%s", err)
	}
}
