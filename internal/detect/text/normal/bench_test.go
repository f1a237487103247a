package normal

import (
	"fmt"
	"strings"
	"testing"
)

// sample gives n bytes of ordinary English.
func sample(n int) string {
	const s = "Hey, are you coming to the match on Saturday? We can meet at the station, my brother brings the ball. "
	return strings.Repeat(s, n/len(s)+1)[:n]
}

func BenchmarkNormalise(b *testing.B) {
	n := New()
	for _, size := range []int{47, 125, 655} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			b.ReportAllocs()
			var out Forms
			s := sample(size)
			for b.Loop() {
				n.Normalise(s, &out)
			}
		})
	}
	b.Run("Russian 125", func(b *testing.B) {
		var out Forms
		s := strings.Repeat("привет как дела у тебя ", 10)[:125]
		for b.Loop() {
			n.Normalise(s, &out)
		}
	})
	b.Run("disguised 125", func(b *testing.B) {
		var out Forms
		s := strings.Repeat("y0u аre s t u p i d ", 10)[:125]
		for b.Loop() {
			n.Normalise(s, &out)
		}
	})
}
