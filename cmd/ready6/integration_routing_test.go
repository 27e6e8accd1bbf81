//go:build integration

package main_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ready6/probes/rpki"
)

// frrBGPD is where Debian puts FRR's BGP daemon.
const frrBGPD = "/usr/lib/frr/bgpd"

// newRoutingWorld is a namespace for routing daemons, without links.
func newRoutingWorld(t *testing.T, tools ...string) *world {
	t.Helper()
	if os.Geteuid() != 0 {
		leaveOut(t, "network namespaces need root")
	}
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			leaveOut(t, tool+" is not installed")
		}
	}
	w := &world{t: t, dir: worldDir(t), dual: "r6rtr-" + strconv.Itoa(os.Getpid())}
	removeStale(t)
	w.addNamespaces(w.dual)
	return w
}

// dialIn opens connections from a namespace.
func dialIn(ns string) rpki.DialFunc {
	return func(ctx context.Context, network, address string) (conn net.Conn, err error) {
		done := make(chan struct{})
		go onSpareThread(func() {
			defer close(done)
			var f *os.File
			if f, err = os.Open("/run/netns/" + ns); err != nil {
				return
			}
			defer f.Close()
			if err = unix.Setns(int(f.Fd()), unix.CLONE_NEWNET); err == nil {
				conn, err = (&net.Dialer{}).DialContext(ctx, network, address)
			}
		})
		<-done
		return conn, err
	}
}

// onSpareThread calls f on a thread that ends with it. It is not the first one:
// that would stay, and take the whole process with it into the namespace.
func onSpareThread(f func()) {
	runtime.LockOSThread() // for good
	if unix.Gettid() != unix.Getpid() {
		f()
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		onSpareThread(f)
	}()
	<-done
	runtime.UnlockOSThread()
}

// TestIntegrationRTR compares what our RTR client holds with what rtrclient and
// BIRD get from the same StayRTR: after a full load, increments and a restart.
func TestIntegrationRTR(t *testing.T) {
	w := newRoutingWorld(t, "ip", "stayrtr", "rtrclient", "bird", "birdc")
	cert, key := w.certificate([]string{"localhost"})
	serve := func(name string) *proc {
		p := w.start(w.dual, name, "stayrtr", "-bind", rtrAddr, "-tls.bind", "127.0.0.1:8283", "-tls.cert", cert, "-tls.key", key,
			"-cache", filepath.Join(w.dir, "vrps.json"), "-metrics.addr", "", "-checktime=false", "-refresh", "1", "-rtr.refresh", "1")
		w.await(name, func() error {
			_, err := rpki.NewRTR(dialIn(w.dual), rtrAddr, nil, time.Now).Sync(t.Context())
			return err
		})
		return p
	}
	sets := [][]string{
		{"192.0.2.0/24-28 AS64500", "198.51.100.0/24-24 AS64501", "198.51.100.0/24-24 AS64502", "2001:db8::/32-48 AS64500", "2001:db8:1::/48-48 AS0"},
		{"192.0.2.0/24-26 AS64500", "198.51.100.0/24-24 AS64501", "203.0.113.0/24-24 AS4200000000", "2001:db8::/32-48 AS64500", "2001:db8:2::/47-64 AS64501"},
		{"198.51.100.0/24-24 AS64501", "2001:db8:2::/47-64 AS64501"},
		{"203.0.113.0/24-25 AS64499", "3fff::/20-20 AS64499"},
	}
	w.write("vrps.json", vrpJSON(sets[0]))
	cache := serve("stayrtr")
	w.startBIRD("rpki", `roa4 table r4; roa6 table r6;
protocol rpki { roa4 { table r4; }; roa6 { table r6; }; remote 127.0.0.1 port 8282; retry keep 1; refresh keep 1; expire keep 600; }`)
	client := rpki.NewRTR(dialIn(w.dual), rtrAddr, nil, time.Now)
	var before rpki.Source
	for i, set := range sets {
		w.write("vrps.json", vrpJSON(set))
		if i == 3 { // a session of its own, and other VRPs
			cache.stop(t)
			cache = serve("stayrtr-again")
		}
		want := sortedLines(slices.Clone(set))
		others := map[string]func() string{"rtrclient": w.rtrclientVRPs, "BIRD": w.birdVRPs}
		for name, ask := range others {
			w.await(fmt.Sprintf("%s, set %d", name, i), func() error {
				if got := ask(); got != want {
					return fmt.Errorf("has\n%s\nwant\n%s", got, want)
				}
				return nil
			})
		}
		s, err := client.Sync(t.Context())
		if err != nil {
			t.Fatalf("set %d: %v", i, err)
		}
		if got := snapshotVRPs(s); got != want {
			t.Errorf("set %d: we have\n%s\nwant\n%s", i, got, want)
		}
		from := s.Source()
		t.Logf("set %d: %d VRPs, session %d, serial %d", i, s.Len(), from.Session, from.Serial)
		if i > 0 && i < 3 && (from.Session != before.Session || from.Serial <= before.Serial) {
			t.Errorf("set %d is no increment: session %d serial %d after %d, %d", i, from.Session, from.Serial, before.Session, before.Serial)
		}
		if i == 3 && from.Session == before.Session {
			t.Error("the restarted cache has its old session: the test shows nothing")
		}
		before = from
	}
	w.build()
	w.testTLS()
	cache.stop(t)
	if _, err := client.Sync(t.Context()); err == nil || client.Kept() == nil || snapshotVRPs(client.Kept()) != sortedLines(slices.Clone(sets[3])) {
		t.Errorf("with the cache gone: %v, kept %v", err, client.Kept())
	}
}

