package probes_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ready6/inventory"
	"ready6/probes"
	"ready6/probes/dial"
	"ready6/probes/dnssec"
	"ready6/probes/lab"
	"ready6/probes/resolve"
	"ready6/probes/rpki"
	"ready6/probes/verdict"
	"ready6/reports"
)

// TestWorlds protects every verdict: in each world of the lab one thing is
// broken, and the level, the states and the reasons must be just those that the
// world's author wrote down, over memory and over sockets alike.
func TestWorlds(t *testing.T) {
	seen := &reasons{have: map[verdict.Reason]bool{}}
	if flag.Lookup("test.run").Value.String() == "" { // all worlds are run
		t.Cleanup(func() { seen.complete(t) })
	}
	book := openTold(t)
	for _, name := range lab.Worlds() {
		w, err := lab.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, loopback := range []bool{false, true} {
			if loopback && (testing.Short() || len(w.WantsOwn()) > 0 || ofRecords.MatchString(name)) {
				continue // what it is about comes from tables, or from records alone
			}
			t.Run(fmt.Sprintf("%s/loopback=%t", name, loopback), func(t *testing.T) {
				t.Parallel()
				checkWorld(t, w, loopback, seen, book)
			})
		}
	}
}

// ofRecords are worlds about what is in the DNS, whatever brings it.
var ofRecords = regexp.MustCompile(`^(mail-spf|mail-ptr|reverse)-`)

func checkWorld(t *testing.T, w lab.World, loopback bool, seen *reasons, book *toldBook) {
	l, inv := started(t, w, lab.Options{Loopback: loopback})
	defer l.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	env := environment(t, ctx, l, inv)
	_, preflight := env.Preflight(ctx)
	got := map[string]verdict.Record{}
	for a, svc := range inv.All() {
		kind := svc.Kind
		if kind == "tcp" || kind == "tls" { // worlds write these with the port
			kind += fmt.Sprintf(":%d", svc.Port)
		}
		got[key(svc.Host, kind)] = env.Service(ctx, a.ID, svc)
	}
	for _, rec := range env.Resources(ctx) {
		got[key(rec.Host, rec.Kind)] = rec
	}
	seen.check(t, preflight)
	for _, rec := range got {
		seen.check(t, rec.Results)
	}
	wants := l.Wants()
	if len(wants) == 0 {
		t.Fatal("the world expects nothing")
	}
	if !loopback {
		book.check(t, w.Name, allTold(got, wants))
	}
	for _, want := range wants {
		rec, ok := got[key(want.Host, want.Service)]
		if !ok {
			t.Errorf("%s %s is wanted, but not in the inventory", want.Host, want.Service)
			continue
		}
		if fault := differs(rec, want); fault != "" {
			t.Errorf("%s %s: %s\n%s", want.Host, want.Service, fault, dump(rec, preflight))
		}
	}
}

// reasons collects the reasons that came out of all worlds.
type reasons struct {
	mu   sync.Mutex
	have map[verdict.Reason]bool
}

var place = regexp.MustCompile(`\{(\w+)\}`)

// check protects what every result owes its reader: sentences without gaps,
// somebody who can mend it, and for a fault its evidence.
func (s *reasons) check(t *testing.T, results []verdict.Result) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range results {
		s.have[r.Reason] = true
		e := verdict.Lookup(r.Reason)
		if e.Title.VI == "" || e.Title.EN == "" {
			t.Errorf("%s is not in the catalogue", r.Reason)
		}
		for _, text := range []string{e.Title.EN, e.Title.VI, e.Advice.EN, e.Advice.VI} {
			for _, m := range place.FindAllStringSubmatch(text, -1) {
				if m[1] != "subject" && r.Args[m[1]] == "" || r.Subject == "" {
					t.Errorf("%s of %q: nothing for {%s} in %q", r.Reason, r.Subject, m[1], text)
				}
			}
		}
		if r.Owner.Role == "" || r.Check == "" || r.At.IsZero() {
			t.Errorf("%s of %s: owner %+v, check %q, at %v", r.Reason, r.Subject, r.Owner, r.Check, r.At)
		}
		s.told(t, r)
		if r.Outcome() == verdict.Fail && len(r.Evidence) == 0 && !withoutEvidence[r.Reason] {
			t.Errorf("%s of %s: a fault without evidence", r.Reason, r.Subject)
		}
	}
}

