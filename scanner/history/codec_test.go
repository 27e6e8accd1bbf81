package history

import (
	"bytes"
	"compress/flate"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ready6/probes/verdict"
)

// A stored row is foreign bytes: the file may be damaged or made by anybody.
// Whatever decodes, encodes again to the same record.
func FuzzDecode(f *testing.F) {
	var enc encoder
	for _, rec := range []verdict.Record{
		record("a", "www.a.vn", result(verdict.AAAA, "aaaa.present", "2001:db8::1"), result(verdict.DNSSEC, "dnssec.secure", "x")),
		record("a", "www.a.vn", verdict.Result{}),
		record("a", "www.a.vn"),
	} {
		r, err := enc.encode(rec)
		if err != nil {
			f.Fatal(err)
		}
		f.Add([]byte(r.results), r.evidence)
	}
	f.Add([]byte("[{}]"), []byte("not deflated"))
	f.Add([]byte(`[{"at":"0001-01-01T00:00:00Z","evidence":[{}]}]`), []byte{})
	f.Fuzz(func(t *testing.T, results, evidence []byte) {
		var rec, again verdict.Record
		var dec decoder
		if dec.decode(&rec, results, evidence) != nil {
			return
		}
		var enc encoder
		r, err := enc.encode(rec)
		if err != nil {
			t.Skip(err) // times beyond year 9999 are read and not written
		}
		if err := dec.decode(&again, []byte(r.results), r.evidence); err != nil {
			t.Fatal(err)
		}
		want, _ := json.Marshal(rec.Results)
		got, _ := json.Marshal(again.Results)
		if string(want) != string(got) && !(len(rec.Results) == 0 && len(again.Results) == 0) {
			t.Errorf("%s became %s", want, got)
		}
	})
}

func TestDecodeFaults(t *testing.T) {
	deflated := func(text []byte) []byte {
		var b bytes.Buffer
		w, err := flate.NewWriter(&b, flate.BestSpeed)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(text); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	whole := deflated([]byte(`[[{"asked":"ns1"}]]`))
	var dec decoder
	for name, c := range map[string]struct {
		results  string
		evidence []byte
	}{
		"results cut off":          {`[{"check":"aaaa"`, nil},
		"evidence cut off":         {`[{}]`, whole[:len(whole)-3]},
		"evidence not deflated":    {`[{}]`, []byte("[[]]")},
		"evidence not JSON":        {`[{}]`, deflated([]byte("[["))},
		"evidence of another":      {`[{},{}]`, whole},
		"evidence without an end":  {`[{}]`, deflated(make([]byte, maxEvidence+1))},
		"results of another shape": {`{"a":1}`, nil},
	} {
		if err := dec.decode(&verdict.Record{Host: "h"}, []byte(c.results), c.evidence); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	rec := verdict.Record{}
	if err := dec.decode(&rec, []byte(`[{}]`), whole); err != nil || rec.Results[0].Evidence[0].Asked != "ns1" {
		t.Errorf("%+v, %v: the faults above are in a row that is good otherwise", rec, err)
	}
	if d := cmp.Diff(at(nanos(night)), night); d != "" {
		t.Error(d)
	}
}
