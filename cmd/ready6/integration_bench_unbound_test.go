//go:build integration

package main_test

import (
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// benchOutstanding is how many questions unbound has at once: more only make it drop.
const benchOutstanding = 400

// benchUnbound asks a validating unbound, that knows nothing yet, for the same
// names: the ratio to it says more than a figure from a busy machine.
func (b *bed) benchUnbound(plan []agencyZone) {
	b.t.Helper()
	plan = live(plan)
	dir := filepath.Dir(b.write("unbound-"+b.dual+"/keep", ""))
	conf := b.write("unbound-"+b.dual+"/conf", fmt.Sprintf(`server:
  interface: 127.0.0.1@5300
  access-control: 127.0.0.0/8 allow
  username: ""
  chroot: ""
  directory: %[1]q
  pidfile: "%[1]s/pid"
  use-syslog: no
  num-threads: 2
  so-reuseport: yes
  outgoing-range: 4096
  num-queries-per-thread: 2048
  qname-minimisation: no
  root-hints: %[2]q
  trust-anchor-file: %[3]q
  local-zone: "." transparent
  do-not-query-localhost: no
remote-control:
  control-enable: no
`, dir, b.files.hints, b.files.anchor))
	p := b.start(b.dual, "unbound-"+b.dual, "unbound", "-d", "-c", conf)
	b.await("unbound", func() error {
		o := b.run(b.dual, 20*time.Second, "dig", "+time=2", "+tries=1", "-p", "5300", "@127.0.0.1", "version.server", "CH", "TXT")
		if !strings.Contains(o.stdout, "status: ") {
			return errors.New(o.String())
		}
		return nil
	})
	var names strings.Builder
	for _, z := range plan {
		fmt.Fprintf(&names, "www.%s\n", z.apex)
	}
	list := b.write("unbound-"+b.dual+"/names", names.String())
	begun, before := time.Now(), b.datagrams()
	o := b.run(b.dual, 5*time.Minute, os.Args[0], "-test.run=^TestStub$", "-stub", "127.0.0.1:5300="+list)
	took := time.Since(begun)
	if o.code != 0 {
		b.t.Errorf("stub: %v", o)
	}
	n := float64(len(plan))
	b.t.Logf("unbound, validating, live: %6.0f names/s, %.3f CPU s per 1,000 names, %.2f queries per name; %v in all", n/took.Seconds(),
		processTime(b.t, p.cmd.Process.Pid).Seconds()*1000/n, float64(b.datagrams()-before)/n-2, took.Round(time.Millisecond)) // each name's own question and answer
	p.stop(b.t)
}

// processTime is the CPU time that a process has used.
func processTime(t testing.TB, pid int) time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Error(err)
		return 0
	}
	_, after, _ := strings.Cut(string(text), ") ")
	f := strings.Fields(after)
	user, _ := strconv.Atoi(f[11])
	system, _ := strconv.Atoi(f[12])
	return time.Duration(user+system) * 10 * time.Millisecond // clock ticks are 100 a second
}

var stubJob = flag.String("stub", "", "for TestStub, when it serves another test: SERVER=FILE of names")

// TestStub is no test by itself, but a process of TestBenchScan's: it asks one
// server for the AAAA of many names, benchOutstanding at a time.
func TestStub(t *testing.T) {
	if *stubJob == "" {
		t.Skip("only for TestBenchScan")
	}
	server, file, _ := strings.Cut(*stubJob, "=")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	work := make(chan string)
	var wg sync.WaitGroup
	for range benchOutstanding {
		wg.Go(func() {
			c, err := net.Dial("udp", server)
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			for name := range work {
				stubAsk(c, name)
			}
		})
	}
	for name := range strings.FieldsSeq(string(text)) {
		work <- name
	}
	close(work)
	wg.Wait()
}

// stubAsk asks until something comes back, as a client does.
func stubAsk(c net.Conn, name string) {
	m := new(dns.Msg).SetQuestion(name, dns.TypeAAAA)
	m.SetEdns0(1232, true)
	wire, err := m.Pack()
	if err != nil {
		return
	}
	buf := make([]byte, 4096)
	for range 3 {
		c.SetDeadline(time.Now().Add(5 * time.Second))
		if _, err := c.Write(wire); err != nil {
			return
		}
		for {
			n, err := c.Read(buf)
			if err != nil {
				break
			}
			if n > 2 && buf[0] == wire[0] && buf[1] == wire[1] {
				return
			}
		}
	}
}
