package text

import (
	"fmt"
	"testing"
)

func BenchmarkScore(b *testing.B) {
	d := shipped(b)
	for _, size := range []int{47, 125, 655} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			b.ReportAllocs()
			var s Scores
			text := sample(size)
			for b.Loop() {
				if err := d.Score(b.Context(), text, &s); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("disguised 125", func(b *testing.B) {
		b.ReportAllocs()
		var s Scores
		for b.Loop() {
			if err := d.Score(b.Context(), disguised, &s); err != nil {
				b.Fatal(err)
			}
		}
	})
}

const disguised = "Hey, aré y0u coming to the m4tch on Saturday? We can m e e t at the station, my borther brings the ball. See you there, my frinds"

func BenchmarkDetect(b *testing.B) {
	d := shipped(b)
	for _, size := range []int{47, 125, 655} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			b.ReportAllocs()
			ev := eventOf(sample(size))
			for b.Loop() {
				if _, err := d.Detect(b.Context(), ev); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
