package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/miekg/dns"
	"github.com/spf13/cobra"

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
	return withSettings(c, "root-hints", "trust-anchor", "at", "allow", "format", "lang", "color", "step-timeout", "host-timeout",
		"connections", "fail-on", "lab", "world", "loopback")
}

func dnssecName(ctx context.Context, cfg config, s streams, args []string) error {
	if f := cfg.text("format"); f != "" && f != "text" && f != "json" {
		return usagef("format: %q is not one of text, json", f)
	}
	name, qtype, err := parseQuestion(args)
	if err != nil {
		return usage(err)
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
		err = writeChain(s.out, result, screen(cfg, s, s.out))
	}
	if err != nil {
		return failed(err)
	}
	for _, w := range cfg.list("fail-on") {
		if (w == "bogus" || w == "fail") && result.State == dnssec.Bogus || w == "unknown" && result.State == dnssec.Indeterminate {
			return told(exitFindings)
		}
	}
	return nil
}

// parseQuestion reads a name in presentation form and a type by mnemonic or TYPEnn.
func parseQuestion(args []string) (name string, qtype uint16, err error) {
	name = dns.Fqdn(args[0])
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
		var n uint16
		if _, err := fmt.Sscanf(word, "TYPE%d", &n); err != nil {
			return "", 0, fmt.Errorf("%q is not a record type such as AAAA, MX or TYPE65", args[1])
		}
		qtype = n
	}
	return name, qtype, nil
}
