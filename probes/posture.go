package probes

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"time"

	"github.com/miekg/dns"

	"ready6/probes/dial"
	"ready6/probes/dnssec"
	"ready6/probes/resolve"
	"ready6/probes/verdict"
)

// maxPostureEvidence bounds the observations kept with one finding: a zone's
// findings are kept with every service in it.
const maxPostureEvidence = 8

// postureResults says how well the zone that the service's name is in is kept.
func postureResults(ctx context.Context, e *Env, s *subject) []verdict.Result {
	if _, err := netip.ParseAddr(s.Host); err == nil {
		return nil
	}
	return e.Posture(ctx, s.Host)
}

// Posture examines the zone that name is in, once a run: each address of each
// name server, over the families that the vantage has, and the DS records at
// the parent. An address is asked six small questions: SOA, DNSKEY over UDP and
// over TCP, NS, CDS, CDNSKEY; NSEC3PARAM as well if both of the last have records,
// for then no denial was seen; the SOA again, a step later, if serials differ.
// What is silent at the first question is asked no other.
func (e *Env) Posture(ctx context.Context, name string) []verdict.Result {
	path, err := e.DNS.Path(ctx, name)
	if err == nil && len(path) == 0 {
		err = errors.New("no zone")
	}
	if err != nil {
		return e.noPosture(name, causeOf(err), evidenceOf(err))
	}
	z := path[len(path)-1]
	got, err := e.postures.get(ctx, e.base, z.Name, func(ctx context.Context) []verdict.Result { return e.askPosture(ctx, z) })
	if err != nil {
		return e.noPosture(z.Name, dial.Classify(err), nil)
	}
	return slices.Clone(got)
}

func (e *Env) noPosture(name string, c verdict.Cause, ev []verdict.Evidence) []verdict.Result {
	r := result("posture.unknown", "zone", zoneName(name), "cause", string(c))
	r.Check, r.Subject, r.Evidence, r.At = verdict.Posture, zoneName(name), ev, e.Now()
	if !ours(c) {
		r.Owner = verdict.Owner{Role: verdict.DNSOperator, Name: zoneName(name)}
	}
	return []verdict.Result{r}
}

// postureView is what one server address said, with who was asked what.
type postureView struct {
	dnssec.ServerView
	addr     netip.Addr
	evidence []verdict.Evidence
}

func (e *Env) askPosture(ctx context.Context, z resolve.Zone) []verdict.Result {
	in := dnssec.PostureInput{Zone: z.Name, Parent: z.Parent, Lead: e.Lead}
	var above []verdict.Evidence
	views := e.postureViews(ctx, z)
	jobs := []func(){func() { above = e.askParent(ctx, &in) }}
	for i := range views {
		if views[i].addr.IsValid() {
			jobs = append(jobs, func() { e.askPostureOf(ctx, z.Name, &views[i]) })
		}
	}
	alongside(len(jobs), func(i int) { jobs[i]() })
	plain := func() (out []dnssec.ServerView) {
		for _, v := range views {
			out = append(out, v.ServerView)
		}
		return out
	}
	if in.Servers = plain(); dnssec.SerialsDiffer(z.Name, in.Servers) {
		e.lookAgain(ctx, z.Name, views)
		in.Servers = plain()
	}
	in.Now = e.Now()
	var out []verdict.Result
	for _, f := range dnssec.Posture(in) {
		r := verdict.Result{Check: verdict.Posture, Reason: f.Code, Subject: zoneName(z.Name), Args: f.Args, Owner: f.Owner, At: in.Now}
		if r.Owner.Role == verdict.Operator {
			r.Owner.Name = e.Name
		}
		r.Evidence = postureEvidence(f, views, above)
		out = append(out, r)
	}
	return out
}

// postureEvidence is what the servers concerned said; of all of them the SOA.
func postureEvidence(f dnssec.PostureFinding, views []postureView, above []verdict.Evidence) []verdict.Evidence {
	var out []verdict.Evidence
	for _, i := range f.Servers {
		out = append(out, views[i].evidence...)
	}
	if len(f.Servers) == 0 {
		for _, v := range views {
			out = append(out, v.evidence[:min(1, len(v.evidence))]...)
		}
	}
	out = out[:min(len(out), maxPostureEvidence)]
	if f.Record != "" {
		out = append(out, above[:min(1, len(above))]...)
		seen := verdict.Evidence{Asked: "zone " + zoneName(f.Zone), Over: "dnssec", Answer: brief(f.Record)}
		if len(out) > 0 {
			seen.At = out[0].At
		}
		out = append(out, seen)
	}
	return out
}

