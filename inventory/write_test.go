package inventory

import (
	"bytes"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"ready6/probes/verdict"
)

var same = cmp.Options{cmpopts.EquateComparable(netip.Prefix{})}

type failer interface {
	Helper()
	Fatalf(string, ...any)
}

func writtenReadsEqual(t failer, inv Inventory) {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, inv); err != nil {
		t.Fatalf("%v", err)
	}
	back, err := Read(bytes.NewReader(b.Bytes()), "written")
	if err != nil {
		t.Fatalf("%v\n%s", err, b.String())
	}
	if d := cmp.Diff(inv, back, same); d != "" {
		t.Fatalf("%s\n%s", d, b.String())
	}
}

func writtenPlanReadsEqual(t failer, p Plan) {
	t.Helper()
	var b bytes.Buffer
	if err := WritePlan(&b, p); err != nil {
		t.Fatalf("%v", err)
	}
	back, err := ReadPlan(bytes.NewReader(b.Bytes()), "written")
	if err != nil {
		t.Fatalf("%v\n%s", err, b.String())
	}
	if d := cmp.Diff(p, back); d != "" {
		t.Fatalf("%s\n%s", d, b.String())
	}
}

func TestShippedFilesAreWrittenAndReadBack(t *testing.T) {
	writtenReadsEqual(t, Province())
	writtenPlanReadsEqual(t, ProvincePlan())
	writtenReadsEqual(t, Inventory{})
	writtenPlanReadsEqual(t, Plan{})
}

// The generators draw what the readers accept, with texts that YAML could take
// for something else.
var (
	genText = rapid.OneOf(
		rapid.SampledFrom([]string{"null", "true", "no", "~", "12", "1e3", "2025-01-01", "- a", "a: b", "#x", "'", `"`, "&a", "*a", "!x", "%", "@", "`", "|", ">-",
			"Sở Nội vụ", "=1+1", "<b>&amp;", "[a]", "{a}", "\\", "a #b", "a:", ":a", "?", "<<", "0x1F", ".nan"}),
		rapid.StringOfN(rapid.RuneFrom([]rune("aĐắ'\"\\:#-{}[],&*!|>%@`~=. \u00e9\U0001F600\u2028")), 1, 300, -1),
	).Filter(func(s string) bool {
		clean, f := parseText(s)
		return f == nil && clean == s && s != ""
	})
	genName = rapid.Custom(func(t *rapid.T) verdict.Text {
		n := verdict.Text{VI: genText.Draw(t, "vi")}
		if rapid.Bool().Draw(t, "both") {
			n.EN = genText.Draw(t, "en")
		}
		return n
	})
	genDate = rapid.Custom(func(t *rapid.T) Date {
		return Date{time.Date(1900, 1, 1+rapid.IntRange(0, 109_000).Draw(t, "day"), 0, 0, 0, 0, time.UTC)}
	})
	genSpan = rapid.Custom(func(t *rapid.T) Span {
		var s Span
		if rapid.Bool().Draw(t, "begins") {
			s.From = genDate.Draw(t, "from")
		}
		if rapid.Bool().Draw(t, "ends") {
			s.To = genDate.Draw(t, "to")
		}
		if later(s.From, s.To) {
			s.From, s.To = s.To, s.From
		}
		return s
	})
	genASN      = rapid.Uint32Range(1, 4294967294).Filter(func(n uint32) bool { return n != 23456 && n != 65535 })
	genContacts = rapid.Map(rapid.SliceOfNDistinct(rapid.StringMatching(`[A-Za-z0-9+_]{1,9}(\.[a-z'~]{1,9})?@[a-z]{1,9}\.gov\.vn`), 0, 3, rapid.ID[string]), nilIfEmpty[string])
	genASNs     = rapid.Map(rapid.SliceOfNDistinct(genASN, 0, 3, rapid.ID[uint32]), nilIfEmpty[uint32])
)

