package probes

import (
	"slices"

	"ready6/probes/verdict"
)

// Burden is the most that measuring one service sends to its own servers.
// Servers that several services share are sent it once a run.
type Burden struct {
	Ports []PortBurden `json:"ports"` // at each of the service's addresses
	Names []string     `json:"names"` // record types asked of the servers of its name's zone
	Zones []string     `json:"zones"` // record types asked of the servers of each zone that the name hangs on
}

// PortBurden is what one port of one address is sent.
type PortBurden struct {
	Port        uint16 `json:"port"`
	Connections int    `json:"connections"` // for one host name, where nothing has to be tried again
}

// What is asked and opened more than once, where there is silence or trouble.
const (
	MostTries   = mostTries // of a connection, or of a question to one certain server; 3 where little is lost
	MostPackets = 100       // to all servers together, for one question (resolve.Config.MaxQueries)
)

// BurdenOf says what measuring a service of a kind takes; no checks means all.
// port is the service's own, 0 for the kind's.
func BurdenOf(kind string, port uint16, checks []verdict.Check) Burden {
	wants := func(list ...verdict.Check) bool {
		return len(checks) == 0 || slices.ContainsFunc(list, func(c verdict.Check) bool { return slices.Contains(checks, c) })
	}
	b := Burden{Names: []string{"AAAA", "A"}}
	if kind == "mail" {
		b.Names = append([]string{"MX"}, b.Names...)
	}
	if kind == "mail" && wants(verdict.Mail) {
		b.Names = append(b.Names, "TXT", "PTR", "TLSA")
	}
	if wants(verdict.DNSSEC, verdict.Posture) {
		b.Zones = append(b.Zones, "DS", "DNSKEY")
	}
	if wants(verdict.Posture) {
		b.Zones = append(b.Zones, "SOA", "NS", "CDS", "CDNSKEY", "NSEC3PARAM")
	} else if wants(verdict.Closure) {
		b.Zones = append(b.Zones, "SOA")
	}
	if !wants(verdict.Reach, verdict.Web, verdict.Closure, verdict.Mail) {
		return b
	}
	for _, p := range ports(kind, port) {
		n := 1
		if kind == "web" {
			n += 3 // a second visit where both families show different pages; two where IPv6 seems slow to connect
			if p != 80 {
				n += 2 // HTTP/2, and the style sheets of the page
			}
		}
		b.Ports = append(b.Ports, PortBurden{p, n})
	}
	return b
}
