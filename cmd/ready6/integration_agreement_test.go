//go:build integration

package main_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// agreeCase is one zone: everything in order but the thing that its name tells.
type agreeCase struct {
	name      string
	in        string // kind of parent: "" (NSEC), "n3" (NSEC3), "oo" (opt-out), "un" (unsigned)
	algorithm string // default ECDSAP256SHA256
	nsec3     *chain3
	signers   string // those that can make it; default all
	unsigned  bool
	nowhere   bool // its servers do not know it
	beside    bool // on its parent's server
	anchored  bool // has a trust anchor of its own
	shift     time.Duration
	more      string                         // records to be signed with the others
	breaks    func(z *madeZone)              // after signing
	ds        func(z *madeZone)              // changes z.ds
	parent    func(p *madeZone, z *madeZone) // breaks the parent about it
	ask       []string                       // "name TYPE state"; "@" is the apex
	lame      string                         // records that replace the delegation's, see agreeCases
}

// asking is one question that the three validators are asked.
type asking struct {
	where  *placed
	title  string // case@server:signer name TYPE
	name   string
	qtype  string
	want   string
	anchor string
}

// placed is a case on a server.
type placed struct {
	*agreeCase
	program int
	signer  string
	zone    *madeZone
	apex    string
}

var agreeQuestions = flag.Int("questions", 0, "TestAgreement: how many of the questions to ask, others each time; 0: all")

// TestAgreement puts the verdict of ready6 beside those of unbound-host and delv.
func TestAgreement(t *testing.T) {
	if os.Geteuid() != 0 {
		leaveOut(t, "network namespaces need root")
	}
	for _, tool := range []string{"ip", "nsd", "named", "knotd", "ldns-signzone", "dnssec-signzone", "kzonesign", "dig", "delv", "unbound", "unbound-host", "nsenter"} {
		if _, err := exec.LookPath(tool); err != nil {
			leaveOut(t, tool+" is not installed")
		}
	}
	begun := time.Now()
	removeStale(t)
	w := &world{t: t, dir: worldDir(t)}
	b := &bed{world: w, port: 5300, ns: "r6agree-" + strconv.Itoa(os.Getpid())}
	w.addNamespaces(b.ns)
	w.build()
	questions := b.raise()
	t.Logf("%d questions are there after %v", len(questions), time.Since(begun).Round(time.Millisecond))
	if n := *agreeQuestions; n > 0 && n < len(questions) {
		rand.Shuffle(len(questions), func(i, j int) { questions[i], questions[j] = questions[j], questions[i] })
		questions = questions[:n]
		t.Logf("%d of them are asked", n)
	}
	b.compare(questions)
	b.roundTrips()
	t.Logf("all of it took %v", time.Since(begun).Round(time.Millisecond))
}

// verdicts are the three answers to one question.
type verdicts struct{ ready6, unbound, delv said }

// spent adds up how long a validator was waited for.
func spent(total *atomic.Int64, ask func(asking) said, q asking) said {
	begun := time.Now()
	defer func() { total.Add(int64(time.Since(begun))) }()
	return ask(q)
}

// compare asks everything and judges the differences.
func (b *bed) compare(questions []asking) {
	got := make([]verdicts, len(questions))
	var times [3]atomic.Int64
	var wg sync.WaitGroup
	work := make(chan int)
	for range max(2, runtime.NumCPU()) + 1 {
		wg.Go(func() {
			for i := range work {
				q := questions[i]
				got[i] = verdicts{spent(&times[0], b.askReady6, q), spent(&times[1], b.askUnbound, q), spent(&times[2], b.askDelv, q)}
			}
		})
	}
	for i := range questions {
		work <- i
	}
	close(work)
	wg.Wait()
	each := func(i int) time.Duration {
		return (time.Duration(times[i].Load()) / time.Duration(max(1, len(questions)))).Round(time.Millisecond)
	}
	b.t.Logf("a question took ready6 %v, unbound-host %v, delv %v on average", each(0), each(1), each(2))
	b.askAgain(questions, got)
	b.report(questions, got)
}

