// The loading targets are checked with
//
//	go test -run '^$' -bench 'Read|RTR$|State|Held' -benchtime 3x -count 5 ./probes/rpki
//
// (State alone with -benchtime 1s), the smallest of the five figures counting:
// other work on the machine only adds. ReadMRT/gzip is to be at most 1.1 times
// "gzip -dc" of the same file, RTR at most a fifth of its peer.

package rpki

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"
)

// The synthetic world: about as big as the real one, drawn from a fixed seed.
const (
	worldVRPs4, worldVRPs6 = 450_000, 150_000
	worldRoutes            = 1_300_000 // some fall together
	worldPeers             = 8
)

type world struct {
	vrps   []VRP
	routes []Route
}

var theWorld = sync.OnceValue(func() world {
	r := rand.New(rand.NewPCG(1, 2))
	var w world
	prefix := func(v6 bool) netip.Prefix {
		if v6 {
			var a [16]byte
			binary.BigEndian.PutUint64(a[:], 0x2400<<48|r.Uint64()>>4)
			return netip.PrefixFrom(netip.AddrFrom16(a), 29+r.IntN(20)).Masked()
		}
		var a [4]byte
		binary.BigEndian.PutUint32(a[:], 1<<24+r.Uint32N(222<<24))
		return netip.PrefixFrom(netip.AddrFrom4(a), []int{16, 19, 20, 21, 22, 22, 23, 23, 24, 24, 24, 24}[r.IntN(12)]).Masked()
	}
	for i := range worldVRPs4 + worldVRPs6 {
		p := prefix(i >= worldVRPs4)
		if i > 0 && r.IntN(10) == 0 && p.Addr().Is4() == w.vrps[i-1].Prefix.Addr().Is4() {
			p = w.vrps[i-1].Prefix // several ROAs for one prefix
		}
		v := VRP{Prefix: p, MaxLen: p.Bits(), ASN: ASN(1 + r.Uint32N(40_000)), TA: []string{"afrinic", "apnic", "arin", "lacnic", "ripe"}[r.IntN(5)]}
		if r.IntN(10) == 0 {
			v.MaxLen += r.IntN(4)
		}
		w.vrps = append(w.vrps, v)
	}
	for i := range worldRoutes {
		route := Route{Prefix: prefix(r.IntN(6) == 0), Origin: From(ASN(1 + r.Uint32N(80_000))), Peers: 1 + r.IntN(300)}
		if i < len(w.vrps) {
			route.Prefix, route.Origin = w.vrps[i].Prefix, From(w.vrps[i].ASN)
		}
		w.routes = append(w.routes, route)
	}
	byPrefix := func(a, b netip.Prefix) int { return a.Compare(b) }
	slices.SortFunc(w.vrps, func(a, b VRP) int { return byPrefix(a.Prefix, b.Prefix) })
	slices.SortFunc(w.routes, func(a, b Route) int { return byPrefix(a.Prefix, b.Prefix) })
	return w
})

func worldJSON() []byte {
	var b bytes.Buffer
	b.WriteString("{\n\t\"metadata\": {\"buildtime\": \"2026-11-23T01:00:00Z\"},\n\n\t\"roas\": [\n")
	for i, v := range theWorld().vrps {
		if i > 0 {
			b.WriteString(",\n")
		}
		fmt.Fprintf(&b, "\t\t{ \"asn\": %d, \"prefix\": \"%s\", \"maxLength\": %d, \"ta\": \"%s\", \"expires\": 1795400000 }", v.ASN, v.Prefix, v.MaxLen, v.TA)
	}
	b.WriteString("\n\t]\n}\n")
	return b.Bytes()
}

func BenchmarkReadVRPs(b *testing.B) {
	var csv bytes.Buffer
	csv.WriteString("ASN,IP Prefix,Max Length,Trust Anchor,Expires\n")
	for _, v := range theWorld().vrps {
		fmt.Fprintf(&csv, "%s,%s,%d,%s,1795400000\n", v.ASN, v.Prefix, v.MaxLen, v.TA)
	}
	for name, text := range map[string][]byte{"json": worldJSON(), "csv": csv.Bytes()} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				if s, err := ReadVRPs(bytes.NewReader(text), name); err != nil || s.Len() < 500_000 {
					b.Fatal(err)
				}
			}
		})
	}
}

