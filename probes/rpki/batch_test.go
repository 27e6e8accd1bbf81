package rpki

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
)

func TestBatch(t *testing.T) {
	s := snapshot(t, "192.0.2.0/24 AS1")
	in := strings.Join([]string{
		`{"prefix":"192.0.2.0/24","asn":1}`,
		`{"asn":"AS2","prefix":"192.0.2.0/24","id":7}`,
		``,
		`{"prefix":"192.0.2.1/24","asn":1}`,
		`not json`,
		`{"prefix":"192.0.2.0/24"}`,
		`{"prefix":"192.0.2.0/24","asn":null}`,
		`{"prefix":"192.0.2.0/24","asn":1.5}`,
		`{"prefix":"192.0.2.0/24","asn":{}}`,
		`{"asn":1}`,
		`{"prefix":"` + strings.Repeat("1", maxBatchLine) + `","asn":1}`,
		`{"prefix":"::ffff:1.2.3.0/120","asn":1}`,
		`{"prefix":"198.51.100.0/24","asn":"none"}` + "\r",
		`{"prefix":"192.0.2.0/25","asn":"1"}`, // no line end
	}, "\n")
	want := []string{"valid", "invalid as", "4", "5", "6", "7", "8", "9", "10", "11", "not-found", "not-found", "invalid length"}
	var out bytes.Buffer
	err := Batch(context.Background(), s, strings.NewReader(in), &out)
	if err == nil || !strings.Contains(err.Error(), "8 lines") || !strings.Contains(err.Error(), "line 4") {
		t.Errorf("error %v, want one that counts 8 lines and names the first", err)
	}
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if len(lines) != len(want) {
		t.Fatalf("%d answers, want %d:\n%s", len(lines), len(want), out.String())
	}
	for i, line := range lines {
		var a struct {
			State, Reason, Error string
			Line                 int
		}
		if err := json.Unmarshal([]byte(line), &a); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		got := strings.TrimSpace(a.State + " " + a.Reason)
		if a.Error != "" {
			got = fmt.Sprint(a.Line)
		}
		if got != want[i] {
			t.Errorf("answer %d: %s, want %s", i+1, line, want[i])
		}
	}
}

// 100,000 random questions of both families, answered as RFC 6811 has it.
func TestBatchEqualsOracle(t *testing.T) {
	r := rand.New(rand.NewPCG(6811, 2))
	const rounds, perRound = 20, 5_000
	for range rounds {
		var list []VRP
		for range r.IntN(100) {
			p := crowded(r, 128)
			list = append(list, VRP{Prefix: p, MaxLen: p.Bits() + r.IntN(p.Addr().BitLen()-p.Bits()+1), ASN: ASN(r.IntN(5))})
		}
		s, err := NewSnapshot(append(list, VRP{Prefix: netip.MustParsePrefix("3fff::/20"), ASN: 1}), Source{})
		if err != nil {
			t.Fatal(err)
		}
		var in bytes.Buffer
		var want []string
		for range perRound {
			p, o := crowded(r, 128), From(ASN(r.IntN(5)))
			if r.IntN(6) == 0 {
				o = Origin{}
			}
			fmt.Fprintf(&in, "{\"prefix\":%q,\"asn\":%q}\n", p, o)
			m, w, x := oracle(list, p, o)
			state := "invalid"
			switch {
			case len(m) > 0:
				state = "valid"
			case len(w)+len(x) == 0:
				state = "not-found"
			}
			want = append(want, fmt.Sprint(state, len(m), len(w), len(x)))
		}
		var out bytes.Buffer
		if err := Batch(t.Context(), s, &in, &out); err != nil {
			t.Fatal(err)
		}
		for dec, i := json.NewDecoder(&out), 0; i < perRound; i++ {
			var a struct {
				State   string
				Matched []json.RawMessage `json:"matched"`
				Wrong   []json.RawMessage `json:"wrong_origin"`
				Long    []json.RawMessage `json:"too_specific"`
			}
			if err := dec.Decode(&a); err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprint(a.State, len(a.Matched), len(a.Wrong), len(a.Long)); got != want[i] {
				t.Fatalf("question %d: %s, want %s, of %v", i+1, got, want[i], names(list))
			}
		}
	}
}

func TestBatchEdges(t *testing.T) {
	s := snapshot(t, "192.0.2.0/24 AS1")
	var out bytes.Buffer
	if err := Batch(context.Background(), s, strings.NewReader(""), &out); err != nil || out.Len() > 0 {
		t.Errorf("empty input: %q, %v", out.String(), err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := Batch(ctx, s, strings.NewReader(`{"prefix":"192.0.2.0/24","asn":1}`), &out); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	broken := io.MultiReader(strings.NewReader(`{"prefix":"192.0.2.0/24","asn":1}`+"\n"), errReader{errors.New("disk gone")})
	out.Reset()
	if err := Batch(context.Background(), s, broken, &out); err == nil || !strings.Contains(err.Error(), "disk gone") || !strings.Contains(out.String(), "valid") {
		t.Errorf("broken input: %q, %v", out.String(), err)
	}
	if err := Batch(context.Background(), nil, strings.NewReader(`{"prefix":"192.0.2.0/24","asn":1}`), &out); err == nil {
		t.Error("without VRPs there is no answer")
	}
}

type errReader struct{ err error }

func (e errReader) Read([]byte) (int, error) { return 0, e.err }

// A program may ask line by line over a pipe and wait for each answer.
func TestBatchAnswersAtOnce(t *testing.T) {
	s := snapshot(t, "192.0.2.0/24 AS1")
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- Batch(context.Background(), s, inR, outW)
		outW.Close()
	}()
	dec := json.NewDecoder(outR)
	for range 3 {
		if _, err := io.WriteString(inW, `{"prefix":"192.0.2.0/24","asn":1}`+"\n"); err != nil {
			t.Fatal(err)
		}
		var a struct{ State string }
		if err := dec.Decode(&a); err != nil || a.State != "valid" {
			t.Fatalf("%+v, %v", a, err)
		}
	}
	inW.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
