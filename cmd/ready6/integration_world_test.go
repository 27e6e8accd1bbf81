//go:build integration

package main_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"text/template"
	"time"
)

// The namespaces of the test world. The servers are in one, each vantage in
// another, so that packets cross a link with an Ethernet MTU and a dead
// address is as silent as on the Internet.
const (
	silent6 = "2001:db8:dead::/48" // routed to the servers' namespace, where it vanishes
	silent4 = "198.18.13.0/24"
)

// world is the running test bed.
type world struct {
	t       testing.TB
	dir     string // readable by the daemons' own users
	bin     string // the ready6 under test
	servers string // namespace of every daemon but the RTR cache
	dual    string // vantage with IPv4 and IPv6, and the RTR cache on its loopback
	only4   string // vantage with IPv4 alone
	cut     string // vantage with nothing but a loopback
	files   files

	rateLimit int // questions a second that a name server answers to one network; 0: all
}

// files are what a scan of the world is given.
type files struct {
	hints, anchor, ca, vrps, routes, inventory string
	silentHints                                string // root servers that never answer
}

// with is the same world for a subtest, which fails on its own.
func (w *world) with(t testing.TB) *world {
	own := *w
	own.t = t
	return &own
}

// newWorld makes the namespaces and removes them when the test ends.
func newWorld(t testing.TB) *world {
	t.Helper()
	id := strconv.Itoa(os.Getpid())
	w := &world{t: t, dir: worldDir(t), servers: "r6srv-" + id, dual: "r6dual-" + id, only4: "r6only4-" + id, cut: "r6cut-" + id}
	removeStale(t)
	w.addNamespaces(w.servers, w.dual, w.only4, w.cut)
	w.link(w.dual, "dual", "198.18.254.1/30", "198.18.254.2/30", "2001:db8:fffe::1/64", "2001:db8:fffe::2/64")
	w.mustIn(w.only4, "sh", "-c", "echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6")
	w.link(w.only4, "only4", "198.18.253.1/30", "198.18.253.2/30", "", "")
	w.must("ip", "-n", w.servers, "route", "add", "blackhole", silent4)
	w.must("ip", "-n", w.servers, "-6", "route", "add", "blackhole", silent6)
	return w
}

// worldDir is a directory that goes with the test, and stays if it failed.
func worldDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "ready6-integration-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the world's files are kept in %s", dir)
			return
		}
		os.RemoveAll(dir)
	})
	// the daemons' processes run as their own users and must get in
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// addNamespaces makes namespaces with a loopback each, until the test ends.
func (w *world) addNamespaces(names ...string) {
	w.t.Helper()
	for _, ns := range names {
		w.must("ip", "netns", "add", ns)
		w.t.Cleanup(func() { clear(w.t, ns) })
		w.must("ip", "-n", ns, "link", "set", "lo", "up")
	}
}

// removeStale deletes namespaces left by an earlier run that was killed.
func removeStale(t testing.TB) {
	out, err := exec.Command("ip", "netns", "list").Output()
	if err != nil {
		t.Fatalf("ip netns list: %v", err)
	}
	for line := range strings.Lines(string(out)) {
		name, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		kind, id, ok := strings.Cut(name, "-")
		pid, err := strconv.Atoi(id)
		if !ok || err != nil || !slices.Contains([]string{"r6srv", "r6dual", "r6only4", "r6cut", "r6agree", "r6post", "r6rtr", "r6v6srv", "r6v6dual", "r6v6six", "r6v6four", "r6far"}, kind) {
			continue
		}
		if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			clear(t, name)
			os.RemoveAll(filepath.Join("/etc/netns", name))
		}
	}
}

// clear removes a namespace of ours. What a daemon forked may take a moment to
// notice that its parent is gone; then it is killed.
func clear(t testing.TB, ns string) {
	for end := time.Now().Add(3 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		out, err := exec.Command("ip", "netns", "pids", ns).Output()
		if err != nil {
			t.Logf("ip netns pids %s: %v", ns, err)
		}
		left := strings.Fields(string(out))
		if len(left) == 0 {
			break
		}
		if time.Now().After(end) {
			for _, f := range left {
				if pid, err := strconv.Atoi(f); err == nil && pid > 1 {
					syscall.Kill(pid, syscall.SIGKILL)
				}
			}
			break
		}
	}
	if out, err := exec.Command("ip", "netns", "del", ns).CombinedOutput(); err != nil {
		t.Logf("ip netns del %s: %v: %s", ns, err, out)
	}
}

// link joins a vantage to the servers; empty v6 addresses leave IPv6 out.
func (w *world) link(vantage, dev, srv4, own4, srv6, own6 string) {
	w.t.Helper()
	ip := func(ns string, args ...string) { w.must("ip", append([]string{"-n", ns}, args...)...) }
	ip(w.servers, "link", "add", dev, "type", "veth", "peer", "name", "up0", "netns", vantage)
	ip(w.servers, "addr", "add", srv4, "dev", dev)
	ip(vantage, "addr", "add", own4, "dev", "up0")
	if srv6 != "" {
		ip(w.servers, "-6", "addr", "add", srv6, "dev", dev, "nodad")
		ip(vantage, "-6", "addr", "add", own6, "dev", "up0", "nodad")
	}
	ip(w.servers, "link", "set", dev, "up")
	ip(vantage, "link", "set", "up0", "up")
	gateway := func(cidr string) string { addr, _, _ := strings.Cut(cidr, "/"); return addr }
	ip(vantage, "route", "add", "default", "via", gateway(srv4))
	if srv6 != "" {
		ip(vantage, "-6", "route", "add", "default", "via", gateway(srv6))
	}
}

