package main

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/miekg/dns"
	"github.com/spf13/cobra"

	"ready6/probes/dnssec"
	"ready6/probes/lab"
)

func labCommand(s streams) *cobra.Command {
	var list bool
	var story string
	c := &cobra.Command{
		Use:   "lab",
		Short: "Serve the test Internet on loopback, for dig, delv, curl and rtrclient to look at",
		Long: `lab starts a world of the test Internet on 127.0.0.1 and ::1, writes what other tools
need to look at it (trust anchors, CA, VRPs, routes, inventory) into a folder, says
what listens where, and serves until it is interrupted.`,
		Example: "  ready6 lab\n  ready6 lab --world NAME\n  ready6 lab --list\n  ready6 lab --history story.db && ready6 report --store story.db --period 2026-Q2",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := load(cmd, s)
			if err != nil {
				return err
			}
			if list {
				return listWorlds(s)
			}
			if story != "" {
				return writeStory(cmd.Context(), s, story)
			}
			return serveLab(cmd.Context(), cfg, s)
		},
	}
	c.Flags().BoolVar(&list, "list", false, "list the worlds there are")
	c.Flags().StringVar(&story, "history", "", "write a history of 120 simulated nights of the province into this new file, to try reports on")
	withSettings(c, "world", "out")
	withUsage(c, "world", "the world to serve")
	return withUsage(c, "out", "folder in which a folder world-NAME is made for those files")
}

func listWorlds(s streams) error {
	t := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	for _, name := range lab.Worlds() {
		w, err := lab.Open(name)
		if err != nil {
			return failed(err)
		}
		fmt.Fprintf(t, "%s\t%s\n", name, w.Title)
	}
	return wrapFailed(t.Flush())
}

func serveLab(ctx context.Context, cfg config, s streams) error {
	w, err := lab.Open(cfg.text("world"))
	if err != nil {
		return usagef("world: %w; ready6 lab --list names the worlds there are", err)
	}
	// Other tools take the time of the day, so signatures have to be made for it.
	l, err := lab.Start(w, lab.Options{Loopback: true, Now: cfg.now()})
	if err != nil {
		return failed(err)
	}
	defer l.Close()
	dir := filepath.Join(cfg.text("out"), "world-"+cfg.text("world"))
	if err := writeLab(l, dir); err != nil {
		return failed(fmt.Errorf("lab: %w; name another folder with --out", err))
	}
	if err := describeLab(s.out, l, dir); err != nil {
		return failed(err)
	}
	fmt.Fprintln(s.err, "ready6: serving until interrupted (Ctrl-C)")
	<-ctx.Done()
	return nil
}

// writeLab writes what other tools need to look at the lab.
func writeLab(l *lab.Lab, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	routes, err := l.RoutesMRT()
	if err != nil {
		return err
	}
	inv, err := l.Inventory()
	if err != nil {
		return err
	}
	for name, data := range map[string][]byte{
		"anchors": []byte(l.Anchors()), "bind.keys": bindAnchors(l), "named.root": []byte(l.Hints()), "ca.pem": l.CAPEM(),
		"vrps.json": l.VRPs(), "routes.mrt": routes, "inventory.yaml": inv,
	} {
		if err := writeWhole(filepath.Join(dir, name), func(w io.Writer) error {
			_, err := w.Write(data)
			return err
		}); err != nil {
			return err
		}
	}
	return nil
}

// bindAnchors writes the trust anchors in the form that delv reads (-a).
func bindAnchors(l *lab.Lab) []byte {
	var b strings.Builder
	b.WriteString("trust-anchors {\n")
	anchors, err := dnssec.ReadAnchors(strings.NewReader(l.Anchors()))
	for _, rr := range anchors {
		if ds, ok := rr.(*dns.DS); ok && err == nil {
			fmt.Fprintf(&b, "\t%q static-ds %d %d %d %q;\n", ds.Hdr.Name, ds.KeyTag, ds.Algorithm, ds.DigestType, ds.Digest)
		}
	}
	b.WriteString("};\n")
	return []byte(b.String())
}

func describeLab(w io.Writer, l *lab.Lab, dir string) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	var cache netip.AddrPort
	fmt.Fprintln(t, "WHAT\tNAME\tIN THE WORLD\tHERE")
	for _, e := range l.Endpoints() {
		world := e.World.String()
		if e.World.Addr().IsUnspecified() {
			world = "–" // a convenience for tools; nothing in the world has it
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", e.Role, e.Name, world, e.Local)
		if e.Role == "rtr" {
			cache = e.Local
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	resolver := l.ResolverAddr()
	_, err := fmt.Fprintf(w, `
Files: %s
Look at it with:
  dig  @%s -p %d +dnssec NAME AAAA
  delv @%s -p %d -a %s/bind.keys NAME AAAA
  curl --cacert %s/ca.pem --connect-to HOST:443:ADDRESS-HERE https://HOST/
  rtrclient tcp %s %d
`, dir, resolver.Addr(), resolver.Port(), resolver.Addr(), resolver.Port(), dir, dir, cache.Addr(), cache.Port())
	return err
}
