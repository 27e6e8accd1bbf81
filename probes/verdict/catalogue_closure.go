package verdict

import "strings"

// uses words what a host is needed for: the value of Args["use"].
var uses = map[string]Text{
	"script":     {"script", "mã kịch bản"},
	"stylesheet": {"style sheet", "định kiểu trang"},
	"image":      {"image", "hình ảnh"},
	"frame":      {"frame", "khung trang"},
	"media":      {"media", "tệp đa phương tiện"},
	"connection": {"connection", "kết nối"},
	"name":       {"name looked up ahead", "tra cứu tên trước"},
	"font":       {"font", "phông chữ"},
	"manifest":   {"manifest", "tệp khai báo"},
	"redirect":   {"redirect", "chuyển hướng"},
	"refresh":    {"refresh", "tự chuyển trang"},
	"status":     {"certificate status", "trạng thái chứng thư"},
	"sender":     {"an address that SPF lets mail leave from", "địa chỉ được SPF cho phép gửi thư"},
	"mx":         {"address of an MX host", "địa chỉ của máy chủ MX"},
}

// UseIn words what a host is needed for, a result's Args["use"], in language l.
func UseIn(use string, l Lang) string { return inUse(use, l) }

// inUse words what a host is needed for in language l: one use, or several
// joined by commas.
func inUse(use string, l Lang) string {
	var out []string
	for u := range strings.SplitSeq(use, ",") {
		if t, ok := uses[u]; ok {
			u = t.In(l)
		}
		out = append(out, u)
	}
	return strings.Join(out, ", ")
}

