package rpki

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

const rpkiClientJSON = `{
	"metadata": {
		"buildmachine": "rpki.example",
		"buildtime": "2026-11-23T01:00:00Z",
		"elapsedtime": 12,
		"roas": 3
	},
	"roas": [
		{ "asn": 64500, "prefix": "192.0.2.0/24", "maxLength": 24, "ta": "apnic", "expires": 1795400000 },
		{ "asn": 64501, "prefix": "2001:db8::/32", "maxLength": 48, "ta": "apnic", "expires": 1795400000 },
		{ "asn": 0, "prefix": "198.51.100.0/24", "maxLength": 32, "ta": "ripe", "expires": 1795400000 }
	],
	"bgpsec_keys": [],
	"aspas": [ { "customer_asid": 64500, "providers": [ 64501, 64502 ] } ]
}
`

const routinatorJSON = `{
  "metadata": {
    "generated": 1795395600,
    "generatedTime": "2026-11-23T01:00:00Z"
  },
  "roas": [
    { "asn": "AS64500", "prefix": "192.0.2.0/24", "maxLength": 24, "ta": "apnic" },
    { "asn": "AS64501", "prefix": "2001:db8::/32", "maxLength": 48, "ta": "apnic" },
    { "asn": "AS0", "prefix": "198.51.100.0/24", "maxLength": 32, "ta": "ripe" }
  ],
  "routerKeys": [],
  "aspas": [ { "customer": "AS64500", "providers": [ "AS64501" ] } ]
}`

const routinatorJSONExt = `{"metadata":{"generated":1795395600,"generatedTime":"2026-11-23T01:00:00Z"},"roas":[
{"asn":"AS64500","prefix":"192.0.2.0/24","maxLength":24,"source":[
 {"type":"roa","uri":"rsync://x/1.roa","tal":"apnic","validity":{"notBefore":"2026-01-01T00:00:00Z","notAfter":"2027-12-31T00:00:00Z"},"chainValidity":{"notBefore":"2026-01-01T00:00:00Z","notAfter":"2026-11-23T02:00:00Z"},"stale":"2026-11-24T00:00:00Z"},
 {"type":"roa","uri":"rsync://x/2.roa","tal":"apnic","chainValidity":{"notAfter":"2026-11-23T03:00:00Z"}}]},
{"asn":"AS64501","prefix":"2001:db8::/32","maxLength":48,"source":[{"type":"exception","path":"x.json"}]},
{"asn":"AS0","prefix":"198.51.100.0/24","maxLength":32,"source":[]}]}`

const goRTRJSON = `{"metadata":{"counts":3,"generated":1795395600,"valid":1795399200,"signature":"x","signatureDate":""},
"roas":[{"prefix":"192.0.2.0/24","maxLength":24,"asn":"AS64500","ta":"Cloudflare - APNIC"},
{"prefix":"2001:db8::/32","maxLength":48,"asn":"AS64501"},
{"prefix":"198.51.100.0/24","maxLength":32,"asn":"AS0"}]}`

const stayRTRJSON = `{"roas":[{"prefix":"192.0.2.0/24","asn":64500},{"prefix":"2001:db8::/32","maxLength":48,"asn":"64501"},{"asn":0,"prefix":"198.51.100.0/24","maxLength":32}]}`

const rpkiClientCSV = `ASN,IP Prefix,Max Length,Trust Anchor,Expires
AS64500,192.0.2.0/24,24,apnic,1795400000
AS64501,2001:db8::/32,48,apnic,1795400000
AS0,198.51.100.0/24,32,ripe,1795400000
`

const routinatorCSV = "ASN,IP Prefix,Max Length,Trust Anchor\r\nAS64500,192.0.2.0/24,24,apnic\r\nAS64501,2001:db8::/32,48,apnic\r\nAS0,198.51.100.0/24,32,ripe\r\n"

