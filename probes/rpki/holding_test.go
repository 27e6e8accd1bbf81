package rpki

import (
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"ready6/probes/verdict"
)

// TestAudit has a row for every situation of a small network's own blocks.
// ROAs and routes are those of the helpers snapshot and table; the table's most
// seen route has 300 peers.
func TestAudit(t *testing.T) {
	const most = "203.0.113.0/24 AS9 300"
	for _, c := range []struct {
		name, block, origins, vrps, routes string
		want                               string // codes without "rpki."
	}{
		{"as it should be", "192.0.2.0/24", "1", "192.0.2.0/24-24 AS1", "192.0.2.0/24 AS1 300", "own.valid"},
		{"no ROA", "192.0.2.0/24", "1", "10.0.0.0/8-8 AS7", "192.0.2.0/24 AS1 300", "own.not-found"},
		{"ROA of another", "192.0.2.0/24", "1", "192.0.2.0/24-24 AS5", "192.0.2.0/24 AS1 300", "own.invalid-origin own.roa-foreign"},
		{"ROA too short", "192.0.0.0/16", "1", "192.0.0.0/16-16 AS1", "192.0.0.0/16 AS1 300, 192.0.2.0/24 AS1 300", "own.valid own.invalid-length"},
		{"AS 0 over an announcement", "192.0.2.0/24", "1", "192.0.2.0/24-32 AS0", "192.0.2.0/24 AS1 300", "own.invalid-as0"},
		{"a ROA for the whole block covers a route by AS_SET", "192.0.2.0/24", "1", "192.0.2.0/24-24 AS1", "192.0.2.0/24 none 300", "own.invalid-as-set own.unseen own.roa-unseen"},
		{"AS_SET without ROA", "192.0.2.0/24", "", "10.0.0.0/8-8 AS7", "192.0.2.0/24 none 300", "own.not-found own.as-set"},
		{"loose, and all of it announced", "192.0.2.0/23", "1", "192.0.2.0/23-24 AS1", "192.0.2.0/23 AS1 300, 192.0.2.0/24 AS1 300, 192.0.3.0/24 AS1 300", "own.valid own.valid own.valid"},
		{"loose", "192.0.2.0/23", "1", "192.0.2.0/23-24 AS1", "192.0.2.0/23 AS1 300, 192.0.2.0/24 AS1 300", "own.valid own.valid own.maxlength"},
		{"loose beyond what is accepted", "2001:db8::/48", "1", "2001:db8::/48-64 AS1", "2001:db8::/48 AS1 300", "own.valid own.maxlength-wide"},
		{"stranger, invalid", "192.0.2.0/24", "1", "192.0.2.0/24-24 AS1", "192.0.2.0/24 AS1 300, 192.0.2.0/24 AS6 90", "own.valid own.foreign-invalid"},
		{"stranger, allowed", "192.0.2.0/24", "1", "192.0.2.0/24-24 AS1, 192.0.2.0/24-24 AS6", "192.0.2.0/24 AS1 300, 192.0.2.0/24 AS6 90", "own.valid own.foreign-valid"},
		{"stranger, no ROA", "192.0.2.0/24", "1", "10.0.0.0/8-8 AS7", "192.0.2.0/24 AS1 300, 192.0.2.0/24 AS6 90", "own.not-found own.foreign-not-found"},
		{"stranger in an idle block", "192.0.2.0/24", "", "10.0.0.0/8-8 AS7", "192.0.2.0/24 AS6 90", "own.foreign-not-found own.idle"},
		{"leak seen by few", "192.0.2.0/24", "1", "192.0.2.0/24-24 AS1", "192.0.2.0/24 AS1 300, 192.0.2.0/24 AS6 2", "own.hidden own.valid"},
		{"provider's AS without ROA", "192.0.2.0/24", "", "10.0.0.0/8-8 AS7", "192.0.2.0/24 AS8 300", "own.not-found own.isp-origin"},
		{"declared provider's AS", "192.0.2.0/24", "8", "192.0.2.0/24-24 AS8", "192.0.2.0/24 AS8 300", "own.valid own.isp-origin"},
		{"own aggregate breaks the provider's part", "192.0.0.0/16", "1", "192.0.0.0/16-16 AS1", "192.0.0.0/16 AS1 300, 192.0.2.0/24 AS8 300", "own.valid own.invalid-origin own.isp-origin own.roa-breaks"},
		{"private origin", "192.0.2.0/24", "64512", "10.0.0.0/8-8 AS7", "192.0.2.0/24 AS64512 300", "own.not-found own.reserved-origin"},
		{"private AS in a ROA", "192.0.2.0/24", "1", "192.0.2.0/24-24 AS1, 192.0.2.0/24-24 AS64512", "192.0.2.0/24 AS1 300", "own.valid own.roa-reserved"},
		{"ROA that nothing uses", "192.0.2.0/23", "1", "192.0.2.0/23-23 AS1, 192.0.3.0/24-24 AS1", "192.0.2.0/23 AS1 300", "own.valid own.roa-unseen"},
		{"former provider's ROA", "192.0.2.0/24", "1", "192.0.2.0/24-24 AS1, 192.0.2.0/24-24 AS5", "192.0.2.0/24 AS1 300", "own.valid own.roa-foreign"},
		{"idle", "192.0.2.0/24", "", "10.0.0.0/8-8 AS7", most, "own.idle"},
		{"idle and guarded", "192.0.2.0/24", "", "192.0.2.0/24-32 AS0", most, "own.idle-as0"},
		{"idle with a ROA", "192.0.2.0/24", "", "192.0.2.0/24-24 AS1", most, "own.idle-roa"},
		{"idle IPv6", "2001:db8::/48", "", "10.0.0.0/8-8 AS7", most, "own.idle own.idle-v6"},
		{"idle inside another's block", "192.0.2.0/24", "", "10.0.0.0/8-8 AS7", "192.0.0.0/16 AS8 300", "own.idle own.inside"},
		{"declared, not seen", "192.0.2.0/24", "1", "192.0.2.0/24-24 AS1", most, "own.unseen own.roa-unseen"},
		{"declared, not seen and invalid", "192.0.2.0/24", "1", "192.0.2.0/24-24 AS8", most, "own.unseen-invalid own.roa-unseen"},
		{"advisory AS 0", "192.0.2.0/24", "1", "192.0.2.0/24-32 AS0 apnic-as0", "192.0.2.0/24 AS1 300", "own.not-found note.as0-advisory"},
		{"too long for the world", "192.0.2.0/25", "", "10.0.0.0/8-8 AS7", "192.0.2.0/25 AS1 300", "own.idle"},
		{"a declared list only", "192.0.2.0/24", "1", "192.0.2.0/24-24 AS1", "", "own.valid"},
		{"a ROA for a larger block is its holder's", "192.0.2.0/24", "1", "192.0.0.0/16-24 AS1", "192.0.2.0/24 AS1 300", "own.valid"},
	} {
		s := snapshot(t, c.vrps).Dated(night)
		var r *Routes
		if c.routes != "" {
			r = table(t, c.routes+", "+most, night)
		}
		got := audit1(t, s, r, c.block, c.origins)
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %s\nwant %s", c.name, strings.Join(got, " "), c.want)
		}
	}
}

