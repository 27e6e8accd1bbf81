package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"ready6/probes/dnssec"
)

// signaturesPath is where checked signatures are remembered from run to run: beside
// the history, unless a file is named. Whoever can write the history can change
// what was measured; this file is trusted as much as that, and no more. The lab's
// keys are made anew every time, so it has none.
func (j *job) signaturesPath() string {
	switch p := j.cfg.text("signatures"); {
	case p != "":
		return p
	case j.store == nil || j.set.lab != nil:
		return ""
	}
	return filepath.Join(filepath.Dir(storePath(j.cfg)), "signatures.cache")
}

// recall takes over what earlier runs have checked. A file that cannot be used
// costs time, not verdicts.
func (j *job) recall() {
	path := j.signaturesPath()
	if path == "" || j.env.DNSSEC == nil {
		return
	}
	j.checked = j.env.DNSSEC // second looks have others
	if err := readSignatures(j.checked, path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		fmt.Fprintf(j.s.err, "ready6: %s: %s; every signature is checked anew\n", path, brief(err))
	}
}

var errShared = errors.New("others than its owner may write to it, so it may say what they want")

func readSignatures(v *dnssec.Validator, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return errors.New("it is not a regular file")
	case runtime.GOOS != "windows" && info.Mode().Perm()&0o022 != 0:
		return errShared
	}
	return v.ReadSignatures(f)
}

// remember writes what was checked for the runs to come.
func (j *job) remember() {
	path := j.signaturesPath()
	if path == "" || j.checked == nil {
		return
	}
	if err := writeWhole(path, j.checked.WriteSignatures); err != nil {
		fmt.Fprintf(j.s.err, "ready6: %s: %s; the next run checks every signature anew\n", path, brief(err))
	}
}
