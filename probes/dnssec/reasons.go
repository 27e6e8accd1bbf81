package dnssec

import (
	"strconv"
	"time"

	"github.com/miekg/dns"

	"ready6/probes/verdict"
)

// The reasons this package gives; their words are in the verdict catalogue.
const (
	codeSecure = verdict.Reason("dnssec.secure")

	codeUnsigned        = verdict.Reason("dnssec.insecure.unsigned")
	codeIsland          = verdict.Reason("dnssec.insecure.island")
	codeOptOut          = verdict.Reason("dnssec.insecure.opt-out")
	codeAlgorithm       = verdict.Reason("dnssec.insecure.algorithm")
	codeDigest          = verdict.Reason("dnssec.insecure.digest")
	codeIterations      = verdict.Reason("dnssec.insecure.nsec3-iterations")
	codeAnchorAlgorithm = verdict.Reason("dnssec.insecure.anchor-algorithm")
	codeRRSIG           = verdict.Reason("dnssec.insecure.rrsig")

	codeExpired        = verdict.Reason("dnssec.bogus.sig-expired")
	codeNotYet         = verdict.Reason("dnssec.bogus.sig-not-yet-valid")
	codeSigDates       = verdict.Reason("dnssec.bogus.sig-dates")
	codeSigInvalid     = verdict.Reason("dnssec.bogus.sig-invalid")
	codeSigLabels      = verdict.Reason("dnssec.bogus.sig-labels")
	codeSigUnsupported = verdict.Reason("dnssec.bogus.sig-unsupported")
	codeNoSignature    = verdict.Reason("dnssec.bogus.no-signature")
	codeSignerWrong    = verdict.Reason("dnssec.bogus.signer-wrong")
	codeKeyMissing     = verdict.Reason("dnssec.bogus.key-missing")
	codeKeyUnusable    = verdict.Reason("dnssec.bogus.key-unusable")
	codeNoKeyForDS     = verdict.Reason("dnssec.bogus.no-dnskey-for-ds")
	codeDSMismatch     = verdict.Reason("dnssec.bogus.ds-mismatch")
	codeDNSKEYMissing  = verdict.Reason("dnssec.bogus.dnskey-missing")
	codeDNSKEYUnsigned = verdict.Reason("dnssec.bogus.dnskey-unsigned")
	codeAnchorMismatch = verdict.Reason("dnssec.bogus.anchor-mismatch")
	codeDenialMissing  = verdict.Reason("dnssec.bogus.denial-missing")
	codeDenialInvalid  = verdict.Reason("dnssec.bogus.denial-invalid")
	codeDSUnproven     = verdict.Reason("dnssec.bogus.ds-unproven")
	codeWildcard       = verdict.Reason("dnssec.bogus.wildcard-unproven")

	codeNoAnchor    = verdict.Reason("dnssec.indeterminate.no-anchor")
	codeUnreachable = verdict.Reason("dnssec.indeterminate.unreachable")
	codeServFail    = verdict.Reason("dnssec.indeterminate.servfail")
	codeLimit       = verdict.Reason("dnssec.indeterminate.limit")
	codeLoop        = verdict.Reason("dnssec.indeterminate.cname-loop")
	codeBadName     = verdict.Reason("dnssec.indeterminate.bad-name")
	codeUnheard     = verdict.Reason("dnssec.indeterminate.edns-silence")

	codeDisagree = verdict.Reason("dnssec.servers-disagree")
	codeDNAME    = verdict.Reason("dnssec.dname-mismatch")
	codeEmpty    = verdict.Reason("dnssec.empty-answer")
)

// ownerOf says whose job it is to mend a reason. What is wrong in the parent
// about the child is the registrar's to change; the rest is the zone's.
func ownerOf(code verdict.Reason) verdict.Role {
	switch code {
	case codeNoKeyForDS, codeDSMismatch, codeIsland, codeDigest:
		return verdict.Registrar
	case codeNoAnchor, codeAnchorMismatch, codeAnchorAlgorithm, codeBadName:
		return verdict.Operator
	case codeSecure:
		return ""
	}
	return verdict.DNSOperator
}

// newReason words a finding about the answer at n in zone. Pairs are further
// arguments, key then value; "record" among them is the breaking record.
func newReason(code verdict.Reason, zone, n name, rrtype uint16, pairs ...string) Reason {
	args := map[string]string{"zone": zone.String(), "name": n.String(), "type": typeName(rrtype)}
	for i := 0; i+1 < len(pairs); i += 2 {
		args[pairs[i]] = pairs[i+1]
	}
	r := Reason{Code: code, Zone: args["zone"], Name: args["name"], Record: args["record"], Args: args}
	if role := ownerOf(code); role != "" {
		r.Owner = verdict.Owner{Role: role, Name: args["zone"]}
		if role == verdict.Operator {
			r.Owner.Name = ""
		}
	}
	r.Cause = verdict.Cause(args["cause"])
	r.Detail = verdict.Result{Check: verdict.DNSSEC, Reason: code, Subject: args["name"], Args: args}.Title(verdict.EN)
	return r
}

// Result turns the reason into a finding about subject, taken at the time given.
func (r Reason) Result(subject string, at time.Time) verdict.Result {
	return verdict.Result{Check: verdict.DNSSEC, Reason: r.Code, Subject: subject, Args: r.Args, Owner: r.Owner, At: at}
}

// record writes a record in presentation form, whole, as an operator would look
// for it in the zone; nothing for no record.
func record(rr dns.RR) string {
	if rr == nil {
		return ""
	}
	return rr.String()
}

func itoa(n int) string { return strconv.Itoa(n) }

// stamp writes a signature's time as RFC 3339 in UTC, the one nearest to now
// that its 32 bits can mean (RFC 4034 3.1.5).
func stamp(serial uint32, now time.Time) string { return nearest(serial, now).Format(time.RFC3339) }

func nearest(serial uint32, now time.Time) time.Time {
	unix := now.Unix()
	return time.Unix(unix+int64(int32(serial-uint32(unix))), 0).UTC()
}

// earlier returns the earlier of two times, where zero means none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}
