package dnssec

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// silentAt is a source that came no further than a zone.
type silentAt string

func (s silentAt) Query(context.Context, string, uint16) (*dns.Msg, error) {
	return nil, noAnswer{errors.New("no answer"), string(s)}
}

type noAnswer struct {
	error
	zone string
}

func (s noAnswer) VerdictZone() string { return s.zone }

// Who did not answer is the zone whose servers were asked, and not a name below it
// that nobody was asked about yet; where that is not known, the name.
func TestSilentZoneIsNamed(t *testing.T) {
	anchor := &dns.DS{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeDS, Class: dns.ClassINET}, Algorithm: dns.ECDSAP256SHA256, DigestType: dns.SHA256, Digest: "00"}
	for zone, want := range map[string]string{".": ".", "vn.": "vn.", "": "www.x.vn."} {
		v := New(silentAt(zone), []dns.RR{anchor}, func() time.Time { return time.Unix(1_800_000_000, 0) })
		got := v.Validate(t.Context(), "www.x.vn.", dns.TypeAAAA)
		if got.State != Indeterminate || len(got.Reasons) == 0 || got.Reasons[0].Zone != want || got.Reasons[0].Owner.Name != want {
			t.Errorf("silent at %q: %s, %+v", zone, got.State, got.Reasons)
		}
	}
}