const compatCSV = `"ASN","IP Prefix","Max Length","Trust Anchor"
"64500","192.0.2.0/24","24","apnic"
"64501","2001:db8::/32","48","apnic"
"0","198.51.100.0/24","32","ripe"`

const csvExt = `URI,ASN,IP Prefix,Max Length,Not Before,Not After
rsync://x/1.roa,AS64500,192.0.2.0/24,24,2026-01-01 00:00:00,2027-01-01 00:00:00
N/A,AS64501,2001:db8::/32,48,N/A,
,AS0,198.51.100.0/24,32,,
`

var vrpFiles = map[string]string{
	"rpki-client.json": rpkiClientJSON, "routinator.json": routinatorJSON, "routinator.jsonext": routinatorJSONExt,
	"gortr.json": goRTRJSON, "stayrtr.json": stayRTRJSON, "rpki-client.csv": rpkiClientCSV, "routinator.csv": routinatorCSV,
	"routinator.csvcompat": compatCSV, "routinator.csvext": csvExt, "bom.json": "\ufeff" + stayRTRJSON, "bom.csv": "\ufeff" + rpkiClientCSV,
	"no header.csv": "64500,192.0.2.0/24,24\n64501,2001:db8::/32,48,apnic\n# remark\n\nAS0,198.51.100.0/24,32\n",
}

func TestReadVRPs(t *testing.T) {
	const want = "192.0.2.0/24 AS64500,198.51.100.0/24-32 AS0,2001:db8::/32-48 AS64501"
	for name, text := range vrpFiles {
		for how, r := range map[string]io.Reader{
			"plain":          strings.NewReader(text),
			"byte by byte":   iotest.OneByteReader(strings.NewReader(text)),
			"gzip":           bytes.NewReader(packed(t, []byte(text))),
			"data and error": iotest.DataErrReader(strings.NewReader(text)),
		} {
			s, err := ReadVRPs(r, name)
			if err != nil {
				t.Errorf("%s, %s: %v", name, how, err)
				continue
			}
			if got := names(slices.Collect(s.All())); got != want {
				t.Errorf("%s, %s: got %s", name, how, got)
			}
			if s.Source().Name != name || s.Source().Over != "file" {
				t.Errorf("%s: source %+v", name, s.Source())
			}
		}
	}
}