// askAgain asks those once more, each alone, that gave up where a verdict was to
// be had: on a busy machine unbound-host and delv run into their own limits. A
// verdict is never asked for again, and neither is ready6.
func (b *bed) askAgain(questions []asking, got []verdicts) {
	for i, q := range questions {
		for _, o := range []struct {
			who  string
			said *said
			ask  func(asking) said
		}{{"unbound", &got[i].unbound, b.askUnbound}, {"delv", &got[i].delv, b.askDelv}} {
			first := *o.said
			if !first.gaveUp() || first.state == q.want || explain(q, o.who, first.state, got[i].ready6.state) >= 0 {
				continue
			}
			*o.said = o.ask(q)
			b.t.Logf("%s: %s gave up (%s, %v), and alone says %s:\n%.600s", q.title, o.who, first.state, first.err, o.said.state, first.words)
		}
	}
}

// tally is one line of the summary.
type tally struct{ cases, questions, same, explained, open int }

func (b *bed) report(questions []asking, got []verdicts) {
	lines := map[string]*tally{}
	seen := map[*placed]bool{}
	used := make([]int, len(explanations))
	for i, q := range questions {
		v := got[i]
		key := fmt.Sprintf("%-5s %-5s", software[q.where.program].name, q.where.signer)
		sum := lines[key]
		if sum == nil {
			sum = &tally{}
			lines[key] = sum
		}
		sum.questions++
		if !seen[q.where] {
			seen[q.where] = true
			sum.cases++
		}
		for who, s := range map[string]said{"ready6": v.ready6, "unbound": v.unbound, "delv": v.delv} {
			if s.err != nil {
				b.t.Errorf("%s: %s gave no verdict: %v", q.title, who, s.err)
			}
		}
		if v.ready6.state != q.want {
			b.t.Errorf("%s: ready6 says %s, want %s: %s\nunbound: %s delv: %s", q.title, v.ready6.state, q.want, v.ready6.words, v.unbound.state, v.delv.state)
		}
		differs, open := false, false
		for _, o := range []struct {
			who string
			said
		}{{"unbound", v.unbound}, {"delv", v.delv}} {
			if o.state == v.ready6.state {
				continue
			}
			differs = true
			if n := explain(q, o.who, o.state, v.ready6.state); n >= 0 {
				used[n]++
				continue
			}
			open = true
			b.t.Errorf("%s: ready6 says %s (%s), %s says %s:\n%.900s", q.title, v.ready6.state, v.ready6.words, o.who, o.state, o.words)
		}
		switch {
		case open:
			sum.open++
		case differs:
			sum.explained++
		default:
			sum.same++
		}
	}
	b.summary(lines, used)
}

// explain finds the explanation of a difference, -1 if there is none.
func explain(q asking, who, theirs, ours string) int {
	return slices.IndexFunc(explanations, func(e explanation) bool {
		ok, err := path.Match(e.questions, q.title)
		if err != nil {
			panic(err)
		}
		return ok && e.who == who && e.says == theirs && e.ours == ours
	})
}

// leastCases is how many cases the three must have been asked about.
const leastCases = 300

func (b *bed) summary(lines map[string]*tally, used []int) {
	var out strings.Builder
	var all tally
	row := func(key string, t tally) {
		fmt.Fprintf(&out, "%-13s %6d %10d %6d %10d %12d\n", key, t.cases, t.questions, t.same, t.explained, t.open)
	}
	fmt.Fprintf(&out, "\n%-5s %-7s %6s %10s %6s %10s %12s\n", "served", "signed", "cases", "questions", "agreed", "explained", "unexplained")
	var keys []string
	for k := range lines {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		t := *lines[k]
		row(k, t)
		all = tally{all.cases + t.cases, all.questions + t.questions, all.same + t.same, all.explained + t.explained, all.open + t.open}
	}
	row("all", all)
	fmt.Fprintln(&out, "\ndifferences, explained:")
	for i, e := range explanations {
		fmt.Fprintf(&out, "%4d × %s: %s says %s, ready6 %s: %s\n", used[i], e.questions, e.who, e.says, e.ours, e.why)
		if used[i] == 0 && !e.sometimes && *agreeQuestions == 0 {
			b.t.Errorf("no difference needs this explanation any more: %s, %s says %s", e.questions, e.who, e.says)
		}
	}
	b.t.Log(out.String())
	if all.cases < leastCases && *agreeQuestions == 0 {
		b.t.Errorf("%d cases were put side by side, at least %d are wanted", all.cases, leastCases)
	}
}
