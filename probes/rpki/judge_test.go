package rpki

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"ready6/probes/verdict"
)

var night = time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC)

// table reads "192.0.2.0/24 AS1 300" entries, one a line or comma, as riswhois does.
func table(t testing.TB, text string, at time.Time) *Routes {
	t.Helper()
	var b strings.Builder
	b.WriteString("%\n")
	for item := range strings.SplitSeq(text, ",") {
		f := strings.Fields(item)
		if len(f) != 3 {
			t.Fatalf("bad route %q", item)
		}
		o := strings.TrimPrefix(f[1], "AS")
		if o == "none" {
			o = "{1,2}"
		}
		b.WriteString(o + "\t" + f[0] + "\t" + f[2] + "\n")
	}
	r, err := ReadRoutes(strings.NewReader(b.String()), "ris")
	if err != nil {
		t.Fatal(err)
	}
	return r.Dated(at)
}

func codes(results []verdict.Result) string {
	var out []string
	for _, r := range results {
		out = append(out, strings.TrimPrefix(string(r.Reason), "rpki."))
	}
	return strings.Join(out, " ")
}

// Every row of the table of situations, and what is said beside the state.
func TestJudge(t *testing.T) {
	const full = "203.0.113.0/24 AS9 300, 2001:db9::/32 AS9 300" // so that others have something to be compared with
	for _, tt := range []struct {
		name, vrps, routes, addr string
		state, codes             string
	}{
		{"valid", "192.0.2.0/24 AS1", "192.0.2.0/24 AS1 300", "192.0.2.7", "valid", "valid"},
		{"not found", "198.51.100.0/24 AS1", "192.0.2.0/24 AS1 300", "192.0.2.7", "not-found", "not-found"},
		{"wrong origin, dark", "192.0.2.0/24 AS1", "192.0.2.0/24 AS2 300", "192.0.2.7", "invalid", "invalid.origin note.dropped-dark"},
		{"too specific, covered", "192.0.0.0/16-20 AS1", "192.0.2.0/24 AS1 300, 192.0.0.0/16 AS1 300", "192.0.2.7", "invalid", "invalid.length note.dropped-covered"},
		{"too specific, covered by an invalid one", "192.0.0.0/15 AS1", "192.0.2.0/24 AS1 300, 192.0.0.0/16 AS1 300", "192.0.2.7", "invalid", "invalid.length note.dropped-dark note.less-specific-invalid"},
		{"AS 0", "192.0.2.0/24 AS0", "192.0.2.0/24 AS2 300", "192.0.2.7", "invalid", "invalid.as0 note.dropped-dark"},
		{"AS 0 and another", "192.0.2.0/24 AS0, 192.0.2.0/24 AS1", "192.0.2.0/24 AS2 300", "192.0.2.7", "invalid", "invalid.origin note.dropped-dark"},
		{"registry's AS 0 does not decide", "192.0.2.0/24 AS0 ta=apnic-as0", "192.0.2.0/24 AS2 300", "192.0.2.7", "not-found", "not-found note.as0-advisory"},
		{"registry's AS 0 beside a real one", "192.0.2.0/24 AS0 ta=apnic-as0, 192.0.2.0/24 AS1", "192.0.2.0/24 AS2 300", "192.0.2.7", "invalid", "invalid.origin note.dropped-dark note.as0-advisory"},
		{"AS_SET covered", "192.0.2.0/24 AS1", "192.0.2.0/24 none 300", "192.0.2.7", "invalid", "invalid.as-set note.as-set note.dropped-dark"},
		{"AS_SET not covered", "198.51.100.0/24 AS1", "192.0.2.0/24 none 300", "192.0.2.7", "not-found", "not-found.as-set note.as-set"},
		{"most specific decides, not the valid one above", "192.0.0.0/16 AS1, 192.0.2.0/24 AS1", "192.0.2.0/24 AS2 300, 192.0.0.0/16 AS1 300", "192.0.2.7", "invalid", "invalid.origin note.dropped-covered"},
		{"invalid less specific is noted", "192.0.0.0/16 AS1, 192.0.2.0/24 AS2", "192.0.2.0/24 AS2 300, 192.0.0.0/16 AS3 300", "192.0.2.7", "valid", "valid note.less-specific-invalid"},
		{"MOAS: the worst counts", "192.0.2.0/24 AS1", "192.0.2.0/24 AS1 300, 192.0.2.0/24 AS2 20", "192.0.2.7", "invalid", "invalid.origin note.moas note.dropped-covered"},
		{"MOAS: both valid", "192.0.2.0/24 AS1, 192.0.2.0/24 AS2", "192.0.2.0/24 AS1 300, 192.0.2.0/24 AS2 20", "192.0.2.7", "valid", "valid note.moas"},
		{"second origin seen by few", "192.0.2.0/24 AS1", "192.0.2.0/24 AS1 300, 192.0.2.0/24 AS2 5", "192.0.2.7", "valid", "valid note.hidden"},
		{"more specific seen by few", "192.0.0.0/16 AS1", "192.0.0.0/16 AS1 300, 192.0.2.0/24 AS2 5", "192.0.2.7", "valid", "valid note.hidden"},
		{"few, but two percent", "192.0.0.0/16 AS1", "192.0.0.0/16 AS1 300, 192.0.2.0/24 AS2 6", "192.0.2.7", "invalid", "invalid.origin note.dropped-covered"},
		{"nothing but a leak", "192.0.2.0/24 AS1", "192.0.2.0/24 AS1 1, " + full, "192.0.2.7", "unrouted", "unrouted.roa note.hidden"},
		{"default v4", "192.0.2.0/24 AS1", "0.0.0.0/0 AS1 300", "192.0.2.7", "unrouted", "unrouted.roa note.default"},
		{"/7", "198.51.100.0/24 AS1", "192.0.0.0/7 AS1 300", "192.0.2.7", "unrouted", "unrouted note.default"},
		{"/8 counts", "192.0.0.0/8 AS1", "192.0.0.0/8 AS1 300", "192.0.2.7", "valid", "valid"},
		{"default v6", "2001:db8::/32 AS1", "::/0 AS1 300", "2001:db8::1", "unrouted", "unrouted.roa note.default"},
		{"/15 v6", "2001:db8::/32 AS1", "2000::/15 AS1 300", "2001:db8::1", "unrouted", "unrouted.roa note.default"},
		{"/16 v6 counts", "2001::/16 AS1", "2001::/16 AS1 300", "2001:db8::1", "valid", "valid"},
		{"/25: the next decides", "192.0.2.0/24 AS1", "192.0.2.0/25 AS1 300, 192.0.2.0/24 AS1 300", "192.0.2.7", "valid", "valid note.narrow"},
		{"/25 alone", "192.0.2.0/24 AS1", "192.0.2.0/25 AS1 300", "192.0.2.7", "unrouted", "unrouted.roa note.narrow"},
		{"/48 counts", "2001:db8::/48 AS1", "2001:db8::/48 AS1 300", "2001:db8::1", "valid", "valid"},
		{"/49: the next decides", "2001:db8::/32 AS1", "2001:db8::/49 AS1 300, 2001:db8::/32 AS1 300", "2001:db8::1", "valid", "valid note.narrow"},
		{"private origin", "198.51.100.0/24 AS1", "192.0.2.0/24 AS64512 300", "192.0.2.7", "not-found", "not-found.reserved note.reserved-asn"},
		{"AS_TRANS", "192.0.2.0/24 AS1", "192.0.2.0/24 AS23456 300", "192.0.2.7", "invalid", "invalid.reserved note.reserved-asn note.dropped-dark"},
		{"origin 0", "192.0.2.0/24 AS0", "192.0.2.0/24 AS0 300", "192.0.2.7", "invalid", "invalid.reserved note.reserved-asn note.dropped-dark"},
		{"private origin, its ROA too short", "192.0.0.0/16 AS64512", "192.0.2.0/24 AS64512 300", "192.0.2.7", "invalid", "invalid.length note.reserved-asn note.dropped-dark"},
		{"documentation origin is no leak", "192.0.2.0/24 AS64500", "192.0.2.0/24 AS64500 300", "192.0.2.7", "valid", "valid"},
		{"no route, ROA", "192.0.2.0/24 AS1", full, "192.0.2.7", "unrouted", "unrouted.roa"},
		{"no route, no ROA", "198.51.100.0/24 AS1", full, "192.0.2.7", "unrouted", "unrouted"},
		{"private address", "192.0.2.0/24 AS1", full, "10.1.2.3", "unrouted", "special"},
		{"ULA", "192.0.2.0/24 AS1", full, "fd00::1", "unrouted", "special"},
		{"shared space", "192.0.2.0/24 AS1", full, "100.64.0.1", "unrouted", "special"},
		{"private address that is routed here", "10.0.0.0/8 AS1", "10.0.0.0/8 AS1 300", "10.1.2.3", "valid", "valid"},
		{"mapped address", "192.0.2.0/24 AS1", "192.0.2.0/24 AS1 300", "::ffff:192.0.2.7", "valid", "valid"},
		{"one peer in all is everybody", "192.0.2.0/24 AS1", "192.0.2.0/24 AS1 1", "192.0.2.7", "valid", "valid"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := snapshot(t, tt.vrps).Dated(night.Add(-time.Hour))
			f := Judge(s, table(t, tt.routes, night), netip.MustParseAddr(tt.addr), night)
			results := f.Results()
			if f.State().String() != tt.state || codes(results) != tt.codes {
				t.Fatalf("%s: %s\nwant %s: %s", f.State(), codes(results), tt.state, tt.codes)
			}
			checkResults(t, f, results)
		})
	}
}

