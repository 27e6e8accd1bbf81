package resolve

import (
	"fmt"
	"net/netip"

	"github.com/miekg/dns"

	"ready6/probes/dial"
	"ready6/probes/verdict"
)

// Gap says what keeps a resolver from a zone's servers.
type Gap string

// The gaps. With Families V6 they tell an operator what to mend.
const (
	NoGap     Gap = ""           // the servers answer, but not usefully; or it could not be told
	NoAddress Gap = "no-address" // no server has an address of the family: authoritative, for each of them
	NoGlue    Gap = "no-glue"    // servers inside the zone have addresses, but the parent does not give them
	NoAnswer  Gap = "no-answer"  // there are addresses, but none of them answers
)

// Failure is why a question got no usable answer. It says nothing bad about the
// name asked for, unless a Gap says so of the zone.
type Failure struct {
	Cause    verdict.Cause
	Zone     string   // the zone none of whose servers helped; empty when no zone is to blame
	Via      []string // zones that have their name servers in Zone, outermost first
	V4Only   bool     // IPv4 was not to be used, and no server of Zone can be reached without it: see Gap
	Gap      Gap
	Servers  []ServerFault
	Evidence []verdict.Evidence // oldest first, at most 16
	Err      error

	empty *dns.Msg // see Disclaimed

	// passing marks what depends on who asked: a budget, a loop, a context.
	// It is not remembered for others.
	passing   bool
	exchanges []exchange
}

// ServerFault is why one name server of the zone did not help.
type ServerFault struct {
	Name  string
	Addrs []netip.Addr  // of the families in use, as far as known
	Other []netip.Addr  // glue of the family not in use
	Cause verdict.Cause // empty: not asked
	Gap   Gap           // NoAddress, NoGlue or NoAnswer where it is known
	Err   error         // why its addresses could not be looked up; may be a *Failure
}

func (f *Failure) Error() string {
	s := "no answer"
	if f.Zone != "" {
		s += " from the servers of " + f.Zone
	}
	switch {
	case f.V4Only && f.Gap == NoGlue:
		s += ": its parent gives no IPv6 address of them"
	case f.V4Only:
		s += ": none can be reached over IPv6"
	case f.Cause != "":
		s += ": " + f.Cause.In(verdict.EN)
	}
	if f.Err != nil && (f.Cause == verdict.OtherCause || dial.Classify(f.Err) != f.Cause) {
		s += " (" + f.Err.Error() + ")"
	}
	return s
}

// VerdictCause says why, in the terms of results: validators that know no
// resolver ask errors for it.
func (f *Failure) VerdictCause() verdict.Cause { return f.Cause }

// VerdictZone is the zone whose servers failed, empty where it was none's fault.
func (f *Failure) VerdictZone() string { return f.Zone }

// Disclaimed returns the reply of a server without authority that says neither
// error nor anything else (RFC 2308 2.2, type 3), where nobody said more; else nil.
// It is no evidence that there is nothing: servers answer so for zones they do not have.
func (f *Failure) Disclaimed() *dns.Msg { return f.empty }

// Unwrap returns the underlying error, such as a context's.
func (f *Failure) Unwrap() error { return f.Err }

type errName string

func (e errName) Error() string { return fmt.Sprintf("%q is not a domain name", string(e)) }
