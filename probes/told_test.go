package probes_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/tools/txtar"

	"ready6/probes/lab"
	"ready6/probes/verdict"
	"ready6/reports"
)

var update = flag.Bool("update", false, "write anew what users are told in each world")

// toldFile holds, world by world, all that users are told in it. Whoever changes
// a verdict, an owner or a sentence sees there what becomes of it, in all worlds.
const toldFile = "testdata/told.txtar"

// ofServices are the worlds about what a service needs. In those about keys,
// routes and an agency's own blocks, TestOwnWorlds and the tests of dnssec and
// rpki hold the sentences.
var ofServices = regexp.MustCompile(`^(base|broken|browser|closure|content|dns|internal|level|mail|name|names|nat64|no|ns|reverse|short|silent|tcp|tls|vantage|web)(-|$)`)

// fleeting is what changes from run to run: times, keys, what a clock cuts off, and
// what a client meets first, as it reads or as it writes, when the peer has gone.
var fleeting = regexp.MustCompile(`ALPN h2, (then|rồi): [^)]*|(read|write) tcp [^)]*|connection reset by peer|unexpected EOF|broken pipe|kết nối bị phía kia ngắt|kết nối bị đóng giữa chừng|\d{4}-\d{2}-\d{2}(T[0-9:.]+Z)?|(\d{2}:\d{2}:\d{2} )?\d{2}/\d{2}/\d{4}( UTC)?|\b\d+ (ms|bytes read)|đã đọc \d+ byte|\b[0-9a-f]{16,}|\b(key|khóa) \d+|:\d{5}->`)

// toldBook compares what is told with the file, or collects it anew.
type toldBook struct {
	mu         sync.Mutex
	want, have map[string]string
}

func openTold(t *testing.T) *toldBook {
	b := &toldBook{want: map[string]string{}, have: map[string]string{}}
	raw, err := os.ReadFile(toldFile)
	if err != nil && !*update {
		t.Fatal(err)
	}
	for _, f := range txtar.Parse(raw).Files {
		b.want[f.Name] = string(f.Data)
	}
	t.Cleanup(func() { b.close(t) })
	return b
}

// check protects the words of a world: verdict, reason, owner and advice of all
// that is told, in both languages, no more and no less.
func (b *toldBook) check(t *testing.T, world, text string) {
	if !ofServices.MatchString(world) {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.have[world] = text
	if *update || text == b.want[world] {
		return
	}
	got, want := strings.Split(text, "\n"), strings.Split(b.want[world], "\n")
	for i := range max(len(got), len(want)) {
		g, w := "(nothing)", "(nothing)"
		if i < len(got) {
			g = got[i]
		}
		if i < len(want) {
			w = want[i]
		}
		if g != w {
			t.Errorf("%s, line %d of what is told (go test ./probes -run TestWorlds -update writes it anew):\n got %s\nwant %s", world, i+1, g, w)
			return
		}
	}
}

func (b *toldBook) close(t *testing.T) {
	if flag.Lookup("test.run").Value.String() == "" || *update { // all worlds are run
		for world := range b.want {
			if _, there := b.have[world]; !there {
				t.Errorf("%s is in %s, but there is no such world", world, toldFile)
			}
		}
	}
	if !*update {
		return
	}
	var ar txtar.Archive
	for _, world := range slices.Sorted(maps.Keys(b.have)) {
		ar.Files = append(ar.Files, txtar.File{Name: world, Data: []byte(b.have[world])})
	}
	if err := os.WriteFile(toldFile, txtar.Format(&ar), 0o644); err != nil {
		t.Error(err)
	}
}

// allTold writes down, for each service that the world is about, the level and the
// states, and of each fault and warning, and of each result that the world's
// author names, outcome, reason, owner, sentence and advice.
func allTold(got map[string]verdict.Record, wants []lab.Want) string {
	var b strings.Builder
	for _, want := range wants {
		rec := got[key(want.Host, want.Service)]
		s := reports.Judge(rec)
		fmt.Fprintf(&b, "%s %s: level %d, DNSSEC %s, routes %s\n", want.Host, want.Service, level(s), s.DNSSEC, s.RPKI)
		var lines []string
		for _, r := range rec.Results {
			o := r.Outcome()
			named := slices.ContainsFunc(want.Reasons, func(w string) bool { return strings.HasPrefix(w+"=", string(r.Reason)+"=") })
			if o != verdict.Fail && o != verdict.Warn && !named {
				continue
			}
			line := fmt.Sprintf("  %s %s, %s\n", o, r.Reason, strings.TrimSpace(string(r.Owner.Role)+" "+r.Owner.Name))
			for _, lang := range []verdict.Lang{verdict.EN, verdict.VI} {
				line += fmt.Sprintf("    %s: %s\n", lang, r.Title(lang))
				if advice := r.Advice(lang); advice != "" {
					line += fmt.Sprintf("      > %s\n", advice)
				}
			}
			lines = append(lines, fleeting.ReplaceAllString(line, "*"))
		}
		slices.Sort(lines)
		b.WriteString(strings.Join(slices.Compact(lines), ""))
	}
	return b.String()
}
