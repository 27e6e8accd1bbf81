//go:build integration

package main_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

const rootAddr = "198.18.60.1"

func parentsAddr(program int) string  { return fmt.Sprintf("198.18.%d.1", 61+program) }
func childrenAddr(program int) string { return fmt.Sprintf("198.18.%d.2", 61+program) }

// parentKinds are the zones that cases are delegated from, per server program.
var parentKinds = map[string]struct {
	label  string
	nsec3  *chain3
	signed bool
}{
	"":    {"", nil, true},
	"n3":  {"n3.", &chain3{salt: "beef"}, true},
	"oo":  {"oo.", &chain3{optOut: true}, true},
	"ob":  {"ob.", &chain3{optOut: true}, true}, // for what breaks the records that others lean on
	"un":  {"un.", nil, false},
	"ent": {"e.n.t.", nil, true}, // two empty names between it and its own parent
}

func parentApex(kind string, program int) string {
	return parentKinds[kind].label + software[program].name + "."
}

// place puts every case on every server, each with the next signer that can
// make it, so that all pairs come to be.
func place() []*placed {
	var out []*placed
	all := []string{"ours", "ldns", "bind", "knot"}
	for i := range agreeCases {
		c := &agreeCases[i]
		can := all
		switch {
		case c.unsigned:
			can = []string{"none"}
		case c.signers != "":
			can = strings.Fields(c.signers)
		}
		for p := range software {
			out = append(out, &placed{agreeCase: c, program: p, signer: can[(i+p)%len(can)], apex: c.name + "." + parentApex(c.in, p)})
		}
	}
	return out
}

// baseRecords are in every case's zone.
const baseRecords = `@	SOA	ns hostmaster 1 3600 900 604800 300
@	NS	ns
@	MX	10 www
ns	A	%s
www	A	192.0.2.80
www	TXT	"one" "two"
other	A	192.0.2.81
*.wild	A	192.0.2.82
deep.ent	A	192.0.2.83
zz	A	192.0.2.84
`

// raise makes the zones, starts the servers, and returns the questions about
// what they really serve.
func (b *bed) raise() []asking {
	b.t.Helper()
	b.forge = &forge{w: b.world, now: time.Now(), pool: map[string][]madeKey{}}
	cases := place()
	b.signAll(cases)
	tops := b.parents(cases)
	for p := range software {
		children, parents := map[string]*madeZone{}, tops[p]
		for _, c := range cases {
			if c.nowhere {
				continue
			}
			if c.program == p && !c.beside {
				children[c.apex] = c.zone
			} else if c.program == p {
				parents[c.apex] = c.zone
			}
		}
		b.serve(p, software[p].name+"-parents", parentsAddr(p), parents)
		b.serve(p, software[p].name+"-children", childrenAddr(p), children)
		defer func() {
			for _, c := range cases {
				if c.program == p && c.zone == nil {
					b.t.Errorf("%s: no zone", c.apex)
				}
			}
		}()
		lacking := b.ready(parentsAddr(p), parents)
		for name, status := range b.ready(childrenAddr(p), children) {
			lacking[name] = status
		}
		for name, status := range lacking {
			b.t.Logf("%s is not served by %s: %s", name, software[p].name, status)
		}
		cases = slices.DeleteFunc(cases, func(c *placed) bool { return c.program == p && lacking[c.apex] != "" })
	}
	b.resolvers(rootAddr, "unbound")
	return b.questions(cases)
}

// signAll makes every case's zone, a few at a time.
func (b *bed) signAll(cases []*placed) {
	b.t.Helper()
	var wg sync.WaitGroup
	work := make(chan *placed)
	for range 3 {
		wg.Go(func() {
			for c := range work {
				if err := b.make(c); err != nil {
					b.t.Error(err)
				}
			}
		})
	}
	for _, c := range cases {
		work <- c
	}
	close(work)
	wg.Wait()
	if b.t.Failed() {
		b.t.FailNow()
	}
}

// make signs one case's zone and breaks it.
func (b *bed) make(c *placed) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%s by %s: %v", c.apex, c.signer, p)
		}
	}()
	addr := childrenAddr(c.program)
	if c.beside {
		addr = parentsAddr(c.program)
	}
	algorithm := c.algorithm
	if algorithm == "" {
		algorithm = "ECDSAP256SHA256"
	}
	text := fmt.Sprintf(baseRecords, addr) + strings.ReplaceAll(c.more, "{S}", software[c.program].name)
	if c.unsigned {
		c.zone = &madeZone{apex: c.apex}
		c.zone.rrs, err = parseRecords(c.apex, text)
		if err != nil {
			return err
		}
	} else if c.zone, err = b.forge.sign(order{c.apex, text, c.signer, algorithm, c.nsec3, c.shift}); err != nil {
		return err
	}
	if c.ds != nil {
		c.ds(c.zone)
	}
	if c.breaks != nil {
		c.breaks(c.zone)
	}
	return nil
}

