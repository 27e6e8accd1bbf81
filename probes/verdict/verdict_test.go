package verdict

import (
	"encoding/json"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

var places = regexp.MustCompile(`\{[a-z0-9_]+\}`)

// TestCatalogue protects what users read: every reason has a sentence in both
// languages that speaks of the same things, whoever has to act is told what to
// do, and states are those of the contract.
func TestCatalogue(t *testing.T) {
	if len(Catalogue()) < 100 {
		t.Fatalf("only %d entries", len(Catalogue()))
	}
	for _, e := range Catalogue() {
		r := string(e.Reason)
		if e.Title.EN == "" || e.Title.VI == "" {
			t.Errorf("%s: no title in both languages", r)
		}
		if (e.Advice.EN == "") != (e.Advice.VI == "") {
			t.Errorf("%s: advice in one language only", r)
		}
		if (e.Outcome == Fail || e.Outcome == Warn || e.Outcome == Unknown) && e.Advice.EN == "" && !strings.Contains(r, ".note.") { // which stands beside what has it
			t.Errorf("%s is %s and does not say what to do", r, e.Outcome)
		}
		for _, s := range []Text{e.Title, e.Advice} {
			en, vi := placesIn(s.EN), placesIn(s.VI)
			if !slices.Equal(en, vi) {
				t.Errorf("%s: English speaks of %v, Vietnamese of %v", r, en, vi)
			}
		}
		if !strings.ContainsFunc(e.Title.VI, func(c rune) bool { return c > unicode.MaxASCII }) && !strings.HasPrefix(e.Title.VI, "{subject}: {") {
			t.Errorf("%s: the Vietnamese title has no diacritics: %q", r, e.Title.VI)
		}
		if !stateAllowed(e) {
			t.Errorf("%s: state %q does not belong to check %s", r, e.State, e.Check)
		}
	}
}

// placesIn lists the places of a sentence, each once, in order of name.
func placesIn(s string) []string {
	found := places.FindAllString(s, -1)
	slices.Sort(found)
	return slices.Compact(found)
}

func stateAllowed(e Entry) bool {
	switch e.Check {
	case DNSSEC:
		return slices.Contains([]string{"secure", "insecure", "bogus", "indeterminate", ""}, e.State)
	case RPKI:
		return slices.Contains([]string{"valid", "invalid", "not-found", "unrouted", "unknown"}, e.State)
	}
	return e.State == ""
}

// A bad state is bad news and a good one is not, or a report contradicts itself.
func TestStatesAndOutcomesAgree(t *testing.T) {
	for _, e := range Catalogue() {
		switch e.State {
		case "bogus", "invalid":
			if e.Outcome != Fail {
				t.Errorf("%s: %s, yet %s", e.Reason, e.State, e.Outcome)
			}
		case "indeterminate", "unknown":
			if e.Outcome != Unknown && e.Outcome != NotApplicable {
				t.Errorf("%s: %s, yet %s", e.Reason, e.State, e.Outcome)
			}
		case "secure", "valid":
			if e.Outcome == Fail || e.Outcome == Unknown {
				t.Errorf("%s: %s, yet %s", e.Reason, e.State, e.Outcome)
			}
		}
	}
}

// The zero value is "don't know", and so is everything this build has not heard of.
func TestUnknownIsTheDefault(t *testing.T) {
	var zero Outcome
	if zero != Unknown || (Result{}).Outcome() != Unknown || Lookup("future.reason").Outcome != Unknown {
		t.Error("the zero value says something")
	}
	o := Pass
	if err := json.Unmarshal([]byte(`"splendid"`), &o); err != nil || o != Unknown {
		t.Errorf("an outcome of a later version reads as %v, %v", o, err)
	}
	for _, want := range []Outcome{Unknown, NotApplicable, Pass, Warn, Fail} {
		b, _ := json.Marshal(want)
		var got Outcome
		if err := json.Unmarshal(b, &got); err != nil || got != want {
			t.Errorf("%v came back as %v, %v", want, got, err)
		}
	}
}

// Worst depends on what there is, not on its order, and a gap in knowledge is
// never hidden by something good.
func TestWorst(t *testing.T) {
	all := []Outcome{Unknown, NotApplicable, Pass, Warn, Fail}
	for range 2000 {
		list := make([]Outcome, 1+rand.IntN(6))
		for i := range list {
			list[i] = all[rand.IntN(len(all))]
		}
		got := Worst(list...)
		rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		if again := Worst(list...); again != got {
			t.Fatalf("%v: %v and %v", list, got, again)
		}
		if !slices.Contains(list, got) {
			t.Fatalf("%v: %v is not among them", list, got)
		}
		if slices.Contains(list, Fail) != (got == Fail) || (got == Pass && slices.Contains(list, Unknown)) {
			t.Fatalf("%v: %v", list, got)
		}
	}
	if Worst() != NotApplicable {
		t.Error("of nothing, something")
	}
}

func TestFill(t *testing.T) {
	r := Result{Reason: "aaaa.unknown", Subject: "www.a.vn", Args: map[string]string{"cause": string(Timeout)}}
	if got := r.Title(VI); got != "Chưa đo được bản ghi AAAA của www.a.vn: không có phản hồi trong thời gian chờ" {
		t.Error(got)
	}
	if got := r.Title(EN); got != "Whether www.a.vn has an AAAA record could not be measured: no answer in time" {
		t.Error(got)
	}
	for in, want := range map[string]string{
		"{subject}":       "S",
		"a {x} b":         "a {subject} b", // an argument is never filled again
		"{missing}":       "…",
		"open { and } ok": "open … ok",
		"{subject":        "{subject",
		"":                "",
	} {
		if got := (Result{Subject: "S", Args: map[string]string{"x": "{subject}"}}).fill(in, EN); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	dated := Result{Args: map[string]string{"t": "2026-06-12T23:30:00+07:00", "u": "2026-06-12"}}
	if vi, en := dated.fill("{t} {u}", VI), dated.fill("{t}", EN); vi != "16:30:00 12/06/2026 UTC 2026-06-12" || en != "2026-06-12T23:30:00+07:00" {
		t.Errorf("a moment is %q, %q", vi, en)
	}
}

// What the system's libraries said is told in the reader's language, with names
// and addresses as they are.
func TestDetailInVietnamese(t *testing.T) {
	r := Result{Reason: "closure.host-down6", Subject: "a.vn", Args: map[string]string{"use": "script",
		"detail": "dial tcp6 [2001:db8::1]:443: connect: connection refused"}}
	if vi := r.Title(VI); !strings.Contains(vi, "[2001:db8::1]:443: kết nối bị từ chối") || strings.Contains(vi, "refused") {
		t.Errorf("%q", vi)
	}
	if en := r.Title(EN); !strings.Contains(en, r.Args["detail"]) {
		t.Errorf("%q", en)
	}
}

// A server's own words are quoted as they are, not translated in part.
func TestQuotedWordsStay(t *testing.T) {
	const said = "421 4.4.2 mx.a.vn Error: timeout exceeded"
	r := Result{Check: Reach, Reason: "reach.busy", Args: map[string]string{"detail": said}}
	if !strings.Contains(r.Title(VI), said) {
		t.Error(r.Title(VI))
	}
}