func nilIfEmpty[T any](s []T) []T {
	if len(s) == 0 {
		return nil
	}
	return s
}

func genService(host string) *rapid.Generator[Service] {
	return rapid.Custom(func(t *rapid.T) Service {
		s := Service{Host: host, Kind: rapid.SampledFrom(serviceKinds).Draw(t, "kind"), Visibility: rapid.SampledFrom(visibilities).Draw(t, "visibility"),
			Valid: genSpan.Draw(t, "valid")}
		if s.Kind == "tcp" || s.Kind == "tls" || rapid.Bool().Draw(t, "with port") {
			s.Port = rapid.Uint16Min(1).Draw(t, "port")
		}
		if rapid.Bool().Draw(t, "exempt") {
			s.Exempt = &Exemption{Reason: genText.Draw(t, "reason"), Approver: genText.Draw(t, "approver"), Until: genDate.Draw(t, "until")}
		}
		return s
	})
}

var genInventory = rapid.Custom(func(t *rapid.T) Inventory {
	var inv Inventory
	for i := range rapid.IntRange(0, 4).Draw(t, "agencies") {
		a := Agency{ID: fmt.Sprintf("a-%d", i), Name: genName.Draw(t, "name"), Kind: Kind(rapid.SampledFrom(agencyKinds).Draw(t, "kind")),
			Valid: genSpan.Draw(t, "valid"), ASNs: genASNs.Draw(t, "asns"), Contacts: genContacts.Draw(t, "contacts")}
		if i > 0 && rapid.Bool().Draw(t, "below") {
			a.Parent = fmt.Sprintf("a-%d", rapid.IntRange(0, i-1).Draw(t, "parent"))
		}
		if i > 0 && !a.Valid.To.IsZero() && rapid.Bool().Draw(t, "succeeded") {
			a.SucceededBy = []string{fmt.Sprintf("a-%d", rapid.IntRange(0, i-1).Draw(t, "successor"))}
		}
		if a.Valid == (Span{}) && rapid.Bool().Draw(t, "renamed") {
			a.Formerly = []Former{{Until: genDate.Draw(t, "until"), Name: genName.Draw(t, "former name")}}
		}
		if rapid.Bool().Draw(t, "sourced") {
			a.Source = genText.Draw(t, "source")
		}
		for j := range rapid.IntRange(0, 3).Draw(t, "services") {
			a.Services = append(a.Services, genService(fmt.Sprintf("s%d.a%d.vn", j, i)).Draw(t, "service"))
		}
		for j := range rapid.IntRange(0, 2).Draw(t, "prefixes") {
			p := netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, byte(i), byte(j)}), 48)
			a.Prefixes = append(a.Prefixes, Resource{Prefix: p, Origins: genASNs.Draw(t, "origins")})
		}
		inv.Agencies = append(inv.Agencies, a)
	}
	if rapid.Bool().Draw(t, "canaries") {
		inv.Canaries = []Canary{{Host: "2001:db8::1", Port: 443, Kind: "reach", Want: "down"}, {Host: "a.vn", Kind: "dnssec", Want: "bogus"}}
	}
	for _, n := range genASNs.Draw(t, "providers") {
		inv.Providers = append(inv.Providers, Provider{ASN: n, Name: genName.Draw(t, "provider")})
	}
	return inv
})

func TestWrittenInventoryReadsEqual(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { writtenReadsEqual(t, genInventory.Draw(t, "inventory")) })
}

