package main

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"ready6/inventory"
	"ready6/probes/dial"
)

// checkManners finds what is wrong with the settings that say how others are treated.
func (c config) checkManners() (faults []error) {
	bad := func(form string, a ...any) { faults = append(faults, fmt.Errorf(form, a...)) }
	if at := c.text("debug-listen"); at != "" {
		if ap, err := netip.ParseAddrPort(at); err != nil || !ap.Addr().IsLoopback() {
			bad("debug-listen: %q is not a loopback address and port such as 127.0.0.1:6060; profiles are for this machine only", at)
		}
	}
	if name := c.text("helo-name"); name != "" {
		if _, err := inventory.Host(name); err != nil {
			bad("helo-name: %w", err)
		}
	}
	if seed := c.text("seed"); seed != "" {
		if _, err := strconv.ParseUint(seed, 10, 64); err != nil {
			bad("seed: %q is not a whole number", seed)
		}
	}
	contact := c.text("contact")
	if strings.ContainsFunc(contact, func(r rune) bool { return r < ' ' || r > '~' }) || len(contact) > maxContact {
		bad("contact: printable ASCII of %d characters at most is wanted, such as https://example.gov.vn/scan", maxContact)
	}
	if c.on("edns-contact") && contact == "" {
		bad("edns-contact: there is no --contact to put into questions")
	}
	return faults
}

// maxContact keeps a question to name servers small.
const maxContact = 100

// renamed tells of a setting's new name where its old one has got another meaning.
func renamed(name string) string {
	if name == "plan" {
		return "; a file with programmes and targets is named by plan-file"
	}
	return ""
}

// optOut reads the list of those who are not to be contacted, anew for each run.
func optOut(c config) (*inventory.OptOut, error) {
	path := c.text("opt-out")
	if path == "" {
		return nil, nil
	}
	f, err := openFile(path)
	if err != nil {
		return nil, usagef("opt-out: %w", err)
	}
	defer f.Close()
	list, err := inventory.ReadOptOut(f, path)
	if err != nil {
		return nil, usage(err)
	}
	return list, nil
}

// rates are the operator's limits of DNS questions.
func rates(c config) dial.Rates {
	return dial.Rates{PerAddress: c.number("queries-per-address"), PerNetwork: c.number("queries-per-network"), Total: c.number("queries")}
}

// ednsContact is what DNS questions say of whom they come from, empty for nothing.
func ednsContact(c config) string {
	if c.on("edns-contact") {
		return c.text("contact")
	}
	return ""
}
