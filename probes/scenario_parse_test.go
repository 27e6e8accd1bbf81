package probes_test

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/miekg/dns"
)

// A scenario is one replay file in the grammar that unbound's testbound and
// Deckard share: a configuration, what servers answer at which steps, and
// questions with their expected answers.
type scenario struct {
	title  string
	config []setting
	ranges []serving
	steps  []scriptStep
	odd    []string // things in the file that are not of this grammar, such as FILE_BEGIN
}

type setting struct{ key, value string }

// values returns what the configuration sets for a key, in order.
func (s *scenario) values(key string) []string {
	var out []string
	for _, c := range s.config {
		if c.key == key {
			out = append(out, c.value)
		}
	}
	return out
}

// serving is what some addresses answer from one step to another.
type serving struct {
	from, to int
	addrs    []netip.Addr // none: any address
	entries  []*entry
}

type scriptStep struct {
	n     int
	kind  string // QUERY, CHECK_ANSWER, TIME_PASSES, ...
	args  []string
	entry *entry
}

// entry is a message with what it is matched by and how it is adjusted.
type entry struct {
	match, adjust []string
	msg           *dns.Msg
	do            bool
	raw           []byte // instead of msg
}

// scriptReader reads a scenario line by line.
type scriptReader struct {
	s      *scenario
	lines  []string
	at     int
	origin string
	ttl    uint32
}

func readScenario(file string) (*scenario, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	r := &scriptReader{s: &scenario{}, lines: strings.Split(string(text), "\n"), origin: ".", ttl: 3600}
	if err := r.read(); err != nil {
		return nil, fmt.Errorf("line %d: %w", r.at, err)
	}
	return r.s, nil
}

// next returns the next line without comment and surrounding blanks, and the
// line as it stands.
func (r *scriptReader) next() (line, whole string, ok bool) {
	if r.at >= len(r.lines) {
		return "", "", false
	}
	whole = strings.TrimRight(r.lines[r.at], "\r \t")
	r.at++
	return strings.TrimSpace(uncomment(whole)), whole, true
}

// uncomment cuts what follows a semicolon outside quotes.
func uncomment(s string) string {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			quoted = !quoted
		case ';':
			if !quoted {
				return s[:i]
			}
		}
	}
	return s
}

func (r *scriptReader) read() error {
	for {
		line, whole, ok := r.next()
		if !ok {
			return fmt.Errorf("no CONFIG_END")
		}
		if strings.HasPrefix(line, "CONFIG_END") {
			break
		}
		r.setting(line, whole)
	}
	for {
		line, _, ok := r.next()
		if !ok {
			return nil
		}
		word, rest, _ := strings.Cut(line, " ")
		var err error
		switch {
		case word == "":
		case word == "SCENARIO_BEGIN":
			r.s.title = strings.TrimSpace(rest)
		case strings.HasPrefix(word, "SCENARIO_END"):
			return nil
		case word == "RANGE_BEGIN":
			err = r.serving(rest)
		case word == "STEP":
			err = r.step(rest)
		case strings.HasPrefix(word, "$"):
			err = r.directive(line)
		default:
			r.s.odd = append(r.s.odd, word)
		}
		if err != nil {
			return err
		}
	}
}

// setting reads one line of the configuration, "key: value". Deckard's files
// keep the settings of the daemon they come from as comments; those are dropped.
func (r *scriptReader) setting(line, whole string) {
	if !strings.Contains(line, ":") {
		if word, _, _ := strings.Cut(line, " "); word == strings.ToUpper(word) && word != "" {
			r.s.odd = append(r.s.odd, word) // a file of the daemon's own state
		}
		return
	}
	key, value, _ := strings.Cut(strings.TrimSpace(whole), ":")
	value = strings.TrimSpace(value)
	if strings.HasPrefix(value, `"`) {
		value = value[1:]
		if i := strings.IndexByte(value, '"'); i >= 0 {
			value = value[:i]
		}
	} else if i := strings.IndexByte(value, '#'); i >= 0 {
		value = strings.TrimSpace(value[:i])
	}
	r.s.config = append(r.s.config, setting{strings.TrimSpace(key), strings.TrimSpace(value)})
}

