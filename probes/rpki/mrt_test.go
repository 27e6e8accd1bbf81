package rpki

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/osrg/gobgp/v3/pkg/packet/bgp"
	"github.com/osrg/gobgp/v3/pkg/packet/mrt"
)

const dumpTime = 1795395600 // 2026-11-23 01:00 UTC

// dumpWriter writes MRT with another project's codec.
type dumpWriter struct {
	t testing.TB
	bytes.Buffer
	seq uint32
}

func (d *dumpWriter) record(subtype mrt.MRTSubTypeTableDumpv2, body mrt.Body) {
	d.t.Helper()
	m, err := mrt.NewMRTMessage(dumpTime, mrt.TABLE_DUMPv2, subtype, body)
	if err != nil {
		d.t.Fatal(err)
	}
	b, err := m.Serialize()
	if err != nil {
		d.t.Fatal(err)
	}
	d.Write(b)
}

// peers writes a peer table; the ASNs alternate between 2 and 4 bytes, the
// addresses between the families.
func (d *dumpWriter) peers(asns ...uint32) {
	var list []*mrt.Peer
	for i, a := range asns {
		ip := fmt.Sprintf("10.0.0.%d", i+1)
		if i%2 == 1 {
			ip = fmt.Sprintf("2001:db8::%d", i+1)
		}
		list = append(list, mrt.NewPeer("10.0.0.1", ip, a, a > 65535 || i%3 == 0))
	}
	d.record(mrt.PEER_INDEX_TABLE, mrt.NewPeerIndexTable("10.0.0.1", "view", list))
}

// path is one entry: peer, additional path id, AS_PATH. A path is written
// "64500 64501 {1,2}", "(65001)" for a confederation sequence, "[65001]" for a set of one.
type path struct {
	peer uint16
	id   uint32
	path string
}

func (d *dumpWriter) rib(prefix string, addPath bool, paths ...path) {
	d.t.Helper()
	p := netip.MustParsePrefix(prefix)
	var nlri bgp.AddrPrefixInterface = bgp.NewIPv6AddrPrefix(uint8(p.Bits()), p.Addr().String())
	subtype := mrt.RIB_IPV6_UNICAST
	if p.Addr().Is4() {
		nlri, subtype = bgp.NewIPAddrPrefix(uint8(p.Bits()), p.Addr().String()), mrt.RIB_IPV4_UNICAST
	}
	if addPath {
		subtype += mrt.RIB_IPV4_UNICAST_ADDPATH - mrt.RIB_IPV4_UNICAST
	}
	var entries []*mrt.RibEntry
	for _, e := range paths {
		attrs := []bgp.PathAttributeInterface{bgp.NewPathAttributeOrigin(0), asPath(d.t, e.path),
			bgp.NewPathAttributeNextHop("192.0.2.254"), bgp.NewPathAttributeMultiExitDisc(7)}
		entries = append(entries, mrt.NewRibEntry(e.peer, dumpTime, e.id, attrs, addPath))
	}
	d.record(subtype, mrt.NewRib(d.seq, nlri, entries))
	d.seq++
}

func asPath(t testing.TB, text string) *bgp.PathAttributeAsPath {
	var segments []bgp.AsPathParamInterface
	for seg := range strings.FieldsSeq(text) {
		kind := uint8(bgp.BGP_ASPATH_ATTR_TYPE_SEQ)
		switch seg[0] {
		case '{':
			kind = bgp.BGP_ASPATH_ATTR_TYPE_SET
		case '(':
			kind = bgp.BGP_ASPATH_ATTR_TYPE_CONFED_SEQ
		case '[':
			kind = bgp.BGP_ASPATH_ATTR_TYPE_CONFED_SET
		}
		var asns []uint32
		for a := range strings.SplitSeq(strings.Trim(seg, "{}()[]"), ",") {
			n, ok := parseUint([]byte(a), 1<<32-1)
			if !ok {
				t.Fatalf("bad path %q", text)
			}
			asns = append(asns, uint32(n))
		}
		segments = append(segments, bgp.NewAs4PathParam(kind, asns))
	}
	return bgp.NewPathAttributeAsPath(segments)
}

