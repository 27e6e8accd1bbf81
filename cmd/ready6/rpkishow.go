package main

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	"github.com/spf13/cobra"

	"ready6/inventory"
	"ready6/probes"
	"ready6/probes/resolve"
	"ready6/probes/rpki"
	"ready6/probes/verdict"
	"ready6/reports"
)

func rpkiShowCommand(s streams) *cobra.Command {
	c := &cobra.Command{
		Use:   "show ADDRESS|PREFIX|HOST",
		Short: "Show the routes and ROAs that cover an address, what decides, and what is left if it is dropped",
		Long: `show lists the routes of the route table that cover an address or a whole prefix,
the most specific first, with the ROAs that speak of each (RFC 6811), says which
one decides and what remains for networks that drop it, and who holds the block.
Of a host, it shows every address that the DNS gives, IPv6 first.`,
		Example: "  ready6 rpki show 2001:db8:8000::80 --lab\n  ready6 rpki show dichvucong.lamdong.gov.vn --lab\n  ready6 rpki show 198.51.100.0/24 --vrps vrps.json --routes rib.mrt.gz --inventory inventory.yaml",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := load(cmd, s)
			if err != nil {
				return err
			}
			return rpkiShow(cmd.Context(), cfg, s, args[0])
		},
	}
	withSettings(c, "inventory", "vrps", "vrps-max-age", "routes", "routes-max-age", "min-peers", "ca", "lang", "color", "format", "step-timeout", "root-hints", "allow", "lab", "world", "loopback")
	return withUsage(c, "format", "text or json (default: text)")
}

// shown is the answer in JSON.
type shown struct {
	Query    string       `json:"query"`
	State    string       `json:"state"`
	Code     string       `json:"code"`
	Routes   []shownRoute `json:"routes"` // most specific first
	VRPs     []rpki.VRP   `json:"vrps"`
	Advisory []rpki.VRP   `json:"advisory_vrps"`
	Holder   *shownHolder `json:"holder"` // null: in nobody's own block
	Findings []shownNote  `json:"findings"`
}

// shownHost is the answer for a host in JSON.
type shownHost struct {
	Query     string  `json:"query"`
	Addresses []shown `json:"addresses"` // IPv6 first
}

type shownRoute struct {
	Prefix   string        `json:"prefix"`
	Origin   string        `json:"asn"`
	Network  string        `json:"network,omitempty"`
	Peers    int           `json:"peers"` // 0: not known
	Use      string        `json:"use"`
	Validity rpki.Validity `json:"validity"`
}

type shownHolder struct {
	Agency string       `json:"agency"`
	Name   verdict.Text `json:"agency_name"`
	Block  string       `json:"block"`
}

type shownNote struct {
	Code    verdict.Reason  `json:"code"`
	Outcome verdict.Outcome `json:"outcome"`
	Title   verdict.Text    `json:"title"`
	Advice  verdict.Text    `json:"advice"`
	Owner   verdict.Owner   `json:"owner"`
}

// hostShown reports whether arg is a host's name: a domain name whose last label
// is no number, so that a slip in an address is not looked up.
func hostShown(arg string) bool {
	name := strings.TrimSuffix(strings.TrimSpace(arg), ".")
	last := name[strings.LastIndex(name, ".")+1:]
	return strings.Contains(name, ".") && !strings.ContainsAny(name, "/:% ") && strings.Trim(last, "0123456789") != ""
}

// targets are the prefixes to show: of a host, its addresses.
func (s *setup) targets(ctx context.Context, cfg config, arg string) ([]netip.Prefix, error) {
	if !hostShown(arg) {
		p, err := parseShown(arg)
		return []netip.Prefix{p}, err
	}
	hints, err := s.hints(cfg)
	if err != nil {
		return nil, err
	}
	now, host := s.clock(cfg), strings.TrimSuffix(strings.TrimSpace(arg), ".")
	c := probes.Config{Allow: s.allow(cfg), Now: now, Dial: s.network(cfg)}
	c.DNS = s.resolver(cfg, c.Dial, resolve.Config{Hints: hints, Families: resolve.Both, Now: now})
	list, err := probes.New(ctx, c).Published(ctx, host)
	if err == nil && len(list) == 0 {
		err = fmt.Errorf("%s publishes no address", host)
	}
	if err != nil {
		return nil, failed(err)
	}
	var out []netip.Prefix
	for _, a := range list {
		out = append(out, netip.PrefixFrom(a, a.BitLen()))
	}
	return out, nil
}

