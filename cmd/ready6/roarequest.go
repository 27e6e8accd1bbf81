package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/spf13/cobra"

	"ready6/inventory"
	"ready6/probes/rpki"
	"ready6/probes/verdict"
)

func roaRequestCommand(s streams) *cobra.Command {
	c := &cobra.Command{
		Use:   "roa-request [PREFIX...]",
		Short: "Draft the letter that asks the registry for the ROAs that own blocks lack",
		Long: `roa-request compares the announcements of the inventory's own address blocks with
the VRPs, and drafts one letter for each holder with a ROA for every announced
prefix that has none or a wrong one: maxLength is the announced length (RFC 9319).
What the inventory does not tell is left as dots to fill in. PREFIX takes only
the blocks named and what lies inside them.`,
		Example: "  ready6 rpki roa-request --inventory inventory.yaml --vrps vrps.json --routes rib.mrt.gz\n  ready6 rpki roa-request --lab --lang vi",
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := load(cmd, s)
			if err != nil {
				return err
			}
			return roaRequest(cmd.Context(), cfg, s, args)
		},
	}
	withSettings(c, "inventory", "vrps", "vrps-max-age", "routes", "routes-max-age", "min-peers", "ca", "lang", "format", "step-timeout", "lab", "world", "loopback")
	return withUsage(c, "format", "text or json (default: text)")
}

// letter is what one holder asks for.
type letter struct {
	Agency   string       `json:"agency"`
	Name     verdict.Text `json:"agency_name"`
	Requests []asked      `json:"requests"`
}

// asked is one ROA in a letter.
type asked struct {
	Prefix   string   `json:"prefix"`
	Origin   string   `json:"origin"`
	MaxLen   int      `json:"max_length"`
	State    string   `json:"state"` // now: not-found, invalid
	VRPs     []string `json:"vrps"`  // that make it invalid
	Foreign  bool     `json:"origin_not_holders"`
	Declared bool     `json:"not_seen_announced"`
	Network  string   `json:"network,omitempty"` // the origin's operator, from the inventory
}

// routing loads what roa-request and show rest on: inventory, VRPs, routes.
// Without VRPs there is nothing to say, which is an error; routes may be missing.
func routing(ctx context.Context, cfg config, s streams, set *setup, needInventory bool) (inventory.Inventory, error) {
	var inv inventory.Inventory
	var err error
	if needInventory || cfg.text("inventory") != "" || set.lab != nil {
		if inv, _, _, err = readInventory(cfg, s, set.lab); err != nil {
			return inv, usage(err)
		}
	}
	if len(cfg.list("vrps")) == 0 && set.lab == nil {
		return inv, usagef("no VRPs: name a file or rtr://HOST:PORT with --vrps")
	}
	now := set.clock(cfg)
	inv = inv.At(now())
	set.vrps(ctx, cfg, now)
	set.routes(cfg, inv, now)
	for _, d := range set.config.Data {
		if d.Err != nil {
			return inv, usagef("%s: %w", d.Kind, d.Err)
		}
	}
	from := set.config.VRPs.Source()
	if fault := stale(from.At, from.Until, now(), cfg.duration("vrps-max-age")); fault != "" {
		fmt.Fprintf(s.err, "ready6: VRPs: %s %s; what follows is of that time\n", from.Name, fault)
	}
	if table := set.config.Routes.Source(); !table.At.IsZero() {
		if fault := stale(table.At, time.Time{}, now(), cfg.duration("routes-max-age")); fault != "" {
			fmt.Fprintf(s.err, "ready6: routes: %s %s; what follows is of that time\n", table.Name, fault)
		}
	}
	if set.config.VRPs.Len() == 0 {
		return inv, usagef("VRPs: %s holds none, so everything would seem to lack a ROA", from.Name)
	}
	return inv, nil
}

