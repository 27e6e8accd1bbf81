package main

import (
	"cmp"
	"fmt"
	"html/template"
	"strings"

	"github.com/spf13/cobra"

	"ready6/probes"
	"ready6/probes/verdict"
	"ready6/reports"
)

func contactPageCommand(s streams) *cobra.Command {
	c := &cobra.Command{
		Use:   "contact-page",
		Short: "Write the page for the --contact address: what the scan sends, how often, how to opt out",
		Long: `contact-page writes a page, in Vietnamese and English, for the address that --contact
shows to those whose servers are scanned: who asks, what is sent and what never is,
how often and how fast (by the settings in force), and how to be left alone. What it
cannot know and no flag says is left as dots.`,
		Example: "  ready6 contact-page --operator 'Sở Khoa học và Công nghệ' --mail quet@example.gov.vn --from 2001:db8::7 > scan.html",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := load(cmd, s)
			if err != nil {
				return err
			}
			page := contactPage{cfg: cfg}
			page.operator, _ = cmd.Flags().GetString("operator")
			page.mail, _ = cmd.Flags().GetString("mail")
			page.from, _ = cmd.Flags().GetStringSlice("from")
			switch f := cfg.text("format"); f {
			case "", "html":
				return wrapFailed(contactHTML.Execute(s.out, page.parts()))
			case "text":
				return page.write(&printer{w: s.out})
			default:
				return usagef("format: %q is not one of html, text", f)
			}
		},
	}
	c.Flags().String("operator", "", "who runs the scan")
	c.Flags().String("mail", "", "address to write to")
	c.Flags().StringSlice("from", nil, "addresses the scan comes from (repeatable)")
	c = withSettings(c, "format", "contact", "helo-name", "edns-contact", "per-address", "per-network", "queries-per-address", "queries-per-network")
	return withUsage(c, "format", "html or text (default: html)")
}

// contactPage is what the page is made of.
type contactPage struct {
	cfg            config
	operator, mail string
	from           []string
}

// part is the page in one language.
type part struct {
	Lang     verdict.Lang
	Title    string
	Sections []section
}

type section struct {
	Head  string
	Lines []string
}

// parts words the page in both languages.
func (c contactPage) parts() []part {
	var out []part
	for _, l := range []verdict.Lang{verdict.VI, verdict.EN} {
		fill := strings.NewReplacer(
			"{operator}", cmp.Or(c.operator, dots), "{mail}", cmp.Or(c.mail, dots), "{from}", cmp.Or(strings.Join(c.from, ", "), dots),
			"{agent}", userAgent(c.cfg), "{helo}", cmp.Or(c.cfg.text("helo-name"), sayOwnAddress.in(l)),
			"{per-address}", c.cfg.text("per-address"), "{per-network}", c.cfg.text("per-network"),
			"{queries-per-address}", c.cfg.text("queries-per-address"), "{queries-per-network}", c.cfg.text("queries-per-network"),
			"{tries}", fmt.Sprint(probes.MostTries),
		)
		p := part{Lang: l, Title: contactTitle.in(l)}
		for _, s := range contactSections {
			x := section{Head: s.head.in(l)}
			for _, line := range s.lines {
				if line == contactInDNS && ednsContact(c.cfg) == "" {
					continue
				}
				x.Lines = append(x.Lines, fill.Replace(line.in(l)))
			}
			p.Sections = append(p.Sections, x)
		}
		out = append(out, p)
	}
	return out
}

// write prints the page as text.
func (c contactPage) write(p *printer) error {
	for i, part := range c.parts() {
		if i > 0 {
			p.line("")
		}
		p.line("%s", strings.ToUpper(part.Title))
		for _, s := range part.Sections {
			p.line("")
			p.line("%s", s.Head)
			for _, line := range s.Lines {
				p.line("%s", fold("  - ", "    ", reports.Clean(line)))
			}
		}
	}
	return wrapFailed(p.err)
}

var contactHTML = template.Must(template.New("contact").Parse(`<!DOCTYPE html>
<html lang="vi">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{(index . 0).Title}} · {{(index . 1).Title}}</title>
<style>body{font:1rem/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem}h2{font-size:1.1rem;margin-bottom:.3rem}</style>
</head>
<body>
{{range .}}<main lang="{{.Lang}}">
<h1>{{.Title}}</h1>
{{range .Sections}}<h2>{{.Head}}</h2>
<ul>
{{range .Lines}}<li>{{.}}</li>
{{end}}</ul>
{{end}}</main>
{{end}}</body>
</html>
`))

