package lab

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// fault is one way in which a server misbehaves, on one address. In a world it
// is written [where/]name[:arg][@zone], where is tcp, udp or a port.
type fault struct {
	name  string
	where string // "", "tcp", "udp" or a port number
	arg   string
	zone  string // DNS only: canonical name of the one zone it applies to
}

// faultNames is the closed set, with the kind of host each makes sense for and
// whether it wants an argument.
var faultNames = map[string]struct{ kinds, arg string }{
	// The network before the server; any kind.
	"drop":        {"dns web mail rtr tcp tls", ""}, // nothing comes back, ever
	"refuse":      {"dns web mail rtr tcp tls", ""}, // RST, or ICMP port unreachable
	"unreachable": {"dns web mail rtr tcp tls", ""}, // ICMP no route to host
	"reset":       {"dns web mail rtr tcp tls", ""}, // accepts, then RST
	"silent":      {"web mail rtr tls", ""},         // accepts, then says nothing
	"mtu":         {"web mail", ""},                 // any reply over 1280 bytes is lost, with all that follows
	"slow":        {"dns web mail", "duration"},
	"far":         {"web mail", "duration"}, // a TCP connection takes this long to open
	// DNS.
	"truncate":       {"dns", ""}, // UDP answers are empty with TC
	"wrong-id":       {"dns", ""},
	"wrong-question": {"dns", ""},
	"garbage":        {"dns web mail", ""},
	"servfail":       {"dns", ""},
	"refused":        {"dns", ""}, // RCODE 5
	"lame":           {"dns", ""}, // a referral to the root, not authoritative
	"no-aa":          {"dns", ""}, // right answers without the AA bit
	"no-edns":        {"dns", ""}, // FORMERR to any OPT record
	"drop-edns":      {"dns", ""}, // silence to any OPT record
	"no-tcp":         {"dns", ""}, // TCP refused
	"no-udp":         {"dns", ""}, // UDP refused
	"tcp-only":       {"dns", ""}, // UDP dropped
	"drop-aaaa":      {"dns", ""}, // silence to AAAA questions only
	"strip-rrsig":    {"dns", ""}, // a middlebox that removes signatures
	// Web and mail.
	"plain":       {"web", ""},         // HTTP without TLS on 443
	"no-https":    {"web", ""},         // 443 refused
	"no-http":     {"web", ""},         // 80 refused
	"status":      {"web", "number"},   // this status instead of the page
	"drip":        {"web", "duration"}, // one byte per duration
	"body":        {"web", "endless drip gzip bomb flood token"},
	"sheet":       {"web", "endless drip gzip"}, // the same of style sheets
	"no-h2":       {"web", ""},                  // HTTP/2 is not offered here
	"h2-reset":    {"web", ""},                  // HTTP/2 is offered, and then cut
	"h2-silent":   {"web", ""},                  // HTTP/2 is offered, and then not answered
	"cert":        {"web mail tls", "wrong expired future untrusted ending own"},
	"code":        {"mail", "number"}, // greeting with this code, then close
	"no-starttls": {"mail", ""},
	"short":       {"mail web", ""}, // one-line replies, all under 1280 bytes
	// RTR.
	"cut":        {"rtr", ""}, // ends in the middle of a PDU
	"lying":      {"rtr", ""}, // a PDU length that is not true
	"no-data":    {"rtr", ""}, // Error Report 2
	"session":    {"rtr", ""}, // End of Data with another session ID
	"only-v0":    {"rtr", ""}, // answers version 0 whatever is asked
	"bad-prefix": {"rtr", ""}, // an IPv4 prefix of length 33
}

// parseFaults reads a comma-separated list for a host of the given kind.
func parseFaults(kind, list string) ([]fault, error) {
	var out []fault
	for s := range strings.SplitSeq(list, ",") {
		f := fault{name: s}
		if where, rest, ok := strings.Cut(f.name, "/"); ok {
			if _, err := strconv.ParseUint(where, 10, 16); err != nil && where != "tcp" && where != "udp" {
				return nil, fmt.Errorf("fault %q: %q is neither tcp, udp nor a port", s, where)
			}
			f.where, f.name = where, rest
		}
		if name, zone, ok := strings.Cut(f.name, "@"); ok {
			f.name, f.zone = name, canonical(zone)
		}
		if name, arg, ok := strings.Cut(f.name, ":"); ok {
			f.name, f.arg = name, arg
		}
		known, ok := faultNames[f.name]
		if !ok || !slices.Contains(strings.Fields(known.kinds), kind) {
			return nil, fmt.Errorf("a %s host has no fault %q", kind, f.name)
		}
		if err := checkArg(known.arg, f.arg); err != nil {
			return nil, fmt.Errorf("fault %q: %w", s, err)
		}
		out = append(out, f)
	}
	return out, nil
}

func checkArg(want, arg string) error {
	switch want {
	case "":
		if arg != "" {
			return fmt.Errorf("takes no argument")
		}
	case "duration":
		if d, err := time.ParseDuration(arg); err != nil || d < 0 {
			return fmt.Errorf("wants a duration such as 300ms")
		}
	case "number":
		if n, err := strconv.Atoi(arg); err != nil || n < 100 || n > 999 {
			return fmt.Errorf("wants a three-digit code")
		}
	default:
		if !slices.Contains(strings.Fields(want), arg) {
			return fmt.Errorf("wants one of: %s", want)
		}
	}
	return nil
}

// faults of one host line: those of all addresses and those of one.
type faults []fault

// find returns the first fault of that name that applies to a transport ("tcp",
// "udp") and port.
func (fs faults) find(name, transport string, port uint16) (fault, bool) {
	for _, f := range fs {
		if f.name == name && (f.where == "" || f.where == transport || f.where == strconv.Itoa(int(port))) {
			return f, true
		}
	}
	return fault{}, false
}

// wait is the duration argument, 0 if there is none.
func (f fault) wait() time.Duration {
	d, err := time.ParseDuration(f.arg)
	if err != nil {
		return 0
	}
	return d
}

func (f fault) String() string {
	s := f.name
	if f.arg != "" {
		s += ":" + f.arg
	}
	if f.where != "" {
		s = f.where + "/" + s
	}
	if f.zone != "" {
		s += "@" + f.zone
	}
	return s
}

// place is one address of a host with the faults that hold there.
type place struct {
	addr   netip.Addr
	faults faults
}
