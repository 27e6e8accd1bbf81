package dnssec

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"ready6/probes/verdict"
)

// PostureInput is what is known of one zone: what each of its server addresses
// said, and what its parent has. Posture judges nothing else.
type PostureInput struct {
	Zone, Parent string // presentation form; Parent is empty for the root
	Servers      []ServerView
	DS           []dns.RR      // the DS records at the parent
	DSCause      verdict.Cause // why they are not known; empty: DS is all there are
	ParentSigned bool          // the parent has keys
	Now          time.Time
	Lead         time.Duration // warn of signatures that end within it
}

// ServerView is what one address of a name server said of the zone. An answer
// that was not asked for has neither message nor cause.
type ServerView struct {
	Server, Addr string
	SOA, Later   ServerAnswer // Later is a second look at the SOA, where serials differed
	NS           ServerAnswer // of the zone's apex
	DNSKEY       ServerAnswer // over UDP, as it came: it may be truncated
	DNSKEYTCP    ServerAnswer
	CDS, CDNSKEY ServerAnswer
	NSEC3PARAM   ServerAnswer
}

// ServerAnswer is one reply, or why there is none.
type ServerAnswer struct {
	Msg   *dns.Msg
	Size  int           // octets
	Cause verdict.Cause // set where Msg is nil but was asked for
}

// PostureFinding is one finding with the indices of the servers it was seen at;
// none: it rests on all of them, or on the parent.
type PostureFinding struct {
	Reason
	Servers []int
}

// Limits of one judgement; honest zones stay far below.
const (
	postureKeys = maxKeys
	postureDS   = maxDS
	plainUDP    = 1232 // octets that pass everywhere unfragmented (RFC 9715)
)

// posture is one judgement under way.
type posture struct {
	PostureInput
	zone    name
	parent  string
	seen    []*seen // servers that answered for the zone, in order of input
	current []*seen // of those, the ones that serve the newest version
	ds      []*dns.DS
	keys    []*dns.DNSKEY // what most of the current servers publish
	online  bool          // signatures are made as questions come
	chained bool          // somebody can rely on the signatures
	out     []PostureFinding
}

// seen is one server's view, read.
type seen struct {
	ServerView
	index   int
	soa     *dns.SOA
	keys    []*dns.DNSKEY
	keyed   bool // keys are known, if only to be none
	sets    []*rrset
	behind  bool
	passing bool // was behind, but not at the second look
}

// SerialsDiffer reports whether a second look at the serials is due, before a
// difference is more than a change on its way.
func SerialsDiffer(zone string, servers []ServerView) bool {
	first := map[string]uint32{}
	for _, v := range servers {
		soa := soaOf(zone, v.SOA.Msg)
		if soa == nil {
			continue
		}
		if was, ok := first[primaryOf(soa)]; ok && was != soa.Serial {
			return true
		}
		first[primaryOf(soa)] = soa.Serial
	}
	return false
}

// primaryOf says which primary a SOA names: serials of two primaries of one zone
// (RFC 8901) have nothing to do with each other.
func primaryOf(soa *dns.SOA) string { return dns.CanonicalName(soa.Ns) }

// soaOf is the SOA record of an authoritative answer, nil if it is none.
func soaOf(zone string, m *dns.Msg) *dns.SOA {
	if m == nil || m.Rcode != dns.RcodeSuccess || !m.Authoritative {
		return nil
	}
	for _, rr := range m.Answer {
		if soa, ok := rr.(*dns.SOA); ok && dns.CanonicalName(soa.Hdr.Name) == dns.CanonicalName(zone) {
			return soa
		}
	}
	return nil
}

// Posture says how well a zone's signatures are kept, each fault, doubt and
// note with its own reason. It changes no DNSSEC state: what is said here is
// what one server would show, or what is going to happen. An unsigned zone and a
// healthy one have one finding each. Faults come first.
func Posture(in PostureInput) []PostureFinding {
	p := &posture{PostureInput: in, parent: plain(in.Parent)}
	zone, ok := parseName(in.Zone)
	if !ok {
		return nil
	}
	p.zone = zone
	p.read()
	if p.begin() {
		p.serials()
		p.choose()
		p.serverFaults()
		p.signatures()
		p.cryptography()
		p.delegation()
		p.algorithms()
		p.denial()
		p.cds()
		p.rollover()
		p.transport()
	}
	p.finish()
	slices.SortStableFunc(p.out, func(a, b PostureFinding) int { return cmp.Compare(rankOf(a.Code), rankOf(b.Code)) })
	return p.out
}

