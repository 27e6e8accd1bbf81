//go:build integration

package main_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"ready6/probes/rpki"
)

// rovPairs is how many routes each validator is asked about.
const rovPairs = 1000

// TestIntegrationROV asks RTRlib's rpki-rov, which takes its VRPs from StayRTR,
// and `ready6 rpki validate --batch`, which reads the same file, about the same
// random routes: their states are equal.
func TestIntegrationROV(t *testing.T) {
	w := newRoutingWorld(t, "ip", "stayrtr", "rpki-rov")
	rnd := rand.New(rand.NewPCG(6811, 8210))
	vrps, routes := rovWorld(rnd)
	w.write("vrps.json", vrpJSON(vrps))
	w.start(w.dual, "stayrtr-rov", "stayrtr", "-bind", rtrAddr, "-cache", filepath.Join(w.dir, "vrps.json"), "-metrics.addr", "", "-checktime=false")
	w.await("stayrtr-rov", func() error {
		s, err := rpki.NewRTR(dialIn(w.dual), rtrAddr, nil, time.Now).Sync(t.Context())
		if err == nil && s.Len() < len(vrps) {
			err = fmt.Errorf("%d VRPs of %d", s.Len(), len(vrps))
		}
		return err
	})
	w.build()
	ours, theirs := w.batchStates(routes), w.rovStates(routes)
	seen := map[string]int{}
	for i, r := range routes {
		kind := "IPv4 "
		if r.prefix.Addr().Is6() {
			kind = "IPv6 "
		}
		seen[kind+theirs[i]]++
		if ours[i] != theirs[i] {
			t.Errorf("%s AS%d: we say %s, rpki-rov %s", r.prefix, r.asn, ours[i], theirs[i])
		}
	}
	for _, family := range []string{"IPv4 ", "IPv6 "} {
		for _, state := range []string{"valid", "invalid", "not-found"} {
			if seen[family+state] < rovPairs/50 {
				t.Errorf("only %d of %s%s: the routes show too little", seen[family+state], family, state)
			}
		}
	}
	t.Logf("%d routes beside %d VRPs: %v", len(routes), len(vrps), seen)
}

type rovRoute struct {
	prefix netip.Prefix
	asn    uint32
}

// rovWorld makes VRPs of a few ASes that lie close together, and routes among
// them: above, below, beside, and with the same bits and another length or AS.
func rovWorld(rnd *rand.Rand) (vrps []string, routes []rovRoute) {
	asns := []uint32{0, 1, 64500, 64501, 4200000000}
	seen := map[string]bool{}
	var made []rovRoute
	for len(vrps) < 200 {
		p := rovPrefix(rnd, len(vrps)%2 == 1, 5)
		most := min(p.Bits()+rnd.IntN(8), p.Addr().BitLen())
		asn := asns[rnd.IntN(len(asns))]
		v := fmt.Sprintf("%s-%d AS%d", p, most, asn)
		if !seen[v] {
			seen[v] = true
			vrps = append(vrps, v)
			made = append(made, rovRoute{p, asn})
		}
	}
	for i := range rovPairs {
		if near := made[rnd.IntN(len(made))]; i%4 < 2 && near.asn != 0 {
			bits := min(near.prefix.Bits()+rnd.IntN(6), near.prefix.Addr().BitLen())
			routes = append(routes, rovRoute{netip.PrefixFrom(near.prefix.Addr(), bits), near.asn})
			continue
		}
		routes = append(routes, rovRoute{rovPrefix(rnd, i%2 == 1, 0), asns[1+rnd.IntN(len(asns)-1)]})
	}
	return vrps, routes
}

// rovPrefix is a prefix of its family, more to 17 bits longer than the shortest here.
func rovPrefix(rnd *rand.Rand, v6 bool, more int) netip.Prefix {
	if v6 {
		a := netip.MustParseAddr("2001:db8::").As16()
		a[4], a[5], a[6] = byte(rnd.IntN(8)), byte(rnd.IntN(2))<<7, byte(rnd.IntN(256))
		return netip.PrefixFrom(netip.AddrFrom16(a), 36+more+rnd.IntN(18-more)).Masked()
	}
	a := [4]byte{198, 18 + byte(rnd.IntN(2)), byte(rnd.IntN(256)), byte(rnd.IntN(256))}
	return netip.PrefixFrom(netip.AddrFrom4(a), 15+more+rnd.IntN(18-more)).Masked()
}

// batchStates asks the built ready6.
func (w *world) batchStates(routes []rovRoute) (out []string) {
	w.t.Helper()
	var b strings.Builder
	for _, r := range routes {
		fmt.Fprintf(&b, "{\"prefix\":%q,\"asn\":%d}\n", r.prefix, r.asn)
	}
	o := w.run("", time.Minute, w.bin, "rpki", "validate", "--vrps", filepath.Join(w.dir, "vrps.json"), "--batch", w.write("routes.jsonl", b.String()))
	for line := range strings.Lines(o.stdout) {
		var answer struct{ State string }
		if err := json.Unmarshal([]byte(line), &answer); err != nil {
			w.t.Fatalf("%q: %v", line, err)
		}
		out = append(out, answer.State)
	}
	if len(out) != len(routes) {
		w.t.Fatalf("%d answers to %d routes: %v", len(out), len(routes), o.stderr)
	}
	return out
}

// rovStates asks rpki-rov: "PREFIX LENGTH ASN" in, "…|VRPs|STATE" out.
func (w *world) rovStates(routes []rovRoute) (out []string) {
	w.t.Helper()
	var b strings.Builder
	for _, r := range routes {
		fmt.Fprintf(&b, "%s %d %d\n", r.prefix.Addr(), r.prefix.Bits(), r.asn)
	}
	states := map[string]string{"0": "valid", "1": "not-found", "2": "invalid"} // enum pfxv_state
	// It ends with an error at the end of its input.
	o := w.run(w.dual, time.Minute, "sh", "-c", "timeout 30 rpki-rov 127.0.0.1 8282 <"+w.write("routes.txt", b.String()))
	for line := range strings.Lines(o.stdout) {
		f := strings.Split(strings.TrimSpace(line), "|")
		if len(f) != 3 {
			continue
		}
		if asked := routes[min(len(out), len(routes)-1)]; !strings.HasPrefix(f[0], asked.prefix.Addr().String()+" "+strconv.Itoa(asked.prefix.Bits())+" ") {
			w.t.Fatalf("rpki-rov answers %q, asked was %v", line, asked)
		}
		out = append(out, states[f[2]])
	}
	if len(out) != len(routes) {
		w.t.Fatalf("rpki-rov: %d answers to %d routes: %v", len(out), len(routes), o)
	}
	return out
}
