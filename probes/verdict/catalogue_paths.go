package verdict

// Reasons on the ways to a province's own address blocks.
var pathReasons = []Entry{
	{"rpki.own.vnix", RPKI, NotApplicable, "valid",
		Text{"{subject} from {origin} is seen across VNIX ({exchange}) on {across} of {paths} paths; the networks next to it: {upstreams}",
			"{subject} do {origin} quảng bá được thấy qua VNIX ({exchange}) trên {across}/{paths} đường đi; các mạng kề: {upstreams}"}, Text{}, "RFC 7947"},
	{"rpki.own.paths", RPKI, NotApplicable, "valid",
		Text{"None of {paths} paths to {subject} from {origin} names VNIX; the networks next to it: {upstreams}. That proves nothing of a connection to VNIX, whose route servers may leave their number out",
			"Không có đường đi nào trong {paths} đường tới {subject} do {origin} quảng bá mang số hiệu của VNIX; các mạng kề: {upstreams}. Điều này không chứng tỏ là chưa kết nối VNIX, vì máy chủ định tuyến của VNIX có thể không ghi số hiệu của mình"}, Text{}, "RFC 7947 2.2.2.1"},
}
