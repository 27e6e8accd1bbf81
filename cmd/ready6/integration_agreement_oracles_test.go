//go:build integration

package main_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// said is one validator's verdict with its words.
type said struct {
	state string
	words string
	err   error
}

// gaveUp tells that the validator came to no verdict, whoever is to blame.
func (s said) gaveUp() bool {
	return s.err != nil || s.state == "hung" || s.state == "indeterminate"
}

// Each validator is asked from cold.
const perQuestion = 30 * time.Second

func (b *bed) askReady6(q asking) said {
	o, err := execute(b.world, b.ns, perQuestion, b.bin, "dnssec", q.name, q.qtype, "--root-hints", b.files.hints,
		"--trust-anchor", b.files.anchor, "--allow", "198.18.0.0/15", "--format", "json")
	var got struct {
		Status  string `json:"status"`
		Reasons []struct {
			Code   string `json:"code"`
			Detail string `json:"detail"`
		} `json:"reasons"`
	}
	if err == nil {
		if err = json.Unmarshal([]byte(o.stdout), &got); err != nil {
			err = fmt.Errorf("%w: %v", err, o)
		}
	}
	var words []string
	for _, r := range got.Reasons {
		words = append(words, r.Code+": "+r.Detail)
	}
	return said{got.Status, strings.Join(words, "; "), err}
}

func (b *bed) askUnbound(q asking) said {
	o, err := execute(b.world, b.ns, perQuestion, "unbound-host", "-C", b.iter, "-v", "-t", q.qtype, q.name)
	if errors.Is(err, context.DeadlineExceeded) { // where no server answers, it goes on asking
		return said{"indeterminate", "no answer", nil}
	}
	out := o.stdout + o.stderr
	return said{worst(map[string]bool{
		"indeterminate": strings.Contains(out, "SERVFAIL") && !strings.Contains(out, "BOGUS"),
		"bogus":         strings.Contains(out, "(BOGUS"),
		"insecure":      strings.Contains(out, "(insecure)"),
		"secure":        strings.Contains(out, "(secure)"),
	}), out, err}
}

// bogusWords are those that delv ends with where validation failed.
var bogusWords = regexp.MustCompile("resolution failed: (broken trust chain|RRSIG failed to verify|no valid (RRSIG|NSEC|DS|KEY)|insecurity proof failed|RRSIG has expired|RRSIG validity period has not begun)")

// askDelv asks from the anchor that is closest, which delv does not find itself.
func (b *bed) askDelv(q asking) said {
	top := "."
	if q.anchor != "" {
		top = q.anchor
	}
	o, err := execute(b.world, b.ns, perQuestion, "delv", "@127.0.0.1", "-p", strconv.Itoa(b.port), "-a", b.bind, "+root="+top, "+nodlv", q.name, q.qtype)
	out := o.stdout + o.stderr
	unanswered := strings.Contains(out, "resolution failed: SERVFAIL") || strings.Contains(out, "resolution failed: failure") || strings.Contains(out, "timed out")
	switch {
	case strings.Contains(out, "pending validation"):
		return said{"unvalidated", out, err}
	case strings.Contains(out, "operation canceled"): // its look-ups wait for each other until it stops them
		return said{"hung", out, err}
	}
	return said{worst(map[string]bool{
		"indeterminate": unanswered,
		"bogus":         bogusWords.MatchString(out),
		"insecure":      strings.Contains(out, "unsigned answer"),
		"secure":        strings.Contains(out, "fully validated"),
	}), out, err}
}