// told protects what a reader gets of a fault or a warning: a whole sentence and
// what to do about it, in his own language.
func (s *reasons) told(t *testing.T, r verdict.Result) {
	o := r.Outcome()
	if o != verdict.Fail && o != verdict.Warn {
		return
	}
	vi, en := r.Title(verdict.VI), r.Title(verdict.EN)
	if vi == en || strings.Contains(vi+en, "…") {
		t.Errorf("%s reads %q and %q", r.Reason, vi, en)
	}
	vi, en = r.Advice(verdict.VI), r.Advice(verdict.EN)
	if (vi == "" || vi == en) && !unadvised[r.Reason] || strings.Contains(vi+en, "…") {
		t.Errorf("%s advises %q and %q", r.Reason, vi, en)
	}
}

// unadvised are the warnings that ask for nothing.
var unadvised = map[verdict.Reason]bool{"closure.third-party-unknown": true, "rpki.note.dropped-covered": true}

// withoutEvidence is what this scanner says of its own input: there is nobody
// who was asked.
var withoutEvidence = map[verdict.Reason]bool{
	"vantage.anchor-missing": true, "vantage.data-missing": true, "vantage.data-empty": true, "vantage.data-stale": true,
	"vantage.data-damaged": true, "vantage.data-shrunk": true,
}

// elsewhere says, of every reason of the probes that no world gives, which test
// does instead.
var elsewhere = map[verdict.Reason]string{
	"mail.dane-unjudged": "TestDANEWithoutAnchors",
	"reach.tls":          "TestJudge", "reach.unknown": "TestJudge",
	"closure.unknown": "TestUnmeasuredIsNotAbsent", "closure.no-name": "TestUnmeasuredIsNotAbsent",
	"closure.page-unreadable": "TestHTTPReplies", "browser.differs": "TestBrowserInWorlds",
	"vantage.anchor-bad": "TestAnchorsVoidOnlyTheirOwnNames", "vantage.anchor-unknown": "TestAnchorsVoidOnlyTheirOwnNames",
	"vantage.anchor-missing": "TestCanariesVoidOnlyWhatTheyConcern", "vantage.canary-unknown": "TestCanariesVoidOnlyWhatTheyConcern",
	"vantage.canary-good-fails": "TestCanariesVoidOnlyWhatTheyConcern", "vantage.canary-bad-passes": "TestCanariesVoidOnlyWhatTheyConcern",
	"vantage.data-ok": "TestData", "vantage.data-stale": "TestData", "vantage.data-missing": "TestData",
	"vantage.data-none": "TestData", "vantage.data-empty": "TestData", "vantage.data-undated": "TestData",
	"vantage.data-damaged": "TestData", "vantage.data-shrunk": "TestData", "vantage.data-passed": "TestData",
}

// complete protects the catalogue: a reason that nothing gives is dead wood, or
// a path that nobody tests.
func (s *reasons) complete(t *testing.T) {
	own := []verdict.Check{verdict.AAAA, verdict.Reach, verdict.Reach4, verdict.Closure, verdict.NAT64, verdict.Mail, verdict.Reverse, verdict.Vantage}
	for _, e := range verdict.Catalogue() {
		if _, named := elsewhere[e.Reason]; slices.Contains(own, e.Check) && !s.have[e.Reason] && !named {
			t.Errorf("no world gives %s", e.Reason)
		}
	}
}

func key(host, kind string) string { return host + " " + kind }

// started is a running world and its inventory. The caller closes it: in a bubble
// of synctest that has to come before the end of the test.
func started(t testing.TB, w lab.World, o lab.Options) (*lab.Lab, inventory.Inventory) {
	t.Helper()
	l, err := lab.Start(w, o)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := l.Inventory()
	if err != nil {
		t.Fatal(err)
	}
	inv, err := inventory.Read(bytes.NewReader(raw), "lab")
	if err != nil {
		t.Fatal(err)
	}
	return l, inv
}

// environment wires a lab up as the command does.
func environment(t testing.TB, ctx context.Context, l *lab.Lab, inv inventory.Inventory) *probes.Env {
	t.Helper()
	return environmentOver(t, ctx, l, inv, dial.Guard(l.Dial, l.Allow()...))
}

