package inventory

import (
	"fmt"
	"io"
	"slices"
	"strconv"
)

// Import reads a table, one row a service, of the format "csv" or "xlsx"; name
// stands for it in faults.
//
// A header row, in English or Vietnamese, says what the columns hold: agency id,
// name vi, name en, kind, parent, host, service kind, port, visibility,
// exemption reason, exemption approver, exemption until. An agency is known by
// its id or, where that is empty, by its name under Fold; the rest need stand in
// one of its rows only. A row that says nothing of its agency belongs to that of
// the row above, as merged cells do. A row without host only describes the
// agency. All visible sheets of a workbook that have a header row are read.
//
// The error is a Faults with everything that is wrong, the table's rows as
// lines, or another one if r could not be read.
func Import(r io.Reader, name, format string) (Inventory, error) {
	return Inventory{}.Import(r, name, format)
}

// Import is the function Import with the table's agencies and services added to
// those of inv, whose agencies the table may name. inv is not changed.
func (inv Inventory) Import(r io.Reader, name, format string) (Inventory, error) {
	im := &importer{inv: inv, index: inv.index(), byName: make(map[string]int), seen: make(map[int]spot)}
	im.inv.Agencies = slices.Clone(inv.Agencies)
	for i, a := range inv.Agencies {
		im.inv.Agencies[i].Services = slices.Clip(a.Services) // what is added must not land in inv's array
		im.places = append(im.places, unplaced(a))
		im.named(a.Name.VI, i)
		im.named(a.Name.EN, i)
	}
	sheets, err := im.read(r, name, format)
	if err != nil {
		return Inventory{}, err
	}
	headed := 0
	for _, s := range sheets {
		if im.sheet(s) {
			headed++
		}
	}
	if headed == 0 && len(im.list) == 0 {
		im.add(spot{file: name}, `put column names such as "agency id", "host", "service kind" ("mã cơ quan", "tên miền", "dịch vụ") in the first rows`,
			"has no header row")
	}
	im.finish()
	check(im.inv, im.places, &im.report)
	if err := im.err(); err != nil {
		return Inventory{}, err
	}
	return im.inv, nil
}

func (im *importer) read(r io.Reader, name, format string) ([]sheet, error) {
	switch format {
	case "csv":
		s, err := readCSV(r, name, &im.report)
		return []sheet{s}, err
	case "xlsx":
		return readXLSX(r, name, &im.report)
	}
	return nil, fmt.Errorf("%s: the format %q is neither csv nor xlsx", name, format)
}

// unplaced gives an agency of an earlier input its places: none.
func unplaced(a Agency) place {
	return place{successors: make([]spot, len(a.SucceededBy)), formerly: make([]spot, len(a.Formerly)),
		services: make([]spot, len(a.Services)), prefixes: make([]spot, len(a.Prefixes))}
}

// importer gathers the rows of a table.
type importer struct {
	report
	inv    Inventory
	places []place
	index  map[string]int // by id
	byName map[string]int // by folded name; -1 for one that several have
	seen   map[int]spot   // the first row of each agency in the table
	parent []parentCell
}

// parentCell is settled after the last row: the parent may come below.
type parentCell struct {
	agency int
	cell   string
	at     spot
}

func (im *importer) named(name string, i int) {
	folded := Fold(name)
	if folded == "" {
		return
	}
	if j, taken := im.byName[folded]; taken && j != i {
		i = -1
	}
	im.byName[folded] = i
}

// sheet reads one table; false if it has no header row.
func (im *importer) sheet(s sheet) bool {
	cols, rows, ok := s.header(&im.report)
	if !ok {
		return false
	}
	above := nobody
	for _, r := range rows {
		var cells [columns]string
		for i, c := range r.cells {
			text, f := parseText(c)
			switch {
			case !im.flaw(r.at, "cell "+strconv.Itoa(i+1), f), text == "":
			case i >= len(cols):
				im.add(r.at, "delete it, or name its column in the header row", "cell %d, %s, has no column name above it", i+1, quote(text))
			case cols[i] != colIgnored:
				cells[cols[i]] = text
			}
		}
		agency := im.agency(r.at, cells, above)
		above = agency
		im.service(s, r.at, cells, agency)
	}
	return true
}

// The agency of a row when there is none.
const (
	nobody  = -1
	unknown = -2 // already reported
)

// agency finds or makes the agency of a row.
func (im *importer) agency(at spot, cells [columns]string, above int) int {
	id, name := cells[colID], cells[colNameVI]
	if name == "" {
		name = cells[colNameEN]
	}
	agency := above
	switch {
	case id != "":
		agency = im.byID(at, id)
	case name != "":
		agency = im.byItsName(at, name)
	case above == nobody:
		im.add(at, "write the agency's id", "the row does not say whose the service is")
		agency = unknown
	}
	if agency >= 0 {
		if _, ok := im.seen[agency]; !ok {
			im.seen[agency] = at
		}
		im.describe(at, cells, agency)
	}
	return agency
}

func (im *importer) byID(at spot, id string) int {
	if _, f := parseID(id); !im.flaw(at, "the agency id", f) {
		return unknown
	}
	i, ok := im.index[id]
	if !ok {
		i = len(im.inv.Agencies)
		im.index[id] = i
		im.inv.Agencies = append(im.inv.Agencies, Agency{ID: id})
		im.places = append(im.places, place{spot: at})
	}
	return i
}