// testTLS asks StayRTR's TLS port, under its name and under another.
func (w *world) testTLS() {
	w.t.Helper()
	ask := func(url string, more ...string) output {
		return w.run(w.dual, time.Minute, w.bin, append([]string{"rpki", "validate", "--vrps", url, "203.0.113.0/24", "AS64499"}, more...)...)
	}
	if o := ask("rtrs://localhost:8283", "--ca", w.files.ca); o.code != 0 || !strings.Contains(o.stdout, "valid") {
		w.t.Errorf("TLS: %v", o)
	}
	if o := ask("rtrs://127.0.0.1:8283", "--ca", w.files.ca); o.code != 1 || !strings.Contains(o.stderr, "127.0.0.1") || o.stdout != "" {
		w.t.Errorf("TLS with a certificate for another name: %v", o)
	}
	if o := ask("rtrs://localhost:8283"); o.code != 1 || !strings.Contains(o.stderr, "unknown authority") || o.stdout != "" {
		w.t.Errorf("TLS with an unknown CA: %v", o)
	}
	if o := ask("rtr://127.0.0.1:9,rtrs://localhost:8283", "--ca", w.files.ca); o.code != 0 || !strings.Contains(o.stderr, "127.0.0.1:9") || !strings.Contains(o.stderr, "taken from localhost:8283") {
		w.t.Errorf("the second of two caches: %v", o)
	}
}

// startBIRD starts BIRD with a configuration of the test's.
func (w *world) startBIRD(name, conf string) {
	w.t.Helper()
	path := w.write(name+".conf", "log stderr all;\nrouter id 192.0.2.1;\nprotocol device {}\n"+conf+"\n")
	w.start(w.dual, name, "bird", "-f", "-c", path, "-s", filepath.Join(w.dir, "bird.sock"), "-P", filepath.Join(w.dir, "bird.pid"))
	w.await(name, func() error {
		if o := w.birdc("show", "status"); o.code != 0 {
			return errors.New(o.String())
		}
		return nil
	})
}

func (w *world) birdc(args ...string) output {
	return w.run(w.dual, 20*time.Second, "birdc", append([]string{"-s", filepath.Join(w.dir, "bird.sock")}, args...)...)
}

// vrpJSON is an export of the VRPs, each "prefix-max AS".
func vrpJSON(set []string) string {
	var list []string
	for _, v := range set {
		f := strings.FieldsFunc(v, func(r rune) bool { return r == '-' || r == ' ' })
		list = append(list, fmt.Sprintf(`{"asn":%s,"prefix":"%s","maxLength":%s,"ta":"test"}`, strings.TrimPrefix(f[2], "AS"), f[0], f[1]))
	}
	return `{"metadata":{"buildtime":"` + time.Now().UTC().Format(time.RFC3339) + `"},"roas":[` + strings.Join(list, ",") + "]}\n"
}

