package reports

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"ready6/probes/verdict"
)

// Graph is the dependency closure of a service as its results show it: what it
// takes to get there without IPv4, and which link of it does not hold. It is
// derived from results and their paths, and stored nowhere.
type Graph struct {
	Nodes []Node `json:"nodes"` // the service first, then as found
	Edges []Edge `json:"edges"`
}

// Node is a link of the closure. Kind is service, host, zone, server or address.
type Node struct {
	ID      string           `json:"id"` // "zone:example.vn"
	Kind    string           `json:"kind"`
	Name    string           `json:"name"`
	Outcome verdict.Outcome  `json:"outcome"` // of its own, without what is below
	Codes   []verdict.Reason `json:"codes"`   // of what is not as it should be; never nil
	NAT64   verdict.Reason   `json:"nat64,omitempty"`
	Owner   verdict.Owner    `json:"owner"`

	blocks  bool // keeps the service from level 3: a fault, or a gap
	outcome []verdict.Outcome
}

// Edge says that From needs To, and what for: zone, name-server, address, alias,
// mail, or the uses of hosts in the catalogue such as script or redirect.
type Edge struct {
	From string `json:"from"`
	To   string `json:"to"`
	For  string `json:"for"`
}

// maxGraph bounds the nodes of one graph.
const maxGraph = 2000

// grapher is a graph under construction.
type grapher struct {
	Graph
	index map[string]int
	edges map[[2]string]int
	root  string
}

// graphOf derives the closure's graph from a record.
func graphOf(rec verdict.Record) Graph {
	g := &grapher{index: map[string]int{}, edges: map[[2]string]int{}, root: rec.Host}
	g.Nodes, g.Edges = []Node{}, []Edge{}
	g.node("service", rec.Host)
	for _, r := range rec.Results {
		switch r.Check {
		case verdict.AAAA:
			g.published(r)
		case verdict.Reach:
			if a, err := netip.ParseAddrPort(r.Subject); err == nil {
				g.judge(g.under(g.hostID(r.Args["host"]), "address", a.Addr().String(), "address"), r)
			}
		case verdict.Closure:
			g.judge(g.path(r), r)
		}
	}
	for _, r := range rec.Results {
		if r.Check != verdict.NAT64 {
			continue
		}
		for _, id := range []string{"zone:" + Clean(r.Subject), g.hostID(r.Subject)} {
			if i, ok := g.index[id]; ok && (r.Reason == "nat64.resolver") == strings.HasPrefix(id, "zone:") {
				g.Nodes[i].NAT64 = r.Reason
			}
		}
	}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		if n.Outcome = verdict.Worst(n.outcome...); len(n.outcome) == 0 {
			n.Outcome = verdict.Pass // nothing bad was said of it
		}
	}
	return g.Graph
}

// node returns the place of a node, which is made where it is not there; -1
// where there are too many.
func (g *grapher) node(kind, name string) int {
	id := kind + ":" + Clean(name)
	if i, ok := g.index[id]; ok {
		return i
	}
	if len(g.Nodes) == maxGraph {
		return -1
	}
	g.index[id] = len(g.Nodes)
	g.Nodes = append(g.Nodes, Node{ID: id, Kind: kind, Name: Clean(name), Codes: []verdict.Reason{}})
	return len(g.Nodes) - 1
}

func (g *grapher) hostID(name string) string {
	if name == g.root || name == "" {
		return "service:" + Clean(g.root)
	}
	return "host:" + Clean(name)
}

// under makes a node that another one needs, and returns its place. The first
// use that is told of an edge stays.
func (g *grapher) under(from, kind, name, use string) int {
	if kind == "host" && g.hostID(name) == from {
		return g.index[from]
	}
	if kind == "host" && name == g.root {
		kind = "service"
	}
	i := g.node(kind, name)
	if i < 0 {
		return i
	}
	if _, ok := g.index[from]; !ok {
		_, name, _ := strings.Cut(from, ":")
		if g.node("host", name) < 0 {
			return i
		}
	}
	key := [2]string{from, g.Nodes[i].ID}
	if at, ok := g.edges[key]; !ok && from != g.Nodes[i].ID {
		g.edges[key] = len(g.Edges)
		g.Edges = append(g.Edges, Edge{from, g.Nodes[i].ID, use})
	} else if ok && g.Edges[at].For == "alias" {
		g.Edges[at].For = use
	}
	return i
}

// published notes what a result on addresses says of the service's own hosts.
func (g *grapher) published(r verdict.Result) {
	root := g.Nodes[0].ID
	switch r.Reason {
	case "aaaa.mx":
		g.under(root, "host", r.Subject, "mail")
	case "aaaa.present", "aaaa.special", "aaaa.nat64":
		g.judge(g.under(g.hostID(r.Args["host"]), "address", r.Subject, "address"), r)
	case "aaaa.nodata", "aaaa.nxdomain", "aaaa.dangling", "aaaa.cname-loop", "aaaa.unknown", "aaaa.internal":
		if i, ok := g.index[g.hostID(strings.TrimSuffix(r.Subject, " (MX)"))]; ok {
			g.judge(i, r)
		}
	}
}

