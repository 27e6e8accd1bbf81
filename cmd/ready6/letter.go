package main

import (
	"strings"
	"unicode/utf8"

	"ready6/probes/verdict"
	"ready6/reports"
)

// dots stand for what only the sender knows.
const dots = "……………………"

// writeLetter prints the draft of a request for ROAs with the fields that VNNIC
// asks for: prefix, origin AS, max length, descr, notify, notify-2.
func writeLetter(p *printer, l letter, lang verdict.Lang) {
	words := letterEN
	if lang == verdict.VI {
		words = letterVI
	}
	name := reports.Clean(l.Name.In(lang))
	for _, line := range words.head {
		p.line("%s", fold("", "", strings.NewReplacer("{agency}", name, "{dots}", dots).Replace(line)))
	}
	for i, a := range l.Requests {
		p.line("")
		p.line("%d. Prefix:      %s", i+1, a.Prefix)
		p.line("   Origin AS:   %s", a.Origin)
		p.line("   Max length:  %d", a.MaxLen)
		p.line("   descr:       %s", dots)
		p.line("   notify:      %s", dots)
		p.line("   notify-2:    %s", dots)
		p.line("   %s", stateNow(words, a))
	}
	p.line("")
	for _, line := range words.tail {
		p.line("%s", fold("", "", strings.NewReplacer("{agency}", name, "{dots}", dots).Replace(line)))
	}
	writeBefore(p, l, words)
}

// stateNow says how the route stands now.
func stateNow(w letterWords, a asked) string {
	if a.State == "invalid" {
		return strings.ReplaceAll(w.invalid, "{vrps}", strings.Join(a.VRPs, ", "))
	}
	return w.notFound
}

// writeBefore prints what the sender has to see to first; it is no part of the
// letter.
func writeBefore(p *printer, l letter, w letterWords) {
	var notes []string
	note := func(form string, a asked) {
		name := a.Origin
		if a.Network != "" {
			name += " (" + reports.Clean(a.Network) + ")"
		}
		form = strings.NewReplacer("{prefix}", a.Prefix, "{origin}", name).Replace(form)
		notes = append(notes, form)
	}
	for _, a := range l.Requests {
		if a.Foreign {
			note(w.foreign, a)
		}
		if a.Declared {
			note(w.declared, a)
		}
		if a.State == "invalid" {
			note(w.check, a)
		}
	}
	p.line("")
	p.line("--- %s", w.before)
	for _, n := range append(notes, w.always...) {
		p.line("%s", fold("- ", "  ", n))
	}
}

// letterWords is the letter in one language.
type letterWords struct {
	head, tail                       []string
	notFound, invalid                string
	before, foreign, declared, check string
	always                           []string
}

var letterVI = letterWords{
	head: []string{
		"Từ: {dots} (địa chỉ thư đã đăng ký với VNNIC)",
		"Đến: {dots} (địa chỉ tiếp nhận của VNNIC)",
		"Tiêu đề: [TENMANG-VN] Hỗ trợ khai báo bản ghi RoA",
		"",
		"Kính gửi: Trung tâm Internet Việt Nam (VNNIC)",
		"",
		"{agency} đề nghị VNNIC hỗ trợ khai báo bản ghi RoA cho các vùng địa chỉ sau đây do đơn vị quản lý:",
	},
	tail: []string{
		"Max length được đặt bằng đúng độ dài của dải đang quảng bá (RFC 9319).",
		"Đề nghị khai báo cả route object tương ứng cho từng dải nêu trên.",
		"",
		"Trân trọng cảm ơn.",
		"",
		"{agency}",
		"Người liên hệ: {dots}",
		"Điện thoại: {dots}",
	},
	notFound: "Hiện trạng:  chưa có RoA",
	invalid:  "Hiện trạng:  không hợp lệ theo RoA hiện có ({vrps})",
	before:   "Trước khi gửi (không thuộc nội dung thư)",
	foreign: "{prefix} do {origin} quảng bá, không phải AS của đơn vị: chỉ đơn vị giữ khối địa chỉ mới được đề nghị RoA; " +
		"xác nhận với nhà cung cấp rằng AS này tiếp tục quảng bá, và đề nghị gỡ RoA khi hết hợp đồng.",
	declared: "{prefix}, {origin}: danh mục có ghi nhưng không thấy trong bảng định tuyến; kiểm tra trước khi đề nghị.",
	check:    "{prefix}, {origin}: đang trái với RoA hiện có; chắc chắn AS này được phép quảng bá rồi mới đề nghị, nếu không có thể là chiếm quyền.",
	always:   []string{"Điền các chỗ để trống; thư phải gửi từ địa chỉ đã đăng ký với VNNIC."},
}

var letterEN = letterWords{
	head: []string{
		"From: {dots} (the address registered with VNNIC)",
		"To: {dots} (VNNIC's address for such requests)",
		"Subject: [TENMANG-VN] Hỗ trợ khai báo bản ghi RoA",
		"",
		"To: Viet Nam Internet Network Information Center (VNNIC)",
		"",
		"{agency} asks VNNIC to declare ROAs for the following address ranges that it holds:",
	},
	tail: []string{
		"Max length is just the length of the prefix that is announced (RFC 9319).",
		"Please declare the matching route object for each of these prefixes too.",
		"",
		"Yours faithfully,",
		"",
		"{agency}",
		"Contact: {dots}",
		"Telephone: {dots}",
	},
	notFound: "State now:   no ROA",
	invalid:  "State now:   invalid by the ROAs there are ({vrps})",
	before:   "Before sending (no part of the letter)",
	foreign: "{prefix} is announced by {origin}, which is not the holder's AS: only the holder can ask for the ROA; " +
		"confirm with the provider that it goes on announcing it, and have the ROA removed when the contract ends.",
	declared: "{prefix}, {origin}: in the inventory, but not seen in the route table; check before asking.",
	check:    "{prefix}, {origin}: contradicts the ROAs there are; be sure that this AS may announce it before asking, for it may be a hijack.",
	always:   []string{"Fill in the dots; the letter has to come from the address registered with VNNIC."},
}

// fold breaks a sentence at spaces into lines of at most 78 columns.
func fold(first, rest, sentence string) string {
	const width = 78
	out, at := first, utf8.RuneCountInString(first)
	for i, w := range strings.Fields(sentence) {
		n := utf8.RuneCountInString(w)
		switch {
		case i == 0:
		case at+1+n > width:
			out, at = out+"\n"+rest, utf8.RuneCountInString(rest)
		default:
			out, at = out+" ", at+1
		}
		out, at = out+w, at+n
	}
	return out
}
