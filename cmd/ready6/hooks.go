package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/rs/zerolog"

	"ready6/inventory"
	"ready6/probes/dial"
	"ready6/probes/verdict"
	"ready6/reports"
	"ready6/scanner/history"
	"ready6/scanner/notify"
)

// hooks tell others of a run: the operator's webhook, mail and metrics.
type hooks struct {
	cfg    config
	log    zerolog.Logger
	ways   map[string]notify.Way
	outbox *notify.Outbox
}

// newHooks is nil where nothing is to be told.
func newHooks(c config, set *setup, log zerolog.Logger) (*hooks, error) {
	list, err := ways(c, set)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return &hooks{c, log, list, notify.NewOutbox(storePath(c)+".outbox", list, log)}, nil
}

// relays is the way to what the operator has set up: mail relay and webhook are
// often on addresses that are not to be scanned.
func (s *setup) relays() dial.Func { return dial.System() }

// published reports whether a run stands for the whole inventory.
func published(h history.Header) bool { return h.Status == history.Complete }

// put lays what is to be told of a run into the outbox.
func (h *hooks) put(ctx context.Context, store *history.Store, id int64) error {
	run, err := store.Load(ctx, id)
	if err != nil {
		return err
	}
	var news *reports.News
	var list []notify.Message
	if published(run.Header) {
		if news, err = h.news(ctx, store, run); err != nil {
			return err
		}
		list = h.digests(run, *news)
	} else {
		list = h.notices(run.Header)
	}
	if h.ways[wayWebhook] != nil {
		event, err := reports.NewEvent(run.Header, news)
		if err != nil {
			return err
		}
		list = append(list, notify.Message{ID: messageID(run.Header, wayWebhook), Way: wayWebhook, Body: string(event)})
	}
	if h.ways[wayMetrics] != nil {
		text, err := h.metrics(ctx, store, run.Header)
		if err != nil {
			return err
		}
		list = append(list, notify.Message{ID: wayMetrics, Way: wayMetrics, Body: text})
	}
	return h.outbox.Put(id, string(run.Status), list...)
}

// news compares a published run with the comparable one before it.
func (h *hooks) news(ctx context.Context, store *history.Store, run history.Run) (*reports.News, error) {
	rep, err := h.report(ctx, store, run)
	if err != nil {
		return nil, err
	}
	var prior *history.Run
	switch previous, err := store.Previous(ctx, run.ID); {
	case err == nil:
		p, err := store.Load(ctx, previous.ID)
		if err != nil {
			return nil, err
		}
		prior = &p
	case !errors.Is(err, history.ErrNoRun):
		return nil, err
	}
	n := reports.NewNews(rep, run, prior)
	return &n, nil
}

func (h *hooks) report(ctx context.Context, store *history.Store, run history.Run) (reports.Report, error) {
	plan, err := planOf(h.cfg, run)
	if err != nil {
		return reports.Report{}, usage(err)
	}
	return buildReport(ctx, store, run.ID, inventory.Inventory{}, plan)
}

// messageID names a message of a run; a run that was cut short, and then gone on
// with, has messages of its own for each end.
func messageID(h history.Header, what string) string {
	return fmt.Sprintf("run-%d-%s-%s", h.ID, h.Status, what)
}

// mail is a mail to each address.
func (h *hooks) mail(run history.Header, about string, l reports.Letter, to ...string) (list []notify.Message) {
	if h.ways[wayMail] == nil {
		return nil
	}
	for _, address := range to {
		sum := sha256.Sum256([]byte(about + " " + address))
		list = append(list, notify.Message{ID: messageID(run, "mail-"+hex.EncodeToString(sum[:8])), Way: wayMail, To: address, Subject: l.Subject, Body: l.Body})
	}
	return list
}

