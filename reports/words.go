package reports

import (
	"strconv"

	"ready6/probes/verdict"
)

// words holds every label of the reports. Sentences about results are in the
// verdict catalogue; here are names, headings and the phrases between numbers.
// %s and %d are filled in order, the same in both languages.
var words = map[string]verdict.Text{
	// Levels, as a sysadmin and as a manager reads them.
	"level.0":       {EN: "ipv4-only", VI: "chỉ IPv4"},
	"level.1":       {EN: "published", VI: "đã công bố"},
	"level.2":       {EN: "dual-stack", VI: "song song IPv4/IPv6"},
	"level.3":       {EN: "ipv6-only-ready", VI: "sẵn sàng thuần IPv6"},
	"level.4":       {EN: "ipv6-only", VI: "thuần IPv6"},
	"level.0.long":  {EN: "no usable AAAA record", VI: "chưa có bản ghi AAAA dùng được"},
	"level.1.long":  {EN: "AAAA published, but the service does not fully work over IPv6", VI: "đã có bản ghi AAAA nhưng dịch vụ chưa hoạt động đầy đủ qua IPv6"},
	"level.2.long":  {EN: "works over IPv6 as it does over IPv4", VI: "hoạt động qua IPv6 như qua IPv4"},
	"level.3.long":  {EN: "nothing it depends on needs IPv4 any more", VI: "không còn phụ thuộc nào cần IPv4"},
	"level.4.long":  {EN: "IPv4 has been switched off", VI: "đã tắt IPv4"},
	"level.unknown": {EN: "not measured", VI: "chưa đo được"},
	"level.na":      {EN: "not applicable", VI: "không áp dụng"},
	"level.exempt":  {EN: "exempt", VI: "được miễn trừ"},

	"outcome.pass":           {EN: "pass", VI: "đạt"},
	"outcome.warn":           {EN: "warning", VI: "cảnh báo"},
	"outcome.fail":           {EN: "fail", VI: "không đạt"},
	"outcome.unknown":        {EN: "unknown", VI: "chưa rõ"},
	"outcome.not-applicable": {EN: "not applicable", VI: "không áp dụng"},

	"dnssec.secure":        {EN: "secure", VI: "an toàn"},
	"dnssec.insecure":      {EN: "insecure (not signed)", VI: "chưa ký"},
	"dnssec.bogus":         {EN: "bogus", VI: "chữ ký sai"},
	"dnssec.indeterminate": {EN: "indeterminate", VI: "chưa xác định"},
	"rpki.valid":           {EN: "valid", VI: "hợp lệ"},
	"rpki.invalid":         {EN: "invalid", VI: "không hợp lệ"},
	"rpki.not-found":       {EN: "no ROA", VI: "chưa có ROA"},
	"rpki.unrouted":        {EN: "unrouted", VI: "không được quảng bá"},
	"rpki.unknown":         {EN: "unknown", VI: "chưa rõ"},

	"state.met":          {EN: "met", VI: "đã đạt"},
	"state.on-track":     {EN: "on track", VI: "đúng tiến độ"},
	"state.at-risk":      {EN: "at risk", VI: "có nguy cơ chậm"},
	"state.behind":       {EN: "behind", VI: "chậm"},
	"state.progress":     {EN: "progress", VI: "từng bước"},
	"state.unclear":      {EN: "too much unmeasured", VI: "còn nhiều phép đo chưa rõ"},
	"state.not-measured": {EN: "not measured", VI: "chưa đo"},

	"role.agency":       {EN: "the agency", VI: "cơ quan chủ quản"},
	"role.data-centre":  {EN: "the province's data centre", VI: "trung tâm dữ liệu của tỉnh"},
	"role.registrar":    {EN: "the registrar", VI: "nhà đăng ký tên miền"},
	"role.dns-operator": {EN: "the DNS operator", VI: "đơn vị vận hành DNS"},
	"role.hosting":      {EN: "the hosting provider", VI: "đơn vị cung cấp máy chủ"},
	"role.isp":          {EN: "the Internet provider", VI: "nhà cung cấp Internet"},
	"role.vnnic":        {EN: "VNNIC", VI: "VNNIC"},
	"role.operator":     {EN: "whoever runs this scanner", VI: "đơn vị vận hành bộ quét này"},
	"role.":             {EN: "not known", VI: "chưa rõ"},

	"check.aaaa":    {EN: "IPv6 address (AAAA)", VI: "Địa chỉ IPv6 (AAAA)"},
	"check.reach":   {EN: "Service over IPv6", VI: "Dịch vụ qua IPv6"},
	"check.reach4":  {EN: "Service over IPv4", VI: "Dịch vụ qua IPv4"},
	"check.dnssec":  {EN: "DNSSEC", VI: "DNSSEC"},
	"check.rpki":    {EN: "Route origin (RPKI)", VI: "Nguồn gốc định tuyến (RPKI)"},
	"check.closure": {EN: "Dependencies", VI: "Phụ thuộc"},
	"check.vantage": {EN: "Vantage point", VI: "Điểm đo"},

	"change.better": {EN: "better", VI: "tiến bộ"}, "change.worse": {EN: "worse", VI: "xấu đi"},
	"change.added": {EN: "added to the list", VI: "thêm vào danh mục"}, "change.removed": {EN: "removed from the list", VI: "bỏ khỏi danh mục"},
	"change.lost": {EN: "no longer measured", VI: "không còn đo được"}, "change.found": {EN: "measured again", VI: "đo lại được"},
	"change.other": {EN: "other", VI: "khác"},

	"status.running":     {EN: "running", VI: "đang chạy"},
	"status.complete":    {EN: "complete", VI: "hoàn tất"},
	"status.interrupted": {EN: "interrupted", VI: "bị dừng giữa chừng"},
	"status.crashed":     {EN: "crashed", VI: "bị lỗi giữa chừng"},

	// One service.
	"svc.level":      {EN: "level %d of 4", VI: "mức %d trên 4"},
	"svc.level.open": {EN: "level %d to %d of 4", VI: "mức %d đến %d trên 4"},
	"svc.nolevel":    {EN: "level not measured", VI: "mức chưa đo được"},
	"svc.atleast":    {EN: "at least", VI: "ít nhất"},
	"svc.na":         {EN: "not applicable", VI: "không áp dụng"},
	"svc.dnssec":     {EN: "DNSSEC %s", VI: "DNSSEC %s"},
	"svc.expires":    {EN: "expires in %s", VI: "hết hạn sau %s"},
	"svc.expired":    {EN: "expired", VI: "đã hết hạn"},
	"svc.route":      {EN: "route %s", VI: "định tuyến %s"},
	"svc.blocks":     {EN: "what keeps it from level %d:", VI: "điều giữ dịch vụ chưa lên mức %d:"},
	"svc.open":       {EN: "not measured, so level %d is not proven:", VI: "chưa đo được nên chưa khẳng định được mức %d:"},
	"svc.further":    {EN: "in the way of higher levels:", VI: "cản trở các mức cao hơn:"},
	"svc.beside":     {EN: "faults beside the ladder:", VI: "lỗi ngoài thang mức độ:"},
	"svc.gaps":       {EN: "not measured:", VI: "chưa đo được:"},
	"svc.also":       {EN: "worth knowing:", VI: "cần lưu ý:"},
	"svc.reason":     {EN: "why nothing is judged:", VI: "lý do không đánh giá:"},
	"svc.haveA":      {EN: "for level 4 the IPv4 records have to go: %s", VI: "để lên mức 4 cần gỡ bản ghi IPv4: %s"},
	"svc.top":        {EN: "the top of the ladder: nothing is left to do", VI: "mức cao nhất: không còn việc phải làm"},
	"svc.owner":      {EN: "owner: %s", VI: "đơn vị xử lý: %s"},
	"svc.via":        {EN: "path: %s", VI: "đường dẫn: %s"},
	"svc.asked":      {EN: "asked %s", VI: "đã hỏi %s"},
	"svc.for":        {EN: "for %s", VI: "về %s"},
	"svc.over":       {EN: "over %s", VI: "qua %s"},
	"svc.more":       {EN: "and %d more observations", VI: "và %d quan sát khác"},
	"svc.mend":       {EN: "mend: %s", VI: "khắc phục: %s"},
	"svc.rule":       {EN: "rule: %s", VI: "quy định: %s"},
	"svc.again":      {EN: "check again with: %s", VI: "kiểm tra lại bằng: %s"},
	"svc.counts":     {EN: "checks: %d (%s)", VI: "số phép kiểm tra: %d (%s)"},
	"svc.vantage":    {EN: "from vantage “%s”", VI: "từ điểm đo “%s”"},
	"svc.took":       {EN: "%s s", VI: "%s giây"},
	"count.pass":     {EN: "%d pass", VI: "%d đạt"}, "count.warn": {EN: "%d warn", VI: "%d cảnh báo"},
	"count.fail": {EN: "%d fail", VI: "%d không đạt"}, "count.unknown": {EN: "%d unknown", VI: "%d chưa rõ"},
	"count.not-applicable": {EN: "%d n/a", VI: "%d không áp dụng"},
	"ok":                   {EN: "ok", VI: "tốt"}, "notok": {EN: "NOT WORKING", VI: "KHÔNG HOẠT ĐỘNG"},
	"days": {EN: "%d d", VI: "%d ngày"}, "hours": {EN: "%d h", VI: "%d giờ"}, "minutes": {EN: "%d min", VI: "%d phút"},
	"none": {EN: "none", VI: "không có"},
}

// word returns a label. A label that is missing shows its key, so that a gap is
// seen and not hidden; a test keeps the table whole.
func word(l verdict.Lang, key string) string {
	if t, ok := words[key]; ok {
		return t.In(l)
	}
	return key
}

// LevelName is the short name of a level, 0..TopLevel.
func LevelName(l verdict.Lang, level int) string { return word(l, "level."+strconv.Itoa(level)) }

// stateWord names a DNSSEC or route-origin state; one it does not know is shown
// as it is.
func stateWord(l verdict.Lang, check verdict.Check, state string) string {
	key := string(check) + "." + state
	if t, ok := words[key]; ok {
		return t.In(l)
	}
	return clean(state)
}
