package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"ready6/scanner/history"
)

// command is the program as a process of its own, whose notes to the service
// manager are heard.
type command struct {
	t     *testing.T
	c     *exec.Cmd
	heard chan string
	log   lockedText
}

type lockedText struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lockedText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func start(t *testing.T, dir string, args ...string) *command {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("no signals here")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "ready6") // by which name TestMain tells the program from the tests
	if err := os.Symlink(self, name); err != nil {
		t.Fatal(err)
	}
	sockets, err := os.MkdirTemp("", "r6n") // short: a socket's path has a bound
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(sockets) })
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(sockets, "s"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	c := &command{t: t, c: exec.Command(name, args...), heard: make(chan string, 10000)}
	go func() {
		defer close(c.heard)
		b := make([]byte, 4096)
		for {
			n, err := socket.Read(b)
			if err != nil {
				return
			}
			c.heard <- string(b[:n])
		}
	}()
	c.c.Dir, c.c.Stderr = dir, &c.log
	c.c.Env = append(os.Environ(), "NOTIFY_SOCKET="+socket.LocalAddr().String())
	if err := c.c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.c.Process.Kill() // gone already where all went well
		_ = c.c.Wait()
		socket.Close()
	})
	return c
}

// expect waits for a note that begins so.
func (c *command) expect(prefix string) string {
	c.t.Helper()
	over := time.After(2 * time.Minute)
	for {
		select {
		case m := <-c.heard:
			if strings.HasPrefix(m, prefix) {
				return m
			}
		case <-over:
			c.t.Fatalf("the process did not say %q; its log: %s", prefix, c.log.String())
		}
	}
}

// tells waits for the log to say so: it comes by another way than the notes, and
// maybe after them.
func (c *command) tells(text string) {
	c.t.Helper()
	for over := time.Now().Add(time.Minute); !strings.Contains(c.log.String(), text); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(over) {
			c.t.Errorf("%q is not told: %s", text, c.log.String())
			return
		}
	}
}

func (c *command) signal(s os.Signal) {
	c.t.Helper()
	if err := c.c.Process.Signal(s); err != nil {
		c.t.Fatal(err)
	}
}

// end waits for the exit code.
func (c *command) end() int {
	c.t.Helper()
	err := c.c.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		c.t.Fatal(err)
	}
	return c.c.ProcessState.ExitCode()
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

const nightInventory = `agencies:
  - id: snv
    name: {vi: Sở Nội vụ, en: Department of Home Affairs}
    kind: department
    contacts: [cntt@snv.example.vn]
    services:
      - {host: www.tinh.gov.vn, kind: web}
`