// checkResults holds every finding to what all of them promise.
func checkResults(t *testing.T, f Finding, results []verdict.Result) {
	t.Helper()
	for i, r := range results {
		e := verdict.Lookup(r.Reason)
		if e.Check != verdict.RPKI {
			t.Errorf("%s is not in the catalogue", r.Reason)
		}
		if i == 0 && r.State() != f.State().String() {
			t.Errorf("%s: the catalogue says %q, the evidence %q", r.Reason, r.State(), f.State())
		}
		for _, l := range []verdict.Lang{verdict.VI, verdict.EN} {
			if text := r.Title(l) + r.Advice(l); strings.ContainsAny(text, "…{}") {
				t.Errorf("%s: a place was left empty: %s", r.Reason, text)
			}
		}
		if r.Subject == "" || r.Owner.Role == "" || r.At != f.At {
			t.Errorf("%+v: subject, owner or time missing", r)
		}
		if f.State() != Unknown && f.Code() != "rpki.special" && len(r.Evidence) < 2 {
			t.Errorf("%s: evidence %+v", r.Reason, r.Evidence)
		}
	}
}

func TestJudgeUnknown(t *testing.T) {
	const routes = "192.0.2.0/24 AS1 300"
	addr := netip.MustParseAddr("192.0.2.7")
	good := snapshot(t, "192.0.2.0/24 AS1, 198.51.100.0/24 AS1")
	expiring := func(d time.Duration) *Snapshot {
		list := vrps(t, "192.0.2.0/24 AS1, 192.0.2.0/24 AS2, 203.0.113.0/24 AS2")
		list[0].Expires = night.Add(d)
		s, err := NewSnapshot(list, Source{Name: "x", At: night.Add(-time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	until := func(d time.Duration) *Snapshot {
		s, err := NewSnapshot(vrps(t, "192.0.2.0/24 AS1"), Source{Name: "x", At: night.Add(-time.Hour), Until: night.Add(d)})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	own, err := NewRoutes([]Announcement{{netip.MustParsePrefix("192.0.2.0/24"), From(1)}}, Source{Name: "inventory", At: night})
	if err != nil {
		t.Fatal(err)
	}
	empty, err := NewRoutes(nil, Source{Name: "inventory"})
	if err != nil {
		t.Fatal(err)
	}
	far := netip.MustParseAddr("203.0.113.7")
	for _, tt := range []struct {
		name  string
		s     *Snapshot
		r     *Routes
		addr  netip.Addr
		codes string
	}{
		{"no VRPs", nil, table(t, routes, night), addr, "unknown.no-vrps"},
		{"no VRPs and no routes", nil, nil, addr, "unknown.no-vrps"},
		{"an empty set", snapshot(t, ""), table(t, routes, night), addr, "unknown.no-vrps"},
		{"no routes", good, nil, addr, "unknown.no-routes"},
		{"an empty table", good, empty, addr, "unknown.no-routes"},
		{"undated data is judged", good, table(t, routes, time.Time{}), addr, "valid"},
		{"2 h old", good.Dated(night.Add(-2 * time.Hour)), table(t, routes, night), addr, "valid"},
		{"over 2 h old", good.Dated(night.Add(-2*time.Hour - time.Second)), table(t, routes, night), addr, "valid note.vrps-old"},
		{"24 h old", good.Dated(night.Add(-24 * time.Hour)), table(t, routes, night), addr, "valid note.vrps-old"},
		{"over 24 h old", good.Dated(night.Add(-24*time.Hour - time.Second)), table(t, routes, night), addr, "unknown.vrps-stale"},
		{"stale data does not say not-found", good.Dated(night.Add(-25 * time.Hour)), table(t, "203.0.113.0/24 AS1 300", night), far, "unknown.vrps-stale"},
		{"the export's own end is past", until(-time.Second), table(t, routes, night), addr, "unknown.vrps-expired"},
		{"the export's own end is to come", until(time.Second), table(t, routes, night), addr, "valid"},
		{"the matching VRP has expired", expiring(-time.Second), table(t, routes, night), addr, "unknown.vrps-expired"},
		{"the matching VRP expires later", expiring(time.Second), table(t, routes, night), addr, "valid"},
		{"an expired VRP that changes nothing", expiring(-time.Second), table(t, "192.0.2.0/24 AS2 300", night), addr, "valid"},
		{"own announcement", good, own, addr, "valid"},
		{"own announcements say nothing of others", good, own, far, "unknown.routes-partial"},
		{"7 days old", good, table(t, routes, night.Add(-7*24*time.Hour)), addr, "valid"},
		{"old table, route there", good, table(t, routes, night.Add(-8*24*time.Hour)), addr, "unknown.routes-stale"},
		{"old table, route that would be invalid", good, table(t, "192.0.2.0/24 AS3 300", night.Add(-8*24*time.Hour)), addr, "unknown.routes-stale"},
		{"old table, no route", good, table(t, routes, night.Add(-8*24*time.Hour)), far, "unknown.routes-stale"},
		{"no address", good, own, netip.Addr{}, "unknown.no-routes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := Judge(tt.s, tt.r, tt.addr, night)
			results := f.Results()
			if codes(results) != tt.codes {
				t.Fatalf("%s, want %s", codes(results), tt.codes)
			}
			if strings.HasPrefix(tt.codes, "unknown") != (f.State() == Unknown) {
				t.Errorf("state %v", f.State())
			}
			if f.State() == Unknown && (results[0].Owner.Role != verdict.Operator || results[0].Outcome() != verdict.Unknown) {
				t.Errorf("%+v", results[0])
			}
			checkResults(t, f, results)
		})
	}
	if (Finding{}).State() != Unknown {
		t.Error("the zero Finding must be unknown")
	}
}

func TestJudgePolicy(t *testing.T) {
	s := snapshot(t, "192.0.0.0/16 AS1")
	r := table(t, "192.0.0.0/16 AS1 300, 192.0.2.0/24 AS2 5", night)
	addr := netip.MustParseAddr("192.0.2.7")
	if f := (Policy{MinPeers: 5}).Judge(s, r, addr, night); f.State() != Invalid {
		t.Errorf("5 peers shall do: %v", f.State())
	}
	if f := (Policy{MinShare: 1}).Judge(s, r, addr, night); f.State() != Invalid {
		t.Errorf("1 percent shall do: %v", f.State())
	}
	old := s.Dated(night.Add(-3 * time.Hour))
	if f := (Policy{VRPsStale: 2 * time.Hour}).Judge(old, r, addr, night); f.Code() != "rpki.unknown.vrps-stale" {
		t.Errorf("%v", f.Code())
	}
}

func TestFindingTells(t *testing.T) {
	s := snapshot(t, "192.0.2.0/24-24 AS1, 192.0.0.0/16-20 AS2").Dated(night)
	r := table(t, "192.0.2.0/24 AS2 300, 192.0.2.0/24 AS1 40", night)
	f := Judge(s, r, netip.MustParseAddr("192.0.2.7"), night)
	j, ok := f.Worst()
	if !ok || j.Origin != From(2) || f.Code() != "rpki.invalid.length" {
		t.Fatalf("%+v %v", j, f.Code())
	}
	res := f.Results()[0]
	for key, want := range map[string]string{"prefix": "192.0.2.0/24", "origin": "AS2", "max": "20", "length": "24",
		"vrps": "192.0.0.0/16-20 AS2", "peers": "300", "source": "test", "table": "ris"} {
		if res.Args[key] != want {
			t.Errorf("%s: %q, want %q", key, res.Args[key], want)
		}
	}
	if want := (verdict.Owner{Role: verdict.Hosting, Name: "AS2"}); res.Owner != want {
		t.Errorf("owner %+v", res.Owner)
	}
	want := verdict.Evidence{At: night, Asked: "test", Over: "file", Query: "192.0.2.0/24 AS2", Answer: "invalid: 192.0.0.0/16-20 AS2, 192.0.2.0/24 AS1"}
	if !slices.Contains(res.Evidence, want) {
		t.Errorf("evidence %+v", res.Evidence)
	}
	// However many VRPs and routes there are, what is said stays short.
	var many, routes []string
	for i := range 300 {
		many = append(many, "192.0.2.0/24 AS"+strconv.Itoa(i+5))
		routes = append(routes, "192.0.2.0/24 AS"+strconv.Itoa(i+100_000_000)+" 300")
	}
	f = Judge(snapshot(t, strings.Join(many, ",")), table(t, strings.Join(routes, ","), night), netip.MustParseAddr("192.0.2.7"), night)
	for _, r := range f.Results() {
		if n := len(r.Evidence) + len(r.Title(verdict.VI)); n > 600 {
			t.Errorf("%s: %d long", r.Reason, n)
		}
	}
}

// Each code has its sentence in both languages, and a state that fits its outcome.
func TestCatalogue(t *testing.T) {
	n := 0
	for _, e := range verdict.Catalogue() {
		if !strings.HasPrefix(string(e.Reason), "rpki.") {
			continue
		}
		n++
		if e.Title.EN == "" || e.Title.VI == "" || (e.Advice.EN == "") != (e.Advice.VI == "") || e.State == "" {
			t.Errorf("%s is not whole", e.Reason)
		}
		if e.Outcome == verdict.Fail && e.Advice.EN == "" {
			t.Errorf("%s fails without advice", e.Reason)
		}
		if strings.HasPrefix(string(e.Reason), "rpki.unknown") != (e.Outcome == verdict.Unknown && e.State == "unknown") {
			t.Errorf("%s: %v %s", e.Reason, e.Outcome, e.State)
		}
	}
	if n == 0 {
		t.Error("no reasons at all")
	}
}
