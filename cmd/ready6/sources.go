package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"

	"ready6/inventory"
	"ready6/probes"
	"ready6/probes/dial"
	"ready6/probes/rpki"
	"ready6/scanner/history"
)

// caches are the RTR clients of a process, by source. A process that runs for
// many nights hands them from run to run, so that a cache is asked for changes only.
type caches map[string]*rpki.RTR

// policy is the thresholds that the operator set.
func policy(c config) rpki.Policy {
	return rpki.Policy{MinPeers: c.number("min-peers"), VRPsStale: c.duration("vrps-max-age"), RoutesStale: c.duration("routes-max-age")}
}

// vrps loads the VRPs. Without any, route-origin states are unknown.
func (s *setup) vrps(ctx context.Context, c config, now func() time.Time) {
	list := c.list("vrps")
	d := probes.Data{Kind: "VRPs", Name: strings.Join(list, ", ")}
	if d.Name == "" && s.lab == nil {
		s.config.Data = append(s.config.Data, d)
		return
	}
	snapshot, passed, err := s.fetchVRPs(ctx, c, now)
	if err != nil {
		d.Err = brief(err)
	} else {
		s.config.VRPs = snapshot
		from := snapshot.Source()
		d.Name, d.At, d.Until, d.Count, d.Passed = from.Name, from.At, from.Until, snapshot.Len(), passed
	}
	s.data(d)
	if err == nil && snapshot.Len() > 0 {
		if tas := snapshot.TAs(); len(tas) > 1 || tas[""] == 0 {
			s.sources[len(s.sources)-1].Counts = tas
		}
	}
}

func stale(at, until, now time.Time, maxAge time.Duration) string {
	switch {
	case !until.IsZero() && now.After(until):
		return "expired at " + until.UTC().Format(time.RFC3339)
	case !at.IsZero() && now.Sub(at) > maxAge:
		return fmt.Sprintf("is %s old (made %s)", now.Sub(at).Round(time.Hour), at.UTC().Format(time.RFC3339))
	}
	return ""
}

// fetchVRPs takes the VRPs from the first source of the list that has fresh
// ones. passed says of those before it why they were not used. Where none is
// fresh, a kept set that has not expired is better than an old file, and an old
// file, which says so, better than nothing.
func (s *setup) fetchVRPs(ctx context.Context, c config, now func() time.Time) (out *rpki.Snapshot, passed []string, err error) {
	list := c.list("vrps")
	if len(list) == 0 && s.lab != nil {
		list = []string{"rtr://" + s.lab.RTRAddr()}
	}
	for _, from := range list {
		if err := checkVRPSource(from); err != nil {
			return nil, nil, err
		}
	}
	var faults []error
	var old *rpki.Snapshot
	for _, from := range list {
		snapshot, err := s.fetchFrom(ctx, c, from, now)
		if err == nil {
			fault := stale(snapshot.Source().At, snapshot.Source().Until, now(), c.duration("vrps-max-age"))
			switch {
			case fault == "" && snapshot.Len() > 0:
				return snapshot, passed, nil
			case fault == "":
				fault = "holds nothing"
			}
			if old == nil {
				old = snapshot
			}
			err = fmt.Errorf("%s %s", from, fault)
		}
		faults = append(faults, err)
		passed = append(passed, brief(err).Error())
	}
	for _, from := range list {
		if r := s.caches[from]; r != nil && r.Kept() != nil {
			return r.Kept(), passed, nil
		}
	}
	if old != nil {
		return old, nil, nil
	}
	if len(faults) == 1 {
		return nil, nil, faults[0]
	}
	return nil, nil, errors.New(strings.Join(passed, "; "))
}

// overRTR takes the address from rtr://HOST:PORT and rtrs://HOST:PORT.
func overRTR(from string) (address string, secured, ok bool) {
	if address, ok = strings.CutPrefix(from, "rtrs://"); ok {
		return address, true, true
	}
	address, ok = strings.CutPrefix(from, "rtr://")
	return address, false, ok
}

// checkVRPSource refuses what cannot be a source at all.
func checkVRPSource(from string) error {
	address, _, ok := overRTR(from)
	if scheme, _, isURL := strings.Cut(from, "://"); isURL && !ok {
		return usagef("%s: VRPs come from a file, from rtr://HOST:PORT or from rtrs://HOST:PORT, not over %s", from, scheme)
	}
	if host, _, err := net.SplitHostPort(address); ok && (err != nil || host == "") {
		return usagef("%s: the RTR cache is wanted as rtr://HOST:PORT, or over TLS as rtrs://HOST:PORT", from)
	}
	return nil
}

func (s *setup) fetchFrom(ctx context.Context, c config, from string, now func() time.Time) (*rpki.Snapshot, error) {
	if _, _, ok := overRTR(from); !ok {
		return readVRPs(from, now(), c.duration("vrps-max-age"))
	}
	r, err := s.cache(c, from, now)
	if err != nil {
		return nil, err
	}
	if kept := r.Kept(); kept != nil && now().Before(r.Due()) {
		return kept, nil // the cache does not want to be asked yet
	}
	ctx, cancel := context.WithTimeout(ctx, max(30*time.Second, c.duration("step-timeout")))
	defer cancel()
	return r.Sync(ctx)
}

