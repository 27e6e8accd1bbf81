package history

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
)

// A right beside a history has one holder, is told who that is, and is free
// again once it is released; it is another than that to write a run.
func TestClaim(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.db")
	release, err := Claim(path, "nightly")
	if err != nil {
		t.Fatal(err)
	}
	_, err = Claim(path, "nightly")
	if !errors.Is(err, ErrBusy) || !strings.Contains(err.Error(), "has its nightly already (process ") {
		t.Errorf("a second one: %v", err)
	}
	other, err := Claim(path, "outbox")
	if err != nil {
		t.Errorf("another right: %v", err)
	}
	other()
	s, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	w, err := s.Begin(t.Context(), Header{Kind: "inventory"})
	if err != nil {
		t.Fatalf("writing a run: %v", err)
	}
	if err := w.Finish(t.Context(), Complete); err != nil {
		t.Error(err)
	}
	release()
	release, err = Claim(path, "nightly")
	if err != nil {
		t.Fatalf("once released: %v", err)
	}
	release()
}
