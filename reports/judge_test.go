package reports

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"ready6/probes/verdict"
)

var night = time.Date(2026, 11, 22, 19, 14, 7, 0, time.UTC) // 02:14:07 in the province

const host = "www.so.example.gov.vn"

// res makes a result of the check that its reason names.
func res(reason verdict.Reason, subject string, args ...string) verdict.Result {
	check, _, _ := strings.Cut(string(reason), ".")
	if check == "a" {
		check = "aaaa"
	}
	r := verdict.Result{Check: verdict.Check(check), Reason: reason, Subject: subject, At: night, Args: map[string]string{"host": host}}
	for i := 0; i+1 < len(args); i += 2 {
		r.Args[args[i]] = args[i+1]
	}
	return r
}

func via(r verdict.Result, path ...string) verdict.Result { r.Via = path; return r }

const (
	a1, a2   = "2001:db8:80::10", "2001:db8:80::11"
	ap1, ap2 = "[2001:db8:80::10]:443", "[2001:db8:80::11]:443"
	v4       = "192.0.2.10"
)

var (
	has1, has2 = res("aaaa.present", a1), res("aaaa.present", a2)
	up1, up2   = res("reach.ok", ap1, "proof", "HTTP 200"), res("reach.ok", ap2, "proof", "HTTP 200")
	down2      = res("reach.refused", ap2)
	zoneOK     = res("closure.zone-ok", "gov.vn", "count", "4")
	zoneBad    = res("closure.zone-v4only", "example.net", "servers", "ns1, ns2")
	hasA, noA  = res("a.present", v4), res("a.none", host)
)

