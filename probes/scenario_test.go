package probes_test

import (
	"bufio"
	"context"
	_ "embed"
	"flag"
	"fmt"
	"maps"
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"ready6/probes/dnssec"
	"ready6/probes/resolve"
)

var (
	scenarioDirs = flag.String("scenarios", "", "directories of .rpl scenarios, separated by commas")
	scenarioDumb = flag.Bool("scenarios-silent", false, "questions without a scripted answer meet silence instead of SERVFAIL")
	scenarioBare = flag.Bool("scenarios-bare", false, "scripted answers carry no OPT record")
)

// scenarios.tsv lists the scenarios whose subject is not ours, the ones we answer
// otherwise on purpose, with the text that we rest on, and the ones still open.
//
//go:embed testdata/scenarios.tsv
var scenarioTable string

// exception is a row of the table.
type exception struct{ kind, why string }

func exceptions(t *testing.T) map[string]exception {
	out := make(map[string]exception)
	in := bufio.NewScanner(strings.NewReader(scenarioTable))
	for in.Scan() {
		if strings.HasPrefix(in.Text(), "#") || in.Text() == "" {
			continue
		}
		f := strings.Split(in.Text(), "\t")
		if name, step, ok := strings.Cut(f[0], "#"); ok {
			if _, err := strconv.Atoi(step); err != nil || name == "" {
				t.Fatalf("scenarios.tsv: %q", in.Text())
			}
		}
		if len(f) != 3 || !slices.Contains([]string{"scope", "differs", "open"}, f[1]) || f[2] == "" {
			t.Fatalf("scenarios.tsv: %q", in.Text())
		}
		if _, twice := out[f[0]]; twice {
			t.Errorf("scenarios.tsv: %s twice", f[0])
		}
		out[f[0]] = exception{f[1], f[2]}
	}
	return out
}

// TestScenarios replays other validators' scenarios against this one. Each
// question is asked as the command does it: with nothing remembered.
func TestScenarios(t *testing.T) {
	if *scenarioDirs == "" {
		t.Skip("needs -scenarios DIR[,DIR...]: replay files of unbound (testdata) or Deckard (sets/resolver), which are not part of this repository")
	}
	var files []string
	for _, dir := range strings.Split(*scenarioDirs, ",") {
		for _, pattern := range []string{"*.rpl", "*.crpl"} {
			found, _ := filepath.Glob(filepath.Join(dir, pattern))
			files = append(files, found...)
		}
	}
	if len(files) == 0 {
		t.Fatalf("no scenario in %s", *scenarioDirs)
	}
	known := exceptions(t)
	count := map[string]int{}
	for _, file := range files {
		name := filepath.Base(file)
		e, differs := known[filepath.Base(filepath.Dir(file))+"/"+name]
		if !differs {
			e, differs = known[name]
		}
		if e.kind == "scope" {
			count["out of scope"]++
			continue
		}
		t.Run(name, func(t *testing.T) {
			s, err := readScenario(file)
			if err != nil {
				t.Fatal(err)
			}
			s.without(name, known)
			faults, log := replay(t, s)
			switch {
			case len(faults) == 0 && differs:
				t.Errorf("agrees, and yet it is listed as %s: %s", e.kind, e.why)
			case len(faults) > 0 && !differs:
				count["disagree"]++
				t.Errorf("%s\n%s\nasked:\n  %s", s.title, strings.Join(faults, "\n"), strings.Join(log, "\n  "))
			case differs:
				count[e.kind]++
			default:
				count["agree"]++
			}
		})
	}
	for _, what := range slices.Sorted(maps.Keys(count)) {
		t.Logf("%4d %s", count[what], what)
	}
}

// without drops the questions that the table lists by the number of their step.
func (s *scenario) without(name string, known map[string]exception) {
	s.steps = slices.DeleteFunc(s.steps, func(st scriptStep) bool {
		_, listed := known[name+"#"+strconv.Itoa(st.n)]
		return listed
	})
}