// sampleDump holds one of everything.
func sampleDump(t testing.TB) []byte {
	d := &dumpWriter{t: t}
	d.peers(64496, 4200000001, 64498, 64499)
	d.rib("192.0.2.0/24", false, path{0, 0, "64496 64500"}, path{1, 0, "4200000001 64500"}, path{2, 0, "64498 64501"})
	d.rib("198.51.100.0/24", false, path{0, 0, "64496,64497,64502"}, path{1, 0, "64496 {64503,64504}"})
	d.rib("203.0.113.0/24", false, path{3, 0, ""}, path{0, 0, "64496 64505 (65001,65002)"}, path{2, 0, "64498 [65001]"})
	d.rib("0.0.0.0/0", false, path{0, 0, "64496"})
	d.rib("10.1.2.3/32", false, path{0, 0, "64496 4200000002"})
	d.rib("2001:db8::/32", false, path{1, 0, "64501"}, path{1, 0, "64501 64502"})
	d.rib("2001:db8:0:8000::/49", true, path{1, 1, "64501"}, path{2, 1, "64501"}, path{1, 2, "1 64501"}, path{1, 3, "64502"})
	d.rib("10.9.0.0/16", true, path{0, 1, "64496 64500"}, path{0, 2, "64499 64500"})
	return d.Bytes()
}

const sampleRoutes = `0.0.0.0/0 AS64496 1
10.1.2.3/32 AS4200000002 1
10.9.0.0/16 AS64500 1
192.0.2.0/24 AS64500 2
192.0.2.0/24 AS64501 1
198.51.100.0/24 AS64502 1
198.51.100.0/24 none 1
203.0.113.0/24 AS64496 1
203.0.113.0/24 AS64498 1
203.0.113.0/24 AS64499 1
2001:db8::/32 AS64501 1
2001:db8::/32 AS64502 1
2001:db8:0:8000::/49 AS64501 2
2001:db8:0:8000::/49 AS64502 1
`

func dumpRoutes(r *Routes) string {
	var b strings.Builder
	for p, group := range r.idx.all() {
		for _, s := range group {
			o := s.route(p).Origin.String()
			if s.kind == localOrigin {
				o = "local"
			}
			fmt.Fprintf(&b, "%s %s %d\n", p, o, s.peers)
		}
	}
	return b.String()
}

func TestReadMRT(t *testing.T) {
	dump := sampleDump(t)
	for how, in := range map[string]io.Reader{
		"plain": bytes.NewReader(dump), "bytes": iotest.OneByteReader(bytes.NewReader(dump)),
		"gzip": bytes.NewReader(packed(t, dump)), "two members": bytes.NewReader(append(packed(t, dump[:100]), packed(t, dump[100:])...)),
	} {
		r, err := ReadMRT(in, "rib")
		if err != nil {
			t.Errorf("%s: %v", how, err)
			continue
		}
		if got := dumpRoutes(r); got != sampleRoutes {
			t.Errorf("%s: got\n%swant\n%s", how, got, sampleRoutes)
		}
		if s := r.Source(); s.Name != "rib" || s.At.Unix() != dumpTime || s.Partial || r.Peers() != 4 || r.Len() != 14 {
			t.Errorf("%s: %+v, %d peers, %d routes", how, s, r.Peers(), r.Len())
		}
	}
	r, err := ReadRoutes(bytes.NewReader(dump), "rib")
	if err != nil || dumpRoutes(r) != sampleRoutes {
		t.Errorf("sniffed: %v", err)
	}
}

// Cut anywhere, the routes before the cut are kept and the error says where.
func TestReadMRTCut(t *testing.T) {
	dump := sampleDump(t)
	ends := map[int]bool{}
	for off := 0; off < len(dump); {
		off += 12 + int(binary.BigEndian.Uint32(dump[off+8:]))
		ends[off] = true
	}
	kept := 0
	for i := range len(dump) {
		r, err := ReadMRT(bytes.NewReader(dump[:i]), "rib")
		if r == nil {
			t.Fatalf("cut at %d: no table", i)
		}
		if ends[i] != (err == nil) {
			t.Fatalf("cut at %d: %v", i, err)
		}
		if err == nil {
			continue
		}
		if i > 0 && (!errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(err.Error(), "byte ")) || !r.Source().Partial {
			t.Fatalf("cut at %d: %v, %+v", i, err, r.Source())
		}
		if r.Len() < kept {
			t.Fatalf("cut at %d: %d routes, %d before", i, r.Len(), kept)
		}
		kept = r.Len()
	}
	if kept == 0 {
		t.Error("nothing was ever kept")
	}
	z := packed(t, dump)
	for i := 1; i < len(z); i++ {
		if _, err := ReadMRT(bytes.NewReader(z[:i]), "rib.gz"); err == nil {
			t.Fatalf("gzip cut at %d: taken", i)
		}
	}
}