// output is what a finished command said.
type output struct {
	stdout, stderr string
	code           int
	took           time.Duration
}

func (o output) String() string {
	return fmt.Sprintf("exit %d after %v\n--- stdout\n%s--- stderr\n%s", o.code, o.took.Round(time.Millisecond), o.stdout, o.stderr)
}

// run runs a command to its end, at most limit; ns is empty for this namespace.
func (w *world) run(ns string, limit time.Duration, name string, args ...string) output {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if ns != "" {
		args = append([]string{"netns", "exec", ns, name}, args...)
		name = "ip"
	}
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = w.dir
	cmd.Env = w.environ()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	begun := time.Now()
	err := cmd.Run()
	o := output{out.String(), errs.String(), 0, time.Since(begun)}
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		w.t.Fatalf("%s %s: not done after %v\n%v", name, strings.Join(args, " "), limit, o)
	case errors.As(err, &exit):
		o.code = exit.ExitCode()
	case err != nil:
		w.t.Fatalf("%s: %v", name, err)
	}
	return o
}

// tail is a buffer that is read while a command writes into it.
type tail struct {
	mu   sync.Mutex
	text []byte
}

func (b *tail) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.text = append(b.text, p...)
	return len(p), nil
}

func (b *tail) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return string(b.text)
}

// begin starts a command that the test goes on beside and waits for.
func (w *world) begin(ns, name string, args ...string) (cmd *exec.Cmd, stdout, stderr *tail) {
	w.t.Helper()
	cmd, stdout, stderr = exec.Command("ip", append([]string{"netns", "exec", ns, name}, args...)...), &tail{}, &tail{}
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = w.dir, w.environ(), stdout, stderr
	if err := launch(cmd); err != nil {
		w.t.Fatalf("%s: %v", name, err)
	}
	w.t.Cleanup(func() { cmd.Process.Kill() })
	return cmd, stdout, stderr
}

// environ is what every command of the world sees: nothing of the operator's.
func (w *world) environ() []string {
	return []string{"PATH=" + os.Getenv("PATH"), "HOME=" + w.dir, "LC_ALL=C.UTF-8"}
}

func (w *world) must(name string, args ...string) string {
	w.t.Helper()
	return w.mustIn("", name, args...)
}

func (w *world) mustIn(ns, name string, args ...string) string {
	w.t.Helper()
	o := w.run(ns, time.Minute, name, args...)
	if o.code != 0 {
		w.t.Fatalf("%s %s: %v", name, strings.Join(args, " "), o)
	}
	return o.stdout
}

// proc is a daemon of the world.
type proc struct {
	name string
	cmd  *exec.Cmd
	log  string
	done chan struct{}
}

// launcher starts commands from one thread that lives as long as the test
// process: the kernel's parent-death signal belongs to a thread, and with it
// no daemon outlives a test that is killed.
var launcher = sync.OnceValue(func() chan<- func() {
	work := make(chan func())
	go func() {
		runtime.LockOSThread()
		for f := range work {
			f()
		}
	}()
	return work
})

// launch starts cmd in a session of its own and with the death signal.
func launch(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGTERM}
	result := make(chan error)
	launcher() <- func() { result <- cmd.Start() }
	return <-result
}

// start runs a daemon in a namespace until the test ends.
func (w *world) start(ns, name, bin string, args ...string) *proc {
	w.t.Helper()
	p := &proc{name: name, log: filepath.Join(w.dir, name+".log"), done: make(chan struct{})}
	log, err := os.Create(p.log)
	if err != nil {
		w.t.Fatal(err)
	}
	defer log.Close()
	p.cmd = exec.Command("ip", append([]string{"netns", "exec", ns, bin}, args...)...)
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = w.dir, log, log
	if err := launch(p.cmd); err != nil {
		w.t.Fatalf("%s: %v", name, err)
	}
	go func() {
		p.cmd.Wait()
		close(p.done)
	}()
	w.t.Cleanup(func() { p.stop(w.t) })
	return p
}

// stop ends the daemon and what it forked, by the group it was started in.
func (p *proc) stop(t testing.TB) {
	group := -p.cmd.Process.Pid
	syscall.Kill(group, syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(5 * time.Second):
		t.Errorf("%s did not end on SIGTERM", p.name)
	}
	syscall.Kill(group, syscall.SIGKILL)
	if t.Failed() {
		if text, err := os.ReadFile(p.log); err == nil && len(text) > 0 {
			t.Logf("%s said:\n%s", p.name, text)
		}
	}
}

// await polls until ready says nil, for at most 20 s.
func (w *world) await(what string, ready func() error) {
	w.t.Helper()
	var err error
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if err = ready(); err == nil {
			return
		}
	}
	w.t.Fatalf("%s is not ready after 20 s: %v", what, err)
}

// write puts text into a file of the world and returns its path.
func (w *world) write(name, text string) string {
	w.t.Helper()
	path := filepath.Join(w.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		w.t.Fatal(err)
	}
	return path
}

// fixture reads a file of testdata/integration.
func (w *world) fixture(name string) string {
	w.t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "integration", name))
	if err != nil {
		w.t.Fatal(err)
	}
	return string(text)
}

// render fills a template of testdata/integration and writes it.
func (w *world) render(tmpl, to string, data any) string {
	w.t.Helper()
	parsed, err := template.New(tmpl).Option("missingkey=error").Parse(w.fixture(tmpl))
	if err != nil {
		w.t.Fatal(err)
	}
	var b strings.Builder
	if err := parsed.Execute(&b, data); err != nil {
		w.t.Fatal(err)
	}
	return w.write(to, b.String())
}
