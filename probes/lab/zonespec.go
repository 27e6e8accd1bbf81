package lab

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// zoneSpec is one line of the zones section: one version of one zone, who
// serves it and how it is signed and delegated.
type zoneSpec struct {
	name     string // canonical
	version  string // empty: the zone as it should be
	servers  []string
	unsigned bool
	csk      bool // one key for everything
	nsec3    bool
	optOut   bool
	anchor   bool // its key is a trust anchor; the root's always is
	hide     bool // the parent has no delegation for it
	iter     uint16
	salt     string // hex, empty for none
	alg      uint8
	bits     int           // RSA modulus
	from, to time.Duration // validity of the signatures, relative to now
	ds       []string      // see dsKinds
	cds      []string      // see cdsKinds
	spare    []uint16      // flags of keys that are published and sign nothing
	glue     string        // both, v4, v6, none
	ttl      uint32        // seconds
}

func (z zoneSpec) key() string {
	if z.version == "" {
		return z.name
	}
	return z.name + "@" + z.version
}

// dsKinds are what the parent may say of a signed zone's key.
var dsKinds = []string{
	"sha1", "sha256", "sha384", // a right digest of that type
	"none",    // no DS at all: an island
	"wrong",   // right key tag and algorithm, another digest
	"nokey",   // of a key that the zone does not have
	"unknown", // right key, digest type 200
	"badalg",  // DS algorithm 250, right digest
}

// cdsKinds are what a zone may ask its parent for, by CDS and by CDNSKEY.
var cdsKinds = []string{
	"same",   // its own KSK
	"nokey",  // a key that it does not have
	"delete", // no DS any more (RFC 8078 4)
}

var algorithmNames = map[string]uint8{
	"rsasha1": dns.RSASHA1, "rsasha1-nsec3": dns.RSASHA1NSEC3SHA1, "rsasha256": dns.RSASHA256, "rsasha512": dns.RSASHA512,
	"ecdsap256": dns.ECDSAP256SHA256, "ecdsap384": dns.ECDSAP384SHA384, "ed25519": dns.ED25519,
}

var zoneOptions = map[string]func(z *zoneSpec, value string) error{
	"unsigned": func(z *zoneSpec, _ string) error { z.unsigned = true; return nil },
	"csk":      func(z *zoneSpec, _ string) error { z.csk = true; return nil },
	"nsec":     func(z *zoneSpec, _ string) error { z.nsec3 = false; return nil },
	"optout":   func(z *zoneSpec, _ string) error { z.nsec3, z.optOut = true, true; return nil },
	"anchor":   func(z *zoneSpec, _ string) error { z.anchor = true; return nil },
	"hidden":   func(z *zoneSpec, _ string) error { z.hide = true; return nil },
	"nsec3":    readNSEC3,
	"alg":      readAlgorithm,
	"bits": func(z *zoneSpec, v string) (err error) {
		z.bits, err = strconv.Atoi(v)
		return err
	},
	"ttl": func(z *zoneSpec, v string) error {
		n, err := strconv.ParseUint(v, 10, 31)
		z.ttl = uint32(n)
		return err
	},
	"valid": readValidity,
	"ds": func(z *zoneSpec, v string) error {
		z.ds = strings.Split(v, "+")
		for _, kind := range z.ds {
			if !slices.Contains(dsKinds, kind) {
				return fmt.Errorf("DS kind %q is none of %v", kind, dsKinds)
			}
		}
		return nil
	},
	"cds": func(z *zoneSpec, v string) error {
		z.cds = strings.Split(v, "+")
		for _, kind := range z.cds {
			if !slices.Contains(cdsKinds, kind) {
				return fmt.Errorf("CDS kind %q is none of %v", kind, cdsKinds)
			}
		}
		return nil
	},
	"spare-ksk": func(z *zoneSpec, _ string) error { z.spare = append(z.spare, flagSEP); return nil },
	"spare-zsk": func(z *zoneSpec, _ string) error { z.spare = append(z.spare, flagZone); return nil },
	"glue": func(z *zoneSpec, v string) error {
		if !slices.Contains([]string{"both", "v4", "v6", "none"}, v) {
			return fmt.Errorf("glue %q is none of both, v4, v6, none", v)
		}
		z.glue = v
		return nil
	},
}

// readNSEC3 reads "", "ITERATIONS" or "ITERATIONS:SALT".
func readNSEC3(z *zoneSpec, v string) error {
	z.nsec3 = true
	if v == "" {
		return nil
	}
	iter, salt, _ := strings.Cut(v, ":")
	n, err := strconv.ParseUint(iter, 10, 16)
	z.iter, z.salt = uint16(n), salt
	return err
}

func readAlgorithm(z *zoneSpec, v string) error {
	if n, ok := algorithmNames[v]; ok {
		z.alg = n
		return nil
	}
	n, err := strconv.ParseUint(v, 10, 8)
	z.alg = uint8(n)
	return err
}

// readValidity reads "FROM..TO", durations relative to now such as -24h..336h.
func readValidity(z *zoneSpec, v string) error {
	from, to, ok := strings.Cut(v, "..")
	if !ok {
		return errors.New("wants FROM..TO")
	}
	var err1, err2 error
	z.from, err1 = time.ParseDuration(from)
	z.to, err2 = time.ParseDuration(to)
	return errors.Join(err1, err2)
}

// zoneLine reads: ZONE[@version] SERVER... [option[=value]]...
func (w *World) zoneLine(fields []string, _ string) error {
	name, version, _ := strings.Cut(fields[0], "@")
	z := zoneSpec{name: canonical(name), version: version, alg: dns.ECDSAP256SHA256, bits: 1024,
		from: -24 * time.Hour, to: 14 * 24 * time.Hour, ds: []string{"sha256"}, glue: "both", ttl: 3600}
	for _, f := range fields[1:] {
		key, value, _ := strings.Cut(f, "=")
		if read, ok := zoneOptions[key]; ok {
			if err := read(&z, value); err != nil {
				return fmt.Errorf("option %s: %w", key, err)
			}
			continue
		}
		if !strings.Contains(f, ".") || strings.Contains(f, "=") {
			return fmt.Errorf("%q is neither a server's name nor one of the options %v", f, slices.Sorted(maps.Keys(zoneOptions)))
		}
		z.servers = append(z.servers, canonical(f))
	}
	if len(z.servers) == 0 {
		return fmt.Errorf("zone %s has no servers", z.name)
	}
	replaceOrAdd(&w.zones, z, func(o zoneSpec) bool { return o.key() == z.key() })
	return nil
}
