// Package inventory says who is scanned and what is planned: agencies with
// their services and number resources, canaries, and the plan's programmes with
// their dated targets. It reads and checks the operator's files; it knows
// nothing of probing.
//
// # The inventory file
//
// An inventory is YAML (UTF-8). Keys that are not listed here are refused, and
// so is everything that does not fit; Read reports all faults of a file at once,
// each with its line and what to do. A key without a value, or with a blank one,
// counts as not given.
//
//	agencies:
//	  - id: daknong-snv            # lower-case letters, digits, hyphens; never changes
//	    name:                      # one of the two is enough; a plain string is the Vietnamese name
//	      vi: Sở Nội vụ tỉnh Đắk Nông
//	      en: Department of Home Affairs, Đắk Nông
//	    kind: department           # province department office district commune unit enterprise
//	    parent: daknong            # id; left out at the top
//	    valid: {from: 2004-01-01, to: 2025-06-30}   # both days included; either may be left out
//	    succeeded-by: [lamdong]    # ids; only for an agency with valid.to
//	    formerly:                  # earlier names and parents, each with its last day
//	      - {until: 2015-12-31, name: {vi: Ban Tổ chức chính quyền}, parent: daknong}
//	    source: QĐ 1004/QĐ-UBND, Phụ lục, mục 20
//	    services:
//	      - host: snv.daknong.gov.vn   # name (Unicode is kept as A-label) or IP address, no URL
//	        kind: web              # web mail dns tcp tls
//	        port: 8443             # left out: the kind's own; required for tcp and tls
//	        visibility: internal   # public when left out
//	        valid: {to: 2025-06-30}
//	        exempt:                # out of the targets up to and on that day
//	          reason: decided to be closed
//	          approver: UBND tỉnh
//	          until: 2025-12-31
//	    prefixes:                  # the agency's own address blocks
//	      - {prefix: "2001:db8::/32", origins: [AS64500]}
//	      - 192.0.2.0/24           # the short form: not announced
//	    asns: [AS64500]
//	    contacts: [cntt@snv.daknong.gov.vn]   # told by mail what changed, where mail is set up
//	canaries:
//	  - {host: 192.0.2.1, port: 443, kind: reach, want: up}       # up down
//	  - {host: example.vn, kind: dnssec, want: secure}            # secure insecure bogus
//	providers:
//	  - {asn: AS64501, name: Example Transit, source: where this is known from}
//
// # The plan file
//
//	programmes:
//	  - id: qd-1004
//	    name: {vi: ..., en: ...}
//	    source: number, date and issuer of the decision
//	    valid: {from: 2024-08-21}
//	    targets:
//	      - id: ipv6-only-2030
//	        name: {vi: ..., en: ...}
//	        clause: the decision's own words
//	        source: where in the decision; a target has a clause, a source or both
//	        metric: services.ipv6-only   # see Metric
//	        kinds: [department, office]  # kinds of agency it counts; left out: all
//	        goal: 100                    # percent; left out when gradual
//	        due: 2030-12-31
//	        gradual: false               # true: "từng bước", progress without a breach
//	        milestones:
//	          - {date: 2028-12-31, goal: 80, name: {vi: ..., en: ...}}
//
// # Lists of names, tables
//
// ReadNames takes one host name or address a line, with # comments. Import
// takes CSV and XLSX with one row a service. Write and WritePlan give YAML that
// Read and ReadPlan read back equal.
//
// # Limits
//
// YAML and tables are refused above 32 MiB, YAML also above three million
// separators (it bounds the memory the tree of values takes) or where aliases
// unfold to several times what stands in the file; lists of names above five million.
// At most 1,000 faults are listed, the rest is counted.
package inventory
