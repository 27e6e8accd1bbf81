package history

import (
	"errors"
	"time"
)

// Claim takes a right beside the history at path that one process has at a
// time, such as to be its nightly scan. It fails with ErrBusy while another has
// it, and goes with its process, however that ends. Writing a run is a right of
// its own (Begin).
func Claim(path, right string) (release func(), err error) {
	path, err = locate(path)
	if err != nil {
		return nil, explain(path, err)
	}
	file := path + "." + right + ".lock"
	l, err := takeLock(file, 0)
	if errors.Is(err, errHeld) {
		who := "another process"
		if h := holder(file); h != "" {
			who = h
		}
		return nil, &Error{Path: path, Problem: "has its " + right + " already (" + who + ")",
			Next: "end that one first, or name another history file", Err: ErrBusy}
	}
	if err != nil {
		return nil, explain(path, err)
	}
	l.sign(time.Now())
	return l.release, nil
}
