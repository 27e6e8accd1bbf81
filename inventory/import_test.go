package inventory

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/xuri/excelize/v2"

	"ready6/probes/verdict"
)

// imported is what the good tables below all hold.
func imported() Inventory {
	return Inventory{Agencies: []Agency{
		{ID: "ubnd", Name: verdict.Text{VI: "UBND tỉnh"}, Kind: Provincial},
		{ID: "snv", Name: verdict.Text{VI: "Sở Nội vụ", EN: "Home Affairs"}, Kind: Department, Parent: "ubnd", Services: []Service{
			{Host: "snv.example.vn", Kind: "web", Visibility: "public"},
			{Host: "app.example.vn", Kind: "tls", Port: 8443, Visibility: "internal",
				Exempt: &Exemption{Reason: "Sắp dừng, chờ thay", Approver: "UBND tỉnh", Until: date("2025-06-30")}},
		}},
	}}
}

const englishCSV = `agency id,name vi,name en,kind,parent,host,service kind,port,visibility,exemption reason,exemption approver,exemption until
ubnd,UBND tỉnh,,province,,,,,,,,
snv,Sở Nội vụ,Home Affairs,department,ubnd,snv.example.vn,web,,,,,
snv,,,,,app.example.vn,tls,8443,internal,"Sắp dừng, chờ thay",UBND tỉnh,2025-06-30
`

const vietnameseCSV = "\ufeffDANH MỤC DỊCH VỤ;;;;;;;;;;;;\r\n\r\n" +
	"TT;Mã cơ quan;Tên cơ quan;Tên tiếng Anh;Loại cơ quan;Trực thuộc;Tên miền;Dịch vụ;Cổng;Phạm vi;Lý do miễn trừ;Người phê duyệt;Miễn trừ đến ngày;Ghi chú\r\n" +
	"1;ubnd;UBND tỉnh;;Tỉnh;;;;;;;;;\r\n" +
	"2;snv;SỞ NỘI VỤ;Home Affairs;Sở;UBND Tỉnh;SNV.example.vn;Trang web;;Công khai;;;;xong\r\n" +
	"3;;;;;;app.example.vn;TLS;8443;Nội bộ;Sắp dừng, chờ thay;UBND tỉnh;30/6/2025;\r\n"

