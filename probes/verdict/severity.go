package verdict

// Severity says how soon a finding on a route or on number resources wants
// mending. Outcome says what it means for readiness; two findings of one outcome
// may differ much in haste.
type Severity uint8

// The severities. The zero value is of results that ask for nothing.
const (
	NoSeverity Severity = iota
	Info
	Low
	Medium
	High
	Critical // networks are dropping traffic, or may be, now
)

var severityNames = [...]string{"", "info", "low", "medium", "high", "critical"}

// String returns the stable name, empty for NoSeverity.
func (s Severity) String() string {
	if int(s) < len(severityNames) {
		return severityNames[s]
	}
	return ""
}

// MarshalText writes the stable name.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Severity of a reason: that of the table where the outcome is too coarse, else
// high for a fault, low for a warning.
func (r Reason) Severity() Severity {
	if s, ok := severities[r]; ok {
		return s
	}
	switch Lookup(r).Outcome {
	case Fail:
		return High
	case Warn:
		return Low
	}
	return NoSeverity
}

// severities of the reasons on number resources and hosting. It is not to be
// changed.
var severities = map[Reason]Severity{
	"rpki.own.invalid-origin": Critical, "rpki.own.invalid-length": Critical, "rpki.own.invalid-as0": Critical,
	"rpki.own.invalid-as-set": Critical, "rpki.own.foreign-invalid": Critical, "rpki.own.unseen-invalid": Critical,
	"rpki.own.not-found": High, "rpki.own.foreign-valid": High, "rpki.own.foreign-not-found": High,
	"rpki.own.reserved-origin": High, "rpki.own.roa-foreign": High, "rpki.own.roa-reserved": High, "rpki.own.roa-breaks": High,
	"rpki.own.family-gap": High, "rpki.own.maxlength-wide": High, "rpki.asn.unlisted": High, "rpki.asn.reserved": High,
	"rpki.own.maxlength": Medium, "rpki.own.isp-origin": Medium, "rpki.own.unseen": Medium, "rpki.own.idle-v6": Medium, "rpki.own.no-ipv6": Medium,
	"rpki.own.as-set":     Medium,
	"rpki.own.roa-unseen": Low, "rpki.own.idle": Low, "rpki.own.idle-roa": Low, "rpki.own.inside": Low, "rpki.asn.silent": Low,
	"rpki.own.hidden": Info, "rpki.own.vnix": Info, "rpki.own.paths": Info, "rpki.own.expiring": Info,
	"rpki.hosting.invalid": High, "rpki.hosting.not-found": Medium,
}
