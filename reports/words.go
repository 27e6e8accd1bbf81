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
	"state.progress":     {EN: "in progress", VI: "đang triển khai"},
	"state.unclear":      {EN: "unclear", VI: "chưa rõ"},
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

	// A run and its table.
	"run.title":      {EN: "Run %d · %s · vantage “%s”", VI: "Lượt quét %d · %s · điểm đo “%s”"},
	"run.status":     {EN: "the run is %s: services without a result count as not measured", VI: "lượt quét %s: dịch vụ chưa có kết quả được tính là chưa đo được"},
	"run.trouble":    {EN: "This vantage could not measure everything. What rests on it is unknown for everybody:", VI: "Điểm đo này không đo được đầy đủ. Mọi kết quả dựa vào đó là chưa rõ đối với tất cả cơ quan:"},
	"run.rules":      {EN: "measured under rules %d, judged under rules %d", VI: "đo theo bộ quy tắc %d, đánh giá theo bộ quy tắc %d"},
	"run.sources":    {EN: "data: %s", VI: "dữ liệu: %s"},
	"run.age":        {EN: "%s old", VI: "cách đây %s"},
	"run.empty":      {EN: "The inventory lists no services: there is nothing to report.", VI: "Danh mục chưa có dịch vụ nào: không có gì để báo cáo."},
	"col.agency":     {EN: "Agency", VI: "Cơ quan"},
	"col.n":          {EN: "n", VI: "n"},
	"col.level":      {EN: "L%d", VI: "M%d"},
	"col.dnssec":     {EN: "DNSSEC", VI: "DNSSEC"},
	"col.routes":     {EN: "Routes", VI: "Tuyến"},
	"col.target":     {EN: "Targets", VI: "Chỉ tiêu"},
	"col.host":       {EN: "Host", VI: "Tên máy chủ"},
	"col.service":    {EN: "Service", VI: "Dịch vụ"},
	"col.state":      {EN: "State", VI: "Trạng thái"},
	"col.value":      {EN: "Now", VI: "Hiện tại"},
	"col.required":   {EN: "Wanted by now", VI: "Yêu cầu đến nay"},
	"col.goal":       {EN: "Goal", VI: "Mục tiêu"},
	"col.due":        {EN: "Due", VI: "Thời hạn"},
	"col.forecast":   {EN: "Forecast", VI: "Dự báo"},
	"col.reason":     {EN: "Reason", VI: "Lý do"},
	"col.approver":   {EN: "Approved by", VI: "Người duyệt"},
	"col.until":      {EN: "Until", VI: "Đến hết ngày"},
	"col.started":    {EN: "Started", VI: "Bắt đầu"},
	"col.status":     {EN: "Status", VI: "Kết thúc"},
	"col.services":   {EN: "Services", VI: "Dịch vụ"},
	"col.vantage":    {EN: "Vantage", VI: "Điểm đo"},
	"col.rules":      {EN: "Rules", VI: "Quy tắc"},
	"col.took":       {EN: "Took", VI: "Thời gian"},
	"all":            {EN: "All agencies", VI: "Toàn bộ"},
	"agency.none":    {EN: "(no agency)", VI: "(không thuộc cơ quan nào)"},
	"agency.empty":   {EN: "No services listed (%d): %s", VI: "Chưa có dịch vụ trong danh mục (%d): %s"},
	"agency.nosvc":   {EN: "no services listed", VI: "chưa có dịch vụ trong danh mục"},
	"agency.notgt":   {EN: "no target", VI: "không có chỉ tiêu"},
	"agency.former":  {EN: "not in the list of that day", VI: "không có trong danh sách ngày này"},
	"table.legend":   {EN: "n: services measured / counted; the shares are of those measured. %s.", VI: "n: số dịch vụ đo được / được tính; tỷ lệ tính trên số đo được. %s."},
	"table.legend2":  {EN: "DNSSEC: secure / known. Routes: valid / known.", VI: "DNSSEC: an toàn / đã rõ. Tuyến: hợp lệ / đã rõ."},
	"table.outside":  {EN: "Outside the shares: not measured %d, exempt %d, not applicable %d.", VI: "Ngoài tỷ lệ: chưa đo được %d, được miễn trừ %d, không áp dụng %d."},
	"table.open":     {EN: "Of those measured, %d may stand higher than is proven.", VI: "Trong số đã đo, %d dịch vụ có thể ở mức cao hơn mức đã chứng minh."},
	"targets":        {EN: "Targets", VI: "Các chỉ tiêu"},
	"target.line":    {EN: "%s: %s", VI: "%s: %s"},
	"target.wanted":  {EN: "wanted by now %s (%d of %d)", VI: "yêu cầu đến nay %s (%d trên %d)"},
	"target.due":     {EN: "goal %s by %s", VI: "mục tiêu %s đến %s"},
	"target.gradual": {EN: "step by step, no share is set", VI: "từng bước, không đặt tỷ lệ"},
	"blockers":       {EN: "What holds back most services", VI: "Nguyên nhân giữ chân nhiều dịch vụ nhất"},
	"blockers.none":  {EN: "No fault was found.", VI: "Không phát hiện lỗi nào."},
	"blockers.more":  {EN: "and %d more causes", VI: "và %d nguyên nhân khác"},
	"gaps":           {EN: "What could not be measured", VI: "Những gì chưa đo được"},
	"cause.held":     {EN: "services held back: %d", VI: "số dịch vụ bị giữ lại: %d"},
	"cause.affects":  {EN: "services concerned: %d", VI: "số dịch vụ liên quan: %d"},
	"cause.open":     {EN: "services whose level hangs on it: %d", VI: "số dịch vụ có mức phụ thuộc vào đó: %d"},
	"cause.agencies": {EN: "agencies: %d", VI: "số cơ quan: %d"},
	"cause.lift":     {EN: "mended, %s", VI: "khắc phục xong: %s"},
	"cause.rise":     {EN: "%d from level %d to %d", VI: "%d từ mức %d lên mức %d"},
	"cause.nolift":   {EN: "mending it alone lifts none", VI: "chỉ khắc phục riêng nguyên nhân này thì chưa dịch vụ nào lên mức"},
	"unit.agency":    {EN: "agencies", VI: "cơ quan"},
	"unit.service":   {EN: "services", VI: "dịch vụ"},
	"unit.prefix":    {EN: "own address blocks", VI: "khối địa chỉ riêng"},
	"unit.":          {EN: "not visible from outside", VI: "không thể đo từ bên ngoài"},
	"n.of":           {EN: "n = %d of %d %s", VI: "n = %d trên %d %s"},
	"n.unknown":      {EN: "not measured %d", VI: "chưa đo được %d"},
	"n.exempt":       {EN: "exempt %d", VI: "miễn trừ %d"},
	"n.na":           {EN: "not applicable %d", VI: "không áp dụng %d"},
	"n.empty":        {EN: "no services listed %d", VI: "chưa có dịch vụ trong danh mục %d"},

	"forecast.met":                {EN: "met", VI: "đã đạt"},
	"forecast.forecast":           {EN: "%s (between %s and %s)", VI: "%s (trong khoảng %s đến %s)"},
	"forecast.never":              {EN: "never", VI: "không bao giờ"},
	"forecast.none":               {EN: "does not rise", VI: "không tăng"},
	"forecast.not-enough-history": {EN: "not enough history", VI: "chưa đủ lịch sử"},
	"forecast.not-applicable":     {EN: "–", VI: "–"},

	// History.
	"history.none":  {EN: "The history is empty: run ready6 scan first.", VI: "Lịch sử chưa có lượt quét nào: chạy ready6 scan trước."},
	"diff.title":    {EN: "From run %d (%s, %s) to run %d (%s, %s)", VI: "Từ lượt quét %d (%s, %s) đến lượt quét %d (%s, %s)"},
	"diff.same":     {EN: "Nothing changed.", VI: "Không có thay đổi."},
	"diff.count":    {EN: "services %s: %d", VI: "số dịch vụ %s: %d"},
	"diff.rules":    {EN: "The runs were measured under different rules (%d and %d); both are judged here by rules %d.", VI: "Hai lượt quét đo theo các bộ quy tắc khác nhau (%d và %d); ở đây đều đánh giá theo bộ quy tắc %d."},
	"diff.partial":  {EN: "Run %d is %s: what it lacks was not measured, which is not a change.", VI: "Lượt quét %d %s: phần còn thiếu là chưa đo, không phải là thay đổi."},
	"diff.nothing":  {EN: "nothing", VI: "không có gì"},
	"changes":       {EN: "Changes since run %d of %s", VI: "Thay đổi so với lượt quét %d ngày %s"},
	"changes.none":  {EN: "There is no earlier run to compare with.", VI: "Chưa có lượt quét trước để so sánh."},
	"changes.level": {EN: "level %s → %s", VI: "mức %s → %s"},
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
