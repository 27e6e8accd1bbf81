//go:build integration

package main_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// execute runs a command to its end; unlike world.run it may be called beside
// the test's own goroutine. A command over its limit is an error.
func execute(w *world, ns string, limit time.Duration, cmd ...string) (output, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if ns != "" {
		cmd = append([]string{"nsenter", "--net=/run/netns/" + ns}, cmd...) // lighter than ip netns exec
	}
	c := exec.CommandContext(ctx, cmd[0], cmd[1:]...)
	c.Dir, c.Env = w.dir, w.environ()
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	begun := time.Now()
	err := c.Run()
	o := output{out.String(), errs.String(), 0, time.Since(begun)}
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		err = ctx.Err()
	case errors.As(err, &exit):
		o.code, err = exit.ExitCode(), nil
	}
	return o, err
}

// software is a name server program, and how an instance of it is begun.
var software = []struct {
	name   string // also of its top-level domain
	signer string // of its parents
	conf   func(dir, addr string, zones map[string]string) string
	cmd    func(dir string) []string
}{
	{"nsd", "ldns", nsdConf, func(dir string) []string { return []string{"nsd", "-d", "-c", dir + "/conf"} }},
	{"bind", "bind", bindConf, func(dir string) []string { return []string{"named", "-g", "-n", "1", "-c", dir + "/conf"} }},
	{"knot", "knot", knotConf, func(dir string) []string { return []string{"knotd", "-c", dir + "/conf"} }},
}

func nsdConf(dir, addr string, zones map[string]string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `server:
  ip-address: %[2]s
  username: ""
  zonesdir: %[1]q
  database: ""
  pidfile: "%[1]s/pid"
  xfrdfile: "%[1]s/xfrd.state"
  xfrdir: %[1]q
  zonelistfile: "%[1]s/zone.list"
  server-count: 1
  rrl-ratelimit: 0
  refuse-any: no
remote-control:
  control-enable: no
`, dir, addr)
	for _, z := range slices.Sorted(maps.Keys(zones)) {
		fmt.Fprintf(&b, "zone:\n  name: %q\n  zonefile: %q\n", z, zones[z])
	}
	return b.String()
}

// bindConf lets BIND serve what is broken: nothing is checked that can be left.
func bindConf(dir, addr string, zones map[string]string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `options {
	directory %[1]q; listen-on { %[2]s; }; listen-on-v6 { none; }; recursion no; dnssec-validation no; notify no;
	pid-file none; session-keyfile none; allow-transfer { none; }; minimal-any no; empty-zones-enable no;
	check-names primary ignore; check-integrity no; check-mx ignore; check-sibling no; check-dup-records ignore;
	check-wildcard no; check-mx-cname ignore; check-srv-cname ignore; max-zone-ttl unlimited; zone-statistics none;
};
controls { };
`, dir, addr)
	for _, z := range slices.Sorted(maps.Keys(zones)) {
		fmt.Fprintf(&b, "zone %q { type primary; file %q; masterfile-format text; };\n", z, zones[z])
	}
	return b.String()
}

func knotConf(dir, addr string, zones map[string]string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `server:
    rundir: %[1]q
    listen: %[2]s@53
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
control:
    listen: "%[1]s/ctl"
database:
    storage: "%[1]s/db"
log:
  - target: stderr
    any: warning
template:
  - id: default
    semantic-checks: off
    zonefile-sync: -1
    zonefile-load: whole
    journal-content: none
zone:
`, dir, addr)
	for _, z := range slices.Sorted(maps.Keys(zones)) {
		fmt.Fprintf(&b, "  - domain: %q\n    file: %q\n", z, zones[z])
	}
	return b.String()
}

// bed is the running world of the agreement test.
type bed struct {
	*world
	ns      string
	forge   *forge
	anchors []dns.RR
	iter    string // settings of unbound-host
	bind    string // anchors in BIND's form
	port    int    // of the resolver that delv asks
}