// postureViews lists the addresses to ask. A server that has none to be asked
// from here is a view of its own, with the cause.
func (e *Env) postureViews(ctx context.Context, z resolve.Zone) []postureView {
	servers := z.NS[:min(len(z.NS), maxServers)]
	each := make([][]postureView, len(servers))
	alongside(len(servers), func(i int) {
		ns := servers[i]
		h := e.lookup(ctx, plainName(ns.Name))
		var addrs []netip.Addr
		cause := verdict.NoFamily
		for _, f := range []struct {
			have bool
			family
			v6 bool
		}{{e.vantage.V6, h.v6, true}, {e.vantage.V4, h.v4, false}} {
			if !f.have {
				continue
			}
			found := f.usable
			for _, g := range ns.Glue {
				if f.cause != "" && g.Is6() == f.v6 && !slices.Contains(found, g) {
					found = append(slices.Clip(found), g)
				}
			}
			if len(found) == 0 && f.cause != "" {
				cause = f.cause
			} else if len(found) == 0 && len(f.special) > 0 {
				cause = verdict.Forbidden
			}
			addrs = append(addrs, found[:min(len(found), maxServerAddrs)]...)
		}
		for _, a := range addrs {
			each[i] = append(each[i], postureView{ServerView: dnssec.ServerView{Server: ns.Name, Addr: a.String()}, addr: a})
		}
		if len(addrs) == 0 {
			v := dnssec.ServerView{Server: ns.Name, SOA: dnssec.ServerAnswer{Cause: cause}}
			each[i] = []postureView{{ServerView: v, evidence: append(slices.Clip(h.v6.evidence), h.v4.evidence...)}}
		}
	})
	return slices.Concat(each...)
}

// askPostureOf asks one address. Silence at the first question ends it.
func (e *Env) askPostureOf(ctx context.Context, zone string, v *postureView) {
	v.SOA = e.askFull(ctx, zone, dns.TypeSOA, v)
	if v.SOA.Msg == nil || v.SOA.Msg.Rcode != dns.RcodeSuccess || !v.SOA.Msg.Authoritative {
		return
	}
	if v.DNSKEY = e.askOnce(ctx, zone, dns.TypeDNSKEY, false, v); v.DNSKEY.Msg == nil {
		return
	}
	v.DNSKEYTCP = e.askOnce(ctx, zone, dns.TypeDNSKEY, true, v)
	if !v.DNSKEY.Msg.Truncated && len(v.DNSKEY.Msg.Answer) == 0 {
		return // an unsigned version: there is nothing else to see
	}
	v.NS = e.askFull(ctx, zone, dns.TypeNS, v)
	v.CDS = e.askFull(ctx, zone, dns.TypeCDS, v)
	v.CDNSKEY = e.askFull(ctx, zone, dns.TypeCDNSKEY, v)
	if answered(v.CDS) && answered(v.CDNSKEY) {
		v.NSEC3PARAM = e.askFull(ctx, zone, dns.TypeNSEC3PARAM, v)
	}
}

func answered(a dnssec.ServerAnswer) bool { return a.Msg != nil && len(a.Msg.Answer) > 0 }

// askFull asks over UDP, and over TCP where the reply was truncated.
func (e *Env) askFull(ctx context.Context, zone string, qtype uint16, v *postureView) dnssec.ServerAnswer {
	a := e.askOnce(ctx, zone, qtype, false, v)
	if a.Msg != nil && a.Msg.Truncated {
		a = e.askOnce(ctx, zone, qtype, true, v)
	}
	return a
}

func (e *Env) askOnce(ctx context.Context, zone string, qtype uint16, tcp bool, v *postureView) dnssec.ServerAnswer {
	m, ev, err := e.askType(ctx, v.addr, tcp, zone, qtype)
	ev.Asked = plainName(v.Server) + " " + ev.Asked
	v.evidence = append(v.evidence, ev)
	if err != nil {
		return dnssec.ServerAnswer{Cause: e.causeIn(ctx, err)}
	}
	wire := *m
	wire.Compress = true // as servers send it
	return dnssec.ServerAnswer{Msg: m, Size: wire.Len()}
}

// lookAgain asks for the serials a second time, a step later: a change that is
// on its way to the other servers is no fault.
func (e *Env) lookAgain(ctx context.Context, zone string, views []postureView) {
	select {
	case <-time.After(e.Step):
	case <-ctx.Done():
		return
	}
	alongside(len(views), func(i int) {
		if v := &views[i]; v.addr.IsValid() && v.SOA.Msg != nil {
			v.Later = e.askFull(ctx, zone, dns.TypeSOA, v)
		}
	})
}

// askParent asks for the DS records and for the parent's own keys.
func (e *Env) askParent(ctx context.Context, in *dnssec.PostureInput) []verdict.Evidence {
	if in.Parent == "" {
		return nil
	}
	m, err := e.DNS.Query(ctx, in.Zone, dns.TypeDS)
	if err != nil {
		in.DSCause = causeOf(err)
		return evidenceOf(err)
	}
	if m.Rcode != dns.RcodeSuccess && m.Rcode != dns.RcodeNameError {
		in.DSCause = verdict.ServFail
		return e.DNS.Evidence(in.Zone, dns.TypeDS)
	}
	for _, rr := range m.Answer {
		if ds, ok := rr.(*dns.DS); ok && dns.CanonicalName(ds.Hdr.Name) == in.Zone {
			in.DS = append(in.DS, ds)
		}
	}
	above, err := e.DNS.Query(ctx, in.Parent, dns.TypeDNSKEY)
	switch {
	case err != nil && len(in.DS) > 0:
		in.ParentSigned = true // as far as is known
		return e.DNS.Evidence(in.Zone, dns.TypeDS)
	case err != nil:
		in.DSCause = causeOf(err)
		return evidenceOf(err)
	}
	in.ParentSigned = slices.ContainsFunc(above.Answer, func(rr dns.RR) bool { return rr.Header().Rrtype == dns.TypeDNSKEY })
	return e.DNS.Evidence(in.Zone, dns.TypeDS)
}
