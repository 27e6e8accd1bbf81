package reports

import _ "embed"

//go:embed schema/report.schema.json
var reportSchema string

// ReportSchema is the JSON Schema (draft 2020-12) of the report that WriteJSON
// writes.
func ReportSchema() string { return reportSchema }
