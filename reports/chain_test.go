package reports

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"ready6/probes/verdict"
)

var chainAt = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

const ecdsa = "13 ECDSAP256SHA256"

func sigBy(rrtype, signer string, tag uint16, from, to int) verdict.Signature {
	return verdict.Signature{Type: rrtype, Signer: signer, Tag: tag, Algorithm: ecdsa,
		Inception: chainAt.AddDate(0, 0, from), Expiration: chainAt.AddDate(0, 0, to), Valid: from < 0 && to > 0}
}

// chainZone makes a secure zone with a KSK tagged n and a ZSK tagged n+1.
func chainZone(zone, parent string, n uint16) verdict.ChainZone {
	z := verdict.ChainZone{Zone: zone, Parent: parent, State: "secure",
		DS: []verdict.ChainDS{{Tag: n, Algorithm: ecdsa, Digest: "2 SHA-256", Match: "match"}},
		Keys: []verdict.ChainKey{{Tag: n, Flags: 257, Algorithm: ecdsa, Bits: 256, Trusted: true, Signs: true},
			{Tag: n + 1, Flags: 256, Algorithm: ecdsa, Bits: 256}},
		Signatures: []verdict.Signature{sigBy("DNSKEY", zone, n, -1, 14)}}
	if parent != "" {
		z.Signatures = append([]verdict.Signature{sigBy("DS", parent, n-9, -1, 9)}, z.Signatures...)
	}
	return z
}

// chains are the fixtures: one for each kind of picture.
func chains() map[string]ChainView {
	base := func(state string) verdict.Chain {
		return verdict.Chain{Name: "www.sở.vn.", Type: "AAAA", State: state, Rcode: "NOERROR", At: chainAt, Zones: []verdict.ChainZone{
			chainZone(".", "", 100), chainZone("vn.", ".", 110), chainZone("agency.vn.", "vn.", 120)}}
	}
	hop := func(name, zone, state string, sigs ...verdict.Signature) verdict.ChainHop {
		return verdict.ChainHop{Name: name, Zone: zone, State: state, Kind: "answer",
			Sets: []verdict.ChainSet{{Name: name, Type: "AAAA", Records: []string{"2001:db8::1"}, Signatures: sigs}}}
	}
	why := func(code verdict.Reason, args ...string) verdict.Result {
		r := verdict.Result{Check: verdict.DNSSEC, Reason: code, Owner: verdict.Owner{Role: verdict.DNSOperator, Name: "agency.vn"},
			Args:     map[string]string{"zone": "agency.vn", "name": "agency.vn", "type": "AAAA", "parent": "vn"},
			Evidence: []verdict.Evidence{{At: chainAt, Asked: "ns1.agency.vn [2001:db8::53]:53", Over: "udp6", Query: "agency.vn. DNSKEY", Answer: "NOERROR aa"}}}
		for i := 0; i < len(args); i += 2 {
			r.Args[args[i]] = args[i+1]
		}
		return r
	}
	secure := base("secure")
	secure.Hops = []verdict.ChainHop{hop("www.agency.vn.", "agency.vn.", "secure", sigBy("AAAA", "agency.vn.", 121, -1, 9))}

	expired := base("bogus")
	late := sigBy("AAAA", "agency.vn.", 121, -20, -3)
	late.Reason = "dnssec.bogus.sig-expired"
	expired.Hops = []verdict.ChainHop{hop("www.agency.vn.", "agency.vn.", "bogus", late)}
	expired.Hops[0].Reason = late.Reason

	mismatch := base("bogus")
	z := &mismatch.Zones[2]
	z.State, z.Place, z.Reason, z.DS[0].Match = "bogus", verdict.AtMatch, "dnssec.bogus.ds-mismatch", "mismatch"
	z.Keys[0].Trusted, z.Keys[0].Signs, z.Signatures = false, false, z.Signatures[:1]
	idleSig := sigBy("AAAA", "agency.vn.", 121, -1, 9)
	idleSig.Valid = false
	mismatch.Hops = []verdict.ChainHop{hop("www.agency.vn.", "agency.vn.", "bogus", idleSig)}

	alias := base("insecure")
	alias.Zones = append(alias.Zones, chainZone("net.", ".", 130), verdict.ChainZone{Zone: "cdn.net.", Parent: "net.", State: "insecure",
		Place: verdict.AtDS, Reason: "dnssec.insecure.unsigned", Signatures: []verdict.Signature{sigBy("NSEC3", "net.", 131, -1, 9)}})
	alias.Zones[3].Signatures[0].Tag = 101
	first := hop("www.agency.vn.", "agency.vn.", "secure", sigBy("CNAME", "agency.vn.", 121, -1, 9))
	first.Kind, first.Target = "alias", "www.cdn.net."
	first.Sets[0].Type, first.Sets[0].Records = "CNAME", []string{"www.cdn.net."}
	alias.Hops = []verdict.ChainHop{first, hop("www.cdn.net.", "cdn.net.", "insecure")}

	return map[string]ChainView{
		"secure":   {Chain: secure},
		"expired":  {Chain: expired, Why: []verdict.Result{why("dnssec.bogus.sig-expired", "name", "www.agency.vn", "tag", "121", "expiration", "2026-11-20T12:00:00Z", "record", "www.agency.vn. RRSIG AAAA 13 3 …")}},
		"mismatch": {Chain: mismatch, Planned: "DS of agency.vn. from plan.ds", Why: []verdict.Result{why("dnssec.bogus.ds-mismatch", "tag", "120")}},
		"alias":    {Chain: alias, Why: []verdict.Result{why("dnssec.insecure.unsigned", "zone", "cdn.net", "name", "cdn.net", "parent", "net")}},
	}
}

