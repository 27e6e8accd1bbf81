package reports

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"ready6/inventory"
	"ready6/probes/verdict"
)

// Zone is the time of the province: UTC+7 all the year, without a time-zone
// data base.
var Zone = time.FixedZone("+07", 7*60*60)

// day writes a date, 23/11/2026 in Vietnamese and 2026-11-23 in English.
func day(l verdict.Lang, t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	if l == verdict.VI {
		return t.Format("02/01/2006")
	}
	return t.Format("2006-01-02")
}

// moment writes a date with the time of day in the province.
func moment(l verdict.Lang, t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	t = t.In(Zone)
	if l == verdict.VI {
		return t.Format("15:04 02/01/2006")
	}
	return t.Format("2006-01-02 15:04 -07:00")
}

// clock writes a time of day in the province, to the second.
func clock(t time.Time) string { return t.In(Zone).Format("15:04:05") }

// decimal writes v with one digit after the point, or the comma in Vietnamese;
// a whole number has none.
func decimal(l verdict.Lang, v float64) string {
	s := strings.TrimSuffix(strconv.FormatFloat(v, 'f', 1, 64), ".0")
	if s == "-0" {
		s = "0"
	}
	if l == verdict.VI {
		s = strings.ReplaceAll(s, ".", ",")
	}
	return s
}

// span writes a length of time roughly: days, or hours, or minutes.
func span(l verdict.Lang, d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf(word(l, "days"), int(d/(24*time.Hour)))
	case d >= time.Hour:
		return fmt.Sprintf(word(l, "hours"), int(d/time.Hour))
	}
	return fmt.Sprintf(word(l, "minutes"), max(0, int(d/time.Minute)))
}

// directory names owners: agencies by id, autonomous systems by number.
type directory struct {
	agencies  map[string]verdict.Text
	providers map[uint32]verdict.Text
}

func newDirectory(inv inventory.Inventory) directory {
	d := directory{map[string]verdict.Text{}, map[uint32]verdict.Text{}}
	for _, a := range inv.Agencies {
		d.agencies[a.ID] = cleanText(a.Name)
	}
	for _, p := range inv.Providers {
		d.providers[p.ASN] = cleanText(p.Name)
	}
	return d
}

func (d directory) agency(id string, l verdict.Lang) string {
	if t, ok := d.agencies[id]; ok && t.In(l) != "" {
		return t.In(l)
	}
	return Clean(id)
}

// owner says who mends a finding: the role, and the name if there is one, an
// agency's or a provider's in words.
func (d directory) owner(o verdict.Owner, l verdict.Lang) string {
	role := word(l, "role."+string(o.Role))
	if o.Name == "" {
		return role
	}
	name := Clean(o.Name)
	if t, ok := d.agencies[o.Name]; ok {
		name = t.In(l)
	} else if asn, ok := strings.CutPrefix(o.Name, "AS"); ok {
		if n, err := strconv.ParseUint(asn, 10, 32); err == nil {
			if t, ok := d.providers[uint32(n)]; ok {
				name = t.In(l) + " (" + name + ")"
			}
		}
	}
	if o.Role == "" {
		return name
	}
	return role + ": " + name
}

// ownerText is owner in both languages.
func (d directory) ownerText(o verdict.Owner) verdict.Text {
	return verdict.Text{EN: d.owner(o, verdict.EN), VI: d.owner(o, verdict.VI)}
}

// percentText writes a percentage with one digit at most, "66.7%" and "66,7%".
func percentText(l verdict.Lang, v float64) string { return decimal(l, v) + "%" }

// dateText writes a day given as 2006-01-02 in the language's order.
func dateText(l verdict.Lang, iso string) string {
	t, err := time.Parse(time.DateOnly, iso)
	if err != nil {
		return "–"
	}
	return day(l, t)
}

func forecastText(l verdict.Lang, f Forecast) string {
	if f.State != "forecast" {
		return word(l, "forecast."+f.State)
	}
	if f.Latest == "" {
		return fmt.Sprintf(word(l, "forecast.open"), dateText(l, f.Date), dateText(l, f.Earliest))
	}
	return fmt.Sprintf(word(l, "forecast.forecast"), dateText(l, f.Date), dateText(l, f.Earliest), dateText(l, f.Latest))
}