// path puts a result's way from the service into the graph, and returns the
// place of what it is about.
func (g *grapher) path(r verdict.Result) int {
	code := string(r.Reason)
	zone, server := strings.HasPrefix(code, "closure.zone-"), r.Reason.Aside()
	from, via := g.Nodes[0].ID, r.Via
	if server && len(via) > 0 { // its zone is at the end of the way
		via = via[:len(via)-1]
	}
	use := cmp.Or(Clean(r.Args["use"]), "alias")
	for i, name := range via {
		what := "alias"
		if i == len(via)-1 && name == r.Subject && !zone && !server {
			what = use
		}
		at := g.under(from, "host", name, what)
		if at < 0 {
			return -1
		}
		from = g.Nodes[at].ID
	}
	switch {
	case zone:
		return g.under(from, "zone", r.Subject, "zone")
	case server:
		at := g.under(from, "zone", r.Args["zone"], "zone")
		if at < 0 {
			return -1
		}
		at = g.under(g.Nodes[at].ID, "server", r.Subject, "name-server")
		g.serves(at, r)
		return at
	}
	return g.under(from, "host", r.Subject, use)
}

// serves adds a name server's addresses: those that it was asked at.
func (g *grapher) serves(at int, r verdict.Result) {
	if at < 0 {
		return
	}
	good := strings.Split(r.Args["addresses"], ", ")
	for _, e := range r.Evidence {
		a, err := netip.ParseAddrPort(e.Asked)
		if err != nil || !a.Addr().Is6() || a.Addr().Is4In6() || strings.HasPrefix(string(r.Reason), "closure.glue-") {
			continue
		}
		i := g.under(g.Nodes[at].ID, "address", a.Addr().String(), "address")
		if i < 0 {
			return
		}
		o := verdict.Pass
		if !slices.Contains(good, a.Addr().String()) {
			o = r.Outcome()
		}
		g.Nodes[i].outcome = append(g.Nodes[i].outcome, o)
	}
}

// judge adds a result to the node that it is about.
func (g *grapher) judge(at int, r verdict.Result) {
	if at < 0 {
		return
	}
	n, o := &g.Nodes[at], r.Outcome()
	n.outcome = append(n.outcome, o)
	if o == verdict.Pass || o == verdict.NotApplicable {
		return
	}
	bad := o == verdict.Fail || o == verdict.Unknown && !n.blocks
	if !slices.Contains(n.Codes, r.Reason) {
		n.Codes = append(n.Codes, r.Reason)
	}
	if n.Owner.Role == "" || bad {
		n.Owner = verdict.Owner{Role: r.Owner.Role, Name: Clean(r.Owner.Name)}
	}
	n.blocks = n.blocks || (o == verdict.Fail || o == verdict.Unknown) && !r.Reason.Aside()
}

// branch is a node of the closure in its place in the tree: below what needs it
// first.
type branch struct {
	Node
	use     string
	kids    []*branch
	blocked bool // it, or something below it, blocks
	size    int  // nodes from here down
}

// tree puts a graph in order for the eye: what blocks first.
func (g Graph) tree() *branch {
	if len(g.Nodes) == 0 {
		return nil
	}
	all := map[string]*branch{}
	for _, n := range g.Nodes {
		all[n.ID] = &branch{Node: n}
	}
	root := all[g.Nodes[0].ID]
	placed := map[string]bool{root.ID: true}
	for queue := []*branch{root}; len(queue) > 0; queue = queue[1:] {
		for _, e := range g.Edges {
			if kid := all[e.To]; e.From == queue[0].ID && !placed[e.To] {
				placed[e.To], kid.use = true, e.For
				queue[0].kids = append(queue[0].kids, kid)
				queue = append(queue, kid)
			}
		}
	}
	root.weigh()
	return root
}

// kindOrder is the order of links that are equally urgent.
var kindOrder = []string{"service", "address", "host", "zone", "server"}

func (b *branch) weigh() {
	b.blocked, b.size = b.blocks, 1
	for _, k := range b.kids {
		k.weigh()
		b.blocked, b.size = b.blocked || k.blocked, b.size+k.size
	}
	slices.SortStableFunc(b.kids, func(x, y *branch) int {
		return cmp.Or(cmp.Compare(y.rank(), x.rank()), cmp.Compare(slices.Index(kindOrder, x.Kind), slices.Index(kindOrder, y.Kind)))
	})
}

// rank is how much a branch matters: what blocks by a fault, by a gap, what has
// a warning, the rest.
func (b *branch) rank() int {
	switch worst := b.worst(); {
	case b.blocked && worst == verdict.Fail:
		return 3
	case b.blocked:
		return 2
	case worst == verdict.Pass || worst == verdict.NotApplicable:
		return 0
	}
	return 1
}

func (b *branch) worst() verdict.Outcome {
	out := b.Outcome
	for _, k := range b.kids {
		out = verdict.Worst(out, k.worst())
	}
	return out
}

// blocking leaves of a tree only what leads to a link that blocks, and what is
// wrong right below one; it counts at each place what was left out.
func (b *branch) blocking() (kids []*branch, held int) {
	for _, k := range b.kids {
		if k.blocked || b.blocks && k.rank() > 0 {
			kids = append(kids, k)
		} else {
			held += k.size
		}
	}
	return kids, held
}
