package history

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"syscall"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// Error is what went wrong with a history file, in words for its operator.
type Error struct {
	Path    string
	Problem string // what happened
	Next    string // what to do about it
	Err     error  // underlying error; may be nil
}

// Error is one sentence with the next step.
func (e *Error) Error() string {
	return fmt.Sprintf("history %s: %s; %s", e.Path, e.Problem, e.Next)
}

// Unwrap returns the underlying error.
func (e *Error) Unwrap() error { return e.Err }

// Kinds of failure that callers tell apart with errors.Is.
var (
	ErrBusy     = errors.New("another scan is writing")
	ErrNewer    = errors.New("written by a newer program")
	ErrNoRun    = errors.New("no such run")
	ErrNoResume = errors.New("no run to take up again")
	ErrReadOnly = errors.New("not writable")
)

// explain turns an error of the database or file system into an *Error. Errors
// of the caller's context, and those already explained, stay as they are.
func explain(path string, err error) error {
	var done *Error
	if err == nil || errors.As(err, &done) {
		return err
	}
	e := &Error{Path: path, Err: err}
	dir := filepath.Dir(path)
	var lite *sqlite.Error
	code := 0
	if errors.As(err, &lite) {
		code = lite.Code() & 0xff // the primary code of an extended one
	}
	switch {
	case code == sqlite3.SQLITE_FULL || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT):
		e.Problem = "the disk is full (what was stored before is safe)"
		e.Next = "free space on the file system of " + dir + " or remove old runs, then go on with: ready6 scan --resume"
	case code == sqlite3.SQLITE_READONLY || code == sqlite3.SQLITE_PERM || code == sqlite3.SQLITE_CANTOPEN ||
		errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS):
		e.Problem = "cannot be written (" + err.Error() + ")"
		e.Next = "give this user write access to the directory " + dir + " and the files in it, or name another history file"
		e.Err = errors.Join(ErrReadOnly, err)
	case code == sqlite3.SQLITE_NOTADB || code == sqlite3.SQLITE_CORRUPT:
		e.Problem = "is damaged or no history at all (" + err.Error() + ")"
		e.Next = "it is left as it is: restore it from a backup, or name another history file"
	case code == sqlite3.SQLITE_BUSY || code == sqlite3.SQLITE_LOCKED:
		e.Problem = "another program keeps the database locked"
		e.Next = "see which one has it open (fuser " + path + ") and try again when it has ended"
		e.Err = errors.Join(ErrBusy, err)
	case code == sqlite3.SQLITE_IOERR:
		e.Problem = "reading or writing failed (" + err.Error() + ")"
		e.Next = "look for disk errors in the system's log, and whether the file system is still mounted"
	case errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR):
		e.Problem = "cannot be created (" + err.Error() + ")"
		e.Next = "create the directory " + dir + ", or name another history file"
	default:
		return fmt.Errorf("history %s: %w", path, err)
	}
	return e
}
