package resolve

import (
	"net/netip"
	"sync"
	"time"

	"ready6/probes/verdict"
)

// server is the health of one server address, shared by all zones it serves.
type server struct {
	addr netip.Addr
	door door

	mu        sync.Mutex
	srtt, dev time.Duration // smoothed round-trip time and its deviation; zero: not measured
	slower    int           // hedges lost since the last reply in time: each doubles the estimate
	silent    int           // UDP questions in a row without a reply
	tcpFailed bool          // TCP tried without success since the last reply
	since     time.Time     // of the first silence in that row
	zone      string        // whose question that was
	zones     bool          // questions of other zones went unanswered as well
	denied    int           // REFUSED in a row, over all zones
	dead      verdict.Cause // why it is not asked, while until lies ahead
	until     time.Time
	trial     time.Time // of the last question to a dead one
	heard     time.Time // when the last reply came
	udpOnce   bool      // has answered over UDP
	ednsOnce  bool      // has answered with an OPT record
	noEDNS    bool      // does not do EDNS
	deafUntil time.Time // silent to questions with EDNS while it answers others: till then it gets those
	noCookie  bool      // refuses questions that carry a cookie
	choked    int       // answered without one, in a row, after silence to questions with one
	client    string    // our part of the cookie that cookie was given for
	cookie    string    // the server's part, 8 to 32 bytes; empty: none given yet
	tcpFirst  bool      // silent over UDP, answers over TCP
}

// The health rules. A server is dead after several questions over several
// seconds and both transports went unanswered, so that packet loss on a busy
// server does not make it so, and, if it has ever answered, in more than one
// zone: some servers are silent about single names. Then one question in a
// while tries it again.
const (
	firstRTO   = 400 * time.Millisecond // before a round-trip time is known
	leastRTO   = 200 * time.Millisecond
	deadAfter  = 3               // unanswered UDP questions in a row, and TCP
	deadTime   = 2 * time.Second // over at least this long
	deadLife   = time.Minute
	trialEvery = 10 * time.Second
	deniedMost = 8 // REFUSED in a row before it counts as refusing us altogether
	rttUnknown = 50 * time.Millisecond
	deafLife   = 5 * time.Minute
	chokedMost = 2 // replies in a row to questions without a cookie after silence to those with one
)

// rto is how long to wait for this server before another one is asked as well.
func (s *server) rto(most time.Duration) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := firstRTO
	if s.srtt > 0 {
		t = max(leastRTO, s.srtt+4*s.dev)
	}
	return min(most, t<<min(s.slower, 4))
}

// rank orders servers: the lower, the sooner it is asked.
func (s *server) rank() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := rttUnknown
	if s.srtt > 0 {
		t = s.srtt
	}
	return t<<min(s.slower, 6) + time.Duration(s.silent)*firstRTO
}

// answered notes a reply.
func (s *server) answered(took time.Duration, h how, opt bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !h.tcp {
		s.measure(took)
		s.udpOnce, s.tcpFirst = true, false
	}
	s.heard = time.Now()
	s.ednsOnce = s.ednsOnce || (h.edns && opt)
	switch {
	case h.cookie:
		s.choked = 0
	case h.wary:
		s.choked++
	}
	s.silent, s.tcpFailed, s.dead, s.slower = 0, false, "", 0
}

// measure follows RFC 6298 2. The floor keeps a measured time distinct from none.
func (s *server) measure(took time.Duration) {
	took = max(took, time.Microsecond)
	if s.srtt == 0 {
		s.srtt, s.dev = took, took/2
		return
	}
	s.dev += ((s.srtt - took).Abs() - s.dev) / 4
	s.srtt = max(s.srtt+(took-s.srtt)/8, time.Microsecond)
}

