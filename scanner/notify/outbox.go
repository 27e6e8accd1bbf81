// Package notify tells others what a run found: a webhook, mail, a file. What
// there is to tell lies in an outbox on disk until it has been taken, so that
// neither a crash nor a server that is down loses it, and no scan waits for it.
// What the messages say is the caller's business.
package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/rs/zerolog"
)

// Message is one thing to tell one receiver.
type Message struct {
	ID      string    `json:"id"`  // lower-case letters, digits, hyphens; the same for the same news, however often it is put
	Way     string    `json:"way"` // names the Way that delivers it
	Run     int64     `json:"run"`
	Made    time.Time `json:"made"`
	To      string    `json:"to,omitempty"`      // of mail: one bare address
	Subject string    `json:"subject,omitempty"` // of mail
	Body    string    `json:"body"`

	Tries int       `json:"tries"`
	Next  time.Time `json:"next,omitzero"` // not before then
	Fault string    `json:"fault,omitempty"`
}

// Way delivers messages. It is used from one goroutine.
type Way interface {
	// Deliver reports an error where it is not sure that the message was taken:
	// it is then delivered again. The error names no secret.
	Deliver(ctx context.Context, m Message) error
	// Rest is called when there is nothing more to deliver for now.
	Rest()
}

// Tries are bounded: the waits double from one to the other, and all together
// last a day.
const (
	firstWait = time.Minute
	lastWait  = time.Hour
	maxTries  = 30
	patience  = 2 * time.Minute     // of one try
	keepAside = 30 * 24 * time.Hour // for messages that were given up
)

// Outbox is a folder of messages. Any process may put some there; only one may
// deliver at a time, which is for its callers to see to.
type Outbox struct {
	dir  string
	ways map[string]Way
	log  zerolog.Logger
	wake chan struct{}
	now  func() time.Time
}

// NewOutbox is the outbox in a folder, which need not exist yet. Messages whose
// way is not in ways stay where they are.
func NewOutbox(dir string, ways map[string]Way, log zerolog.Logger) *Outbox {
	return &Outbox{dir: dir, ways: ways, log: log, wake: make(chan struct{}, 1), now: time.Now}
}

const putFile = "put"

// LastPut is the newest run whose messages were all put, and as what; 0 if there
// is none.
func (o *Outbox) LastPut() (run int64, as string) {
	b, err := os.ReadFile(filepath.Join(o.dir, putFile))
	if err != nil {
		return 0, ""
	}
	number, as, _ := strings.Cut(strings.TrimSpace(string(b)), " ")
	if run, err = strconv.ParseInt(number, 10, 64); err != nil {
		return 0, ""
	}
	return run, as
}

// Put lays down all the messages of a run that ended as told. Only once all of them are on disk do
// they count: a Put that a crash cut short can be done again, and tells nobody
// anything twice. Of messages with the same ID, the newer run's stays.
func (o *Outbox) Put(run int64, as string, messages ...Message) error {
	if err := os.MkdirAll(o.dir, 0o700); err != nil {
		return fmt.Errorf("outbox: %w", err)
	}
	for _, m := range messages {
		m.Run, m.Made = run, o.now().UTC()
		if !goodID(m.ID) {
			return fmt.Errorf("outbox: %q is not an id", m.ID)
		}
		if old, err := o.read(m.ID); err == nil && old.Run > run {
			continue
		}
		if err := o.write(m); err != nil {
			return fmt.Errorf("outbox: %w", err)
		}
	}
	if last, _ := o.LastPut(); run >= last {
		if err := save(filepath.Join(o.dir, putFile), fmt.Appendf(nil, "%d %s\n", run, as), 0o600); err != nil {
			return fmt.Errorf("outbox: %w", err)
		}
	}
	select {
	case o.wake <- struct{}{}:
	default:
	}
	return nil
}

func goodID(id string) bool {
	return id != "" && len(id) <= 128 && strings.Trim(id, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

func (o *Outbox) path(id string) string { return filepath.Join(o.dir, id+".json") }

func (o *Outbox) write(m Message) error {
	b, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return save(o.path(m.ID), b, 0o600)
}

func (o *Outbox) read(id string) (m Message, err error) {
	b, err := os.ReadFile(o.path(id))
	if err == nil {
		err = json.Unmarshal(b, &m)
	}
	if err == nil && m.ID != id {
		err = errors.New("it is another message's")
	}
	return m, err
}

// Run delivers until ctx ends.
func (o *Outbox) Run(ctx context.Context) {
	for ctx.Err() == nil {
		_, next := o.pass(ctx, false)
		select {
		case <-ctx.Done():
		case <-o.wake:
		case <-time.After(o.until(next)):
		}
	}
}

// until is how long to wait for a time: a minute at most, for another process
// may have put something.
func (o *Outbox) until(next time.Time) time.Duration {
	if next.IsZero() {
		return firstWait
	}
	return min(max(next.Sub(o.now()), time.Second), firstWait)
}

// Flush delivers what there is, once and again in ever longer waits until all is
// delivered or the time given to it is over. It returns how many messages are
// left.
func (o *Outbox) Flush(ctx context.Context, within time.Duration) int {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for wait := 2 * time.Second; ; wait *= 2 {
		left, _ := o.pass(ctx, true)
		if left == 0 {
			return 0
		}
		select {
		case <-ctx.Done():
			return left
		case <-time.After(wait):
		}
	}
}
