package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"

	"ready6/probes/resolve"
	"ready6/probes/verdict"
	"ready6/reports"
)

// tracer shows every exchange with a name server: on w as it happens, or as a
// list for JSON where w is nil. A nil tracer shows nothing.
type tracer struct {
	w    io.Writer
	mu   sync.Mutex
	list []traceLine
}

// traceLine is one exchange, as --format json has it.
type traceLine struct {
	At         time.Time     `json:"at"`
	Server     string        `json:"server,omitempty"`
	Address    string        `json:"address"`
	Over       string        `json:"over"`
	Name       string        `json:"name"`
	Type       string        `json:"type"`
	EDNS       bool          `json:"edns"`
	Cookie     string        `json:"cookie,omitempty"`
	Rcode      string        `json:"rcode,omitempty"`
	Flags      []string      `json:"flags,omitempty"`
	Bytes      int           `json:"bytes"`
	Ms         float64       `json:"ms"`
	Cause      verdict.Cause `json:"cause,omitempty"` // why no reply was taken
	Note       string        `json:"note,omitempty"`
	Answer     []string      `json:"answer,omitempty"`
	Authority  []string      `json:"authority,omitempty"`
	Additional []string      `json:"additional,omitempty"`
}

// newTracer returns what --trace wants, nil without it. JSON has the list in its
// object, so that standard error stays quiet.
func newTracer(c config, s streams) *tracer {
	switch {
	case !c.on("trace"):
		return nil
	case c.text("format") == "json":
		return &tracer{}
	}
	return &tracer{w: s.err}
}

// hook is what a resolver calls; nil for a nil tracer.
func (t *tracer) hook() func(resolve.Exchange) {
	if t == nil {
		return nil
	}
	return func(x resolve.Exchange) {
		l := lineOf(x)
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.w == nil {
			t.list = append(t.list, l)
			return
		}
		_, _ = io.WriteString(t.w, l.text()) // a trace that cannot be shown ends no measurement
	}
}

func lineOf(x resolve.Exchange) traceLine {
	l := traceLine{At: x.At.UTC(), Server: x.Server, Address: x.To.String(), Over: x.Over, Name: x.Name, Type: dns.Type(x.Type).String(),
		EDNS: x.EDNS, Cookie: x.Cookie, Bytes: x.Size, Ms: float64(x.Took.Microseconds()) / 1000, Cause: x.Cause, Note: x.Note}
	m := x.Reply
	if m == nil {
		return l
	}
	if l.Rcode = dns.RcodeToString[m.Rcode]; l.Rcode == "" {
		l.Rcode = fmt.Sprintf("RCODE%d", m.Rcode)
	}
	for _, f := range []struct {
		set  bool
		name string
	}{{m.Authoritative, "aa"}, {m.Truncated, "tc"}, {m.RecursionAvailable, "ra"}, {m.AuthenticatedData, "ad"}} {
		if f.set {
			l.Flags = append(l.Flags, f.name)
		}
	}
	l.Answer, l.Authority, l.Additional = presentation(m.Answer), presentation(m.Ns), presentation(m.Extra)
	return l
}

// presentation is a section without its OPT record.
func presentation(rrs []dns.RR) (out []string) {
	for _, rr := range rrs {
		if rr.Header().Rrtype != dns.TypeOPT {
			out = append(out, rr.String())
		}
	}
	return out
}

// text is the exchange in one line, and the records below it like a short dig.
func (l traceLine) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, ";; %s %s %s %s ? %s %s : ", l.At.Format("15:04:05.000"), l.Server, l.Address, l.Over, l.Name, l.Type)
	if l.Cause != "" {
		b.WriteString(l.Cause.In(verdict.EN))
	} else {
		fmt.Fprintf(&b, "%s, %d answer, %d authority, %d additional, %d bytes",
			strings.Join(append([]string{l.Rcode}, l.Flags...), " "), len(l.Answer), len(l.Authority), len(l.Additional), l.Bytes)
	}
	fmt.Fprintf(&b, ", %.1f ms", l.Ms)
	if !l.EDNS {
		b.WriteString(", without EDNS")
	}
	if l.Cookie != "" {
		b.WriteString(", cookie " + l.Cookie)
	}
	if l.Note != "" {
		b.WriteString("; " + l.Note)
	}
	b.WriteByte('\n')
	for _, section := range [][]string{l.Answer, l.Authority, l.Additional} {
		for _, rr := range section {
			b.WriteString("   " + rr + "\n")
		}
	}
	return b.String()
}

// added returns an object with the exchanges since the last call as its member
// "trace"; without --trace, the object as it is.
func (t *tracer) added(object any) (any, error) {
	if t == nil {
		return object, nil
	}
	whole, err := json.Marshal(object)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	list := t.list
	t.list = nil
	if list == nil {
		list = []traceLine{}
	}
	part, err := json.Marshal(list)
	if err != nil {
		return nil, err
	}
	whole = append(bytes.TrimSuffix(bytes.TrimSpace(whole), []byte("}")), `,"trace":`...)
	return json.RawMessage(append(append(whole, part...), '}')), nil
}

// writeTraced prints one service as scan has it, with the exchanges it took.
func writeTraced(s streams, rec verdict.Record, t *tracer) error {
	line, err := reports.ServiceWithClosure(rec)
	if err != nil {
		return err
	}
	if t != nil {
		object, err := t.added(json.RawMessage(line))
		if err != nil {
			return err
		}
		line = append(object.(json.RawMessage), '\n')
	}
	_, err = s.out.Write(line)
	return err
}