// The life of a nightly process: it scans, waits, takes good settings and refuses
// bad ones whole, lets no second one to its history, and ends with 0.
func TestNightly(t *testing.T) {
	dir := t.TempDir()
	file, inv := filepath.Join(dir, "ready6.yaml"), filepath.Join(dir, "inv.yaml")
	write(t, inv, nightInventory)
	write(t, file, "lab: true\nworld: base\ninventory: inv.yaml\nout: out\nnightly-at: \"04:00\"\njitter: 0s\nkeep: [last=1]\nmetrics-file: ready6.prom\nlog-format: json\n")
	n := start(t, dir, "nightly", "--at-once")
	n.expect("READY=1")
	n.expect("STATUS=scanning")
	if next := n.expect("STATUS=next scan at "); !strings.HasSuffix(next, " 04:00:00 +07:00") {
		t.Errorf("%s", next)
	}
	for _, name := range []string{"out/report.json", "out/report.vi.html", "out/history.db"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
	second := start(t, dir, "nightly")
	if code := second.end(); code != exitFailed || !strings.Contains(second.log.String(), "has its nightly already (process ") {
		t.Errorf("a second one: exit %d, %s", code, second.log.String())
	}

	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	write(t, file, string(good)+"wrokers: 3\nzone: Asia/Saigon2\n")
	n.signal(syscall.SIGHUP)
	n.expect("RELOADING=1\nMONOTONIC_USEC=")
	n.expect("READY=1")
	write(t, file, strings.ReplaceAll(string(good), "04:00", "05:30"))
	write(t, inv, strings.ReplaceAll(nightInventory, "host: www.tinh.gov.vn", "host: https://www.tinh.gov.vn/"))
	n.signal(syscall.SIGHUP)
	n.expect("READY=1")
	if next := n.expect("STATUS=next scan at "); !strings.HasSuffix(next, " 04:00:00 +07:00") {
		t.Errorf("with a fault in the inventory: %s", next)
	}
	for _, fault := range []string{"wrokers is not a setting", "Asia/Saigon2", "inv.yaml:7: the host", "the old settings stay in force"} {
		n.tells(fault)
	}
	write(t, inv, nightInventory)
	n.signal(syscall.SIGHUP)
	n.expect("READY=1")
	if next := n.expect("STATUS=next scan at "); !strings.HasSuffix(next, " 05:30:00 +07:00") {
		t.Errorf("with new settings: %s", next)
	}
	n.signal(syscall.SIGTERM)
	n.expect("STOPPING=1")
	if code := n.end(); code != exitDone {
		t.Errorf("exit %d: %s", code, n.log.String())
	}

	// The next one scans, and what is older than it is told to keep goes.
	n = start(t, dir, "nightly", "--at-once")
	n.expect("STATUS=scanning")
	n.expect("STATUS=next scan at ")
	n.signal(os.Interrupt)
	if code := n.end(); code != exitDone {
		t.Errorf("exit %d: %s", code, n.log.String())
	}
	if !strings.Contains(n.log.String(), `"runs":[1]`) {
		t.Errorf("run 1 has not been removed: %s", n.log.String())
	}
	if text, err := os.ReadFile(filepath.Join(dir, "ready6.prom")); err != nil || !strings.Contains(string(text), `ready6_agency_services{agency="snv",level="0"}`) {
		t.Errorf("%s, %v", text, err)
	}
}

// SIGTERM in the midst of a scan: what was measured is kept, the run is marked,
// no agency is told of changes, the operator is, and the exit code is 1. When the
// process is back, it goes on with that run.
func TestNightlyEndedInAScan(t *testing.T) {
	dir := t.TempDir()
	web := httptest.NewServer(nil)
	web.Close() // nobody takes the messages: they wait in the outbox
	n := start(t, dir, "nightly", "--lab", "--at-once", "--workers", "1", "--out", "out", "--log-format", "json", "--webhook", web.URL,
		"--mail-server", web.Listener.Addr().String(), "--mail-from", "ready6@example.vn", "--mail-operator", "ops@example.vn", "--lang", "en")
	n.expect("STATUS=scanning: ")
	n.signal(syscall.SIGTERM)
	if code := n.end(); code != exitFailed {
		t.Errorf("exit %d: %s", code, n.log.String())
	}
	if !strings.Contains(n.log.String(), "what it measured is kept") {
		t.Errorf("%s", n.log.String())
	}
	store, err := history.Open(t.Context(), filepath.Join(dir, "out", "history.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	run, err := store.Load(t.Context(), 1)
	if err != nil || run.Status != history.Interrupted || run.Services != run.Planned {
		t.Errorf("%+v, %v", run.Header, err)
	}
	waiting, err := filepath.Glob(filepath.Join(dir, "out", "history.db.outbox", "*.json"))
	if err != nil || len(waiting) != 2 {
		t.Fatalf("%q, %v", waiting, err)
	}
	for _, path := range waiting {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		text := string(b)
		switch {
		case strings.Contains(text, `"way":"mail"`):
			if !strings.Contains(text, `"to":"ops@example.vn"`) || !strings.Contains(text, "không được công bố") {
				t.Errorf("%s", text)
			}
		case !strings.Contains(text, `\"published\":false`) || !strings.Contains(text, `\"changes\":null`):
			t.Errorf("%s", text)
		}
	}

	// The next process goes on with the night's run, and does not measure it twice.
	n = start(t, dir, "nightly", "--lab", "--at-once", "--out", "out", "--log-format", "json")
	n.expect("STATUS=next scan at ")
	n.tells("going on with this night's run")
	n.signal(syscall.SIGTERM)
	if code := n.end(); code != exitDone {
		t.Errorf("exit %d: %s", code, n.log.String())
	}
	runs, err := store.Runs(t.Context())
	if err != nil || len(runs) != 1 || runs[0].Status != history.Complete || len(runs[0].Resumed) != 1 || runs[0].Services != run.Planned {
		t.Errorf("%+v, %v", runs, err)
	}
}

// After a plain scan, too: the webhook is told and can check who did, though it
// failed at first; an agency's contacts get mail once something has changed; the
// secret is nowhere to be read.
func TestScanTells(t *testing.T) {
	const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	receiver, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	var calls atomic.Int32
	var events []map[string]any
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if calls.Add(1) == 1 {
			http.Error(w, "not now", http.StatusInternalServerError)
			return
		}
		body, _ := io.ReadAll(r.Body)
		if err := receiver.Verify(body, r.Header); err != nil {
			t.Error(err)
		}
		event := map[string]any{}
		if err := json.Unmarshal(body, &event); err != nil {
			t.Error(err)
		}
		events = append(events, event)
	}))
	defer web.Close()
	mails := mailServer(t)
	dir := t.TempDir()
	inv := filepath.Join(dir, "inv.yaml")
	scan := func(text string) (code int, said string) {
		write(t, inv, text)
		var stderr strings.Builder
		code = run(t.Context(), []string{"scan", "--lab", "--world", "base", "--inventory", inv, "--out", dir, "--webhook", web.URL, "--mail-server", mails.addr,
			"--mail-tls", "none", "--mail-from", "ready6@example.vn", "--mail-lang", "en", "--lang", "en"},
			[]string{"READY6_WEBHOOK_SECRET=" + secret}, strings.NewReader(""), io.Discard, &stderr)
		return code, stderr.String()
	}
	if code, said := scan(nightInventory); code != exitDone || !strings.Contains(said, "answered 500") || strings.Contains(said, secret) {
		t.Errorf("exit %d: %s", code, said)
	}
	if len(mails.taken()) > 0 {
		t.Errorf("mail of a first run: %q", mails.taken())
	}
	scan(nightInventory)
	if len(mails.taken()) > 0 {
		t.Errorf("mail though nothing changed: %q", mails.taken())
	}
	scan(nightInventory + "      - {host: khong.tinh.gov.vn, kind: web}\n")
	if got := mails.taken(); len(got) != 1 || !strings.HasPrefix(got[0], "cntt@snv.example.vn ") || !strings.Contains(got[0], "khong.tinh.gov.vn") || strings.Contains(got[0], "www.tinh.gov.vn") {
		t.Errorf("%q", got)
	}
	if len(events) != 3 || events[0]["changes"] != nil || events[2]["published"] != true {
		t.Fatalf("%v", events)
	}
	changes, _ := events[2]["changes"].(map[string]any)
	if list, _ := changes["services"].([]any); len(list) != 1 {
		t.Errorf("%v", changes)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "history.db.outbox", "*.json")); len(left) > 0 {
		t.Errorf("left in the outbox: %q", left)
	}
}