func (r *scriptReader) directive(line string) error {
	f := strings.Fields(line)
	if len(f) < 2 {
		return fmt.Errorf("%q", line)
	}
	switch f[0] {
	case "$ORIGIN":
		r.origin = dns.Fqdn(f[1])
	case "$TTL":
		n, err := strconv.ParseUint(f[1], 10, 32)
		if err != nil {
			return err
		}
		r.ttl = uint32(n)
	}
	return nil
}

func (r *scriptReader) serving(args string) error {
	var s serving
	if _, err := fmt.Sscan(args, &s.from, &s.to); err != nil {
		return err
	}
	if f := strings.Fields(args); len(f) > 2 { // Deckard's files also have the address here
		if a, err := netip.ParseAddr(f[2]); err == nil {
			s.addrs = append(s.addrs, a)
		}
	}
	for {
		line, _, ok := r.next()
		f := strings.Fields(line)
		switch {
		case !ok || strings.HasPrefix(line, "RANGE_END"):
			r.s.ranges = append(r.s.ranges, s)
			return nil
		case len(f) == 0:
		case f[0] == "ADDRESS" && len(f) > 1:
			a, err := netip.ParseAddr(f[1])
			if err != nil {
				return err
			}
			s.addrs = append(s.addrs, a)
		case strings.HasPrefix(f[0], "ENTRY_BEGIN"):
			e, err := r.entry()
			if err != nil {
				return err
			}
			s.entries = append(s.entries, e)
		case strings.HasPrefix(f[0], "$"):
			if err := r.directive(line); err != nil {
				return err
			}
		}
	}
}

func (r *scriptReader) step(args string) error {
	f := strings.Fields(args)
	if len(f) < 2 {
		return fmt.Errorf("STEP %q", args)
	}
	n, err := strconv.Atoi(f[0])
	if err != nil {
		return err
	}
	st := scriptStep{n: n, kind: f[1], args: f[2:]}
	switch st.kind {
	case "QUERY", "CHECK_ANSWER", "CHECK_OUT_QUERY", "REPLY":
		for st.entry == nil {
			line, _, ok := r.next()
			if !ok {
				return fmt.Errorf("STEP %s without an entry", args)
			}
			if strings.HasPrefix(line, "ENTRY_BEGIN") {
				if st.entry, err = r.entry(); err != nil {
					return err
				}
			}
		}
	}
	r.s.steps = append(r.s.steps, st)
	return nil
}

// entry reads from after ENTRY_BEGIN to ENTRY_END.
func (r *scriptReader) entry() (*entry, error) {
	e := &entry{msg: new(dns.Msg)}
	var texts [4][]string // of the sections, in the order of a message
	section := -1
	var hexed *strings.Builder
	for {
		line, _, ok := r.next()
		if !ok {
			return nil, fmt.Errorf("an entry without end")
		}
		f := strings.Fields(line)
		switch {
		case len(f) == 0:
		case f[0] == "ENTRY_END":
			return e, r.fill(e, texts)
		case strings.HasPrefix(f[0], "HEX_ANSWER_BEGIN"), strings.HasPrefix(f[0], "HEX_EDNSDATA_BEGIN"), f[0] == "RAW":
			hexed = new(strings.Builder)
		case strings.HasPrefix(f[0], "HEX_EDNSDATA_END"):
			hexed = nil // options of a client's question: no part of what is tested
		case strings.HasPrefix(f[0], "HEX_ANSWER_END"):
			e.raw, hexed = unhex(hexed), nil
		case hexed != nil:
			hexed.WriteString(strings.Join(f, ""))
		case f[0] == "MATCH":
			e.match = append(e.match, f[1:]...)
		case f[0] == "ADJUST":
			e.adjust = append(e.adjust, f[1:]...)
		case f[0] == "REPLY":
			e.flags(f[1:])
		case f[0] == "SECTION" && len(f) > 1:
			section = map[string]int{"QUESTION": 0, "ANSWER": 1, "AUTHORITY": 2, "ADDITIONAL": 3}[f[1]]
		case strings.HasPrefix(f[0], "$"):
			if err := r.directive(line); err != nil {
				return nil, err
			}
		case section >= 0:
			texts[section] = append(texts[section], line) // a blank in front does not stand for an owner
		}
	}
}

