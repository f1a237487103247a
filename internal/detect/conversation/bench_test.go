package conversation

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// One line of a conversation of two that has been going on for long.
func BenchmarkSee(b *testing.B) {
	for _, names := range []string{"", "insult"} {
		b.Run(fmt.Sprintf("marks=%q", names), func(b *testing.B) {
			s := between(b, adult, child)
			for _, l := range s.lines(rand.New(rand.NewPCG(5, 5)), 500) {
				s.see(l)
			}
			l := s.line("a", "b", names)
			b.ReportAllocs()
			for b.Loop() {
				s.n++
				l.Event = "m"
				if _, err := s.m.See(b.Context(), l); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