func rankOf(r verdict.Reason) int {
	switch verdict.Lookup(r).Outcome {
	case verdict.Fail:
		return 0
	case verdict.Warn:
		return 1
	case verdict.Unknown:
		return 2
	}
	if r == "posture.ok" {
		return 3
	}
	return 4
}

// read takes the answers apart and tells the servers that did not answer.
func (p *posture) read() {
	for _, rr := range p.DS[:min(len(p.DS), postureDS)] {
		if ds, ok := rr.(*dns.DS); ok {
			p.ds = append(p.ds, ds)
		}
	}
	p.chained = len(p.ds) > 0 && p.ParentSigned || p.Parent == ""
	for i, v := range p.Servers {
		soa := soaOf(p.Zone, v.SOA.Msg)
		if soa == nil {
			continue
		}
		s := &seen{ServerView: v, index: i, soa: soa}
		s.readKeys(p.Zone)
		for _, a := range []ServerAnswer{v.SOA, v.NS, s.keyAnswer(), v.CDS, v.CDNSKEY, v.NSEC3PARAM} {
			s.readSets(p.zone, a.Msg)
		}
		p.seen = append(p.seen, s)
	}
}

// keyAnswer is the answer with all the keys: TCP's where UDP's was truncated.
func (s *seen) keyAnswer() ServerAnswer {
	if m := s.DNSKEY.Msg; m == nil || !m.Truncated {
		return s.DNSKEY
	}
	return s.DNSKEYTCP
}

func (s *seen) readKeys(zone string) {
	m := s.keyAnswer().Msg
	if m == nil || m.Rcode != dns.RcodeSuccess || !m.Authoritative {
		return
	}
	s.keyed = true
	for _, rr := range m.Answer {
		k, ok := rr.(*dns.DNSKEY)
		if ok && dns.CanonicalName(k.Hdr.Name) == dns.CanonicalName(zone) && len(s.keys) < postureKeys {
			s.keys = append(s.keys, k)
		}
	}
}

// signedTypes are what the questions asked bring; each is signed in a signed zone.
var signedTypes = []uint16{dns.TypeSOA, dns.TypeDNSKEY, dns.TypeCDS, dns.TypeCDNSKEY, dns.TypeNSEC, dns.TypeNSEC3, dns.TypeNSEC3PARAM, dns.TypeNS}

func (s *seen) readSets(zone name, m *dns.Msg) {
	if m == nil || !m.Authoritative || m.Rcode != dns.RcodeSuccess {
		return
	}
	for i, section := range [][]dns.RR{m.Answer, m.Ns} {
		all := group(section)
		for j := range all.list {
			set := &all.list[j]
			if set.rrtype == dns.TypeNS && (i > 0 || set.owner != zone) {
				continue // beside an answer, or a delegation's
			}
			if len(set.rrs) > 0 && set.owner.within(zone) && slices.Contains(signedTypes, set.rrtype) {
				s.sets = append(s.sets, set)
			}
		}
	}
}

// begin reports whether there is a signed zone to judge.
func (p *posture) begin() bool {
	p.unknownServers()
	keys, signed := false, false
	for _, s := range p.seen {
		keys = keys || len(s.keys) > 0
		signed = signed || slices.ContainsFunc(s.sets, func(set *rrset) bool { return len(set.sigs) > 0 })
	}
	switch {
	case len(p.seen) == 0:
		cause := verdict.OtherCause
		for _, v := range p.Servers {
			cause = causeOfView(v)
		}
		p.out = nil
		p.add("posture.unknown", nil, "cause", string(cause))
		return false
	case keys || signed || len(p.ds) > 0:
		return true
	case p.DSCause != "":
		p.add("posture.unknown", nil, "cause", string(p.DSCause))
		return false
	case !slices.ContainsFunc(p.seen, func(s *seen) bool { return s.keyed }):
		return false // no server told its keys, and each has said why
	}
	p.out = nil // what a silent server has of an unsigned zone is no matter of posture
	p.add("posture.unsigned", nil)
	return false
}

// unknownServers tells of each cause which servers it kept from being judged: a
// server of which no address answered, or that left some question open.
func (p *posture) unknownServers() {
	open := map[verdict.Cause][]string{}
	var order []verdict.Cause
	var told []string
	note := func(c verdict.Cause, server string) {
		if c == "" || slices.Contains(told, server) {
			return // the first cause of a server tells enough
		}
		told = append(told, server)
		if open[c] == nil {
			order = append(order, c)
		}
		open[c] = append(open[c], plain(server))
	}
	for _, v := range p.Servers {
		if !slices.ContainsFunc(p.seen, func(s *seen) bool { return s.Server == v.Server }) {
			note(causeOfView(v), v.Server)
		}
	}
	for _, s := range p.seen {
		for _, a := range []ServerAnswer{s.NS, s.DNSKEY, s.CDS, s.CDNSKEY, s.NSEC3PARAM} {
			note(replyCause(a), s.Server)
		}
		if ourCause(s.DNSKEYTCP.Cause) {
			note(s.DNSKEYTCP.Cause, s.Server)
		}
	}
	for _, c := range order {
		p.add("posture.server-unknown", p.of(open[c]), "servers", strings.Join(open[c], ", "), "cause", string(c))
	}
}