func sortedLines(lines []string) string {
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func snapshotVRPs(s *rpki.Snapshot) string {
	var out []string
	for v := range s.All() {
		out = append(out, fmt.Sprintf("%s-%d %s", v.Prefix, v.MaxLen, v.ASN))
	}
	return sortedLines(out)
}

// rtrclientVRPs reads "prefix, length, max, asn" lines.
func (w *world) rtrclientVRPs() string {
	o := w.run(w.dual, 30*time.Second, "timeout", "10", "rtrclient", "-e", "-t", "csv", "tcp", "127.0.0.1", "8282")
	var out []string
	for line := range strings.Lines(o.stdout) {
		f := strings.Split(strings.TrimSpace(line), ", ")
		if len(f) != 4 {
			continue
		}
		// It prints AS numbers from 2^31 up as negative ones.
		if asn, err := strconv.ParseInt(f[3], 10, 64); err == nil {
			out = append(out, fmt.Sprintf("%s/%s-%s AS%d", f[0], f[1], f[2], uint32(asn)))
		}
	}
	return sortedLines(out)
}

// birdVRPs reads "prefix-max AS … [rpki1 …]" lines.
func (w *world) birdVRPs() string {
	var out []string
	for _, table := range []string{"r4", "r6"} {
		for line := range strings.Lines(w.birdc("show", "route", "table", table).stdout) {
			if f := strings.Fields(line); len(f) > 2 && strings.HasPrefix(f[1], "AS") {
				out = append(out, f[0]+" "+f[1])
			}
		}
	}
	return sortedLines(out)
}

const birdBGP = `protocol static s4 { ipv4; route 192.0.2.0/24 blackhole; route 198.51.100.0/24 blackhole { bgp_path.prepend(64501); bgp_path.prepend(64502); }; }
protocol static s6 { ipv6; route 2001:db8:1::/48 blackhole; route 2001:db8:3::/48 blackhole { bgp_path.prepend(64503); }; }
template bgp peer { strict bind yes; multihop; connect retry time 1; connect delay time 1; error wait time 1,2; }
protocol bgp frr4 from peer { local 10.77.0.1 as 64496; neighbor 10.77.0.2 as 64497; ipv4 { import all; export all; next hop self; }; }
protocol bgp frr6 from peer { local 2001:db8:77::1 as 64496; neighbor 2001:db8:77::2 as 64497; ipv6 { import all; export all; next hop self; }; }`

// TestIntegrationMRT reads the dumps of two routers that announce to each other.
func TestIntegrationMRT(t *testing.T) {
	w := newRoutingWorld(t, "ip", "bird", "birdc", frrBGPD)
	for _, a := range []string{"10.77.0.1/32", "10.77.0.2/32"} {
		w.must("ip", "-n", w.dual, "addr", "add", a, "dev", "lo")
	}
	for _, a := range []string{"2001:db8:77::1/128", "2001:db8:77::2/128"} {
		w.must("ip", "-n", w.dual, "addr", "add", a, "dev", "lo", "nodad")
	}
	// FRR's daemon writes as its own user.
	frr := filepath.Dir(w.write("frr/keep", ""))
	w.must("chown", "frr", frr)
	dump := filepath.Join(frr, "rib.mrt")
	conf := w.render("bgpd.conf.tmpl", "bgpd.conf", map[string]any{"Dump": dump})
	w.start(w.dual, "bgpd", frrBGPD, "-f", conf, "-Z", "-n", "-l", "10.77.0.2", "-l", "2001:db8:77::2", "-p", "179",
		"-i", filepath.Join(frr, "pid"), "--vty_socket", frr, "-P", "0", "-u", "frr", "-g", "frr")
	w.startBIRD("bgp", birdBGP)

	// What each has, with its own routes under the AS number it does not write.
	wantBIRD := []string{"192.0.2.0/24 local", "198.51.100.0/24 AS64501", "203.0.113.0/24 AS64497",
		"2001:db8:1::/48 local", "2001:db8:2::/48 AS64497", "2001:db8:3::/48 AS64503"}
	wantFRR := []string{"192.0.2.0/24 AS64496", "198.51.100.0/24 AS64501", "203.0.113.0/24 local",
		"2001:db8:1::/48 AS64496", "2001:db8:2::/48 local", "2001:db8:3::/48 AS64503"}
	w.await("BIRD's dump", func() error {
		file := filepath.Join(w.dir, "bird.mrt")
		os.Remove(file)
		if o := w.birdc("mrt", "dump", "table", `"master*"`, "to", `"`+file+`"`); o.code != 0 {
			return errors.New(o.String())
		}
		return sameRoutes(file, wantBIRD)
	})
	w.await("FRR's dump", func() error { return sameRoutes(dump, wantFRR) })
}

// sameRoutes compares a dump with "prefix origin" lines.
func sameRoutes(file string, want []string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	table, err := rpki.ReadRoutes(f, file)
	if err != nil {
		return err
	}
	var got []string
	for _, line := range want {
		prefix := netip.MustParsePrefix(strings.Fields(line)[0])
		for _, r := range table.Covering(prefix.Addr()) {
			origin := r.Origin.String()
			if r.Local {
				origin = "local"
			}
			got = append(got, r.Prefix.String()+" "+origin)
		}
	}
	if !slices.Equal(got, want) || table.Len() != len(want) {
		return fmt.Errorf("%d routes: %q, want %q", table.Len(), got, want)
	}
	return nil
}