// Any byte changed may change routes but never panics or hangs.
func TestReadMRTFlips(t *testing.T) {
	dump := sampleDump(t)
	for i := range dump {
		for _, x := range []byte{0xff, 0x80, 0x01} {
			dump[i] ^= x
			if r, err := ReadMRT(bytes.NewReader(dump), "rib"); r == nil || err != nil && !r.Source().Partial {
				t.Fatalf("flip at %d: %v, %v", i, r, err)
			}
			dump[i] ^= x
		}
	}
}

func record(kind, subtype uint16, body ...byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, dumpTime)
	b = binary.BigEndian.AppendUint16(b, kind)
	b = binary.BigEndian.AppendUint16(b, subtype)
	b = binary.BigEndian.AppendUint32(b, uint32(len(body)))
	return append(b, body...)
}

func TestReadMRTRefuses(t *testing.T) {
	d := &dumpWriter{t: t}
	d.peers(64496)
	table := d.Bytes()
	onePeer := func(rest ...byte) []byte { return append(table[:len(table):len(table)], rest...) }
	attr := func(b ...byte) []byte { // one entry with these attributes for 192.0.2.0/24
		e := []byte{0, 0, 0, 0, 24, 192, 0, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0, byte(len(b))}
		return onePeer(record(13, 2, append(e, b...)...)...)
	}
	huge := record(13, 2)
	binary.BigEndian.PutUint32(huge[8:], 3<<30)
	for _, tt := range []struct {
		name string
		in   []byte
		want string
	}{
		{"empty", nil, "empty"},
		{"version 1", record(12, 1, make([]byte, 30)...), "version 1"},
		{"updates", record(16, 4, make([]byte, 30)...), "updates"},
		{"updates, extended time", record(17, 4, make([]byte, 30)...), "updates"},
		{"ospf", record(11, 0), "interior"},
		{"not MRT", record(0x1234, 0), "not an MRT file"},
		{"text", []byte("<html>not found</html>"), "not an MRT file"},
		{"routes before the peer table", record(13, 2, 0, 0, 0, 0, 24, 192, 0, 2, 0, 0), "before any peer table"},
		{"3 GiB", onePeer(huge...), "claims 3221225472 bytes"},
		{"garbage type later", onePeer(record(0x1234, 0)...), "type 4660 is none"},
		{"prefix length", onePeer(record(13, 2, 0, 0, 0, 0, 33, 192, 0, 2, 0, 0, 0, 0)...), "prefix length 33"},
		{"prefix cut", onePeer(record(13, 4, 0, 0, 0, 0, 128, 1, 2)...), "middle of its prefix"},
		{"entries cut", onePeer(record(13, 2, 0, 0, 0, 0, 8, 10, 0, 1, 0, 0)...), "middle of its entries"},
		{"no such peer", onePeer(record(13, 2, 0, 0, 0, 0, 8, 10, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0)...), "peer 1 of 1"},
		{"attributes too long", onePeer(record(13, 2, 0, 0, 0, 0, 8, 10, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9)...), "claim 9 bytes"},
		{"bytes left over", onePeer(record(13, 2, 0, 0, 0, 0, 8, 10, 0, 0, 1)...), "after its last entry"},
		{"attribute cut", attr(0x40), "garbled"},
		{"extended attribute cut", attr(0x50, 2, 0), "garbled"},
		{"attribute length", attr(0x40, 2, 9), "garbled"},
		{"segment header cut", attr(0x40, 2, 1, 2), "garbled"},
		{"segment cut", attr(0x40, 2, 6, 2, 2, 0, 0, 0, 1), "garbled"},
		{"peer table cut", record(13, 1, 1, 2, 3, 4, 0, 0, 0, 2, 0), "peer table"},
		{"peer table, long name", record(13, 1, 1, 2, 3, 4, 0xff, 0xff), "peer table"},
	} {
		r, err := ReadMRT(bytes.NewReader(tt.in), "rib")
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "rib:") {
			t.Errorf("%s: %v, want an error with %q", tt.name, err, tt.want)
		}
		if r == nil || r.Len() != 0 || !r.Source().Partial {
			t.Errorf("%s: table %v", tt.name, r)
		}
	}
	// What is fine, if odd: no AS_PATH at all, an empty segment, unknown segment
	// types, multicast, other families, updates behind a table.
	for _, tt := range []struct {
		name string
		in   []byte
		want string
	}{
		{"no AS_PATH", attr(0x40, 1, 1, 0), "192.0.2.0/24 AS64496 1\n"},
		{"empty segment", attr(0x40, 2, 8, 2, 1, 0, 0, 0, 7, 2, 0), "192.0.2.0/24 AS7 1\n"},
		{"unknown segment", attr(0x40, 2, 6, 9, 1, 0, 0, 0, 7), "192.0.2.0/24 none 1\n"},
		{"host bits", onePeer(record(13, 2, 0, 0, 0, 0, 9, 10, 0xff, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0)...), "10.128.0.0/9 AS64496 1\n"},
		{"multicast", onePeer(record(13, 3, 1, 2, 3)...), ""},
		{"generic", onePeer(record(13, 6, 1, 2, 3)...), ""},
		{"updates behind", onePeer(record(16, 4, 1, 2, 3)...), ""},
	} {
		r, err := ReadMRT(bytes.NewReader(tt.in), "rib")
		if err != nil || dumpRoutes(r) != tt.want {
			t.Errorf("%s: %q, %v, want %q", tt.name, dumpRoutes(r), err, tt.want)
		}
	}
}