func TestImportCSV(t *testing.T) {
	tab := strings.ReplaceAll(strings.ReplaceAll(englishCSV, `"Sắp dừng, chờ thay"`, "Sắp dừng - chờ thay"), ",", "\t")
	tab = strings.ReplaceAll(tab, "Sắp dừng - chờ thay", "Sắp dừng, chờ thay")
	for name, table := range map[string]string{"English": englishCSV, "Vietnamese": vietnameseCSV, "tabs": tab} {
		got, err := Import(strings.NewReader(table), "t.csv", "csv")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got.Agencies[1].Name.VI = strings.Replace(got.Agencies[1].Name.VI, "SỞ NỘI VỤ", "Sở Nội vụ", 1)
		if d := cmp.Diff(imported(), got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
		writtenReadsEqual(t, got)
	}
}

// workbook makes an XLSX of one sheet, with a date cell and merged cells as
// offices make them.
func workbook(t testing.TB, date1904 bool) []byte {
	t.Helper()
	f := excelize.NewFile()
	defer f.Close()
	check := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	check(f.SetWorkbookProps(&excelize.WorkbookPropsOptions{Date1904: &date1904}))
	const s = "Sheet1"
	check(f.SetCellStr(s, "A1", "DANH MỤC"))
	check(f.MergeCell(s, "A1", "F1"))
	check(f.SetSheetRow(s, "A3", &[]any{"Mã cơ quan", "Cơ quan", "Name EN", "Loại cơ quan", "Cơ quan cấp trên", "Tên miền", "Loại dịch vụ", "Cổng", "Phạm vi",
		"Lý do miễn trừ", "Cơ quan phê duyệt", "Hạn miễn trừ"}))
	check(f.SetSheetRow(s, "A4", &[]any{"ubnd", "UBND tỉnh", nil, "tỉnh"}))
	check(f.SetSheetRow(s, "A5", &[]any{"snv", "Sở Nội vụ", "Home Affairs", "sở", "ubnd", "snv.example.vn", "web"}))
	check(f.MergeCell(s, "A5", "A6"))
	check(f.SetSheetRow(s, "F6", &[]any{"app.example.vn", "tls", 8443, "nội bộ", "Sắp dừng, chờ thay", "UBND tỉnh",
		time.Date(2025, 6, 30, 0, 0, 0, 0, time.UTC)}))
	_, err := f.NewSheet("Ghi chú")
	check(err)
	check(f.SetCellStr("Ghi chú", "A1", "Không phải bảng"))
	var b bytes.Buffer
	check(f.Write(&b))
	return b.Bytes()
}

func TestImportXLSX(t *testing.T) {
	for _, date1904 := range []bool{false, true} {
		got, err := Import(bytes.NewReader(workbook(t, date1904)), "t.xlsx", "xlsx")
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(imported(), got); d != "" {
			t.Errorf("1904 %v: %s", date1904, d)
		}
	}
}

func TestImportFaults(t *testing.T) {
	table := `agency id,name vi,kind,parent,host,service kind,port,visibility,exemption reason,exemption approver,exemption until
snv,Sở Nội vụ,sở,,https://snv.example.vn,web,,,,,
snv,Sở Tài chính,,,a.example.vn,ftp,,,,,
Sở Y tế,,,,b.example.vn,web,,,,,
stc,,,,c.example.vn,tcp,,,,,
stc,Sở Tài chính,department,gone,d.example.vn,web,99999,hidden,closing,,31/02/2025
,Sở Giáo dục,,,e.example.vn,,,,,,
snv,,,,,web,,,,,
snv,,,,A.example.vn.,web,,,,,,extra
snv,,office,,a.example.vn,web,,,,,
`
	_, err := Import(strings.NewReader(table), "t.csv", "csv")
	want := `t.csv:2: the host "https://snv.example.vn" is a URL, not a host name; mend: write the host name alone: "snv.example.vn"
t.csv:3: the name vi of agency "snv" is "Sở Tài chính" here, but "Sở Nội vụ" before; mend: write the same in all its rows, or leave the cell empty
t.csv:3: the service kind "ftp" is not known; mend: write one of web, mail, dns, tcp, tls
t.csv:4: the agency id "Sở Y tế" is not an id; mend: write lower-case letters, digits and single hyphens, 64 at most, such as "so-y-te"
t.csv:5: service "c.example.vn" is of kind tcp and has no port; mend: write the port
t.csv:6: exemption until "31/02/2025" is not a date; mend: write it as 2025-06-30 or 30/06/2025
t.csv:6: the exemption of service "d.example.vn" has no exemption approver; mend: write it, or empty the other exemption cells
t.csv:6: the parent "gone" of agency "stc" is not known, or several have that name; mend: write the id of an agency that is in the table or the inventory
t.csv:6: the port "99999" is not a port; mend: write a number from 1 to 65535
t.csv:6: the visibility "hidden" is not known; mend: write one of public, internal
t.csv:7: no agency has the name "Sở Giáo dục"; mend: write an id in the column "agency id", such as "so-giao-duc"
t.csv:7: service "e.example.vn" has no service kind; mend: write web, mail, dns, tcp or tls
t.csv:8: the row has a service kind but no host; mend: write the host, or empty the row's service cells
t.csv:9: cell 12, "extra", has no column name above it; mend: delete it, or name its column in the header row
t.csv:10: service "a.example.vn" (web) of agency "snv" is already listed in line 9; mend: keep one of them, or give each its days with valid
t.csv:10: the kind of agency "snv" is "office" here, but "department" before; mend: write the same in all its rows, or leave the cell empty`
	if err == nil || err.Error() != want {
		t.Errorf("%s", cmp.Diff(want, err.Error()))
	}
}

func TestImportWholeTableFaults(t *testing.T) {
	for _, c := range []struct{ format, table, want string }{
		{"csv", "", "t: has no header row"},
		{"csv", "snv,a.vn\n", "t: has no header row"},
		{"csv", "host,service kind\na.vn,web\n", `t:1: no column says whose the services are`},
		{"csv", "agency id,hots,host,domain\n", `t:1: the column "hots" is not known; mend: did you mean "host"?`},
		{"csv", "agency id,host,domain\n", `t:1: the columns "host" and "domain" hold the same`},
		{"csv", "agency id,host\n\"a,b\n", `t:2: a quoted cell is not well formed`},
		{"csv", "agency id,host,service kind\na,a.vn,web\n", "t:2: agency \"a\" has no kind; mend: write it in one of the agency's rows: write one of province"},
		{"csv", "agency id,host,service kind\n,a.vn,web\n", "t:2: the row does not say whose the service is"},
		{"csv", "agency id,host\xff\n", `t: is not UTF-8 text; mend: save it anew as "CSV UTF-8"`},
		{"csv", "\xff\xfea\x00", `t: is not UTF-8 text`},
		{"csv", strings.Repeat("x", maxBytes+1), "t: is larger than 32 MiB"},
		{"xlsx", "", "t: is not a readable workbook"},
		{"xlsx", "agency id,host\n", "t: is not a readable workbook"},
		{"xlsx", strings.Repeat("x", maxBytes+1), "t: is larger than 32 MiB"},
	} {
		_, err := Import(strings.NewReader(c.table), "t", c.format)
		var faults Faults
		if !errors.As(err, &faults) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.60q: %v, want %s", c.table, err, c.want)
		}
	}
	if _, err := Import(strings.NewReader(""), "t.ods", "ods"); err == nil || !strings.Contains(err.Error(), "neither csv nor xlsx") {
		t.Errorf("%v", err)
	}
}

