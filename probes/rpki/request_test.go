package rpki

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

// A request asks for just what is announced, never for what a stranger
// announces, and for nothing that is covered already.
func TestRequests(t *testing.T) {
	for _, c := range []struct{ name, block, origin, vrps, routes, want string }{
		{"covered", "192.0.2.0/24", "1", "192.0.2.0/24-24 AS1", "192.0.2.0/24 AS1 300", ""},
		{"not found", "192.0.2.0/24", "1", "10.0.0.0/8-8 AS7", "192.0.2.0/24 AS1 300", "192.0.2.0/24-24 AS1"},
		{"each length announced, no more", "192.0.0.0/16", "1", "10.0.0.0/8-8 AS7", "192.0.0.0/16 AS1 300, 192.0.2.0/24 AS1 300",
			"192.0.0.0/16-16 AS1, 192.0.2.0/24-24 AS1"},
		{"the covered one is left out", "192.0.0.0/16", "1", "192.0.0.0/16-16 AS1", "192.0.0.0/16 AS1 300, 192.0.2.0/24 AS1 300", "192.0.2.0/24-24 AS1"},
		{"stranger", "192.0.2.0/24", "1", "10.0.0.0/8-8 AS7", "192.0.2.0/24 AS1 300, 192.0.2.0/24 AS6 90", "192.0.2.0/24-24 AS1"},
		{"provider's AS", "192.0.2.0/24", "", "10.0.0.0/8-8 AS7", "192.0.2.0/24 AS8 300", "192.0.2.0/24-24 AS8 foreign"},
		{"private AS", "192.0.2.0/24", "", "10.0.0.0/8-8 AS7", "192.0.2.0/24 AS64512 300", ""},
		{"AS_SET", "192.0.2.0/24", "", "10.0.0.0/8-8 AS7", "192.0.2.0/24 none 300", ""},
		{"seen by few", "192.0.2.0/24", "", "10.0.0.0/8-8 AS7", "192.0.2.0/24 AS1 1, 203.0.113.0/24 AS9 300", ""},
		{"listed, not seen", "192.0.2.0/24", "1", "10.0.0.0/8-8 AS7", "203.0.113.0/24 AS9 300", "192.0.2.0/24-24 AS1 declared"},
		{"AS 0 in the way", "192.0.2.0/24", "1", "192.0.2.0/24-32 AS0", "192.0.2.0/24 AS1 300", "192.0.2.0/24-24 AS1"},
	} {
		h := Holding{Prefix: netip.MustParsePrefix(c.block), Own: []ASN{1}, Providers: []ASN{8}}
		if c.origin != "" {
			h.Origins = []ASN{1}
		}
		var got []string
		for _, r := range (Policy{}).Requests(snapshot(t, c.vrps).Dated(night), table(t, c.routes, night), h, night) {
			s := fmt.Sprintf("%s-%d %s", r.Prefix, r.MaxLen, r.Origin)
			if r.Foreign {
				s += " foreign"
			}
			if r.Declared {
				s += " declared"
			}
			got = append(got, s)
		}
		if strings.Join(got, ", ") != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// Of a prefix only what covers all of it counts.
func TestJudgePrefix(t *testing.T) {
	s := snapshot(t, "192.0.2.0/24-24 AS1").Dated(night)
	r := table(t, "192.0.2.0/24 AS1 300, 192.0.0.0/16 AS2 300", night)
	for prefix, want := range map[string]string{"192.0.2.0/24": "valid", "192.0.2.128/25": "valid", "192.0.2.0/23": "not-found", "192.0.2.7/32": "valid", "198.51.100.0/24": "unrouted"} {
		if f := (Policy{}).JudgePrefix(s, r, netip.MustParsePrefix(prefix), night); f.State().String() != want {
			t.Errorf("%s: %v, want %s", prefix, f.State(), want)
		}
	}
}

// A byte-order mark and CRLF are no part of the first question.
func TestBatchMark(t *testing.T) {
	var out strings.Builder
	in := "\ufeff{\"prefix\":\"192.0.2.0/24\",\"asn\":1}\r\n"
	if err := Batch(t.Context(), snapshot(t, "192.0.2.0/24-24 AS1"), strings.NewReader(in), &out); err != nil || !strings.Contains(out.String(), `"state":"valid"`) {
		t.Errorf("%v %s", err, out.String())
	}
}
