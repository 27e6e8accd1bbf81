package reports

import (
	"fmt"
	"io"
	"strings"

	"ready6/probes/verdict"
)

// WriteClosure prints the dependency closure of a service as a tree, what blocks
// first: all of it, or only the ways to the links that block. Where all is not
// wanted and nothing blocks, it prints nothing.
func WriteClosure(w io.Writer, s Service, about About, sc Screen, all bool) error {
	root := s.Closure.tree()
	if root == nil || !all && (!root.blocked || len(root.kids) == 0) {
		return nil
	}
	p := &closurePrinter{printer{w: w}, sc, newDirectory(about.Inventory), all}
	p.put("\n" + sc.wrap("  ", "  ", sc.say("links.title")))
	p.branch(root, "  ", "  ")
	return p.err
}

type closurePrinter struct {
	printer
	Screen
	dir directory
	all bool
}

// branch prints one link and what it needs; first stands before its name, rest
// before everything below.
func (p *closurePrinter) branch(b *branch, first, rest string) {
	kids, held := b.kids, 0
	if !p.all {
		kids, held = b.blocking()
	}
	body := rest + "  "
	if len(kids) > 0 || held > 0 {
		body = rest + "│ "
	}
	text := p.sign(b.Outcome) + " " + nodeLabel(p.Lang, b)
	if b.blocks && b.Owner.Role != "" {
		text += " (" + p.say("svc.owner", p.dir.owner(b.Owner, p.Lang)) + ")"
	}
	p.put(p.wrap(first, body+"  ", text))
	if b.NAT64 != "" {
		p.put(p.wrap(body, body+"  ", p.paint(faint, nat64Label(p.Lang, b.NAT64))))
	}
	for i, k := range kids {
		one, more := rest+"├ ", rest+"│ "
		if i == len(kids)-1 && held == 0 {
			one, more = rest+"└ ", rest+"  "
		}
		if columns(more) > 2*maxBars {
			more = rest
		}
		p.branch(k, one, more)
	}
	if held > 0 {
		p.put(p.wrap(rest+"└ ", rest+"    ", p.paint(faint, "✓ "+p.say("links.held", held))))
	}
}

// nodeLabel names a link, what it is for and what is wrong with it.
func nodeLabel(l verdict.Lang, b *branch) string {
	text := b.Name
	if b.Kind == "zone" && text == "." {
		text += " " + word(l, "chain.root")
	}
	if use := useWord(l, b); use != "" {
		text = use + " " + text
	}
	if b.Outcome != verdict.Pass && len(b.Codes) > 0 {
		text += ": " + codeWord(l, b.Codes)
	}
	return text
}

// useWord says what a link is for.
func useWord(l verdict.Lang, b *branch) string {
	switch b.use {
	case "":
		return ""
	case "zone", "name-server", "address", "alias", "mail":
		return word(l, "links.for."+b.use)
	}
	return fmt.Sprintf(word(l, "links.for.use"), verdict.UseIn(b.use, l))
}

// codeWord names the gravest faults of a link in few words; the sentence stands
// with the finding.
func codeWord(l verdict.Lang, codes []verdict.Reason) string {
	var parts []string
	worst := verdict.NotApplicable
	for _, c := range codes {
		worst = verdict.Worst(worst, verdict.Lookup(c).Outcome)
	}
	for _, c := range codes {
		if verdict.Lookup(c).Outcome != worst {
			continue
		}
		text, ok := linkBriefs[c]
		if !ok {
			text = verdict.Text{EN: word(verdict.EN, "outcome."+worst.String()), VI: word(verdict.VI, "outcome."+worst.String())}
		}
		if said := text.In(l); !strings.Contains(strings.Join(parts, ", "), said) {
			parts = append(parts, said)
		}
	}
	return strings.Join(parts, ", ")
}

// nat64Label says in few words what a client behind NAT64 would meet.
func nat64Label(l verdict.Lang, r verdict.Reason) string {
	key := "links.nat64.fails"
	switch {
	case r == "nat64.works" || r == "nat64.resolver":
		key = "links.nat64.works"
	case r == "nat64.signed":
		key = "links.nat64.signed"
	case verdict.Lookup(r).Outcome == verdict.Unknown:
		key = "links.nat64.unknown"
	}
	return word(l, key)
}

