package lab

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/osrg/gobgp/v3/pkg/packet/bgp"
	"github.com/osrg/gobgp/v3/pkg/packet/mrt"
)

const rtrPort = 323 // RFC 6810 section 7

// RTRAddr is the world address of the RTR cache, to be dialled through Dial, of
// a family that this vantage has; empty if the world has none. With Loopback,
// Endpoints has its real one.
func (l *Lab) RTRAddr() string {
	for _, h := range l.world.hosts {
		for _, p := range h.places {
			if h.kind == "rtr" && !(p.addr.Is6() && l.net.noV6) && !(p.addr.Is4() && l.net.noV4) {
				return netip.AddrPortFrom(p.addr, rtrPort).String()
			}
		}
	}
	return ""
}

// VRPs returns the world's VRPs as rpki-client writes them, made just now.
func (l *Lab) VRPs() []byte {
	type roa struct {
		ASN     uint32 `json:"asn"`
		Prefix  string `json:"prefix"`
		Max     int    `json:"maxLength"`
		TA      string `json:"ta"`
		Expires int64  `json:"expires"`
	}
	var out struct {
		Metadata struct {
			BuildMachine string `json:"buildmachine"`
			BuildTime    string `json:"buildtime"`
			VRPs         int    `json:"vrps"`
		} `json:"metadata"`
		ROAs []roa `json:"roas"`
	}
	now := l.now().UTC()
	out.Metadata.BuildMachine = "lab"
	out.Metadata.BuildTime = now.Format(time.RFC3339)
	out.Metadata.VRPs = len(l.world.vrps)
	out.ROAs = []roa{}
	for _, v := range l.world.vrps {
		out.ROAs = append(out.ROAs, roa{v.asn, v.prefix.String(), v.max, v.ta, now.Add(24 * time.Hour).Unix()})
	}
	b, err := json.MarshalIndent(out, "", "\t")
	if err != nil {
		panic("lab: VRPs cannot be written as JSON: " + err.Error()) // plain numbers and strings can
	}
	return append(b, '\n')
}

// RoutesMRT returns the world's route table as an MRT file: TABLE_DUMP_V2 with
// a peer index and one RIB record a prefix (RFC 6396 section 4.3). Announcements
// of one prefix by several origins are entries of one record.
func (l *Lab) RoutesMRT() ([]byte, error) {
	d := dump{at: uint32(l.now().Unix())}
	var peers []*mrt.Peer
	for i := range routePeers {
		peers = append(peers, mrt.NewPeer(peerID(i), fmt.Sprintf("2001:db8:ffff::%d", i+1), peerASN(i), true))
	}
	d.write(mrt.PEER_INDEX_TABLE, mrt.NewPeerIndexTable("192.0.2.200", "lab", peers))
	done := map[netip.Prefix]bool{}
	for _, r := range l.world.routes {
		if !done[r.prefix] {
			done[r.prefix] = true
			d.rib(r.prefix, l.world.routes)
		}
	}
	return d.buf.Bytes(), d.err
}

func peerID(i int) string  { return fmt.Sprintf("192.0.2.%d", 201+i) }
func peerASN(i int) uint32 { return uint32(65536 + i) } // RFC 5398: 32-bit numbers for documentation

// dump writes MRT records; the first error ends it.
type dump struct {
	buf bytes.Buffer
	at  uint32
	seq uint32
	err error
}

func (d *dump) write(subtype mrt.MRTSubTypeTableDumpv2, body mrt.Body) {
	if d.err != nil {
		return
	}
	m, err := mrt.NewMRTMessage(d.at, mrt.TABLE_DUMPv2, subtype, body)
	if err == nil {
		var b []byte
		b, err = m.Serialize()
		d.buf.Write(b)
	}
	d.err = err
}

// rib writes the record of one prefix with every announcement of it: each peer
// that sees an announcement has one entry. Announcements share the peers out
// from the first, so that a peer has one best route.
func (d *dump) rib(prefix netip.Prefix, routes []route) {
	var entries []*mrt.RibEntry
	next := 0
	for _, r := range routes {
		if r.prefix != prefix {
			continue
		}
		for range r.peers {
			peer := next % routePeers
			next++
			entries = append(entries, mrt.NewRibEntry(uint16(peer), d.at, 0, attributes(r, peer), false))
		}
	}
	nlri := bgp.AddrPrefixInterface(bgp.NewIPv6AddrPrefix(uint8(prefix.Bits()), prefix.Addr().String()))
	subtype := mrt.RIB_IPV6_UNICAST
	if prefix.Addr().Is4() {
		nlri, subtype = bgp.NewIPAddrPrefix(uint8(prefix.Bits()), prefix.Addr().String()), mrt.RIB_IPV4_UNICAST
	}
	d.write(subtype, mrt.NewRib(d.seq, nlri, entries))
	d.seq++
}

// attributes of one entry. For IPv6 the next hop stands in a shortened
// MP_REACH_NLRI (RFC 6396 section 4.3.4).
func attributes(r route, peer int) []bgp.PathAttributeInterface {
	path := []bgp.AsPathParamInterface{bgp.NewAs4PathParam(bgp.BGP_ASPATH_ATTR_TYPE_SEQ, append([]uint32{peerASN(peer)}, r.path...))}
	if len(r.set) > 0 {
		path = append(path, bgp.NewAs4PathParam(bgp.BGP_ASPATH_ATTR_TYPE_SET, r.set))
	}
	attrs := []bgp.PathAttributeInterface{bgp.NewPathAttributeOrigin(0), bgp.NewPathAttributeAsPath(path)}
	if r.prefix.Addr().Is4() {
		return append(attrs, bgp.NewPathAttributeNextHop(peerID(peer)))
	}
	hop := netip.MustParseAddr(fmt.Sprintf("2001:db8:ffff::%d", peer+1)).AsSlice()
	return append(attrs, bgp.NewPathAttributeUnknown(bgp.BGP_ATTR_FLAG_OPTIONAL, bgp.BGP_ATTR_TYPE_MP_REACH_NLRI, append([]byte{16}, hop...)))
}

// plain is a name without its final dot.
func plain(name string) string { return strings.TrimSuffix(name, ".") }
