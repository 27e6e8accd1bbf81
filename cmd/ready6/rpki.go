package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ready6/probes/rpki"
)

func rpkiCommand(s streams) *cobra.Command {
	return group("rpki", "Route-origin validation", rpkiValidateCommand(s), rpkiShowCommand(s), roaRequestCommand(s))
}

func rpkiValidateCommand(s streams) *cobra.Command {
	c := &cobra.Command{
		Use:   "validate [PREFIX ASN]",
		Short: "Say whether a route is valid, invalid or not-found, with the VRPs that decide",
		Long: `validate compares routes with validated ROA payloads (RFC 6811). ASN is AS64500,
64500, or none for a route whose path ends in an AS_SET. With --batch, routes come
as JSON lines {"prefix":…,"asn":…} and answers go out in the same order.`,
		Example: "  ready6 rpki validate --vrps vrps.json 2001:db8::/32 AS64500\n  ready6 rpki validate --vrps rtr://127.0.0.1:8282 --batch routes.jsonl",
		Args:    cobra.MaximumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := load(cmd, s)
			if err != nil {
				return err
			}
			batch, _ := cmd.Flags().GetString("batch")
			return rpkiValidate(cmd.Context(), cfg, s, args, batch)
		},
	}
	c.Flags().String("batch", "", "file with routes as JSON lines; - for standard input")
	withSettings(c, "vrps", "vrps-max-age", "ca", "format", "lang", "color", "fail-on", "step-timeout", "lab", "world", "loopback")
	withUsage(c, "format", "text or json (default: text); a batch is always JSON lines")
	withUsage(c, "fail-on", "exit with 3 if a route is invalid (the one word for routes: invalid)")
	withUsage(c, "step-timeout", "longest wait for the RTR cache where that is more than 30 s")
	return withUsage(c, "lab", "take the VRPs from the built-in test Internet")
}

func rpkiValidate(ctx context.Context, cfg config, s streams, args []string, batch string) error {
	if f := cfg.text("format"); f != "" && f != "text" && f != "json" {
		return usagef("format: %q is not one of text, json", f)
	}
	if (batch == "") != (len(args) == 2) {
		return usagef("rpki validate takes either PREFIX and ASN, or --batch FILE")
	}
	if len(cfg.list("vrps")) == 0 && !cfg.on("lab") {
		return usagef("no VRPs: name a file or rtr://HOST:PORT with --vrps")
	}
	if err := onlyWords(cfg, "invalid"); err != nil {
		return err
	}
	set, err := newSetup(cfg)
	if err != nil {
		return err
	}
	defer set.close()
	now := set.clock(cfg)
	snapshot, passed, err := set.fetchVRPs(ctx, cfg, now)
	if err != nil {
		var bad *failure
		if !errors.As(err, &bad) && slices.ContainsFunc(cfg.list("vrps"), func(v string) bool { return strings.Contains(v, "://") }) {
			return failed(fmt.Errorf("VRPs: %w", err))
		}
		return usagef("VRPs: %w", err)
	}
	for _, p := range passed {
		fmt.Fprintf(s.err, "ready6: VRPs: not used: %s\n", p)
	}
	if len(passed) > 0 {
		fmt.Fprintf(s.err, "ready6: VRPs: taken from %s\n", snapshot.Source().Name)
	}
	if fault := stale(snapshot.Source().At, snapshot.Source().Until, now(), cfg.duration("vrps-max-age")); fault != "" {
		fmt.Fprintf(s.err, "ready6: VRPs: %s %s; the answers below are of that time\n", snapshot.Source().Name, fault)
	}
	if snapshot.Len() == 0 {
		fmt.Fprintf(s.err, "ready6: VRPs: %s holds none, so every route is not-found\n", snapshot.Source().Name)
	}
	if batch != "" {
		return rpkiBatch(ctx, cfg, s, snapshot, batch)
	}
	return rpkiOne(cfg, s, snapshot, args, now())
}

func rpkiOne(cfg config, s streams, snapshot *rpki.Snapshot, args []string, now time.Time) error {
	prefix, err := rpki.ParsePrefix(args[0])
	if err != nil {
		return usage(err)
	}
	origin, err := rpki.ParseOrigin(args[1])
	if err != nil {
		return usage(err)
	}
	v := snapshot.Validate(prefix, origin)
	if left := v.Alive(now); left.State() != v.State() {
		fmt.Fprintf(s.err, "ready6: VRPs: of those that decide, some have expired; without them the route would be %s\n", left.State())
	}
	if cfg.text("format") == "json" {
		err = writeJSON(s, v)
	} else {
		err = writeValidity(s.out, v, snapshot, screen(cfg, s, s.out))
	}
	if err != nil {
		return failed(err)
	}
	if v.State() == rpki.Invalid && slices.Contains(cfg.list("fail-on"), "invalid") {
		return told(exitFindings)
	}
	return nil
}

func rpkiBatch(ctx context.Context, cfg config, s streams, snapshot *rpki.Snapshot, path string) error {
	in, out := s.in, &invalids{w: s.out}
	if path != "-" {
		f, err := openFile(path)
		if err != nil {
			return usagef("batch: %w", err)
		}
		defer f.Close()
		in = f
	}
	err := rpki.Batch(ctx, snapshot, in, out)
	switch {
	case err != nil && (out.err != nil || ctx.Err() != nil):
		return failed(fmt.Errorf("batch: %w", err))
	case err != nil:
		return usagef("batch: %w", err)
	case out.n > 0 && slices.Contains(cfg.list("fail-on"), "invalid"):
		return told(exitFindings)
	}
	return nil
}

// invalids passes JSON lines on and counts those of invalid routes.
type invalids struct {
	w    io.Writer
	n    int
	tail []byte // what the next write may complete
	err  error
}

// Inside a string the quotes would be escaped, so this is the member itself.
var invalidMember = []byte(`"state":"invalid"`)

func (i *invalids) Write(b []byte) (n int, err error) {
	seam := append(i.tail, b...)
	i.n += bytes.Count(seam, invalidMember)
	i.tail = bytes.Clone(seam[max(0, len(seam)-len(invalidMember)+1):])
	n, i.err = i.w.Write(b)
	return n, i.err
}