// distinct leaves out what differs in its trust anchor only: a cache announces
// each VRP once.
func distinct(vrps []VRP) []VRP {
	have := map[VRP]bool{}
	var out []VRP
	for _, v := range vrps {
		v.TA = ""
		if !have[v] {
			have[v] = true
			out = append(out, v)
		}
	}
	return out
}

// BenchmarkRTRUpdate takes 1,000 changes to the whole set, by a Serial Query.
func BenchmarkRTRUpdate(b *testing.B) {
	list := distinct(theWorld().vrps)
	s, err := NewSnapshot(list, Source{})
	if err != nil {
		b.Fatal(err)
	}
	changed := map[vrpKey]bool{}
	for i := range 1_000 {
		v := list[i*len(list)/1_000]
		changed[vrpKey{v.Prefix, uint32(v.ASN), uint8(v.MaxLen)}] = false
		changed[vrpKey{v.Prefix, 4_200_000_000, uint8(v.MaxLen)}] = true
	}
	b.ReportAllocs()
	for b.Loop() {
		if n := s.with(changed, Source{}).Len(); n != s.Len() {
			b.Fatal(n)
		}
	}
}

// BenchmarkRTR loads the whole set from a cache that has it ready, in the order of
// addresses and in none. "peer" is RTRlib, by its rtrclient, at the same cache; its
// time includes writing the set out.
func BenchmarkRTR(b *testing.B) {
	list := distinct(theWorld().vrps)
	b.Run("sorted", func(b *testing.B) { benchRTR(b, list, false) })
	rand.New(rand.NewPCG(3, 4)).Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	b.Run("shuffled", func(b *testing.B) { benchRTR(b, list, false) })
	b.Run("peer", func(b *testing.B) { benchRTR(b, list, true) })
}

func benchRTR(b *testing.B, list []VRP, peer bool) {
	said := bytes.NewBuffer(frame(1, pduCacheResponse, 9))
	for _, v := range list {
		said.Write(prefixPDU(1, 1, v.Prefix.String(), uint8(v.MaxLen), uint32(v.ASN)))
	}
	said.Write(endOfData(1, 9))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Skip("no loopback here: ", err)
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	defer l.Close()
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.ReadFull(c, make([]byte, 8)) // a client that goes away sees nothing
			_, _ = c.Write(said.Bytes())
			if peer { // which is not done when it has read everything
				_, _ = io.Copy(io.Discard, c)
			}
			c.Close()
		}
	})
	if peer {
		_, port, _ := net.SplitHostPort(l.Addr().String())
		command(b, "rtrclient", "-e", "-t", "csv", "-o", os.DevNull, "tcp", "127.0.0.1", port)
		return
	}
	b.ReportAllocs()
	for b.Loop() {
		s, err := NewRTR((&net.Dialer{}).DialContext, l.Addr().String(), nil, func() time.Time { return syncTime }).Sync(b.Context())
		if err != nil || s.Len() < 500_000 {
			b.Fatal(err)
		}
	}
}

// command measures another program, where there is one.
func command(b *testing.B, name string, args ...string) {
	if _, err := exec.LookPath(name); err != nil {
		b.Skip(err)
	}
	for b.Loop() {
		if out, err := exec.Command(name, args...).Output(); err != nil {
			b.Fatalf("%s: %v: %.200s", name, err, out)
		}
	}
}

