package verdict

// validationReasons are remarks on answers that prove nothing.
var validationReasons = []Entry{
	{"dnssec.empty-answer", DNSSEC, Warn, "",
		Text{"The servers asked about {name} {type} are not authoritative, and their answer is empty: it is taken to say that there are no such records",
			"Các máy chủ được hỏi về {name} {type} không có thẩm quyền và trả lời rỗng: được hiểu là không có bản ghi này"},
		Text{"Check that the servers of the zone hold it and answer with authority, with an SOA record where there is nothing.",
			"Kiểm tra để các máy chủ của vùng có dữ liệu vùng và trả lời có thẩm quyền, kèm bản ghi SOA khi không có dữ liệu."}, "RFC 2308 2.2"},
}