// parseShown reads an address as the prefix of just itself.
func parseShown(arg string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(strings.TrimSpace(arg)); err == nil {
		if a.Zone() != "" {
			return netip.Prefix{}, usagef("%q has a zone: an address of one link is never routed", arg)
		}
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := rpki.ParsePrefix(arg)
	if err != nil {
		if !strings.ContainsAny(arg, "/:") {
			return p, usagef("%q is neither an address, nor a prefix, nor a host's name", arg)
		}
		return p, usage(err)
	}
	if p.Addr().Is4In6() {
		return p, usagef("%q is an IPv4-mapped IPv6 prefix, which nobody routes: write the IPv4 prefix", arg)
	}
	return p, nil
}

func rpkiShow(ctx context.Context, cfg config, s streams, arg string) error {
	if f := cfg.text("format"); f != "" && f != "text" && f != "json" {
		return usagef("format: %q is not one of text, json", f)
	}
	if !hostShown(arg) {
		if _, err := parseShown(arg); err != nil {
			return err
		}
	}
	set, err := newSetup(cfg)
	if err != nil {
		return err
	}
	defer set.close()
	inv, err := routing(ctx, cfg, s, set, false)
	if err != nil {
		return err
	}
	targets, err := set.targets(ctx, cfg, arg)
	if err != nil {
		return err
	}
	all := shownHost{Query: strings.TrimSpace(arg)}
	for i, target := range targets {
		f := policy(cfg).JudgePrefix(set.config.VRPs, set.config.Routes, target, set.clock(cfg)())
		out := show(f, inv, target, cfg.lang())
		all.Addresses = append(all.Addresses, out)
		if cfg.text("format") == "json" {
			continue
		}
		p := &printer{w: s.out}
		if i > 0 {
			p.line("")
		}
		if err := writeShown(p, out, f, screen(cfg, s, s.out)); err != nil {
			return failed(err)
		}
	}
	switch {
	case cfg.text("format") != "json":
		return nil
	case hostShown(arg):
		return wrapFailed(writeJSON(s, all))
	}
	return wrapFailed(writeJSON(s, all.Addresses[0]))
}

func show(f rpki.Finding, inv inventory.Inventory, target netip.Prefix, lang verdict.Lang) shown {
	_, names := networks(inv, lang)
	out := shown{Query: strings.TrimSuffix(target.String(), fmt.Sprintf("/%d", target.Addr().BitLen())), State: f.State().String(), Code: string(f.Code()),
		Routes: []shownRoute{}, VRPs: append([]rpki.VRP{}, f.VRPs...), Advisory: append([]rpki.VRP{}, f.Advisory...), Findings: []shownNote{}}
	for _, j := range f.Routes {
		r := shownRoute{j.Prefix.String(), j.Origin.String(), "", j.Peers, j.Use.String(), j.Validity}
		if j.Origin.Known {
			r.Network = names[j.Origin.ASN]
		}
		out.Routes = append(out.Routes, r)
	}
	best := -1
	for _, ag := range inv.Agencies {
		for _, p := range ag.Prefixes {
			if p.Prefix.Contains(target.Addr()) && p.Prefix.Bits() <= target.Bits() && p.Prefix.Bits() > best {
				best = p.Prefix.Bits()
				out.Holder = &shownHolder{ag.ID, ag.Name, p.Prefix.String()}
			}
		}
	}
	for _, r := range f.Results() {
		if r.Subject == f.Addr.String() {
			r.Subject = out.Query
		}
		if out.Holder != nil && r.Owner.Role != verdict.Operator {
			r.Owner = verdict.Owner{Role: verdict.Agency, Name: out.Holder.Agency}
		}
		text := func(in func(verdict.Lang) string) verdict.Text {
			return verdict.Text{EN: in(verdict.EN), VI: in(verdict.VI)}
		}
		out.Findings = append(out.Findings, shownNote{r.Reason, r.Outcome(), text(r.Title), text(r.Advice), r.Owner})
	}
	return out
}

func writeShown(p *printer, out shown, f rpki.Finding, sc reports.Screen) error {
	l := sc.Lang
	p.line("%s", ink(out.State, fmt.Sprintf("%s %s: %s", mark(out.State), out.Query, routeStates[out.State].in(l)), sc))
	if h := out.Holder; h != nil {
		p.line("  %s %s (%s)", sayHolder.in(l), reports.Clean(h.Name.In(l)), h.Block)
	}
	for _, n := range out.Findings {
		p.line("%s", fold("  ", "  ", reports.Clean(n.Title.In(l))))
		if a := n.Advice.In(l); a != "" {
			p.line("%s", fold("    "+sayMend.in(l)+" ", "    ", reports.Clean(a)))
		}
	}
	p.line("")
	p.line("%s", sayRoutes.in(l))
	for i, r := range f.Routes {
		var parts []string
		if n := out.Routes[i].Network; n != "" {
			parts = append(parts, reports.Clean(n))
		}
		if r.Peers > 0 {
			parts = append(parts, fmt.Sprintf(sayPeers.in(l), r.Peers))
		}
		state := r.Validity.State().String()
		parts = append(parts, routeStates[state].in(l), routeUses[r.Use].in(l))
		p.line("%s", fold("  "+mark(state)+" ", "      ", fmt.Sprintf("%s %s · %s", r.Prefix, r.Origin, strings.Join(parts, " · "))))
		for _, group := range []struct {
			word saying
			list []rpki.VRP
		}{{sayMatched, r.Validity.Matched}, {sayTooSpecific, r.Validity.TooSpecific}, {sayWrongOrigin, r.Validity.WrongOrigin}} {
			for _, v := range group.list {
				p.line("      %s: %s", group.word.in(l), withTA(v))
			}
		}
	}
	if len(f.Routes) == 0 {
		p.line("  %s", sayNone.in(l))
	}
	p.line("%s", sayROAs.in(l))
	for _, v := range f.VRPs {
		p.line("  %s", withTA(v))
	}
	if len(f.VRPs) == 0 {
		p.line("  %s", sayNone.in(l))
	}
	p.line(sayFrom.in(l), orDash(f.From.Name), orDash(f.Table.Name))
	return p.err
}

// withTA names a VRP with its trust anchor, if that is known.
func withTA(v rpki.VRP) string { return strings.TrimRight(v.String()+"  "+reports.Clean(v.TA), " ") }

func orDash(s string) string {
	if s == "" {
		return "–"
	}
	return reports.Clean(s)
}
