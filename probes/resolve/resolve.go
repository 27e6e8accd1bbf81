package resolve

import (
	"context"
	"crypto/rand"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"

	"ready6/probes/crew"
	"ready6/probes/dial"
	"ready6/probes/verdict"
)

// Family is a set of address families.
type Family uint8

// The families a resolver may use to reach name servers.
const (
	V4   Family = 1 << iota
	V6          //
	Both = V4 | V6
)

// has says whether a is of one of the families.
func (f Family) has(a netip.Addr) bool {
	if a.Is4() {
		return f&V4 != 0
	}
	return f&V6 != 0 && a.Is6() && !a.Is4In6()
}

// split sorts addresses by whether they are of one of the families.
func (f Family) split(addrs []netip.Addr) (usable, other []netip.Addr) {
	if f == Both && !slices.ContainsFunc(addrs, netip.Addr.Is4In6) {
		return slices.Clip(addrs), nil
	}
	for _, a := range addrs {
		if f.has(a) {
			usable = append(usable, a)
		} else {
			other = append(other, a)
		}
	}
	return usable, other
}

// Server is a name server and its addresses: a line of the root hints.
type Server struct {
	Name  string
	Addrs []netip.Addr
}

// Config says how a Resolver works. Dial must be set; everything else has a
// good zero value.
type Config struct {
	Dial       dial.Func
	Hints      []Server         // nil: RootHints
	Families   Family           // 0: Both
	Port       uint16           // 0: 53
	Timeout    time.Duration    // for one try at one server over TCP, which repeats lost packets itself; over UDP three fifths of it but for AskRecursive; 0: 2 s
	MaxQueries int              // packets sent for one Query, look-ups of name servers included; 0: 100
	Now        func() time.Time // for the evidence; nil: time.Now
	Pace       *dial.Pace       // when a server may be asked; nil: at once

	// Minimise asks the servers of each zone only for as much of the name as they
	// need to refer further down (RFC 9156), and for the whole name where anything
	// unusual comes of that. The verdict is the same. Off by default: the whole name
	// costs fewer round trips, brings the errors that other resolvers' users meet,
	// and what this scanner asks about is public.
	Minimise bool

	// Witness explains what a resolver of one family cannot see for itself:
	// whether a server whose address the parent does not give has one at all.
	// It is asked only after a look-up failed for want of addresses. Optional.
	Witness *Resolver

	// Contact is put into questions as an EDNS option for private use, for those
	// who wonder who asks; empty: nothing. It goes where a cookie goes: a server that
	// refuses what it does not know, or is silent about it, is asked without both.
	Contact string

	// OptedOut returns the entry of the opt-out list that a name falls under, empty
	// if none. Such names are not asked about, and servers of such a name not asked.
	// Optional.
	OptedOut func(name string) string

	// Trace is called after every exchange with a server, from many goroutines
	// at once. Optional.
	Trace func(Exchange)
}

// Limits that a hostile zone runs into. MaxQueries bounds the rest.
const (
	maxServers   = 16    // names of an NS set that are looked at (the root has 13)
	maxAddrs     = 4     // addresses of one server name, of each family
	maxTargets   = 32    // addresses of one zone's servers
	maxReferrals = 30    // from the root down
	maxDepth     = 8     // look-ups of name servers inside look-ups of name servers
	maxChain     = 12    // CNAMEs followed inside one message
	maxEvidence  = 16    // exchanges kept for one question
	maxBad       = 32    // datagrams that are not the answer, read on one socket
	contactCode  = 65432 // an EDNS option code for local use (RFC 6891 9)
	udpSize      = 1232  // what fits every path (DNS flag day 2020)
	failureLife  = 30 * time.Second
	noRouteLife  = 30 * time.Second
)

// Resolver is safe for concurrent use.
type Resolver struct {
	cfg      Config
	answers  *generations[question, *answer]
	zones    *generations[string, *zone]
	servers  *generations[netip.Addr, *server]
	names    *generations[string, *nameServer] // of delegations
	hearings *generations[question, *heard]    // of Retry
	crew     crew.Crew
	waiters  sync.Pool // of *waiter
	askings  sync.Pool // of *asking
	root     *zone
	secret   [32]byte        // of the cookies; from the system's generator
	noRoute  [2]atomic.Int64 // IPv4, IPv6: until when the family is taken to be missing here, Unix nanoseconds

	mu      sync.Mutex // flights, gates and the edges between flights
	flights map[question]*flight
	gates   map[string]*gate
}