// cache is the client of an RTR cache, made at its first use.
func (s *setup) cache(c config, from string, now func() time.Time) (*rpki.RTR, error) {
	if r := s.caches[from]; r != nil {
		return r, nil
	}
	address, secured, _ := overRTR(from)
	out := dial.System()
	if s.lab != nil && address == s.lab.RTRAddr() {
		out = s.lab.Dial
	}
	var conf *tls.Config
	if secured {
		pool, err := s.authorities(c)
		if err != nil {
			return nil, err
		}
		host, _, _ := net.SplitHostPort(address)
		conf = &tls.Config{RootCAs: pool, ServerName: host, MinVersion: tls.VersionTLS12}
	}
	if s.caches == nil {
		s.caches = caches{}
	}
	s.caches[from] = rpki.NewRTR(out, address, conf, now)
	return s.caches[from], nil
}

// readVRPs reads a file. One that does not say how old it is is at least as old
// as the file system says, which counts where that is too old.
func readVRPs(path string, now time.Time, maxAge time.Duration) (*rpki.Snapshot, error) {
	f, err := openFile(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	snapshot, err := rpki.ReadVRPs(f, path)
	if err != nil {
		return nil, err
	}
	if at, old := written(f, now, maxAge); old {
		snapshot = snapshot.Dated(at)
	}
	return snapshot, nil
}

// written is when a file was last written, and whether that is too long ago.
func written(f *os.File, now time.Time, maxAge time.Duration) (time.Time, bool) {
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return time.Time{}, false
	}
	return info.ModTime().UTC(), now.Sub(info.ModTime()) > maxAge
}

// routes loads the route tables; the inventory's own announcements stand in
// where none is given. What a damaged file held before the damage is used.
func (s *setup) routes(c config, inv inventory.Inventory, now func() time.Time) {
	paths := c.list("routes")
	d := probes.Data{Kind: "routes", Name: strings.Join(paths, ", ")}
	var table *rpki.Routes
	var err error
	switch {
	case len(paths) == 0 && s.lab != nil:
		d.Name = "lab"
		var dump []byte
		if dump, err = s.lab.RoutesMRT(); err == nil {
			table, err = rpki.ReadMRT(bytes.NewReader(dump), "lab", ownBlocks(inv)...)
		}
	case len(paths) == 0:
		table = ownRoutes(inv, now())
		if table != nil {
			d.Name = "inventory"
		}
	default:
		table, err = readAllRoutes(paths, ownBlocks(inv), now(), c.duration("routes-max-age"))
	}
	d.Err = brief(err)
	s.config.Routes = table
	if table != nil {
		d.At, d.Count = table.Source().At, table.Len()
	}
	s.data(d)
}

// readAllRoutes reads every table. A damaged one comes with its error; one that
// cannot be read at all leaves none, for which routes it had is not known.
func readAllRoutes(paths []string, own []netip.Prefix, now time.Time, maxAge time.Duration) (*rpki.Routes, error) {
	var tables []*rpki.Routes
	var faults []string
	for _, p := range paths {
		t, err := readRoutes(p, own, now, maxAge)
		if err != nil {
			faults = append(faults, brief(err).Error())
		}
		if t.Len() == 0 {
			return nil, errors.New(strings.Join(faults, "; "))
		}
		tables = append(tables, t)
	}
	if len(faults) > 0 {
		return rpki.MergeRoutes(tables...), errors.New(strings.Join(faults, "; "))
	}
	return rpki.MergeRoutes(tables...), nil
}

func readRoutes(path string, own []netip.Prefix, now time.Time, maxAge time.Duration) (*rpki.Routes, error) {
	f, err := openFile(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	table, err := rpki.ReadRoutes(f, path, own...)
	if table.Len() == 0 && err == nil {
		err = fmt.Errorf("%s: no routes in it", path)
	}
	if at, old := written(f, now, maxAge); old {
		table = table.Dated(at)
	}
	return table, err
}

// ownBlocks are the agencies' own blocks, of which the AS paths are wanted too.
func ownBlocks(inv inventory.Inventory) (out []netip.Prefix) {
	for _, a := range inv.Agencies {
		for _, p := range a.Prefixes {
			out = append(out, p.Prefix)
		}
	}
	return out
}

// ownRoutes is the route table that the inventory itself declares, nil if it
// declares none.
func ownRoutes(inv inventory.Inventory, now time.Time) *rpki.Routes {
	var list []rpki.Announcement
	for _, a := range inv.Agencies {
		for _, p := range a.Prefixes {
			for _, o := range p.Origins {
				list = append(list, rpki.Announcement{Prefix: p.Prefix, Origin: rpki.From(rpki.ASN(o))})
			}
		}
	}
	if len(list) == 0 {
		return nil
	}
	t, err := rpki.NewRoutes(list, rpki.Source{Name: "inventory", Over: "inventory", At: now, Partial: true})
	if err != nil {
		return nil
	}
	return t
}

func (s *setup) data(d probes.Data) {
	s.config.Data = append(s.config.Data, d)
	if d.Name != "" && (d.Err == nil || d.Count > 0) {
		s.source(d.Kind, d.Name, d.At, d.Count)
	}
}

func (s *setup) source(kind, name string, at time.Time, count int) {
	s.sources = append(s.sources, history.SourceInfo{Name: kind + ": " + name, At: at, Count: count})
}
