package lab

import (
	"strings"

	"github.com/miekg/dns"
)

// sortKey returns a string whose byte order is the canonical order of names
// (RFC 4034 section 6.1): labels from the root down, each as its lower-case
// octets, a shorter one before a longer.
func sortKey(name string) string {
	wire := make([]byte, 256)
	n, err := dns.PackDomainName(dns.Fqdn(name), wire, 0, nil, false)
	if err != nil {
		return name // not a name; only ever compared for equality
	}
	var labels [][]byte
	for i := 0; i < n && wire[i] != 0; i += 1 + int(wire[i]) {
		labels = append(labels, wire[i+1:i+1+int(wire[i])])
	}
	var b strings.Builder
	for i := len(labels) - 1; i >= 0; i-- {
		for _, c := range labels[i] {
			if 'A' <= c && c <= 'Z' {
				c += 'a' - 'A'
			}
			if c <= 1 { // keep 0 free as the end of a label
				b.WriteByte(1)
				c++
			}
			b.WriteByte(c)
		}
		b.WriteByte(0)
	}
	return b.String()
}

// parentName drops the first label; the root's parent is the root.
func parentName(name string) string {
	next, end := dns.NextLabel(name, 0)
	if end {
		return "."
	}
	return name[next:]
}

// under reports whether name is zone or below it.
func under(name, zone string) bool { return dns.IsSubDomain(zone, name) }

// toward returns the ancestors of name from just below zone down to name itself.
func toward(zone, name string) []string {
	var up []string
	for n := name; n != zone && under(n, zone); n = parentName(n) {
		up = append(up, n)
		if n == "." {
			break
		}
	}
	for i, j := 0, len(up)-1; i < j; i, j = i+1, j-1 {
		up[i], up[j] = up[j], up[i]
	}
	return up
}
