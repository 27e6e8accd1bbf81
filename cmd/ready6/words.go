package main

import (
	"ready6/probes/rpki"
	"ready6/probes/verdict"
)

// saying is a sentence about how a measurement went. Sentences about wrong
// flags and files are for those who run the program, in English.
type saying struct{ en, vi string }

var (
	sayInterrupted = saying{"the scan was interrupted", "lần quét bị ngắt"}
	sayDeadline    = saying{"the time allowed for the run is over", "đã hết thời gian cho phép của lần quét"}
	sayStuck       = saying{"too many probes did not end when told to", "quá nhiều phép đo không dừng khi được yêu cầu"}
	sayKept        = saying{"%s: %d services measured, %d not (fully) measured", "%s: đã đo %d dịch vụ, %d chưa đo (đủ)"}
	sayVantage     = saying{"not everything could be measured from here (%s); what rests on it is unknown",
		"từ đây không đo được mọi thứ (%s); những gì dựa vào đó là không rõ"}
	sayGoOn     = saying{"go on with: ready6 scan --resume", "tiếp tục bằng: ready6 scan --resume"}
	sayWithheld = saying{"run %d is kept and not published, for the vantage is in doubt: %s; mend that and scan again, or look at the run with: ready6 report %d --format table",
		"lượt quét %d được lưu nhưng không công bố vì điểm đo không đáng tin cậy: %s; khắc phục rồi quét lại, hoặc xem lượt quét bằng: ready6 report %d --format table"}
	sayDoubt     = saying{"what was measured is in doubt, for so is the vantage: %s", "kết quả đo không đáng tin cậy vì điểm đo không đáng tin cậy: %s"}
	sayOpen      = saying{"%d that failed were not looked at again", "%d dịch vụ bị lỗi chưa được đo lại"}
	sayDiffering = saying{"services that failed at some looks and not at others: %d flapping, %d that could not be confirmed, %d recovered",
		"số dịch vụ lúc lỗi lúc không giữa các lần đo: %d chập chờn, %d chưa xác nhận được, %d đã hết lỗi"}
	sayPruned = saying{"runs removed: %d", "số lượt quét đã xóa: %d"}
	sayUnder  = saying{"services under the threshold of --fail-on: %d", "số dịch vụ dưới ngưỡng của --fail-on: %d"}
	sayOver   = saying{"the time allowed for one service is over (--host-timeout), not everything was measured",
		"đã hết thời gian cho phép của một dịch vụ (--host-timeout), chưa đo được hết"}
	sayOwner   = saying{"owner:", "bên xử lý:"}
	sayMend    = saying{"mend:", "khắc phục:"}
	sayAsked   = saying{"asked %s for %s over %s: %s", "đã hỏi %s về %s qua %s: %s"}
	sayPosture = saying{"upkeep of zone", "tình trạng bảo trì của vùng"}
	sayPlanDS  = saying{"DS of %s (the parent's signature on them cannot exist yet, and is taken for granted)",
		"DS của %s (chữ ký của vùng cha trên DS này chưa thể có, được coi như có)"}
	sayPlanZone     = saying{"zone %s", "vùng %s"}
	sayPlanGood     = saying{"whole zone checked, %d record sets signed, denial chain closed", "đã kiểm tra toàn vùng, %d tập bản ghi đã ký, chuỗi phủ định khép kín"}
	sayPlanBad      = saying{"whole zone checked, faults: %d", "đã kiểm tra toàn vùng, số lỗi: %d"}
	sayPlanUnsigned = saying{"the file is not signed", "tệp này chưa được ký"}
	sayPlanMore     = saying{"and %d more", "và %d lỗi khác"}
	sayStopped      = saying{"stopped before everything was measured", "bị dừng trước khi đo xong"}
	sayRoutes       = saying{"routes that cover it, most specific first:", "các tuyến bao trùm, cụ thể nhất trước:"}
	sayROAs         = saying{"ROAs that cover it:", "các ROA bao trùm:"}
	sayNone         = saying{"none", "không có"}
	sayHolder       = saying{"own block of:", "khối của:"}
	sayPeers        = saying{"%d peers", "%d điểm thấy"}
	sayFrom         = saying{"by %s and %s", "theo %s và %s"}
	sayMatched      = saying{"ROA matches", "ROA phù hợp"}
	sayTooSpecific  = saying{"ROA ends before this length", "ROA không cho phép độ dài này"}
	sayWrongOrigin  = saying{"ROA of another AS", "ROA của AS khác"}
	sayVRPMatched   = saying{"matched", "phù hợp"}
	sayVRPOrigin    = saying{"wrong origin", "AS khác"}
	sayVRPLength    = saying{"too specific", "quá chi tiết"}
	sayCompared     = saying{"compared with %d VRPs of %s", "so với %d VRP của %s"}
	sayMade         = saying{", made %s", ", tạo lúc %s"}
	sayNoRequest    = saying{"every announcement of these blocks has a ROA that fits, or none is announced: there is nothing to ask for",
		"mọi tuyến quảng bá của các khối này đã có ROA phù hợp, hoặc không có khối nào đang quảng bá: không cần đề nghị"}
)

// routeStates are the route-origin states as the reports word them.
var routeStates = map[string]saying{
	"valid": {"valid", "hợp lệ"}, "invalid": {"invalid", "không hợp lệ"}, "not-found": {"no ROA", "chưa có ROA"},
	"unrouted": {"unrouted", "không được quảng bá"}, "unknown": {"unknown", "chưa rõ"},
}

// routeUses say what part a covering route plays.
var routeUses = map[rpki.Use]saying{
	rpki.Decides: {"decides", "quyết định"}, rpki.Backup: {"takes over if that goes", "thay thế nếu mất tuyến trên"},
	rpki.Hidden: {"seen by too few, does not count", "quá ít điểm thấy, không tính"}, rpki.Narrow: {"too long to be accepted, does not count", "quá dài, không tính"},
	rpki.Unnamed: {"origin not told by the table", "bảng không nêu AS nguồn"}, rpki.Default: {"default route, does not count", "tuyến mặc định, không tính"},
}

// roles are those who can mend a chain of trust.
var roles = map[verdict.Role]saying{
	verdict.DNSOperator: {"the DNS operator", "đơn vị vận hành DNS"},
	verdict.Registrar:   {"the registrar", "nhà đăng ký tên miền"},
	verdict.Operator:    {"whoever runs this scanner", "đơn vị vận hành bộ quét này"},
}

func (s saying) in(l verdict.Lang) string {
	if l == verdict.VI {
		return s.vi
	}
	return s.en
}