// serve starts one instance of a server program on an address.
func (b *bed) serve(program int, name, addr string, zones map[string]*madeZone) {
	b.t.Helper()
	s := software[program]
	dir := filepath.Join(b.dir, "serve", name)
	if err := os.MkdirAll(filepath.Join(dir, "db"), 0o755); err != nil {
		b.t.Fatal(err)
	}
	files := map[string]string{}
	for apex, z := range zones {
		file := "root.zone"
		if apex != "." {
			file = apex + "zone"
		}
		files[apex] = b.write("serve/"+name+"/"+file, z.text())
	}
	b.must("ip", "-n", b.ns, "addr", "replace", addr+"/32", "dev", "lo")
	b.write("serve/"+name+"/conf", s.conf(dir, addr, files))
	cmd := s.cmd(dir)
	b.start(b.ns, "serve-"+name, cmd[0], cmd[1:]...)
}

// ready waits for a server, and returns the zones that it does not serve.
func (b *bed) ready(addr string, zones map[string]*madeZone) (lacking map[string]string) {
	b.t.Helper()
	names := slices.Sorted(maps.Keys(zones))
	b.await("name server on "+addr, func() error {
		o := b.run(b.ns, 10*time.Second, "dig", "+norec", "+time=1", "+tries=1", "@"+addr, names[0], "SOA")
		if o.code != 0 || !strings.Contains(o.stdout, "status: ") {
			return errors.New(strings.TrimSpace(o.stdout + o.stderr))
		}
		return nil
	})
	for {
		lacking = map[string]string{}
		list := b.write("ask-"+addr, strings.Join(names, " SOA\n")+" SOA\n")
		o := b.run(b.ns, time.Minute, "dig", "+norec", "+noall", "+comments", "+time=2", "+tries=2", "@"+addr, "-f", list)
		for i, part := range strings.Split(o.stdout, "->>HEADER<<-")[1:] {
			if i < len(names) && !strings.Contains(part, "status: NOERROR") {
				status, _, _ := strings.Cut(part[strings.Index(part, "status: ")+8:], ",")
				lacking[names[i]] = status
			}
		}
		// a server that still loads says so for everything
		if len(lacking) < len(names) {
			return lacking
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// resolvers starts the iterator that delv asks, and writes the peers' settings.
func (b *bed) resolvers(hintAddr, name string) {
	b.t.Helper()
	b.files.hints = b.write(name+"/hints", ". 3600000 NS ns.root.\nns.root. 3600000 A "+hintAddr+"\n")
	var anchors, static strings.Builder
	for _, rr := range b.anchors {
		fmt.Fprintln(&anchors, rr)
		switch a := rr.(type) {
		case *dns.DS:
			fmt.Fprintf(&static, "%q static-ds %d %d %d %q;\n", a.Hdr.Name, a.KeyTag, a.Algorithm, a.DigestType, a.Digest)
		case *dns.DNSKEY:
			fmt.Fprintf(&static, "%q static-key %d %d %d %q;\n", a.Hdr.Name, a.Flags, a.Protocol, a.Algorithm, a.PublicKey)
		}
	}
	b.files.anchor = b.write(name+"/anchors", anchors.String())
	b.bind = b.write(name+"/anchors.bind", "trust-anchors {\n"+static.String()+"};\n")
	dir := filepath.Join(b.dir, name)
	conf := func(modules string) string {
		return fmt.Sprintf(`server:
  interface: 127.0.0.1@%[4]d
  access-control: 127.0.0.0/8 allow
  username: ""
  chroot: ""
  directory: %[1]q
  pidfile: "%[1]s/pid"
  use-syslog: no
  do-ip6: no
  num-threads: 1
  root-hints: %[2]q
  local-zone: "." transparent
  module-config: %[3]q
  # no grace before and after a signature's time: RFC 4035 5.3.1 gives none
  val-sig-skew-min: 0
  val-sig-skew-max: 0
`, dir, b.files.hints, modules, b.port)
	}
	b.iter = b.write(name+"/host.conf", conf("validator iterator")+fmt.Sprintf("  trust-anchor-file: %q\nremote-control:\n  control-enable: no\n", b.files.anchor))
	daemon := b.write(name+"/iterator.conf", conf("iterator")+"remote-control:\n  control-enable: no\n")
	b.start(b.ns, name, "unbound", "-d", "-c", daemon)
	b.await("unbound", func() error {
		o := b.run(b.ns, 20*time.Second, "dig", "+time=2", "+tries=1", "-p", strconv.Itoa(b.port), "@127.0.0.1", "version.server", "CH", "TXT")
		if !strings.Contains(o.stdout, "status: ") {
			return errors.New(o.String())
		}
		return nil
	})
}
