package main

import (
	"context"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/miekg/dns"
	"github.com/spf13/cobra"
	"golang.org/x/net/idna"

	"ready6/probes/dnssec"
	"ready6/probes/resolve"
	"ready6/probes/verdict"
	"ready6/reports"
)

func dnssecCommand(s streams) *cobra.Command {
	c := &cobra.Command{
		Use:   "dnssec NAME [TYPE]",
		Short: "Validate one name from the root trust anchor and show the chain",
		Long: `dnssec asks the authoritative servers for NAME and TYPE (default AAAA), from the
root down, validates every step itself, and says secure, insecure (with the proof),
bogus (with the record that breaks the chain) or indeterminate (with the cause).

With --before FILE it judges a change before it is published. FILE, in master-file
form, holds DS records of one or more zones ("NAME DS 0 0 0 00" plans their removal),
or, if it has an SOA record, a whole zone: then every record set and the NSEC or
NSEC3 chain in it are checked as well. The rest comes from the servers.`,
		Example: "  ready6 dnssec www.example.gov.vn\n  ready6 dnssec example.gov.vn MX --format json\n  ready6 dnssec www.example.gov.vn --format svg > chain.svg\n  ready6 dnssec www.example.gov.vn --before new-ds.txt --before zone.signed",
		Args:    cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := load(cmd, s)
			if err != nil {
				return err
			}
			cfg.given["posture"], _ = cmd.Flags().GetBool("posture")
			before, err := cmd.Flags().GetStringArray("before")
			if err != nil {
				return usage(err)
			}
			return dnssecName(cmd.Context(), cfg, s, args, before)
		},
	}
	c.Flags().StringArray("before", nil, "judge a planned change: a file with a DS set or a whole signed zone (repeatable)")
	c.Flags().Bool("posture", false, "look at the upkeep of the name's zone as well, server by server")
	withSettings(c, "opt-out", "queries-per-address", "queries-per-network", "queries", "root-hints", "trust-anchor", "at", "allow", "format", "lang", "color", "step-timeout", "host-timeout",
		"connections", "lead-time", "trace", "qname-minimisation", "fail-on", "lab", "world", "loopback")
	withUsage(c, "format", "text, json or svg, a picture of the chain (default: text)")
	withUsage(c, "host-timeout", "longest time for the whole question")
	if err := c.RegisterFlagCompletionFunc("format", cobra.FixedCompletions([]string{"text", "json", "svg"}, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // the flag is in the list above
	}
	withUsage(c, "lab", "ask the built-in test Internet")
	return withUsage(c, "fail-on", "exit with 3 on: bogus (or fail), warn (insecure as well), unknown (indeterminate)")
}

// inquiry is one run of the dnssec command: what is asked, of whom, and what
// came out. Each step of it has its own method.
type inquiry struct {
	cfg      config
	s        streams
	set      *setup
	name     string
	qtype    uint16
	now      func() time.Time
	anchors  []dns.RR
	resolver *resolve.Resolver // the wire
	source   dnssec.Source     // what the validator asks: the resolver, or what stands before it
	result   dnssec.Result
	posture  []verdict.Result // of the name's zone, where asked for
	plan     *dnssec.Plan     // of --before, nil without
	checked  []dnssec.PlannedZone
}

// answerForms are the values of --format.
var answerForms = map[string]func(*inquiry) error{
	"": (*inquiry).writeText, "text": (*inquiry).writeText, "json": (*inquiry).writeJSON, "svg": (*inquiry).writeSVG,
}

func dnssecName(ctx context.Context, cfg config, s streams, args, before []string) error {
	write, ok := answerForms[cfg.text("format")]
	if !ok {
		return usagef("format: %q is not one of text, json, svg", cfg.text("format"))
	}
	if err := onlyWords(cfg, "bogus", "fail", "warn", "unknown"); err != nil {
		return err
	}
	q := &inquiry{cfg: cfg, s: s}
	var err error
	if q.plan, err = readPlanned(before); err != nil {
		return err
	}
	if err := q.open(args); err != nil {
		return err
	}
	defer q.set.close()
	ctx, cancel := context.WithTimeout(ctx, cfg.duration("host-timeout"))
	defer cancel()
	if q.plan != nil {
		q.judgePlan(ctx)
	} else {
		q.result = dnssec.New(q.source, q.anchors, q.now).Validate(ctx, q.name, q.qtype)
	}
	q.examine(ctx)
	if err := write(q); err != nil {
		return failed(err)
	}
	return q.threshold()
}

// open reads the question and the files, and sets up the way to the servers. The
// setup is closed again if something is wrong.
func (q *inquiry) open(args []string) (err error) {
	if q.name, q.qtype, err = parseQuestion(args); err != nil {
		return usage(err)
	}
	if q.set, err = newSetup(q.cfg); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			q.set.close()
		}
	}()
	q.set.tracer = newTracer(q.cfg, q.s)
	hints, err := q.set.hints(q.cfg)
	if err != nil {
		return err
	}
	if q.anchors, _, err = readAnchors(q.cfg, q.set.lab); err != nil {
		return usagef("trust anchor: %w", err)
	}
	q.now = q.set.clock(q.cfg)
	q.resolver = q.set.resolver(q.cfg, q.set.network(q.cfg), resolve.Config{Hints: hints, Families: resolve.Both, Now: q.now})
	q.source = q.resolver
	return nil
}