// parents makes the zones above the cases and the root, and serves the root.
func (b *bed) parents(cases []*placed) []map[string]*madeZone {
	b.t.Helper()
	tops := make([]map[string]*madeZone, len(software))
	root := ". SOA ns.root. hostmaster.root. 1 3600 900 604800 300\n. NS ns.root.\nns.root. A " + rootAddr + "\n"
	for p := range software {
		tops[p] = map[string]*madeZone{}
		var under string // the parents of kinds other than ""
		for _, kind := range []string{"n3", "oo", "ob", "un", "ent", ""} {
			apex := parentApex(kind, p)
			text := fmt.Sprintf("@ SOA ns hostmaster 1 3600 900 604800 300\n@ NS ns\nns A %s\n", parentsAddr(p))
			for _, c := range cases {
				if c.program == p && c.in == kind {
					text += b.delegation(c)
				}
			}
			if kind == "" {
				text += under
			}
			z, err := b.parentZone(p, kind, apex, text)
			if err != nil {
				b.t.Fatal(err)
			}
			for _, c := range cases {
				if c.program == p && c.in == kind && c.agreeCase.parent != nil {
					b.breakParent(c, z)
				}
			}
			tops[p][apex] = z
			cut := fmt.Sprintf("%s NS ns.%s\nns.%s A %s\n", apex, apex, apex, parentsAddr(p))
			for _, ds := range z.ds {
				cut += ds.String() + "\n"
			}
			if kind == "" {
				root += cut
			} else {
				under += cut
			}
		}
	}
	z, err := b.forge.sign(order{apex: ".", text: root, signer: "ours", algorithm: "ECDSAP256SHA256"})
	if err != nil {
		b.t.Fatal(err)
	}
	b.anchors = z.ds
	for _, c := range cases {
		if c.anchored {
			b.anchors = append(b.anchors, c.zone.ds...)
			c.zone.ds = nil
		}
	}
	zones := map[string]*madeZone{".": z}
	b.serve(0, "root", rootAddr, zones)
	b.ready(rootAddr, zones)
	return tops
}

func (b *bed) breakParent(c *placed, z *madeZone) {
	defer func() {
		if p := recover(); p != nil {
			b.t.Fatalf("%s: %v", c.apex, p)
		}
	}()
	c.agreeCase.parent(z, c.zone)
}

func (b *bed) parentZone(p int, kind, apex, text string) (*madeZone, error) {
	k := parentKinds[kind]
	if !k.signed {
		rrs, err := parseRecords(apex, text)
		return &madeZone{apex: apex, rrs: rrs}, err
	}
	signer := software[p].signer
	if k.nsec3 != nil && k.nsec3.optOut && signer == "ldns" {
		signer = "knot" // ldns-signzone sets the flag, but leaves out no delegation
	}
	return b.forge.sign(order{apex: apex, text: text, signer: signer, algorithm: "ECDSAP256SHA256", nsec3: k.nsec3})
}

// delegation is what a case's parent says of it.
func (b *bed) delegation(c *placed) string {
	addr := childrenAddr(c.program)
	if c.beside {
		addr = parentsAddr(c.program)
	}
	out := fmt.Sprintf("%s NS ns.%[1]s\nns.%[1]s A %s\n", c.apex, addr)
	if c.lame != "" {
		out += strings.ReplaceAll(c.lame, "@", c.apex)
	}
	if !c.anchored {
		for _, ds := range c.zone.ds {
			out += ds.String() + "\n"
		}
	}
	return out
}

// questions are those of the cases that are served.
func (b *bed) questions(cases []*placed) []asking {
	var out []asking
	for _, c := range cases {
		for _, line := range c.ask {
			f := strings.Fields(line)
			if len(f) < 3 {
				b.t.Fatalf("%s: question %q", c.name, line)
			}
			name := c.apex
			switch {
			case strings.HasSuffix(f[0], "."):
				name = f[0]
			case f[0] != "@":
				name = f[0] + "." + c.apex
			}
			want := f[2]
			for _, other := range f[3:] {
				if server, state, _ := strings.Cut(other, "="); server == software[c.program].name {
					want = state
				}
			}
			q := asking{where: c, name: name, qtype: f[1], want: want,
				title: fmt.Sprintf("%s@%s:%s %s %s", c.name, software[c.program].name, c.signer, f[0], f[1])}
			if c.anchored {
				q.anchor = c.apex
			}
			out = append(out, q)
		}
	}
	return out
}
