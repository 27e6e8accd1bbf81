package reports

import (
	"bytes"
	"encoding/json"
	"io"
	"testing"
	"time"

	"ready6/probes/verdict"
)

// signed is what a scan of addresses and DNSSEC alone has of a name in a signed
// zone: without AAAA record, either secure, or bogus for a signature that ran out.
func signed(reason verdict.Reason) verdict.Record {
	host := "www.xa-0001.gov.vn"
	owner := verdict.Owner{Role: verdict.Agency}
	said := []verdict.Evidence{
		{At: night, Asked: "a.root-servers.net [2001:db8::1]:53", Over: "udp6", Query: host + ". AAAA", Answer: "NOERROR, 0 answers, referral to vn."},
		{At: night, Asked: "ns1.vn [2001:db8::2]:53", Over: "udp6", Query: host + ". AAAA", Answer: "NOERROR, 0 answers, referral to gov.vn."},
		{At: night, Asked: "ns1.xa-0001.gov.vn [2001:db8::3]:53", Over: "udp6", Query: host + ". AAAA", Answer: "NOERROR aa, 0 answers"},
	}
	zones := []verdict.ChainZone{{Zone: ".", State: "secure"}, {Zone: "vn.", Parent: ".", State: "secure"}, {Zone: "gov.vn.", Parent: "vn.", State: "secure"}}
	of := verdict.Evidence{At: night, Asked: "zone xa-0001.gov.vn", Over: "dnssec", Query: host + " AAAA",
		Answer: "the signature of ns1.xa-0001.gov.vn. over NSEC ended", Chain: &verdict.Chain{Name: host + ".", Type: "AAAA", State: "secure", Zones: zones}}
	return rec("", "web", host,
		verdict.Result{Check: verdict.AAAA, Reason: "aaaa.nodata", Subject: host, Owner: owner, At: night, Evidence: said},
		verdict.Result{Check: verdict.DNSSEC, Reason: reason, Subject: host + " AAAA", Owner: owner, At: night,
			Args: map[string]string{"name": host, "zone": "xa-0001.gov.vn", "type": "NSEC", "signer": "xa-0001.gov.vn",
				"expiration": "2026-06-01T00:00:00Z", "expires": "2026-06-09T00:00:00Z"},
			Evidence: append([]verdict.Evidence{of}, said...)})
}

// A line is the service's own JSON, whatever is left out of judging on the way.
func TestLineIsTheServicesJSON(t *testing.T) {
	all := append(records(), blocked(), probed(), signed("dnssec.secure"), signed("dnssec.bogus.sig-expired"))
	all[0].Host, all[0].Took = "<a>&\u2028\xff.vn", 1500*time.Millisecond
	for _, r := range all {
		want, err := json.Marshal(Judge(r))
		if err != nil {
			t.Fatal(err)
		}
		var got bytes.Buffer
		if err := WriteLine(&got, r); err != nil || got.String() != string(want)+"\n" {
			t.Errorf("%s: %v\n%s\nwant\n%s", r.Host, err, &got, want)
		}
	}
}

// BenchmarkWriteLine writes the lines of a scan of addresses and DNSSEC alone.
func BenchmarkWriteLine(b *testing.B) {
	for _, reason := range []verdict.Reason{"dnssec.secure", "dnssec.bogus.sig-expired"} {
		r := signed(reason)
		b.Run(string(reason), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := WriteLine(io.Discard, r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
