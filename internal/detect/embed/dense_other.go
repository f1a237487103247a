//go:build !amd64

package embed

// dots is the products of x, whose length is a multiple of step, with each of
// the four rows of that length that rows begins with.
func dots(x, rows []float32, into *[rowsAtOnce]float32) { dotsGo(x, rows, into) }
