package inventory

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestReadNames(t *testing.T) {
	inv, repeated, err := ReadNames(strings.NewReader("\ufeff# our hosts\r\n\r\n WWW.a.vn.  # the portal\r\n2001:db8::1\nđắknông.vn\nwww.A.vn\n\n2001:DB8:0::1\n192.0.2.1"), "names")
	if err != nil {
		t.Fatal(err)
	}
	if repeated != 2 {
		t.Errorf("%d repeated", repeated)
	}
	var got []string
	for a, s := range inv.All() {
		got = append(got, a.ID+" "+s.Host+" "+s.Kind+" "+s.Visibility)
	}
	want := []string{"names www.a.vn web public", "names 2001:db8::1 web public", "names xn--knng-wqa5o845r.vn web public", "names 192.0.2.1 web public"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%q", got)
	}
	writtenReadsEqual(t, inv)
}

func TestReadNamesEmpty(t *testing.T) {
	for _, s := range []string{"", "\n\n", "# nothing\n", "\ufeff"} {
		if inv, _, err := ReadNames(strings.NewReader(s), "names"); err != nil || len(inv.Agencies) != 0 {
			t.Errorf("%q: %v %v", s, inv, err)
		}
	}
}

func TestReadNamesFaults(t *testing.T) {
	list := "a.vn\nhttps://b.vn\nA.vn.\n" + strings.Repeat("x", 3*maxNameLine) + "\nc.vn d.vn\nok.vn " + "# " + strings.Repeat("long ", maxNameLine) + "\nportal\n\xffbc.vn"
	_, _, err := ReadNames(strings.NewReader(list), "names")
	want := `names:2: the host "https://b.vn" is a URL, not a host name; mend: write the host name alone: "b.vn"
names:4: the line is longer than 4096 bytes; mend: write one host name a line
names:5: the host "c.vn d.vn" contains a space; mend: write one host name
names:7: the host "portal" is not a whole name; mend: write it with its domain, such as "portal.daknong.gov.vn"
names:8: the host "\xffbc.vn" is not in UTF-8; mend: save the text in UTF-8, or write the name as xn--…`
	if err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
}

func TestReadNamesUTF16(t *testing.T) {
	_, _, err := ReadNames(strings.NewReader("\xff\xfea\x00.\x00v\x00n\x00\n\x00b\x00"), "names")
	if err == nil || err.Error() != "names:1: the list is in UTF-16; mend: save it in UTF-8" {
		t.Errorf("%v", err)
	}
}

func TestHost(t *testing.T) {
	for in, want := range map[string]string{
		"WWW.a.VN.": "www.a.vn", "đắknông.vn": "xn--knng-wqa5o845r.vn", "đa\u0306\u0301kno\u0302ng.vn": "xn--knng-wqa5o845r.vn",
		"2001:DB8::0:1": "2001:db8::1", "fe80::1%eth0": "", "::ffff:192.0.2.1": "", "a..vn": "", "a.vn..": "", "\xff.vn": "", "256.1.1.1": "", "": "",
	} {
		if got, err := Host(in); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
}

func TestReadNamesMillion(t *testing.T) {
	var list bytes.Buffer
	for i := range 1_000_000 {
		fmt.Fprintf(&list, "host%d.agency%d.gov.vn\n", i, i%10_000)
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	start := time.Now()
	inv, _, err := ReadNames(&list, "names")
	took := time.Since(start)
	if err != nil || len(inv.Agencies[0].Services) != 1_000_000 {
		t.Fatalf("%v", err)
	}
	list = bytes.Buffer{}
	runtime.GC()
	runtime.ReadMemStats(&after)
	kept := int64(after.HeapAlloc) - int64(before.HeapAlloc)
	t.Logf("%v, %d MiB kept", took.Round(time.Millisecond), kept>>20)
	if took > 3*time.Minute || kept > 250<<20 {
		t.Errorf("%v, %d bytes", took, kept)
	}
	runtime.KeepAlive(inv)
}

// A wholly wrong list costs no more than a right one.
func TestReadNamesMillionFaults(t *testing.T) {
	start := time.Now()
	_, _, err := ReadNames(strings.NewReader(strings.Repeat("some one@a.vn\n", 1_000_000)), "names")
	var faults Faults
	if !errors.As(err, &faults) || len(faults) != maxFaults+1 || !strings.Contains(faults[maxFaults].Text, "999000 more") {
		t.Errorf("%d faults", len(faults))
	}
	if took := time.Since(start); took > 3*time.Minute {
		t.Errorf("took %v", took)
	}
}

func FuzzReadNames(f *testing.F) {
	f.Add([]byte("a.vn\n# x\n2001:db8::1\n"))
	f.Add([]byte("\ufeffđắk.vn\r\nxn--a.vn\nhttp://x/\n*.a.vn"))
	f.Fuzz(func(t *testing.T, data []byte) {
		inv, _, err := ReadNames(bytes.NewReader(data), "f")
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

func BenchmarkRead(b *testing.B) {
	var inv Inventory
	for i := range 5000 {
		a := Agency{ID: fmt.Sprintf("a-%d", i), Kind: Unit}
		a.Name.VI = "Cơ quan"
		for j := range 20 {
			a.Services = append(a.Services, Service{Host: fmt.Sprintf("h%d.a%d.gov.vn", j, i), Kind: "web", Visibility: public})
		}
		inv.Agencies = append(inv.Agencies, a)
	}
	var yaml bytes.Buffer
	if err := Write(&yaml, inv); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(yaml.Len()))
	for b.Loop() {
		if _, err := Read(bytes.NewReader(yaml.Bytes()), "bench"); err != nil {
			b.Fatal(err)
		}
	}
}
