package dial

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Stage is what time went into.
type Stage uint8

// The stages. Services are measured side by side, so their sum is more than the
// time on the wall.
const (
	Asking     Stage = iota // questions to name servers, from sending to the reply or giving up
	Connecting              // opening connections
	Securing                // TLS handshakes
	Exchanging              // on open connections, TLS handshakes included
	Waiting                 // for a turn, within the limits of this package
	Pausing                 // before something is tried again
	stages
)

// Stages lists them.
func Stages() []Stage {
	return []Stage{Asking, Connecting, Securing, Exchanging, Waiting, Pausing}
}

// String is the stage's name in metrics.
func (s Stage) String() string {
	return [...]string{"dns", "connect", "tls", "exchange", "wait", "pause"}[s]
}

// Meter counts what was sent, to whom, and where the time went. The nil Meter
// counts nothing. Safe for concurrent use.
type Meter struct {
	spans [stages]struct{ count, nanos, now atomic.Int64 }

	mu    sync.Mutex
	peers map[netip.Addr]int
	more  bool
}

// maxPeers bounds the addresses told apart, about 10 MiB; later ones are not counted.
const maxPeers = 1 << 17

// Add notes d spent in a stage.
func (m *Meter) Add(s Stage, d time.Duration) {
	if m == nil {
		return
	}
	m.spans[s].count.Add(1)
	m.spans[s].nanos.Add(int64(d))
}

// Clock begins a stage; what it returns ends it.
func (m *Meter) Clock(s Stage) (end func()) {
	if m == nil {
		return func() {}
	}
	began := time.Now()
	m.spans[s].now.Add(1)
	return func() {
		m.spans[s].now.Add(-1)
		m.Add(s, time.Since(began))
	}
}

// Now returns how many clocks of a stage run at this moment.
func (m *Meter) Now(s Stage) int {
	if m == nil {
		return 0
	}
	return int(m.spans[s].now.Load())
}

// Spent returns how often a stage was gone through, and how long that took in all.
func (m *Meter) Spent(s Stage) (times int, took time.Duration) {
	if m == nil {
		return 0, 0
	}
	return int(m.spans[s].count.Load()), time.Duration(m.spans[s].nanos.Load())
}

// to notes that something was sent to an address.
func (m *Meter) to(a netip.Addr) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.peers == nil {
		m.peers = map[netip.Addr]int{}
	}
	if _, known := m.peers[a]; !known && len(m.peers) == maxPeers {
		m.more = true
		return
	}
	m.peers[a]++
}

// Peers returns how many addresses were sent anything, whether there were more
// than could be told apart, and which one got most questions and connections.
func (m *Meter) Peers() (n int, more bool, busiest netip.Addr, most int) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for a, c := range m.peers {
		if c > most || c == most && a.Less(busiest) {
			busiest, most = a, c
		}
	}
	return len(m.peers), m.more, busiest, most
}

// Watch returns a Func that counts the TCP connections opened through it, whether
// they come about or not, and the time that took. Sockets for UDP send nothing
// when they open.
func (m *Meter) Watch(next Func) Func {
	if m == nil {
		return next
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		if !strings.HasPrefix(network, "tcp") {
			return next(ctx, network, address)
		}
		if at, err := netip.ParseAddrPort(address); err == nil {
			m.to(at.Addr())
		}
		defer m.Clock(Connecting)()
		return next(ctx, network, address)
	}
}
