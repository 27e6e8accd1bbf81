package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"

	"ready6/probes/verdict"
	"ready6/reports"
	"ready6/scanner"
)

// width returns the columns of a terminal, and whether w is one.
func width(w io.Writer) (int, bool) {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return 0, false
	}
	columns, _, err := term.GetSize(int(f.Fd()))
	if err != nil || columns < 40 {
		columns = 80
	}
	return columns, true
}

// screen is how text is laid out on w.
func screen(c config, s streams, w io.Writer) reports.Screen {
	columns, _ := width(w)
	return reports.Screen{Lang: c.lang(), Width: columns, Colour: coloured(c, s, w)}
}

// coloured reports whether what goes to w may have colour.
func coloured(c config, s streams, w io.Writer) bool {
	switch c.text("color") {
	case "always":
		return true
	case "never":
		return false
	}
	_, terminal := width(w)
	return terminal && s.variable("NO_COLOR") == "" && !s.dumb() // https://no-color.org
}

// dumb reports whether the terminal knows no escape sequences.
func (s streams) dumb() bool { return s.variable("TERM") == "dumb" }

// variable is one variable of the environment.
func (s streams) variable(name string) string {
	for _, kv := range s.env {
		if k, v, _ := strings.Cut(kv, "="); k == name {
			return v
		}
	}
	return ""
}

// logger writes for people on a terminal, JSON otherwise.
func logger(c config, s streams) zerolog.Logger {
	level, err := zerolog.ParseLevel(c.text("log-level"))
	if err != nil {
		level = zerolog.InfoLevel
	}
	var w io.Writer = s.err
	_, terminal := width(s.err)
	if form := c.text("log-format"); form == "console" || (form == "" && terminal) {
		w = zerolog.ConsoleWriter{Out: s.err, TimeFormat: time.TimeOnly, NoColor: !coloured(c, s, s.err)}
	}
	return zerolog.New(zerolog.SyncWriter(w)).Level(level).With().Timestamp().Logger()
}

// progress shows how far a scan is: a bar on a terminal, a line now and then
// elsewhere.
type progress struct {
	w     io.Writer
	bars  *mpb.Progress
	bar   *mpb.Bar
	mu    sync.Mutex
	last  scanner.Progress
	next  time.Time
	began time.Time
}

// linesEvery is how often a scan without a terminal says where it is.
const linesEvery = 10 * time.Second

func newProgress(s streams, total int) *progress {
	w := s.err
	p := &progress{w: w, began: time.Now()}
	p.next = p.began.Add(linesEvery)
	if _, terminal := width(w); !terminal || s.dumb() {
		return p
	}
	p.bars = mpb.New(mpb.WithOutput(w), mpb.WithWidth(40))
	p.bar = p.bars.AddBar(int64(total), mpb.BarRemoveOnComplete(),
		mpb.PrependDecorators(decor.CountersNoUnit("%d/%d ")),
		mpb.AppendDecorators(decor.Any(func(decor.Statistics) string {
			p.mu.Lock()
			defer p.mu.Unlock()
			return " " + p.counts()
		}), decor.AverageETA(decor.ET_STYLE_GO, decor.WC{W: 8})))
	return p
}

// show takes the scanner's latest count.
func (p *progress) show(now scanner.Progress) {
	p.mu.Lock()
	p.last = now
	p.mu.Unlock()
	if p.bar != nil {
		p.bar.SetCurrent(int64(now.Done))
		return
	}
	if t := time.Now(); t.After(p.next) {
		p.next = t.Add(linesEvery)
		fmt.Fprintf(p.w, "%d/%d  %s  %s\n", now.Done, now.Total, p.counts(), t.Sub(p.began).Round(time.Second))
	}
}

// counts words the outcomes so far.
func (p *progress) counts() string {
	l := p.last
	said := fmt.Sprintf("✓ %d  ! %d  ✗ %d  ? %d", l.Worst[verdict.Pass], l.Worst[verdict.Warn], l.Worst[verdict.Fail], l.Worst[verdict.Unknown])
	if l.Again > 0 {
		said += fmt.Sprintf("  ↻ %d", l.Again)
		if left := time.Until(l.Due); left > 0 {
			said += fmt.Sprintf(" (%s)", left.Round(time.Second))
		}
	}
	return said
}

// done takes the bar away.
func (p *progress) done() {
	if p.bars == nil {
		return
	}
	p.bar.Abort(true)
	p.bars.Wait()
}
