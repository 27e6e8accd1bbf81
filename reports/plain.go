package reports

import (
	"strings"

	"ready6/probes/verdict"
)

// plainWords say what is wrong in words that need no knowledge of DNS or
// routing, by the beginning of the reason's code. The first that fits is taken;
// a code that none fits is told in the catalogue's words.
var plainWords = []struct {
	prefix string
	text   verdict.Text
}{
	{"aaaa.nxdomain", verdict.Text{EN: "the name in the list does not exist", VI: "tên trong danh mục không tồn tại"}},
	{"aaaa.dangling", verdict.Text{EN: "the name leads nowhere any more", VI: "tên miền không còn dẫn tới máy chủ nào"}},
	{"aaaa.cname-loop", verdict.Text{EN: "the name leads nowhere any more", VI: "tên miền không còn dẫn tới máy chủ nào"}},
	{"aaaa.special", verdict.Text{EN: "the published IPv6 address cannot be reached from the Internet", VI: "địa chỉ IPv6 đã công bố không thể truy cập từ Internet"}},
	{"aaaa.nat64", verdict.Text{EN: "the published IPv6 address is no real one, but a stand-in for IPv4", VI: "địa chỉ IPv6 đã công bố không phải địa chỉ thật mà chỉ thay cho IPv4"}},
	{"aaaa.", verdict.Text{EN: "the service has no IPv6 address yet", VI: "dịch vụ chưa có địa chỉ IPv6"}},
	{"reach.cert", verdict.Text{EN: "over IPv6 the security certificate is not accepted", VI: "qua IPv6, chứng thư bảo mật không được chấp nhận"}},
	{"reach.tls", verdict.Text{EN: "over IPv6 no secure connection comes about", VI: "qua IPv6, không thiết lập được kết nối bảo mật"}},
	{"reach.dane", verdict.Text{EN: "over IPv6 the security certificate is not accepted", VI: "qua IPv6, chứng thư bảo mật không được chấp nhận"}},
	{"reach.starttls", verdict.Text{EN: "over IPv6 mail is not encrypted", VI: "qua IPv6, thư không được mã hóa"}},
	{"reach.status", verdict.Text{EN: "over IPv6 an error page comes instead of the service", VI: "qua IPv6 chỉ hiện trang báo lỗi thay cho dịch vụ"}},
	{"reach.other-site", verdict.Text{EN: "over IPv6 another site comes than over IPv4", VI: "qua IPv6 hiện ra trang khác với trang qua IPv4"}},
	{"reach.", verdict.Text{EN: "there is an IPv6 address, but the service does not work over it", VI: "đã có địa chỉ IPv6 nhưng dịch vụ không hoạt động qua địa chỉ đó"}},
	{"closure.host-", verdict.Text{EN: "the service needs another site that works over IPv4 only", VI: "dịch vụ cần tới một trang khác chỉ chạy qua IPv4"}},
	{"closure.literal", verdict.Text{EN: "the page points to an IPv4 address by its number", VI: "trang web trỏ trực tiếp tới một địa chỉ IPv4"}},
	{"closure.", verdict.Text{EN: "the directory of names (DNS) that the service needs does not answer over IPv6", VI: "hệ thống tên miền (DNS) mà dịch vụ cần tới chưa trả lời qua IPv6"}},
	{"dnssec.insecure.", verdict.Text{EN: "the domain name carries no digital signature that can be checked", VI: "tên miền chưa có chữ ký số có thể kiểm tra"}},
	{"dnssec.", verdict.Text{EN: "the digital signature of the domain name is wrong: many users cannot open the service", VI: "chữ ký số của tên miền bị sai: nhiều người dùng không mở được dịch vụ"}},
	{"posture.", verdict.Text{EN: "the digital signature of the domain name is not kept up on all its servers", VI: "chữ ký số của tên miền không được duy trì trên mọi máy chủ"}},
	{"rpki.not-found", verdict.Text{EN: "nobody has registered which network may announce these addresses", VI: "chưa đăng ký mạng nào được quảng bá các địa chỉ này"}},
	{"rpki.own.not-found", verdict.Text{EN: "nobody has registered which network may announce these addresses", VI: "chưa đăng ký mạng nào được quảng bá các địa chỉ này"}},
	{"rpki.", verdict.Text{EN: "the network announces addresses against what their holder has registered: other networks may refuse them", VI: "địa chỉ mạng được quảng bá trái với đăng ký của đơn vị giữ địa chỉ: mạng khác có thể từ chối"}},
	{"mail.", verdict.Text{EN: "mail servers that check certificates refuse this mail server", VI: "máy chủ thư có kiểm tra chứng thư sẽ từ chối máy chủ thư này"}},
	{"reverse.", verdict.Text{EN: "the register of names for the own IPv6 addresses does not work", VI: "danh bạ tên cho các địa chỉ IPv6 riêng không hoạt động"}},
}

// plainly says what a reason is for somebody who knows no DNS; title is what
// the catalogue says.
func plainly(code verdict.Reason, title verdict.Text) verdict.Text {
	for _, w := range plainWords {
		if strings.HasPrefix(string(code), w.prefix) {
			return w.text
		}
	}
	return title
}
