package history

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

//go:embed migrations/*.sql
var migrations embed.FS

// applicationID marks our SQLite files ("r6hi"); 00001_runs.sql sets it.
const applicationID = 0x72366869

// Store is an open history file. Its methods may be called from several
// goroutines at once; it has at most one Writer at a time.
type Store struct {
	path     string
	read     *sql.DB
	write    *sql.DB // one connection; nil when the file can only be read
	lockPath string

	mu     sync.Mutex
	writer *Writer // the one that is open, or nil

	reserved *lock // what Reserve took, until there is a Writer
}

// Open opens the history file at path, creating it and its directory if need
// be, and brings an older file's schema up to date. A file that cannot be
// written is opened for reading. Runs whose process is gone are marked crashed.
//
// Its errors, and those of the methods, are *Error where the operator can do
// something about them.
func Open(ctx context.Context, path string) (*Store, error) {
	path, err := locate(path)
	if err != nil {
		return nil, explain(path, err)
	}
	s := &Store{path: path, lockPath: path + ".lock"}
	err = s.openReadWrite(ctx)
	if errors.Is(err, ErrReadOnly) && notEmpty(path) {
		err = s.openReadOnly(ctx)
	}
	if err == nil {
		err = s.settle(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Path is the file's absolute path.
func (s *Store) Path() string { return s.path }

// Close closes the file. A Writer that is still open keeps what it was given;
// its run counts as crashed.
func (s *Store) Close() error {
	s.mu.Lock()
	w := s.writer
	if s.reserved != nil {
		s.reserved.release()
		s.reserved = nil
	}
	s.mu.Unlock()
	var errs []error
	if w != nil {
		errs = append(errs, w.abandon())
	}
	for _, db := range []*sql.DB{s.read, s.write} { // the last one to close empties the write-ahead log
		if db != nil {
			errs = append(errs, explain(s.path, db.Close()))
		}
	}
	return errors.Join(errs...)
}

// locate makes the path absolute and free of symbolic links, so that two ways
// to one file lead to one lock.
func locate(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return path, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return path, err
	}
	real, err := filepath.EvalSymlinks(path)
	switch {
	case err == nil:
		return real, nil
	case errors.Is(err, fs.ErrNotExist):
		return path, nil
	}
	return path, err
}

func notEmpty(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Size() > 0
}

// dsn is the driver's name for the file. The path may hold any byte.
func dsn(path, params string) string {
	p := filepath.ToSlash(path)
	if !strings.HasPrefix(p, "/") {
		p = "/" + p // file:///C:/…
	}
	u := url.URL{Scheme: "file", Path: p, RawQuery: params}
	return u.String()
}

func (s *Store) openReadWrite(ctx context.Context) error {
	if f, err := os.OpenFile(s.path, os.O_RDWR|os.O_CREATE, 0o644); err != nil {
		return explain(s.path, err)
	} else if err := f.Close(); err != nil {
		return explain(s.path, err)
	}
	var err error
	s.write, err = sql.Open("sqlite", dsn(s.path,
		"_txlock=immediate&_busy_timeout=10000&_auto_vacuum=INCREMENTAL&_foreign_keys=on&_synchronous=NORMAL"))
	if err != nil {
		return explain(s.path, err)
	}
	s.write.SetMaxOpenConns(1)
	if err := patiently(ctx, func() error { return s.upgrade(ctx) }); err != nil {
		return explain(s.path, err)
	}
	s.read, err = sql.Open("sqlite", dsn(s.path, "_busy_timeout=10000&_query_only=on"))
	return explain(s.path, err)
}

// patiently tries f again for up to ten seconds while SQLite says busy. The
// switch to write-ahead logging, and the last program closing the file, say so
// without waiting for the busy timeout.
func patiently(ctx context.Context, f func() error) error {
	give := time.Now().Add(10 * time.Second)
	for {
		err := f()
		var lite *sqlite.Error
		if !errors.As(err, &lite) || lite.Code()&0xff != sqlite3.SQLITE_BUSY || ctx.Err() != nil || time.Now().After(give) {
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// openReadOnly serves a reader who may not write: another user's file, or a
// backup on a read-only medium.
func (s *Store) openReadOnly(ctx context.Context) error {
	if s.write != nil {
		_ = s.write.Close() // nothing was written through it
		s.write = nil
	}
	params := "mode=ro&_busy_timeout=10000"
	if !notEmpty(s.path + "-wal") {
		params += "&immutable=1" // without a log SQLite would want to create one
	}
	var err error
	if s.read, err = sql.Open("sqlite", dsn(s.path, params)); err != nil {
		return explain(s.path, err)
	}
	at, err := s.schema(ctx, s.read)
	if err == nil && at < newest() {
		err = &Error{Path: s.path, Problem: "has an older form that this program has to convert, and cannot be written",
			Next: "open it once as its owner (ready6 history), or copy it", Err: ErrReadOnly}
	}
	return explain(s.path, err)
}

// newest is the schema version that this program writes.
func newest() int64 {
	files, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		panic(err) // the pattern is a constant
	}
	return int64(len(files)) // numbered from 1 without gaps: see TestMigrationsAreNumbered
}

// schema returns the version of the file's schema, 0 for an empty file, and
// refuses other programs' databases and newer versions.
func (s *Store) schema(ctx context.Context, db *sql.DB) (version int64, err error) {
	var app, tables int64
	if err := db.QueryRowContext(ctx, "PRAGMA application_id").Scan(&app); err != nil {
		return 0, err
	}
	err = db.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name NOT IN ('goose_db_version', 'sqlite_sequence')").Scan(&tables)
	switch {
	case err != nil:
		return 0, err
	case app != applicationID && tables > 0:
		return 0, &Error{Path: s.path, Problem: "is the database of another program",
			Next: "it is left as it is: name another history file"}
	case app != applicationID:
		return 0, nil
	}
	err = db.QueryRowContext(ctx, "SELECT coalesce(max(version_id), 0) FROM goose_db_version WHERE is_applied").Scan(&version)
	if err == nil && version > newest() {
		err = &Error{Path: s.path,
			Problem: fmt.Sprintf("was written by a newer ready6 (form %d; this one knows forms up to %d)", version, newest()),
			Next:    "update ready6, or name another history file", Err: ErrNewer}
	}
	return version, err
}

// upgrade applies the migrations that the file lacks, alone under the lock.
func (s *Store) upgrade(ctx context.Context) error {
	at, err := s.schema(ctx, s.write)
	if err != nil || at == newest() {
		return err
	}
	l, err := takeLock(s.lockPath, 10*time.Second)
	if err != nil {
		return s.refuse(err)
	}
	defer l.release()
	l.sign(time.Now())
	at, err = s.schema(ctx, s.write) // somebody else may have done it meanwhile
	if err != nil || at == newest() {
		return err
	}
	var mode string
	if err := s.write.QueryRowContext(ctx, "PRAGMA journal_mode = WAL").Scan(&mode); err != nil {
		return err
	}
	sub, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, s.write, sub,
		goose.WithLogger(goose.NopLogger()), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	_, err = p.Up(ctx)
	return err
}

// refuse words a lock that was not to be had.
func (s *Store) refuse(err error) error {
	if !errors.Is(err, errHeld) {
		return explain(s.path, err)
	}
	who := "another scan"
	if h := holder(s.lockPath); h != "" {
		who += " (" + h + ")"
	}
	return &Error{Path: s.path, Problem: who + " is writing to it",
		Next: "wait until it has ended, or name another history file", Err: ErrBusy}
}

// settle marks runs crashed that say "running" while nobody holds the lock.
func (s *Store) settle(ctx context.Context) error {
	var running bool
	err := s.read.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM run WHERE status = 'running')").Scan(&running)
	if err != nil || !running || s.write == nil {
		return explain(s.path, err)
	}
	l, err := takeLock(s.lockPath, 0)
	if errors.Is(err, errHeld) {
		return nil
	}
	if err != nil {
		return explain(s.path, err)
	}
	defer l.release()
	return s.markCrashed(ctx)
}

// markCrashed needs the lock.
func (s *Store) markCrashed(ctx context.Context) error {
	_, err := s.write.ExecContext(ctx, "UPDATE run SET status = 'crashed' WHERE status = 'running'")
	return explain(s.path, err)
}

// dead reports whether no process writes runs. A reader without write access
// uses it to call a run crashed that it cannot mark.
func (s *Store) dead() bool {
	l, err := takeLock(s.lockPath, 0)
	if err != nil {
		return errors.Is(err, fs.ErrNotExist)
	}
	_ = l.f.Close()
	return true
}