// A record bigger than the read buffer, with many origins: both slow ways.
func TestReadMRTBigRecord(t *testing.T) {
	d := &dumpWriter{t: t}
	asns := make([]uint32, 1000)
	var paths []path
	for i := range asns {
		asns[i] = uint32(i + 1)
		paths = append(paths, path{uint16(i), 0, fmt.Sprintf("%s %d", strings.Repeat("64496 ", 200), 64000+i%500)})
	}
	d.peers(asns...)
	d.rib("192.0.2.0/24", false, paths...)
	if d.Len() < mrtBuffer {
		t.Fatalf("only %d bytes", d.Len())
	}
	r, err := ReadMRT(&d.Buffer, "rib")
	if err != nil || r.Len() != 500 || r.maxPeers != 2 {
		t.Errorf("%d routes, %d peers, %v", r.Len(), r.maxPeers, err)
	}
}

// A router that appends to its file: per family the last table counts. Other
// collectors' tables add up.
func TestReadMRTSeveralDumps(t *testing.T) {
	d := &dumpWriter{t: t}
	d.peers(64496)
	d.rib("192.0.2.0/24", false, path{0, 0, "64496 64500"})
	d.rib("198.51.100.0/24", false, path{0, 0, "64496 64500"})
	d.rib("2001:db8::/32", false, path{0, 0, "64496 64500"})
	d.peers(64496)
	d.rib("192.0.2.0/24", false, path{0, 0, "64496 64501"})
	m, err := mrt.NewMRTMessage(dumpTime, mrt.TABLE_DUMPv2, mrt.PEER_INDEX_TABLE,
		mrt.NewPeerIndexTable("10.0.0.2", "view", []*mrt.Peer{mrt.NewPeer("10.0.0.1", "10.0.0.1", 64497, true)}))
	if err != nil {
		t.Fatal(err)
	}
	b, err := m.Serialize()
	if err != nil {
		t.Fatal(err)
	}
	d.Write(b)
	d.rib("192.0.2.0/24", false, path{0, 0, "64497 64501"})
	r, err := ReadMRT(&d.Buffer, "rib")
	if want := "192.0.2.0/24 AS64501 2\n2001:db8::/32 AS64500 1\n"; err != nil || dumpRoutes(r) != want {
		t.Errorf("%v\n%swant\n%s", err, dumpRoutes(r), want)
	}
}

