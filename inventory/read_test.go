package inventory

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestTenFaults(t *testing.T) {
	f, err := os.Open("testdata/ten-faults.yaml")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	inv, err := Read(f, "ten-faults.yaml")
	var faults Faults
	if !errors.As(err, &faults) || len(faults) != 10 || len(inv.Agencies) != 0 {
		t.Fatalf("%d faults, %d agencies: %v", len(faults), len(inv.Agencies), err)
	}
	got := err.Error() + "\n"
	if *update {
		if err := os.WriteFile("testdata/ten-faults.golden", []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/ten-faults.golden")
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

// agencyWith is an inventory whose second agency ends in the lines given.
func agencyWith(lines string) string {
	return "agencies:\n- {id: top, name: Top, kind: province}\n- id: a\n  name: A\n  kind: unit\n" + indent(lines, "  ")
}

func serviceWith(lines string) string {
	return agencyWith("services:\n- " + strings.TrimSpace(indent(lines, "  ")))
}

func indent(s, by string) string {
	return by + strings.ReplaceAll(strings.TrimSpace(s), "\n", "\n"+by) + "\n"
}

func TestReadFaults(t *testing.T) {
	for _, c := range []struct{ yaml, want string }{
		{"agencies: {}", `1: agencies is a block of keys; mend: write a list`},
		{"- a", `1: the inventory is a list`},
		{"agencys: []", `1: the inventory has the unknown key "agencys"; mend: did you mean "agencies"?`},
		{"agencies:\n-", `2: agencies has an empty member`},
		{"agencies: [a: b", `1: is not YAML from here on`},
		{"a: b\n\tc: d", `2: is not YAML from here on`},
		{"agencies: []\n---\nagencies: []", `2: a second YAML document begins here`},
		{"agencies: []\nagencies: []", `2: the inventory has the key "agencies" a second time, first in line 1`},
		{"agencies:\n- {name: A, kind: unit}", `2: agency has no id`},
		{"agencies:\n- {id: 7, name: A, kind: unit}", `2: the agency's id is the number "7"; mend: write an id, in quotes if it is a number`},
		{"agencies:\n- {id: Sở Nội vụ, name: A, kind: unit}", `2: the agency's id "Sở Nội vụ" is not an id; mend: write lower-case letters, digits and single hyphens, 64 at most, such as "so-noi-vu"`},
		{"agencies:\n- {id: a, name: ' ', kind: unit}", `2: agency "a" has no name`},
		{"agencies:\n- {id: a, name: {vi: ''}, kind: unit}", `2: the name of agency "a" is empty`},
		{"agencies:\n- {id: a, name: {}, kind: unit}", `2: the name of agency "a" is empty`},
		{"agencies:\n- {id: a, name: [A], kind: unit}", `2: the name of agency "a" is a list`},
		{"agencies:\n- {id: a, name: \"A\\u202e\", kind: unit}", `2: the name of agency "a" contains the invisible character '\u202e'`},
		{agencyWith("parent: tpo"), `6: the parent "tpo" of agency "a" does not exist; mend: did you mean "top"?`},
		{agencyWith("parent: a"), `3: agency "a" is its own ancestor: a → a`},
		{agencyWith("succeeded-by: [gone]\nvalid: {to: 2025-06-30}"), `6: the successor "gone" of agency "a" does not exist`},
		{agencyWith("succeeded-by: [a]\nvalid: {to: 2025-06-30}"), `3: agency "a" is its own successor: a → a`},
		{agencyWith("succeeded-by: [top]"), `3: agency "a" has successors but no end`},
		{agencyWith("succeeded-by: [top, top]\nvalid: {to: 2025-06-30}"), `6: agency "a" names the successor "top" twice`},
		{agencyWith("valid: {to: 2025-02-30}"), `6: valid of agency "a" (to): "2025-02-30" is not a date`},
		{agencyWith("valid: {to: 30/6/2025}"), `6: valid of agency "a" (to): "30/6/2025" is not a date; mend: write year-month-day, such as 2025-06-30`},
		{agencyWith("valid: 2025"), `6: valid of agency "a" is the number "2025"; mend: write from, to as keys`},
		{agencyWith("formerly:\n- {until: 2020-01-01}"), `7: an entry in formerly of agency "a" says neither name nor parent`},
		{agencyWith("formerly:\n- {parent: top}"), `7: an entry in formerly of agency "a" has no until`},
		{agencyWith("formerly:\n- {until: 2020-01-01, parent: pot}"), `7: the earlier parent "pot" of agency "a" does not exist`},
		{agencyWith("formerly:\n- {until: 2020-01-02, name: X}\n- {until: 2020-01-01, name: Y}"), `8: formerly of agency "a" is not in the order of days`},
		{agencyWith("formerly:\n- {until: 2025-07-01, name: X}\nvalid: {to: 2025-06-30}"), `7: agency "a" was not yet or no more there on 2025-07-01`},
		{agencyWith("asns: [AS0]"), `6: a member of asns of agency "a": "AS0" is a reserved AS number`},
		{agencyWith("asns: [AS12x]"), `6: a member of asns of agency "a": "AS12x" is not an AS number`},
		{agencyWith("asns: [1.10]"), `is the number "1.10"; mend: write it as AS64500`},
		{agencyWith("asns: [4294967296]"), `is not an AS number`},
		{agencyWith("asns: [64500, AS64500]"), `6: asns of agency "a" has AS64500 a second time, first in line 6`},
		{agencyWith("contacts: [a]"), `6: a member of contacts of agency "a": "a" is not a mail address`},
		{agencyWith("contacts: ['Name <a@b.vn>']"), `"Name <a@b.vn>" is not a mail address; mend: write it as cntt@example.gov.vn, without a name`},
		{agencyWith("contacts: [\"a@b.vn\\r\\nBcc: c@d.vn\"]"), `is not a mail address`},
		{agencyWith("contacts: [a..b@b.vn]"), `is not a mail address`},
		{agencyWith("contacts: ['a@192.0.2.1']"), `is not a mail address`},
		{agencyWith("contacts: [a@b.vn, a@B.vn]"), `6: contacts of agency "a" has "a@b.vn" a second time`},
		{agencyWith("contacts: a@b.vn"), `6: contacts of agency "a" is the text "a@b.vn"`},
		{agencyWith("prefixes: [10.0.0.0/33]"), `"10.0.0.0/33" is not an address block`},
		{agencyWith("prefixes: [\"2001:db8::1/32\"]"), `has bits set after the prefix length; mend: write 2001:db8::/32`},
		{agencyWith("prefixes: [10.0.0.0/8, {prefix: 10.0.0.0/8}]"), `6: prefix 10.0.0.0/8 of agency "a" is already listed in line 6;`},
		{agencyWith("prefixes: [{origins: [AS1]}]"), `6: a prefix of agency "a" has no prefix`},
		{agencyWith("<<: {id: b}"), `6: an agency has the unknown key "<<"`},
		{serviceWith("host: a.vn"), `7: service "a.vn" has no kind`},
		{serviceWith("kind: web"), `7: service has no host`},
		{serviceWith("host: a.vn\nkind: wbe"), `8: the kind of service "a.vn": "wbe" is not known; mend: did you mean "web"?`},
		{serviceWith("host: a.vn\nkind: tcp"), `7: service "a.vn" is of kind tcp and has no port`},
		{serviceWith("host: a.vn\nkind: tls"), `7: service "a.vn" is of kind tls and has no port`},
		{serviceWith("host: a.vn\nkind: web\nport: 70000"), `9: the port of service "a.vn": "70000" is not a port`},
		{serviceWith("host: a.vn\nkind: web\nport: 0"), `"0" is not a port`},
		{serviceWith("host: a.vn\nkind: web\nport: '443'"), `is the text "443"; mend: write a number from 1 to 65535, without quotes`},
		{serviceWith("host: a.vn\nkind: web\nvisibility: secret"), `9: the visibility of service "a.vn": "secret" is not known; mend: write one of public, internal`},
		{serviceWith("host: a.vn\nkind: web\nexempt: yes"), `9: the exemption of service "a.vn" is the text "yes"`},
		{serviceWith("host: a.vn\nkind: web\nexempt: {approver: B, until: 2025-01-01}"), `9: the exemption of service "a.vn" has no reason`},
		{serviceWith("host: a.vn\nkind: web\nexempt: {reason: A, until: 2025-01-01}"), `9: the exemption of service "a.vn" has no approver`},
		{serviceWith("host: a.vn\nkind: web\nexempt: {reason: ' ', approver: B, until: 2025-01-01}"), `9: the exemption of service "a.vn" has no reason`},
		{serviceWith("host: a.vn\nkind: web\nexempt: {reason: A, approver: B}"), `9: the exemption of service "a.vn" has no expiry`},
		{agencyWith("services:\n- {host: a.vn, kind: mail}\n- {host: A.vn, kind: mail, port: 25}"), `8: service "a.vn" (mail 25) of agency "a" is already listed in line 7`},
		{"canaries: [{host: 192.0.2.1, kind: reach, want: up}]", `1: canary "192.0.2.1" is of kind reach and has no port`},
		{"canaries: [{host: a.vn, kind: dnssec, want: up}]", `1: want of canary "a.vn": "up" is not known; mend: write one of secure, insecure, bogus`},
		{"canaries: [{host: 192.0.2.1, kind: dnssec, want: bogus}]", `1: canary "192.0.2.1" is of kind dnssec and is an address`},
		{"canaries: [{host: a.vn, port: 53, kind: dnssec, want: bogus}]", `1: canary "a.vn" is of kind dnssec and has a port`},
		{"providers: [{name: A}]", `1: a provider has no asn`},
		{"providers:\n- {asn: 1, name: A}\n- {asn: AS1, name: B}", `3: provider AS1 is listed a second time, first in line 2`},
	} {
		inv, err := Read(strings.NewReader(c.yaml), "f")
		var faults Faults
		if !errors.As(err, &faults) || len(inv.Agencies) > 0 {
			t.Errorf("%q: no faults: %v", c.yaml, err)
			continue
		}
		if len(faults) != 1 {
			t.Errorf("%q: %d faults:\n%v", c.yaml, len(faults), err)
		}
		if !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "f:") {
			t.Errorf("%q:\n got %v\nwant %s", c.yaml, err, c.want)
		}
	}
}

func TestReadTakesWhatIsGood(t *testing.T) {
	for name, yaml := range map[string]string{
		"nothing":            "",
		"comment":            "# only\n",
		"keys without value": "agencies:\ncanaries:\nproviders:\n",
		"service moved between agencies": "agencies:\n- {id: a, name: A, kind: unit, valid: {to: 2025-02-28}, services: [{host: a.vn, kind: web}]}\n" +
			"- {id: b, name: B, kind: unit, valid: {from: 2025-03-01}, services: [{host: a.vn, kind: web}]}",
		"service moved within agencies": "agencies:\n- {id: a, name: A, kind: unit, services: [{host: a.vn, kind: web, valid: {to: 2025-02-28}}]}\n" +
			"- {id: b, name: B, kind: unit, services: [{host: a.vn, kind: web, valid: {from: 2025-03-01}}]}",
		"alias":        "agencies:\n- {id: a, name: &n Một, kind: unit}\n- {id: b, name: *n, kind: unit}",
		"Windows file": "\ufeffagencies:\r\n- {id: a, name: A, kind: unit}\r\n",
		"parent below": "agencies:\n- {id: a, name: A, kind: unit, parent: b}\n- {id: b, name: B, kind: unit}",
	} {
		if _, err := Read(strings.NewReader(yaml), "f"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestReadGivesServices(t *testing.T) {
	inv, err := Read(strings.NewReader(serviceWith("host: Thử-Nghiệm.Example.VN.\nkind: web")), "f")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for a, s := range inv.All() {
		n++
		if a.ID != "a" || s.Host != "xn--th-nghim-l70dko.example.vn" || s.Visibility != "public" {
			t.Errorf("%s %+v", a.ID, s)
		}
	}
	if n != 1 {
		t.Errorf("%d services", n)
	}
}

func TestReadTellsAReadErrorFromAFault(t *testing.T) {
	for _, read := range []func() error{
		func() error { _, err := Read(iotest.ErrReader(os.ErrClosed), "f"); return err },
		func() error { _, err := ReadPlan(iotest.ErrReader(os.ErrClosed), "f"); return err },
		func() error { _, _, err := ReadNames(iotest.ErrReader(os.ErrClosed), "f"); return err },
		func() error { _, err := Import(iotest.ErrReader(os.ErrClosed), "f", "csv"); return err },
		func() error { _, err := Import(iotest.ErrReader(os.ErrClosed), "f", "xlsx"); return err },
	} {
		var faults Faults
		if err := read(); !errors.Is(err, os.ErrClosed) || errors.As(err, &faults) {
			t.Errorf("%v", err)
		}
	}
}

// Hostile files end in a fault, in a bounded time and without much memory.
func TestReadHostile(t *testing.T) {
	var laughs strings.Builder // each list holds the one before it nine times
	laughs.WriteString("agencies: &l0 [{id: a, name: A, kind: unit}]\nx0: &m0 [a,a,a,a,a,a,a,a,a]\n")
	for i := range 12 {
		fmt.Fprintf(&laughs, "x%d: &m%d [%s]\n", i+1, i+1, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*m%d,", i), 9), ","))
	}
	services := strings.TrimSuffix(strings.Repeat("{host: a.vn, kind: web},", 2000), ",")
	var dangling strings.Builder
	dangling.WriteString("agencies:\n")
	for i := range 10_000 {
		fmt.Fprintf(&dangling, "- {id: agency-%d, name: A, kind: unit, parent: nobody-%d}\n", i, i)
	}
	for name, yaml := range map[string]string{
		"dangling parents":      dangling.String(),
		"aliases of aliases":    laughs.String(),
		"aliases unfold":        "agencies:\n- &a {id: a, name: A, kind: unit, services: [" + services + "]}\n" + strings.Repeat("- *a\n", 100_000),
		"an alias to itself":    "agencies: &a\n- *a\n",
		"a circle of aliases":   "agencies: &a [{id: a, name: A, kind: unit, services: *a}]\n",
		"deep nesting":          "agencies: " + strings.Repeat("[", 200_000),
		"deep blocks":           strings.Repeat("- ", 200_000),
		"too many values":       "agencies: [" + strings.Repeat("a,", maxSeparators) + "]",
		"too large":             "# " + strings.Repeat("x", maxBytes),
		"a wrong one each line": "agencies:\n" + strings.Repeat("- a\n", 200_000),
		"NUL":                   "agencies:\n- \x00",
		"not UTF-8":             "agencies:\n- id: \xff\xfe",
	} {
		start := time.Now()
		_, err := Read(strings.NewReader(yaml), "f")
		var faults Faults
		if !errors.As(err, &faults) || len(faults) > maxFaults+1 {
			t.Errorf("%s: %d faults, %.200v", name, len(faults), err)
		}
		t.Logf("%s: %v", name, time.Since(start).Round(time.Millisecond))
		if took := time.Since(start); took > 30*time.Second {
			t.Errorf("%s took %v", name, took)
		}
	}
}

func TestManyFaultsAreCounted(t *testing.T) {
	_, err := Read(strings.NewReader("agencies:\n"+strings.Repeat("- a\n", maxFaults+7)), "f")
	if !strings.HasSuffix(err.Error(), "f: has 7 more faults that are not listed; mend: mend these first, then check again") {
		t.Errorf("%s", err.Error()[len(err.Error())-200:])
	}
}

func TestFaultsAreInOrder(t *testing.T) {
	var r report
	r.add(spot{file: "b"}, "", "whole")
	r.add(spot{"b", 10}, "m", "ten")
	r.add(spot{"b", 9}, "", "nine")
	r.add(spot{"a", 99}, "", "other")
	if got := r.err().Error(); got != "a:99: other\nb:9: nine\nb:10: ten; mend: m\nb: whole" {
		t.Errorf("%s", got)
	}
	if (&report{}).err() != nil {
		t.Error("no faults are an error")
	}
}

func TestHosts(t *testing.T) {
	for in, want := range map[string]string{
		"a.vn":                          "a.vn",
		"WWW.DakNong.gov.vn":            "www.daknong.gov.vn",
		"a.vn.":                         "a.vn",
		"192.0.2.1":                     "192.0.2.1",
		"2001:DB8:0::1":                 "2001:db8::1",
		"đắknông.vn":                    "xn--knng-wqa5o845r.vn",
		"đắknông。vn":                    "xn--knng-wqa5o845r.vn",
		"xn--knng-wqa5o845r.vn":         "xn--knng-wqa5o845r.vn",
		"r3---sn.example":               "r3---sn.example",
		strings.Repeat("a", 63) + ".vn": strings.Repeat("a", 63) + ".vn",
	} {
		if got, f := parseHost(in); f != nil || got != want {
			t.Errorf("%q: %q %v, want %q", in, got, f, want)
		}
		if again, f := parseHost(want); f != nil || again != want {
			t.Errorf("%q does not stay: %q %v", want, again, f)
		}
	}
	for in, want := range map[string]string{
		"":                                   "is empty",
		"https://a.vn/":                      "is a URL",
		"a.vn/x":                             "is a URL",
		"a.vn:443":                           "has a port in it",
		"[2001:db8::1]":                      "is in brackets",
		"x@a.vn":                             "is a mail address",
		"a b.vn":                             "contains a space",
		"*.a.vn":                             "is a wildcard",
		"a_b.vn":                             "has an underscore",
		"a..vn":                              "has an empty label",
		".vn":                                "has an empty label",
		"-a.vn":                              "hyphen",
		"a-.vn":                              "hyphen",
		"portal":                             "is not a whole name",
		"192.0.2.256":                        "looks like an address",
		"192.0.2":                            "looks like an address",
		"fe80::1%eth0":                       "is an address of one link only",
		"::ffff:192.0.2.1":                   "is an IPv4-mapped address",
		"2001:db8::g":                        "is not a host name",
		"xn--zzzzzzzz.vn":                    "is not a host name",
		"xn--a.vn":                           "is not a host name",
		"a.vn\x00":                           "is not a host name",
		"a,b.vn":                             "is not a host name",
		strings.Repeat("a", 64) + ".vn":      "has a label of 64",
		strings.Repeat("a.", 130) + "vn":     "longer than a host name",
		strings.Repeat("đ", 100_000) + ".vn": "longer than a host name",
	} {
		if got, f := parseHost(in); f == nil || !strings.Contains(f.text, want) || f.mend == "" {
			t.Errorf("%.40q: %q %+v, want %q", in, got, f, want)
		}
	}
}

func TestQuoteIsShortAndInert(t *testing.T) {
	if got := quote("a\x1b[31m\u202e"); got != `"a\x1b[31m\u202e"` {
		t.Errorf("%s", got)
	}
	if got := quote(strings.Repeat("ắ", 10_000)); len([]rune(got)) != 83 {
		t.Errorf("%d runes", len([]rune(got)))
	}
	if got := quote(strings.Repeat("\xff", 10_000)); len(got) > 2000 {
		t.Errorf("%d bytes", len(got))
	}
}

func FuzzRead(f *testing.F) {
	ten, err := os.ReadFile("testdata/ten-faults.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(ten)
	f.Add([]byte(agencyWith("formerly: [{until: 2020-01-01, name: B}]\nprefixes: [\"2001:db8::/32\"]\nasns: [AS64500]\ncontacts: [a.b@c.vn, \"a@b.vn\\r\\n\"]")))
	f.Add([]byte(serviceWith("host: a.vn\nkind: tcp\nport: 22\nexempt: {reason: A, approver: B, until: 2025-01-01}")))
	f.Add([]byte("agencies: &a\n- *a\n"))
	f.Add([]byte("canaries: [{host: a.vn, kind: dnssec, want: bogus}]\nproviders: [{asn: 1, name: A}]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		inv, err := Read(bytes.NewReader(data), "f")
		if err != nil {
			var faults Faults
			if !errors.As(err, &faults) {
				t.Fatalf("not a Faults: %v", err)
			}
			return
		}
		writtenReadsEqual(t, inv)
		at := inv.At(time.Date(2025, 7, 1, 0, 0, 0, 0, time.UTC))
		for _, a := range at.Agencies {
			inv.Successors(a.ID, time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC))
		}
	})
}
