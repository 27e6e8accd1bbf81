package main

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"ready6/probes/verdict"
	"ready6/scanner"
	"ready6/scanner/history"
)

// spool is the Book of a scan whose results are only streamed: a file that goes
// with the scan, made when the first service is to be looked at again. Where no
// file can be made, memory has to do.
type spool struct {
	dir    string
	store  *history.Store
	writer *history.Writer
	memory scanner.Memory
}

func (s *spool) Look(rec verdict.Record) error {
	if s.writer == nil && s.memory == nil && s.open() != nil {
		s.memory = scanner.Memory{}
	}
	if s.memory != nil {
		return s.memory.Look(rec)
	}
	return s.writer.Look(rec)
}

func (s *spool) open() (err error) {
	if s.dir, err = os.MkdirTemp("", "ready6-"); err != nil {
		return err
	}
	ctx := context.Background() // it is closed with the scan, not with its interrupt
	if s.store, err = history.Open(ctx, filepath.Join(s.dir, "looks.db")); err != nil {
		return err
	}
	s.writer, err = s.store.Begin(ctx, history.Header{Kind: "looks"})
	return err
}

func (s *spool) Looks(key verdict.ServiceKey) ([]verdict.Record, error) {
	if s.writer == nil {
		return s.memory.Looks(key)
	}
	return s.writer.Looks(key)
}

func (s *spool) Settled(verdict.ServiceKey) (bool, error) { return false, nil }

func (s *spool) close() {
	if s.store != nil {
		_ = s.store.Close() // nothing in it is wanted any more
	}
	if s.dir != "" {
		_ = os.RemoveAll(s.dir)
	}
}

// blocks are the looks at the agencies' own blocks and AS numbers.
type blocks struct {
	looks map[verdict.ServiceKey][]verdict.Record
	last  time.Time // when it was looked
}

// look takes a look at each, and keeps what all looks say together.
func (b *blocks) look(ctx context.Context, j *job) error {
	if j.writer == nil {
		return nil
	}
	for _, rec := range j.env.Resources(ctx) {
		looks := append(b.looks[rec.Key()], rec)
		b.looks[rec.Key()] = looks
		said, _ := scanner.Opinion(looks)
		if err := j.writer.Put(said); err != nil {
			return err
		}
	}
	b.last = time.Now()
	return nil
}

// open reports whether a further look could change what is said of a block.
func (b *blocks) open() bool {
	for _, looks := range b.looks {
		if _, open := scanner.Opinion(looks); open {
			return true
		}
	}
	return false
}

// confirm looks again where reverse zones failed, as the scanner does at services,
// of which there were total.
func (b *blocks) confirm(ctx context.Context, j *job, total int) error {
	for n := 1; n <= j.retests() && b.open(); n++ {
		select {
		case <-time.After(time.Until(b.last.Add(scanner.Pause(j.retestAfter(), n)))):
		case <-ctx.Done():
			return &scanner.Stopped{Why: context.Cause(ctx), Measured: total}
		}
		j.env = j.canaries.prove(ctx, j.set.fresh)
		if err := b.look(ctx, j); err != nil {
			return err
		}
	}
	return nil
}