// What a router originates itself has an empty path from peer AS 0.
func TestReadMRTLocal(t *testing.T) {
	d := &dumpWriter{t: t}
	d.peers(0, 64496)
	d.rib("192.0.2.0/24", false, path{0, 0, ""})
	d.rib("198.51.100.0/24", false, path{0, 0, ""}, path{1, 0, "64496 64500"})
	r, err := ReadMRT(&d.Buffer, "rib")
	if want := "192.0.2.0/24 local 1\n198.51.100.0/24 AS64500 1\n198.51.100.0/24 local 1\n"; err != nil || dumpRoutes(r) != want {
		t.Fatalf("%v\n%swant\n%s", err, dumpRoutes(r), want)
	}
	s := snapshot(t, "192.0.0.0/16-24 AS1, 198.51.100.0/24 AS64500")
	for addr, want := range map[string]string{"192.0.2.1": "unknown.origin", "198.51.100.1": "valid", "203.0.113.1": "unrouted"} {
		f := Judge(s, r, netip.MustParseAddr(addr), night)
		if results := f.Results(); codes(results) != want {
			t.Errorf("%s: %s, want %s", addr, codes(results), want)
		} else {
			checkResults(t, f, results)
		}
	}
}

func TestReadRISWhois(t *testing.T) {
	text := "% RIS whois dump\n\n64500\t192.0.2.0/24\t300\n{64501,64502}\t192.0.2.0/24\t2\n64501\t2001:db8::/32\t12\r\n0\t0.0.0.0/0\t1"
	want := "0.0.0.0/0 AS0 1\n192.0.2.0/24 AS64500 300\n192.0.2.0/24 none 2\n2001:db8::/32 AS64501 12\n"
	for how, in := range map[string]io.Reader{"plain": strings.NewReader(text), "gzip": bytes.NewReader(packed(t, []byte(text)))} {
		r, err := ReadRoutes(in, "ris")
		if err != nil || dumpRoutes(r) != want || r.Source().Partial {
			t.Errorf("%s: %v\n%s", how, err, dumpRoutes(r))
		}
	}
	for in, want := range map[string]string{
		"64500\t192.0.2.1/24\t3\n":      "ris:1 (byte 0)",
		"%\n64500\t192.0.2.0/24\n":      "ris:2 (byte 2)",
		"x\t192.0.2.0/24\t3\n":          "AS number",
		"1\t192.0.2.0/24\t3\tmore\n":    "belong",
		"1\t192.0.2.0/24\t4294967296":   "belong",
		"% nothing\n":                   "no routes",
		strings.Repeat("a b c\n", 2000): "not a riswhois dump",
	} {
		r, err := ReadRoutes(strings.NewReader(in), "ris")
		if err == nil || !strings.Contains(err.Error(), want) || r == nil || !r.Source().Partial {
			t.Errorf("%.40q: %v, want %q", in, err, want)
		}
	}
	if r, err := ReadRoutes(strings.NewReader("1\t192.0.2.0/24\t3\njunk\n"), "ris"); err == nil || r.Len() != 1 {
		t.Errorf("what was read must be kept: %v", err)
	}
}

func TestCovering(t *testing.T) {
	r, err := ReadMRT(bytes.NewReader(sampleDump(t)), "rib")
	if err != nil {
		t.Fatal(err)
	}
	for addr, want := range map[string]string{
		"192.0.2.7":              "192.0.2.0/24 AS64500 2, 192.0.2.0/24 AS64501 1, 0.0.0.0/0 AS64496 1",
		"::ffff:10.1.2.3":        "10.1.2.3/32 AS4200000002 1, 0.0.0.0/0 AS64496 1",
		"2001:db8:0:8000::1":     "2001:db8:0:8000::/49 AS64501 2, 2001:db8:0:8000::/49 AS64502 1, 2001:db8::/32 AS64501 1, 2001:db8::/32 AS64502 1",
		"2001:db8:0:8000::1%eth": "2001:db8:0:8000::/49 AS64501 2, 2001:db8:0:8000::/49 AS64502 1, 2001:db8::/32 AS64501 1, 2001:db8::/32 AS64502 1",
		"2001:db9::1":            "",
	} {
		var got []string
		for _, x := range r.Covering(netip.MustParseAddr(addr)) {
			got = append(got, fmt.Sprintf("%s %s %d", x.Prefix, x.Origin, x.Peers))
		}
		if strings.Join(got, ", ") != want {
			t.Errorf("%s: %q, want %q", addr, got, want)
		}
	}
	var none *Routes
	if none.Covering(netip.MustParseAddr("192.0.2.1")) != nil || none.Len() != 0 || r.Covering(netip.Addr{}) != nil {
		t.Error("no table or no address: no routes")
	}
	if _, err := NewRoutes([]Announcement{{Prefix: netip.MustParsePrefix("192.0.2.1/24")}}, Source{Name: "inv"}); err == nil {
		t.Error("host bits were taken")
	}
}
