package probes

import (
	"context"
	"net/netip"
	"slices"

	"ready6/inventory"
	"ready6/probes/rpki"
	"ready6/probes/verdict"
)

// Resources judges the agencies' own address blocks and AS numbers: one record
// of kind "prefix" or "asn" for each. They are results about a run, not about a
// service. Of an IPv6 block the reverse zones are asked for.
func (e *Env) Resources(ctx context.Context) []verdict.Record {
	if !e.wants(verdict.RPKI) && !e.wants(verdict.Reverse) {
		return nil
	}
	var providers []rpki.ASN
	for _, p := range e.Inventory.Providers {
		providers = append(providers, rpki.ASN(p.ASN))
	}
	var out []verdict.Record
	for _, ag := range e.Inventory.Agencies {
		out = append(out, e.resourcesOf(ag, providers)...)
	}
	e.reverses(ctx, out)
	return out
}

// reversesAtOnce bounds the blocks whose reverse zones are looked at side by side.
const reversesAtOnce = 8

// reverses adds what is known of the reverse zones to the blocks' records.
func (e *Env) reverses(ctx context.Context, blocks []verdict.Record) {
	for part := range slices.Chunk(blocks, reversesAtOnce) {
		alongside(len(part), func(i int) {
			if p, err := netip.ParsePrefix(part[i].Host); err == nil {
				owner := verdict.Owner{Role: verdict.Agency, Name: part[i].Agency}
				part[i].Results = append(part[i].Results, e.reverseResults(ctx, p, owner)...)
			}
		})
	}
}

func (e *Env) resourcesOf(ag inventory.Agency, providers []rpki.ASN) []verdict.Record {
	now, owner := e.Now(), verdict.Owner{Role: verdict.Agency, Name: ag.ID}
	var out []verdict.Record
	var held []netip.Prefix
	for _, p := range ag.Prefixes {
		rec := verdict.Record{Agency: ag.ID, Host: p.Prefix.String(), Kind: verdict.PrefixKind, At: now}
		h := rpki.Holding{Prefix: p.Prefix, Origins: numbers(p.Origins), Own: numbers(ag.ASNs), Providers: providers, Owner: owner}
		held = append(held, p.Prefix)
		if e.wants(verdict.RPKI) {
			rec.Results = e.Policy.Audit(e.VRPs, e.Routes, h, now)
		}
		out = append(out, rec)
	}
	if !e.wants(verdict.RPKI) {
		return out
	}
	families(out, owner)
	for _, n := range numbers(ag.ASNs) {
		out = append(out, verdict.Record{Agency: ag.ID, Host: n.String(), Kind: verdict.ASNKind, At: now,
			Results: e.Policy.AuditASN(e.Routes, n, held, owner, now)})
	}
	return out
}

func numbers(list []uint32) []rpki.ASN {
	var out []rpki.ASN
	for _, n := range list {
		out = append(out, rpki.ASN(n))
	}
	return out
}

// families compares the two address families of one holder: a block without a
// ROA beside one of the other family with, and IPv4 blocks without any IPv6.
func families(blocks []verdict.Record, owner verdict.Owner) {
	is6 := func(r verdict.Record) bool {
		p, err := netip.ParsePrefix(r.Host)
		return err == nil && p.Addr().Is6()
	}
	has := func(r verdict.Record, code verdict.Reason) bool {
		return slices.ContainsFunc(r.Results, func(x verdict.Result) bool { return x.Reason == code })
	}
	note := func(r *verdict.Record, code verdict.Reason, args map[string]string) {
		r.Results = append(r.Results, verdict.Result{Check: verdict.RPKI, Reason: code, Subject: r.Host, Args: args, Owner: owner, At: r.At})
	}
	for i := range blocks {
		if !has(blocks[i], "rpki.own.not-found") {
			continue
		}
		for _, other := range blocks {
			if is6(other) != is6(blocks[i]) && has(other, "rpki.own.valid") {
				note(&blocks[i], "rpki.own.family-gap", map[string]string{"other": other.Host})
				break
			}
		}
	}
	if len(blocks) > 0 && !slices.ContainsFunc(blocks, is6) {
		note(&blocks[0], "rpki.own.no-ipv6", nil)
	}
}
