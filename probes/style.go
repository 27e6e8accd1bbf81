package probes

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Bounds of looking through style sheets: sheets of one page, bytes of one and of
// those that one host gives at a time, @import levels below the page, connections
// to one host, and how many of them may fail.
const (
	maxSheets     = 48
	maxSheet      = 1 << 20
	maxSheetBytes = 8 << 20
	maxImports    = 3
	maxSheetConns = 12
	maxSheetFails = 2
)

// maxStyle bounds the references looked at in one piece of style.
const maxStyle = 10_000

var (
	cssURL = regexp.MustCompile(`(?i)@import\s+(?:url\(\s*)?['"]?([^'")\s;]+)|url\(\s*['"]?([^'")\s]+)`)
	// A comment loads nothing, and the address of a namespace is only a name.
	cssIdle = regexp.MustCompile(`(?is)/\*.*?\*/|@namespace[^;]*;`)
)

// css notes the url() and @import references of a piece of style.
func (p *page) css(base *url.URL, text string) {
	if text == "" {
		return
	}
	found := cssURL.FindAllStringSubmatch(cssIdle.ReplaceAllString(text, " "), maxStyle)
	p.more = p.more || len(found) == maxStyle
	for _, m := range found {
		p.add(base, m[1]+m[2], "stylesheet")
		p.sheet(base, m[1])
	}
}

// sheet notes a style sheet, whose own references may be looked at.
func (p *page) sheet(base *url.URL, target string) {
	u, err := base.Parse(target)
	if err != nil || target == "" || len(p.sheets) > maxSheets {
		return
	}
	if u.Fragment, u.RawFragment = "", ""; !slices.ContainsFunc(p.sheets, func(o *url.URL) bool { return o.String() == u.String() }) {
		p.sheets = append(p.sheets, u)
	}
}

// sheets opens the first party's style sheets over IPv6, and those that they
// import, and adds what they refer to to the page's references. It says why it
// has not seen all of them, if so.
func (w *walk) sheets(ctx context.Context, a attempt, seen *page) (missed string) {
	level := seen.sheets
	asked := map[string]bool{}
	for depth := 0; len(level) > 0; depth++ {
		if depth > maxImports {
			return "@import > " + strconv.Itoa(maxImports)
		}
		hosts := map[endpoint][]*url.URL{}
		var order []endpoint
		for _, u := range level {
			at, ok := w.sheetAt(ctx, a, u)
			if !ok || asked[u.String()] {
				continue
			}
			if len(asked) == maxSheets {
				return "> " + strconv.Itoa(maxSheets)
			}
			asked[u.String()] = true
			if hosts[at] == nil {
				order = append(order, at)
			}
			hosts[at] = append(hosts[at], u)
		}
		found := &page{refs: seen.refs, upgrade: seen.upgrade}
		for _, at := range order {
			if why := w.e.readSheets(ctx, at, hosts[at], found); why != "" {
				missed = why
			}
		}
		seen.refs, seen.more = found.refs, seen.more || found.more
		level = found.sheets
	}
	return missed
}

// sheetAt is where a style sheet of the first party is fetched: at the page's own
// address, or the first one of another host. Third parties' are not opened.
func (w *walk) sheetAt(ctx context.Context, a attempt, u *url.URL) (endpoint, bool) {
	r, ok := refTo(u, "stylesheet")
	_, literal := netip.ParseAddr(r.host)
	switch {
	case !ok || len(u.String()) > maxTarget:
		return endpoint{}, false
	case r.host == a.host && r.port == a.port:
		return endpoint{addr: a.addr, port: a.port, kind: "web", host: a.host}, true
	case literal == nil || !(sameSite(r.host, w.s.Host) || sameSite(r.host, a.host)):
		return endpoint{}, false
	}
	if usable := w.e.addresses(ctx, r.host).v6.usable; len(usable) > 0 {
		return r.at(usable[0]), true
	}
	return endpoint{}, false // its own result says that it has no IPv6
}

// readSheets fetches style sheets of one host over as few connections as the
// server allows.
func (e *Env) readSheets(ctx context.Context, at endpoint, sheets []*url.URL, found *page) (missed string) {
	received, fails := int64(0), 0
	for range maxSheetConns {
		a := attempt{endpoint: at, at: e.Now(), tries: 1}
		leave, err := e.gate.enter(ctx, at.addr)
		if err != nil {
			return err.Error()
		}
		sheets = e.sheetsOver(ctx, &a, sheets, found)
		leave()
		received += a.received
		if a.detail != "" {
			fails++
		}
		switch {
		case len(sheets) == 0:
			return ""
		case fails == maxSheetFails:
			return describe(a)
		case received > maxSheetBytes:
			return "> " + strconv.Itoa(maxSheetBytes>>20) + " MB"
		}
	}
	return "Connection: close × " + strconv.Itoa(maxSheetConns)
}

// sheetsOver reads style sheets over one connection, as far as that goes, and
// returns those that are left.
func (e *Env) sheetsOver(ctx context.Context, a *attempt, sheets []*url.URL, found *page) []*url.URL {
	c, err := e.connect(ctx, a)
	if err != nil {
		return sheets
	}
	defer c.Close()
	var over net.Conn = c
	if sheets[0].Scheme == "https" {
		t, err := e.handshake(ctx, a, c)
		if err != nil {
			return sheets
		}
		over = t
	}
	r := bufio.NewReader(over)
	a.stage = replying
	for i, u := range sheets {
		more, err := e.sheet(c, over, r, u, found)
		if err != nil && i == 0 { // else it was closed in between, as it may be
			a.fail(ctx, err)
		}
		if err != nil {
			return sheets[i:]
		}
		if !more || a.received > maxReply-maxSheet {
			return sheets[i+1:]
		}
	}
	return nil
}

// sheet fetches one style sheet and notes what it refers to; more says that the
// connection stays open. One that is not there loads nothing.
func (e *Env) sheet(c *wire, over net.Conn, r *bufio.Reader, u *url.URL, found *page) (more bool, err error) {
	req := &http.Request{Method: http.MethodGet, URL: u, Host: u.Host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"User-Agent": {e.UserAgent}, "Accept": {"text/css,*/*;q=0.1"}}}
	c.step(e.Step)
	if err := req.Write(over); err != nil {
		return false, err
	}
	reply, err := finalReply(r, req)
	if err != nil {
		return false, err
	}
	defer reply.Body.Close()
	body, err := drain(&paced{reply.Body, c, e.Step, time.Now().Add(3 * e.Step)}, maxSheet)
	if err != nil {
		return false, err
	}
	if len(body) == maxSheet {
		return false, errTooMuch
	}
	switch {
	case reply.StatusCode >= 300 && reply.StatusCode < 400:
		found.add(u, reply.Header.Get("Location"), "stylesheet")
	case reply.StatusCode == http.StatusOK:
		text, _, err := unpack(body, reply.Header)
		if err != nil {
			return false, err
		}
		found.css(u, string(text))
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(reply.Body, 1)) // the end of a chunked body
	return !reply.Close && !strings.EqualFold(reply.Header.Get("Connection"), "close"), nil
}
