package reports

import (
	"bufio"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
)

// streamJSON writes a struct as json.Encoder does with an indent of one space,
// but the elements of its lists one by one: a report of a hundred thousand
// services is never in memory as text. Every field needs a name in its tag.
func streamJSON(b *bufio.Writer, v reflect.Value) error {
	sep := "{"
	for i := range v.NumField() {
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
		if !v.Type().Field(i).IsExported() {
			continue
		}
		fmt.Fprintf(b, "%s\n %q: ", sep, name)
		sep = ","
		field := v.Field(i)
		if field.Kind() != reflect.Slice || field.Len() == 0 {
			if err := putJSON(b, field, " "); err != nil {
				return err
			}
			continue
		}
		inner := "["
		for j := range field.Len() {
			b.WriteString(inner + "\n  ")
			inner = ","
			if err := putJSON(b, field.Index(j), "  "); err != nil {
				return err
			}
		}
		b.WriteString("\n ]")
	}
	b.WriteString("\n}\n")
	return b.Flush()
}

func putJSON(b *bufio.Writer, v reflect.Value, prefix string) error {
	text, err := json.MarshalIndent(v.Interface(), prefix, " ")
	if err != nil {
		return err
	}
	_, err = b.Write(text)
	return err
}
