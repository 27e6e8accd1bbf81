//go:build integration

package main_test

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

var benchServices = flag.Int("services", 200, "TestBenchProbe: how many services to probe")

// TestBenchProbe measures full probing of many services, each with a signed zone
// and addresses of its own:
//
//	go test -tags integration -count=1 -timeout 170m -v -run '^TestBenchProbe$' ./cmd/ready6 -services 10000
//
// Three services in four are web sites, the fourth takes mail. One process answers
// for all of them, and counts the connections that each address gets. The scanner is
// a process of its own, whose memory is looked at all the while: it must not grow
// with the services. Everything is as it should be, so every service must come out at
// level 3, secure and valid, whatever the machine is busy with.
func TestBenchProbe(t *testing.T) {
	if os.Geteuid() != 0 {
		leaveOut(t, "network namespaces need root")
	}
	for _, tool := range []string{"ip", "nsd", "dig", "nsenter"} {
		if _, err := exec.LookPath(tool); err != nil {
			leaveOut(t, tool+" is not installed")
		}
	}
	w := newWorld(t)
	w.build()
	b := &bed{world: w, ns: w.servers}
	plan := make([]agencyZone, *benchServices)
	for i := range plan {
		plan[i] = agencyZone{apex: fmt.Sprintf("a%06d.gov.vn.", i), kind: "secure", state: "secure", aaaa: true, site: true}
	}
	b.raiseBench(plan)
	b.raiseHosts()
	b.probeAll(plan)
}

// siteAddr returns the addresses of the i-th service's host. Each network (a /48, a
// /24) has 256.
func siteAddr(i int) (v4, v6 string) {
	return fmt.Sprintf("198.19.%d.%d", i>>8&255, i&255), fmt.Sprintf("2001:db8:%x::%x", 0x4000+i>>8, 1+i&255)
}

// raiseHosts starts the hosts, and writes the VRPs and routes of their networks.
func (b *bed) raiseHosts() {
	b.t.Helper()
	for _, net := range []string{"198.19.0.0/16", "2001:db8:4000::/34"} {
		b.must("ip", "-n", b.ns, "route", "add", "local", net, "dev", "lo")
	}
	exe, err := os.Executable()
	if err != nil {
		b.t.Fatal(err)
	}
	b.start(b.ns, "hosts", "env", asHosts+"="+b.dir, "GOGC=400", exe)
	b.files.ca = filepath.Join(b.dir, "ca.pem")
	b.await("hosts", func() error { _, err := os.Stat(filepath.Join(b.dir, "connections.json")); return err })
	var roas, routes []string
	for _, net := range []string{"198.18.0.0/15", "2001:db8::/32"} {
		roas = append(roas, fmt.Sprintf(`{"asn":64500,"prefix":"%s","maxLength":%s,"ta":"test"}`, net, net[strings.Index(net, "/")+1:]))
		routes = append(routes, "64500\t"+net+"\t100")
	}
	b.files.vrps = b.write("vrps.json", fmt.Sprintf(`{"metadata":{"buildtime":"%s"},"roas":[%s]}`, time.Now().UTC().Format(time.RFC3339), strings.Join(roas, ",")))
	b.files.routes = b.write("routes.txt", strings.Join(routes, "\n")+"\n")
}

