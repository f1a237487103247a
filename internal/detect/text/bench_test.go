package text

import (
	"fmt"
	"testing"
)

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
