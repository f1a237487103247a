package embed

import "golang.org/x/sys/cpu"

var wide = cpu.X86.HasAVX2 && cpu.X86.HasFMA

// dots is the products of x, whose length is a multiple of step, with each of
// the four rows of that length that rows begins with.
func dots(x, rows []float32, into *[rowsAtOnce]float32) {
	if !wide {
		dotsGo(x, rows, into)
		return
	}
	_ = rows[rowsAtOnce*len(x)-1]
	dotsAVX2(&x[0], &rows[0], len(x), &into[0])
}

// dotsAVX2 is in dense_amd64.s.
//
//go:noescape
func dotsAVX2(x, rows *float32, n int, into *float32)
