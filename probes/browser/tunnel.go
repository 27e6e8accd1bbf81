package browser

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"
)

// tunnel is one open connection of the browser's.
type tunnel struct {
	at     hostKey
	client net.Conn
	server net.Conn
	mu     sync.Mutex
	last   time.Time // anything passed
	reply  bool      // the last to speak was the server
	cut    bool      // closed to make place for another
}

// idle is how long a connection must be silent, after the server's last word,
// to be closed in another's favour.
const idle = 500 * time.Millisecond

// giveWay closes a connection that is idle and reports whether it does.
func (t *tunnel) giveWay(now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.cut || !t.reply || now.Sub(t.last) < idle {
		return false
	}
	t.cut = true
	_ = t.server.Close()
	_ = t.client.Close()
	return true
}

// carry passes bytes both ways until one side is done.
func (p *proxy) carry(t *tunnel, a netip.Addr) {
	p.mu.Lock()
	p.tunnels[a] = append(p.tunnels[a], t)
	p.mu.Unlock()
	stop := context.AfterFunc(p.ctx, func() { t.server.Close() })
	defer stop()
	var up sync.WaitGroup
	up.Go(func() {
		_, _ = io.Copy(t.server, &tap{t.client, t, p, false})
		if h, ok := t.server.(interface{ CloseWrite() error }); !ok || h.CloseWrite() != nil {
			_ = t.server.Close()
		}
	})
	_, _ = io.Copy(t.client, &tap{t.server, t, p, true})
	_ = t.client.Close() // the other direction ends with it
	_ = t.server.Close()
	up.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	list := p.tunnels[a]
	for i := range list {
		if list[i] == t {
			p.tunnels[a] = append(list[:i:i], list[i+1:]...)
			break
		}
	}
	if len(p.tunnels[a]) == 0 {
		delete(p.tunnels, a)
	}
}

// tap reads one direction of a tunnel and keeps its clock.
type tap struct {
	r     io.Reader
	t     *tunnel
	p     *proxy
	reply bool
}

func (r *tap) Read(b []byte) (int, error) {
	n, err := r.r.Read(b)
	if n > 0 {
		r.t.mu.Lock()
		r.t.last, r.t.reply = time.Now(), r.reply
		r.t.mu.Unlock()
		if r.reply && r.p.bytes.Add(int64(n)) > maxBytes {
			return 0, errors.New("the page is larger than this scanner loads")
		}
	}
	return n, err
}
