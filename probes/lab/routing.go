package lab

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// vrp is one validated ROA payload.
type vrp struct {
	prefix netip.Prefix
	asn    uint32
	max    int
	ta     string
}

// route is one announced prefix with its AS path, as seen by some of the peers.
type route struct {
	prefix netip.Prefix
	path   []uint32 // without the peer's own AS
	set    []uint32 // AS_SET at the end, empty for none
	peers  int
}

// routePeers is how many peers the route table has; a route is seen by all of
// them unless its line says peers=N.
const routePeers = 12

// vrpLine reads: PREFIX ASN [max=N] [ta=NAME].
func (w *World) vrpLine(fields []string, _ string) error {
	if len(fields) < 2 {
		return errors.New("wants: PREFIX ASN [max=N] [ta=NAME]")
	}
	prefix, err := netip.ParsePrefix(fields[0])
	if err != nil || prefix != prefix.Masked() {
		return fmt.Errorf("%q is not a prefix", fields[0])
	}
	asn, err := parseASN(fields[1])
	if err != nil {
		return err
	}
	v := vrp{prefix: prefix, asn: asn, max: prefix.Bits(), ta: "apnic"}
	for _, f := range fields[2:] {
		switch key, value, _ := strings.Cut(f, "="); key {
		case "max":
			if v.max, err = strconv.Atoi(value); err != nil || v.max < prefix.Bits() || v.max > prefix.Addr().BitLen() {
				return fmt.Errorf("max %q is not a length from %d to %d", value, prefix.Bits(), prefix.Addr().BitLen())
			}
		case "ta":
			v.ta = value
		default:
			return fmt.Errorf("%q is neither max nor ta", f)
		}
	}
	w.vrps = append(w.vrps, v)
	return nil
}

// routeLine reads: PREFIX ASN... [{ASN,ASN}] [peers=N], the origin last.
func (w *World) routeLine(fields []string, _ string) error {
	if len(fields) < 2 {
		return errors.New("wants: PREFIX ASN... [{ASN,ASN}] [peers=N]")
	}
	prefix, err := netip.ParsePrefix(fields[0])
	if err != nil || prefix != prefix.Masked() {
		return fmt.Errorf("%q is not a prefix", fields[0])
	}
	r := route{prefix: prefix, peers: routePeers}
	for _, f := range fields[1:] {
		switch {
		case strings.HasPrefix(f, "peers="):
			if r.peers, err = strconv.Atoi(f[6:]); err != nil || r.peers < 1 || r.peers > routePeers {
				return fmt.Errorf("peers %q is not a number from 1 to %d", f[6:], routePeers)
			}
		case len(r.set) > 0:
			return fmt.Errorf("%q after the AS_SET", f)
		case strings.HasPrefix(f, "{"):
			for s := range strings.SplitSeq(strings.Trim(f, "{}"), ",") {
				asn, err := parseASN(s)
				if err != nil {
					return err
				}
				r.set = append(r.set, asn)
			}
		default:
			asn, err := parseASN(f)
			if err != nil {
				return err
			}
			r.path = append(r.path, asn)
		}
	}
	w.routes = append(w.routes, r)
	return nil
}

func parseASN(s string) (uint32, error) {
	n, err := strconv.ParseUint(strings.TrimPrefix(strings.ToUpper(s), "AS"), 10, 32)
	if err != nil {
		return 0, fmt.Errorf("%q is not an AS number", s)
	}
	return uint32(n), nil
}
