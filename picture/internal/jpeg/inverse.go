package jpeg

import "math"

// The inverse transform is that of libjpeg ("islow"), the algorithm of
// Loeffler, Ligtenberg and Moschytz (ICASSP 1989) in whole numbers: its bits of
// fraction decide how pixels round, and so are the same here.
const (
	fraction = 13 // bits of the factors
	between  = 2  // bits kept between the passes
)

// inverse turns a block to pixels. end is its last coefficient in zigzag
// order that is not zero: of the first ten, all lie in a corner of 4 × 4.
func inverse(block *[64]int32, end int, out []byte, stride int) {
	switch {
	case end == 0:
		flat(level(block[0]<<between, between+3), out, stride, 8)
	case end < 10:
		for x := range 4 {
			downCorner(block, x)
		}
		for y := range 8 {
			row := (*[4]int32)(block[8*y:])
			a, b, c, d, e, f, g, h := turnCorner(row[0], row[1], row[2], row[3])
			levels((*[8]byte)(out[y*stride:]), a, b, c, d, e, f, g, h)
		}
	default:
		for x := range 8 {
			down(block, x)
		}
		for y := range 8 {
			row := (*[8]int32)(block[8*y:])
			a, b, c, d, e, f, g, h := turn(row[0], row[1], row[2], row[3], row[4], row[5], row[6], row[7])
			levels((*[8]byte)(out[y*stride:]), a, b, c, d, e, f, g, h)
		}
	}
}

// down turns a column.
func down(block *[64]int32, x int) {
	column := (*[57]int32)(block[x:])
	if column[8]|column[16]|column[24]|column[32]|column[40]|column[48]|column[56] == 0 {
		v := column[0] << between
		column[0], column[8], column[16], column[24] = v, v, v, v
		column[32], column[40], column[48], column[56] = v, v, v, v
		return
	}
	a, b, c, d, e, f, g, h := turn(column[0], column[8], column[16], column[24], column[32], column[40], column[48], column[56])
	column[0], column[8], column[16], column[24] = first(a), first(b), first(c), first(d)
	column[32], column[40], column[48], column[56] = first(e), first(f), first(g), first(h)
}

// downCorner turns a column whose lower half is zero.
func downCorner(block *[64]int32, x int) {
	column := (*[57]int32)(block[x:])
	a, b, c, d, e, f, g, h := turnCorner(column[0], column[8], column[16], column[24])
	column[0], column[8], column[16], column[24] = first(a), first(b), first(c), first(d)
	column[32], column[40], column[48], column[56] = first(e), first(f), first(g), first(h)
}

// first rounds what the first pass gives.
func first(v int32) int32 { return (v + 1<<(fraction-between-1)) >> (fraction - between) }

// turn is the transform in one direction, with fraction more bits.
func turn(c0, c1, c2, c3, c4, c5, c6, c7 int32) (p0, p1, p2, p3, p4, p5, p6, p7 int32) {
	z := (c2 + c6) * 4433
	t2, t3 := z-c6*15137, z+c2*6270
	t0, t1 := (c0+c4)<<fraction, (c0-c4)<<fraction
	e0, e3, e1, e2 := t0+t3, t0-t3, t1+t2, t1-t2

	z1, z2, z3, z4 := c7+c1, c5+c3, c7+c3, c5+c1
	z5 := (z3 + z4) * 9633
	z1, z2 = z1*-7373, z2*-20995
	z3, z4 = z3*-16069+z5, z4*-3196+z5
	o0 := c7*2446 + z1 + z3
	o1 := c5*16819 + z2 + z4
	o2 := c3*25172 + z2 + z3
	o3 := c1*12299 + z1 + z4
	return e0 + o3, e1 + o2, e2 + o1, e3 + o0, e3 - o0, e2 - o1, e1 - o2, e0 - o3
}

// turnCorner is turn where c4 to c7 are zero.
func turnCorner(c0, c1, c2, c3 int32) (p0, p1, p2, p3, p4, p5, p6, p7 int32) {
	t0 := c0 << fraction
	t2, t3 := c2*4433, c2*(4433+6270)
	e0, e3, e1, e2 := t0+t3, t0-t3, t0+t2, t0-t2

	z5 := (c1 + c3) * 9633
	z3, z4 := z5-c3*16069, z5-c1*3196
	o0 := z3 - c1*7373
	o1 := z4 - c3*20995
	o2 := c3*(25172-20995) + z3
	o3 := c1*(12299-7373) + z4
	return e0 + o3, e1 + o2, e2 + o1, e3 + o0, e3 - o0, e2 - o1, e1 - o2, e0 - o3
}