func TestImportIntoTheProvince(t *testing.T) {
	base := Province()
	untouched := cmp.Diff(Inventory{}, base, same)
	table := "cơ quan;tên miền;dịch vụ\nSở Nội Vụ;snv.example.vn;web\nVNPT Đăk Nông;vnpt.example.vn;thư điện tử\n"
	got, err := base.Import(strings.NewReader(table), "t", "csv")
	if err != nil {
		t.Fatal(err)
	}
	var hosts []string
	for a, s := range got.All() {
		hosts = append(hosts, a.ID+" "+s.Host+" "+s.Kind)
	}
	if strings.Join(hosts, ", ") != "daknong-snv snv.example.vn web, daknong-vnpt vnpt.example.vn mail" {
		t.Errorf("%q", hosts)
	}
	if cmp.Diff(Inventory{}, base, same) != untouched {
		t.Error("Import changed the inventory it was called on")
	}
	if _, err := got.Import(strings.NewReader(table), "t", "csv"); err == nil ||
		!strings.Contains(err.Error(), `t:2: service "snv.example.vn" (web) of agency "daknong-snv" is already listed;`) {
		t.Errorf("a second import: %v", err)
	}
	writtenReadsEqual(t, got)
}

func FuzzImportCSV(f *testing.F) {
	f.Add([]byte(englishCSV))
	f.Add([]byte(vietnameseCSV))
	f.Add([]byte("agency id\thost\n\"a"))
	f.Fuzz(func(t *testing.T, data []byte) {
		inv, err := Import(bytes.NewReader(data), "f", "csv")
		if err != nil {
			var faults Faults
			if !errors.As(err, &faults) {
				t.Fatalf("not a Faults: %v", err)
			}
			return
		}
		writtenReadsEqual(t, inv)
	})
}

func FuzzImportXLSX(f *testing.F) {
	f.Add(workbook(f, false))
	f.Fuzz(func(t *testing.T, data []byte) {
		inv, err := Import(bytes.NewReader(data), "f", "xlsx")
		if err != nil {
			var faults Faults
			if !errors.As(err, &faults) {
				t.Fatalf("not a Faults: %v", err)
			}
			return
		}
		writtenReadsEqual(t, inv)
	})
}

// An import leaves no temporary files behind, nor needs any.
func TestImportXLSXKeepsToMemory(t *testing.T) {
	t.Setenv("TMPDIR", "/nonexistent")
	if os.TempDir() != "/nonexistent" {
		t.Skip("this system takes its temporary folder from elsewhere")
	}
	if _, err := Import(bytes.NewReader(workbook(t, false)), "t.xlsx", "xlsx"); err != nil {
		t.Error(err)
	}
}
