package bloom_test

import (
	"strconv"
	"testing"

	"github.com/breakwater-project/breakwater/internal/bloom"
)

func TestFilter(t *testing.T) {
	b := bloom.New()
	if b.May("x") {
		t.Error("an empty filter may have something")
	}
	for i := range 100_000 {
		b.Add("account", strconv.Itoa(i))
	}
	wrong := 0
	for i := range 100_000 {
		if !b.May("account", strconv.Itoa(i)) {
			t.Fatalf("%d was added", i)
		}
		if b.May("content", strconv.Itoa(i)) {
			wrong++
		}
	}
	if wrong > 100 {
		t.Errorf("%d of 100,000 others may be in it", wrong)
	}
	b.Add("a", "bc")
	if b.May("ab", "c") {
		t.Error("parts run together")
	}
}

func BenchmarkMay(b *testing.B) {
	f := bloom.New()
	b.ReportAllocs()
	for b.Loop() {
		f.May("account", "u-1234567")
	}
}
