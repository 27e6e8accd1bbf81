package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"ready6/inventory"
	"ready6/probes"
	"ready6/reports"
)

func probeCommand(s streams) *cobra.Command {
	c := &cobra.Command{
		Use:   "probe TARGET",
		Short: "Examine one name or address now: what was found, why, what to do, who does it",
		Long: `probe examines one service and explains what it found. TARGET is a host name, an
address, host:port, or a URL. A name with MX records is looked at as a mail domain
as well, unless --kind says what it is. Nothing is stored: an ad-hoc probe never
enters a run.`,
		Example: "  ready6 probe dichvucong.example.gov.vn\n  ready6 probe --kind mail example.gov.vn\n  ready6 probe --lab www.daknong.gov.vn",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := load(cmd, s)
			if err != nil {
				return err
			}
			kind, _ := cmd.Flags().GetString("kind")
			return probe(cmd.Context(), cfg, s, args[0], kind)
		},
	}
	c.Flags().String("kind", "", "web, mail, dns, tcp or tls; default: web, and mail where there are MX records")
	c = withSettings(c, append([]string{"format", "fail-on", "trace", "browser", "closure"}, measuring...)...)
	withUsage(c, "format", "text or json, one object per service as scan has it (default: text)")
	return withUsage(c, "inventory", "inventory with the target's owner and the canaries; default: inventory.yaml if it is there")
}

func probe(ctx context.Context, cfg config, s streams, target, kind string) error {
	if f := cfg.text("format"); f != "" && f != "text" && f != "json" {
		return usagef("format: %q is not one of text, json", f)
	}
	svc, err := parseTarget(target, kind)
	if err != nil {
		return usage(err)
	}
	set, err := newSetup(cfg)
	if err != nil {
		return err
	}
	defer set.close()
	inv := inventory.Inventory{}
	if _, err := os.Stat(defaultInventory); err == nil || cfg.text("inventory") != "" || set.lab != nil {
		if inv, _, _, err = readInventory(cfg, s, set.lab); err != nil {
			return usage(err)
		}
	}
	set.tracer = newTracer(cfg, s)
	if err := set.prepare(ctx, cfg, inv); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, cfg.duration("host-timeout"))
	defer cancel()
	env := probes.New(ctx, set.config)
	_, preflight := env.Preflight(ctx)
	svc.Visibility = visibilityOf(inv, svc.Host)
	services := []inventory.Service{svc}
	if kind == "" && svc.Port == 0 && env.TakesMail(ctx, svc.Host) {
		mail := svc
		mail.Kind = "mail"
		services = append(services, mail)
	}
	agency := ownerOf(inv, svc.Host)
	about := reports.About{Inventory: inv, Vantage: vantageName(cfg), Preflight: preflight, At: set.clock(cfg)()}
	return explain(ctx, cfg, s, env, set.tracer, agency, services, about)
}

// explain measures and prints each service, then looks at the thresholds.
func explain(ctx context.Context, cfg config, s streams, env *probes.Env, t *tracer, agency string, services []inventory.Service, about reports.About) error {
	thresholds, _ := parseThresholds(cfg.list("fail-on")) // checked by load
	under := 0
	for i, svc := range services {
		rec := env.Service(ctx, agency, svc)
		judged := reports.Judge(rec)
		if crossed(thresholds, judged) {
			under++
		}
		if cfg.text("format") == "json" {
			if err := writeTraced(s, rec, t); err != nil {
				return failed(err)
			}
			continue
		}
		if i > 0 {
			fmt.Fprintln(s.out)
		}
		if err := reports.WriteService(s.out, judged, about, screen(cfg, s, s.out)); err != nil {
			return failed(err)
		}
		if err := reports.WriteClosure(s.out, judged, about, screen(cfg, s, s.out), cfg.on("closure")); err != nil {
			return failed(err)
		}
	}
	var lost []string
	if ctx.Err() == nil {
		lost = tellPreflight(s.err, about.Preflight, cfg.lang())
	}
	switch {
	case ctx.Err() != nil:
		said := sayStopped
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			said = sayOver
		}
		return failed(errors.New(said.in(cfg.lang())))
	case len(lost) > 0:
		return told(exitFailed)
	case under > 0:
		return told(exitFindings)
	}
	return nil
}

// parseTarget reads what a person types: a name, an address, host:port, a URL.
func parseTarget(target, kind string) (inventory.Service, error) {
	svc := inventory.Service{Kind: "web", Visibility: "public"}
	if kind != "" {
		if kind != "web" && kind != "mail" && kind != "dns" && kind != "tcp" && kind != "tls" {
			return svc, fmt.Errorf("kind: %q is not one of web, mail, dns, tcp, tls", kind)
		}
		svc.Kind = kind
	}
	host := strings.TrimSpace(target)
	if scheme, rest, isURL := strings.Cut(host, "://"); isURL {
		if scheme = strings.ToLower(scheme); scheme != "http" && scheme != "https" {
			return svc, fmt.Errorf("%q: a web address begins with http:// or https://; for others name the host, and --kind", target)
		}
		host = rest[:strings.IndexAny(rest+"/", "/?#")]
		host = host[strings.LastIndexByte(host, '@')+1:]
	} else if name, _, path := strings.Cut(host, "/"); path && !isAddr(name) {
		host = name // a web address without its beginning
	}
	if h, p, err := net.SplitHostPort(host); err == nil {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil || n == 0 {
			return svc, fmt.Errorf("%q: %q is not a port from 1 to 65535", target, p)
		}
		host, svc.Port = h, uint16(n)
	}
	if inner, ok := strings.CutPrefix(host, "["); ok {
		host = strings.TrimSuffix(inner, "]")
	}
	if a, err := netip.ParseAddr(host); err == nil {
		host = a.Unmap().String()
	}
	var err error
	if svc.Host, err = inventory.Host(host); err != nil {
		return svc, fmt.Errorf("target: %w", err)
	}
	if (svc.Kind == "tcp" || svc.Kind == "tls") && svc.Port == 0 {
		return svc, fmt.Errorf("kind %s needs a port: %s:PORT", svc.Kind, target)
	}
	return svc, nil
}

func isAddr(s string) bool {
	_, err := netip.ParseAddr(s)
	return err == nil
}

// visibilityOf is what the inventory says of a host: internal only where all that
// list it say so.
func visibilityOf(inv inventory.Inventory, host string) string {
	said := ""
	for _, s := range inv.All() {
		if s.Host == host && (said == "" || s.Visibility == "public") {
			said = s.Visibility
		}
	}
	return cmp.Or(said, "public")
}

// ownerOf is the agency whose service a host is, empty if none lists it.
func ownerOf(inv inventory.Inventory, host string) string {
	for a, s := range inv.All() {
		if s.Host == host {
			return a.ID
		}
	}
	return ""
}

// writeJSON prints one value, indented, for people and programs alike.
func writeJSON(s streams, v any) error {
	e := json.NewEncoder(s.out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return failed(err)
	}
	return nil
}
