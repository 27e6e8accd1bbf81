package history

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"ready6/probes/verdict"
)

// wantError checks that an error says what happened and what to do.
func wantError(t *testing.T, err error, is error, words ...string) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || e.Problem == "" || e.Next == "" {
		t.Fatalf("%v: want an *Error with the problem and the next step", err)
	}
	if is != nil && !errors.Is(err, is) {
		t.Errorf("%v: is not %v", err, is)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%q lacks %q", err, w)
		}
	}
}

func TestDiskFull(t *testing.T) {
	ctx := context.Background()
	s := open(t, temp(t))
	first := store(t, s, Header{}, Complete, record("a", "www.a.vn", result(verdict.Reach, "reach.ok", "x")))
	w, err := s.Begin(ctx, Header{})
	if err != nil {
		t.Fatal(err)
	}
	var pages int // a limit on pages gives the very error of a full disk
	if err := s.write.QueryRow("PRAGMA page_count").Scan(&pages); err != nil {
		t.Fatal(err)
	}
	if _, err := s.write.Exec(fmt.Sprintf("PRAGMA max_page_count = %d", pages+20)); err != nil {
		t.Fatal(err)
	}
	for i := 0; err == nil && i < 100_000; i++ {
		err = w.Put(record("a", fmt.Sprintf("h%d.vn", i), result(verdict.Reach, "reach.ok", "x")))
	}
	wantError(t, err, nil, "disk is full", "free space", filepath.Dir(s.Path()))
	if again := w.Put(record("a", "late.vn")); !errors.Is(again, err) {
		t.Errorf("after a failure: %v", again)
	}
	wantError(t, w.Finish(ctx, Interrupted), nil, "disk is full")
	if _, err := s.Load(ctx, first); err != nil {
		t.Errorf("the earlier run: %v", err)
	}
	hs, err := s.Runs(ctx)
	if err != nil || hs[0].Status != Crashed {
		t.Errorf("the run is %s, %v; want crashed, as its end could not be written", hs[0].Status, err)
	}
}

func TestExplain(t *testing.T) {
	for _, c := range []struct {
		err   error
		is    error
		words []string
	}{
		{&os.PathError{Op: "open", Path: "/x/h.db", Err: syscall.EACCES}, ErrReadOnly, []string{"permission denied", "write access to the directory /x"}},
		{&os.PathError{Op: "open", Path: "/x/h.db", Err: syscall.EROFS}, ErrReadOnly, []string{"read-only file system", "another history file"}},
		{&os.PathError{Op: "write", Path: "/x/h.db", Err: syscall.ENOSPC}, nil, []string{"disk is full", "free space"}},
		{&os.PathError{Op: "mkdir", Path: "/x", Err: syscall.ENOTDIR}, nil, []string{"cannot be created", "/x"}},
	} {
		err := explain("/x/h.db", c.err)
		wantError(t, err, c.is, c.words...)
		if explain("/x/h.db", err) != err {
			t.Errorf("explained twice: %v", err)
		}
		if !errors.Is(err, c.err) {
			t.Errorf("%v has lost its cause", err)
		}
	}
	if err := explain("/x/h.db", context.Canceled); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// readOnly makes the directory and the file in it unwritable, or skips where
// that has no effect (the superuser).
func readOnly(t *testing.T, path string) {
	t.Helper()
	dir := filepath.Dir(path)
	t.Cleanup(func() { _ = os.Chmod(dir, 0o755) })
	if err := errors.Join(os.Chmod(path, 0o444), os.Chmod(dir, 0o555)); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	if f, err := os.Create(filepath.Join(dir, "probe")); err == nil {
		f.Close()
		t.Skip("this user may write everywhere")
	}
}

func TestReadOnlyDirectory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.db")
	readOnly(t, path)
	_, err := Open(context.Background(), path)
	wantError(t, err, ErrReadOnly, filepath.Dir(path))
}