// failed notes that a question about zone went unanswered; now is the time it
// was given up.
func (s *server) failed(now time.Time, zone string, h how, c verdict.Cause) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch c {
	case verdict.Timeout, verdict.Unreachable, verdict.Refused, verdict.Reset:
	default:
		return // nothing the server did
	}
	if s.silent == 0 && !s.tcpFailed {
		s.since, s.zone, s.zones = now, zone, false
	}
	s.zones = s.zones || zone != s.zone
	if h.tcp {
		s.tcpFailed, s.tcpFirst = true, false
	} else {
		s.silent++
	}
	quick := c != verdict.Timeout // the network said so
	enough := quick || now.Sub(s.since) >= deadTime
	if s.silent >= deadAfter && s.tcpFailed && enough && (s.zones || s.heard.IsZero()) {
		s.dead, s.until, s.trial = c, now.Add(deadLife), now
	}
}

// overtaken notes that another server answered before this one did, although
// this one had its time since the question was sent.
func (s *server) overtaken(sent time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.heard.Before(sent) {
		s.slower++
	}
}

// prefersTCP notes that TCP brought the reply that UDP did not.
func (s *server) prefersTCP() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tcpFirst = !s.udpOnce
}

// denies notes whether a reply was REFUSED. A server that refuses whatever it
// is asked is not asked for further zones.
func (s *server) denies(now time.Time, refused bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !refused {
		s.denied = 0
		return
	}
	if s.denied++; s.denied >= deniedMost {
		s.dead, s.until, s.trial = verdict.ServFail, now.Add(deadLife), now
	}
}

// shunned returns why the server is not to be asked now, empty if it may be.
// Of a dead server's questions one in trialEvery passes.
func (s *server) shunned(now time.Time) verdict.Cause {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dead == "" {
		return ""
	}
	if now.After(s.until) || now.Sub(s.trial) >= trialEvery {
		s.trial = now
		return ""
	}
	return s.dead
}

// manner says how to ask this server first.
func (s *server) manner() how {
	s.mu.Lock()
	defer s.mu.Unlock()
	edns := !s.noEDNS && !time.Now().Before(s.deafUntil)
	return how{tcp: s.tcpFirst, edns: edns, cookie: edns && !s.noCookie && s.choked < chokedMost}
}

// again says how to ask it over UDP after a question brought nothing: with a
// cookie only if it has given one before, since some drop what they do not know.
func (s *server) again() how {
	h := s.manner()
	h.tcp = false
	s.mu.Lock()
	defer s.mu.Unlock()
	if h.cookie && s.cookie == "" {
		h.cookie, h.wary = false, true
	}
	return h
}

// certain is how to ask it where a choking server would be taken for a fault.
func (s *server) certain(tcp bool) how {
	s.mu.Lock()
	defer s.mu.Unlock()
	return how{tcp: tcp, edns: true, cookie: s.cookie != ""}
}

// knowsEDNS says whether the server ever answered with an OPT record.
func (s *server) knowsEDNS() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ednsOnce
}

// cookieOf returns the cookie that the server gave for a client's, if any.
func (s *server) cookieOf(client string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.client != client {
		return ""
	}
	return s.cookie
}

// keepCookie remembers what the server gave for a client's cookie.
func (s *server) keepCookie(client, cookie string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.client, s.cookie = client, cookie
}

// forgetCookie notes that the server no longer gives any.
func (s *server) forgetCookie() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.client, s.cookie = "", ""
}

// withoutCookie notes that the server answers only questions without one.
func (s *server) withoutCookie() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.noCookie, s.client, s.cookie = true, "", ""
}

// withoutEDNS notes that the server answers only plain questions. Of one that has
// answered others before it is not believed for good.
func (s *server) withoutEDNS() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ednsOnce {
		s.deafUntil = time.Now().Add(deafLife)
		return
	}
	s.noEDNS = true
}

// deafToEDNS notes that questions with EDNS brought silence and one without it a
// reply: perhaps it is the path that loses what is large or unknown to it.
func (s *server) deafToEDNS() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deafUntil = time.Now().Add(deafLife)
}

// isDeaf says whether that was so a while ago.
func (s *server) isDeaf() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.noEDNS && time.Now().Before(s.deafUntil)
}
