package dnssec

import "github.com/miekg/dns"

// Work limits against zones built to exhaust a validator (CVE-2023-50387
// "KeyTrap", CVE-2023-50868, endless aliases and delegations). Hitting one makes
// the name indeterminate with reason dnssec.indeterminate.limit.
const (
	// maxFailures bounds failed signature checks while one name, or one zone, is
	// judged; each counts by the cost of its algorithm. An ordinary bogus name
	// fails once.
	maxFailures = 16
	// maxSetFailures bounds the same for one set of records: keys that share a tag
	// and algorithm are all tried, but honest zones have two of them at most.
	maxSetFailures = 8
	// maxChecks bounds signature checks altogether, good ones included.
	maxChecks = 96
	// maxHashing bounds SHA-1 computations for NSEC3, all iterations counted.
	maxHashing = 8192
	// maxIterations is how many additional NSEC3 iterations are still believed;
	// above it a denial leaves the name insecure (RFC 9276 3.2, which lets
	// validators choose; this is what unbound, and BIND until 2024, use).
	maxIterations = 150
	// maxDenials bounds the NSEC or NSEC3 records looked at in one answer; an
	// honest denial has three.
	maxDenials = 12
	// maxKeys bounds the keys of one zone and maxDS its DS records; the largest
	// honest sets have about ten.
	maxKeys = 64
	maxDS   = 32
	// maxAliases bounds the CNAME and DNAME steps from one name.
	maxAliases = 16
	// maxZones bounds the zones and cuts looked at on the way to one name. A name
	// in ip6.arpa has 34 labels.
	maxZones = 48
	// maxSigners bounds the zones one set's signatures may name.
	maxSigners = 3
	// maxRetries bounds how many other servers are asked after a bogus answer.
	maxRetries = 7
	// maxRemembered bounds remembered signatures of a Validator, 32 octets each.
	maxRemembered = 1 << 16
)

// budget counts the work spent on one name or one zone. It belongs to one
// goroutine.
type budget struct {
	failures int
	checks   int
	hashing  int
	depth    int  // zones and cuts on the way
	spent    bool // a limit was hit

	// What was found on the way, to be shown.
	seen    []examined
	matched []*dns.DS // whose digest is that of a key
}

// hash asks for n SHA-1 computations.
func (b *budget) hash(n int) bool {
	if b.hashing+n > maxHashing {
		b.spent = true
		return false
	}
	b.hashing += n
	return true
}

// check asks for one signature check; failures of the set so far in set.
func (b *budget) check(set int) bool {
	if b.checks >= maxChecks || b.failures >= maxFailures || set >= maxSetFailures {
		b.spent = true
		return false
	}
	b.checks++
	return true
}