func TestReadOnlyFileCanBeRead(t *testing.T) {
	ctx := context.Background()
	path := temp(t)
	s := open(t, path)
	id := store(t, s, Header{}, Complete, record("a", "www.a.vn"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	readOnly(t, path)
	readsButDoesNotWrite(t, open(t, path), id)
	_ = ctx
}

// The same without depending on who runs the test.
func TestOpenReadOnly(t *testing.T) {
	ctx := context.Background()
	path := temp(t)
	s := open(t, path)
	id := store(t, s, Header{}, Complete, record("a", "www.a.vn"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	ro := &Store{path: path, lockPath: path + ".lock"}
	if err := ro.openReadOnly(ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ro.Close() })
	readsButDoesNotWrite(t, ro, id)

	// Beside a live writer, and after it has died.
	w, err := open(t, path).Begin(ctx, Header{})
	if err != nil {
		t.Fatal(err)
	}
	beside := &Store{path: path, lockPath: path + ".lock"}
	if err := beside.openReadOnly(ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = beside.Close() })
	if h, err := beside.Header(ctx, w.ID()); err != nil || h.Status != Running {
		t.Errorf("%s, %v", h.Status, err)
	}
	if err := w.abandon(); err != nil {
		t.Fatal(err)
	}
	if h, err := beside.Header(ctx, w.ID()); err != nil || h.Status != Crashed {
		t.Errorf("%s, %v", h.Status, err)
	}
}

func readsButDoesNotWrite(t *testing.T, s *Store, id int64) {
	t.Helper()
	ctx := context.Background()
	if run, err := s.Load(ctx, id); err != nil || len(run.Records) != 1 {
		t.Errorf("%+v, %v", run, err)
	}
	_, err := s.Begin(ctx, Header{})
	wantError(t, err, ErrReadOnly, "write access")
	_, err = s.Prune(ctx, Keep{Last: 1})
	wantError(t, err, ErrReadOnly)
}

func TestOpenRefuses(t *testing.T) {
	ctx := context.Background()
	t.Run("text file", func(t *testing.T) {
		path := temp(t)
		text := bytes.Repeat([]byte("agencies:\n"), 1000)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Open(ctx, path)
		wantError(t, err, nil, "no history", "left as it is")
		if now, _ := os.ReadFile(path); !bytes.Equal(now, text) {
			t.Error("the file was changed")
		}
	})
	t.Run("another program's database", func(t *testing.T) {
		path := temp(t)
		db, err := sql.Open("sqlite", dsn(path, ""))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.Exec("CREATE TABLE moz_places (id)"); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		before, _ := os.ReadFile(path)
		_, err = Open(ctx, path)
		wantError(t, err, nil, "another program")
		if now, _ := os.ReadFile(path); !bytes.Equal(now, before) {
			t.Error("the file was changed")
		}
	})
	t.Run("newer", func(t *testing.T) {
		path := temp(t)
		s := open(t, path)
		if _, err := s.write.Exec("INSERT INTO goose_db_version (version_id, is_applied) VALUES (?, 1)", newest()+6); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		_, err := Open(ctx, path)
		wantError(t, err, ErrNewer, fmt.Sprint("form ", newest()+6), "update ready6")
	})
	t.Run("file in the way of the directory", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Open(ctx, filepath.Join(file, "history.db"))
		wantError(t, err, nil, "cannot be created", file)
	})
	t.Run("damaged", func(t *testing.T) {
		path := temp(t)
		s := open(t, path)
		store(t, s, Header{}, Complete, record("a", "www.a.vn"))
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for i := 100; i < len(b); i++ {
			b[i] ^= 0xa5
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err = Open(ctx, path)
		wantError(t, err, nil, "damaged", "backup")
	})
}

func TestStrangePaths(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a b?mode=memory&x=1#y%20.db", "lịch sử.db", "sub/dir/h.db"} {
		path := filepath.Join(dir, name)
		s := open(t, path)
		store(t, s, Header{}, Complete, record("a", "www.a.vn"))
		if _, err := os.Stat(path); err != nil {
			t.Errorf("%v", err)
		}
	}
	if err := os.Symlink(filepath.Join(dir, "sub/dir/h.db"), filepath.Join(dir, "link.db")); err != nil {
		t.Fatal(err)
	}
	a, b := open(t, filepath.Join(dir, "sub/dir/h.db")), open(t, filepath.Join(dir, "link.db"))
	w, err := a.Begin(context.Background(), Header{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Begin(context.Background(), Header{}); !errors.Is(err, ErrBusy) {
		t.Errorf("two ways to one file, two writers: %v", err)
	}
	if err := w.Finish(context.Background(), Complete); err != nil {
		t.Fatal(err)
	}
}

// Many processes may open a file that does not exist yet.
func TestOpenTogether(t *testing.T) {
	path := temp(t)
	errs := make(chan error)
	for range 8 {
		go func() {
			s, err := Open(context.Background(), path)
			if err == nil {
				err = s.Close()
			}
			errs <- err
		}()
	}
	for range 8 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}