// digests tell each agency's contacts what changed there, and the operator what
// changed anywhere.
func (h *hooks) digests(run history.Run, n reports.News) (list []notify.Message) {
	l := verdict.Lang(h.cfg.text("mail-lang"))
	wanted := func(letter reports.Letter) bool { return letter.Changed || h.cfg.on("mail-unchanged") }
	if to := h.cfg.list("mail-operator"); len(to) > 0 {
		if letter := n.Digest("", l); wanted(letter) {
			list = h.mail(run.Header, "", letter, to...)
		}
	}
	inv, err := inventory.Read(bytes.NewReader(run.Inventory), "inventory of the run")
	if err != nil {
		h.log.Error().Err(err).Msg("the inventory of the run cannot be read, so that nobody's contacts are known")
		return list
	}
	for _, a := range inv.At(run.Started).Agencies {
		if len(a.Contacts) == 0 {
			continue
		}
		if letter := n.Digest(a.ID, l); wanted(letter) {
			list = append(list, h.mail(run.Header, a.ID, letter, a.Contacts...)...)
		}
	}
	return list
}

// notices tell the operator alone of a run that is not published.
func (h *hooks) notices(run history.Header) []notify.Message {
	return h.mail(run, "notice", reports.Notice(run, verdict.Lang(h.cfg.text("mail-lang"))), h.cfg.list("mail-operator")...)
}

// metrics are those of the run, and of the agencies as the last published run
// found them.
func (h *hooks) metrics(ctx context.Context, store *history.Store, run history.Header) (string, error) {
	runs, err := store.Runs(ctx)
	if err != nil {
		return "", err
	}
	var last *reports.Report
	for _, r := range runs {
		if r.Kind != run.Kind || r.ID > run.ID || !published(r) {
			continue
		}
		whole, err := store.Load(ctx, r.ID)
		if err != nil {
			return "", err
		}
		rep, err := h.report(ctx, store, whole)
		if err != nil {
			return "", err
		}
		last = &rep
		break
	}
	var b bytes.Buffer
	err = reports.WriteMetrics(&b, run, last, toolVersion())
	return b.String(), err
}

// catchUp tells of the newest run if a crash came between its end and its
// telling. Where nothing was ever told, hooks are new, and old runs no news.
func (h *hooks) catchUp(ctx context.Context) error {
	path := storePath(h.cfg)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	last, as := h.outbox.LastPut()
	if last == 0 {
		return nil
	}
	store, err := history.Open(ctx, path)
	if err != nil {
		return err
	}
	defer store.Close()
	runs, err := store.Runs(ctx)
	if err != nil {
		return err
	}
	for _, r := range runs {
		switch {
		case r.Status == history.Running || r.Status == history.Crashed:
			continue // not at its end
		case r.ID > last || r.ID == last && string(r.Status) != as:
			return h.put(ctx, store, r.ID)
		}
		return nil
	}
	return nil
}

// How long a plain scan waits for receivers, with and without somebody before the
// terminal; what they have not taken then, the next run delivers.
const waitOnTerminal, waitElsewhere = 15 * time.Second, 2 * time.Minute

// tell does after a plain scan what the nightly process does meanwhile. Its
// failure is told and changes nothing of the scan's outcome.
func (h *hooks) tell(ctx context.Context, s streams, id int64) {
	if h == nil || id == 0 {
		return
	}
	store, err := history.Open(context.WithoutCancel(ctx), storePath(h.cfg))
	if err == nil {
		err = errors.Join(h.put(context.WithoutCancel(ctx), store, id), store.Close())
	}
	if err != nil {
		h.log.Error().Err(err).Int64("run", id).Msg("nobody could be told of the run")
		return
	}
	release, err := history.Claim(storePath(h.cfg), "outbox")
	if errors.Is(err, history.ErrBusy) { // another process delivers, ours too
		return
	}
	if err != nil {
		h.log.Error().Err(err).Msg("the outbox cannot be used; nobody was told of the run")
		return
	}
	defer release()
	within := waitElsewhere
	if _, terminal := width(s.err); terminal {
		within = waitOnTerminal
	}
	if left := h.outbox.Flush(ctx, within); left > 0 {
		h.log.Warn().Int("messages", left).Msg("not delivered yet; the next run tries again")
	}
}
