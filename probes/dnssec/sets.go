package dnssec

import (
	"github.com/miekg/dns"
)

// rrset is the records of one owner and type in one section of a message, with
// the signatures that claim to cover them.
type rrset struct {
	owner  name
	rrtype uint16
	packed bool // canon is made, which is done on first use
	ok     bool // and could be
	rrs    []dns.RR
	sigs   []*dns.RRSIG
	canon  canonical
}

// canonical returns the set's records ready for signing.
func (s *rrset) canonical() (canonical, bool) {
	if !s.packed {
		s.canon, s.ok = canonicalSet(s.rrs)
		s.packed = true
	}
	return s.canon, s.ok
}

type setKey struct {
	owner  name
	rrtype uint16
}

// sets are the record sets of one section, in order of appearance.
type sets struct {
	list  []rrset
	index map[setKey]int // into list
}

// indexAbove is the number of sets from which a map pays off.
const indexAbove = 8

func (s *sets) find(owner name, rrtype uint16) *rrset {
	if s.index != nil {
		if i, ok := s.index[setKey{owner, rrtype}]; ok {
			return &s.list[i]
		}
		return nil
	}
	for i := range s.list {
		if set := &s.list[i]; set.rrtype == rrtype && set.owner == owner {
			return set
		}
	}
	return nil
}

// at finds a set or begins it. What it returns is good until the next one begins.
func (s *sets) at(owner name, rrtype uint16) *rrset {
	if set := s.find(owner, rrtype); set != nil {
		return set
	}
	s.list = append(s.list, rrset{owner: owner, rrtype: rrtype})
	last := len(s.list) - 1
	if s.index != nil {
		s.index[setKey{owner, rrtype}] = last
	} else if len(s.list) > indexAbove {
		s.index = make(map[setKey]int, 2*len(s.list))
		for i, set := range s.list {
			s.index[setKey{set.owner, set.rrtype}] = i
		}
	}
	return &s.list[last]
}

// group sorts the IN records of a section into sets. Signatures go with the set
// they cover; a set with signatures only has no rrs.
func group(section []dns.RR) sets {
	if len(section) == 0 {
		return sets{}
	}
	s := sets{list: make([]rrset, 0, min((len(section)+1)/2, indexAbove))} // most records have a signature beside them
	var last string
	var owner name
	for i, rr := range section {
		if rr == nil {
			continue
		}
		h := rr.Header()
		if h.Class != dns.ClassINET || h.Rrtype == dns.TypeOPT {
			continue
		}
		if h.Name != last || owner == "" {
			n, ok := parseName(h.Name)
			if !ok {
				continue
			}
			owner, last = n, h.Name
		}
		if sig, ok := rr.(*dns.RRSIG); ok {
			set := s.at(owner, sig.TypeCovered)
			set.sigs = append(set.sigs, sig)
			continue
		}
		set := s.at(owner, h.Rrtype)
		if set.rrs == nil {
			set.rrs = section[i : i+1 : i+1] // most sets have no more
		} else {
			set.rrs = append(set.rrs, rr)
		}
	}
	return s
}

// message is an answer taken apart.
type message struct {
	msg       *dns.Msg
	answer    sets
	authority sets
}

func newMessage(m *dns.Msg) *message {
	return &message{msg: m, answer: group(m.Answer), authority: group(m.Ns)}
}

// set finds records in the answer or, failing that, in the authority section.
func (m *message) set(owner name, rrtype uint16) *rrset {
	for _, s := range []*sets{&m.answer, &m.authority} {
		if set := s.find(owner, rrtype); set != nil && len(set.rrs) > 0 {
			return set
		}
	}
	return nil
}

// denials lists the records of the authority section that a negative answer
// rests on: SOA, NSEC and NSEC3.
func (m *message) denials() []*rrset {
	out := make([]*rrset, 0, len(m.authority.list))
	for i := range m.authority.list {
		set := &m.authority.list[i]
		switch set.rrtype {
		case dns.TypeSOA, dns.TypeNSEC, dns.TypeNSEC3:
			if len(set.rrs) > 0 {
				out = append(out, set)
			}
		}
	}
	return out
}