var genPlan = rapid.Custom(func(t *rapid.T) Plan {
	var p Plan
	for i := range rapid.IntRange(0, 2).Draw(t, "programmes") {
		g := Programme{ID: fmt.Sprintf("p-%d", i), Name: genName.Draw(t, "name"), Source: genText.Draw(t, "source")}
		for j := range rapid.IntRange(0, 3).Draw(t, "targets") {
			x := Target{ID: fmt.Sprintf("t-%d", j), Name: genName.Draw(t, "name"), Clause: genText.Draw(t, "clause"),
				Metric: Metric(rapid.SampledFrom(metrics).Draw(t, "metric")), Due: genDate.Draw(t, "due"), Gradual: rapid.Bool().Draw(t, "gradual")}
			if !x.Gradual {
				x.Goal = rapid.Float64Range(0, 100).Draw(t, "goal")
				x.Milestones = []Milestone{{Date: x.Due, Goal: x.Goal}}
			}
			if rapid.Bool().Draw(t, "kinds") {
				x.Kinds = []Kind{District, Enterprise}
			}
			g.Targets = append(g.Targets, x)
		}
		p.Programmes = append(p.Programmes, g)
	}
	return p
})

func TestWrittenPlanReadsEqual(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { writtenPlanReadsEqual(t, genPlan.Draw(t, "plan")) })
}

// Every field of the types has its place in the files: a new one that Write
// forgets is found here.
func TestWriteForgetsNoField(t *testing.T) {
	full := Inventory{
		Agencies: []Agency{{ID: "b", Name: verdict.Text{VI: "B", EN: "B"}, Kind: Unit}, {
			ID: "a", Name: verdict.Text{VI: "A", EN: "A"}, Kind: Unit, Parent: "b", Valid: Span{date("2020-01-01"), date("2025-01-01")},
			SucceededBy: []string{"b"}, Formerly: []Former{{date("2021-01-01"), verdict.Text{VI: "X", EN: "X"}, "b"}}, Source: "S",
			Services: []Service{{"a.vn", "web", 8443, "internal", &Exemption{"R", "P", date("2024-01-01")}, Span{date("2022-01-01"), date("2024-01-01")}}},
			Prefixes: []Resource{{netip.MustParsePrefix("2001:db8::/32"), []uint32{64500}}}, ASNs: []uint32{64500}, Contacts: []string{"a@b.vn"},
		}},
		Canaries:  []Canary{{"a.vn", 443, "reach", "up"}},
		Providers: []Provider{{64501, verdict.Text{VI: "P", EN: "P"}, "S"}},
	}
	allSet(t, reflect.ValueOf(full.Agencies[1]))
	allSet(t, reflect.ValueOf(full.Canaries[0]))
	allSet(t, reflect.ValueOf(full.Providers[0]))
	writtenReadsEqual(t, full)
	plan := Plan{[]Programme{{"p", verdict.Text{VI: "P", EN: "P"}, "S", Span{date("2020-01-01"), date("2030-12-31")}, []Target{{
		"t", verdict.Text{VI: "T", EN: "T"}, "C", "S", NotMeasured, []Kind{Unit}, 50, date("2030-01-01"), false,
		[]Milestone{{date("2029-01-01"), 10, verdict.Text{VI: "M", EN: "M"}}}}}}}}
	writtenPlanReadsEqual(t, plan)
}

func date(s string) Date { return Date{day(s)} }

func allSet(t *testing.T, v reflect.Value) {
	t.Helper()
	for i := range v.NumField() {
		if v.Field(i).IsZero() {
			t.Errorf("the test leaves %s.%s empty", v.Type(), v.Type().Field(i).Name)
		}
	}
}

func TestWriteIsPlainYAML(t *testing.T) {
	var b strings.Builder
	if err := Write(&b, Inventory{Agencies: []Agency{{ID: "a", Name: verdict.Text{VI: "Sở Nội vụ"}, Kind: Department,
		Valid: Span{To: date("2025-06-30")}, Services: []Service{{Host: "a.vn", Kind: "web", Visibility: "public"}}, ASNs: []uint32{64500}}}}); err != nil {
		t.Fatal(err)
	}
	want := `agencies:
  - id: a
    name:
      vi: Sở Nội vụ
    kind: department
    valid: {to: 2025-06-30}
    services:
      - host: a.vn
        kind: web
    asns: [AS64500]
`
	if b.String() != want {
		t.Errorf("%s", b.String())
	}
}
