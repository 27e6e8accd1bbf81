package history

import (
	"bytes"
	"compress/flate"
	"errors"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"ready6/probes/verdict"
)

func keysOf(marks []Mark) (keys []verdict.ServiceKey) {
	for _, m := range marks {
		keys = append(keys, m.Key)
	}
	return keys
}

// What was marked comes back for its run and its rules, and for nothing else.
func TestMarksComeBack(t *testing.T) {
	s := open(t, temp(t))
	one, two, three := record("b", "www.b.vn"), record("a", "www.a.vn"), record("a", "mx.a.vn")
	first := store(t, s, Header{Started: night}, Complete, one, two)
	second := store(t, s, Header{Started: night}, Complete, one, two, three)
	want := map[int64][]Mark{
		first:  {{one.Key(), 1<<32 - 1}, {two.Key(), 0}},
		second: {{three.Key(), 7}, {one.Key(), 300}, {two.Key(), 5}},
	}
	for id, marks := range want {
		if err := s.KeepMarks(t.Context(), id, 3, marks); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.KeepMarks(t.Context(), first, 2, nil); err != nil {
		t.Fatal(err)
	}
	anyOrder := cmpopts.SortSlices(func(a, b Mark) bool { return a.Key.Host < b.Key.Host })
	var order []int64
	for m, err := range s.Marks(t.Context(), 3, []int64{second, 99, first}) {
		if err != nil {
			t.Fatal(err)
		}
		order = append(order, m.Run)
		if diff := cmp.Diff(want[m.Run], m.Marks, anyOrder); diff != "" {
			t.Errorf("run %d: %s", m.Run, diff)
		}
	}
	if diff := cmp.Diff([]int64{second, 99, first}, order); diff != "" {
		t.Error(diff)
	}
	for m, err := range s.Marks(t.Context(), 2, []int64{first, second}) {
		if err != nil || len(m.Marks) > 0 || (m.Marks == nil) != (m.Run == second) {
			t.Errorf("rules 2, run %d: %v, %v", m.Run, m.Marks, err)
		}
	}
	rules, err := s.MarkedBy(t.Context(), first)
	if diff := cmp.Diff([]int{3, 2}, rules); diff != "" || err != nil {
		t.Error(diff, err)
	}
	if err := s.KeepMarks(t.Context(), first, 3, want[first][:1]); err != nil {
		t.Fatal(err)
	}
	for m, err := range s.Marks(t.Context(), 3, []int64{first}) {
		if err != nil || len(m.Marks) != 1 || m.Marks[0] != want[first][0] {
			t.Errorf("marked anew: %v, %v", m.Marks, err)
		}
	}
}

// Marks are no evidence: they go with their run, and nothing keeps a service
// alive whose records are gone.
func TestMarksGoWithTheirRun(t *testing.T) {
	s := open(t, temp(t))
	gone, stays := record("a", "gone.a.vn"), record("a", "stays.a.vn")
	old := store(t, s, Header{Started: night}, Complete, gone, stays)
	last := store(t, s, Header{Started: night}, Complete, stays)
	for id, rec := range map[int64]verdict.Record{old: gone, last: stays} {
		if err := s.KeepMarks(t.Context(), id, 3, []Mark{{rec.Key(), 9}}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Prune(t.Context(), Keep{Last: 1}); err != nil {
		t.Fatal(err)
	}
	for m, err := range s.Marks(t.Context(), 3, []int64{old, last}) {
		if err != nil || (m.Run == old) != (m.Marks == nil) {
			t.Errorf("run %d: %v, %v", m.Run, m.Marks, err)
		}
	}
}

func TestMarksNeedRecords(t *testing.T) {
	s := open(t, temp(t))
	id := store(t, s, Header{Started: night}, Complete, record("a", "www.a.vn"))
	if err := s.KeepMarks(t.Context(), id, 3, []Mark{{Key: verdict.ServiceKey{Host: "other.vn"}}}); err == nil {
		t.Error("a mark of a service without a record was kept")
	}
	if err := s.KeepMarks(t.Context(), id+1, 3, nil); err == nil {
		t.Error("marks of a run that is not there were kept")
	}
}

// A history that may only be read is read without its marks being renewed.
func TestMarksOfReadOnlyFile(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root may write everywhere")
	}
	path := temp(t)
	s := open(t, path)
	id := store(t, s, Header{Started: night}, Complete, record("a", "www.a.vn"))
	if err := errors.Join(s.Close(), os.Chmod(path, 0o444)); err != nil {
		t.Fatal(err)
	}
	if err := open(t, path).KeepMarks(t.Context(), id, 3, nil); !errors.Is(err, ErrReadOnly) {
		t.Errorf("got %v", err)
	}
}

// Bytes from a damaged or foreign file are an error or marks of services that
// exist, never a panic.
func FuzzUnpackMarks(f *testing.F) {
	keys := map[int64]verdict.ServiceKey{1: {Host: "a"}, 2: {Host: "b"}, 300: {Host: "c"}}
	ids := map[verdict.ServiceKey]int64{}
	for id, k := range keys {
		ids[k] = id
	}
	good, err := packMarks([]Mark{{keys[300], 1 << 20}, {keys[1], 3}, {keys[2], 0}}, ids)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte{})
	for _, plain := range [][]byte{{0, 1}, {1}, {1, 0x80}, {9, 1}, {1, 1, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 1}} {
		var b bytes.Buffer
		w, _ := flate.NewWriter(&b, flate.BestSpeed)
		_, _ = w.Write(plain)
		_ = w.Close()
		f.Add(b.Bytes())
		if marks, err := unpackMarks(b.Bytes(), keys, nil); err == nil {
			f.Errorf("%v is read as %v", plain, marks)
		}
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		marks, err := unpackMarks(body, keys, nil)
		if err != nil {
			return
		}
		again, err := packMarks(marks, ids)
		if err != nil {
			t.Fatal(err)
		}
		back, err := unpackMarks(again, keys, nil)
		if diff := cmp.Diff(marks, back); diff != "" || err != nil {
			t.Errorf("%v %v: %s", err, keysOf(marks), diff)
		}
	})
}
