package notify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// pass tries every message whose time has come, or all of them. It returns how
// many are left that somebody here delivers, and when the first of them is to be
// tried again.
func (o *Outbox) pass(ctx context.Context, all bool) (left int, next time.Time) {
	for _, m := range o.waiting() {
		if ctx.Err() == nil && (all || !o.now().Before(m.Next)) {
			if o.try(ctx, &m) {
				continue
			}
		}
		left++
		if next.IsZero() || m.Next.Before(next) {
			next = m.Next
		}
	}
	for _, w := range o.ways {
		w.Rest()
	}
	return left, next
}

// waiting reads the messages that are to be delivered, oldest first. What is no
// message is put aside: it would be in the way for ever.
func (o *Outbox) waiting() []Message {
	entries, err := os.ReadDir(o.dir)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			o.log.Error().Err(err).Msg("outbox: cannot be read; nothing is delivered")
		}
		return nil
	}
	whole, _ := o.LastPut()
	var list []Message
	for _, e := range entries {
		id, ours := strings.CutSuffix(e.Name(), ".json")
		if !ours || e.IsDir() || !goodID(id) {
			continue
		}
		m, err := o.read(id)
		switch {
		case errors.Is(err, fs.ErrPermission):
			o.log.Error().Err(err).Msg("outbox: a message cannot be read")
		case err != nil:
			o.log.Error().Err(err).Str("id", id).Msg("outbox: this is no message; it is put aside")
			o.putAside(id)
		case m.Run <= whole && o.ways[m.Way] != nil:
			list = append(list, m)
		}
	}
	slices.SortFunc(list, func(a, b Message) int { return cmp.Or(a.Made.Compare(b.Made), cmp.Compare(a.ID, b.ID)) })
	return list
}

// try delivers one message, and reports whether it is out of the way.
func (o *Outbox) try(ctx context.Context, m *Message) bool {
	one, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err := o.ways[m.Way].Deliver(one, *m)
	if err == nil {
		if err := os.Remove(o.path(m.ID)); err != nil {
			o.log.Error().Err(err).Str("id", m.ID).Msg("outbox: delivered, but cannot be removed; it will be delivered again")
			return false
		}
		o.log.Info().Str("id", m.ID).Str("way", m.Way).Str("to", m.To).Msg("delivered")
		return true
	}
	if ctx.Err() != nil { // our own end is not the receiver's fault
		return false
	}
	m.Tries++
	m.Fault = err.Error()
	wait := lastWait
	if m.Tries < 7 {
		wait = min(firstWait<<(m.Tries-1), lastWait)
	}
	m.Next = o.now().Add(wait).UTC()
	if newer, err := o.read(m.ID); err == nil && newer.Run > m.Run { // replaced meanwhile
		return false
	}
	if err := o.write(*m); err != nil {
		o.log.Error().Err(err).Str("id", m.ID).Msg("outbox: cannot be written")
	}
	event := o.log.Warn().Str("id", m.ID).Str("way", m.Way).Str("to", m.To).Int("tries", m.Tries).Str("error", m.Fault)
	if m.Tries < maxTries {
		event.Time("next", m.Next).Msg("not delivered; it is tried again")
		return false
	}
	event.Str("kept", filepath.Join(o.dir, asideDir, m.ID+".json")).Msg("not delivered, and given up")
	o.putAside(m.ID)
	return true
}

const asideDir = "undelivered"

// putAside keeps a message that is given up for a month, to be looked at.
func (o *Outbox) putAside(id string) {
	dir := filepath.Join(o.dir, asideDir)
	err := os.MkdirAll(dir, 0o700)
	if err == nil {
		err = os.Rename(o.path(id), filepath.Join(dir, id+".json"))
	}
	if err != nil {
		o.log.Error().Err(err).Str("id", id).Msg("outbox: cannot be put aside")
	}
	old, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range old {
		if info, err := e.Info(); err == nil && o.now().Sub(info.ModTime()) > keepAside {
			_ = os.Remove(filepath.Join(dir, e.Name())) // tried again the next time
		}
	}
}

// save writes a file that is seen whole or not at all, and survives the power.
func save(path string, data []byte, mode os.FileMode) (err error) {
	dir := filepath.Dir(path)
	tmp, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) // gone already where all went well
	_, err = tmp.Write(data)
	if err := errors.Join(err, tmp.Chmod(mode), tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	if err := os.Rename(tmp.Name(), path); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("the folder of %s: %w", path, err)
	}
	_ = d.Sync() // not every system can
	return d.Close()
}
