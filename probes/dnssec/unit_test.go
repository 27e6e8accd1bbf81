package dnssec

import (
	"context"
	"encoding/json"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"ready6/probes/verdict"
)

func TestNames(t *testing.T) {
	for _, c := range []struct{ in, out string }{
		{".", "."}, {"vn", "vn."}, {"WWW.Example.VN.", "www.example.vn."}, {`a\.b.vn.`, `a\.b.vn.`}, {`\097.vn.`, "a.vn."},
		{`\065.vn.`, "a.vn."}, {`a\000b.vn.`, `a\000b.vn.`}, {`a\\b.vn.`, `a\\b.vn.`},
		{strings.Repeat("a", 63) + ".vn.", strings.Repeat("a", 63) + ".vn."},
	} {
		n, ok := parseName(c.in)
		if !ok || n.String() != c.out {
			t.Errorf("%q: %q %v, want %q", c.in, n.String(), ok, c.out)
		}
	}
	for _, bad := range []string{"", "..", "a..b.", ".a.", strings.Repeat("a", 64) + ".", strings.Repeat("abcdefg.", 33), `a\`, `\300.vn`, `\\\256.vn`} {
		if n, ok := parseName(bad); ok {
			t.Errorf("%q was taken for the name %q", bad, n.String())
		}
	}
	longest := strings.Repeat(strings.Repeat("a", 62)+".", 4)
	if n, ok := parseName(longest); !ok || len(n) != 253 {
		t.Errorf("a name of 253 octets: %d %v", len(n), ok)
	}
}

// The order is the example of RFC 4034 6.1.
func TestNameOrder(t *testing.T) {
	order := []string{"example.", "a.example.", "yljkjljk.a.example.", "Z.a.example.", "zABC.a.EXAMPLE.", "z.example.",
		`\001.z.example.`, "*.z.example.", `\200.z.example.`}
	for i, a := range order {
		for j, b := range order {
			got := mustName(a).compare(mustName(b))
			if (got < 0) != (i < j) || (got == 0) != (i == j) {
				t.Errorf("%s against %s: %d", a, b, got)
			}
		}
	}
}

func TestNameParts(t *testing.T) {
	n := mustName("a.b.example.vn.")
	for _, c := range []struct {
		got, want any
	}{
		{n.labels(), 4}, {root.labels(), 0}, {n.parent(), mustName("b.example.vn.")}, {root.parent(), root},
		{n.last(2), mustName("example.vn.")}, {n.last(0), root}, {n.within(mustName("example.vn.")), true},
		{n.within(mustName("xample.vn.")), false}, {n.within(n), true}, {n.below(n), false}, {mustName("vn.").within(n), false},
		{n.child(mustName("vn.")), mustName("example.vn.")}, {n.common(mustName("x.b.example.vn.")), mustName("b.example.vn.")},
		{n.common(mustName("example.com.")), root}, {mustName("*.vn.").isWild(), true}, {mustName(`\*.vn.`).isWild(), true}, {mustName("**.vn.").isWild(), false},
	} {
		if c.got != c.want {
			t.Errorf("got %v, want %v", c.got, c.want)
		}
	}
}

// The library's signer builds the same data in its own way: what it signs must
// hold, for every type with names in its RDATA, in any case and order.
func TestCanonicalFormAgainstSigner(t *testing.T) {
	k := spec{apex: "Example.VN."}.key(900, 256)
	key := newKey(k.rr)
	for _, text := range []string{
		"A 192.0.2.1|A 192.0.2.200|A 192.0.2.3", "AAAA 2001:db8::2|AAAA 2001:db8::1", "NS Ns.Example.VN.", "MD Ns.Example.VN.", "MF Ns.Example.VN.",
		"CNAME Www.Example.VN.", "SOA Ns.Example.VN. Host.Example.VN. 1 2 3 4 5", "MB Mb.Example.VN.", "MG Mg.Example.VN.", "MR Mr.Example.VN.",
		"PTR P.Example.VN.", "MINFO A.Example.VN. B.Example.VN.", "MX 10 Mail.Example.VN.|MX 5 MAIL.b.", "RP A.Example.VN. B.Example.VN.",
		"AFSDB 1 Afs.Example.VN.", "RT 1 Rt.Example.VN.", "PX 1 A.Example.VN. B.Example.VN.", `NAPTR 1 2 "U" "SIP+d2u" "!a!B!" Re.Example.VN.`,
		"KX 1 Kx.Example.VN.", "SRV 1 2 3 Srv.Example.VN.", "DNAME D.Example.VN.", `TXT "Upper" "CASE"`, "HINFO CPU Os",
		"NSEC Next.Example.VN. A RRSIG", "CAA 0 issue Ca.Example.VN", "TLSA 3 1 1 " + strings.Repeat("ab", 32), "TYPE65280 \\# 3 41424D",
		"HTTPS 1 Svc.Example.VN. alpn=h2", "LOC 21 1 0 N 105 50 0 E 10m", "DS 1 13 2 " + strings.Repeat("AB", 32), "SSHFP 1 2 " + strings.Repeat("ab", 32),
	} {
		var set []dns.RR
		for _, one := range strings.Split(text, "|") {
			set = append(set, rr("WwW.Example.vn. 3600 IN "+one))
		}
		sig := &dns.RRSIG{Inception: 1, Expiration: 2, KeyTag: k.rr.KeyTag(), SignerName: "Example.VN.", Algorithm: k.rr.Algorithm}
		if err := sig.Sign(k.priv, set); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			canon, ok := canonicalSet(set)
			if !ok {
				t.Errorf("%s: cannot be put in canonical form", text)
				continue
			}
			raw := mustBase64(sig.Signature)
			if !key.check(appendSigned(nil, sig, mustName("example.vn."), mustName("www.example.vn."), dns.ClassINET, canon), raw) {
				t.Errorf("%s: the signature does not hold", text)
			}
			slices.Reverse(set)
			set = append(set, dns.Copy(set[0]))
		}
	}
}

func TestKeyTagsAndDigestsAgainstLibrary(t *testing.T) {
	for _, alg := range []uint8{dns.RSASHA1, dns.RSASHA1NSEC3SHA1, dns.RSASHA256, dns.RSASHA512, dns.ECDSAP256SHA256, dns.ECDSAP384SHA384, dns.ED25519} {
		rr := spec{apex: "Example.VN.", alg: alg}.key(901, 257).rr
		k := newKey(rr)
		if k.tag != rr.KeyTag() || k.check == nil || k.bits == 0 {
			t.Errorf("algorithm %d: tag %d, want %d; usable %v", alg, k.tag, rr.KeyTag(), k.check != nil)
		}
		for _, d := range []uint8{dns.SHA1, dns.SHA256, dns.SHA384} {
			if got := hexOf(k.dsDigest(mustName("example.vn."), d)); got != rr.ToDS(d).Digest {
				t.Errorf("algorithm %d, digest %d: %s", alg, d, got)
			}
		}
	}
}

func TestBadKeysAreUnusable(t *testing.T) {
	for _, c := range []struct {
		alg uint8
		key string
	}{
		{dns.RSASHA256, ""}, {dns.RSASHA256, "AQ=="}, {dns.RSASHA256, "AAAA"}, {dns.RSASHA256, "A/////8="}, {dns.RSASHA256, "AwEAAQ=="},
		{dns.ECDSAP256SHA256, "AAAA"}, {dns.ECDSAP256SHA256, strings.Repeat("A", 86) + "=="}, {dns.ECDSAP384SHA384, strings.Repeat("A", 128)},
		{dns.ED25519, "AAAA"}, {dns.ED448, strings.Repeat("A", 76)}, {dns.RSAMD5, "AwEAAQ=="}, {0, ""}, {13, "not base64"},
	} {
		k := newKey(&dns.DNSKEY{Hdr: dns.RR_Header{Name: "vn."}, Flags: 256, Protocol: 3, Algorithm: c.alg, PublicKey: c.key})
		if k.check != nil || k.usable() {
			t.Errorf("algorithm %d, key %q is usable", c.alg, c.key)
		}
	}
}

// Short moduli and long exponents go through our own arithmetic; it must agree
// with the library's where both apply.
func TestOwnRSA(t *testing.T) {
	k := spec{apex: "vn.", alg: dns.RSASHA256, bits: 1024}.key(902, 256)
	set := []dns.RR{rr("vn. 3600 A 192.0.2.1")}
	sig := &dns.RRSIG{Inception: 1, Expiration: 2, KeyTag: k.rr.KeyTag(), SignerName: "vn.", Algorithm: k.rr.Algorithm}
	if err := sig.Sign(k.priv, set); err != nil {
		t.Fatal(err)
	}
	canon, _ := canonicalSet(set)
	data, raw := appendSigned(nil, sig, mustName("vn."), mustName("vn."), dns.ClassINET, canon), mustBase64(sig.Signature)
	n, e, ok := rsaNumbers(mustBase64(k.rr.PublicKey))
	if !ok || !rsaCheck(n, e, 5, sum(5, data), raw) { // 5 is crypto.SHA256
		t.Fatal("a good signature does not hold")
	}
	for i := range raw {
		bad := slices.Clone(raw)
		bad[i] ^= 1
		if rsaCheck(n, e, 5, sum(5, data), bad) {
			t.Fatalf("holds with octet %d changed", i)
		}
	}
	if rsaCheck(n, e, 5, sum(5, append(data, 0)), raw) || rsaCheck(n, e, 5, sum(5, data), append([]byte{0}, raw...)) ||
		rsaCheck(n, e, 5, sum(5, data), nil) || rsaCheck(n, big.NewInt(3), 5, sum(5, data), raw) {
		t.Error("holds for other data, length or exponent")
	}
}

func TestPublishedForm(t *testing.T) {
	w := newWorld(t, withExtras()...)
	w.badDigest("bad.vn.", 0)
	v := w.validator()
	for _, c := range []struct {
		name  string
		qtype uint16
		want  map[string]string // path to value
	}{
		{www, dns.TypeA, map[string]string{"name": www, "type": "A", "status": "secure", "rcode": "NOERROR"}},
		{"none.nsec.vn.", dns.TypeAAAA, map[string]string{"status": "secure", "rcode": "NXDOMAIN"}},
		{"www.bad.vn.", dns.TypeA, map[string]string{"status": "bogus", "rcode": "SERVFAIL"}},
		{"www.plain.vn", 65280, map[string]string{"name": "www.plain.vn.", "type": "TYPE65280", "status": "insecure"}},
		{"a..b", dns.TypeA, map[string]string{"status": "indeterminate", "rcode": "SERVFAIL"}},
	} {
		b, err := json.Marshal(v.Validate(context.Background(), c.name, c.qtype))
		if err != nil {
			t.Fatal(err)
		}
		var got map[string]any
		if err := json.Unmarshal(b, &got); err != nil {
			t.Fatal(err)
		}
		for k, want := range c.want {
			if got[k] != want {
				t.Errorf("%s: %s is %v, want %s", c.name, k, got[k], want)
			}
		}
		for _, k := range []string{"reasons", "answer", "chain"} {
			if _, ok := got[k].([]any); !ok {
				t.Errorf("%s: %s is no list: %s", c.name, k, b)
			}
		}
		reason := got["reasons"].([]any)[0].(map[string]any)
		if reason["code"] == "" || reason["detail"] == "" {
			t.Errorf("%s: reason without code or detail: %v", c.name, reason)
		}
		if c.name == "www.bad.vn." {
			if !strings.Contains(reason["record"].(string), "DS") || reason["zone"] != "bad.vn." || reason["owner"].(map[string]any)["role"] != "registrar" {
				t.Errorf("bogus by DS: %v", reason)
			}
			if n := len(got["chain"].([]any)); n != 3 {
				t.Errorf("%d links in the chain", n)
			}
		}
	}
}

// Every code of this package has its entry, with the state that it stands for,
// and every entry is used by this package.
func TestCatalogue(t *testing.T) {
	src, err := os.ReadFile("reasons.go")
	if err != nil {
		t.Fatal(err)
	}
	codes := map[verdict.Reason]bool{}
	for _, m := range regexp.MustCompile(`verdict\.Reason\("([^"]+)"\)`).FindAllSubmatch(src, -1) {
		codes[verdict.Reason(m[1])] = true
	}
	outcomes := map[string]verdict.Outcome{"secure": verdict.Pass, "insecure": verdict.Warn, "bogus": verdict.Fail, "indeterminate": verdict.Unknown, "": verdict.Warn}
	for code := range codes {
		e := verdict.Lookup(code)
		state := ""
		if parts := strings.Split(string(code), "."); len(parts) == 3 || code == codeSecure {
			state = parts[1]
		}
		if e.Check != verdict.DNSSEC || e.State != state || e.Outcome != outcomes[state] || e.Title.EN == "" || e.Title.VI == "" || e.Ref == "" {
			t.Errorf("%s: incomplete entry %+v", code, e)
		}
		if (e.Advice.EN == "") != (e.Advice.VI == "") || e.Outcome == verdict.Fail && e.Advice.EN == "" {
			t.Errorf("%s: advice missing", code)
		}
		if holes(e.Title.EN) != holes(e.Title.VI) {
			t.Errorf("%s: the titles have different places: %s / %s", code, holes(e.Title.EN), holes(e.Title.VI))
		}
	}
	entries, err := os.ReadFile("../verdict/catalogue_dnssec.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`(?m)^\t\{"(dnssec[^"]+)"`).FindAllSubmatch(entries, -1) {
		if !codes[verdict.Reason(m[1])] {
			t.Errorf("%s is in the catalogue, but not given by this package", m[1])
		}
	}
	used := regexp.MustCompile(`\bcode[A-Z]\w+`)
	files, _ := filepath.Glob("*.go")
	all := map[string]bool{}
	for _, f := range files {
		if f == "reasons.go" || strings.HasSuffix(f, "_test.go") {
			continue
		}
		b, _ := os.ReadFile(f)
		for _, c := range used.FindAllString(string(b), -1) {
			all[c] = true
		}
	}
	for _, c := range used.FindAllString(string(src), -1) {
		if !all[c] {
			t.Errorf("%s is never given", c)
		}
	}
}

func holes(s string) string {
	all := regexp.MustCompile(`\{\w+\}`).FindAllString(s, -1)
	slices.Sort(all)
	return strings.Join(slices.Compact(all), "")
}

// Every asker gets the same verdict, and each zone is asked about once.
func TestConcurrentUse(t *testing.T) {
	w := newWorld(t, province()...)
	v := w.validator()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for j := range goodCases {
				c := goodCases[(j*7+i*13)%len(goodCases)]
				if c.qtype != dns.TypeRRSIG {
					check(t, v.Validate(context.Background(), c.name, c.qtype), c)
				}
			}
		}()
	}
	wg.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, apex := range []string{".", "vn.", "nsec.vn.", "nsec3.vn.", "opt.vn."} {
		n := w.asked[key16(mustName(apex), dns.TypeDNSKEY)]
		want := 1
		for _, c := range goodCases {
			if c.qtype == dns.TypeDNSKEY && mustName(c.name) == mustName(apex) {
				want += 8
			}
		}
		if n != want {
			t.Errorf("%s DNSKEY was asked %d times, want %d", apex, n, want)
		}
	}
}

// A source may hand the same message to everybody: nothing is written to it.
func TestSharedMessages(t *testing.T) {
	w := newWorld(t, province()...)
	for _, c := range []question{{name: www, qtype: dns.TypeA}, {name: "none.nsec3.vn.", qtype: dns.TypeA}, {name: "mx.nsec.vn.", qtype: dns.TypeMX}, {name: "www.d.nsec.vn.", qtype: dns.TypeTXT}} {
		src := recordAll(t, w, c.name, c.qtype)
		for _, m := range src {
			for _, rr := range slices.Concat(m.Answer, m.Ns) {
				rr.Header().Rdlength = 0
			}
		}
		var wg sync.WaitGroup
		for range 4 { // the race detector has the last word
			wg.Add(1)
			go func() {
				defer wg.Done()
				New(src, w.anchors, func() time.Time { return testNow }).Validate(context.Background(), c.name, c.qtype)
			}()
		}
		wg.Wait()
		for k, m := range src {
			for _, rr := range slices.Concat(m.Answer, m.Ns) {
				if rr.Header().Rdlength != 0 {
					t.Errorf("%s: %v was written to", k, rr)
				}
			}
		}
	}
}

// An interrupted judgement says so and leaves nothing wrong behind.
func TestInterruption(t *testing.T) {
	w := newWorld(t, province()...)
	v := w.validator()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	res := v.Validate(ctx, www, dns.TypeA)
	if res.State != Indeterminate || res.Reasons[0].Cause != verdict.Cancelled {
		t.Errorf("%v %v", res.State, res.Reasons)
	}
	half, stop := context.WithCancel(context.Background())
	w.at("vn.", dns.TypeDS, func(*dns.Msg) { stop() })
	if res = v.Validate(half, www, dns.TypeA); res.State != Indeterminate {
		t.Errorf("interrupted half-way: %v", res.State)
	}
	w.amend = nil
	if res = v.Validate(context.Background(), www, dns.TypeA); res.State != Secure {
		t.Errorf("afterwards: %v\n%s", res.State, reasonsText(res))
	}
}

// A zone is judged anew once a signature that it rests on has expired, and one
// that could not be judged after a while.
func TestZonesAgeWithTheClock(t *testing.T) {
	w := newWorld(t, province()...)
	clock := testNow
	v := New(w, w.anchors, func() time.Time { return clock })
	w.z("nsec.vn.").signing("nsec.vn.", dns.TypeDNSKEY, func(s *dns.RRSIG) { s.Expiration = unix(testNow) + 3600 })
	res := v.Validate(context.Background(), www, dns.TypeA)
	if res.State != Secure || !res.Expires.Equal(testNow.Add(time.Hour)) {
		t.Errorf("%v, expires %v", res.State, res.Expires)
	}
	clock = testNow.Add(2 * time.Hour)
	judge(t, v.Validate(context.Background(), www, dns.TypeA), Bogus, "dnssec.bogus.sig-expired")

	w.at("nsec3.vn.", dns.TypeDNSKEY, code(dns.RcodeServerFailure))
	judge(t, v.Validate(context.Background(), www3, dns.TypeA), Indeterminate, "dnssec.indeterminate.servfail")
	w.amend = nil
	judge(t, v.Validate(context.Background(), www3, dns.TypeA), Indeterminate, "dnssec.indeterminate.servfail")
	clock = clock.Add(time.Minute)
	judge(t, v.Validate(context.Background(), www3, dns.TypeA), Secure, "")
}

func TestSignaturesAreShown(t *testing.T) {
	w := newWorld(t, province()...)
	w.at(www, dns.TypeRRSIG, func(m *dns.Msg) {
		a := w.z("nsec.vn.").answer(mustName(www), dns.TypeA)
		m.Answer, m.Ns = a.Answer[1:], nil
	})
	res := w.validator().Validate(context.Background(), www, dns.TypeRRSIG)
	judge(t, res, Insecure, "dnssec.insecure.rrsig")
	if len(res.Answer) != 1 {
		t.Errorf("answer %v", res.Answer)
	}
}
