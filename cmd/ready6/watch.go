package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/pprof"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"ready6/probes/dial"
	"ready6/probes/verdict"
	"ready6/scanner"
)

// watch serves metrics and profiles while a run lasts, where the operator asked
// for it; on loopback only (load has checked that).
type watch struct {
	server *http.Server
	at     string // where it serves
	last   atomic.Pointer[scanner.Progress]
}

// newWatch starts serving; without --debug-listen it is a watch that shows nobody.
func newWatch(c config, set *setup) (*watch, error) {
	w := &watch{}
	w.last.Store(&scanner.Progress{})
	at := c.text("debug-listen")
	if at == "" {
		return w, nil
	}
	l, err := net.Listen("tcp", at)
	if err != nil {
		return nil, failed(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	numbers := w.metrics(set)
	mux.HandleFunc("/metrics", func(out http.ResponseWriter, _ *http.Request) {
		numbers.WritePrometheus(out)
		metrics.WriteProcessMetrics(out)
	})
	w.at = l.Addr().String()
	w.server = &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = w.server.Serve(l) }()
	return w, nil
}

// close stops serving.
func (w *watch) close() {
	if w.server == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := w.server.Shutdown(ctx); errors.Is(err, context.DeadlineExceeded) {
		_ = w.server.Close()
	}
}

// show takes the scanner's latest count, if anybody watches.
func (w *watch) show(p scanner.Progress) {
	if w != nil {
		w.last.Store(&p)
	}
}

// metrics are the numbers of one run, in the text form of Prometheus.
func (w *watch) metrics(set *setup) *metrics.Set {
	s := metrics.NewSet()
	gauge := func(name string, f func() float64) { s.NewGauge(name, f) }
	gauge("ready6_services_total", func() float64 { return float64(w.last.Load().Total) })
	gauge("ready6_services_started", func() float64 { return float64(w.last.Load().Started) })
	gauge("ready6_services_done", func() float64 { return float64(w.last.Load().Done) })
	gauge("ready6_services_unmeasured", func() float64 { return float64(w.last.Load().Unmeasured) })
	for _, o := range []verdict.Outcome{verdict.Pass, verdict.Warn, verdict.Fail, verdict.Unknown, verdict.NotApplicable} {
		gauge(`ready6_services_worst{outcome="`+o.String()+`"}`, func() float64 { return float64(w.last.Load().Worst[o]) })
	}
	for _, stage := range dial.Stages() {
		label := `{stage="` + stage.String() + `"}`
		gauge("ready6_stage_seconds"+label, func() float64 { _, took := set.meter.Spent(stage); return took.Seconds() })
		gauge("ready6_stage_count"+label, func() float64 { n, _ := set.meter.Spent(stage); return float64(n) })
	}
	gauge("ready6_addresses", func() float64 { n, _, _, _ := set.meter.Peers(); return float64(n) })
	gauge("ready6_addresses_slowed", func() float64 { return float64(set.pace.Slowed()) })
	return s
}
