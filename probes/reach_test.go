package probes

import (
	"errors"
	"net/netip"
	"testing"

	"crypto/x509"

	"ready6/probes/verdict"
)

var (
	six  = netip.MustParseAddr("2001:db8::1")
	six2 = netip.MustParseAddr("2001:db8::2")
	four = netip.MustParseAddr("192.0.2.1")
)

func works(a netip.Addr, port uint16) attempt {
	return attempt{endpoint: endpoint{addr: a, port: port, kind: "web"}, stage: finished, status: 200, received: 4000}
}

func closed(a netip.Addr, port uint16, c verdict.Cause) attempt {
	return attempt{endpoint: endpoint{addr: a, port: port, kind: "web"}, cause: c}
}

func broken(a netip.Addr, port uint16, s stage, c verdict.Cause) attempt {
	x := closed(a, port, c)
	x.stage = s
	return x
}

func with(a attempt, change func(*attempt)) attempt {
	change(&a)
	return a
}

// TestJudge protects the rule that IPv6 is judged beside IPv4: what fails in
// both is no fault of IPv6, and silence without a comparison is no verdict.
func TestJudge(t *testing.T) {
	leaf := &x509.Certificate{}
	bad := certificate{leaf: leaf, err: errors.New("wrong name")}
	good := certificate{leaf: leaf}
	for _, tc := range []struct {
		name   string
		v6, v4 []attempt // the first of v6 is judged
		blind4 bool
		want   verdict.Reason
	}{
		{"works", []attempt{works(six, 443)}, nil, false, "reach.ok"},
		{"works, small", []attempt{with(works(six, 443), func(a *attempt) { a.received = 900 })}, nil, false, "reach.small"},
		{"silent beside a working IPv4", []attempt{closed(six, 443, verdict.Timeout)}, []attempt{works(four, 443)}, false, "reach.silent"},
		{"silent in both", []attempt{closed(six, 443, verdict.Timeout)}, []attempt{closed(four, 443, verdict.Timeout)}, false, "reach.down"},
		{"silent, and IPv4 not to be seen from here", []attempt{closed(six, 443, verdict.Timeout)}, nil, true, "reach.down"},
		{"refused beside a working IPv4", []attempt{closed(six, 443, verdict.Refused)}, []attempt{works(four, 443)}, false, "reach.refused"},
		{"refused on every port", []attempt{closed(six, 443, verdict.Refused), closed(six, 80, verdict.Refused)}, nil, false, "reach.refused"},
		{"port 80 closed in both, 443 works", []attempt{closed(six, 80, verdict.Refused), works(six, 443)}, []attempt{closed(four, 80, verdict.Refused), works(four, 443)}, false, "reach.unused"},
		{"port 80 filtered in both, 443 works", []attempt{closed(six, 80, verdict.Timeout), works(six, 443)}, []attempt{closed(four, 80, verdict.Timeout), works(four, 443)}, false, "reach.unused"},
		{"port 80 closed here, open at another IPv6 address", []attempt{closed(six, 80, verdict.Refused), works(six, 443), works(six2, 80)}, nil, false, "reach.refused"},
		{"TLS only over IPv4", []attempt{closed(six, 443, verdict.Refused), works(six, 80)}, []attempt{works(four, 443), works(four, 80)}, false, "reach.refused"},
		{"IPv4 unseen: whether the port is used cannot be told", []attempt{closed(six, 80, verdict.Refused), works(six, 443)}, nil, true, "reach.unknown"},
		{"no route, IPv4 works", []attempt{closed(six, 443, verdict.Unreachable)}, []attempt{works(four, 443)}, false, "reach.unreachable"},
		{"no route, nothing over IPv4", []attempt{closed(six, 443, verdict.Unreachable)}, nil, false, "reach.down"},
		{"our own lack of a route is no verdict", []attempt{closed(six, 443, verdict.NoFamily)}, []attempt{works(four, 443)}, false, "reach.unknown"},
		{"interrupted", []attempt{closed(six, 443, verdict.Cancelled)}, []attempt{works(four, 443)}, false, "reach.unknown"},
		{"handshake stalls", []attempt{broken(six, 443, handshaking, verdict.Timeout)}, []attempt{works(four, 443)}, false, "reach.stalled"},
		{"handshake stalls in both", []attempt{broken(six, 443, handshaking, verdict.Timeout)}, []attempt{broken(four, 443, handshaking, verdict.Timeout)}, false, "reach.broken"},
		{"reply stalls", []attempt{broken(six, 443, replying, verdict.Timeout)}, []attempt{works(four, 443)}, false, "reach.stalled"},
		{"handshake fails", []attempt{broken(six, 443, handshaking, verdict.OtherCause)}, []attempt{works(four, 443)}, false, "reach.tls"},
		{"cut", []attempt{broken(six, 443, replying, verdict.Reset)}, []attempt{works(four, 443)}, false, "reach.reset"},
		{"certificate wrong over IPv6 only", []attempt{with(works(six, 443), func(a *attempt) { a.cert = bad })},
			[]attempt{with(works(four, 443), func(a *attempt) { a.cert = good })}, false, "reach.cert"},
		{"certificate wrong in both", []attempt{with(works(six, 443), func(a *attempt) { a.cert = bad })},
			[]attempt{with(works(four, 443), func(a *attempt) { a.cert = bad })}, false, "reach.cert-both"},
		{"certificate wrong, and IPv4 not to be seen from here", []attempt{with(works(six, 443), func(a *attempt) { a.cert = bad })}, nil, true, "reach.uncompared"},
		{"certificate wrong, and IPv4 was not tried to the end", []attempt{with(works(six, 443), func(a *attempt) { a.cert = bad })},
			[]attempt{closed(four, 443, verdict.Cancelled)}, false, "reach.uncompared"},
		{"certificate wrong, and no IPv4", []attempt{with(works(six, 443), func(a *attempt) { a.cert = bad })}, nil, false, "reach.cert-both"},
		{"404, and IPv4 not to be seen from here", []attempt{with(works(six, 443), func(a *attempt) { a.status = 404 })}, nil, true, "reach.uncompared"},
		{"no STARTTLS, and IPv4 not to be seen from here", []attempt{with(works(six, 25), func(a *attempt) { a.kind = "mail" })}, nil, true, "reach.uncompared"},
		{"no STARTTLS, and no IPv4", []attempt{with(works(six, 25), func(a *attempt) { a.kind = "mail" })}, nil, false, "reach.starttls-both"},
		{"dns: refused to answer, and IPv4 not to be seen from here", []attempt{with(works(six, 53), func(a *attempt) { a.kind, a.lame, a.proof = "dns", true, []string{"REFUSED"} })}, nil, true, "reach.uncompared"},
		{"works, and IPv4 not to be seen from here", []attempt{works(six, 443)}, nil, true, "reach.ok"},
		{"404 over IPv6 only", []attempt{with(works(six, 443), func(a *attempt) { a.status = 404 })}, []attempt{works(four, 443)}, false, "reach.status"},
		{"404 in both", []attempt{with(works(six, 443), func(a *attempt) { a.status = 404 })},
			[]attempt{with(works(four, 443), func(a *attempt) { a.status = 404 })}, false, "reach.ok"},
		{"403 over IPv6 only is a wall: neither good nor bad", []attempt{with(works(six, 443), func(a *attempt) { a.status = 403 })}, []attempt{works(four, 443)}, false, "reach.walled"},
		{"403 in both", []attempt{with(works(six, 443), func(a *attempt) { a.status = 403 })},
			[]attempt{with(works(four, 443), func(a *attempt) { a.status = 403 })}, false, "reach.ok"},
		{"503 in both: the service itself is out of order", []attempt{with(works(six, 443), func(a *attempt) { a.status = 503 })},
			[]attempt{with(works(four, 443), func(a *attempt) { a.status = 503 })}, false, "reach.broken"},
		{"500, nothing over IPv4", []attempt{with(works(six, 443), func(a *attempt) { a.status = 500 })}, nil, false, "reach.broken"},
		{"refused in both", []attempt{closed(six, 443, verdict.Refused)}, []attempt{closed(four, 443, verdict.Refused)}, false, "reach.down"},
		{"handshake fails in both", []attempt{broken(six, 443, handshaking, verdict.OtherCause)}, []attempt{broken(four, 443, handshaking, verdict.OtherCause)}, false, "reach.broken"},
		{"handshake fails, IPv4 was not tried to the end", []attempt{broken(six, 443, handshaking, verdict.OtherCause)}, []attempt{broken(four, 443, handshaking, verdict.Cancelled)}, false, "reach.tls"},
		{"a reply too large for us", []attempt{broken(six, 443, replying, verdict.OverBudget)}, []attempt{works(four, 443)}, false, "reach.flood"},
		{"no connection left to try with", []attempt{closed(six, 443, verdict.OverBudget)}, []attempt{works(four, 443)}, false, "reach.unknown"},
		{"443 used by nobody, 80 only over IPv4", []attempt{closed(six, 443, verdict.Refused), closed(six, 80, verdict.Refused)},
			[]attempt{closed(four, 443, verdict.Refused), works(four, 80)}, false, "reach.unused"},
		{"80 closed, and whether IPv4 uses it was not found out", []attempt{closed(six, 80, verdict.Refused), works(six, 443)},
			[]attempt{closed(four, 80, verdict.OverBudget), works(four, 443)}, false, "reach.unknown"},
		{"80 silent, and whether IPv4 uses it was not found out", []attempt{closed(six, 80, verdict.Timeout), works(six, 443)},
			[]attempt{closed(four, 80, verdict.Cancelled), works(four, 443)}, false, "reach.unknown"},
		{"dns: refused to answer over IPv6 only", []attempt{with(works(six, 53), func(a *attempt) { a.kind, a.lame = "dns", true })},
			[]attempt{with(works(four, 53), func(a *attempt) { a.kind = "dns" })}, false, "reach.lame"},
		{"dns: serves other zones, the same in both", []attempt{with(works(six, 53), func(a *attempt) { a.kind, a.lame = "dns", true })},
			[]attempt{with(works(four, 53), func(a *attempt) { a.kind, a.lame = "dns", true })}, false, "reach.ok"},
		{"put off", []attempt{with(broken(six, 25, replying, verdict.OtherCause), func(a *attempt) { a.busy = true })}, nil, false, "reach.busy"},
		{"another protocol", []attempt{with(broken(six, 443, replying, verdict.OtherCause), func(a *attempt) { a.protocol = true })}, nil, false, "reach.protocol"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := comparison{v6: tc.v6, v4: tc.v4, v4Unknown: tc.blind4}.judge(tc.v6[0])
			if got.Reason != tc.want {
				t.Errorf("got %s, want %s", got.Reason, tc.want)
			}
			if verdict.Lookup(got.Reason).Title.EN == string(got.Reason) {
				t.Errorf("%s is not in the catalogue", got.Reason)
			}
		})
	}
}
