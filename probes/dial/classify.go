package dial

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"syscall"

	"ready6/probes/verdict"
)

// causeOf maps the kernel's error numbers. ENETUNREACH stands for a missing
// local route; one that a router sent is caught earlier (farUnreachable).
var causeOf = map[syscall.Errno]verdict.Cause{
	syscall.ECONNREFUSED:  verdict.Refused,
	syscall.ECONNRESET:    verdict.Reset,
	syscall.ECONNABORTED:  verdict.Reset,
	syscall.EPIPE:         verdict.Reset,
	syscall.ETIMEDOUT:     verdict.Timeout,
	syscall.EHOSTUNREACH:  verdict.Unreachable,
	syscall.EHOSTDOWN:     verdict.Unreachable,
	syscall.EPROTO:        verdict.Unreachable, // ICMP "protocol" and parameter problems
	syscall.ENOPROTOOPT:   verdict.Unreachable,
	syscall.EACCES:        verdict.Unreachable, // ICMPv6 administratively prohibited
	syscall.EMSGSIZE:      verdict.Unreachable, // no path for a packet of that size
	syscall.ENETUNREACH:   verdict.NoFamily,
	syscall.ENETDOWN:      verdict.NoFamily,
	syscall.EADDRNOTAVAIL: verdict.NoFamily,
	syscall.EAFNOSUPPORT:  verdict.NoFamily,
	syscall.EMFILE:        verdict.OverBudget,
	syscall.ENFILE:        verdict.OverBudget,
	syscall.ENOBUFS:       verdict.OverBudget,
	syscall.ENOMEM:        verdict.OverBudget,
}

// Classify says why a dial, read or write failed; of nil it is empty. It is
// the only code that looks inside network errors.
//
// A context's own deadline error is Deadline, a timeout of the network stack is
// Timeout. Whoever sets a context deadline for one attempt inside a longer time
// must read Deadline as Timeout while the longer time is not over.
func Classify(err error) verdict.Cause {
	var (
		refused   *Refused
		exhausted *Exhausted
		optedOut  *OptedOut
		far       *farUnreachable
		errno     syscall.Errno
		dnsErr    *net.DNSError
		netErr    net.Error
	)
	switch {
	case err == nil:
		return ""
	case errors.As(err, &refused):
		return verdict.Forbidden
	case errors.As(err, &optedOut):
		return verdict.OptedOut
	case errors.As(err, &exhausted):
		return verdict.OverBudget
	case errors.Is(err, context.Canceled):
		return verdict.Cancelled
	case holds(err, context.DeadlineExceeded):
		return verdict.Deadline
	case errors.As(err, &far):
		return verdict.Unreachable
	case errors.As(err, &errno) && causeOf[errno] != "":
		if dialled(err) || causeOf[errno] != verdict.NoFamily {
			return causeOf[errno]
		}
		return verdict.Unreachable // on an open connection there was a route: ICMP told us
	case errors.Is(err, os.ErrDeadlineExceeded):
		return verdict.Timeout
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.ErrClosedPipe):
		return verdict.Reset
	case errors.As(err, &dnsErr) && !dnsErr.IsTimeout:
		return verdict.OtherCause
	case errors.As(err, &netErr) && netErr.Timeout():
		return verdict.Timeout
	}
	return verdict.OtherCause
}

// dialled says whether err arose when a connection was opened.
func dialled(err error) bool {
	var op *net.OpError
	return !errors.As(err, &op) || op.Op == "dial"
}

// holds looks for the very value target in err's tree. errors.Is will not do:
// the net package's timeouts claim to be context.DeadlineExceeded.
func holds(err, target error) bool {
	if err == target {
		return true
	}
	switch u := err.(type) {
	case interface{ Unwrap() error }:
		return holds(u.Unwrap(), target)
	case interface{ Unwrap() []error }:
		for _, e := range u.Unwrap() {
			if holds(e, target) {
				return true
			}
		}
	}
	return false
}

// HeldBack reports that this machine itself did not send a packet: its own packet
// filter dropped it (EPERM), or a queue was full (ENOBUFS, send(2)). It says nothing of
// the other side, nor of other packets on the same socket.
func HeldBack(err error) bool {
	return errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOBUFS)
}
