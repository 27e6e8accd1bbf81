package resolve

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/miekg/dns"
)

// Every server of a zone is heard once: first by Query, then by Retry until
// there is none left. Its second address is no second server, but both families are heard.
func TestRetryHearsEveryServerOnce(t *testing.T) {
	r, _ := inLab(t, "dnssec-one-server-unsigned", false)
	ctx := context.Background()
	first, err := r.Query(ctx, "www.tinh.gov.vn.", dns.TypeAAAA)
	if err != nil {
		t.Fatal(err)
	}
	signed := map[bool]int{hasRRSIG(first): 1}
	last := first
	for range 10 {
		m, err := r.Retry(ctx, "www.tinh.gov.vn.", dns.TypeAAAA, last)
		if err != nil {
			t.Fatal(err)
		}
		if m == nil {
			break
		}
		signed[hasRRSIG(m)]++
		last = m
	}
	// Two servers with two addresses each, one of them with the unsigned copy.
	if signed[true] != 1 || signed[false] != 1 {
		t.Errorf("heard %d signed and %d unsigned answers, want one of each", signed[true], signed[false])
	}
	over := map[string]bool{}
	for _, e := range r.Evidence("www.tinh.gov.vn.", dns.TypeAAAA) {
		if !strings.Contains(e.Answer, "referral") {
			over[e.Over] = true
		}
	}
	if !over["udp4"] || !over["udp6"] {
		t.Errorf("heard over %v, want both families", over)
	}
	// Who asks later hears the same again, at no cost.
	before := len(r.Evidence("www.tinh.gov.vn.", dns.TypeAAAA))
	if m, err := r.Retry(ctx, "www.tinh.gov.vn.", dns.TypeAAAA, first.Copy()); m != last || err != nil {
		t.Errorf("asked once more: %v, %v", m, err)
	}
	if after := len(r.Evidence("www.tinh.gov.vn.", dns.TypeAAAA)); after != before {
		t.Errorf("%d exchanges, and %d after asking once more", before, after)
	}
}

func hasRRSIG(m *dns.Msg) bool {
	for _, rr := range m.Answer {
		if rr.Header().Rrtype == dns.TypeRRSIG {
			return true
		}
	}
	return false
}

// A packet lost on the way to the other server is no reason to let a bogus answer
// stand: that server is asked again, over TCP.
func TestRetryHearsThroughLoss(t *testing.T) {
	for lost := range 2 {
		bubble(t, func(t *testing.T, n *fakeNet) {
			plainWorld(t, n)
			good := zones(t, xText)
			hard := func() handler {
				var left atomic.Int32
				left.Store(int32(lost))
				return func(q *dns.Msg, tcp bool) []byte {
					if left.Add(-1) >= 0 {
						return nil
					}
					return good.handle(q, tcp)
				}
			}
			r := n.resolver(v4)
			first := want(t, r, "www.x.vn", dns.TypeAAAA, "2001:db8:80::1")
			n.put(hard(), "192.0.2.11", "192.0.2.12")
			m, err := r.Retry(t.Context(), "www.x.vn", dns.TypeAAAA, first)
			if m == nil || len(m.Answer) != 1 || err != nil {
				t.Errorf("%d lost: %v, %v", lost, m, err)
			}
		})
	}
}

// Many servers of a bogus zone whose addresses are nowhere to be found do not
// multiply packets.
func TestRetryHasABudget(t *testing.T) {
	bubble(t, func(t *testing.T, n *fakeNet) {
		plainWorld(t, n)
		text, silent := "x.vn.\n@ NS ns1\nwww AAAA 2001:db8:80::1\n", "test.\n@ NS ns\nns A 192.0.2.3\n"
		vn := "vn.\n@ NS ns\nns A 192.0.2.2\nx NS ns1.x\nns1.x A 192.0.2.11\n"
		for i := range 15 {
			vn += fmt.Sprintf("x NS ns.far%d.test.\n", i)
			for j := range 10 {
				silent += fmt.Sprintf("far%d NS ns%d.far%d\nns%d.far%d A 192.0.2.%d\n", i, j, i, j, i, 100+j+10*(i%10))
			}
		}
		n.put(zones(t, vn).handle, "192.0.2.2")
		n.put(zones(t, silent).handle, "192.0.2.3")
		n.put(zones(t, text).handle, "192.0.2.11")
		r := n.resolver(v4)
		m := want(t, r, "www.x.vn", dns.TypeAAAA, "2001:db8:80::1")
		before := n.packets()
		for range 8 {
			if m, _ = r.Retry(t.Context(), "www.x.vn", dns.TypeAAAA, m); m == nil {
				break
			}
		}
		if sent := n.packets() - before; sent > r.cfg.MaxQueries {
			t.Errorf("%d packets to hear the other servers, more than %d", sent, r.cfg.MaxQueries)
		}
	})
}

// The DS records of a referral are what that server put beside it, and not its
// answer about them: it is asked before they are held against the zone.
func TestRetryAsksTheServerThatReferred(t *testing.T) {
	bubble(t, func(t *testing.T, n *fakeNet) {
		plainWorld(t, n)
		n.put(zones(t, "vn.\n"+cutText+dsText+sigText("x", "DS")).handle, "192.0.2.2")
		r := n.resolver(v4)
		want(t, r, "www.x.vn", dns.TypeAAAA, "2001:db8:80::1")
		bad := want(t, r, "x.vn", dns.TypeDS, dsData)
		before := n.packets("192.0.2.2", "DS")
		m, err := r.Retry(t.Context(), "x.vn", dns.TypeDS, bad)
		if err != nil || m == nil || len(m.Answer) != 2 || n.packets("192.0.2.2", "DS") != before+1 {
			t.Errorf("%v, %v; %d questions for DS", m, err, n.packets("192.0.2.2", "DS"))
		}
		if m, err := r.Retry(t.Context(), "x.vn", dns.TypeDS, m); m != nil || err != nil {
			t.Errorf("once heard: %v, %v", m, err)
		}
	})
}
