package history

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"ready6/probes/verdict"
)

func TestMain(m *testing.M) {
	if path := os.Getenv("READY6_TEST_CHILD"); path != "" {
		child(path) // see crash_test.go; never returns
	}
	goleak.VerifyTestMain(m)
}

// Number resources are in a run, but are no services.
func TestServicesAreCountedWithoutResources(t *testing.T) {
	s := open(t, temp(t))
	block, asn := record("a", "2001:db8::/32"), record("a", "AS64500")
	block.Kind, asn.Kind = verdict.PrefixKind, verdict.ASNKind
	id := store(t, s, Header{Started: night, Planned: 2}, Complete, record("a", "www.a.vn"), block, asn, record("a", "mx.a.vn"))
	run, err := s.Load(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	h, err := s.Header(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if len(run.Records) != 4 || run.Services != 2 || h.Services != 2 {
		t.Errorf("%d records of %d services, header says %d", len(run.Records), run.Services, h.Services)
	}
}

var night = time.Date(2026, 3, 1, 2, 0, 0, 0, time.UTC)

func open(t *testing.T, path string) *Store {
	t.Helper()
	s, err := Open(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

func temp(t *testing.T) string { return filepath.Join(t.TempDir(), "history.db") }

// result has every field, so that a field lost on the way is noticed.
func result(check verdict.Check, reason verdict.Reason, subject string) verdict.Result {
	return verdict.Result{
		Check: check, Reason: reason, Subject: subject, Args: map[string]string{"detail": "a \"quoted\" \x01 word", "host": "ở đây"},
		Owner: verdict.Owner{Role: verdict.DNSOperator, Name: "vùng x.vn"}, Via: []string{"www.x.vn", "cdn.x.vn"},
		Evidence: []verdict.Evidence{{At: night.Add(time.Nanosecond), Asked: "ns1.x.vn [2001:db8::53]:53", Over: "udp6",
			Query: "www.x.vn. AAAA", Answer: "NOERROR aa, 0 answers"}},
		At: night, Took: 1500 * time.Microsecond,
	}
}

func record(agency, host string, results ...verdict.Result) verdict.Record {
	return verdict.Record{Agency: agency, Host: host, Kind: "web", Results: results, At: night, Took: time.Second}
}

// store writes a run and returns its number.
func store(t *testing.T, s *Store, h Header, status Status, recs ...verdict.Record) int64 {
	t.Helper()
	w, err := s.Begin(context.Background(), h)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range recs {
		if err := w.Put(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Finish(context.Background(), status); err != nil {
		t.Fatal(err)
	}
	return w.ID()
}

func fullHeader() Header {
	return Header{
		Started: night, Kind: "inventory", Tool: "1.2.3", Rules: 7, Vantage: "dn-dc1",
		Checks: []verdict.Check{verdict.AAAA, verdict.Reach, verdict.DNSSEC}, Planned: 3,
		Preflight: []verdict.Result{result(verdict.Vantage, "vantage.family-ok", "IPv6")},
		Sources:   []SourceInfo{{Name: "VRPs", At: night.Add(-time.Hour), Count: 600_000}, {Name: "routes"}},
		Inventory: []byte("agencies: # \x00 as it was\n"), Plan: []byte("programmes:\n"),
	}
}

func TestRunComesBackAsItWas(t *testing.T) {
	ctx := context.Background()
	path := temp(t)
	s := open(t, path)
	b := record("b", "www.b.vn", result(verdict.AAAA, "aaaa.present", "2001:db8::1"), result(verdict.DNSSEC, "dnssec.secure", "www.b.vn"))
	bare := record("a", "www.a.vn", verdict.Result{Check: verdict.Reach, Reason: "reach.ok", Subject: "x"})
	none := verdict.Record{Agency: "a", Host: "mx.a.vn", Kind: "tcp", Port: 65535, Results: []verdict.Result{}}
	id := store(t, s, fullHeader(), Complete, b, bare, none)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	s = open(t, path)
	got, err := s.Load(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	want := Run{Header: fullHeader(), Records: []verdict.Record{none, bare, b}} // by agency, then host
	want.ID, want.Status, want.Services = id, Complete, 3
	want.Finished = got.Finished
	want.InventorySHA256, want.PlanSHA256 = got.InventorySHA256, got.PlanSHA256
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-stored +loaded)\n%s", d)
	}
	if d := got.Finished.Sub(got.Started); d < 0 || d > time.Minute {
		t.Errorf("finished %v after its start: a simulated night keeps its own clock", d)
	}
	for rec, err := range s.Outlines(ctx, id) {
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rec.Results {
			if r.Evidence != nil || r.Reason == "" {
				t.Errorf("an outline has everything but evidence, got %+v", r)
			}
		}
	}
	hs, err := s.Runs(ctx)
	if err != nil || len(hs) != 1 || hs[0].Inventory != nil || len(hs[0].InventorySHA256) != 64 || hs[0].Sources[0].Age(hs[0]) != time.Hour {
		t.Errorf("Runs = %+v, %v", hs, err)
	}
}

func TestPutTwiceReplaces(t *testing.T) {
	ctx := context.Background()
	s := open(t, temp(t))
	w, err := s.Begin(ctx, Header{Started: night})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	put := func(reason verdict.Reason) {
		if err := w.Put(record("a", "www.a.vn", result(verdict.Reach, reason, "x"))); err != nil {
			t.Fatal(err)
		}
	}
	put("reach.unknown")
	put("reach.silent")
	w.mu.Lock()
	err = w.flush(ctx)
	w.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	put("reach.ok")
	if err := w.Finish(ctx, Complete); err != nil {
		t.Fatal(err)
	}
	run, err := s.Load(ctx, w.ID())
	if err != nil {
		t.Fatal(err)
	}
	h, _ := s.Header(ctx, w.ID())
	if len(run.Records) != 1 || h.Services != 1 || run.Records[0].Results[0].Reason != "reach.ok" {
		t.Errorf("services %d, records %+v", h.Services, run.Records)
	}
}

func TestRecordsAreOnDiskSoon(t *testing.T) {
	ctx := context.Background()
	path := temp(t)
	s := open(t, path)
	w, err := s.Begin(ctx, Header{})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Put(record("a", "www.a.vn", result(verdict.Reach, "reach.ok", "x"))); err != nil {
		t.Fatal(err)
	}
	reader := open(t, path)
	for give := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		run, err := reader.Load(ctx, w.ID())
		if err != nil {
			t.Fatal(err)
		}
		if run.Status != Running || !run.Finished.IsZero() {
			t.Fatalf("status %s while the writer lives, finished %v", run.Status, run.Finished)
		}
		if len(run.Records) == 1 {
			break
		}
		if time.Now().After(give) {
			t.Fatal("no record after 10 s, though no second Put came")
		}
	}
	if err := w.Finish(ctx, Interrupted); err != nil {
		t.Fatal(err)
	}
	if err := w.Put(record("a", "b")); err == nil {
		t.Error("a finished run takes records")
	}
	if err := w.Finish(ctx, Complete); err == nil {
		t.Error("a run was finished twice")
	}
}

func TestFinishDespiteCancelledContext(t *testing.T) {
	s := open(t, temp(t))
	ctx, cancel := context.WithCancel(context.Background())
	w, err := s.Begin(ctx, Header{})
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := w.Put(record("a", "www.a.vn")); err != nil {
		t.Fatal(err)
	}
	if err := w.Finish(ctx, Running); err == nil {
		t.Error("finished as running")
	}
	if err := w.Finish(ctx, Interrupted); err != nil {
		t.Fatal(err)
	}
	if h, err := s.Header(context.Background(), w.ID()); err != nil || h.Status != Interrupted || h.Services != 1 {
		t.Errorf("%+v, %v", h, err)
	}
}

func TestPrevious(t *testing.T) {
	ctx := context.Background()
	s := open(t, temp(t))
	all := Header{Kind: "inventory"}
	some := Header{Kind: "inventory", Checks: []verdict.Check{verdict.AAAA}}
	first := store(t, s, all, Complete)
	store(t, s, all, Interrupted)
	narrow := store(t, s, some, Complete)
	store(t, s, Header{Kind: "lab"}, Complete)
	last := store(t, s, all, Interrupted)

	for _, c := range []struct {
		name     string
		of, want int64
	}{
		{"skips interrupted, other kinds and runs that asked less", last, first},
		{"a narrow run may be compared with a whole one", narrow, first},
	} {
		if got, err := s.Previous(ctx, c.of); err != nil || got.ID != c.want {
			t.Errorf("%s: %d, %v; want %d", c.name, got.ID, err, c.want)
		}
	}
	if _, err := s.Previous(ctx, first); !errors.Is(err, ErrNoRun) {
		t.Errorf("before the first: %v", err)
	}
	if _, err := s.Load(ctx, 99); !errors.Is(err, ErrNoRun) || !strings.Contains(err.Error(), "no run 99") {
		t.Errorf("run 99: %v", err)
	}
}

func TestLatest(t *testing.T) {
	ctx := context.Background()
	s := open(t, temp(t))
	with := func(reason verdict.Reason) verdict.Record {
		return record("a", "www.a.vn", result(verdict.Reach, reason, "x"))
	}
	store(t, s, Header{}, Complete, with("reach.silent"))
	second := store(t, s, Header{}, Complete, with("reach.ok"))
	store(t, s, Header{}, Interrupted, with("reach.unknown"))
	store(t, s, Header{}, Complete, record("a", "other.a.vn"))
	rec, run, err := s.Latest(ctx, with("").Key())
	if d := cmp.Diff(with("reach.ok"), rec); err != nil || run != second || d != "" {
		t.Errorf("run %d, %v\n%s", run, err, d)
	}
	if _, _, err := s.Latest(ctx, verdict.ServiceKey{Host: "nobody.vn", Kind: "web"}); !errors.Is(err, ErrNoRun) {
		t.Errorf("unknown service: %v", err)
	}
}

// Reading a run must not sort its records nor look at those of other runs.
func TestReadingUsesTheIndexes(t *testing.T) {
	s := open(t, temp(t))
	rows, err := s.read.Query("EXPLAIN QUERY PLAN SELECT s.agency, r.results"+recordsOf, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var plan []string
	for rows.Next() {
		var a, b, c int
		var detail string
		if err := rows.Scan(&a, &b, &c, &detail); err != nil {
			t.Fatal(err)
		}
		plan = append(plan, detail)
	}
	text := strings.Join(plan, "; ")
	if strings.Contains(text, "TEMP B-TREE") || strings.Contains(text, "SCAN r") || !strings.Contains(text, "SEARCH r USING INDEX") {
		t.Errorf("plan: %s", text)
	}
}

func TestSameTextsAreStoredOnce(t *testing.T) {
	s := open(t, temp(t))
	for range 3 {
		store(t, s, fullHeader(), Complete)
	}
	var n int
	if err := s.read.QueryRow("SELECT count(*) FROM text").Scan(&n); err != nil || n != 2 {
		t.Errorf("%d texts, %v; want 2 for three runs", n, err)
	}
}

func TestMigrationsAreNumbered(t *testing.T) {
	files, err := migrations.ReadDir("migrations")
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range files {
		if !strings.HasPrefix(f.Name(), "0000"+string(rune('1'+i))+"_") {
			t.Errorf("migration %d is %s: newest() counts files", i+1, f.Name())
		}
	}
}

// The published schema and the Go type say the same.
func TestHeaderSchema(t *testing.T) {
	type object struct {
		Required   []string                   `json:"required"`
		Properties map[string]json.RawMessage `json:"properties"`
	}
	var schema struct {
		object
		Defs map[string]object `json:"$defs"`
	}
	if err := json.Unmarshal([]byte(HeaderSchema()), &schema); err != nil {
		t.Fatal(err)
	}
	check := func(name string, typ reflect.Type, o object) {
		required := make(map[string]bool)
		for _, r := range o.Required {
			required[r] = true
		}
		for i := range typ.NumField() {
			tag, opts, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
			if tag == "-" {
				continue
			}
			if _, ok := o.Properties[tag]; !ok {
				t.Errorf("%s: schema lacks %q", name, tag)
			}
			if optional := strings.HasPrefix(opts, "omit"); optional == required[tag] {
				t.Errorf("%s: %q required %t in the schema, optional %t in Go", name, tag, required[tag], optional)
			}
			delete(o.Properties, tag)
		}
		for left := range o.Properties {
			t.Errorf("%s: schema has %q, Go has not", name, left)
		}
	}
	check("header", reflect.TypeFor[Header](), schema.object)
	check("result", reflect.TypeFor[verdict.Result](), schema.Defs["result"])
}