// of are the views of servers by name.
func (p *posture) of(servers []string) (out []int) {
	for i, v := range p.Servers {
		if slices.Contains(servers, plain(v.Server)) {
			out = append(out, i)
		}
	}
	return out
}

func causeOfView(v ServerView) verdict.Cause {
	if c := replyCause(v.SOA); c != "" {
		return c
	}
	return verdict.Lame // a good reply, but not the zone's SOA
}

// replyCause is why an answer is of no use; empty if it is, or was not asked for.
func replyCause(a ServerAnswer) verdict.Cause {
	switch {
	case a.Msg == nil:
		return a.Cause
	case a.Msg.Rcode == dns.RcodeSuccess && a.Msg.Authoritative:
		return ""
	case a.Msg.Rcode == dns.RcodeSuccess, a.Msg.Rcode == dns.RcodeRefused, a.Msg.Rcode == dns.RcodeNotAuth, a.Msg.Rcode == dns.RcodeNameError:
		return verdict.Lame
	}
	return verdict.ServFail
}

// ourCause reports whether it was a limit of this scanner, not the server.
func ourCause(c verdict.Cause) bool {
	return slices.Contains([]verdict.Cause{verdict.Cancelled, verdict.Deadline, verdict.OverBudget, verdict.NoFamily, verdict.Forbidden, verdict.OptedOut}, c)
}

// registrarCodes are what is wrong at the parent about the zone.
var registrarCodes = []verdict.Reason{"posture.island", "posture.ds-remnant", "posture.ds-sha1", "posture.ds-no-key"}

// add words a finding. Pairs are the sentence's arguments, "record" among them
// the record to look for.
func (p *posture) add(code verdict.Reason, at []int, pairs ...string) {
	zone := plain(p.Zone)
	args := map[string]string{"zone": zone, "parent": p.parent}
	for i := 0; i+1 < len(pairs); i += 2 {
		args[pairs[i]] = pairs[i+1]
	}
	r := Reason{Code: code, Zone: zone, Name: zone, Record: args["record"], Args: args, Cause: verdict.Cause(args["cause"]),
		Owner: verdict.Owner{Role: verdict.DNSOperator, Name: zone}}
	switch {
	case slices.Contains(registrarCodes, code):
		r.Owner.Role = verdict.Registrar
	case code == "posture.parent-unsigned", code == "posture.parent-unknown":
		r.Owner.Name = p.parent
	}
	if verdict.Lookup(code).Outcome == verdict.Unknown && ourCause(r.Cause) {
		r.Owner = verdict.Owner{Role: verdict.Operator}
	}
	r.Detail = verdict.Result{Check: verdict.Posture, Reason: code, Subject: zone, Args: args}.Title(verdict.EN)
	p.out = append(p.out, PostureFinding{Reason: r, Servers: at})
}

// finish says that all is well where nothing else was said.
func (p *posture) finish() {
	for _, f := range p.out {
		if o := verdict.Lookup(f.Code).Outcome; o != verdict.Pass {
			return
		}
	}
	first := p.first()
	if first.expires.IsZero() {
		return
	}
	p.add("posture.ok", nil, "servers", p.who(p.seen), "expires", first.expires.Format(time.RFC3339))
}

// who names servers: by name where all its addresses that answered are meant,
// with the address where not.
func (p *posture) who(list []*seen) string {
	count := func(of []*seen, server string) (n int) {
		for _, s := range of {
			if s.Server == server {
				n++
			}
		}
		return n
	}
	var out []string
	for _, s := range list {
		text := plain(s.Server)
		if count(list, s.Server) < count(p.seen, s.Server) {
			text = fmt.Sprintf("%s [%s]", text, s.Addr)
		}
		if !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	return strings.Join(out, ", ")
}

func indices(list []*seen) (out []int) {
	for _, s := range list {
		out = append(out, s.index)
	}
	return out
}

// plain is a name without its final dot, but for the root.
func plain(n string) string {
	if n == "." {
		return n
	}
	return strings.TrimSuffix(n, ".")
}
