package browser

import (
	"context"
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/chromedp/cdproto/inspector"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// maxScheduled is the longest delay of a refresh that is waited for.
const maxScheduled = 10 * time.Second

// watch follows what Chromium reports of one page.
type watch struct {
	limit int
	ask   chan struct{} // a dialog is open

	mu      sync.Mutex
	main    string // id of the page's own frame
	list    []*entry
	hosts   map[hostKey]bool // that something was asked of
	byID    map[network.RequestID]*entry
	loaded  bool      // the page's load event came
	last    time.Time // anything happened
	until   time.Time // a refresh is due
	over    bool      // more requests than limit
	crash   bool
	started bool
}

// entry is one request under way.
type entry struct {
	Request
	done    bool
	ignored bool // did not fail for want of a connection: cancelled, blocked by a policy
}

func newWatch(limit int) *watch {
	return &watch{limit: limit, ask: make(chan struct{}, 1), hosts: map[hostKey]bool{}, byID: map[network.RequestID]*entry{}}
}

// begin says which frame is the page's own.
func (w *watch) begin(frame string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.main, w.started, w.last = frame, true, time.Now()
}

// event takes one report. It runs on the goroutine that reads from Chromium.
func (w *watch) event(ev any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.started {
		return // Chromium's own empty page
	}
	switch ev := ev.(type) {
	case *network.EventRequestWillBeSent:
		w.sent(ev)
	case *network.EventResponseReceived:
		if e := w.byID[ev.RequestID]; e != nil && ev.Response != nil {
			e.Status = int(ev.Response.Status)
		}
	case *network.EventLoadingFinished:
		if e := w.byID[ev.RequestID]; e != nil {
			e.done = true
		}
	case *network.EventLoadingFailed:
		w.failed(ev)
	case *network.EventWebSocketCreated:
		w.add(ev.RequestID, ev.URL, "WebSocket", false)
	case *network.EventWebSocketHandshakeResponseReceived:
		if e := w.byID[ev.RequestID]; e != nil && ev.Response != nil {
			e.Status, e.done = int(ev.Response.Status), true
		}
	case *network.EventWebSocketFrameError:
		if e := w.byID[ev.RequestID]; e != nil && !e.done {
			e.Failed, e.done = ev.ErrorMessage, true
		}
	case *page.EventLoadEventFired:
		w.loaded = true
	case *page.EventJavascriptDialogOpening:
		select {
		case w.ask <- struct{}{}:
		default:
		}
	case *inspector.EventTargetCrashed:
		w.crash = true
	default:
		return
	}
	w.last = time.Now()
}

// sent notes a request, and the end of the one that a redirect led here from.
func (w *watch) sent(ev *network.EventRequestWillBeSent) {
	if ev.Request == nil {
		return
	}
	if e := w.byID[ev.RequestID]; e != nil && ev.RedirectResponse != nil {
		e.Status, e.done = int(ev.RedirectResponse.Status), true
	}
	main := ev.Type == network.ResourceTypeDocument && string(ev.FrameID) == w.main
	if main {
		w.loaded, w.until = false, time.Time{}
	}
	w.add(ev.RequestID, ev.Request.URL, string(ev.Type), main)
}

func (w *watch) add(id network.RequestID, target, kind string, main bool) {
	scheme, _, _ := strings.Cut(target, ":")
	switch scheme {
	case "http", "https", "ws", "wss":
	default:
		return // data:, blob: and Chromium's own pages need no network
	}
	if len(w.list) >= w.limit {
		w.over = true
		return
	}
	if k, ok := endpoint(target); ok {
		w.hosts[k] = true
	}
	e := &entry{Request: Request{URL: target, Type: kind, Main: main}}
	w.list = append(w.list, e)
	w.byID[id] = e
}

// failed notes the end of a request. What the page itself or a policy stopped
// says nothing of the network.
func (w *watch) failed(ev *network.EventLoadingFailed) {
	e := w.byID[ev.RequestID]
	if e == nil {
		return
	}
	e.done, e.Failed = true, ev.ErrorText
	e.ignored = ev.Canceled || ev.BlockedReason != "" || ev.CorsErrorStatus != nil ||
		ev.ErrorText == "net::ERR_ABORTED" || strings.HasPrefix(ev.ErrorText, "net::ERR_BLOCKED")
}

// scheduled notes that the page will send its reader elsewhere by itself.
func (w *watch) scheduled(raw []byte) {
	var ev struct {
		FrameID string  `json:"frameId"`
		Delay   float64 `json:"delay"` // seconds
	}
	if json.Unmarshal(raw, &ev) != nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if ev.FrameID == w.main && ev.Delay >= 0 && ev.Delay <= maxScheduled.Seconds() {
		w.until = time.Now().Add(time.Duration(ev.Delay*float64(time.Second)) + quiet)
	}
}

// dialogs closes what would keep the page waiting for a person.
func (w *watch) dialogs(tab context.Context) {
	for {
		select {
		case <-tab.Done():
			return
		case <-w.ask:
			_, _ = chromedp.Call(tab, page.HandleJavaScriptDialog, page.HandleJavaScriptDialogParams{Accept: false})
		}
	}
}

// done reports whether the page is there: loaded, with nothing under way that
// it waits for, and nothing new for a while.
func (w *watch) done(now time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.loaded || now.Sub(w.last) < quiet || now.Before(w.until) {
		return false
	}
	for _, e := range w.list {
		if e.blocks() {
			return false
		}
	}
	return true
}

// blocks reports whether a request is one that the page waits for. A stream that
// began to come may never end.
func (e *entry) blocks() bool {
	switch e.Type {
	case "WebSocket", "EventSource", "Media", "Fetch", "XHR", "Ping", "Prefetch":
		return !e.done && e.Status == 0
	}
	return !e.done
}

// asked reports whether the page has made a request to a host.
func (w *watch) asked(k hostKey) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.hosts[k]
}

// endpoint is the host and port of a URL.
func endpoint(raw string) (hostKey, bool) {
	u, err := url.Parse(raw)
	if err != nil || u.Hostname() == "" {
		return hostKey{}, false
	}
	k := hostKey{name: hostName(3, []byte(u.Hostname()))}
	switch {
	case u.Port() != "":
		n, err := strconv.ParseUint(u.Port(), 10, 16)
		if err != nil {
			return k, false
		}
		k.port = uint16(n)
	case u.Scheme == "https" || u.Scheme == "wss":
		k.port = 443
	default:
		k.port = 80
	}
	return k, true
}

func (w *watch) tooMany() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.over
}

func (w *watch) crashed() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.crash
}

// requests returns what was asked for, with the last page's URL and status.
func (w *watch) requests() (out []Request, final string, status int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range w.list {
		r := e.Request
		if k, ok := endpoint(r.URL); ok {
			r.Host, r.Port = k.name, k.port
		}
		r.Open = e.blocks()
		if e.ignored {
			r.Failed = ""
		}
		if r.Main && !e.ignored {
			final, status = r.URL, r.Status
		}
		out = append(out, r)
	}
	return out, final, status
}
