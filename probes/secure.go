package probes

import (
	"context"
	"maps"
	"net/netip"
	"strings"
	"time"

	"github.com/miekg/dns"

	"ready6/probes/dial"
	"ready6/probes/dnssec"
	"ready6/probes/verdict"
)

// validate asks for the DNSSEC state of one RRset, once a run.
func (e *Env) validate(ctx context.Context, name string, qtype uint16) dnssec.Result {
	q := question{dns.CanonicalName(name), qtype}
	got, err := e.secured.get(ctx, e.base, q, func(ctx context.Context) dnssec.Result {
		return e.DNSSEC.Validate(ctx, q.name, q.qtype)
	})
	if err != nil {
		return dnssec.Result{Name: q.name, Type: qtype, Reasons: []dnssec.Reason{{
			Code: "dnssec.indeterminate.unreachable", Detail: err.Error(), Cause: dial.Classify(err),
		}}}
	}
	return got
}

// dnssecResults judges every RRset a client of the service asks for: both
// address families, absent ones included (their absence is signed too), and
// the MX set of a mail domain.
func dnssecResults(ctx context.Context, e *Env, s *subject) []verdict.Result {
	var out []verdict.Result
	if s.Kind == "mail" {
		out = append(out, e.secureResults(ctx, s.Host, dns.TypeMX)...)
	}
	for _, h := range s.hosts {
		out = append(out, e.secureResults(ctx, h.host, dns.TypeAAAA, dns.TypeA)...)
	}
	return out
}

// secureResults judges RRsets of one name; an address literal has none.
func (e *Env) secureResults(ctx context.Context, name string, types ...uint16) []verdict.Result {
	if _, err := netip.ParseAddr(name); err == nil {
		return nil
	}
	var out []verdict.Result
	for _, t := range types {
		subject := name + " " + dns.TypeToString[t]
		if e.DNSSEC == nil || !e.vantage.DNSSEC || !e.anchored(name) {
			out = append(out, verdict.Result{Check: verdict.DNSSEC, Reason: "dnssec.indeterminate.vantage", Subject: subject, At: e.Now()})
			continue
		}
		out = append(out, e.secureResult(subject, e.validate(ctx, name, t)))
	}
	return out
}

// secureResult words one validation. The first reason decides; the others come
// with the evidence.
func (e *Env) secureResult(subject string, v dnssec.Result) verdict.Result {
	r := verdict.Result{Check: verdict.DNSSEC, Subject: subject, At: e.Now(), Args: map[string]string{}}
	if len(v.Reasons) == 0 {
		r.Reason = verdict.Reason("dnssec." + v.State.String())
	} else {
		first := v.Reasons[0]
		r.Reason = first.Code
		maps.Copy(r.Args, first.Args)
		for _, k := range []string{"name", "zone", "parent", "signer"} {
			if n := r.Args[k]; n != "" {
				r.Args[k] = zoneName(n) // as people write it: the sentence has its own full stop
			}
		}
		if first.Cause != "" {
			r.Args["cause"] = string(first.Cause)
		}
		r.Owner = first.Owner
		r.Owner.Name = plainName(r.Owner.Name)
	}
	if !v.Expires.IsZero() {
		r.Args["expires"] = v.Expires.UTC().Format(time.RFC3339)
	}
	for _, why := range v.Reasons {
		r.Evidence = append(r.Evidence, verdict.Evidence{At: r.At, Asked: "zone " + zoneName(why.Zone), Over: "dnssec",
			Query: subject, Answer: brief(strings.TrimSpace(why.Detail + " " + why.Record))})
	}
	r.Evidence = append(r.Evidence, e.DNS.Evidence(v.Name, v.Type)...)
	return r
}

// secure notes the DNSSEC state of a name the service depends on.
func (w *walk) secure(ctx context.Context, name string, via []string) {
	for _, r := range w.e.secureResults(ctx, name, dns.TypeAAAA) {
		w.add(r, via)
	}
}

func firstDetail(v dnssec.Result) string {
	if len(v.Reasons) == 0 {
		return v.State.String()
	}
	return brief(v.Reasons[0].Detail)
}