func wellFormed(t *testing.T, svg []byte) {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(svg))
	for {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatalf("not well-formed XML: %v", err)
		}
		if e, ok := tok.(xml.StartElement); ok {
			if name := e.Name.Local; name == "script" || name == "foreignObject" || name == "image" || name == "style" {
				t.Errorf("the picture has an element %s", name)
			}
			for _, a := range e.Attr {
				if strings.HasPrefix(a.Name.Local, "on") || strings.Contains(a.Name.Local, "href") || a.Name.Local == "id" {
					t.Errorf("the picture has an attribute %s", a.Name.Local)
				}
			}
		}
	}
}

// The tree and the picture of each kind of chain, as people see them.
func TestChainGolden(t *testing.T) {
	for name, v := range chains() {
		for _, l := range []verdict.Lang{verdict.EN, verdict.VI} {
			var text, svg bytes.Buffer
			if err := WriteChain(&text, v, Screen{Lang: l}); err != nil {
				t.Fatal(err)
			}
			golden(t, fmt.Sprintf("chain-%s.%s.txt", name, l), text.Bytes())
			for n, line := range strings.Split(text.String(), "\n") {
				if columns(line) > 80 {
					t.Errorf("%s %s:%d has %d columns", name, l, n+1, columns(line))
				}
			}
			if err := WriteChainSVG(&svg, v, l); err != nil {
				t.Fatal(err)
			}
			golden(t, fmt.Sprintf("chain-%s.%s.svg", name, l), svg.Bytes())
			wellFormed(t, svg.Bytes())
		}
	}
}

// What breaks the chain is told by a sign and a word; colour only repeats it.
func TestChainColourIsNeverAlone(t *testing.T) {
	for name, v := range chains() {
		var plain, coloured strings.Builder
		_ = WriteChain(&plain, v, Screen{})
		_ = WriteChain(&coloured, v, Screen{Colour: true})
		if strings.Contains(plain.String(), "\x1b") {
			t.Errorf("%s: escapes without colour", name)
		}
		if !strings.Contains(coloured.String(), "\x1b[32m") {
			t.Errorf("%s: no colour where it is wanted", name)
		}
		if got := strings.Contains(plain.String(), "✗ BROKEN HERE"); got != (v.Chain.State == "bogus") {
			t.Errorf("%s: the break is marked: %v", name, got)
		}
	}
}

