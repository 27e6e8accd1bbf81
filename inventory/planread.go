package inventory

import (
	"io"

	"go.yaml.in/yaml/v3"
)

// ReadPlan reads a plan file; name stands for it in faults. The error is a
// Faults with everything that is wrong with the content, or another one if r
// could not be read. The Plan is empty then.
func ReadPlan(r io.Reader, name string) (Plan, error) {
	d := &document{name: name}
	root, err := d.load(r)
	if err != nil {
		return Plan{}, err
	}
	var p Plan
	if root != nil {
		if k, ok := d.mapping(root, "the plan", "programmes"); ok {
			ids := make(map[string]int)
			for _, n := range d.members(k["programmes"], "programmes") {
				p.Programmes = append(p.Programmes, d.programme(n, ids))
			}
		}
	}
	if err := d.err(); err != nil {
		return Plan{}, err
	}
	return p, nil
}

// unique reports an id that was used before.
func (d *document) unique(n *yaml.Node, thing, id string, ids map[string]int) {
	if id == "" {
		return
	}
	if line, twice := ids[id]; twice {
		d.add(d.at(n), "give each its own id", "the id %s of a %s is already taken in line %d", quote(id), thing, line)
		return
	}
	ids[id] = n.Line
}

func (d *document) programme(n *yaml.Node, ids map[string]int) Programme {
	k, ok := d.mapping(n, "a programme", "id", "name", "source", "valid", "targets")
	if !ok {
		return Programme{}
	}
	p := Programme{ID: d.id(k["id"], "the programme's id")}
	d.unique(n, "programme", p.ID, ids)
	what := called("programme", p.ID)
	d.need(n, k, what, "id", "name", "source")
	p.Name = d.names(k["name"], "the name of "+what)
	p.Source = d.text(k["source"], "the source of "+what)
	p.Valid = d.span(k["valid"], "valid of "+what)
	targets := make(map[string]int)
	for _, n := range d.members(k["targets"], "targets of "+what) {
		p.Targets = append(p.Targets, d.target(n, p, targets))
	}
	return p
}

func (d *document) target(n *yaml.Node, of Programme, ids map[string]int) Target {
	k, ok := d.mapping(n, "a target of "+called("programme", of.ID), "id", "name", "clause", "source", "metric",
		"kinds", "goal", "due", "gradual", "milestones")
	if !ok {
		return Target{}
	}
	t := Target{ID: d.id(k["id"], "the target's id")}
	d.unique(n, "target", t.ID, ids)
	what := called("target", t.ID)
	d.need(n, k, what, "id", "name", "metric", "due")
	t.Name = d.names(k["name"], "the name of "+what)
	t.Clause = d.text(k["clause"], "the clause of "+what)
	t.Source = d.text(k["source"], "the source of "+what)
	if k["clause"] == nil && k["source"] == nil {
		d.add(d.at(n), "add clause: with the decision's own words, or source: if they are not to be had", "%s has neither clause nor source", what)
	}
	t.Metric = Metric(d.option(k["metric"], "the metric of "+what, metrics))
	t.Kinds = d.kinds(k["kinds"], what)
	t.Due = d.date(k["due"], "due of "+what)
	if !t.Due.IsZero() && !of.Valid.Holds(t.Due.Time) {
		d.add(d.at(k["due"]), "mend due, or valid of the programme", "due of %s, %s, lies outside the programme's validity", what, t.Due)
	}
	t.Gradual = value(d, k["gradual"], "gradual of "+what, "write true or false", func(s string) (bool, *flaw) {
		return s == "true" || s == "True" || s == "TRUE", nil
	}, "!!bool")
	t.Goal = d.goal(n, k, t, what)
	t.Milestones = d.milestones(k["milestones"], t, what)
	return t
}

// goal reads the share wanted at last: demanded of a target that can be missed,
// refused for one that cannot.
func (d *document) goal(n *yaml.Node, k keys, t Target, what string) float64 {
	switch g := k["goal"]; {
	case g != nil && t.Gradual:
		d.add(d.at(g), "delete goal, or gradual", "%s is gradual and has a goal", what)
	case g == nil && !t.Gradual && t.Metric != NotMeasured && t.Metric != "":
		d.add(d.at(n), "add goal: in percent, or gradual: true", "%s has no goal", what)
	}
	return d.percent(k["goal"], "the goal of "+what)
}

func (d *document) kinds(n *yaml.Node, of string) []Kind {
	var list []Kind
	for _, m := range d.members(n, "kinds of "+of) {
		list = append(list, Kind(d.option(m, "a kind of agency in "+of, agencyKinds)))
	}
	return list
}

func (d *document) milestones(n *yaml.Node, t Target, of string) []Milestone {
	var list []Milestone
	for _, n := range d.members(n, "milestones of "+of) {
		what := "a milestone of " + of
		k, ok := d.mapping(n, what, "date", "goal", "name")
		if !ok {
			continue
		}
		m := Milestone{Date: d.date(k["date"], "the date of "+what), Name: d.names(k["name"], "the name of "+what)}
		m.Goal = d.percent(k["goal"], "the goal of "+what)
		d.need(n, k, what, "date")
		if k["goal"] == nil && k["name"] == nil {
			d.add(d.at(n), "add goal: in percent, or a name", "%s has neither goal nor name", what)
		}
		if !t.Due.IsZero() && m.Date.After(t.Due.Time) {
			d.add(d.at(n), "mend one of the two", "%s, %s, comes after due, %s", what, m.Date, t.Due)
		}
		if k["goal"] != nil && m.Goal > t.Goal && k["goal"].Kind == yaml.ScalarNode && !t.Gradual && t.Goal > 0 {
			d.add(d.at(n), "mend one of the two", "%s asks %g percent, more than the goal of %g", what, m.Goal, t.Goal)
		}
		if len(list) > 0 && !m.Date.IsZero() {
			last := list[len(list)-1]
			switch {
			case !m.Date.After(last.Date.Time):
				d.add(d.at(n), "put the earliest first", "%s, %s, does not come after the one before it, %s", what, m.Date, last.Date)
			case m.Goal < last.Goal:
				d.add(d.at(n), "mend one of the two", "%s asks %g percent, less than the one before it, %g", what, m.Goal, last.Goal)
			}
		}
		list = append(list, m)
	}
	return list
}
