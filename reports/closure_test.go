package reports

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"ready6/probes/verdict"
)

// blocked is a service that a far zone, a literal and a gap keep from level 3.
func blocked() verdict.Record {
	zone := via(res("closure.zone-v4only", "cdn.example.net", "servers", "ns1.cdn.example.net"), host, "edge.cdn.example.net")
	zone.Owner = verdict.Owner{Role: verdict.DNSOperator, Name: "cdn.example.net"}
	server := via(res("closure.ns-v4only", "ns1.cdn.example.net", "zone", "cdn.example.net"), host, "edge.cdn.example.net", "cdn.example.net")
	good := via(res("closure.ns-ok", "ns1.example.vn", "zone", "example.vn", "addresses", "2001:db8::53"), host, "example.vn")
	good.Evidence = []verdict.Evidence{{At: night, Asked: "[2001:db8::53]:53", Over: "udp6"}, {At: night, Asked: "[2001:db8::53]:53", Over: "tcp6"}}
	literal := via(res("closure.literal", "192.0.2.7", "use", "image"), host, "192.0.2.7")
	through := via(res("nat64.literal", "192.0.2.7"), host, "192.0.2.7")
	through.Check = verdict.NAT64
	gap := via(res("closure.host-unknown", "sso.example.vn", "use", "redirect", "cause", "timeout"), host, "sso.example.vn")
	ok := via(res("closure.zone-ok", "example.vn", "count", "2"), host)
	return verdict.Record{Host: host, Kind: "web", Results: []verdict.Result{has1, up1, hasA, ok, good, gap, through, zone, server, literal}}
}

func TestClosureGraph(t *testing.T) {
	g := Judge(blocked()).Closure
	names := func(x *branch) (out []string) {
		for _, k := range x.kids {
			out = append(out, k.Kind+" "+k.Name)
		}
		return out
	}
	root := g.tree()
	if root.Kind != "service" || root.size != len(g.Nodes) || len(g.Edges) < len(g.Nodes)-1 {
		t.Errorf("%d nodes, %d edges, %d in the tree below %s", len(g.Nodes), len(g.Edges), root.size, root.ID)
	}
	want := []string{"host 192.0.2.7", "host edge.cdn.example.net", "host sso.example.vn", "address " + a1, "zone example.vn"}
	got := names(root)
	slices.Sort(got[:2])
	if !slices.Equal(got, want) {
		t.Errorf("below the service %q, want faults, then gaps, then the rest: %q", got, want)
	}
	for _, n := range g.Nodes {
		if n.Name == "192.0.2.7" && n.NAT64 != "nat64.literal" || n.Kind == "server" && n.blocks {
			t.Errorf("%+v", n)
		}
	}
	for _, e := range g.Edges {
		if e.To == "address:2001:db8::53" && (e.From != "server:ns1.example.vn" || e.For != "address") {
			t.Errorf("%+v", e)
		}
	}
	if s := Judge(blocked()); s.Max != 2 || s.Min != 2 {
		t.Errorf("level %d..%d", s.Min, s.Max)
	}
}

// A name server's trouble is told beside its zone and moves no level; nor does
// what NAT64 would do.
func TestAsideMovesNoLevel(t *testing.T) {
	rec := verdict.Record{Host: host, Kind: "web", Results: []verdict.Result{has1, up1, hasA, zoneOK}}
	was := Judge(rec)
	for _, code := range []verdict.Reason{"closure.ns-unknown", "closure.ns-v4only", "closure.glue-dead", "nat64.works", "nat64.shadowed", "nat64.unknown"} {
		with := rec
		with.Results = append(slices.Clip(rec.Results), res(code, "ns1.example.vn"))
		if s := Judge(with); s.Min != was.Min || s.Max != was.Max || slices.ContainsFunc(s.Findings, func(f Finding) bool { return f.Blocking }) {
			t.Errorf("%s: level %d..%d, was %d..%d", code, s.Min, s.Max, was.Min, was.Max)
		}
	}
	alone := verdict.Record{Host: host, Kind: "web", Results: []verdict.Result{has1, up1, hasA, res("nat64.works", host), res("closure.ns-ok", "ns1.example.vn")}}
	if s := Judge(alone); s.Min > 2 {
		t.Errorf("level %d without a closure that was looked at", s.Min)
	}
}

func TestWriteClosure(t *testing.T) {
	evil := "x\x1b[2J\u202e<script>"
	rec := blocked()
	rec.Results = append(rec.Results, via(res("closure.host-v4only", evil, "use", evil), host, evil))
	for _, l := range []verdict.Lang{verdict.VI, verdict.EN} {
		for _, width := range []int{40, 60, 80, 120} {
			for _, all := range []bool{false, true} {
				var b bytes.Buffer
				if err := WriteClosure(&b, Judge(rec), aboutTest(), Screen{Lang: l, Width: width}, all); err != nil {
					t.Fatal(err)
				}
				if strings.Contains(b.String(), "\x1b") || !strings.Contains(b.String(), "192.0.2.7") || strings.Contains(b.String(), "2001:db8::53") != all {
					t.Errorf("%s, all %t:\n%s", l, all, b.String())
				}
				for _, line := range strings.Split(b.String(), "\n") {
					if columns(line) > width {
						t.Errorf("width %d: %d columns: %q", width, columns(line), line)
					}
				}
			}
		}
		var one, two bytes.Buffer
		_, _ = WriteClosureSVG(&one, Judge(rec), directory{}, l), WriteClosureSVG(&two, Judge(rec), directory{}, l)
		if one.String() != two.String() || one.Len() == 0 || strings.Contains(one.String(), "<script>") || strings.ContainsAny(one.String(), "\x1b\u202e") {
			t.Errorf("%s: the picture is not fit to show", l)
		}
	}
	var b bytes.Buffer
	ready := Judge(verdict.Record{Host: host, Kind: "web", Results: []verdict.Result{has1, up1, zoneOK, hasA}})
	if _ = WriteClosureSVG(&b, ready, directory{}, verdict.EN); b.Len() > 0 {
		t.Errorf("a picture of nothing that blocks: %s", b.String())
	}
}

// Two faults of two owners hold a service: neither repair lifts it, both do.
func TestJoint(t *testing.T) {
	one := owned(via(res("closure.zone-v4only", "cdn.example.net", "servers", "ns1"), "www.example.vn"), verdict.DNSOperator, "cdn.example.net")
	two := owned(via(res("closure.literal", "192.0.2.7", "use", "image"), "www.example.vn", "192.0.2.7"), verdict.Agency, "ubnd")
	run := testRun()
	run.Records = []verdict.Record{{Agency: "ubnd", Host: "www.example.vn", Kind: "web", At: night, Results: base("www.example.vn", hasA, one, two)}}
	r := Build(run, nil, province(), testPlan(), night)
	if len(r.Together) != 1 || r.Together[0].Lifted != 1 || len(r.Together[0].Causes) != 2 || len(r.Together[0].Owners) != 2 {
		t.Errorf("together: %+v", r.Together)
	}
	for _, l := range r.Owners {
		if l.Held != 1 || l.Lifted != 0 {
			t.Errorf("load %+v", l)
		}
	}
}