// Names are foreign text: long labels, escapes and markup stay text, and boxes
// hold what is in them.
func TestChainHostileNames(t *testing.T) {
	long := strings.Repeat("m", 63)
	for _, name := range []string{long + "." + long + "." + long + ".vn.", `a\000<b>&"'.vn.`, "\x1b[31m\x00\ufffe\u202e.vn.", `\255\.\\.vn.`} {
		for key, v := range chains() {
			for i := range v.Chain.Zones {
				if i > 0 {
					v.Chain.Zones[i].Zone += name
					if i > 1 {
						v.Chain.Zones[i].Parent = v.Chain.Zones[i-1].Zone
					}
				}
			}
			for i := range v.Chain.Hops {
				v.Chain.Hops[i].Name, v.Chain.Hops[i].Target = name, name
				v.Chain.Hops[i].Sets[0].Records = []string{name, strings.Repeat("x", 700)}
			}
			v.Chain.Name, v.Planned = name, name
			var svg, text bytes.Buffer
			if err := WriteChainSVG(&svg, v, verdict.VI); err != nil {
				t.Fatal(err)
			}
			wellFormed(t, svg.Bytes())
			if strings.Contains(svg.String(), "<b>") || bytes.ContainsAny(svg.Bytes(), "\x1b\x00") {
				t.Errorf("%s: foreign text became markup", key)
			}
			_ = WriteChain(&text, v, Screen{})
			if strings.Contains(text.String(), "\x1b") {
				t.Errorf("%s: an escape sequence reached the terminal", key)
			}
		}
	}
	for _, s := range []string{long + "." + long, "từng bước một và lâu dài hơn nữa", strings.Repeat("W", 90)} {
		for _, mono := range []bool{true, false} {
			line := textLine{text: s, mono: mono, size: 12}
			var joined string
			for _, x := range fold(line, 200) {
				if textWidth(x.text, 12, mono, false) > 200 {
					t.Errorf("%q is wider than its box", x.text)
				}
				joined += x.text
			}
			if strings.ReplaceAll(joined, " ", "") != strings.ReplaceAll(s, " ", "") {
				t.Errorf("folding %q lost text: %q", s, joined)
			}
		}
	}
}

// Nothing of a chain that a store holds, damaged or made by anybody, breaks the
// drawing: no zones, no keys, a zone that is its own parent.
func TestChainOddities(t *testing.T) {
	for i, c := range []verdict.Chain{
		{},
		{Zones: []verdict.ChainZone{{Zone: "a.", Parent: "a."}, {Zone: "a."}}},
		{Zones: []verdict.ChainZone{{Zone: "a.", Parent: "b."}, {Zone: "b.", Parent: "a.", Keys: make([]verdict.ChainKey, 50)}}},
		{Hops: []verdict.ChainHop{{Kind: "none"}, {Kind: "alias"}, {Kind: "denial", Zone: "x."}}},
	} {
		var svg, text bytes.Buffer
		if err := errors.Join(WriteChainSVG(&svg, ChainView{Chain: c}, verdict.EN), WriteChain(&text, ChainView{Chain: c}, Screen{})); err != nil {
			t.Errorf("%d: %v", i, err)
		}
		wellFormed(t, svg.Bytes())
		if strings.Contains(svg.String(), "NaN") || strings.Contains(svg.String(), "Inf") {
			t.Errorf("%d: a place is no number", i)
		}
	}
}

// The page draws each distinct chain once, what breaks first, with the services
// that hang on it; the words of the JSON report are not touched.
func TestPageChains(t *testing.T) {
	all := chains()
	row := func(host, key string) Row {
		r := verdict.Result{Check: verdict.DNSSEC, Reason: "dnssec.secure", Evidence: []verdict.Evidence{{Over: "dnssec"}}}
		if why := all[key].Why; len(why) > 0 {
			r.Reason, r.Args = why[0].Reason, why[0].Args
		}
		chain := all[key].Chain
		r.Evidence[0].Chain = &chain
		return Row{Judged: Judge(verdict.Record{Host: host, Kind: "web", Results: []verdict.Result{r}})}
	}
	p := pager{Report{Services: []Row{row("a.vn", "secure"), row("b.vn", "alias"), row("c.vn", "secure"), row("d.vn", "mismatch")}}, verdict.EN}
	got, more := p.chains()
	if len(got) != 3 || more != 0 {
		t.Fatalf("%d pictures and %d more, want 3", len(got), more)
	}
	if got[0].Class != "fail" || !got[0].Open || got[1].Class != "warn" || got[2].Class != "pass" {
		t.Errorf("order: %s, %s, %s", got[0].Title, got[1].Title, got[2].Title)
	}
	if fmt.Sprint(got[2].Hosts) != "[a.vn (web) c.vn (web)]" || got[2].N != 2 {
		t.Errorf("services of the secure chain: %v", got[2].Hosts)
	}
	for _, c := range got {
		wellFormed(t, []byte(c.Picture))
	}
	var page bytes.Buffer
	if err := WriteHTML(&page, Report{Run: Run{Status: "complete"}, Services: p.r.Services}, verdict.VI); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(page.String(), `<svg xmlns=`); n != 3 {
		t.Errorf("the page has %d chain pictures, want 3", n)
	}
}
