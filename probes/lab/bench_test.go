package lab

import "testing"

func BenchmarkStartProvince(b *testing.B) {
	w := Default()
	for b.Loop() {
		l, err := Start(w, Options{})
		if err != nil {
			b.Fatal(err)
		}
		l.Close()
	}
}
