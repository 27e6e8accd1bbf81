package verdict

// validationReasons are findings on signatures served, and remarks on answers
// that prove nothing.
var validationReasons = []Entry{
	{"posture.sig-invalid", Posture, Fail, "",
		Text{"Signatures of zone {zone} on {type} by key {tags} do not fit the records that {servers} send: damaged, or made over other data",
			"Chữ ký của vùng {zone} trên {type} bằng khóa {tags} không khớp với bản ghi do {servers} gửi: bị hỏng hoặc được tạo trên dữ liệu khác"},
		Text{"Let {servers} transfer the signed version of {zone} again, and look for what changes records after they were signed.",
			"Cho {servers} tải lại bản đã ký của {zone} và tìm nguyên nhân làm bản ghi thay đổi sau khi ký."}, "RFC 4035 5.3.3"},
	{"posture.sig-no-key", Posture, Fail, "",
		Text{"Signatures of zone {zone} on {type} at {servers} were made by key {tags}, which is not among the keys published there",
			"Chữ ký của vùng {zone} trên {type} tại {servers} do khóa {tags} tạo, nhưng khóa này không nằm trong các khóa được công bố ở đó"},
		Text{"Publish the key again until no signature of it is left, or sign {zone} with the keys that are published.",
			"Công bố lại khóa đó cho đến khi không còn chữ ký nào của nó, hoặc ký {zone} bằng các khóa đang công bố."}, "RFC 4035 2.2, RFC 6781 4.1.1"},
	{"dnssec.empty-answer", DNSSEC, Warn, "",
		Text{"The servers asked about {name} {type} are not authoritative, and their answer is empty: it is taken to say that there are no such records",
			"Các máy chủ được hỏi về {name} {type} không có thẩm quyền và trả lời rỗng: được hiểu là không có bản ghi này"},
		Text{"Check that the servers of the zone hold it and answer with authority, with an SOA record where there is nothing.",
			"Kiểm tra để các máy chủ của vùng có dữ liệu vùng và trả lời có thẩm quyền, kèm bản ghi SOA khi không có dữ liệu."}, "RFC 2308 2.2"},
}
