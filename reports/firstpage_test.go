package reports

import (
	"fmt"
	"strings"
	"testing"

	"ready6/probes/verdict"
)

// behindFor is n agencies, each behind for the causes given.
func behindFor(n int, causes ...string) *document {
	var r Report
	for i := range n {
		name := fmt.Sprintf("Xã %d", i+1)
		s := Standing{Agency: name, Name: verdict.Text{EN: name, VI: name}, State: Behind}
		for _, c := range causes {
			s.Why = append(s.Why, Why{Plain: verdict.Text{EN: c, VI: c}, Services: 1, Owner: verdict.Owner{Role: verdict.Agency, Name: name}})
		}
		r.Summary.Agencies = append(r.Summary.Agencies, s)
	}
	r.Summary.Lines = []verdict.Text{{EN: "head", VI: "đầu"}}
	return &document{pager: pager{r: r, l: verdict.VI}}
}

// The first page says of every agency that it is behind and why, as long as there
// is room; of a large province it says whom it leaves out.
func TestFirstPage(t *testing.T) {
	d := behindFor(maxFirstNames, "chưa có IPv6", "chứng thư hỏng")
	rows, whole := d.reasons()
	if !whole || len(rows) != 2 || len(d.headline(whole)) != 1 {
		t.Fatalf("%d rows, whole %t", len(rows), whole)
	}
	for _, row := range rows {
		if n := strings.Count(row.Values["agency"], "Xã "); n != maxFirstNames || row.Values["owner"] != "Chính cơ quan đó" {
			t.Errorf("%d agencies: %v", n, row.Values)
		}
	}

	d = behindFor(124, "chưa có IPv6")
	rows, whole = d.reasons()
	if head := d.headline(whole); whole || len(head) != 2 || !strings.HasPrefix(head[1], "Cơ quan chậm: Xã 1; ") || !strings.HasSuffix(head[1], "; và 112 cơ quan khác.") {
		t.Errorf("whole %t, %q", whole, head)
	}
	if len(rows) != 1 {
		t.Errorf("%v", rows)
	}

	var causes []string
	for i := range 30 {
		causes = append(causes, fmt.Sprintf("nguyên nhân %d", i))
	}
	rows, whole = behindFor(3, causes...).reasons()
	if last := rows[len(rows)-1].Values; whole || len(rows) != maxFirstReasons+1 || last["why"] != "Nguyên nhân khác" || last["owner"] != "xem Phụ lục II" {
		t.Errorf("%d rows, whole %t, %v", len(rows), whole, last)
	}

	d = behindFor(1, "chưa có IPv6")
	d.r.Summary.Agencies[0].State = AtRisk
	if rows, _ := d.reasons(); rows[0].Values["agency"] != "Xã 1 (có nguy cơ chậm)" {
		t.Errorf("%v", rows[0].Values)
	}
}