// probeAll scans all services once, watching memory and connections.
func (b *bed) probeAll(plan []agencyZone) {
	b.t.Helper()
	var inv strings.Builder
	inv.WriteString("agencies:\n")
	for i, z := range plan {
		if i%50 == 0 {
			fmt.Fprintf(&inv, "  - id: a%d\n    name: {vi: Cơ quan %d, en: Agency %d}\n    kind: department\n    services:\n", i/50, i/50, i/50)
		}
		host, kind := serviceOf(i, z)
		fmt.Fprintf(&inv, "      - {host: %s, kind: %s}\n", host, kind)
	}
	args := append([]string{"--net=/run/netns/" + b.dual, b.bin, "scan", "--inventory", b.write("inventory.yaml", inv.String()), "--format", "jsonl", "--retest-after", "1s",
		"--trust-anchor", b.files.anchor, "--ca", b.files.ca, "--vrps", b.files.vrps, "--routes", b.files.routes}, b.network()...)
	cmd := exec.Command("nsenter", append(args, strings.Fields(*benchArgs)...)...)
	cmd.Dir, cmd.Env = b.dir, b.environ()
	var said tail
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.t.Fatal(err)
	}
	begun := time.Now()
	if err := launch(cmd); err != nil {
		b.t.Fatal(err)
	}
	var done atomic.Int64
	samples := make(chan []memorySample)
	over := make(chan struct{})
	go func() { samples <- watchMemory(cmd.Process.Pid, &done, over) }()
	wrong, unknown := 0, map[string]int{}
	for in := bufio.NewScanner(out); in.Scan(); done.Add(1) {
		var l struct {
			Host, DNSSEC, RPKI string
			Level              *int
			Reach6             string
			Findings           []struct{ Code, Outcome, Subject string }
		}
		if err := json.Unmarshal(in.Bytes(), &l); err != nil {
			b.t.Fatalf("%v: %s", err, in.Text())
		}
		for _, f := range l.Findings {
			if f.Outcome == "unknown" {
				unknown[f.Code]++
			}
		}
		if l.Level == nil || *l.Level != 3 || l.DNSSEC != "secure" || l.RPKI != "valid" || l.Reach6 != "pass" {
			if wrong++; wrong <= 3 {
				b.t.Errorf("%+v", l)
			}
		}
	}
	close(over)
	list := <-samples
	if err := cmd.Wait(); err != nil {
		b.t.Errorf("scan: %v\n%s", err, &said)
	}
	took := time.Since(begun)
	if n := int(done.Load()); n != len(plan) || wrong > 0 {
		b.t.Errorf("%d services came out of %d, %d of them wrong\n%s", n, len(plan), wrong, &said)
	}
	use := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	cpu := time.Duration(use.Utime.Nano() + use.Stime.Nano())
	b.t.Logf("%d services in %v: %.1f a second, %.1f CPU s per 1,000, %d MiB at most; unknown: %v\n%s", len(plan), took.Round(time.Second), float64(len(plan))/took.Seconds(),
		cpu.Seconds()*1000/float64(len(plan)), use.Maxrss>>10, unknown, &said)
	b.checkMemory(list, len(plan))
	b.checkConnections(took, len(plan))
}

// serviceOf is what the inventory has of a zone.
func serviceOf(i int, z agencyZone) (host, kind string) {
	if apex := strings.TrimSuffix(z.apex, "."); i%4 == 3 {
		return apex, "mail"
	} else {
		return "www." + apex, "web"
	}
}

// memorySample is the resident memory when so many services were done.
type memorySample struct{ done, kib int }

func watchMemory(pid int, done *atomic.Int64, over <-chan struct{}) (list []memorySample) {
	for {
		select {
		case <-over:
			return list
		case <-time.After(200 * time.Millisecond):
		}
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			continue // at its end
		}
		for line := range strings.Lines(string(text)) {
			if f := strings.Fields(line); len(f) == 3 && f[0] == "VmRSS:" {
				kib, _ := strconv.Atoi(f[1])
				list = append(list, memorySample{int(done.Load()), kib})
			}
		}
	}
}

// full is from how many services on, each with zones and hosts of its own, all that
// a scan keeps for others is as full as it gets before half of them are done.
const full = 30_000

// checkMemory plots the memory, and holds its end against its beginning.
func (b *bed) checkMemory(list []memorySample, n int) {
	b.t.Helper()
	const steps = 20
	var most [steps]int
	for _, s := range list {
		at := min(s.done*steps/n, steps-1)
		most[at] = max(most[at], s.kib>>10)
	}
	for i, mib := range most {
		b.t.Logf("%7d services %4d MiB %s", (i+1)*n/steps, mib, strings.Repeat("#", mib/4))
	}
	if early, late := most[steps/2], most[steps-1]; n >= full && late > early+early/8 {
		b.t.Errorf("memory grew from %d MiB at half of the services to %d MiB at their end", early, late)
	}
}

// checkConnections holds what the hosts counted of so many services against what is
// documented.
func (b *bed) checkConnections(took time.Duration, services int) {
	b.t.Helper()
	time.Sleep(1500 * time.Millisecond) // they tell once a second
	text, err := os.ReadFile(filepath.Join(b.dir, "connections.json"))
	if err != nil {
		b.t.Fatal(err)
	}
	var c connectionCount
	if err := json.Unmarshal(text, &c); err != nil {
		b.t.Fatal(err)
	}
	b.t.Logf("connections counted at the hosts: %d to %d addresses and ports, %.0f a second; the most to one, by port: %v", c.Total, c.Addresses, float64(c.Total)/took.Seconds(), c.Most)
	if c.Most["25"] > mailRetried || c.Most["80"] > webRetried || c.Most["443"] > webRetried {
		b.t.Errorf("more connections than are documented: %v", c.Most)
	}
	if c.Total < 2*services { // one over each family at the least
		b.t.Errorf("%d connections cannot have probed %d services", c.Total, services)
	}
}

// mailRetried is one try and what README allows where the first meets silence.
const mailRetried = 3