func packed(t testing.TB, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestReadVRPsDates(t *testing.T) {
	made := time.Date(2026, 11, 23, 1, 0, 0, 0, time.UTC)
	for name, want := range map[string]Source{
		"rpki-client.json": {At: made, Until: time.Unix(1795400000, 0).UTC()}, "routinator.json": {At: made}, "routinator.jsonext": {At: made},
		"gortr.json": {At: made, Until: made.Add(time.Hour)}, "stayrtr.json": {}, "rpki-client.csv": {Until: time.Unix(1795400000, 0).UTC()},
	} {
		s, err := ReadVRPs(strings.NewReader(vrpFiles[name]), name)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Source(); !got.At.Equal(want.At) || !got.Until.Equal(want.Until) {
			t.Errorf("%s: at %v until %v, want %v and %v", name, got.At, got.Until, want.At, want.Until)
		}
	}
	first := func(name string) VRP {
		s, err := ReadVRPs(strings.NewReader(vrpFiles[name]), name)
		if err != nil {
			t.Fatal(err)
		}
		return slices.Collect(s.All())[0]
	}
	if v := first("rpki-client.json"); v.TA != "apnic" || v.Expires.Unix() != 1795400000 {
		t.Errorf("rpki-client: %+v", v)
	}
	if v := first("routinator.jsonext"); v.TA != "apnic" || !v.Expires.Equal(made.Add(2*time.Hour)) {
		t.Errorf("jsonext, the longest chain counts: %+v", v)
	}
	if v := first("routinator.csvext"); v.Expires.Year() != 2027 {
		t.Errorf("csvext: %+v", v)
	}
}

func TestReadVRPsFaults(t *testing.T) {
	entry := func(s string) string { return "{\n\"roas\":[\n{\"prefix\":\"192.0.2.0/24\",\"asn\":1},\n" + s + "\n]}" }
	for _, tt := range []struct{ name, text, want string }{
		{"empty", "", "empty"},
		{"blank", " \n\n", "empty"},
		{"list", "[]", "\"roas\""},
		{"another object", `{"a":{"b":[1,2,{"c":null}]}}`, "no list named \"roas\""},
		{"slurm", `{"slurmVersion":1,"validationOutputFilters":{},"locallyAddedAssertions":{}}`, "RFC 8416"},
		{"binary", "\x00\x01\x02", "neither JSON nor CSV"},
		{"prose", "this is no export\nat all\n", "test:1 (byte 0)"},
		{"html", "<html><body>404</body></html>", "neither JSON nor a CSV"},
		{"host bits", entry(`{"prefix":"192.0.2.1/24","asn":1}`), "test:4 (byte 46)"},
		{"short maxLength", entry(`{"prefix":"192.0.2.0/24","asn":1,"maxLength":23}`), "maxLength 23"},
		{"long maxLength", entry(`{"prefix":"192.0.2.0/24","asn":1,"maxLength":33}`), "maxLength 33"},
		{"maxLength 129", entry(`{"prefix":"::/0","asn":1,"maxLength":129}`), "129"},
		{"negative maxLength", entry(`{"prefix":"::/0","asn":1,"maxLength":-1}`), "-1"},
		{"fractional ASN", entry(`{"prefix":"::/0","asn":1.5}`), "1.5"},
		{"big ASN", entry(`{"prefix":"::/0","asn":4294967296}`), "4294967296"},
		{"no ASN", entry(`{"prefix":"::/0"}`), "without AS number"},
		{"no prefix", entry(`{"asn":1}`), "without prefix"},
		{"bad expires", entry(`{"prefix":"::/0","asn":1,"expires":"soon"}`), "soon"},
		{"entry is a number", entry(`7`), "test:4"},
		{"trailing text", stayRTRJSON + " x", "after the end"},
		{"comma missing", `{"roas":[{"prefix":"::/0" "asn":1}]}`, "belongs"},
		{"deep", `{"x":` + strings.Repeat("[", 1000) + `}`, "deep"},
		{"raw control character", "{\"a\":\"\x01\"}", "control"},
		{"bad escape", `{"a":"\x"}`, "escape"},
		{"bad number", `{"a":01}`, "no number"},
		{"bad literal", `{"a":nul}`, "null"},
		{"csv fields", "ASN,IP Prefix,Max Length,Trust Anchor\nAS1,192.0.2.0/24,24,x\nAS1,192.0.2.0/24\n", "test:3 (byte 60)"},
		{"csv cut in a field", strings.TrimSuffix(rpkiClientCSV, ",ripe,1795400000\n"), "test:4"},
		{"csv maxLength", "ASN,IP Prefix,Max Length,Trust Anchor\nAS1,192.0.2.0/24,x,y\n", "maxLength"},
		{"csv long line", "ASN,IP Prefix,Max Length,Trust Anchor\n" + strings.Repeat("x", 1<<17), "line of over"},
	} {
		s, err := ReadVRPs(strings.NewReader(tt.text), "test")
		if err == nil || s != nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "test:") {
			t.Errorf("%s: %v, %v; want an error of test with %q", tt.name, s, err, tt.want)
		}
	}
}

func TestReadVRPsTellsManyFaults(t *testing.T) {
	var b strings.Builder
	b.WriteString("ASN,IP Prefix,Max Length,Trust Anchor\n")
	for i := range 25 {
		fmt.Fprintf(&b, "AS%d,192.0.2.1/24,24,x\n", i)
	}
	_, err := ReadVRPs(strings.NewReader(b.String()), "test")
	if err == nil || strings.Count(err.Error(), "\n") != 10 || !strings.Contains(err.Error(), "and 15 more") {
		t.Errorf("got %v, want ten faults and the number of the rest", err)
	}
}

