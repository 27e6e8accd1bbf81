//go:build integration

package main_test

// explanation is a difference of verdicts, with the text that ours rests on.
type explanation struct {
	questions string // pattern of path.Match over "case@server:signer name TYPE"
	who       string // "unbound" or "delv"
	says      string
	ours      string
	why       string
}

var explanations = []explanation{
	{"plain-optout@* @ DS", "delv", "secure", "insecure", "RFC 5155 9.2: a response that rests on an opt-out record must not be called authentic (AD clear)"},
}
