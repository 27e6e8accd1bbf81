package inventory

import (
	"bytes"
	_ "embed"
)

//go:embed province.yaml
var provinceYAML []byte

//go:embed plan.yaml
var planYAML []byte

// Province returns the shipped inventory: Đắk Nông with the agencies that its
// plan names, their reorganisation in 2025, the number resources and the
// networks of the country's providers. It has no services: those are the
// operator's to fill in.
func Province() Inventory {
	inv, err := Read(bytes.NewReader(provinceYAML), "province.yaml")
	if err != nil {
		panic(err) // the file is part of the program, and a test reads it
	}
	return inv
}

// ProvinceYAML returns the file that Province reads, with its comments: a start
// for the operator's own.
func ProvinceYAML() []byte { return bytes.Clone(provinceYAML) }

// ProvincePlan returns the shipped plan: decision 1004/QĐ-UBND of 21 August 2024
// and the national IPv6-only programme for 2026 to 2030.
func ProvincePlan() Plan {
	p, err := ReadPlan(bytes.NewReader(planYAML), "plan.yaml")
	if err != nil {
		panic(err) // likewise
	}
	return p
}