// levels are eight pixels, as the second pass gives them.
func levels(to *[8]byte, a, b, c, d, e, f, g, h int32) {
	to[0], to[1], to[2], to[3] = last(a), last(b), last(c), last(d)
	to[4], to[5], to[6], to[7] = last(e), last(f), last(g), last(h)
}

// last rounds what the second pass gives.
func last(v int32) byte { return ranged[(v+1<<(fraction+between+2))>>(fraction+between+3)&1023] }

// ranged are pixels of values that wrap around: what is above 127 is white,
// what is under -128 black.
var ranged = func() (r [1024]byte) {
	for v := -512; v < 512; v++ {
		r[v&1023] = clamp(int32(v) + 128)
	}
	return r
}()

// level is a pixel: rounded of so many bits, and with 0 in the middle.
func level(v int32, shift uint) byte { return clamp(128 + (v+1<<(shift-1))>>shift) }

func clamp(v int32) byte { return byte(min(max(v, 0), 255)) }

func flat(v byte, out []byte, stride, side int) {
	for y := range side {
		to := out[y*stride:][:side]
		for x := range to {
			to[x] = v
		}
	}
}

// A mean of neighbours is a transform of half the length, because the cosine
// of the sum of two angles is a product: cos(u·π/16) of a frequency is left,
// and the frequencies above the middle fall on those below. meanFactors are
// what is left of a frequency in a mean of 2 and of 4, and meanPlaces where it
// falls.
var (
	meanFactors = func() (f [2][8]float64) {
		for u := range 8 {
			turn := float64(u) * math.Pi / 16
			f[0][u] = math.Cos(turn) / 2
			f[1][u] = math.Cos(turn) * math.Cos(2*turn) / 2
			if u > 4 {
				f[0][u] = -f[0][u]
			}
			if u == 3 || u == 5 {
				f[1][u] = -f[1][u]
			}
		}
		f[0][0], f[1][0] = math.Sqrt2/4, math.Sqrt2/4
		f[0][4], f[1][2], f[1][4], f[1][6] = 0, 0, 0, 0
		return f
	}()
	meanPlaces = [2][8]uint8{{0, 1, 2, 3, 0, 3, 2, 1}, {0, 1, 0, 1, 0, 1, 0, 1}}
)

// places is meanPlaces of coefficients in zigzag order, in a block of 4 × 4
// or, of means of 4, 2 × 2.
var places = func() (p [2][64]uint8) {
	for i, at := range zigzag {
		p[0][i] = meanPlaces[0][at/8]*4 + meanPlaces[0][at%8]
		p[1][i] = meanPlaces[1][at/8]*2 + meanPlaces[1][at%8]
	}
	return p
}()

// meanFactor is meanFactors of a coefficient in zigzag order.
func meanFactor(i, scale int) float32 {
	if scale == 1 {
		return 0
	}
	f, at := &meanFactors[scale/4], zigzag[i]
	return float32(f[at/8] * f[at%8])
}

// inverseMeans turns a block of means to pixels: 4 × 4, or 2 × 2 at scale 4.
func inverseMeans(block *[16]float32, last, scale int, out []byte, stride int) {
	switch {
	case last == 0:
		flat(rounded(block[0]), out, stride, 8/scale)
	case scale == 4:
		b := float32(block[1] * math.Sqrt2 / 2)
		c, d := float32(block[2]*math.Sqrt2/2), block[3]/2
		out[0], out[1] = rounded(block[0]+b+c+d), rounded(block[0]-b+c-d)
		out[stride], out[stride+1] = rounded(block[0]+b-c-d), rounded(block[0]-b-c+d)
	default:
		for x := range 4 {
			block[x], block[x+4], block[x+8], block[x+12] = turn4(block[x], block[x+4], block[x+8], block[x+12])
		}
		for y := range 4 {
			a, b, c, d := turn4(block[4*y], block[4*y+1], block[4*y+2], block[4*y+3])
			to := out[y*stride:][:4]
			to[0], to[1], to[2], to[3] = rounded(a), rounded(b), rounded(c), rounded(d)
		}
	}
}

// turn4 is the transform of length 4 in one direction.
func turn4(a, b, c, d float32) (w, x, y, z float32) {
	const c1, c2, c3 = 0.92387953251128675613, 0.70710678118654752440, 0.38268343236508977173 // cos(k·π/8)
	c = float32(c * c2)
	outer, inner := float32(b*c1)+float32(d*c3), float32(b*c3)-float32(d*c1)
	return a + c + outer, a - c + inner, a - c - inner, a + c - outer
}

func rounded(v float32) byte { return clamp(int32(v + 128.5)) }
