package reports

import "ready6/probes/verdict"

// chainBriefs name a reason in a label's few words; the sentence is in the
// verdict catalogue.
var chainBriefs = map[verdict.Reason]verdict.Text{
	"dnssec.bogus.sig-expired":          {EN: "signature expired", VI: "chữ ký đã hết hạn"},
	"dnssec.bogus.sig-not-yet-valid":    {EN: "signature not yet valid", VI: "chữ ký chưa có hiệu lực"},
	"dnssec.bogus.sig-dates":            {EN: "signature dates are reversed", VI: "thời hạn chữ ký bị đảo ngược"},
	"dnssec.bogus.sig-invalid":          {EN: "signature does not fit", VI: "chữ ký không khớp"},
	"dnssec.bogus.sig-labels":           {EN: "wrong label count", VI: "sai số nhãn"},
	"dnssec.bogus.sig-unsupported":      {EN: "promised algorithm missing", VI: "thiếu thuật toán đã công bố"},
	"dnssec.bogus.no-signature":         {EN: "no signature", VI: "không có chữ ký"},
	"dnssec.bogus.signer-wrong":         {EN: "signed by another zone", VI: "vùng khác ký"},
	"dnssec.bogus.key-missing":          {EN: "its key is not published", VI: "khóa ký không được công bố"},
	"dnssec.bogus.key-unusable":         {EN: "its key must not sign", VI: "khóa ký không dùng được"},
	"dnssec.bogus.no-dnskey-for-ds":     {EN: "DS names no key there is", VI: "DS trỏ tới khóa không tồn tại"},
	"dnssec.bogus.ds-mismatch":          {EN: "DS does not fit the key", VI: "DS không khớp khóa"},
	"dnssec.bogus.dnskey-missing":       {EN: "no DNSKEY", VI: "không có DNSKEY"},
	"dnssec.bogus.dnskey-unsigned":      {EN: "keys not signed by the DS key", VI: "khóa nêu ở DS không ký tập khóa"},
	"dnssec.bogus.anchor-mismatch":      {EN: "no key fits the anchor", VI: "không khóa nào khớp điểm neo"},
	"dnssec.bogus.denial-missing":       {EN: "absence not proven", VI: "không chứng minh sự vắng mặt"},
	"dnssec.bogus.denial-invalid":       {EN: "denial proves nothing", VI: "bằng chứng phủ định sai"},
	"dnssec.bogus.ds-unproven":          {EN: "neither DS nor its denial", VI: "không DS, không phủ định"},
	"dnssec.bogus.wildcard-unproven":    {EN: "wildcard not proven", VI: "không chứng minh wildcard"},
	"dnssec.insecure.unsigned":          {EN: "no DS: not signed", VI: "không có DS: chưa ký"},
	"dnssec.insecure.island":            {EN: "signed, but no DS", VI: "đã ký nhưng thiếu DS"},
	"dnssec.insecure.opt-out":           {EN: "opt-out span", VI: "khoảng opt-out"},
	"dnssec.insecure.algorithm":         {EN: "unsupported algorithm", VI: "thuật toán không hỗ trợ"},
	"dnssec.insecure.digest":            {EN: "unsupported digest", VI: "kiểu băm không hỗ trợ"},
	"dnssec.insecure.nsec3-iterations":  {EN: "too many NSEC3 iterations", VI: "quá nhiều vòng lặp NSEC3"},
	"dnssec.insecure.anchor-algorithm":  {EN: "anchor not supported", VI: "điểm neo không hỗ trợ"},
	"dnssec.insecure.rrsig":             {EN: "signatures are not signed", VI: "chữ ký không được ký"},
	"dnssec.indeterminate.unreachable":  {EN: "no answer", VI: "không có trả lời"},
	"dnssec.indeterminate.servfail":     {EN: "servers answer with an error", VI: "máy chủ trả lời lỗi"},
	"dnssec.indeterminate.edns-silence": {EN: "silence to EDNS", VI: "không trả lời EDNS"},
	"dnssec.indeterminate.limit":        {EN: "given up: too much work", VI: "dừng: quá nhiều công"},
	"dnssec.indeterminate.no-anchor":    {EN: "no trust anchor", VI: "không có điểm neo"},
	"dnssec.indeterminate.cname-loop":   {EN: "aliases in a circle", VI: "bí danh lặp vòng"},
}
