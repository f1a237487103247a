package readability_test

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/breakwater-project/breakwater/internal/readability"
)

// Counted by hand.
func TestOf(t *testing.T) {
	got := readability.Of("The cat sat. Where is the little table?", "A well-known elephant!")
	want := readability.Measure{
		Words: 12, Sentences: 3, Longest: 5,
		Syllables: 3 + (1 + 1 + 1 + 2 + 2) + (1 + 1 + 1 + 3),
		Long:      1,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestFormulas(t *testing.T) {
	m := readability.Measure{Words: 100, Sentences: 10, Syllables: 130, Long: 20}
	if g := m.Grade(); math.Abs(g-(0.39*10+11.8*1.3-15.59)) > 1e-9 {
		t.Errorf("grade %v", g)
	}
	if l := m.LIX(); math.Abs(l-30) > 1e-9 {
		t.Errorf("LIX %v", l)
	}
	for _, empty := range []string{"", "  ", "...", "– ! ?"} {
		if m := readability.Of(empty); m != (readability.Measure{}) || m.Grade() != 0 || m.LIX() != 0 {
			t.Errorf("%q: %+v", empty, m)
		}
	}
}

func TestHarderIsHigher(t *testing.T) {
	easy := readability.Of("You are not in trouble. Talk to someone you trust.")
	hard := readability.Of("Notwithstanding the aforementioned considerations, individuals experiencing difficulties are encouraged to communicate with appropriate professionals.")
	if easy.Grade() >= hard.Grade() || easy.LIX() >= hard.LIX() {
		t.Errorf("easy %.1f %.1f, hard %.1f %.1f", easy.Grade(), easy.LIX(), hard.Grade(), hard.LIX())
	}
}

func FuzzOf(f *testing.F) {
	f.Add("You are not alone. لست وحدك؟")
	f.Fuzz(func(t *testing.T, s string) {
		m := readability.Of(s)
		if m.Longest > m.Words || m.Sentences > m.Words || m.Long > m.Words || m.Syllables < m.Words {
			t.Errorf("%+v", m)
		}
	})
}