func (im *importer) byItsName(at spot, name string) int {
	i, ok := im.byName[Fold(name)]
	switch {
	case !ok:
		im.add(at, `write an id in the column "agency id", such as `+strconv.Quote(suggestID(name)), "no agency has the name %s", quote(name))
		return unknown
	case i < 0:
		im.add(at, `write the id of the one that is meant in the column "agency id"`, "several agencies have the name %s", quote(name))
		return unknown
	}
	return i
}

// describe takes what a row says of its agency; it may say it again, not say
// something else.
func (im *importer) describe(at spot, cells [columns]string, agency int) {
	a := &im.inv.Agencies[agency]
	take := func(col column, into *string) {
		switch given := cells[col]; {
		case given == "":
		case *into == "":
			*into = given
		case Fold(*into) != Fold(given):
			im.add(at, "write the same in all its rows, or leave the cell empty", "the %s of agency %s is %s here, but %s before",
				shownColumns[col], quote(a.ID), quote(given), quote(*into))
		}
	}
	take(colNameVI, &a.Name.VI)
	take(colNameEN, &a.Name.EN)
	im.named(a.Name.VI, agency)
	im.named(a.Name.EN, agency)
	if given := cells[colKind]; given != "" {
		kind, f := parseWord(given, agencyKinds, kindWords)
		if im.flaw(at, "the kind", f) {
			cells[colKind] = kind
			take(colKind, (*string)(&a.Kind))
		}
	}
	if p := cells[colParent]; p != "" {
		im.parent = append(im.parent, parentCell{agency, p, at})
	}
}

// service takes a row's service; without an agency it only reports its faults.
func (im *importer) service(s sheet, at spot, cells [columns]string, agency int) {
	if cells[colHost] == "" {
		for c := colService; c < columns; c++ {
			if cells[c] != "" {
				im.add(at, "write the host, or empty the row's service cells", "the row has a %s but no host", shownColumns[c])
				return
			}
		}
		return
	}
	svc := Service{Visibility: public}
	host, f := parseHost(cells[colHost])
	if im.flaw(at, "the host", f) {
		svc.Host = host
	}
	what := called("service", svc.Host)
	if given := cells[colService]; given == "" {
		im.add(at, "write web, mail, dns, tcp or tls", "%s has no service kind", what)
	} else {
		kind, f := parseWord(given, serviceKinds, serviceWords)
		im.flaw(at, "the service kind", f)
		svc.Kind = kind
	}
	if given := cells[colPort]; given != "" {
		port, f := parsePort(given)
		im.flaw(at, "the port", f)
		svc.Port = port
	} else if svc.Kind == "tcp" || svc.Kind == "tls" {
		im.add(at, "write the port", "%s is of kind %s and has no port", what, svc.Kind)
	}
	if given := cells[colVisibility]; given != "" {
		visibility, f := parseWord(given, visibilities, visibilityWords)
		im.flaw(at, "the visibility", f)
		svc.Visibility = visibility
	}
	svc.Exempt = im.exemption(s, at, cells, what)
	if agency >= 0 {
		a := &im.inv.Agencies[agency]
		a.Services = append(a.Services, svc)
		im.places[agency].services = append(im.places[agency].services, at)
	}
}

func (im *importer) exemption(s sheet, at spot, cells [columns]string, what string) *Exemption {
	e := &Exemption{Reason: cells[colReason], Approver: cells[colApprover]}
	if e.Reason == "" && e.Approver == "" && cells[colUntil] == "" {
		return nil
	}
	for c := colReason; c <= colUntil; c++ {
		if cells[c] == "" {
			im.add(at, "write it, or empty the other exemption cells", "the exemption of %s has no %s", what, shownColumns[c])
		}
	}
	if given := cells[colUntil]; given != "" {
		day, f := s.parseDay(given)
		im.flaw(at, "exemption until", f)
		e.Until = day
	}
	return e
}

// finish settles parents and looks for agencies that the table left incomplete.
func (im *importer) finish() {
	for _, p := range im.parent {
		a := &im.inv.Agencies[p.agency]
		id := p.cell
		if _, ok := im.index[id]; !ok {
			i, named := im.byName[Fold(p.cell)]
			if !named || i < 0 {
				im.add(p.at, "write the id of an agency that is in the table or the inventory", "the parent %s of agency %s is not known, or several have that name",
					quote(p.cell), quote(a.ID))
				continue
			}
			id = im.inv.Agencies[i].ID
		}
		if a.Parent != "" && a.Parent != id {
			im.add(p.at, "write the same in all its rows, or leave the cell empty", "the parent of agency %s is %s here, but %s before",
				quote(a.ID), quote(id), quote(a.Parent))
			continue
		}
		a.Parent, im.places[p.agency].parent = id, p.at
	}
	for i, a := range im.inv.Agencies {
		at, ok := im.seen[i]
		if !ok {
			continue
		}
		if a.Name.VI == "" && a.Name.EN == "" {
			im.add(at, "write it in one of the agency's rows", "agency %s has no name", quote(a.ID))
		}
		if a.Kind == "" {
			im.add(at, "write it in one of the agency's rows: "+oneOf("", agencyKinds), "agency %s has no kind", quote(a.ID))
		}
	}
}
