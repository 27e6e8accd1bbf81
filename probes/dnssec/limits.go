package dnssec

import (
	"sync/atomic"

	"github.com/miekg/dns"
)

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
	// maxAllFailures, maxAllHashing and maxEffort bound failed signature checks,
	// SHA-1 computations and all checks, over all the zones looked at for one name,
	// checks by the cost of their algorithm: else each label of a long name could
	// cost what one zone may. A name with 34 labels in ip6.arpa, looked for label by
	// label, takes about 110 good checks, and no more than one that fails.
	maxAllFailures = 2 * maxFailures
	maxAllHashing  = 3 * maxHashing / 2
	maxEffort      = 320
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
	// maxKeptZones bounds the zones of a Validator that are kept: those looked at
	// last, and as many from before. A zone takes about 1 KiB, and each of its keys
	// some 400 octets.
	maxKeptZones = 1 << 14
	// maxRemembered bounds remembered signatures of a Validator, some 64 octets each:
	// those of 200,000 zones.
	maxRemembered = 1 << 19
)

// effort counts the work spent on one name, over all its zones. Several
// goroutines may use it.
type effort struct {
	failures, checks, hashing atomic.Int32
	over                      atomic.Bool // a limit was hit
}

// spend adds to a counter, and reports whether it is still within its limit.
func (e *effort) spend(counter *atomic.Int32, n, most int) bool {
	within := int(counter.Add(int32(n))) <= most
	if !within {
		e.over.Store(true)
	}
	return within
}

func (e *effort) hash(n int) bool { return e == nil || e.spend(&e.hashing, n, maxAllHashing) }

func (e *effort) check(cost int) bool { return e == nil || e.spend(&e.checks, cost, maxEffort) }

func (e *effort) failed(cost int) {
	if e != nil {
		e.spend(&e.failures, cost, maxAllFailures)
	}
}

// exhausted reports that a name's work was too much, whichever zone's fault it is.
func (e *effort) exhausted() bool { return e != nil && e.over.Load() }

// budget counts the work spent on one name or one zone. It belongs to one
// goroutine.
type budget struct {
	failures int
	checks   int
	hashing  int
	depth    int     // zones and cuts on the way
	spent    bool    // a limit was hit
	all      *effort // of all zones of the name; nil: not counted

	// What was found on the way, to be shown.
	seen    []examined
	matched []*dns.DS // whose digest is that of a key
}

// hash asks for n SHA-1 computations.
func (b *budget) hash(n int) bool {
	if b.hashing+n > maxHashing || !b.all.hash(n) {
		b.spent = true
		return false
	}
	b.hashing += n
	return true
}

// check asks for one signature check of this cost; failures of the set so far in set.
func (b *budget) check(set, cost int) bool {
	if b.checks >= maxChecks || b.failures >= maxFailures || set >= maxSetFailures || b.all.exhausted() || !b.all.check(cost) {
		b.spent = true
		return false
	}
	b.checks++
	return true
}

// failed counts a check that failed.
func (b *budget) failed(cost int) {
	b.failures += cost
	b.all.failed(cost)
}