func TestLadder(t *testing.T) {
	mx := func(h string) verdict.Result { return res("aaaa.mx", h) }
	at := func(r verdict.Result, h string) verdict.Result {
		r.Args = map[string]string{"host": h}
		return r
	}
	tests := []struct {
		name     string
		min, max int
		results  []verdict.Result
	}{
		{"nothing measured", 0, 4, nil},
		{"addresses unknown, A kept", 0, 3, []verdict.Result{res("aaaa.unknown", host), hasA}},
		{"a reason of a newer build is unknown", 0, 4, []verdict.Result{res("aaaa.invented", host)}},
		{"no AAAA", 0, 0, []verdict.Result{res("aaaa.nodata", host), hasA, res("reach.none", host), res("closure.none", host)}},
		{"no such name", 0, 0, []verdict.Result{res("aaaa.nxdomain", host)}},
		{"AAAA of no use", 0, 0, []verdict.Result{res("aaaa.special", "fe80::1"), hasA}},
		{"one bad, one unknown", 0, 1, []verdict.Result{res("aaaa.special", "fe80::1"), res("aaaa.unknown", host)}},
		{"one bad beside a good one", 1, 1, []verdict.Result{has1, res("aaaa.special", "fe80::1"), up1, zoneOK, noA}},
		{"published, not tried", 1, 4, []verdict.Result{has1}},
		{"published, refused", 1, 1, []verdict.Result{has2, down2, zoneOK, noA}},
		{"one of two addresses fails", 1, 1, []verdict.Result{has1, has2, up1, down2, zoneOK, hasA}},
		{"one of two addresses not tried", 1, 3, []verdict.Result{has1, has2, up1, zoneOK, hasA}},
		{"one of two ports unused", 2, 4, []verdict.Result{has1, up1, res("reach.unused", "[2001:db8:80::10]:80")}},
		{"one of two ports unknown", 1, 4, []verdict.Result{has1, up1, res("reach.unknown", "[2001:db8:80::10]:80")}},
		{"all ports unused", 1, 4, []verdict.Result{has1, res("reach.unused", ap1)}},
		{"no vantage", 1, 3, []verdict.Result{has1, res("reach.no-vantage", ap1), zoneOK, hasA}},
		{"certificate bad in both families", 2, 4, []verdict.Result{has1, res("reach.cert-both", ap1)}},
		{"works, closure not looked at", 2, 4, []verdict.Result{has1, up1, noA}},
		{"works, closure fails", 2, 2, []verdict.Result{has1, up1, zoneOK, zoneBad, noA}},
		{"works, closure unknown", 2, 4, []verdict.Result{has1, up1, zoneOK, res("closure.zone-unknown", "example.net"), noA}},
		{"closure of warnings alone proves nothing", 2, 4, []verdict.Result{has1, up1, res("closure.third-party", "cdn"), noA}},
		{"closure of zones with one server each", 4, 4, []verdict.Result{has1, up1, res("closure.zone-one", "vn"), noA}},
		{"closure fails, reach unknown", 1, 2, []verdict.Result{has1, zoneBad, zoneOK}},
		{"ready, A kept", 3, 3, []verdict.Result{has1, up1, zoneOK, hasA}},
		{"ready, third party warned", 3, 3, []verdict.Result{has1, up1, zoneOK, res("closure.third-party", "cdn"), hasA}},
		{"ready, private A left", 3, 3, []verdict.Result{has1, up1, zoneOK, res("a.special", "10.0.0.1")}},
		{"ready, A unknown", 3, 4, []verdict.Result{has1, up1, zoneOK, res("a.unknown", host)}},
		{"ready, A not asked", 3, 4, []verdict.Result{has1, up1, zoneOK}},
		{"no A left", 4, 4, []verdict.Result{has1, up1, zoneOK, noA}},
		{"no A at one MX, A at the other", 3, 3, []verdict.Result{has1, up1, zoneOK, noA, hasA}},
		{"mail: every MX has AAAA", 2, 4, []verdict.Result{mx("mx1"), mx("mx2"), at(has1, "mx1"), at(has2, "mx2"), up1, up2}},
		{"mail: one MX without", 1, 1, []verdict.Result{mx("mx1"), mx("mx2"), at(has1, "mx1"), at(res("aaaa.nodata", "mx2"), "mx2"), up1}},
		{"mail: one MX unknown", 1, 4, []verdict.Result{mx("mx1"), mx("mx2"), at(has1, "mx1"), at(res("aaaa.unknown", "mx2"), "mx2"), up1}},
		{"mail: one MX never asked", 1, 4, []verdict.Result{mx("mx1"), mx("mx2"), at(has1, "mx1"), up1}},
		{"mail: first MX without, second never asked", 0, 1, []verdict.Result{mx("mx1"), mx("mx2"), at(res("aaaa.nodata", "mx1"), "mx1")}},
		{"mail: no MX, own addresses work", 2, 4, []verdict.Result{res("aaaa.no-mx", host), has1, up1}},
		{"DNSSEC and routes are beside the ladder", 3, 3, []verdict.Result{has1, up1, zoneOK, hasA, res("dnssec.unheard", host), res("rpki.unheard", a1)}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := Judge(verdict.Record{Host: host, Kind: "web", Results: tt.results})
			if s.Min != tt.min || s.Max != tt.max {
				t.Errorf("level %d to %d, want %d to %d", s.Min, s.Max, tt.min, tt.max)
			}
		})
	}
}