var gap = regexp.MustCompile(`\{\w+\}|…`)

// audit1 returns the codes, and complains of sentences with gaps.
func audit1(t *testing.T, s *Snapshot, r *Routes, block, origins string) []string {
	t.Helper()
	h := Holding{Prefix: netip.MustParsePrefix(block), Own: []ASN{1}, Providers: []ASN{8}, Owner: verdict.Owner{Role: verdict.Agency, Name: "a"}}
	if origins != "" {
		o, err := ParseOrigin(origins)
		if err != nil {
			t.Fatal(err)
		}
		h.Origins = []ASN{o.ASN}
	}
	var got []string
	for _, x := range (Policy{}).Audit(s, r, h, night) {
		got = append(got, strings.TrimPrefix(string(x.Reason), "rpki."))
		for _, l := range []verdict.Lang{verdict.EN, verdict.VI} {
			if text := x.Title(l) + x.Advice(l); gap.MatchString(text) {
				t.Errorf("%s: %s", x.Reason, text)
			}
		}
		if x.Owner.Role == "" || len(x.Evidence) == 0 || x.At != night {
			t.Errorf("%s: %+v", x.Reason, x)
		}
	}
	return got
}

// What cannot be told is unknown, with its cause, and never a fault.
func TestAuditUnknown(t *testing.T) {
	good, routes := snapshot(t, "192.0.2.0/24-24 AS1"), table(t, "192.0.2.0/24 AS1 300", night)
	old := night.Add(-30 * 24 * time.Hour)
	cut, err := ReadRoutes(strings.NewReader("%\n1\t192.0.2.0/24\t300\nrubbish\n"), "ris")
	if err == nil || cut.Len() != 1 {
		t.Fatalf("%d routes, %v", cut.Len(), err)
	}
	for name, c := range map[string]struct {
		s       *Snapshot
		r       *Routes
		origins string
		want    string
	}{
		"no VRPs":         {nil, routes, "1", "unknown.no-vrps"},
		"old VRPs":        {good.Dated(old), routes, "1", "unknown.vrps-stale"},
		"old routes":      {good.Dated(night), table(t, "203.0.113.0/24 AS9 300", old), "", "unknown.routes-stale"},
		"old, listed":     {good.Dated(night), table(t, "203.0.113.0/24 AS9 300", old), "1", "unknown.routes-stale"},
		"old, seen":       {good.Dated(night), table(t, "192.0.2.0/24 AS1 300", old), "1", "unknown.routes-stale"},
		"damaged":         {good.Dated(night), cut, "", "unknown.routes-damaged"},
		"damaged, listed": {good.Dated(night), cut, "1", "unknown.routes-damaged"},
	} {
		h := Holding{Prefix: netip.MustParsePrefix("192.0.2.0/24"), Own: []ASN{1}}
		if c.origins != "" {
			h.Origins = []ASN{1}
		}
		var got []string
		for _, x := range (Policy{}).Audit(c.s, c.r, h, night) {
			got = append(got, strings.TrimPrefix(string(x.Reason), "rpki."))
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %v, want %s", name, got, c.want)
		}
	}
}

