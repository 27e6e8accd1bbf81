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

// progressLog is where lines about a run's progress go if they are to be JSON, nil
// if they are for people.
func progressLog(c config, log zerolog.Logger) *zerolog.Logger {
	if c.text("log-format") == "json" {
		return &log
	}
	return nil
}

// progress shows how far a scan is: a bar on a terminal, a line now and then
// elsewhere.
type progress struct {
	w     io.Writer
	log   *zerolog.Logger // instead of w
	bars  *mpb.Progress
	bar   *mpb.Bar
	mu    sync.Mutex
	last  scanner.Progress
	next  time.Time
	began time.Time
}

// linesEvery is how often a scan without a terminal says where it is.
const linesEvery = 10 * time.Second

func newProgress(s streams, total int, log *zerolog.Logger) *progress {
	w := s.err
	p := &progress{w: w, log: log, began: time.Now()}
	p.next = p.began.Add(linesEvery)
	if _, terminal := width(w); !terminal || s.dumb() || log != nil {
		return p
	}
	p.bars = mpb.New(mpb.WithOutput(w), mpb.WithWidth(40))
	p.bar = p.bars.AddBar(int64(total), mpb.BarRemoveOnComplete(),
		mpb.PrependDecorators(decor.CountersNoUnit("%d/%d ")),
		mpb.AppendDecorators(decor.Any(func(decor.Statistics) string {
			p.mu.Lock()
			defer p.mu.Unlock()
			return fmt.Sprintf(" %s  %s  ", p.counts(), p.pace(time.Now()))
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
		p.line(t)
	}
}

// line tells where the run is, for a log file.
func (p *progress) line(t time.Time) {
	l, since := p.last, t.Sub(p.began).Round(time.Second)
	if p.log != nil {
		p.log.Info().Int("done", l.Done).Int("total", l.Total).Int("pass", l.Worst[verdict.Pass]).Int("warn", l.Worst[verdict.Warn]).
			Int("fail", l.Worst[verdict.Fail]).Int("unknown", l.Worst[verdict.Unknown]).Float64("per_second", p.rate(t)).Dur("took", since).
			Dur("left", p.left(t)).Msg("progress")
		return
	}
	fmt.Fprintf(p.w, "%d/%d  %s  %s  %s  ETA %s\n", l.Done, l.Total, p.counts(), p.pace(t), since, p.left(t))
}

// rate is how many services were done a second, so far.
func (p *progress) rate(t time.Time) float64 {
	return float64(p.last.Done) / max(t.Sub(p.began).Seconds(), 0.001)
}

// pace words the rate.
func (p *progress) pace(t time.Time) string {
	if r := p.rate(t); r < 10 {
		return fmt.Sprintf("%.1f/s", r)
	}
	return fmt.Sprintf("%.0f/s", p.rate(t))
}

// left is how long the rest takes at that rate; 0 while there is none.
func (p *progress) left(t time.Time) time.Duration {
	if p.last.Done == 0 {
		return 0
	}
	return time.Duration(float64(p.last.Total-p.last.Done) / p.rate(t) * float64(time.Second)).Round(time.Second)
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
