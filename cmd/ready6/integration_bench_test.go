//go:build integration

package main_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// The size of TestBenchScan.
var (
	benchZones = flag.Int("zones", 1000, "TestBenchScan: how many zones to scan")
	benchRTT   = flag.Duration("rtt", 0, "TestBenchScan: round-trip time to all servers; 0: none beside it, then 20 ms")
	benchPeer  = flag.Bool("peer", true, "TestBenchScan: measure unbound beside it, and what no scanner can do without")
	benchBatch = flag.Bool("batch", false, "TestBenchScan: name servers do not interrupt the scanner whenever they get a question (SCHED_BATCH): none on another machine could")
	benchHold  = flag.Duration("hold", 0, "TestBenchScan: keep the zones served for so long instead, and say how to scan them")
	benchArgs  = flag.String("scan-args", "", "TestBenchScan: more arguments for the scan, separated by blanks")
)

// TestBenchScan measures a scan of many signed zones, and holds every verdict
// against what the zones were made to be:
//
//	go test -tags integration -count=1 -timeout 60m -v -run '^TestBenchScan$' ./cmd/ready6 -zones 10000 -rtt 20ms
//
// Root, vn and gov.vn (NSEC3 with opt-out) are signed; each of the zones below
// gov.vn has a www that is asked for AAAA and validated from the root. They are
// served by NSD in a network namespace on several addresses of both families,
// straight or behind a delay line. Beside it unbound is measured, and the floor: the
// bare exchanges and signature checks of the same names. "live" leaves out the zones
// with a silent server. NSD, the delay line and the scanner share the machine's cores
// (and each question that wakes NSD takes one from the scanner at once, unless -batch);
// CPU and memory are those of the scanner's process alone. Nothing is looked at twice
// (--retests 0).
func TestBenchScan(t *testing.T) {
	if os.Geteuid() != 0 {
		leaveOut(t, "network namespaces need root")
	}
	for _, tool := range []string{"ip", "nsd", "dig", "unbound", "nsenter"} {
		if _, err := exec.LookPath(tool); err != nil {
			leaveOut(t, tool+" is not installed")
		}
	}
	begun := time.Now()
	w := newWorld(t)
	w.build()
	b := &bed{world: w, ns: w.servers}
	plan := planZones(*benchZones)
	b.raiseBench(plan)
	t.Logf("%d zones are served after %v", len(plan), time.Since(begun).Round(time.Millisecond))
	times := []time.Duration{*benchRTT}
	if *benchRTT == 0 {
		times = append(times, 20*time.Millisecond)
	}
	if *benchHold > 0 {
		b.hold(plan, times)
		return
	}
	for _, rtt := range times {
		t.Run(rtt.String(), func(t *testing.T) {
			b := b.at(t, rtt)
			if *benchPeer {
				b.benchFloor(plan)
				b.benchUnbound(plan)
			}
			b.benchScan("live", live(plan))
			b.benchScan("all", plan)
		})
	}
}

// at is the bed with its vantage at a distance.
func (b *bed) at(t testing.TB, rtt time.Duration) *bed {
	own := *b
	own.world = b.world.with(t)
	if rtt == 0 {
		return &own
	}
	own.dual = "r6far-" + strconv.Itoa(os.Getpid())
	own.addNamespaces(own.dual)
	own.delayLine(own.dual, rtt)
	return &own
}

// benchLine is what is held against the plan of a scan's JSON line.
type benchLine struct {
	Host     string   `json:"host"`
	DNSSEC   string   `json:"dnssec"`
	AAAA     []string `json:"aaaa"`
	Findings []struct {
		Code string `json:"code"`
	} `json:"findings"`
}

// hold keeps the world standing, for scans by hand and their profiles.
func (b *bed) hold(plan []agencyZone, times []time.Duration) {
	b.namesOf("live", live(plan))
	scan := strings.Join(b.scanCommand(b.namesOf("all", plan)), " ")
	for _, rtt := range times {
		b.t.Logf("for %v, at %v:\nnsenter --net=/run/netns/%s %s", *benchHold, rtt, b.at(b.t, rtt).dual, scan)
	}
	time.Sleep(*benchHold)
}

// live are the zones without a silent server.
func live(plan []agencyZone) []agencyZone {
	return slices.DeleteFunc(slices.Clone(plan), func(z agencyZone) bool { return z.quiet })
}

func (b *bed) namesOf(set string, plan []agencyZone) string {
	b.t.Helper()
	var names strings.Builder
	for _, z := range plan {
		fmt.Fprintf(&names, "www.%s\n", strings.TrimSuffix(z.apex, "."))
	}
	return b.write("names-"+set, names.String())
}