// replay asks every question of a scenario and returns where the answers differ
// from the expected ones, with the packets of the questions that do. In a bubble
// of time silence costs nothing.
func replay(t *testing.T, s *scenario) (faults, log []string) {
	anchors, err := s.anchors()
	if err != nil { // as the command does
		return []string{"no answer: trust anchor: " + err.Error()}, nil
	}
	hints := s.hints()
	if anchors, err = resign(s, anchors); err != nil {
		t.Fatal(err)
	}
	p := &player{t: t, g: &stage{s: s, dumb: *scenarioDumb, bare: *scenarioBare}, anchors: anchors, hints: hints, now: s.clock()}
	synctest.Test(t, func(t *testing.T) {
		for i, st := range s.steps {
			if st.kind == "TIME_PASSES" {
				p.now = p.now.Add(elapsed(st.args))
			}
			if st.kind != "QUERY" || len(st.entry.msg.Question) != 1 {
				continue
			}
			if want, at := s.expected(i); want != nil {
				p.g.step = [2]int{st.n, at}
				p.ask(t.Context(), st, want)
			}
		}
		p.g.wg.Wait()
	})
	if p.asked == 0 {
		t.Fatal("asks nothing that has an expected answer")
	}
	return p.faults, p.log
}

// player asks the questions of one scenario.
type player struct {
	t       *testing.T
	g       *stage
	anchors []dns.RR
	hints   []resolve.Server
	now     time.Time
	memory  *dnssec.Validator // that has been asked all questions so far
	asked   int
	faults  []string
	log     []string
}

func (p *player) validator() *dnssec.Validator {
	families := resolve.Both
	if slices.Contains(p.g.s.values("do-ip6"), "no") {
		families = resolve.V4
	}
	source := resolve.New(resolve.Config{Dial: p.g.dial, Hints: p.hints, Families: families})
	return dnssec.New(source, p.anchors, func() time.Time { return p.now })
}

// ask asks one question with nothing remembered, as the command does. If that
// meets a question without a scripted answer, and the answer is not the expected
// one, the script may rest on what was asked before: then that counts.
func (p *player) ask(ctx context.Context, st scriptStep, want *entry) {
	if p.memory == nil {
		p.memory = p.validator()
	}
	q := st.entry.msg.Question[0]
	p.asked++
	judge := func(v *dnssec.Validator) []string {
		p.g.log, p.g.used = nil, nil
		ctx, cancel := context.WithTimeout(ctx, 60*time.Second)
		defer cancel()
		begun := time.Now()
		res := v.Validate(ctx, q.Name, q.Qtype)
		if out, err := res.MarshalJSON(); err != nil { // what is promised is the published form
			p.t.Error(err)
		} else if res.State, res.Rcode, res.Answer, err = published(out); err != nil {
			p.t.Error(err)
		}
		found := compare(res, st.entry, want)
		if took := time.Since(begun); took > 30*time.Second {
			found = append(found, fmt.Sprintf("took %v", took))
		}
		if len(found) == 0 {
			return nil
		}
		out := []string{fmt.Sprintf("step %d, %s %s: %s, %s: %s", st.n, q.Name, dns.Type(q.Qtype), res.State, dns.RcodeToString[res.Rcode], strings.Join(found, "; "))}
		for _, r := range res.Reasons {
			out = append(out, "    "+string(r.Code)+": "+r.Detail+" "+r.Record)
		}
		return out
	}
	remembered := judge(p.memory)
	faults := judge(p.validator())
	log := p.g.log
	if slices.ContainsFunc(log, func(s string) bool { return strings.HasSuffix(s, "(not scripted)") }) && len(remembered) == 0 {
		return
	}
	if len(faults) > 0 {
		p.faults, p.log = append(p.faults, faults...), append(p.log, log...)
	}
}

// expected finds the answer to the question of step i, and the step after it.
func (s *scenario) expected(i int) (*entry, int) {
	at := s.steps[i].n
	for _, st := range s.steps[i+1:] {
		if at = st.n; st.kind != "NOTHING" { // the script waits for the answer meanwhile
			break
		}
	}
	for _, st := range s.steps[i+1:] {
		if st.kind == "CHECK_ANSWER" && (len(st.entry.msg.Question) == 0 || sameQuestion(st.entry.msg, s.steps[i].entry.msg)) {
			return st.entry, at
		}
	}
	return nil, at
}

func sameQuestion(m, n *dns.Msg) bool {
	if len(m.Question) == 0 || len(n.Question) == 0 {
		return false
	}
	a, b := m.Question[0], n.Question[0]
	return a.Qtype == b.Qtype && strings.EqualFold(a.Name, b.Name)
}

