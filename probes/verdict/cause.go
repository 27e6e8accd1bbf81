package verdict

import "strings"

// Cause says why something could not be done or measured: the closed set of
// what the network, a name server or this scanner itself can answer. A result
// carries it in Args["cause"], and the catalogue words it.
type Cause string

// The causes.
const (
	Timeout     Cause = "timeout"     // nothing came back in time
	Refused     Cause = "refused"     // TCP RST to the SYN, or ICMP port unreachable
	Unreachable Cause = "unreachable" // ICMP: no route, host unreachable, prohibited
	Reset       Cause = "reset"       // an open connection was reset or closed early
	NoFamily    Cause = "no-family"   // this machine has no address or route of the family
	Forbidden   Cause = "forbidden"   // the guard refused a special-purpose address
	OptedOut    Cause = "opt-out"     // its owner asked not to be scanned, so nothing was sent
	OverBudget  Cause = "over-budget" // a limit of queries, connections or work was reached
	Cancelled   Cause = "cancelled"   // the run was interrupted
	Deadline    Cause = "deadline"    // the probe's, host's or run's time was over
	ServFail    Cause = "servfail"    // every server answered SERVFAIL, REFUSED or not for its zone
	Lame        Cause = "lame"        // servers answer, but none is authoritative for the zone
	Malformed   Cause = "malformed"   // the reply could not be parsed, or was not to our question
	Panicked    Cause = "panicked"    // a defect in this program, see its log
	OtherCause  Cause = "other"       // none of the above; the evidence has the error's words
)

var causeTexts = map[Cause]Text{
	Timeout:     {"no answer in time", "không có phản hồi trong thời gian chờ"},
	Refused:     {"connection refused", "kết nối bị từ chối"},
	Unreachable: {"network or host unreachable", "mạng hoặc máy đích không tới được"},
	Reset:       {"connection reset", "kết nối bị ngắt giữa chừng"},
	NoFamily:    {"this scanner has no address of that family", "máy quét không có địa chỉ thuộc họ giao thức này"},
	Forbidden:   {"special-purpose address, refused by the scanner's guard", "địa chỉ dành cho mục đích đặc biệt, bộ quét từ chối kết nối"},
	OptedOut:    {"on the opt-out list, not contacted", "có trong danh sách không quét, không liên hệ"},
	OverBudget:  {"a work limit was reached", "đã chạm giới hạn khối lượng công việc"},
	Cancelled:   {"the run was interrupted", "lượt quét bị dừng giữa chừng"},
	Deadline:    {"the time allowed was over", "hết thời gian cho phép"},
	ServFail:    {"the name servers answered with an error", "máy chủ tên miền trả lời lỗi"},
	Lame:        {"no name server is authoritative for the zone", "không máy chủ nào có thẩm quyền đối với vùng"},
	Malformed:   {"the reply could not be understood", "không hiểu được phản hồi"},
	Panicked:    {"a defect in the scanner; see its log", "lỗi nội bộ của bộ quét; xem nhật ký"},
	OtherCause:  {"another error; see the evidence", "lỗi khác; xem bằng chứng"},
}

// In words the cause in language l.
func (c Cause) In(l Lang) string {
	if t, ok := causeTexts[c]; ok {
		return t.In(l)
	}
	return string(c)
}

// systemWords says in Vietnamese what the network and TLS libraries, and the
// probes behind them, say in English of what was met on the way. The words of a
// detail that are not here stay as they are, as do names and addresses.
var systemWords = strings.NewReplacer(
	"connect: connection refused", "kết nối bị từ chối",
	"connection refused", "kết nối bị từ chối",
	"connection reset by peer", "kết nối bị phía kia ngắt",
	"broken pipe", "kết nối bị phía kia ngắt",
	"no route to host", "không có đường tới máy đích",
	"network is unreachable", "mạng không tới được",
	"unexpected EOF", "kết nối bị đóng giữa chừng",
	"i/o timeout", "không có phản hồi trong thời gian chờ",
	"context deadline exceeded", "hết thời gian cho phép",
	": timeout", ": không có phản hồi trong thời gian chờ",
	": unreachable", ": không tới được",
	" resolves ", " phân giải được ",
	"a header of over ", "phần đầu trên ",
	"the reply is larger than this scanner reads", "phản hồi lớn hơn mức bộ quét đọc",
	"no prefix length", "không phải độ dài tiền tố",
	"no such mechanism", "không có cơ chế này",
	"a character that may not be there", "có ký tự không hợp lệ",
	"not the name of a modifier", "không phải tên của modifier",
	"a macro that does not exist", "macro không tồn tại",
	"more than the word", "thừa nội dung sau từ này",
	"no address of that family", "không phải địa chỉ thuộc họ này",
	"no domain name", "không phải tên miền",
	"no domain", "thiếu tên miền",
	"more than once", "xuất hiện nhiều lần",
	"no answer: ", "không trả lời: ",
	", then: ", ", rồi: ",
	"x509: certificate has expired or is not yet valid: current time ", "chứng thư đã hết hạn hoặc chưa có hiệu lực: thời điểm hiện tại ",
	" is after ", " sau ",
	" is before ", " trước ",
	"x509: certificate signed by unknown authority", "chứng thư do tổ chức không được tin cậy cấp",
	"x509: certificate is valid for ", "chứng thư cấp cho ",
	", not authoritative", ", không có thẩm quyền",
	", not ", ", không phải ",
	"tls: first record does not look like a TLS handshake", "phản hồi không phải là TLS",
)
