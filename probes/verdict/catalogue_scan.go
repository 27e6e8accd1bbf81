package verdict

// scanReasons are what the scanner itself says of a check that no probe could
// finish. They stand for whichever check was asked, so Check is empty here and
// the result carries it.
var scanReasons = []Entry{
	{"scan.panic", "", Unknown, "",
		Text{"{subject}: not measured because of a defect in the scanner; its log has the details",
			"{subject}: chưa đo được do lỗi nội bộ của bộ quét; xem chi tiết trong nhật ký"},
		Text{"Nothing to mend at the service; report the log lines to the makers of the scanner.",
			"Dịch vụ không cần xử lý gì; gửi các dòng nhật ký cho đơn vị phát triển bộ quét."}, ""},
	{"scan.host-deadline", "", Unknown, "",
		Text{"{subject}: not measured within {limit}, the time allowed for one service",
			"{subject}: chưa đo xong trong {limit}, thời gian cho phép đối với một dịch vụ"},
		Text{"See which step was slow; allow more time for one service if the network is slow.",
			"Xem bước nào chậm; tăng thời gian cho mỗi dịch vụ nếu mạng chậm."}, ""},
	{"scan.deadline", "", Unknown, "",
		Text{"{subject}: not measured, the time allowed for the whole run ({limit}) was over",
			"{subject}: chưa đo được vì đã hết thời gian cho phép của cả lượt quét ({limit})"},
		Text{"Allow the run more time or more workers, or scan the rest on its own.",
			"Tăng thời gian hoặc số luồng của lượt quét, hoặc quét riêng phần còn lại."}, ""},
	{"scan.interrupted", "", Unknown, "",
		Text{"{subject}: not measured, the run was stopped before its end",
			"{subject}: chưa đo được vì lượt quét bị dừng trước khi kết thúc"},
		Text{"Scan again.", "Chạy lại lượt quét."}, ""},
	{"scan.opted-out", "", Unknown, "",
		Text{"{subject}: not measured, it is on the opt-out list of this scan ({entry}); nothing was sent to it",
			"{subject}: không đo vì có trong danh sách không quét ({entry}); không gửi gì tới dịch vụ này"},
		Text{"Nothing to mend at the service. Whoever runs this scan may ask its owner again and take the entry off the list.",
			"Dịch vụ không cần xử lý gì. Bên vận hành lượt quét có thể hỏi lại chủ dịch vụ rồi gỡ mục này khỏi danh sách."}, ""},
}
