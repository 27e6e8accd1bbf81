package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"ready6/inventory"
	"ready6/probes/lab"
)

// openFile opens an input file. A folder opens without complaint and fails only
// when it is read, with words about the read: it is told here.
func openFile(path string) (*os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err == nil && info.IsDir() {
		f.Close()
		return nil, fmt.Errorf("%s is a folder; a file is wanted", path)
	}
	return f, nil
}

// readFile reads a whole input file.
func readFile(path string) ([]byte, error) {
	f, err := openFile(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
}

// brief keeps the first fault of a list, in one sentence: a file of another kind
// has one in every line.
func brief(err error) error {
	if err == nil {
		return nil
	}
	first, rest, more := strings.Cut(strings.TrimSpace(err.Error()), "\n")
	if !more {
		return err
	}
	return fmt.Errorf("%s (and %d more faults)", first, strings.Count(rest, "\n")+1)
}

const defaultInventory = "inventory.yaml"

// readInventory reads what is to be scanned: the file given, inventory.yaml in
// this folder, or the lab's own. raw is its text, for the run's header; a list of
// names has none.
func readInventory(c config, s streams, l *lab.Lab) (inv inventory.Inventory, raw []byte, kind string, err error) {
	path, names := c.text("inventory"), c.text("names")
	switch {
	case path != "" && names != "":
		return inv, nil, "", usagef("--inventory and --names exclude each other")
	case names != "":
		inv, err = readNames(names, s)
		return inv, nil, "names", err
	case path == "" && l != nil:
		if raw, err = l.Inventory(); err != nil {
			return inv, nil, "", failed(err)
		}
		inv, err = inventory.Read(bytes.NewReader(raw), "lab")
		return inv, raw, "lab", err
	case path == "":
		path = defaultInventory
		if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
			return inv, nil, "", usagef("no inventory: name one with --inventory FILE or --names FILE, or try scan --lab")
		}
	}
	if raw, err = readFile(path); err != nil {
		return inv, nil, "", usagef("inventory: %w", err)
	}
	if inv, err = inventory.Read(bytes.NewReader(raw), path); err != nil {
		return inv, nil, "", usage(err)
	}
	return inv, raw, "inventory", nil
}

func readNames(path string, s streams) (inv inventory.Inventory, err error) {
	in, name := s.in, "standard input"
	if path != "-" {
		f, err := openFile(path)
		if err != nil {
			return inv, usagef("names: %w", err)
		}
		defer f.Close()
		in, name = f, path
	}
	inv, repeated, err := inventory.ReadNames(in, name)
	if err != nil {
		return inv, usage(err)
	}
	if len(inv.Agencies) == 0 {
		return inv, usagef("%s lists no host names, so there is nothing to scan; write one a line", name)
	}
	if repeated > 0 {
		fmt.Fprintf(s.err, "ready6: %s: %d lines name a host that stands above already; each host is measured once\n", name, repeated)
	}
	return inv, nil
}

// readPlan reads the plan given, or the province's own.
func readPlan(c config) (inventory.Plan, []byte, error) {
	path := c.text("plan-file")
	if path == "" {
		return inventory.ProvincePlan(), nil, nil
	}
	raw, err := readFile(path)
	if err != nil {
		return inventory.Plan{}, nil, usagef("plan-file: %w", err)
	}
	plan, err := inventory.ReadPlan(bytes.NewReader(raw), path)
	if err != nil {
		return plan, raw, usage(err)
	}
	if len(plan.Programmes) == 0 {
		return plan, raw, usagef("plan-file: %s has no programmes; add some, or leave --plan-file out for the province's plan", path)
	}
	return plan, raw, nil
}
