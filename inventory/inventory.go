package inventory

import (
	"iter"
	"net/netip"
	"time"

	"ready6/probes/verdict"
)

// Inventory is the checked content of an inventory file.
type Inventory struct {
	Agencies  []Agency
	Canaries  []Canary
	Providers []Provider
}

// Date is a calendar day, UTC midnight; the zero Date means "not given".
type Date struct{ time.Time }

// DayOf returns the calendar day that t shows in its own location: the evening
// of 30 June in UTC is 1 July in Vietnam, so the caller picks the location.
func DayOf(t time.Time) Date {
	y, m, d := t.Date()
	return Date{time.Date(y, m, d, 0, 0, 0, 0, time.UTC)}
}

// String gives the day as 2006-01-02, nothing for the zero Date.
func (d Date) String() string {
	if d.IsZero() {
		return ""
	}
	return d.Format(time.DateOnly)
}

// Agency is one body of the province. IDs are stable for ever; names, parents
// and services change with time.
type Agency struct {
	ID          string // lower-case letters, digits and hyphens
	Name        verdict.Text
	Kind        Kind
	Parent      string // id, empty at the top
	Valid       Span
	SucceededBy []string // ids; several when an agency was split
	Formerly    []Former // earlier names and parents, by their last day
	Source      string   // document and clause the entry rests on
	Services    []Service
	Prefixes    []Resource
	ASNs        []uint32
	Contacts    []string // mail addresses of those who are told what changed
}

// Former is what an agency was called and whom it belonged to up to a day. An
// empty name or parent was the same as it is now.
type Former struct {
	Until  Date // the last day
	Name   verdict.Text
	Parent string
}

// Kind is what sort of body an agency is.
type Kind string

// The kinds of agency.
const (
	Provincial Kind = "province"   // the province itself and its people's committee
	Department Kind = "department" // sở, ban, ngành
	Office     Kind = "office"     // văn phòng
	District   Kind = "district"   // huyện, thành phố thuộc tỉnh (until 30/6/2025)
	Commune    Kind = "commune"    // xã, phường, đặc khu
	Unit       Kind = "unit"       // đơn vị sự nghiệp, cơ quan báo chí
	Enterprise Kind = "enterprise" // doanh nghiệp viễn thông, bưu chính
)

// Span is a period of days, From and To included; a zero end is open.
type Span struct{ From, To Date }

// Holds reports whether the calendar day of t, in t's own location, lies in the
// span.
func (s Span) Holds(t time.Time) bool {
	day := DayOf(t)
	return (s.From.IsZero() || !day.Before(s.From.Time)) && (s.To.IsZero() || !day.After(s.To.Time))
}

// Service is one thing an agency runs and ready6 judges.
type Service struct {
	Host       string // A-label host name without final dot, or an IP address
	Kind       string // web, mail, dns, tcp, tls
	Port       uint16 // 0: the kind's own (web 443 and 80, mail 25, dns 53); required for tcp and tls
	Visibility string // public, or internal: judged only from a vantage that may see it
	Exempt     *Exemption
	Valid      Span // the days it was the agency's
}

// ExemptOn reports whether the service is out of the targets on the day of t.
func (s Service) ExemptOn(t time.Time) bool {
	return s.Exempt != nil && Span{To: s.Exempt.Until}.Holds(t)
}

// Exemption takes a service out of the targets until a day, with a reason.
type Exemption struct {
	Reason   string
	Approver string
	Until    Date // the last day it counts
}

// Resource is an address block of an agency's own.
type Resource struct {
	Prefix  netip.Prefix
	Origins []uint32 // ASNs that should announce it; empty: not announced
}

// Canary is an address or name whose behaviour is known beforehand; the
// vantage is measured against it before every run.
type Canary struct {
	Host string // name or address
	Port uint16 // for kind reach
	Kind string // reach (TCP over the address's family), dnssec (name's state)
	Want string // reach: up, down; dnssec: secure, insecure, bogus
}

// Provider names the operator of an AS.
type Provider struct {
	ASN    uint32
	Name   verdict.Text
	Source string // what this is known from
}

// All yields every service with its agency, in the file's order.
func (inv Inventory) All() iter.Seq2[Agency, Service] {
	return func(yield func(Agency, Service) bool) {
		for _, a := range inv.Agencies {
			for _, s := range a.Services {
				if !yield(a, s) {
					return
				}
			}
		}
	}
}

// Plan is what has been ordered: one or more programmes with dated targets.
type Plan struct{ Programmes []Programme }

// Programme is one decision or plan with its targets.
type Programme struct {
	ID      string
	Name    verdict.Text
	Source  string // number, date and issuer of the decision
	Valid   Span
	Targets []Target
}

// Target is one measurable demand of a programme.
type Target struct {
	ID         string
	Name       verdict.Text
	Clause     string // word for word from the decision; empty where its text was not to be had
	Source     string // where it stands
	Metric     Metric
	Kinds      []Kind  // the kinds of agency it counts; empty: all
	Goal       float64 // share in percent, 0..100; unused for Gradual
	Due        Date
	Gradual    bool // "từng bước": progress is reported, a shortfall is no breach
	Milestones []Milestone
}

// Milestone is a share of the goal wanted on an earlier day.
type Milestone struct {
	Date Date
	Goal float64 // percent; 0 where the programme names no share for that day
	Name verdict.Text
}

// Metric is what a target counts. The set is closed: reports computes each.
type Metric string

// The metrics. "agencies.*" counts agencies all of whose counted services have
// reached the level; "services.*" counts services.
const (
	AgenciesDualStack     Metric = "agencies.dual-stack"
	AgenciesIPv6OnlyReady Metric = "agencies.ipv6-only-ready"
	ServicesDualStack     Metric = "services.dual-stack"
	ServicesIPv6OnlyReady Metric = "services.ipv6-only-ready"
	ServicesIPv6Only      Metric = "services.ipv6-only"
	ServicesSecure        Metric = "services.dnssec-secure"
	PrefixesROA           Metric = "prefixes.roa-valid" // own prefixes covered by a ROA for their origin
	NotMeasured           Metric = "not-measured"       // demanded, but not visible from outside
)