func roaRequest(ctx context.Context, cfg config, s streams, args []string) error {
	if f := cfg.text("format"); f != "" && f != "text" && f != "json" {
		return usagef("format: %q is not one of text, json", f)
	}
	var only []netip.Prefix
	var faults []error
	for _, arg := range args {
		p, err := rpki.ParsePrefix(arg)
		if err != nil {
			faults = append(faults, err)
		}
		only = append(only, p)
	}
	if err := errors.Join(faults...); err != nil {
		return usage(err)
	}
	set, err := newSetup(cfg)
	if err != nil {
		return err
	}
	defer set.close()
	inv, err := routing(ctx, cfg, s, set, true)
	if err != nil {
		return err
	}
	letters, err := letters(inv, set, policy(cfg), cfg.lang(), set.clock(cfg)(), only)
	if err != nil {
		return err
	}
	if cfg.text("format") == "json" {
		return wrapFailed(writeJSON(s, letters))
	}
	if len(letters) == 0 {
		fmt.Fprintf(s.err, "ready6: %s\n", sayNoRequest.in(cfg.lang()))
		return nil
	}
	p := &printer{w: s.out}
	for i, l := range letters {
		if i > 0 {
			p.line("\n%s\n", "────────")
		}
		writeLetter(p, l, cfg.lang())
	}
	return wrapFailed(p.err)
}

// letters drafts one letter a holder. A prefix asked for that lies in nobody's
// own block is an error: only its holder can ask for a ROA.
func letters(inv inventory.Inventory, set *setup, pol rpki.Policy, lang verdict.Lang, now time.Time, only []netip.Prefix) ([]letter, error) {
	providers, names := networks(inv, lang)
	out := []letter{}
	held := make([]bool, len(only))
	for _, ag := range inv.Agencies {
		l := letter{Agency: ag.ID, Name: ag.Name}
		for _, block := range ag.Prefixes {
			h := rpki.Holding{Prefix: block.Prefix, Origins: asNumbers(block.Origins), Own: asNumbers(ag.ASNs), Providers: providers}
			for i, p := range only {
				held[i] = held[i] || p.Overlaps(block.Prefix)
			}
			for _, r := range pol.Requests(set.config.VRPs, set.config.Routes, h, now) {
				if wanted(only, r.Prefix) {
					l.Requests = append(l.Requests, askedFor(r, names))
				}
			}
		}
		if len(l.Requests) > 0 {
			out = append(out, l)
		}
	}
	for i, p := range only {
		if !held[i] {
			return nil, usagef("%s is in no own block of the inventory: only the holder of a block can ask for its ROA", p)
		}
	}
	return out, nil
}

func wanted(only []netip.Prefix, p netip.Prefix) bool {
	for _, o := range only {
		if o.Bits() <= p.Bits() && o.Contains(p.Addr()) {
			return true
		}
	}
	return len(only) == 0
}

func askedFor(r rpki.Request, names map[rpki.ASN]string) asked {
	a := asked{Prefix: r.Prefix.String(), Origin: r.Origin.String(), MaxLen: r.MaxLen, State: r.State.String(), VRPs: []string{},
		Foreign: r.Foreign, Declared: r.Declared, Network: names[r.Origin.ASN]}
	for _, v := range r.VRPs {
		a.VRPs = append(a.VRPs, v.String())
	}
	return a
}

// networks are the AS numbers that the inventory names, and their names.
func networks(inv inventory.Inventory, l verdict.Lang) (list []rpki.ASN, names map[rpki.ASN]string) {
	names = map[rpki.ASN]string{}
	for _, p := range inv.Providers {
		list = append(list, rpki.ASN(p.ASN))
		names[rpki.ASN(p.ASN)] = p.Name.In(l)
	}
	return list, names
}

func asNumbers(list []uint32) []rpki.ASN {
	var out []rpki.ASN
	for _, n := range list {
		out = append(out, rpki.ASN(n))
	}
	return out
}