func TestAuditExpires(t *testing.T) {
	for in, want := range map[time.Duration]string{
		time.Hour: "rpki.own.valid rpki.own.expiring", 3 * time.Hour: "rpki.own.valid", -time.Hour: "rpki.unknown.vrps-expired",
	} {
		s, err := NewSnapshot([]VRP{{Prefix: netip.MustParsePrefix("192.0.2.0/24"), ASN: 1, Expires: night.Add(in)}}, Source{Name: "x", At: night})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, x := range (Policy{}).Audit(s, nil, Holding{Prefix: netip.MustParsePrefix("192.0.2.0/24"), Origins: []ASN{1}}, night) {
			got = append(got, string(x.Reason))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%v: %v, want %s", in, got, want)
		}
	}
}

func TestAuditASN(t *testing.T) {
	held := []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	for name, c := range map[string]struct {
		asn  ASN
		r    *Routes
		want verdict.Reason
	}{
		"as listed":   {1, table(t, "192.0.2.0/24 AS1 300", night), "rpki.asn.ok"},
		"silent":      {1, table(t, "192.0.2.0/24 AS2 300", night), "rpki.asn.silent"},
		"more":        {1, table(t, "192.0.2.0/24 AS1 300, 198.51.100.0/24 AS1 300", night), "rpki.asn.unlisted"},
		"leak by few": {1, table(t, "192.0.2.0/24 AS1 300, 198.51.100.0/24 AS1 1", night), "rpki.asn.ok"},
		"private":     {64512, table(t, "192.0.2.0/24 AS1 300", night), "rpki.asn.reserved"},
		"no table":    {1, nil, "rpki.unknown.asn"},
		"old table":   {1, table(t, "192.0.2.0/24 AS2 300", night.Add(-30*24*time.Hour)), "rpki.unknown.asn"},
	} {
		got := (Policy{}).AuditASN(c.r, c.asn, held, verdict.Owner{Role: verdict.Agency}, night)
		if len(got) != 1 || got[0].Reason != c.want || gap.MatchString(got[0].Title(verdict.VI)+got[0].Advice(verdict.EN)) {
			t.Errorf("%s: %+v, want %s", name, got, c.want)
		}
	}
}
