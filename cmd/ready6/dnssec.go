package main

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/miekg/dns"
	"github.com/spf13/cobra"
	"golang.org/x/net/idna"

	"ready6/probes/dnssec"
	"ready6/probes/resolve"
)

func dnssecCommand(s streams) *cobra.Command {
	c := &cobra.Command{
		Use:   "dnssec NAME [TYPE]",
		Short: "Validate one name from the root trust anchor and show the chain",
		Long: `dnssec asks the authoritative servers for NAME and TYPE (default AAAA), from the
root down, validates every step itself, and says secure, insecure (with the proof),
bogus (with the record that breaks the chain) or indeterminate (with the cause).`,
		Example: "  ready6 dnssec www.example.gov.vn\n  ready6 dnssec example.gov.vn MX --format json",
		Args:    cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := load(cmd, s)
			if err != nil {
				return err
			}
			return dnssecName(cmd.Context(), cfg, s, args)
		},
	}
	withSettings(c, "root-hints", "trust-anchor", "at", "allow", "format", "lang", "color", "step-timeout", "host-timeout",
		"connections", "fail-on", "lab", "world", "loopback")
	withUsage(c, "format", "text or json (default: text)")
	withUsage(c, "host-timeout", "longest time for the whole question")
	withUsage(c, "lab", "ask the built-in test Internet")
	return withUsage(c, "fail-on", "exit with 3 on: bogus (or fail), warn (insecure as well), unknown (indeterminate)")
}

func dnssecName(ctx context.Context, cfg config, s streams, args []string) error {
	if f := cfg.text("format"); f != "" && f != "text" && f != "json" {
		return usagef("format: %q is not one of text, json", f)
	}
	name, qtype, err := parseQuestion(args)
	if err != nil {
		return usage(err)
	}
	if err := onlyWords(cfg, "bogus", "fail", "warn", "unknown"); err != nil {
		return err
	}
	set, err := newSetup(cfg)
	if err != nil {
		return err
	}
	defer set.close()
	hints, err := set.hints(cfg)
	if err != nil {
		return err
	}
	anchors, _, err := readAnchors(cfg, set.lab)
	if err != nil {
		return usagef("trust anchor: %w", err)
	}
	now := set.clock(cfg)
	ctx, cancel := context.WithTimeout(ctx, cfg.duration("host-timeout"))
	defer cancel()
	source := set.resolver(cfg, set.network(cfg), resolve.Config{Hints: hints, Families: resolve.Both, Now: now})
	result := dnssec.New(source, anchors, now).Validate(ctx, name, qtype)
	if cfg.text("format") == "json" {
		err = writeJSON(s, result)
	} else {
		err = writeChain(s.out, result, source.Evidence(name, qtype), screen(cfg, s, s.out))
	}
	if err != nil {
		return failed(err)
	}
	for _, w := range cfg.list("fail-on") {
		if slices.Contains(stateWords[result.State], w) {
			return told(exitFindings)
		}
	}
	return nil
}

// stateWords are the words of --fail-on that a state answers to.
var stateWords = map[dnssec.State][]string{
	dnssec.Bogus: {"bogus", "fail", "warn"}, dnssec.Insecure: {"warn"}, dnssec.Indeterminate: {"unknown"},
}

// parseQuestion reads a name in presentation form and a type by mnemonic or TYPEnn.
func parseQuestion(args []string) (name string, qtype uint16, err error) {
	name = args[0]
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
