package conversation

import (
	"math/rand/v2"
	"testing"
)

// A line between friends, and one between two who have done everything to each
// other, of which every signal says what it stands on.
func BenchmarkSee(b *testing.B) {
	for _, of := range []string{"friends", "everything"} {
		b.Run(of, func(b *testing.B) {
			s := between(b, teen, teen).known(3)
			for range 40 {
				s.play("a>b:", "b>a:")
			}
			if of == "everything" {
				s = between(b, adult, child)
				for _, l := range s.lines(rand.New(rand.NewPCG(5, 5)), 500) {
					s.see(l)
				}
			}
			l := s.line("a", "b", "")
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.m.See(b.Context(), l); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