func unhex(b *strings.Builder) []byte {
	if b == nil {
		return nil
	}
	raw, _ := hex.DecodeString(b.String())
	return raw
}

// flags reads a REPLY line.
func (e *entry) flags(words []string) {
	h := &e.msg.MsgHdr
	bits := map[string]*bool{"QR": &h.Response, "AA": &h.Authoritative, "TC": &h.Truncated, "RD": &h.RecursionDesired,
		"RA": &h.RecursionAvailable, "AD": &h.AuthenticatedData, "CD": &h.CheckingDisabled, "DO": &e.do}
	for _, w := range words {
		if bit := bits[strings.ToUpper(w)]; bit != nil {
			*bit = true
		} else if code, ok := dns.StringToRcode[strings.ToUpper(w)]; ok {
			h.Rcode = code
		} else if strings.EqualFold(w, "NOTIMPL") {
			h.Rcode = dns.RcodeNotImplemented
		} else if op, ok := dns.StringToOpcode[strings.ToUpper(w)]; ok {
			h.Opcode = op
		}
	}
}

// fill parses the records of an entry.
func (r *scriptReader) fill(e *entry, texts [4][]string) error {
	for _, line := range texts[0] {
		f := strings.Fields(line)
		if len(f) < 2 {
			return fmt.Errorf("question %q", line)
		}
		q := dns.Question{Name: r.absolute(f[0]), Qclass: dns.ClassINET}
		t, ok := dns.StringToType[strings.ToUpper(f[len(f)-1])]
		if !ok {
			n, err := strconv.ParseUint(strings.TrimPrefix(strings.ToUpper(f[len(f)-1]), "TYPE"), 10, 16)
			if err != nil {
				return fmt.Errorf("question %q", line)
			}
			t = uint16(n)
		}
		if len(f) == 3 {
			q.Qclass = dns.StringToClass[strings.ToUpper(f[1])]
		}
		q.Qtype = t
		e.msg.Question = append(e.msg.Question, q)
	}
	for i, section := range []*[]dns.RR{&e.msg.Answer, &e.msg.Ns, &e.msg.Extra} {
		zp := dns.NewZoneParser(strings.NewReader(strings.Join(texts[i+1], "\n")+"\n"), r.origin, "")
		zp.SetDefaultTTL(r.ttl)
		for rr, ok := zp.Next(); ok; rr, ok = zp.Next() {
			*section = append(*section, inOrder(rr))
		}
		if err := zp.Err(); err != nil {
			return err
		}
	}
	return nil
}

// inOrder sorts type bit maps, which scripts write in any order, and cuts
// base64 to what can be packed.
func inOrder(rr dns.RR) dns.RR {
	switch x := rr.(type) {
	case *dns.NSEC:
		slices.Sort(x.TypeBitMap)
	case *dns.NSEC3:
		slices.Sort(x.TypeBitMap)
	case *dns.RRSIG:
		x.Signature = decodable(x.Signature)
	case *dns.DNSKEY:
		x.PublicKey = decodable(x.PublicKey)
	}
	return rr
}

func decodable(text string) string {
	bare, _, _ := strings.Cut(text, "=")
	for n := len(bare); n > 0; n-- {
		if raw, err := base64.RawStdEncoding.DecodeString(bare[:n]); err == nil {
			return base64.StdEncoding.EncodeToString(raw)
		}
	}
	return "AAAA"
}

func (r *scriptReader) absolute(name string) string {
	if dns.IsFqdn(name) {
		return name
	}
	if r.origin == "." {
		return name + "."
	}
	return name + "." + r.origin
}
