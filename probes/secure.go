package probes

import (
	"context"
	"maps"
	"net/netip"
	"slices"
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
// the MX set of a mail domain. Where A records matter to nothing, they are left out.
func dnssecResults(ctx context.Context, e *Env, s *subject) []verdict.Result {
	var out []verdict.Result
	if s.Kind == "mail" {
		out = append(out, e.secureResults(ctx, s.Host, dns.TypeMX)...)
	}
	types := []uint16{dns.TypeAAAA, dns.TypeA}
	if !e.wantsIPv4() {
		types = types[:1]
	}
	for _, h := range s.hosts {
		found := e.secureResults(ctx, h.host, types...)
		if out == nil { // as of most services
			out = found
			continue
		}
		out = append(out, found...)
	}
	if !e.Brief {
		e.keepChains(ctx, s.Host, out)
	}
	return out
}

// keepChains puts the chain of trust with the evidence of the service's own name:
// once, and again only for a type that comes out otherwise.
func (e *Env) keepChains(ctx context.Context, host string, results []verdict.Result) {
	kept := map[verdict.Reason]bool{}
	for _, r := range results {
		name, qtype, _ := strings.Cut(r.Subject, " ")
		if name != host || len(r.Evidence) == 0 || r.Evidence[0].Over != "dnssec" || kept[r.Reason] {
			continue
		}
		kept[r.Reason] = true
		chain := e.validate(ctx, name, dns.StringToType[qtype]).ChainOfTrust()
		if len(chain.Zones) > 0 {
			r.Evidence[0].Chain = &chain
		}
	}
}

// secureResults judges RRsets of one name; an address literal has none.
func (e *Env) secureResults(ctx context.Context, name string, types ...uint16) []verdict.Result {
	if _, err := netip.ParseAddr(name); err == nil {
		return nil
	}
	out := make([]verdict.Result, 0, len(types))
	for _, t := range types {
		subject := name + " " + dns.TypeToString[t]
		if e.DNSSEC == nil || !e.vantage.DNSSEC || !e.anchored(name) {
			out = append(out, verdict.Result{Check: verdict.DNSSEC, Reason: "dnssec.indeterminate.vantage", Subject: subject, At: e.Now()})
			continue
		}
		v := e.validate(ctx, name, t)
		out = append(out, e.secureResult(subject, v))
		out = append(out, e.disagreements(v)...)
	}
	return out
}

// secureResult words one validation. The first reason decides; the others come
// with the evidence.
func (e *Env) secureResult(subject string, v dnssec.Result) verdict.Result {
	r := verdict.Result{Check: verdict.DNSSEC, Subject: subject, At: e.Now()}
	if len(v.Reasons) == 0 {
		r.Reason, r.Args = verdict.Reason("dnssec."+v.State.String()), map[string]string{}
	} else {
		first := v.Reasons[0]
		r.Reason = first.Code
		r.Args = plainArgs(first)
		if first.Cause != "" {
			r.Args["cause"] = string(first.Cause)
		}
		r.Owner = first.Owner
		r.Owner.Name = plainName(r.Owner.Name)
	}
	if !v.Expires.IsZero() {
		r.Args["expires"] = v.Expires.UTC().Format(time.RFC3339)
	}
	if !e.Brief || r.Outcome() != verdict.Pass {
		r.Evidence = e.secureEvidence(r, v)
	}
	return r
}

// secureEvidence is what a validation rests on.
func (e *Env) secureEvidence(r verdict.Result, v dnssec.Result) []verdict.Evidence {
	asked := e.DNS.Evidence(v.Name, v.Type)
	if len(v.Reasons) == 0 {
		return asked
	}
	out := make([]verdict.Evidence, 0, len(v.Reasons)+len(asked))
	for _, why := range v.Reasons {
		out = append(out, verdict.Evidence{At: r.At, Asked: "zone " + zoneName(why.Zone), Over: "dnssec",
			Query: r.Subject, Answer: brief(strings.TrimSpace(why.Detail + " " + why.Record))})
	}
	return append(out, asked...)
}

// backUp adds the evidence that Brief left out, where something failed or stayed
// open: such a service is looked at again, and if what passed now fails then, that
// is told with what either look saw.
func (e *Env) backUp(ctx context.Context, results []verdict.Result) {
	if !slices.ContainsFunc(results, func(r verdict.Result) bool { return r.Outcome() == verdict.Fail || r.Outcome() == verdict.Unknown }) {
		return
	}
	ctx = context.WithoutCancel(ctx) // what was told already needs no time
	for i := range results {
		if r := &results[i]; r.Check == verdict.DNSSEC && r.Outcome() == verdict.Pass {
			name, qtype, _ := strings.Cut(r.Subject, " ")
			r.Evidence = e.secureEvidence(*r, e.validate(ctx, name, dns.StringToType[qtype]))
		}
	}
}

// disagreements are the findings that servers of a zone on the way differ: one
// gave an answer that does not validate, another one that does. The state of the
// name rests on the latter, and clients get to see both. Who said what is in the
// evidence.
func (e *Env) disagreements(v dnssec.Result) []verdict.Result {
	var out []verdict.Result
	for i, why := range v.Reasons {
		if i == 0 || why.Code != "dnssec.servers-disagree" {
			continue
		}
		r := verdict.Result{Check: verdict.DNSSEC, Reason: why.Code, Subject: zoneName(why.Name) + " " + why.Args["type"], At: e.Now(),
			Args: plainArgs(why), Owner: verdict.Owner{Role: why.Owner.Role, Name: plainName(why.Owner.Name)}}
		r.Evidence = append(r.Evidence, verdict.Evidence{At: r.At, Asked: "zone " + zoneName(why.Zone), Over: "dnssec",
			Query: r.Subject, Answer: brief(strings.TrimSpace(why.Args["why"] + " " + why.Record))})
		r.Evidence = append(r.Evidence, e.DNS.Evidence(why.Name, dns.StringToType[why.Args["type"]])...)
		out = append(out, r)
	}
	return out
}

// plainArgs are a reason's arguments with names as people write them: the
// sentence has its own full stop.
func plainArgs(why dnssec.Reason) map[string]string {
	out := make(map[string]string, len(why.Args)+2) // the cause and the expiry come to them
	maps.Copy(out, why.Args)
	for _, k := range []string{"name", "zone", "parent", "signer"} {
		if n := out[k]; n != "" {
			out[k] = zoneName(n)
		}
	}
	return out
}

// secure notes the DNSSEC state of a name the service depends on.
func (w *walk) secure(ctx context.Context, name string, via []string) {
	for _, r := range w.e.secureResults(ctx, name, dns.TypeAAAA) {
		w.add(r, via)
	}
}

// saidOf is what a validation said first, as arguments of a result that rests on
// it: the place {dnssec} of its sentence.
func saidOf(v dnssec.Result) []string {
	if len(v.Reasons) == 0 || v.Reasons[0].Code == "" {
		return []string{"detail", v.State.String()}
	}
	first := v.Reasons[0]
	out := []string{"detail", brief(first.Detail), "dnssec", string(first.Code), "of.cause", string(first.Cause)}
	for k, value := range plainArgs(first) {
		if k != "record" && k != "cause" {
			out = append(out, "of."+k, brief(value))
		}
	}
	return out
}
