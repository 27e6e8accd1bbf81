package reports

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"ready6/probes/verdict"
	"ready6/scanner/history"
)

// WriteMetrics writes a run as a text file for Prometheus (text format 0.0.4, as
// node_exporter's textfile collector reads it): last is the run just ended,
// published the report of the last one that was published, nil if there is none.
// What is said of agencies is of the published one: a scanner that has lost its
// connection must not make services fall. Names and labels are stable; a series
// that is 0 is written.
func WriteMetrics(w io.Writer, last history.Header, published *Report, tool string) error {
	m := metrics{printer{w: w}}
	m.family("ready6_build_info", "Program that wrote this file; always 1.", sample{1, []string{"version", tool}})
	m.family("ready6_run_number", "Number of the last run.", sample{float64(last.ID), nil})
	m.family("ready6_run_started_timestamp_seconds", "When the last run began, in seconds since 1970.", sample{float64(last.Started.Unix()), nil})
	m.family("ready6_run_finished_timestamp_seconds", "When the last run ended, in seconds since 1970.", sample{float64(last.Finished.Unix()), nil})
	m.family("ready6_run_duration_seconds", "How long the last run took.", sample{last.Finished.Sub(last.Started).Seconds(), nil})
	m.family("ready6_run_published", "1 if the last run stands for the whole inventory and was published, 0 if it was cut short or is in doubt.",
		sample{truth(last.Status == history.Complete), nil})
	m.family("ready6_run_services", "Services of the last run: planned, and those with a record.",
		sample{float64(last.Planned), []string{"count", "planned"}}, sample{float64(last.Services), []string{"count", "recorded"}})
	trouble := 0
	for _, r := range last.Preflight {
		if o := r.Outcome(); o == verdict.Fail || o == verdict.Unknown {
			trouble++
		}
	}
	m.family("ready6_run_vantage_faults", "What the scanner's own connection could not prove before the last run; results that rest on it are unknown.",
		sample{float64(trouble), nil})
	if published != nil {
		m.agencies(*published)
	}
	return m.err
}

func (m *metrics) agencies(r Report) {
	m.family("ready6_published_run_number", "Number of the last published run, of which all that follows is.", sample{float64(r.Run.ID), nil})
	m.family("ready6_published_run_started_timestamp_seconds", "When the last published run began, in seconds since 1970.",
		sample{float64(r.Run.Started.Unix()), nil})
	var info, levels, open, dnssec, rpki []sample
	for _, a := range r.Agencies {
		info = append(info, sample{1, []string{"agency", a.ID, "kind", string(a.Kind), "parent", a.Parent, "name_vi", a.Name.In(verdict.VI), "name_en", a.Name.In(verdict.EN)}})
		t := a.Tally
		level := func(name string, n int) {
			levels = append(levels, sample{float64(n), []string{"agency", a.ID, "level", name}})
		}
		for l, n := range t.AtLevel {
			level(strconv.Itoa(l), n)
		}
		level("unknown", t.Unknown)
		level("exempt", t.Exempt)
		level("not-applicable", t.NotApplicable)
		open = append(open, sample{float64(t.Open), []string{"agency", a.ID}})
		for _, s := range dnssecOrder {
			dnssec = append(dnssec, sample{float64(t.DNSSEC[s]), []string{"agency", a.ID, "state", s}})
		}
		for _, s := range rpkiOrder {
			rpki = append(rpki, sample{float64(t.RPKI[s]), []string{"agency", a.ID, "state", s}})
		}
	}
	m.family("ready6_agency_info", "Names of an agency, to join; always 1.", info...)
	m.family("ready6_agency_services", "Services by proven level, 0 to 4; those unknown, exempt and not applicable are outside the levels. The sum is all that are listed.", levels...)
	m.family("ready6_agency_services_maybe_higher", "Of the services with a level, those that may stand higher than is proven.", open...)
	m.family("ready6_agency_services_dnssec", "Counted services by the DNSSEC state of their own name.", dnssec...)
	m.family("ready6_agency_services_rpki", "Counted services by the route-origin state of their own addresses.", rpki...)
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// metrics writes the text format.
type metrics struct{ printer }

// sample is one value with its labels, name and value in turn.
type sample struct {
	value  float64
	labels []string
}

var (
	helpEscapes  = strings.NewReplacer(`\`, `\\`, "\n", `\n`)
	labelEscapes = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)
)

// family writes a gauge with all its samples.
func (m *metrics) family(name, help string, samples ...sample) {
	if len(samples) == 0 {
		return
	}
	m.put(fmt.Sprintf("# HELP %s %s\n# TYPE %s gauge\n", name, helpEscapes.Replace(help), name))
	for _, s := range samples {
		var labels []string
		for i := 0; i+1 < len(s.labels); i += 2 {
			labels = append(labels, s.labels[i]+`="`+labelEscapes.Replace(strings.ToValidUTF8(s.labels[i+1], "\uFFFD"))+`"`)
		}
		set := ""
		if len(labels) > 0 {
			set = "{" + strings.Join(labels, ",") + "}"
		}
		m.put(name + set + " " + strconv.FormatFloat(s.value, 'f', -1, 64) + "\n")
	}
}