// New returns a Resolver that knows the root's servers and nothing else.
func New(c Config) *Resolver {
	if c.Hints == nil {
		c.Hints = RootHints()
	}
	if c.Families == 0 {
		c.Families = Both
	}
	if c.Port == 0 {
		c.Port = 53
	}
	if c.Timeout <= 0 {
		c.Timeout = 2 * time.Second
	}
	if c.MaxQueries <= 0 {
		c.MaxQueries = 100
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	r := &Resolver{
		cfg: c,
		// A cache holds up to two generations. Of an answer little is asked again once
		// the names that led to it are done, of a zone for as long as it has other
		// names: some 15,000 are kept.
		answers:  newGenerations[question, *answer](12 << 20),
		zones:    newGenerations[string, *zone](48 << 20),
		servers:  newGenerations[netip.Addr, *server](16 << 20),
		names:    newGenerations[string, *nameServer](4 << 20),
		hearings: newGenerations[question, *heard](4 << 20),
		flights:  make(map[question]*flight),
		gates:    make(map[string]*gate),
	}
	rand.Read(r.secret[:]) // never fails
	r.root = &zone{name: "."}
	for _, s := range c.Hints {
		name, ok := normal(s.Name)
		if !ok {
			continue // ReadHints lets no such name through
		}
		r.root.ns = append(r.root.ns, &nameServer{name: name, glue: slices.Clone(s.Addrs)})
	}
	return r
}

// question is a normalised name and a type; the class is always IN.
type question struct {
	name  string
	qtype uint16
}

func (q question) String() string { return q.name + " " + dns.Type(q.qtype).String() }

// answer is what is kept of a question: a message or a failure, never both.
type answer struct {
	msg       *dns.Msg
	failure   *Failure
	until     time.Time  // a failure's end of life
	from      netip.Addr // whose answer it is; unknown of what a referral brought
	exchanges []exchange
}

// Query returns the authoritative answer to a question: of the zone that owns
// the name or, for DS, of the parent's side of the cut. It is one hop: a CNAME
// is in the answer and, of what it leads to, only records of the same zone.
// Records outside the zone are dropped, so are addresses in the additional
// section. The response code is kept (NOERROR, NXDOMAIN or YXDOMAIN).
//
// Header.Authoritative is as the server set it: a message without it is
// returned only if it answers the question and no server of the zone gave one
// with it. DS answers may come from the referral, without a packet. A message
// without an OPT record came from a server that does not do EDNS, so it could
// not carry signatures. One with the extended error 23, "network error" (RFC 8914),
// came after silence to questions with EDNS: the path may have lost them. Other
// options are not handed on.
//
// The message is the caller's, its records are shared: do not change them, nor their
// order; sections may be appended to. The error is a *Failure, when no server gave a usable answer.
func (r *Resolver) Query(ctx context.Context, name string, qtype uint16) (*dns.Msg, error) {
	n, ok := normal(name)
	if !ok {
		return nil, &Failure{Cause: verdict.OtherCause, Err: errName(name)}
	}
	a, err := r.query(ctx, nil, question{n, qtype})
	if err != nil {
		return nil, err
	}
	return share(a.msg), nil
}

// share copies a message's head. Whoever appends to a section gets one of his own.
func share(m *dns.Msg) *dns.Msg {
	c := *m
	c.Question = slices.Clip(m.Question)
	c.Answer = slices.Clip(m.Answer)
	c.Ns = slices.Clip(m.Ns)
	c.Extra = slices.Clip(m.Extra)
	return &c
}

// Ask sends one question to one server address and returns what came back, as
// it came: no cache, no bailiwick, and asked again only where the server does
// not know EDNS or wants another cookie. With tcp false a truncated reply is
// returned with its TC bit. The evidence is there in any case; the error is a
// *Failure.
func (r *Resolver) Ask(ctx context.Context, server netip.Addr, tcp bool, name string, qtype uint16) (*dns.Msg, verdict.Evidence, error) {
	srv := r.serverAt(server)
	return r.askOne(ctx, srv, name, qtype, srv.certain(tcp))
}

// AskRecursive is Ask of a server that shall resolve the name (RD).
func (r *Resolver) AskRecursive(ctx context.Context, server netip.Addr, tcp bool, name string, qtype uint16) (*dns.Msg, verdict.Evidence, error) {
	srv := r.serverAt(server)
	h := srv.certain(tcp)
	h.rd = true
	return r.askOne(ctx, srv, name, qtype, h)
}

func (r *Resolver) askOne(ctx context.Context, srv *server, name string, qtype uint16, first how) (*dns.Msg, verdict.Evidence, error) {
	n, ok := normal(name)
	if !ok {
		return nil, verdict.Evidence{At: r.cfg.Now(), Query: name}, &Failure{Cause: verdict.OtherCause, Err: errName(name)}
	}
	var x exchange
	var msg *dns.Msg
	_, _, err := insist(first, false, func(h how) (*dns.Msg, error) {
		var err error
		x, msg, err = r.exchange(ctx, "", srv, question{n, qtype}, h)
		r.trace(x, msg)
		return msg, err
	})
	ev := x.evidence()
	if err != nil {
		return nil, ev, &Failure{Cause: x.cause, Evidence: []verdict.Evidence{ev}, Err: err}
	}
	return msg, ev, nil
}

// Evidence returns what was asked of whom for a question that Query answered or
// failed at, oldest first, at most 16 exchanges, and then at most as many of
// Retry; nil when it was not asked.
func (r *Resolver) Evidence(name string, qtype uint16) []verdict.Evidence {
	n, ok := normal(name)
	if !ok {
		return nil
	}
	q := question{n, qtype}
	a, ok := r.answers.get(q)
	if !ok {
		return nil
	}
	all := a.exchanges
	if h, ok := r.hearings.get(q); ok {
		if more := h.said.all(); len(more) > 0 {
			all = slices.Concat(all, more)
		}
	}
	return evidence(all)
}

// cannotRoute notes that this machine could not send to an address of a family.
func (r *Resolver) cannotRoute(a netip.Addr) {
	r.noRoute[familyIndex(a)].Store(time.Now().Add(noRouteLife).UnixNano())
}

// unroutable says whether that was so a moment ago: such addresses go last.
func (r *Resolver) unroutable(a netip.Addr) bool {
	return r.noRoute[familyIndex(a)].Load() > time.Now().UnixNano()
}

func familyIndex(a netip.Addr) int {
	if a.Is4() {
		return 0
	}
	return 1
}