// More faults never raise a level, more gaps never narrow what is proven, and
// the order of the results means nothing.
func TestLadderProperties(t *testing.T) {
	pool := []verdict.Result{
		has1, has2, up1, up2, down2, zoneOK, zoneBad, hasA, noA, res("aaaa.special", "fe80::1"), res("aaaa.unknown", host),
		res("reach.unknown", ap1), res("closure.zone-unknown", "x"), res("a.unknown", host), res("closure.third-party", "x"),
		res("aaaa.nodata", host), res("reach.small", ap2), res("aaaa.mx", host), res("aaaa.mx", "other"),
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 20000 {
		var rs []verdict.Result
		for range rnd.IntN(9) {
			rs = append(rs, pool[rnd.IntN(len(pool))])
		}
		b := ladder(rs, nil)
		if b.Min > b.Max {
			t.Fatalf("min %d above max %d: %v", b.Min, b.Max, codes(rs))
		}
		shuffled := slices.Clone(rs)
		rnd.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		if got := ladder(shuffled, nil); got != b {
			t.Fatalf("order changes the level: %v and %v of %v", b, got, codes(rs))
		}
		for _, fault := range []verdict.Result{down2, zoneBad} {
			if got := ladder(append(slices.Clone(rs), fault), nil); got.Min > b.Min || got.Max > b.Max {
				t.Fatalf("a fault raises %v to %v: %v and %s", b, got, codes(rs), fault.Reason)
			}
		}
		for _, gap := range []verdict.Result{res("reach.unknown", ap2), res("closure.zone-unknown", "y"), res("aaaa.unknown", "y")} {
			if got := ladder(append(slices.Clone(rs), gap), nil); got.Min > b.Min {
				t.Fatalf("a gap raises %v to %v: %v and %s", b, got, codes(rs), gap.Reason)
			}
		}
		for i, r := range rs {
			if r.Outcome() != verdict.Fail {
				continue
			}
			if got := ladder(rs, func(k int) bool { return k == i }); got.Min < b.Min || got.Max < b.Max {
				t.Fatalf("mending %s lowers %v to %v: %v", r.Reason, b, got, codes(rs))
			}
		}
	}
}

func codes(rs []verdict.Result) (out []string) {
	for _, r := range rs {
		out = append(out, string(r.Reason)+" "+r.Subject)
	}
	return out
}

func TestJudgeNotApplicable(t *testing.T) {
	s := Judge(verdict.Record{Host: host, Kind: "mail", Results: []verdict.Result{res("aaaa.null-mx", host)}})
	if _, known := s.Level(); s.Applicable || known || s.Reached(2) != verdict.NotApplicable {
		t.Errorf("a null MX is judged: %+v", s)
	}
	if len(s.Findings) != 1 || s.Findings[0].Code != "aaaa.null-mx" {
		t.Errorf("the reason is not told: %+v", s.Findings)
	}
	if s := Judge(verdict.Record{Host: host}); !s.Applicable {
		t.Error("a record without results counts as not applicable, want unknown")
	}
}

func TestJudgeReach6(t *testing.T) {
	tests := []struct {
		want    verdict.Outcome
		results []verdict.Result
	}{
		{verdict.Unknown, nil},
		{verdict.Unknown, []verdict.Result{res("aaaa.unknown", host)}},
		{verdict.NotApplicable, []verdict.Result{res("aaaa.nodata", host), res("reach.none", host)}},
		{verdict.NotApplicable, []verdict.Result{res("aaaa.null-mx", host)}},
		{verdict.Pass, []verdict.Result{has1, up1}},
		{verdict.Warn, []verdict.Result{has1, res("reach.cert-both", ap1)}},
		{verdict.Unknown, []verdict.Result{has1, has2, up1}},
		{verdict.Unknown, []verdict.Result{has1}},
		{verdict.Fail, []verdict.Result{has1, has2, down2}},
	}
	for _, tt := range tests {
		if s := Judge(verdict.Record{Results: tt.results}); s.Reach6 != tt.want {
			t.Errorf("%v: reach6 %v, want %v", codes(tt.results), s.Reach6, tt.want)
		}
	}
}

func TestFindingsOrder(t *testing.T) {
	s := Judge(verdict.Record{Host: host, Results: []verdict.Result{
		res("closure.third-party", "cdn.example.net"), zoneBad, res("rpki.unheard", a1), has1, has2, up1, hasA,
		res("aaaa.no-mx", host), down2, res("reach.unknown", ap2),
	}})
	var got []string
	for _, f := range s.Findings {
		got = append(got, string(f.Code))
	}
	want := "reach.refused closure.zone-v4only rpki.unheard reach.unknown aaaa.no-mx closure.third-party"
	if strings.Join(got, " ") != want {
		t.Errorf("order\n%v, want\n%s", got, want)
	}
	if !s.Findings[0].Blocking || s.Findings[0].Level != 2 || s.Findings[1].Blocking {
		t.Errorf("what blocks: %+v", s.Findings[:2])
	}
}

func TestWriteLine(t *testing.T) {
	var b bytes.Buffer
	err := WriteLine(&b, verdict.Record{Agency: "so-tttt", Host: host, Kind: "web", At: night, Results: []verdict.Result{
		has1, up1, zoneOK, zoneBad, hasA,
	}})
	if err != nil || bytes.IndexByte(b.Bytes(), '\n') != b.Len()-1 {
		t.Fatalf("not one line: %q, %v", &b, err)
	}
	var m map[string]any
	if err := json.Unmarshal(b.Bytes(), &m); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]any{
		"host": host, "service": "web", "agency": "so-tttt", "level": 2.0, "level_max": 2.0,
		"dnssec": "indeterminate", "rpki": "unknown", "reach6": "pass",
	} {
		if m[key] != want {
			t.Errorf("%s: %v, want %v", key, m[key], want)
		}
	}
	if f := m["findings"].([]any)[0].(map[string]any); f["code"] != "closure.zone-v4only" {
		t.Errorf("finding: %v", f)
	}

	var empty bytes.Buffer
	if err := WriteLine(&empty, verdict.Record{Host: host}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"level":null`, `"aaaa":[]`, `"findings":[]`, `"a":[]`, `"reach6":"unknown"`} {
		if !strings.Contains(empty.String(), want) {
			t.Errorf("%s is missing in %s", want, &empty)
		}
	}
}

// The same sentence is said once, with the evidence of both.
func TestFindingsOnce(t *testing.T) {
	one, two := zoneBad, zoneBad
	one.Evidence, two.Evidence = []verdict.Evidence{{Asked: "a"}}, []verdict.Evidence{{Asked: "b"}}
	s := Judge(verdict.Record{Results: []verdict.Result{one, two, via(zoneBad, "www")}})
	other := Judge(verdict.Record{Results: []verdict.Result{res("dnssec.insecure.unsigned", host+" AAAA", "zone", "x"), res("dnssec.insecure.unsigned", host+" A", "zone", "x")}})
	if len(other.Findings) != 1 {
		t.Errorf("one zone, two sentences: %+v", other.Findings)
	}
	if len(s.Findings) != 2 || len(s.Findings[0].Evidence) != 2 || s.Counts.Fail != 3 {
		t.Errorf("findings %+v, counts %+v", s.Findings, s.Counts)
	}
}

// A note without a state, such as "the servers disagree", does not change one.
func TestStateOfNotes(t *testing.T) {
	s := Judge(verdict.Record{Results: []verdict.Result{secure, res("dnssec.servers-disagree", host), valid, res("rpki.note.reserved-asn", a1)}})
	if s.DNSSEC != "secure" || s.RPKI != "valid" {
		t.Errorf("notes make it %s, %s", s.DNSSEC, s.RPKI)
	}
	for _, tt := range []struct {
		dnssec, deps string
		results      []verdict.Result
	}{
		{"indeterminate", "", nil},
		{"bogus", "", []verdict.Result{secure, bogus, insecure}},
		{"secure", "bogus", []verdict.Result{secure, via(bogus, "x")}},
		{"indeterminate", "insecure", []verdict.Result{via(insecure, "x"), via(secure, "y")}},
		{"indeterminate", "", []verdict.Result{secure, {Check: verdict.DNSSEC, Reason: "scan.panic"}, insecure}},
	} {
		if s := Judge(verdict.Record{Results: tt.results}); s.DNSSEC != tt.dnssec || s.DNSSECDeps != tt.deps {
			t.Errorf("%v: %s and %s, want %s and %s", codes(tt.results), s.DNSSEC, s.DNSSECDeps, tt.dnssec, tt.deps)
		}
	}
	if s := Judge(verdict.Record{Results: []verdict.Result{valid, noROA, stolen}}); s.RPKI != "invalid" || len(s.Routes) != 3 {
		t.Errorf("routes: %s %v", s.RPKI, s.Routes)
	}
	if s := Judge(verdict.Record{Results: []verdict.Result{secure, res("dnssec.secure", host, "expires", "2026-11-25T00:00:00Z")}}); s.Expires.Day() != 25 {
		t.Errorf("the earliest expiry is %v", s.Expires)
	}
}

// The upkeep of a zone is beside the ladder and beside the DNSSEC state, bad or
// not known.
func TestPostureIsBesideTheStates(t *testing.T) {
	healthy := []verdict.Result{res("aaaa.present", a2, "host", "x.vn"), res("dnssec.secure", "x.vn AAAA", "zone", "vn")}
	want := Judge(rec("a", "web", "x.vn", healthy...))
	for _, e := range verdict.Catalogue() {
		if e.Check != verdict.Posture {
			continue
		}
		got := Judge(rec("a", "web", "x.vn", append(healthy[:2:2], res(e.Reason, "vn", "expires", "2020-01-01T00:00:00Z"))...))
		if got.DNSSEC != "secure" || got.DNSSECDeps != want.DNSSECDeps || got.Min != want.Min || got.Max != want.Max || !got.Expires.Equal(want.Expires) {
			t.Errorf("%s: DNSSEC %s, level %d..%d, expires %v", e.Reason, got.DNSSEC, got.Min, got.Max, got.Expires)
		}
	}
}
