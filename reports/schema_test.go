package reports

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// A checker of the part of JSON Schema that ours uses, but stricter: a key that
// the schema does not name is a fault.
type checker struct {
	root   map[string]any
	faults []string
}

func (c *checker) fault(at, format string, args ...any) {
	if len(c.faults) < 20 {
		c.faults = append(c.faults, at+": "+fmt.Sprintf(format, args...))
	}
}

func (c *checker) check(at string, s map[string]any, v any) {
	for key := range s {
		if !slices.Contains([]string{"$schema", "$defs", "$ref", "title", "description", "type", "properties", "required", "additionalProperties", "items", "enum", "const", "minimum", "maximum", "minItems", "maxItems", "format"}, key) {
			c.fault(at, "the checker does not know %q", key)
		}
	}
	if ref, ok := s["$ref"].(string); ok {
		def, ok := c.root["$defs"].(map[string]any)[strings.TrimPrefix(ref, "#/$defs/")].(map[string]any)
		if !ok {
			c.fault(at, "no %s", ref)
			return
		}
		c.check(at, def, v)
		return
	}
	if want, ok := s["const"]; ok && want != v {
		c.fault(at, "%v is not %v", v, want)
	}
	if enum, ok := s["enum"].([]any); ok && !slices.Contains(enum, v) {
		c.fault(at, "%v is not one of %v", v, enum)
	}
	if !c.typed(s["type"], v) {
		c.fault(at, "%v is not of type %v", v, s["type"])
		return
	}
	switch v := v.(type) {
	case map[string]any:
		c.object(at, s, v)
	case []any:
		if n, ok := s["minItems"].(float64); ok && float64(len(v)) < n {
			c.fault(at, "%d items", len(v))
		}
		if n, ok := s["maxItems"].(float64); ok && float64(len(v)) > n {
			c.fault(at, "%d items", len(v))
		}
		for i, x := range v {
			c.check(fmt.Sprintf("%s[%d]", at, i), s["items"].(map[string]any), x)
		}
	case float64:
		if n, ok := s["minimum"].(float64); ok && v < n {
			c.fault(at, "%v is below %v", v, n)
		}
		if n, ok := s["maximum"].(float64); ok && v > n {
			c.fault(at, "%v is above %v", v, n)
		}
	}
}

func (c *checker) object(at string, s map[string]any, v map[string]any) {
	props, closed := s["properties"].(map[string]any)
	required, _ := s["required"].([]any)
	for _, key := range required {
		if _, ok := v[key.(string)]; !ok {
			c.fault(at, "%s is missing", key)
		}
	}
	for key, x := range v {
		if p, ok := props[key].(map[string]any); ok {
			c.check(at+"."+key, p, x)
		} else if any, ok := s["additionalProperties"].(map[string]any); ok {
			c.check(at+"."+key, any, x)
		} else if closed {
			c.fault(at, "%s is not in the schema", key)
		}
	}
}

func (c *checker) typed(want, v any) bool {
	switch want := want.(type) {
	case nil:
		return true
	case []any:
		return slices.ContainsFunc(want, func(w any) bool { return c.typed(w, v) })
	case string:
		switch v := v.(type) {
		case nil:
			return want == "null"
		case string:
			return want == "string"
		case bool:
			return want == "boolean"
		case float64:
			return want == "number" || (want == "integer" && v == math.Trunc(v))
		case []any:
			return want == "array"
		case map[string]any:
			return want == "object"
		}
	}
	return false
}