func (b *bed) scanCommand(list string) []string {
	return slices.Concat([]string{b.bin, "scan", "--names", list, "--only", "aaaa,dnssec", "--format", "jsonl", "--retests", "0", "--trust-anchor", b.files.anchor},
		b.network(), strings.Fields(*benchArgs))
}

// benchScan scans the zones twice, and reports the first and the second night, which
// has the first one's signatures.
func (b *bed) benchScan(set string, plan []agencyZone) {
	b.t.Helper()
	list := b.namesOf(set, plan)
	signatures := filepath.Join(b.dir, "signatures-"+set+"-"+b.dual)
	for _, night := range []string{"first", "second"} {
		before := b.datagrams()
		cmd := exec.Command("nsenter", append([]string{"--net=/run/netns/" + b.dual}, b.scanCommand(list)...)...)
		cmd.Dir, cmd.Env = b.dir, append(b.environ(), "READY6_SIGNATURES="+signatures)
		var lines, said bytes.Buffer
		cmd.Stdout, cmd.Stderr = &lines, &said
		begun := time.Now()
		if err := launch(cmd); err != nil {
			b.t.Fatal(err)
		}
		samples, over := make(chan []memorySample), make(chan struct{})
		go func() { samples <- watchMemory(cmd.Process.Pid, new(atomic.Int64), over) }()
		err := cmd.Wait()
		took := time.Since(begun)
		close(over)
		kib := 0 // the kernel's own figure would be this test's, where that is more
		for _, s := range <-samples {
			kib = max(kib, s.kib)
		}
		if err != nil {
			b.t.Errorf("scan: %v\n%s", err, said.String())
		}
		use := cmd.ProcessState.SysUsage().(*syscall.Rusage)
		cpu := time.Duration(use.Utime.Nano() + use.Stime.Nano())
		n := float64(len(plan))
		b.t.Logf("%-4s %-6s night: %6.0f names/s, %.3f CPU s (%.0f %% in the kernel) per 1,000 names, %4d MiB, %.2f queries per name; %v in all",
			set, night, n/took.Seconds(), cpu.Seconds()*1000/n, 100*float64(use.Stime.Nano())/float64(cpu), kib>>10,
			float64(b.datagrams()-before)/n, took.Round(time.Millisecond))
		b.checkBench(plan, &lines)
	}
}

// checkBench holds every verdict against the plan.
func (b *bed) checkBench(plan []agencyZone, lines *bytes.Buffer) {
	b.t.Helper()
	got := map[string]benchLine{}
	in := bufio.NewScanner(lines)
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		var l benchLine
		if err := json.Unmarshal(in.Bytes(), &l); err != nil {
			b.t.Fatalf("%v: %s", err, in.Text())
		}
		got[l.Host] = l
	}
	if len(got) != len(plan) {
		b.t.Errorf("%d services came out of %d", len(got), len(plan))
	}
	wrong := map[string]int{}
	for _, z := range plan {
		i, _ := strconv.Atoi(z.apex[1:7])
		var want []string
		if z.aaaa && !z.mute {
			want = []string{z.address(i)}
		}
		l := got["www."+strings.TrimSuffix(z.apex, ".")]
		unknown := slices.ContainsFunc(l.Findings, func(f struct {
			Code string `json:"code"`
		}) bool {
			return f.Code == "aaaa.unknown"
		})
		if l.DNSSEC != z.state || !slices.Equal(l.AAAA, want) && len(l.AAAA)+len(want) > 0 || unknown != z.mute {
			if wrong[z.kind]++; wrong[z.kind] == 1 {
				b.t.Errorf("%s is %s: want %s and AAAA %v, got %+v", z.apex, z.kind, z.state, want, l)
			}
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(wrong)) {
		b.t.Errorf("%s: %d wrong verdicts", kind, wrong[kind])
	}
}

// datagrams counts what the vantage has sent over UDP: its questions.
func (b *bed) datagrams() (n int) {
	b.t.Helper()
	for _, f := range []struct{ file, field string }{{"snmp", "Udp:"}, {"snmp6", "Udp6OutDatagrams"}} {
		text := b.mustIn(b.dual, "cat", "/proc/self/net/"+f.file)
		for line := range strings.Lines(text) {
			fields := strings.Fields(line)
			switch {
			case len(fields) == 2 && fields[0] == f.field:
				got, _ := strconv.Atoi(fields[1])
				n += got
			case len(fields) > 4 && fields[0] == f.field:
				if got, err := strconv.Atoi(fields[4]); err == nil { // InDatagrams NoPorts InErrors OutDatagrams
					n += got
				}
			}
		}
	}
	return n
}
