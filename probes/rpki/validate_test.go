package rpki

import (
	"encoding/json"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

// vrps reads "192.0.2.0/24-28 AS64500 ta=x" entries separated by commas.
func vrps(t testing.TB, text string) []VRP {
	t.Helper()
	var out []VRP
	for item := range strings.SplitSeq(text, ",") {
		f := strings.Fields(item)
		if len(f) == 0 {
			continue
		}
		p, max, _ := strings.Cut(f[0], "-")
		v := VRP{Prefix: netip.MustParsePrefix(p)}
		v.MaxLen = v.Prefix.Bits()
		if max != "" {
			n, ok := parseUint([]byte(max), 128)
			if !ok {
				t.Fatalf("bad maxLength in %q", item)
			}
			v.MaxLen = int(n)
		}
		o, err := ParseOrigin(f[1])
		if err != nil {
			t.Fatal(err)
		}
		v.ASN = o.ASN
		for _, x := range f[2:] {
			v.TA = strings.TrimPrefix(x, "ta=")
		}
		out = append(out, v)
	}
	return out
}

func snapshot(t testing.TB, text string) *Snapshot {
	t.Helper()
	s, err := NewSnapshot(vrps(t, text), Source{Name: "test", Over: "file"})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func names(vrps []VRP) string {
	var s []string
	for _, v := range vrps {
		s = append(s, v.String())
	}
	return strings.Join(s, ",")
}

func TestValidate(t *testing.T) {
	tests := []struct {
		name, vrps, prefix, origin string
		state, reason              string
		matched, wrong, specific   string
	}{
		{name: "exact", vrps: "192.0.2.0/24 AS1", prefix: "192.0.2.0/24", origin: "1", state: "valid", matched: "192.0.2.0/24 AS1"},
		{name: "at maxLength", vrps: "192.0.2.0/24-28 AS1", prefix: "192.0.2.16/28", origin: "1", state: "valid", matched: "192.0.2.0/24-28 AS1"},
		{name: "past maxLength", vrps: "192.0.2.0/24-28 AS1", prefix: "192.0.2.16/29", origin: "1", state: "invalid", reason: "length", specific: "192.0.2.0/24-28 AS1"},
		{name: "less specific than the ROA", vrps: "192.0.2.0/24-28 AS1", prefix: "192.0.2.0/23", origin: "1", state: "not-found"},
		{name: "neighbour", vrps: "192.0.2.0/25-32 AS1", prefix: "192.0.2.128/25", origin: "1", state: "not-found"},
		{name: "wrong AS", vrps: "192.0.2.0/24 AS1", prefix: "192.0.2.0/24", origin: "2", state: "invalid", reason: "as", wrong: "192.0.2.0/24 AS1"},
		{name: "wrong AS and too long", vrps: "192.0.2.0/24 AS1", prefix: "192.0.2.0/25", origin: "2", state: "invalid", reason: "as", wrong: "192.0.2.0/24 AS1"},
		{name: "own too short, another's long enough", vrps: "192.0.2.0/24 AS1, 192.0.2.0/24-32 AS2", prefix: "192.0.2.0/25", origin: "1",
			state: "invalid", reason: "length", specific: "192.0.2.0/24 AS1", wrong: "192.0.2.0/24-32 AS2"},
		{name: "any match over several levels", vrps: "10.0.0.0/8-24 AS1, 10.1.0.0/16 AS2, 10.1.2.0/24 AS3", prefix: "10.1.2.0/24", origin: "1",
			state: "valid", matched: "10.0.0.0/8-24 AS1", wrong: "10.1.2.0/24 AS3,10.1.0.0/16 AS2"},
		{name: "AS 0 alone", vrps: "192.0.2.0/24-32 AS0", prefix: "192.0.2.0/24", origin: "1", state: "invalid", reason: "as", wrong: "192.0.2.0/24-32 AS0"},
		{name: "AS 0 and origin 0", vrps: "192.0.2.0/24-32 AS0", prefix: "192.0.2.0/24", origin: "0", state: "invalid", reason: "as", wrong: "192.0.2.0/24-32 AS0"},
		{name: "AS 0, origin 0, past maxLength", vrps: "192.0.2.0/24 AS0", prefix: "192.0.2.0/25", origin: "0", state: "invalid", reason: "as", wrong: "192.0.2.0/24 AS0"},
		{name: "origin 0, not covered", vrps: "192.0.2.0/24 AS0", prefix: "198.51.100.0/24", origin: "0", state: "not-found"},
		{name: "AS 0 beside a real one", vrps: "192.0.2.0/24 AS0, 192.0.2.0/24 AS1", prefix: "192.0.2.0/24", origin: "1", state: "valid", matched: "192.0.2.0/24 AS1", wrong: "192.0.2.0/24 AS0"},
		{name: "AS 0 above", vrps: "192.0.0.0/16-32 AS0, 192.0.2.0/24 AS1", prefix: "192.0.2.0/24", origin: "1", state: "valid", matched: "192.0.2.0/24 AS1", wrong: "192.0.0.0/16-32 AS0"},
		{name: "AS 0 below does not cover", vrps: "192.0.2.0/25 AS0, 192.0.2.0/24 AS1", prefix: "192.0.2.0/24", origin: "1", state: "valid", matched: "192.0.2.0/24 AS1"},
		{name: "AS_SET covered", vrps: "192.0.2.0/24 AS1", prefix: "192.0.2.0/24", origin: "none", state: "invalid", reason: "as", wrong: "192.0.2.0/24 AS1"},
		{name: "AS_SET covered by AS 0", vrps: "192.0.2.0/24 AS0", prefix: "192.0.2.0/24", origin: "none", state: "invalid", reason: "as", wrong: "192.0.2.0/24 AS0"},
		{name: "AS_SET not covered", vrps: "192.0.2.0/24 AS1", prefix: "198.51.100.0/24", origin: "none", state: "not-found"},
		{name: "32-bit AS is not its low half", vrps: "192.0.2.0/24 AS65537", prefix: "192.0.2.0/24", origin: "1", state: "invalid", reason: "as", wrong: "192.0.2.0/24 AS65537"},
		{name: "AS_TRANS is no wildcard", vrps: "192.0.2.0/24 AS23456", prefix: "192.0.2.0/24", origin: "65537", state: "invalid", reason: "as", wrong: "192.0.2.0/24 AS23456"},
		{name: "highest AS", vrps: "192.0.2.0/24 AS4294967295", prefix: "192.0.2.0/24", origin: "4294967295", state: "valid", matched: "192.0.2.0/24 AS4294967295"},
		{name: "default ROA covers all of its family", vrps: "0.0.0.0/0-32 AS1", prefix: "203.0.113.7/32", origin: "1", state: "valid", matched: "0.0.0.0/0-32 AS1"},
		{name: "default ROA, maxLength 0", vrps: "0.0.0.0/0 AS1", prefix: "203.0.113.0/24", origin: "1", state: "invalid", reason: "length", specific: "0.0.0.0/0 AS1"},
		{name: "default route itself", vrps: "0.0.0.0/0 AS1", prefix: "0.0.0.0/0", origin: "1", state: "valid", matched: "0.0.0.0/0 AS1"},
		{name: "default v6 covers no v4", vrps: "::/0-128 AS1", prefix: "0.0.0.0/0", origin: "1", state: "not-found"},
		{name: "default v4 covers no v6", vrps: "0.0.0.0/0-32 AS1", prefix: "::/0", origin: "1", state: "not-found"},
		{name: "/1", vrps: "128.0.0.0/1 AS1", prefix: "128.0.0.0/1", origin: "1", state: "valid", matched: "128.0.0.0/1 AS1"},
		{name: "other /1", vrps: "128.0.0.0/1-32 AS1", prefix: "127.255.255.255/32", origin: "1", state: "not-found"},
		{name: "/31 in /31", vrps: "192.0.2.2/31 AS1", prefix: "192.0.2.2/31", origin: "1", state: "valid", matched: "192.0.2.2/31 AS1"},
		{name: "/32 beside", vrps: "192.0.2.2/32 AS1", prefix: "192.0.2.3/32", origin: "1", state: "not-found"},
		{name: "/64 boundary", vrps: "2001:db8::/63-64 AS1", prefix: "2001:db8:0:1::/64", origin: "1", state: "valid", matched: "2001:db8::/63-64 AS1"},
		{name: "/65 past /64", vrps: "2001:db8::/63-64 AS1", prefix: "2001:db8:0:1::/65", origin: "1", state: "invalid", reason: "length", specific: "2001:db8::/63-64 AS1"},
		{name: "/65 upper half", vrps: "2001:db8::/65-128 AS1", prefix: "2001:db8:0:0:8000::/65", origin: "1", state: "not-found"},
		{name: "/127", vrps: "2001:db8::2/127-128 AS1", prefix: "2001:db8::3/128", origin: "1", state: "valid", matched: "2001:db8::2/127-128 AS1"},
		{name: "/128", vrps: "2001:db8::2/128 AS1", prefix: "2001:db8::3/128", origin: "1", state: "not-found"},
		{name: "duplicates count once", vrps: "192.0.2.0/24 AS1, 192.0.2.0/24 AS1, 192.0.2.0/24-24 AS1", prefix: "192.0.2.0/24", origin: "1", state: "valid", matched: "192.0.2.0/24 AS1"},
		{name: "same prefix and AS, two lengths", vrps: "192.0.2.0/24 AS1, 192.0.2.0/24-26 AS1", prefix: "192.0.2.0/26", origin: "1", state: "valid", matched: "192.0.2.0/24-26 AS1", specific: "192.0.2.0/24 AS1"},
		{name: "forged origin inside a loose maxLength is Valid, though bad (RFC 9319)", vrps: "192.0.0.0/16-24 AS1", prefix: "192.0.7.0/24", origin: "1", state: "valid", matched: "192.0.0.0/16-24 AS1"},
		{name: "no VRPs at all", prefix: "192.0.2.0/24", origin: "1", state: "not-found"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := snapshot(t, tt.vrps)
			p, err := ParsePrefix(tt.prefix)
			if err != nil {
				t.Fatal(err)
			}
			o, err := ParseOrigin(tt.origin)
			if err != nil {
				t.Fatal(err)
			}
			v := s.Validate(p, o)
			got := [...]string{v.State().String(), v.Reason(), names(v.Matched), names(v.WrongOrigin), names(v.TooSpecific)}
			if want := [...]string{tt.state, tt.reason, tt.matched, tt.wrong, tt.specific}; got != want {
				t.Errorf("got  %q\nwant %q", got, want)
			}
			if fast := s.State(p, o); fast != v.State() {
				t.Errorf("State says %v, Validate %v", fast, v.State())
			}
		})
	}
}

// oracle is RFC 6811 section 2 word for word over a list.
func oracle(list []VRP, p netip.Prefix, o Origin) (matched, wrong, specific map[string]bool) {
	matched, wrong, specific = map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, v := range list {
		if v.Prefix.Addr().Is4() != p.Addr().Is4() || v.Prefix.Bits() > p.Bits() || !v.Prefix.Contains(p.Addr()) {
			continue
		}
		switch {
		case !o.Known || v.ASN == 0 || v.ASN != o.ASN:
			wrong[v.String()] = true
		case p.Bits() > v.MaxLen:
			specific[v.String()] = true
		default:
			matched[v.String()] = true
		}
	}
	return
}

// crowded draws from a space so small that everything collides.
func crowded(r *rand.Rand, mostBits int) netip.Prefix {
	if r.IntN(3) == 0 {
		a := [16]byte{0x20, 0x01, 0x0d, 0xb8}
		a[7], a[8] = byte(r.IntN(4)), byte(r.IntN(4)<<6)
		return netip.PrefixFrom(netip.AddrFrom16(a), r.IntN(min(mostBits, 128)+1)).Masked()
	}
	a := [4]byte{byte(r.IntN(2)) << 7, byte(r.IntN(2)), byte(r.IntN(4)), byte(r.IntN(256))}
	return netip.PrefixFrom(netip.AddrFrom4(a), r.IntN(33)).Masked()
}

func TestValidateEqualsOracle(t *testing.T) {
	r := rand.New(rand.NewPCG(6811, 6907))
	const rounds, perRound = 100, 1000
	for range rounds {
		var list []VRP
		for range r.IntN(120) {
			p := crowded(r, 128)
			list = append(list, VRP{Prefix: p, MaxLen: p.Bits() + r.IntN(p.Addr().BitLen()-p.Bits()+1), ASN: ASN(r.IntN(5))})
		}
		s, err := NewSnapshot(list, Source{})
		if err != nil {
			t.Fatal(err)
		}
		for range perRound {
			p, o := crowded(r, 128), From(ASN(r.IntN(5)))
			if r.IntN(6) == 0 {
				o = Origin{}
			}
			v := s.Validate(p, o)
			m, w, x := oracle(list, p, o)
			for _, c := range []struct {
				got  []VRP
				want map[string]bool
			}{{v.Matched, m}, {v.WrongOrigin, w}, {v.TooSpecific, x}} {
				if len(c.got) != len(c.want) || slices.ContainsFunc(c.got, func(v VRP) bool { return !c.want[v.String()] }) {
					t.Fatalf("%v %v: got %v, want %v\nof %v", p, o, names(c.got), c.want, names(list))
				}
			}
			if s.State(p, o) != v.State() {
				t.Fatalf("%v %v: State %v, Validate %v", p, o, s.State(p, o), v.State())
			}
		}
	}
}

func TestValidateOddInput(t *testing.T) {
	s := snapshot(t, "192.0.2.0/24 AS1")
	if got := s.Validate(netip.MustParsePrefix("192.0.2.7/24"), From(1)).State(); got != Valid {
		t.Errorf("host bits: %v", got)
	}
	if got := s.State(netip.Prefix{}, From(1)); got != Unknown {
		t.Errorf("no prefix: %v", got)
	}
	var none *Snapshot
	if v := none.Validate(netip.MustParsePrefix("192.0.2.0/24"), From(1)); v.State() != Unknown || v.Reason() != "" {
		t.Errorf("no snapshot: %v, must not be not-found", v.State())
	}
	if none.State(netip.MustParsePrefix("192.0.2.0/24"), From(1)) != Unknown || none.Len() != 0 {
		t.Error("no snapshot must be unknown")
	}
	if (Validity{}).State() != Unknown {
		t.Error("the zero Validity must be unknown")
	}
}

func TestValidityJSON(t *testing.T) {
	s := snapshot(t, "2001:db8::/32-48 AS64500 ta=apnic, 2001:db8::/32 AS64501")
	for _, tt := range []struct{ prefix, origin, want string }{
		{"2001:db8:1::/48", "AS64500", `{"prefix":"2001:db8:1::/48","asn":"AS64500","state":"valid","reason":"",` +
			`"matched":[{"asn":"AS64500","prefix":"2001:db8::/32","max_length":48,"ta":"apnic"}],` +
			`"wrong_origin":[{"asn":"AS64501","prefix":"2001:db8::/32","max_length":32,"ta":""}],"too_specific":[]}`},
		{"192.0.2.0/24", "none", `{"prefix":"192.0.2.0/24","asn":"none","state":"not-found","reason":"","matched":[],"wrong_origin":[],"too_specific":[]}`},
	} {
		o, err := ParseOrigin(tt.origin)
		if err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal(s.Validate(netip.MustParsePrefix(tt.prefix), o))
		if err != nil || string(b) != tt.want {
			t.Errorf("got  %s, %v\nwant %s", b, err, tt.want)
		}
	}
	odd, err := json.Marshal(VRP{Prefix: netip.MustParsePrefix("::/0"), TA: "a\"\\\x1b<ừ"})
	if err != nil || !json.Valid(odd) {
		t.Errorf("%s, %v", odd, err)
	}
}

func TestSnapshotAllAndDates(t *testing.T) {
	day := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	list := vrps(t, "2001:db8::/32 AS1, 192.0.2.0/24 AS2, 192.0.2.0/24 AS1, 10.0.0.0/8-9 AS3, 192.0.2.0/24 AS1")
	list[2].Expires, list[4].Expires = day, day.Add(time.Hour)
	s, err := NewSnapshot(list, Source{})
	if err != nil {
		t.Fatal(err)
	}
	all := slices.Collect(s.All())
	if got, want := names(all), "10.0.0.0/8-9 AS3,192.0.2.0/24 AS1,192.0.2.0/24 AS2,2001:db8::/32 AS1"; got != want || s.Len() != 4 {
		t.Errorf("got %s (%d), want %s", got, s.Len(), want)
	}
	if !all[1].Expires.Equal(day.Add(time.Hour)) {
		t.Errorf("a VRP of two ROAs lives as long as the longer: %v", all[1].Expires)
	}
	if d := s.Dated(day); !d.Source().At.Equal(day) || !s.Source().At.IsZero() || !d.Dated(day.Add(1)).Source().At.Equal(day) {
		t.Error("Dated must date a copy, once")
	}
}

func TestNewSnapshotRefuses(t *testing.T) {
	for _, v := range []VRP{
		{},
		{Prefix: netip.MustParsePrefix("192.0.2.1/24"), MaxLen: 24},
		{Prefix: netip.MustParsePrefix("192.0.2.0/24"), MaxLen: 23},
		{Prefix: netip.MustParsePrefix("192.0.2.0/24"), MaxLen: 33},
		{Prefix: netip.MustParsePrefix("2001:db8::/32"), MaxLen: 129},
	} {
		if s, err := NewSnapshot([]VRP{v}, Source{Name: "test"}); err == nil || s != nil {
			t.Errorf("%v: taken", v)
		}
	}
}

// A prefix written as IPv4-mapped is IPv6: a ROA for it says nothing of the IPv4
// prefix, nor that one's of it, whoever brings it.
func TestMappedPrefixesAreIPv6(t *testing.T) {
	const mapped, inner, plain = "::ffff:192.0.2.0/120", "::ffff:192.0.2.128/121", "192.0.2.0/24"
	inFile, err := ReadVRPs(strings.NewReader("AS1,"+mapped+",120,x\n"), "test")
	if err != nil {
		t.Fatal(err)
	}
	all := snapshot(t, "::/0 AS1,"+plain+" AS2")
	for _, c := range []struct {
		s      *Snapshot
		prefix string
		asn    ASN
		want   State
	}{
		{snapshot(t, plain+" AS1"), mapped, 1, NotFound},
		{snapshot(t, mapped+" AS1"), plain, 1, NotFound},
		{snapshot(t, mapped+" AS1"), mapped, 1, Valid},
		{snapshot(t, mapped+"-121 AS1"), inner, 1, Valid},
		{snapshot(t, mapped+" AS1"), inner, 1, Invalid},
		{inFile, mapped, 1, Valid},
		{inFile, plain, 1, NotFound},
		{all, mapped, 2, Invalid},
		{all, plain, 1, Invalid},
		{all, plain, 2, Valid},
	} {
		p, err := ParsePrefix(c.prefix)
		if err != nil {
			t.Fatal(err)
		}
		v := c.s.Validate(p, From(c.asn))
		if v.State() != c.want || c.s.State(p, From(c.asn)) != c.want || v.Prefix.String() != c.prefix {
			t.Errorf("%s of AS%d: %s %v, want %v", c.prefix, c.asn, v.Prefix, v.State(), c.want)
		}
	}
}

func TestParseInput(t *testing.T) {
	for in, want := range map[string]string{
		"AS64500": "AS64500", "64500": "AS64500", "as0": "AS0", " 4294967295 ": "AS4294967295", "none": "none", "NONE": "none",
	} {
		if o, err := ParseOrigin(in); err != nil || o.String() != want {
			t.Errorf("%q: %v, %v, want %s", in, o, err, want)
		}
	}
	for _, in := range []string{"", "AS", "ASAS1", "4294967296", "-1", "+1", "1.10", "AS 1", "1e3", "0x10", "nobody", "٣"} {
		if o, err := ParseOrigin(in); err == nil {
			t.Errorf("%q was taken as %v", in, o)
		}
	}
	for in, hint := range map[string]string{
		"192.0.2.1/24":   "192.0.2.0/24",
		"2001:db8::1/64": "2001:db8::/64",
		"192.0.2.1":      "192.0.2.1/32",
		"2001:db8::1":    "2001:db8::1/128",
		"192.0.2.0/33":   "is no prefix",
		"192.0.2.0/-1":   "is no prefix",
		"192.0.2.0/024":  "is no prefix",
		"fe80::%eth0/64": "is no prefix",
		"":               "is no prefix",
	} {
		if p, err := ParsePrefix(in); err == nil || !strings.Contains(err.Error(), hint) {
			t.Errorf("%q: %v, %v; want an error with %q", in, p, err, hint)
		}
	}
}