var (
	sayOwnAddress = saying{"its own address", "địa chỉ của chính máy quét"}
	contactTitle  = saying{"About the IPv6 readiness scan", "Về việc quét mức độ sẵn sàng IPv6"}
	contactInDNS  = saying{"DNS questions carry this page's address in an EDNS option of the private range (code 65432).",
		"Câu hỏi DNS mang địa chỉ của trang này trong một tùy chọn EDNS thuộc dải dùng riêng (mã 65432)."}
)

var contactSections = []struct {
	head  saying
	lines []saying
}{
	{saying{"Who asks, and why", "Ai quét và để làm gì"}, []saying{
		{"{operator} measures how far public services are from running on IPv6 alone, with signed DNS and valid routes.",
			"{operator} đo mức độ sẵn sàng của các dịch vụ công để chạy chỉ với IPv6, có DNS được ký số và tuyến hợp lệ."},
		{"The scan comes from {from}. Its web requests say “{agent}”; mail servers are greeted with {helo}.",
			"Lượt quét đến từ {from}. Yêu cầu web ghi “{agent}”; máy chủ thư được chào bằng {helo}."},
		contactInDNS,
	}},
	{saying{"What is sent", "Những gì được gửi"}, []saying{
		{"DNS questions about the name and the zones it hangs on (addresses, keys, signatures, name servers).",
			"Câu hỏi DNS về tên và các vùng liên quan (địa chỉ, khóa, chữ ký, máy chủ tên miền)."},
		{"To web servers, on every address: a connection to ports 80 and 443, and GET requests for the front page, what it redirects to and its style sheets.",
			"Tới máy chủ web, trên mỗi địa chỉ: kết nối tới cổng 80 và 443, yêu cầu GET trang chủ, trang được chuyển hướng tới và các tệp định kiểu."},
		{"To mail servers: a greeting, STARTTLS, and QUIT. No message is ever begun.",
			"Tới máy chủ thư: lời chào, STARTTLS và QUIT. Không bao giờ bắt đầu gửi thư."},
		{"Never: log-ins, forms, searches, port scans, attempts to find or use weaknesses.",
			"Không bao giờ: đăng nhập, gửi biểu mẫu, tìm kiếm, dò cổng, tìm hay khai thác lỗ hổng."},
	}},
	{saying{"How often and how fast", "Tần suất và tốc độ"}, []saying{
		{"Once a night or less, each question and page once; only silence is met with another try, {tries} in all.",
			"Mỗi đêm một lần hoặc ít hơn, mỗi câu hỏi và mỗi trang một lần; chỉ thử lại khi không có phản hồi, tổng cộng {tries} lần."},
		{"At most {per-address} connections open at once to one address and {per-network} to one network (/24, /48), in random order over all networks.",
			"Cùng lúc tối đa {per-address} kết nối tới một địa chỉ và {per-network} tới một mạng (/24, /48), theo thứ tự ngẫu nhiên trên mọi mạng."},
		{"At most {queries-per-address} DNS questions a second to one address and {queries-per-network} to one network, and far fewer where a server answers slowly, loses packets, refuses or limits its answers.",
			"Tối đa {queries-per-address} câu hỏi DNS mỗi giây tới một địa chỉ và {queries-per-network} tới một mạng; ít hơn nhiều khi máy chủ trả lời chậm, mất gói, từ chối hoặc giới hạn phản hồi."},
	}},
	{saying{"How to be left alone", "Cách từ chối"}, []saying{
		{"Write to {mail} with your names or address blocks: they are put on the opt-out list, and nothing is sent to them any more.",
			"Viết thư tới {mail}, nêu tên miền hoặc khối địa chỉ: chúng được đưa vào danh sách không quét và không bị gửi gì nữa."},
		{"Write there too if something of yours suffers: the scan is stopped first and discussed afterwards.",
			"Cũng hãy viết thư nếu hệ thống của bạn bị ảnh hưởng: lượt quét được dừng trước, trao đổi sau."},
	}},
}