var closureReasons = []Entry{
	{"closure.zone-ok", Closure, Pass, "",
		Text{"Zone {subject}: {count} name servers answer over IPv6",
			"Vùng {subject}: {count} máy chủ tên miền trả lời qua IPv6"}, Text{}, "RFC 10001"},
	{"closure.zone-one", Closure, Warn, "",
		Text{"Zone {subject}: only {server} answers over IPv6; two are wanted",
			"Vùng {subject}: chỉ {server} trả lời qua IPv6; cần ít nhất hai máy chủ"},
		Text{"Give a second name server an IPv6 address.", "Cấp địa chỉ IPv6 cho máy chủ tên miền thứ hai."}, "RFC 10001"},
	{"closure.zone-v4only", Closure, Fail, "",
		Text{"Zone {subject}: no name server has an IPv6 address", "Vùng {subject}: không máy chủ tên miền nào có địa chỉ IPv6"},
		Text{"Give at least two of {servers} an IPv6 address (AAAA record, and glue at the parent where the name is inside the zone).",
			"Cấp địa chỉ IPv6 cho ít nhất hai máy chủ trong {servers} (bản ghi AAAA, và glue ở vùng cha nếu tên nằm trong vùng)."}, "RFC 10001"},
	{"closure.zone-lame6", Closure, Fail, "",
		Text{"Zone {subject}: no name server answers authoritatively over IPv6 ({detail})",
			"Vùng {subject}: không máy chủ nào trả lời có thẩm quyền qua IPv6 ({detail})"},
		Text{"Let the name servers listen on their IPv6 addresses and serve the zone there.",
			"Cấu hình máy chủ tên miền lắng nghe trên địa chỉ IPv6 và phục vụ vùng tại đó."}, "RFC 10001"},
	{"closure.zone-no-tcp", Closure, Warn, "",
		Text{"Zone {subject}: {server} does not answer over TCP on IPv6", "Vùng {subject}: {server} không trả lời TCP qua IPv6"},
		Text{"Open TCP port 53 over IPv6.", "Mở cổng TCP 53 qua IPv6."}, "RFC 7766, RFC 9210"},
	{"closure.zone-no-glue", Closure, Fail, "",
		Text{"Zone {subject}: its name servers are inside the zone, but the parent gives no IPv6 address (glue) for them",
			"Vùng {subject}: máy chủ tên miền nằm trong vùng nhưng vùng cha không có địa chỉ IPv6 (glue)"},
		Text{"Have the registrar or the parent zone add AAAA glue for {servers}.", "Đề nghị nhà đăng ký hoặc vùng cha thêm glue AAAA cho {servers}."}, "RFC 9471"},
	{"closure.zone-unknown", Closure, Unknown, "",
		Text{"Zone {subject}: whether it can be resolved over IPv6 alone is not measured: {cause}",
			"Vùng {subject}: chưa đo được khả năng phân giải chỉ qua IPv6: {cause}"},
		Text{"Run the probe again; if it stays so, see in the evidence which name server of {subject} was asked, and what came back.",
			"Chạy lại phép đo; nếu vẫn vậy, xem bằng chứng để biết đã hỏi máy chủ tên miền nào của {subject} và nhận được gì."}, ""},
	{"closure.host-ok", Closure, Pass, "",
		Text{"{subject}, which the service needs ({use}), works over IPv6", "{subject}, dịch vụ cần tới ({use}), hoạt động qua IPv6"}, Text{}, ""},
	{"closure.host-v4only", Closure, Fail, "",
		Text{"{subject}, which the service needs ({use}), has no usable AAAA record", "{subject}, dịch vụ cần tới ({use}), không có bản ghi AAAA dùng được"},
		Text{"Give {subject} an IPv6 address, or do without it.", "Cấp địa chỉ IPv6 cho {subject}, hoặc không dùng nó nữa."}, ""},
	{"closure.host-down6", Closure, Fail, "",
		Text{"{subject}, which the service needs ({use}), does not work over IPv6 ({detail})",
			"{subject}, dịch vụ cần tới ({use}), không hoạt động qua IPv6 ({detail})"},
		Text{"Mend {subject} over IPv6, or do without it.", "Khắc phục {subject} qua IPv6, hoặc không dùng nó nữa."}, ""},
	{"closure.host-unknown", Closure, Unknown, "",
		Text{"{subject}, which the service needs ({use}), could not be measured: {cause}",
			"{subject}, dịch vụ cần tới ({use}), chưa đo được: {cause}"},
		Text{"Run the probe again; if it stays so, see in the evidence what {subject} answered over IPv6 and over IPv4.",
			"Chạy lại phép đo; nếu vẫn vậy, xem bằng chứng để biết {subject} trả lời thế nào qua IPv6 và qua IPv4."}, ""},
	{"closure.third-party", Closure, Warn, "",
		Text{"{subject}, a third party whose content the page uses ({use}), does not work over IPv6 alone",
			"{subject}, bên thứ ba mà trang sử dụng nội dung ({use}), không hoạt động nếu chỉ có IPv6"},
		Text{"Serve the content from your own host, or ask {subject} for IPv6.", "Lưu nội dung trên máy chủ của mình, hoặc đề nghị {subject} hỗ trợ IPv6."}, ""},
	{"closure.third-party-unknown", Closure, Warn, "",
		Text{"{subject}, a third party whose content the page uses ({use}), could not be measured: {cause}",
			"{subject}, bên thứ ba mà trang sử dụng nội dung ({use}), chưa đo được: {cause}"},
		Text{"Run the probe again; if it stays so, keep a copy of the content on your own host.",
			"Chạy lại phép đo; nếu vẫn vậy, lưu nội dung trên máy chủ của mình."}, ""},
	{"closure.literal", Closure, Fail, "",
		Text{"The page refers to the IPv4 address {subject} instead of a name", "Trang dùng trực tiếp địa chỉ IPv4 {subject} thay vì tên"},
		Text{"Use a name that has an AAAA record.", "Dùng tên có bản ghi AAAA."}, "RFC 6586"},
	{"closure.content-error", Closure, Unknown, "",
		Text{"What the page of {subject} depends on could not be measured, for the reply is an error page: {detail}",
			"Chưa đo được trang của {subject} phụ thuộc vào đâu, vì phản hồi là trang lỗi: {detail}"},
		Text{"See why {subject} gives this page; if the service lives at another name or port, put that into the inventory.",
			"Kiểm tra vì sao {subject} trả về trang này; nếu dịch vụ nằm ở tên hoặc cổng khác thì sửa lại danh mục."}, "RFC 9110 15"},
	{"closure.page-cut", Closure, Unknown, "",
		Text{"The page of {subject} was not read to its end, it is too large or comes too slowly ({size} bytes read): it may depend on more",
			"Chưa đọc hết trang của {subject} vì quá lớn hoặc quá chậm (đã đọc {size} byte): trang có thể còn phụ thuộc khác"},
		Text{"Run ready6 probe --browser, which loads the page as a client without IPv4 does; make the page smaller or faster if it is as slow for others.",
			"Chạy ready6 probe --browser để tải trang như máy khách không có IPv4; nếu với người dùng cũng chậm như vậy thì làm trang nhẹ hoặc nhanh hơn."}, ""},
	{"closure.page-unreadable", Closure, Unknown, "",
		Text{"The page of {subject} comes in a form that this scanner does not read ({detail})",
			"Trang của {subject} có dạng mã hóa mà bộ quét không đọc được ({detail})"},
		Text{"Let the server use only content codings that the client names in Accept-Encoding.",
			"Cấu hình máy chủ chỉ dùng các dạng mã hóa nội dung mà máy khách nêu trong Accept-Encoding."}, "RFC 9110 8.4"},
	{"closure.too-many", Closure, Unknown, "",
		Text{"{subject} depends on more hosts than this scanner follows", "{subject} phụ thuộc vào nhiều máy chủ hơn giới hạn bộ quét theo dõi"},
		Text{"Run ready6 probe --browser, which loads the whole page as a client without IPv4 does, or have the page load its parts from fewer hosts.",
			"Chạy ready6 probe --browser để tải toàn bộ trang như máy khách không có IPv4, hoặc giảm số máy chủ mà trang tải nội dung từ đó."}, ""},
	{"closure.redirects", Closure, Unknown, "",
		Text{"{subject} redirects in a circle or too many times (last to {target}), so no page came to be read",
			"{subject} chuyển hướng vòng tròn hoặc quá nhiều lần (lần cuối tới {target}) nên không đọc được trang"},
		Text{"Check the redirects; some firewalls send every client without cookies in a circle.",
			"Kiểm tra các chuyển hướng; một số tường lửa chuyển hướng vòng tròn với máy khách không có cookie."}, "RFC 9110 15.4"},
	{"closure.redirect-target", Closure, Unknown, "",
		Text{"{subject} redirects to {target}, which this scanner cannot follow", "{subject} chuyển hướng tới {target}, bộ quét không theo được"},
		Text{"Redirect to an http or https address.", "Chuyển hướng tới địa chỉ http hoặc https."}, "RFC 9110 15.4"},
	{"closure.unknown", Closure, Unknown, "",
		Text{"What {subject} depends on could not be followed: {cause}", "Chưa theo được các phụ thuộc của {subject}: {cause}"},
		Text{"Run the probe again; if it stays so, see the evidence.",
			"Chạy lại phép đo; nếu vẫn vậy, xem bằng chứng."}, ""},
	{"closure.no-name", Closure, Pass, "",
		Text{"{subject} is used by its address: no name has to be resolved", "{subject} được dùng trực tiếp bằng địa chỉ: không cần phân giải tên"}, Text{}, ""},
	{"closure.content-unknown", Closure, Unknown, "",
		Text{"What the page of {subject} depends on could not be measured: {detail}", "Chưa đo được trang của {subject} phụ thuộc vào đâu: {detail}"},
		Text{"Let the scanner's address pass the web application firewall, then scan again.", "Cho phép địa chỉ máy quét qua tường lửa ứng dụng web rồi quét lại."}, ""},
	{"closure.none", Closure, NotApplicable, "",
		Text{"{subject} has no IPv6 of its own yet, so its dependencies are not followed",
			"{subject} chưa có IPv6 nên chưa xét các phụ thuộc"}, Text{}, ""},
}