func (q *inquiry) writeJSON() error {
	shown, err := q.shown()
	if err == nil {
		shown, err = q.set.tracer.added(shown)
	}
	if err != nil {
		return err
	}
	return writeJSON(q.s, shown)
}

func (q *inquiry) writeSVG() error { return reports.WriteChainSVG(q.s.out, q.view(), q.cfg.lang()) }

func (q *inquiry) writeText() error {
	if err := reports.WriteChain(q.s.out, q.view(), screen(q.cfg, q.s, q.s.out)); err != nil {
		return err
	}
	if err := q.writePlan(); err != nil {
		return err
	}
	return q.writePosture()
}

// view is the chain with its reasons, and for each of them who was asked.
func (q *inquiry) view() reports.ChainView {
	v := reports.ChainView{Chain: q.result.ChainOfTrust(), Planned: q.planned()}
	for _, r := range q.result.Reasons {
		w := r.Result(r.Name+" "+r.Args["type"], q.result.At)
		w.Args = withCause(r)
		for _, k := range []string{"name", "zone", "parent", "signer"} {
			if n := w.Args[k]; len(n) > 1 {
				w.Args[k] = strings.TrimSuffix(n, ".") // as people write it: the sentence has its own full stop
			}
		}
		if qtype, ok := dns.StringToType[r.Args["type"]]; ok && q.result.State != dnssec.Secure {
			w.Evidence = q.evidence(r.Name, qtype)
		}
		v.Why = append(v.Why, w)
	}
	return v
}

// threshold ends with 3 where --fail-on names the state.
func (q *inquiry) threshold() error {
	for _, w := range q.cfg.list("fail-on") {
		if slices.Contains(stateWords[q.result.State], w) || q.planFaulty() && slices.Contains(stateWords[dnssec.Bogus], w) || q.postureCrosses(w) {
			return told(exitFindings)
		}
	}
	return nil
}

// stateWords are the words of --fail-on that a state answers to.
var stateWords = map[dnssec.State][]string{
	dnssec.Bogus: {"bogus", "fail", "warn"}, dnssec.Insecure: {"warn"}, dnssec.Indeterminate: {"unknown"},
}

// noName says what people write where a name is wanted, and no name is like: asked
// about all the same, it would be told not to exist. Empty: it may be one.
func noName(s string) string {
	host, port, found := strings.Cut(s, ":")
	switch {
	case s == "":
		return "is empty; write a domain name, or a dot for the root"
	case strings.Contains(s, "://"):
		if u, err := url.Parse(s); err == nil && u.Hostname() != "" {
			return "is an address of a page; the domain name in it is " + u.Hostname()
		}
		return "is not a domain name"
	case strings.ContainsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }):
		return "is not a domain name (a space in one is written \\032)"
	case found && port != "" && strings.Trim(port, "0123456789") == "":
		return "has a port; the domain name in it is " + host
	}
	return ""
}

// parseQuestion reads a name in presentation form and a type by mnemonic or TYPEnn.
func parseQuestion(args []string) (name string, qtype uint16, err error) {
	name = strings.TrimSpace(args[0])
	if fault := noName(name); fault != "" {
		return "", 0, fmt.Errorf("%q %s", args[0], fault)
	}
	if addr, err := netip.ParseAddr(name); err == nil {
		reverse, _ := dns.ReverseAddr(addr.WithZone("").String())
		return "", 0, fmt.Errorf("%q is an address; its name in the DNS is %s", name, reverse)
	}
	if strings.ContainsFunc(name, func(r rune) bool { return r > unicode.MaxASCII }) {
		if name, err = idna.Lookup.ToASCII(name); err != nil {
			return "", 0, fmt.Errorf("%q is not a domain name", args[0])
		}
	}
	name = dns.Fqdn(name)
	if _, ok := dns.IsDomainName(name); !ok {
		return "", 0, fmt.Errorf("%q is not a domain name", args[0])
	}
	qtype = dns.TypeAAAA
	if len(args) < 2 {
		return name, qtype, nil
	}
	word := strings.ToUpper(args[1])
	qtype, ok := dns.StringToType[word]
	if !ok {
		n, err := strconv.ParseUint(strings.TrimPrefix(word, "TYPE"), 10, 16)
		if err != nil || !strings.HasPrefix(word, "TYPE") {
			return "", 0, fmt.Errorf("%q is not a record type such as AAAA, MX or TYPE65", args[1])
		}
		qtype = uint16(n)
	}
	if qtype == dns.TypeNone || qtype == dns.TypeOPT || qtype >= dns.TypeTKEY && qtype < dns.TypeANY {
		return "", 0, fmt.Errorf("%q is no type that a name can have records of (RFC 6895 3.1)", args[1])
	}
	return name, qtype, nil
}