// Cut anywhere, JSON and packed files are errors; nothing panics, nothing is kept.
func TestReadVRPsTruncated(t *testing.T) {
	for name, text := range vrpFiles {
		whole := strings.TrimRight(text, "\n")
		if strings.Contains(name, "json") {
			for i := range len(whole) {
				if s, err := ReadVRPs(strings.NewReader(whole[:i]), name); err == nil || s != nil {
					t.Fatalf("%s cut at %d: taken", name, i)
				}
			}
			_, err := ReadVRPs(strings.NewReader(whole[:len(whole)-1]), name)
			if !errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(err.Error(), "truncated") {
				t.Errorf("%s: %v", name, err)
			}
		}
		z := packed(t, []byte(text))
		for i := 1; i < len(z); i++ {
			if _, err := ReadVRPs(bytes.NewReader(z[:i]), name); err == nil {
				t.Fatalf("%s.gz cut at %d: taken", name, i)
			}
		}
		z[len(z)-6] ^= 1
		if _, err := ReadVRPs(bytes.NewReader(z), name); err == nil || !strings.Contains(err.Error(), "damaged") {
			t.Errorf("%s.gz with a wrong checksum: %v", name, err)
		}
	}
}

func TestPackings(t *testing.T) {
	// "AS1,192.0.2.0/24,24,x\n" by bzip2 1.0.8.
	bz, err := base64.StdEncoding.DecodeString(bzipped)
	if err != nil {
		t.Fatal(err)
	}
	if s, err := ReadVRPs(bytes.NewReader(bz), "x.bz2"); err != nil || s.Len() != 1 {
		t.Errorf("bzip2: %v", err)
	}
	for magic, hint := range map[string]string{"\xfd7zXZ\x00....": "xz -d", "\x28\xb5\x2f\xfd....": "zstd -d"} {
		if _, err := ReadVRPs(strings.NewReader(magic), "x"); err == nil || !strings.Contains(err.Error(), hint) {
			t.Errorf("%q: %v", magic, err)
		}
	}
	// A big packed file that is given up early must not leave its reader behind;
	// the race detector would see a read after the return.
	var big bytes.Buffer
	big.WriteString("ASN,IP Prefix,Max Length,Trust Anchor\n")
	for range 200_000 {
		big.WriteString("AS1,192.0.2.0/24,24,x\n")
	}
	z := packed(t, append([]byte("nonsense\n"), big.Bytes()...))
	if _, err := ReadVRPs(bytes.NewReader(z), "x"); err == nil {
		t.Error("nonsense was taken")
	}
	clear(z)
	if s, err := ReadVRPs(bytes.NewReader(packed(t, big.Bytes())), "x"); err != nil || s.Len() != 1 {
		t.Errorf("many chunks: %v", err)
	}
}

func TestLabelsAreSafeToShow(t *testing.T) {
	text := `{"roas":[{"prefix":"::/0","asn":1,"ta":"a\u001b[31mb\u0000\ud83d\ude00\ud83dx` + strings.Repeat("ừ", 50) + `"}]}`
	s, err := ReadVRPs(strings.NewReader(text), "x")
	if err != nil {
		t.Fatal(err)
	}
	ta := slices.Collect(s.All())[0].TA
	if !strings.HasPrefix(ta, "a[31mb😀�x") || len(ta) > 64 || strings.ContainsRune(ta, 0x1b) {
		t.Errorf("%q", ta)
	}
}

const bzipped = "QlpoOTFBWSZTWQBRq7sAAAnegAAQAAX0ICAACAAAQCAAIaho0/VPKEDQNCWIQuqDp1aHN/F3JFOFCQAFGruw"