// environmentOver is an environment with a door to the network of one's own.
func environmentOver(t testing.TB, ctx context.Context, l *lab.Lab, inv inventory.Inventory, out dial.Func) *probes.Env {
	t.Helper()
	const step = 300 * time.Millisecond
	hints, err := resolve.ReadHints(strings.NewReader(l.Hints()))
	if err != nil {
		t.Fatal(err)
	}
	c := probes.Config{Dial: dial.Limit(out, dial.Limits{PerAddress: 4, Total: 256}), CAs: l.CAs(), Roots: hints, Allow: l.Allow(), Inventory: inv, Now: l.Now, Step: step,
		Internal: l.Internal(), NAT64Prefixes: l.NAT64()}
	c.DNS = resolve.New(resolve.Config{Dial: out, Hints: hints, Families: resolve.Both, Timeout: step, Now: l.Now})
	c.DNS6 = resolve.New(resolve.Config{Dial: out, Hints: hints, Families: resolve.V6, Timeout: step, Now: l.Now, Witness: c.DNS})
	if c.Anchors, err = dnssec.ReadAnchors(strings.NewReader(l.Anchors())); err == nil {
		c.DNSSEC = dnssec.New(c.DNS, c.Anchors, l.Now)
	}
	if addr := l.RTRAddr(); addr != "" {
		c.VRPs, err = rpki.NewRTR(l.Dial, addr, nil, l.Now).Sync(ctx)
		if err != nil {
			t.Logf("VRPs: %v", err)
		}
	}
	if mrt, err := l.RoutesMRT(); err != nil {
		t.Fatal(err)
	} else if len(mrt) > 0 {
		if c.Routes, err = rpki.ReadMRT(bytes.NewReader(mrt), "lab", ownBlocks(inv)...); err != nil {
			t.Fatal(err)
		}
	}
	return probes.New(ctx, c)
}

func ownBlocks(inv inventory.Inventory) (out []netip.Prefix) {
	for _, a := range inv.Agencies {
		for _, p := range a.Prefixes {
			out = append(out, p.Prefix)
		}
	}
	return out
}

// differs compares a record with what the world's author wrote down; "-" and
// the empty string mean that the world says nothing about it.
func differs(rec verdict.Record, want lab.Want) string {
	s := reports.Judge(rec)
	var faults []string
	say := func(form string, a ...any) { faults = append(faults, fmt.Sprintf(form, a...)) }
	if got := level(s); got != want.Level && want.Service != verdict.PrefixKind {
		say("level %d (%d..%d), want %d", got, s.Min, s.Max, want.Level)
	}
	if want.DNSSEC != "" && want.DNSSEC != "-" && want.DNSSEC != s.DNSSEC {
		say("DNSSEC %s, want %s", s.DNSSEC, want.DNSSEC)
	}
	if want.RPKI != "" && want.RPKI != "-" && want.RPKI != s.RPKI {
		say("RPKI %s, want %s", s.RPKI, want.RPKI)
	}
	for _, r := range want.Reasons {
		code, owner, _ := strings.Cut(r, "=")
		role, who, _ := strings.Cut(owner, ":")
		if !slices.ContainsFunc(rec.Results, func(x verdict.Result) bool {
			return string(x.Reason) == code && (role == "" || string(x.Owner.Role) == role) && (who == "" || x.Owner.Name == who)
		}) {
			say("reason %s is not there", r)
		}
	}
	for _, r := range rec.Results { // of a zone's upkeep and of mail nothing is told that its author did not mean
		o := r.Outcome()
		named := slices.ContainsFunc(want.Reasons, func(w string) bool { return strings.HasPrefix(w+"=", string(r.Reason)+"=") })
		if (r.Check == verdict.Posture || r.Check == verdict.Mail || r.Check == verdict.Reverse) && (o == verdict.Fail || o == verdict.Warn) && !named {
			say("reason %s is not wanted", r.Reason)
		}
	}
	return strings.Join(faults, "; ")
}

// level is a level as worlds write it: -1 where it cannot be told, or where
// there is nothing to judge.
func level(s reports.Service) int {
	if !s.Applicable || s.Min != s.Max {
		return -1
	}
	return s.Min
}

func dump(rec verdict.Record, preflight []verdict.Result) string {
	var b strings.Builder
	for _, r := range slices.Concat(preflight, rec.Results) {
		fmt.Fprintf(&b, "   %-14s %-30s %-34s %v %v\n", r.Outcome(), r.Reason, r.Subject, r.Args, r.Via)
		if r.Outcome() != verdict.Pass {
			for _, e := range r.Evidence[:min(len(r.Evidence), 6)] {
				fmt.Fprintf(&b, "        %s %s %s -> %s\n", e.Over, e.Asked, e.Query, e.Answer)
			}
		}
	}
	return b.String()
}
