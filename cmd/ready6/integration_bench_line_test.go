//go:build integration

package main_test

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// delayLine joins a vantage to the servers by a line that every packet takes
// rtt/2 to pass, in each direction: two tunnel devices with this process between
// them. (Not every kernel has netem.) It costs this process about 10 us of CPU a packet.
func (w *world) delayLine(vantage string, rtt time.Duration) {
	w.t.Helper()
	near, far := w.tunnel("near0", vantage), w.tunnel("far0", w.servers)
	for _, end := range []struct{ ns, dev, own4, peer4, own6, peer6 string }{
		{vantage, "near0", "198.18.252.2", "198.18.252.1", "2001:db8:fffd::2", "2001:db8:fffd::1"},
		{w.servers, "far0", "198.18.252.1", "198.18.252.2", "2001:db8:fffd::1", "2001:db8:fffd::2"},
	} {
		w.must("ip", "-n", end.ns, "addr", "add", end.own4, "peer", end.peer4, "dev", end.dev)
		w.must("ip", "-n", end.ns, "-6", "addr", "add", end.own6+"/64", "dev", end.dev, "nodad")
		w.must("ip", "-n", end.ns, "link", "set", end.dev, "mtu", "1500", "txqueuelen", "20000", "up")
		if end.ns == vantage {
			w.must("ip", "-n", end.ns, "route", "add", "default", "via", end.peer4)
			w.must("ip", "-n", end.ns, "-6", "route", "add", "default", "dev", end.dev)
		}
	}
	go passLate(near, far, rtt/2)
	go passLate(far, near, rtt/2)
}

// tunnel makes a tunnel device and puts it into a namespace.
func (w *world) tunnel(name, ns string) *os.File {
	w.t.Helper()
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		leaveOut(w.t, "no tunnel devices: "+err.Error())
	}
	req, err := unix.NewIfreq(name)
	if err != nil {
		w.t.Fatal(err)
	}
	req.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, req); err != nil {
		leaveOut(w.t, "no tunnel device: "+err.Error())
	}
	w.must("ip", "link", "set", name, "netns", ns)
	f := os.NewFile(uintptr(fd), name)
	w.t.Cleanup(func() { f.Close() })
	return f
}

// passLate hands packets on when their time has come.
func passLate(from, to *os.File, delay time.Duration) {
	type packet struct {
		due  time.Time
		data []byte
	}
	line := make(chan packet, 1<<16)
	go func() {
		for p := range line {
			time.Sleep(time.Until(p.due))
			if _, err := to.Write(p.data); err != nil && os.IsNotExist(err) {
				return
			}
		}
	}()
	defer close(line)
	for {
		buf := make([]byte, 1600)
		n, err := from.Read(buf)
		if err != nil {
			return // closed
		}
		select {
		case line <- packet{time.Now().Add(delay), buf[:n]}:
		default: // an overfull line drops
		}
	}
}