// worldMRT writes the routes as seen by worldPeers peers and returns the file's name.
func worldMRT(b *testing.B) string {
	b.Helper()
	name := filepath.Join(b.TempDir(), "rib.mrt")
	f, err := os.Create(name)
	if err != nil {
		b.Fatal(err)
	}
	w := bufio.NewWriterSize(f, 1<<20)
	d := &dumpWriter{t: b}
	peers := make([]uint32, worldPeers)
	for i := range peers {
		peers[i] = uint32(65_000 + i)
	}
	d.peers(peers...)
	w.Write(d.Bytes())
	routes := theWorld().routes
	for i := 0; i < len(routes); {
		p := routes[i].Prefix
		kind := uint16(ribIPv6)
		if p.Addr().Is4() {
			kind = ribIPv4
		}
		body := append([]byte{0, 0, 0, 0, byte(p.Bits())}, p.Addr().AsSlice()[:(p.Bits()+7)/8]...)
		body = append(body, 0, worldPeers)
		n := i
		for i < len(routes) && routes[i].Prefix == p {
			i++
		}
		for peer := range worldPeers {
			body = binary.BigEndian.AppendUint32(append(body, 0, byte(peer)), dumpTime)
			body = append(body, 0, 48, 0x40, 1, 1, 0, 0x50, 2, 0, 18, 2, 4)
			origin := routes[n+peer%(i-n)].Origin.ASN
			for _, a := range []uint32{uint32(65_000 + peer), 3356, 1299, uint32(origin)} {
				body = binary.BigEndian.AppendUint32(body, a)
			}
			body = append(body, 0x40, 3, 4, 192, 0, 2, 1, 0xc0, 8, 12, 0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6)[:len(body)+22]
		}
		w.Write(record(13, kind, body...))
	}
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
	return name
}

func BenchmarkReadMRT(b *testing.B) {
	name := worldMRT(b)
	zipped := name + ".gz"
	if err := compress(name, zipped); err != nil {
		b.Fatal(err)
	}
	for how, file := range map[string]string{"plain": name, "gzip": zipped} {
		b.Run(how, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if r := readBench(b, file); r.Len() < 1_000_000 {
					b.Fatal(r.Len())
				}
			}
		})
	}
	// What unpacking alone costs, for comparison.
	b.Run("gzip -dc", func(b *testing.B) { command(b, "sh", "-c", "exec gzip -dc < "+zipped+" > /dev/null") })
}

func readBench(b *testing.B, file string) *Routes {
	f, err := os.Open(file)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	r, err := ReadRoutes(f, file)
	if err != nil {
		b.Fatal(err)
	}
	return r
}

func compress(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	z := gzip.NewWriter(out)
	if _, err := io.Copy(z, in); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	return out.Close()
}

func worldRIS() []byte {
	var text bytes.Buffer
	for _, r := range theWorld().routes {
		fmt.Fprintf(&text, "%d\t%s\t%d\n", r.Origin.ASN, r.Prefix, r.Peers)
	}
	return text.Bytes()
}

func BenchmarkReadRISWhois(b *testing.B) {
	z := packed(b, worldRIS())
	b.ReportAllocs()
	for b.Loop() {
		if r, err := ReadRoutes(bytes.NewReader(z), "ris"); err != nil || r.Len() < 1_000_000 {
			b.Fatal(err)
		}
	}
}

func BenchmarkState(b *testing.B) {
	s, err := NewSnapshot(theWorld().vrps, Source{})
	if err != nil {
		b.Fatal(err)
	}
	routes := slices.Clone(theWorld().routes)
	run := func(b *testing.B) {
		b.ReportAllocs()
		i, valid := 0, 0
		for b.Loop() {
			r := routes[i]
			if s.State(r.Prefix, r.Origin) == Valid {
				valid++
			}
			if i++; i == len(routes) {
				i = 0
			}
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds()/1e6, "M/s")
	}
	b.Run("ordered", run)
	rand.New(rand.NewPCG(5, 6)).Shuffle(len(routes), func(i, j int) { routes[i], routes[j] = routes[j], routes[i] })
	b.Run("shuffled", run)
	b.Run("evidence", func(b *testing.B) {
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			r := routes[i%len(routes)]
			_ = s.Validate(r.Prefix, r.Origin)
			i++
		}
	})
}

// BenchmarkHeld reports the live heap that VRPs and routes keep.
func BenchmarkHeld(b *testing.B) {
	text, ris := worldJSON(), worldRIS()
	heap := func() float64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc) / (1 << 20)
	}
	for b.Loop() {
		before := heap()
		s, err := ReadVRPs(bytes.NewReader(text), "json")
		if err != nil {
			b.Fatal(err)
		}
		withVRPs := heap()
		r, err := ReadRoutes(bytes.NewReader(ris), "ris")
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(withVRPs-before, "VRPs-MiB")
		b.ReportMetric(heap()-withVRPs, "routes-MiB")
		runtime.KeepAlive(s)
		runtime.KeepAlive(r)
	}
}