// stopper ends a context when it reads a word.
type stopper struct {
	lockedText
	word string
	stop context.CancelFunc
}

func (s *stopper) Write(p []byte) (int, error) {
	n, err := s.lockedText.Write(p)
	if strings.Contains(s.String(), s.word) {
		s.stop()
	}
	return n, err
}

// What cannot be told is said, and changes nothing of the scan's outcome; whoever
// has enough of waiting for it ends that.
func TestTellingFails(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	dir := t.TempDir()
	said := &stopper{word: "not delivered; it is tried again", stop: cancel}
	code := run(ctx, []string{"scan", "--lab", "--world", "base", "--out", dir, "--metrics-file", filepath.Join(dir, "none", "ready6.prom"), "--lang", "en"},
		nil, strings.NewReader(""), io.Discard, said)
	if code != exitDone || !strings.Contains(said.String(), `"messages":1`) {
		t.Errorf("exit %d: %s", code, said.String())
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "history.db.outbox", "*.json")); len(left) != 1 {
		t.Errorf("in the outbox: %q", left)
	}
}

// box is a mail server that takes everything.
type box struct {
	addr string
	mu   sync.Mutex
	got  []string // receiver and text
}

func (b *box) taken() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string(nil), b.got...)
}

func mailServer(t *testing.T) *box {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &box{addr: l.Addr().String()}
	s := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &boxSession{box: b}, nil }))
	s.Domain = "relay.test"
	go s.Serve(l)
	t.Cleanup(func() { s.Close() })
	return b
}

type boxSession struct {
	box *box
	to  string
}

func (s *boxSession) Mail(string, *smtp.MailOptions) error { return nil }
func (s *boxSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.to = to
	return nil
}
func (s *boxSession) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	s.box.mu.Lock()
	defer s.box.mu.Unlock()
	s.box.got = append(s.box.got, s.to+" "+string(text))
	return err
}
func (s *boxSession) Reset()        {}
func (s *boxSession) Logout() error { return nil }

// A crash between the end of a run and its telling loses nothing: the next
// process tells of it. Runs from before there were hooks are no news.
func TestTellingIsCaughtUp(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "inv.yaml"), nightInventory)
	scan := func(more ...string) {
		args := append([]string{"scan", "--lab", "--world", "base", "--inventory", filepath.Join(dir, "inv.yaml"), "--out", dir}, more...)
		if code := run(t.Context(), args, nil, strings.NewReader(""), io.Discard, io.Discard); code != exitDone {
			t.Fatalf("exit %d", code)
		}
	}
	prom := filepath.Join(dir, "ready6.prom")
	number := func() string {
		b, _ := os.ReadFile(prom)
		for line := range strings.Lines(string(b)) {
			if n, ok := strings.CutPrefix(line, "ready6_run_number "); ok {
				return strings.TrimSpace(n)
			}
		}
		return ""
	}
	once := func() {
		n := start(t, dir, "nightly", "--lab", "--world", "base", "--inventory", "inv.yaml", "--out", dir, "--metrics-file", prom, "--log-format", "json")
		n.expect("STATUS=next scan at ")
		deadline := time.Now().Add(time.Minute)
		for number() != "3" && time.Now().Before(deadline) && !strings.Contains(n.log.String(), "waiting") {
			time.Sleep(50 * time.Millisecond)
		}
		time.Sleep(500 * time.Millisecond) // for a message that should not be there
		n.signal(syscall.SIGTERM)
		if code := n.end(); code != exitDone {
			t.Errorf("exit %d: %s", code, n.log.String())
		}
	}
	scan()
	once()
	if got := number(); got != "" {
		t.Errorf("told of run %s, from before there were hooks", got)
	}
	scan("--metrics-file", prom)
	scan() // run 3, as if its process had died before it could tell
	if got := number(); got != "2" {
		t.Fatalf("told of run %q", got)
	}
	once()
	if got := number(); got != "3" {
		t.Errorf("told of run %q", got)
	}
}
