package reports

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"ready6/inventory"
	"ready6/probes/verdict"
)

// somebody is a small inventory for names of owners.
var somebody = inventory.Inventory{
	Agencies:  []inventory.Agency{{ID: "so-tttt", Name: verdict.Text{EN: "Department of Information and Communications", VI: "Sở Thông tin và Truyền thông"}}},
	Providers: []inventory.Provider{{ASN: 64501, Name: verdict.Text{EN: "ExampleCDN", VI: "ExampleCDN"}}},
}

func aboutTest() About {
	v6, v4 := res("vantage.family-ok", "IPv6"), res("vantage.family-ok", "IPv4")
	return About{Inventory: somebody, Vantage: "dn-dc1", Preflight: []verdict.Result{v4, v6}, At: night}
}

func probed() verdict.Record {
	bad := via(res("closure.host-v4only", "cdn.example.net", "use", "script"), host, "cdn.example.net")
	bad.Owner = verdict.Owner{Role: verdict.Hosting, Name: "AS64501"}
	for _, ns := range []string{"ns1", "ns2"} {
		bad.Evidence = append(bad.Evidence, verdict.Evidence{
			At: night, Asked: ns + ".example.net [192.0.2.53]:53", Over: "udp4", Query: "cdn.example.net. AAAA", Answer: "NOERROR aa, 0 answers",
		})
	}
	gap := res("closure.zone-unknown", "example.org", "cause", "timeout")
	gap.Owner = verdict.Owner{Role: verdict.DNSOperator, Name: "example.org"}
	return verdict.Record{
		Agency: "so-tttt", Host: host, Kind: "web", At: night, Took: 2140 * time.Millisecond,
		Results: []verdict.Result{has1, up1, hasA, zoneOK, bad, gap},
	}
}

func TestWriteService(t *testing.T) {
	records := map[string]verdict.Record{
		"blocked": probed(),
		"ready":   {Host: host, Kind: "web", Results: []verdict.Result{has1, up1, zoneOK, hasA}},
		"top":     {Host: host, Kind: "tcp", Port: 8443, Results: []verdict.Result{has1, up1, zoneOK, noA}},
		"nothing": {Host: host, Kind: "web", Results: []verdict.Result{res("aaaa.unknown", host, "cause", "servfail")}},
		"nullmx":  {Host: host, Kind: "mail", Results: []verdict.Result{res("aaaa.null-mx", host)}},
		"zero":    {Host: host, Kind: "web", Results: []verdict.Result{res("aaaa.nodata", host), res("reach.none", host), hasA}},
	}
	for _, l := range []verdict.Lang{verdict.VI, verdict.EN} {
		for name, rec := range records {
			var b bytes.Buffer
			if err := WriteService(&b, Judge(rec), aboutTest(), Screen{Lang: l, Width: 100}); err != nil {
				t.Fatal(err)
			}
			golden(t, "probe-"+name+"."+string(l)+".txt", b.Bytes())
		}
	}
}

func TestWriteServiceWidth(t *testing.T) {
	for _, width := range []int{40, 60, 80, 132} {
		for _, l := range []verdict.Lang{verdict.VI, verdict.EN} {
			var b bytes.Buffer
			if err := WriteService(&b, Judge(probed()), aboutTest(), Screen{Lang: l, Width: width}); err != nil {
				t.Fatal(err)
			}
			for _, line := range strings.Split(b.String(), "\n") {
				if columns(line) > width {
					t.Errorf("width %d: %d columns: %q", width, columns(line), line)
				}
			}
		}
	}
}

// What a server or an inventory says can't steer a terminal.
func TestWriteServiceHostile(t *testing.T) {
	evil := "x\x1b[2J\x1b]0;t\x07\u202egnp\u200b\r\n<script>\u009b31m"
	r := via(res("closure.host-down6", evil, "use", evil, "detail", evil), evil)
	r.Owner = verdict.Owner{Role: verdict.Hosting, Name: evil}
	r.Evidence = []verdict.Evidence{{Asked: evil, Over: evil, Query: evil, Answer: evil + strings.Repeat("A", 1<<20)}}
	rec := verdict.Record{Agency: evil, Host: evil, Kind: evil, Results: []verdict.Result{r, res("aaaa.present", evil), res("a.present", evil)}}
	about := aboutTest()
	about.Vantage = evil
	for _, colour := range []bool{false, true} {
		var b bytes.Buffer
		if err := WriteService(&b, Judge(rec), about, Screen{Lang: verdict.VI, Colour: colour}); err != nil {
			t.Fatal(err)
		}
		checkInert(t, b.String(), colour)
		if b.Len() > 16<<10 {
			t.Errorf("%d bytes for one service", b.Len())
		}
	}
}

// checkInert fails if text holds control or direction characters other than
// line ends and, where allowed, our own colours.
func checkInert(t *testing.T, s string, colour bool) {
	t.Helper()
	if colour {
		for _, code := range []string{red, green, yellow, bold, faint, "0"} {
			s = strings.ReplaceAll(s, "\x1b["+code+"m", "")
		}
	}
	for i, r := range s {
		if (r < ' ' && r != '\n') || (r >= 0x7f && r < 0xa0) || (r >= 0x200b && r <= 0x200f) || (r >= 0x2028 && r <= 0x202e) || (r >= 0x2066 && r <= 0x2069) || r == 0xfeff {
			t.Fatalf("%U at %d, near %q", r, i, s[max(0, i-20):min(len(s), i+20)])
		}
	}
}

func FuzzClean(f *testing.F) {
	for _, s := range []string{"", "a", "Đắk Nông", "\x1b[31m", "\u202e", "\xff\xfe", strings.Repeat("ậ", 700)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c := Clean(s)
		checkInert(t, c, false)
		if strings.Contains(c, "\n") {
			t.Errorf("line end in %q", c)
		}
		if again := Clean(c); len([]rune(s)) <= maxText/6 && again != c {
			t.Errorf("cleaning twice changes %q to %q", c, again)
		}
	})
}

func TestShellWord(t *testing.T) {
	for in, want := range map[string]string{
		"www.x.vn": "www.x.vn", "2001:db8::1": "2001:db8::1", "-rf": "'-rf'", "a;b": "'a;b'", "it's": `'it'\''s'`, "": "''",
	} {
		if got := shellWord(in); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}