// compare tells where a result differs from the expected answer, as far as the
// scenario itself compares.
func compare(res dnssec.Result, asked, want *entry) []string {
	var out []string
	has := func(words ...string) bool {
		return slices.ContainsFunc(want.match, func(m string) bool { return slices.Contains(words, m) })
	}
	m := want.msg
	if m.Rcode == dns.RcodeServerFailure {
		if res.State == dnssec.Secure || res.State == dnssec.Insecure {
			out = append(out, "want SERVFAIL: bogus or indeterminate")
		}
		return out
	}
	if asked.msg.CheckingDisabled {
		return nil // what a resolver answers without checking is no verdict
	}
	switch {
	case m.AuthenticatedData && res.State != dnssec.Secure:
		out = append(out, "want secure")
	case res.State == dnssec.Bogus:
		out = append(out, "want an answer that is not bogus")
	case !m.AuthenticatedData && has("all", "flags", "AD") && (asked.do || asked.msg.AuthenticatedData) && res.State == dnssec.Secure:
		out = append(out, "want insecure: no AD bit")
	}
	if has("all", "rcode", "flags") && res.Rcode != m.Rcode {
		out = append(out, "want "+dns.RcodeToString[m.Rcode])
	}
	if has("all", "answer") {
		if got, exp := texts(res.Answer, res.Type), texts(m.Answer, res.Type); !slices.Equal(got, exp) {
			out = append(out, fmt.Sprintf("answer\n      %s\n    want\n      %s", strings.Join(got, "\n      "), strings.Join(exp, "\n      ")))
		}
	}
	return out
}

// texts are the records of an answer in one spelling, sorted, without TTL and
// without signatures unless those were asked for.
func texts(rrs []dns.RR, qtype uint16) []string {
	var out []string
	for _, rr := range rrs {
		if rr.Header().Rrtype == dns.TypeRRSIG && qtype != dns.TypeRRSIG {
			continue
		}
		c := dns.Copy(rr)
		c.Header().Ttl = 0
		out = append(out, strings.ToLower(c.String()))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// anchors are the trust anchors of the configuration.
func (s *scenario) anchors() ([]dns.RR, error) {
	text := s.values("trust-anchor")
	if len(text) == 0 {
		return nil, nil
	}
	return dnssec.ReadAnchors(strings.NewReader(strings.Join(text, "\n")))
}

// hints are the servers that questions begin at: those of the stub zone for the
// root, else of any stub zone or forwarder, which answer what the script asks.
func (s *scenario) hints() []resolve.Server {
	root, other := resolve.Server{Name: "k.root-servers.net."}, resolve.Server{Name: "k.root-servers.net."}
	zone := "."
	for _, c := range s.config {
		switch c.key {
		case "name":
			zone = c.value
		case "stub-addr", "forward-addr":
			value, _, _ := strings.Cut(c.value, "@")
			a, err := netip.ParseAddr(strings.TrimSpace(value))
			if err != nil {
				continue
			}
			if zone == "." && c.key == "stub-addr" {
				root.Addrs = append(root.Addrs, a)
			} else {
				other.Addrs = append(other.Addrs, a)
			}
		}
	}
	if len(root.Addrs) == 0 {
		root = other
	}
	if len(root.Addrs) == 0 {
		return resolve.RootHints()
	}
	return []resolve.Server{root}
}

// clock is the time that signatures are judged at when the scenario begins.
func (s *scenario) clock() time.Time {
	for _, v := range slices.Concat(s.values("val-override-date"), s.values("val-override-timestamp")) {
		if t, err := time.Parse("20060102150405", v); err == nil {
			return t
		}
		if n, err := strconv.ParseInt(v, 10, 64); err == nil && n > 0 {
			return time.Unix(n, 0).UTC()
		}
	}
	var last uint32 // dates are not looked at: take one that suits the signatures
	for _, e := range s.entries() {
		for _, rr := range slices.Concat(e.msg.Answer, e.msg.Ns) {
			if sig, ok := rr.(*dns.RRSIG); ok {
				last = max(last, sig.Inception)
			}
		}
	}
	return time.Unix(int64(last), 0).UTC()
}

// elapsed reads "ELAPSE seconds".
func elapsed(args []string) time.Duration {
	if len(args) < 2 || args[0] != "ELAPSE" {
		return 0
	}
	n, _ := strconv.ParseFloat(args[1], 64)
	return time.Duration(n * float64(time.Second))
}
