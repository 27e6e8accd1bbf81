package inventory

import (
	"fmt"
	"io"
	"strconv"

	"go.yaml.in/yaml/v3"

	"ready6/probes/verdict"
)

// Write writes inv as YAML; Read gives it back equal if it was read by this
// package, or is as good. Keys at their default are left out.
func Write(w io.Writer, inv Inventory) error {
	agencies := sequence(inv.Agencies, agencyNode)
	if len(inv.Agencies) == 0 {
		agencies = &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
	}
	return encode(w, block().put("agencies", agencies).
		put("canaries", sequence(inv.Canaries, canaryNode)).
		put("providers", sequence(inv.Providers, providerNode)))
}

// WritePlan writes p as YAML; ReadPlan gives it back equal.
func WritePlan(w io.Writer, p Plan) error {
	programmes := sequence(p.Programmes, programmeNode)
	if len(p.Programmes) == 0 {
		programmes = &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
	}
	return encode(w, block().put("programmes", programmes))
}

func encode(w io.Writer, m *mappingNode) error {
	enc := yaml.NewEncoder(w)
	enc.SetIndent(2)
	if err := enc.Encode((*yaml.Node)(m)); err != nil {
		return fmt.Errorf("writing YAML: %w", err)
	}
	return enc.Close()
}

// mappingNode is a YAML mapping under construction; put leaves out nil values.
type mappingNode yaml.Node

func block() *mappingNode { return &mappingNode{Kind: yaml.MappingNode} }

func flow() *mappingNode { return &mappingNode{Kind: yaml.MappingNode, Style: yaml.FlowStyle} }

func (m *mappingNode) put(key string, v *yaml.Node) *mappingNode {
	if v != nil {
		m.Content = append(m.Content, plain("!!str", key), v)
	}
	return m
}

func (m *mappingNode) node() *yaml.Node {
	if len(m.Content) == 0 {
		return nil
	}
	return (*yaml.Node)(m)
}

func plain(tag, v string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: v} }

func textNode(s string) *yaml.Node {
	if s == "" {
		return nil
	}
	n := new(yaml.Node)
	n.SetString(s)
	return n
}

func dateNode(d Date) *yaml.Node {
	if d.IsZero() {
		return nil
	}
	return plain("!!timestamp", d.String())
}

func nameNode(t verdict.Text) *yaml.Node {
	return block().put("vi", textNode(t.VI)).put("en", textNode(t.EN)).node()
}

func spanNode(s Span) *yaml.Node {
	return flow().put("from", dateNode(s.From)).put("to", dateNode(s.To)).node()
}

func portNode(p uint16) *yaml.Node {
	if p == 0 {
		return nil
	}
	return plain("!!int", strconv.Itoa(int(p)))
}

func percentNode(f float64) *yaml.Node {
	tag := "!!float"
	if f == float64(int(f)) {
		tag = "!!int"
	}
	return plain(tag, strconv.FormatFloat(f, 'f', -1, 64))
}

func asnNode(n uint32) *yaml.Node { return textNode(formatASN(n)) }

// sequence writes one node for each member, nothing for an empty list.
func sequence[T any](list []T, member func(T) *yaml.Node) *yaml.Node {
	if len(list) == 0 {
		return nil
	}
	n := &yaml.Node{Kind: yaml.SequenceNode}
	for _, m := range list {
		n.Content = append(n.Content, member(m))
	}
	return n
}

// inline is a sequence of scalars on one line.
func inline[T any](list []T, member func(T) *yaml.Node) *yaml.Node {
	n := sequence(list, member)
	if n != nil {
		n.Style = yaml.FlowStyle
	}
	return n
}

func agencyNode(a Agency) *yaml.Node {
	return block().
		put("id", textNode(a.ID)).
		put("name", nameNode(a.Name)).
		put("kind", textNode(string(a.Kind))).
		put("parent", textNode(a.Parent)).
		put("valid", spanNode(a.Valid)).
		put("succeeded-by", inline(a.SucceededBy, textNode)).
		put("formerly", sequence(a.Formerly, func(f Former) *yaml.Node {
			return block().put("until", dateNode(f.Until)).put("name", nameNode(f.Name)).put("parent", textNode(f.Parent)).node()
		})).
		put("source", textNode(a.Source)).
		put("services", sequence(a.Services, serviceNode)).
		put("prefixes", sequence(a.Prefixes, func(r Resource) *yaml.Node {
			return block().put("prefix", textNode(r.Prefix.String())).put("origins", inline(r.Origins, asnNode)).node()
		})).
		put("asns", inline(a.ASNs, asnNode)).
		put("contacts", inline(a.Contacts, textNode)).
		node()
}

func serviceNode(s Service) *yaml.Node {
	m := block().put("host", textNode(s.Host)).put("kind", textNode(s.Kind)).put("port", portNode(s.Port))
	if s.Visibility != public {
		m.put("visibility", textNode(s.Visibility))
	}
	m.put("valid", spanNode(s.Valid))
	if e := s.Exempt; e != nil {
		m.put("exempt", block().put("reason", textNode(e.Reason)).put("approver", textNode(e.Approver)).
			put("until", dateNode(e.Until)).node())
	}
	return m.node()
}

func canaryNode(c Canary) *yaml.Node {
	return block().put("host", textNode(c.Host)).put("port", portNode(c.Port)).
		put("kind", textNode(c.Kind)).put("want", textNode(c.Want)).node()
}

func providerNode(p Provider) *yaml.Node {
	return block().put("asn", asnNode(p.ASN)).put("name", nameNode(p.Name)).put("source", textNode(p.Source)).node()
}

func programmeNode(p Programme) *yaml.Node {
	return block().put("id", textNode(p.ID)).put("name", nameNode(p.Name)).put("source", textNode(p.Source)).
		put("valid", spanNode(p.Valid)).put("targets", sequence(p.Targets, targetNode)).node()
}

func targetNode(t Target) *yaml.Node {
	m := block().put("id", textNode(t.ID)).put("name", nameNode(t.Name)).put("clause", textNode(t.Clause)).
		put("source", textNode(t.Source)).put("metric", textNode(string(t.Metric))).
		put("kinds", inline(t.Kinds, func(k Kind) *yaml.Node { return textNode(string(k)) }))
	if t.Goal != 0 || !t.Gradual && t.Metric != NotMeasured {
		m.put("goal", percentNode(t.Goal))
	}
	m.put("due", dateNode(t.Due))
	if t.Gradual {
		m.put("gradual", plain("!!bool", "true"))
	}
	return m.put("milestones", sequence(t.Milestones, func(s Milestone) *yaml.Node {
		m := block().put("date", dateNode(s.Date))
		if s.Goal != 0 || s.Name == (verdict.Text{}) {
			m.put("goal", percentNode(s.Goal))
		}
		return m.put("name", nameNode(s.Name)).node()
	})).node()
}