// linkBriefs name faults of links in a label's few words.
var linkBriefs = map[verdict.Reason]verdict.Text{
	"closure.zone-v4only":      {EN: "no name server has IPv6", VI: "không máy chủ tên miền nào có IPv6"},
	"closure.zone-lame6":       {EN: "no name server answers over IPv6", VI: "không máy chủ nào trả lời qua IPv6"},
	"closure.zone-no-glue":     {EN: "no IPv6 glue at the parent", VI: "vùng cha không có glue IPv6"},
	"closure.zone-glue-dead":   {EN: "wrong IPv6 glue at the parent", VI: "glue IPv6 ở vùng cha sai"},
	"closure.zone-tcp-v4only":  {EN: "no TCP over IPv6", VI: "không có TCP qua IPv6"},
	"closure.zone-one":         {EN: "one name server over IPv6", VI: "chỉ một máy chủ qua IPv6"},
	"closure.zone-one-address": {EN: "one address", VI: "chung một địa chỉ"},
	"closure.zone-one-prefix":  {EN: "one link", VI: "chung một mạng"},
	"closure.zone-no-tcp":      {EN: "no TCP over IPv6 at some", VI: "có máy chủ không trả lời TCP qua IPv6"},
	"closure.zone-unknown":     {EN: "not measured", VI: "chưa đo được"},
	"closure.ns-v4only":        {EN: "no IPv6 address", VI: "chưa có địa chỉ IPv6"},
	"closure.ns-down6":         {EN: "does not answer over IPv6", VI: "không trả lời qua IPv6"},
	"closure.ns-part":          {EN: "not at all its addresses", VI: "không trả lời ở mọi địa chỉ"},
	"closure.ns-unknown":       {EN: "not measured", VI: "chưa đo được"},
	"closure.glue-missing":     {EN: "no IPv6 glue", VI: "thiếu glue IPv6"},
	"closure.glue-differs":     {EN: "other IPv6 glue", VI: "glue IPv6 khác"},
	"closure.glue-dead":        {EN: "wrong IPv6 glue", VI: "glue IPv6 sai"},
	"closure.host-v4only":      {EN: "no AAAA record", VI: "không có bản ghi AAAA"},
	"closure.host-nat64":       {EN: "NAT64 address, not IPv6", VI: "địa chỉ NAT64, không phải IPv6"},
	"closure.host-down6":       {EN: "does not work over IPv6", VI: "không hoạt động qua IPv6"},
	"closure.host-unknown":     {EN: "not measured", VI: "chưa đo được"},
	"closure.host-internal":    {EN: "internal, not measured from here", VI: "nội bộ, không đo từ đây"},
	"closure.literal":          {EN: "IPv4 address in the page", VI: "địa chỉ IPv4 trong trang"},
	"closure.third-party":      {EN: "third party, not over IPv6 alone", VI: "bên thứ ba, không hoạt động chỉ với IPv6"},
	"closure.hint":             {EN: "not seen over IPv6 alone", VI: "chưa thấy hoạt động chỉ với IPv6"},
	"closure.special":          {EN: "address for special purposes", VI: "địa chỉ dành cho mục đích đặc biệt"},
	"closure.redirect-special": {EN: "address for special purposes", VI: "địa chỉ dành cho mục đích đặc biệt"},
	"aaaa.nodata":              {EN: "no AAAA record", VI: "không có bản ghi AAAA"},
	"aaaa.nxdomain":            {EN: "no such name", VI: "tên không tồn tại"},
	"aaaa.nat64":               {EN: "NAT64 address, not IPv6", VI: "địa chỉ NAT64, không phải IPv6"},
	"aaaa.special":             {EN: "no public address", VI: "không phải địa chỉ công cộng"},
	"aaaa.internal":            {EN: "internal, not measured from here", VI: "nội bộ, không đo từ đây"},
	"aaaa.unknown":             {EN: "not measured", VI: "chưa đo được"},
	"closure.content-unknown":  {EN: "page not read", VI: "chưa đọc được trang"},
	"closure.content-error":    {EN: "error page", VI: "trang lỗi"},
	"closure.unknown":          {EN: "not measured", VI: "chưa đo được"},
}
