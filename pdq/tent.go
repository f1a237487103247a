package pdq

// band is how many rows are summed side by side. A running sum waits for each
// of its additions; four of them wait together.
const band = 4

// tent blurs an image by a box filter along rows, then columns, and both once
// more, which weighs pixels in the shape of a tent, and takes from the result
// the pixels nearest to the grid. Each sum is added up in the order of the
// reference, so that every bit of it is the same; but rows flow through, and
// only as many are kept as a box is high.
type tent struct {
	window        int             // pixels that a box is wide
	shares        []float32       // how many of them lie inside the image, for each column
	luma, blurred [band][]float32 // rows before the first and the second pass
	sums, sums2   [band][]float32 // of either along the row
	first, second columns

	across, down [grid]int     // the columns and rows nearest to the grid
	sharesAcross [grid]float32 // shares of those columns
	blurs, taken int           // rows blurred once, and grid rows found
}

// window is the box for a side of n pixels: half of what falls on one point of
// the grid, rounded up.
func window(n int) int { return (n + 2*grid - 1) / (2 * grid) }

func (t *tent) reset(width, height int) {
	t.window, t.blurs, t.taken = window(width), 0, 0
	t.shares = resized(t.shares, width)
	for x := range t.shares {
		t.shares[x] = inside(x+t.window/2, width, t.window)
	}
	for i := range band {
		t.luma[i] = resized(t.luma[i], width)
		t.blurred[i] = resized(t.blurred[i], width)
		t.sums[i] = resized(t.sums[i], width)
		t.sums2[i] = resized(t.sums2[i], width)
	}
	t.first.reset(width, height)
	t.second.reset(grid, height)
	for i := range grid {
		t.across[i] = (2*i + 1) * width / (2 * grid)
		t.down[i] = (2*i + 1) * height / (2 * grid)
		t.sharesAcross[i] = t.shares[t.across[i]]
	}
}

// filter brings an image to the grid.
func (t *tent) filter(small *[grid][grid]float32, width, height int, row rows) {
	t.reset(width, height)
	for y := 0; y < height+t.first.window/2; y += band {
		for i := range band {
			if y+i < height {
				row(y+i, t.luma[i])
			}
		}
		sumRows(&t.sums, &t.luma, t.window)
		for i := range band {
			if t.first.step(y+i, t.sums[i], t.shares, t.blurred[t.blurs%band]) {
				t.blurs++
				t.again(small, height)
			}
		}
	}
}

// again sends what was blurred once through the second pass, as soon as there
// is a band of it or it was the last row.
func (t *tent) again(small *[grid][grid]float32, height int) {
	last := t.blurs == height
	if t.blurs%band != 0 && !last {
		return
	}
	sumRows(&t.sums2, &t.blurred, t.window)
	end := t.blurs
	if last {
		end += t.second.window / 2
	}
	var picked, out [grid]float32
	for y := (t.blurs - 1) / band * band; y < end; y++ {
		for j, x := range t.across {
			picked[j] = t.sums2[y%band][x]
		}
		if t.second.step(y, picked[:], t.sharesAcross[:], out[:]) {
			for t.taken < grid && t.down[t.taken] == y-t.second.window/2 {
				small[t.taken] = out
				t.taken++
			}
		}
	}
}

// sumRows gives for each pixel of four rows the sum of the box around it.
func sumRows(out, in *[band][]float32, window int) {
	n, lag := len(in[0]), window/2
	in0, in1, in2, in3 := in[0][:n], in[1][:n], in[2][:n], in[3][:n]
	out0, out1, out2, out3 := out[0][:n], out[1][:n], out[2][:n], out[3][:n]
	var sum0, sum1, sum2, sum3 float32
	for x := range n + lag {
		if x < n {
			sum0, sum1, sum2, sum3 = sum0+in0[x], sum1+in1[x], sum2+in2[x], sum3+in3[x]
		}
		if old := x - window; old >= 0 {
			sum0, sum1, sum2, sum3 = sum0-in0[old], sum1-in1[old], sum2-in2[old], sum3-in3[old]
		}
		if at := x - lag; at >= 0 {
			out0[at], out1[at], out2[at], out3[at] = sum0, sum1, sum2, sum3
		}
	}
}

// inside is how many pixels of a box lie inside a side of n pixels, when the
// last that it has taken in is at.
func inside(at, n, window int) float32 { return float32(min(at+1, window, n+window-1-at)) }

// columns is a box filter down the columns of rows that come one by one.
type columns struct {
	height, window int
	sums           []float32 // of the box, for each column
	kept           []float32 // the rows in the box
}

func (c *columns) reset(width, height int) {
	c.height, c.window = height, window(height)
	c.sums = resized(c.sums, width)
	c.kept = resized(c.kept, width*c.window)
	clear(c.sums)
}

// step moves the box down by a row, whose pixels are row/shares, and below the
// image by nothing. It reports whether the box has come to a row of the image,
// whose blur is then in out.
func (c *columns) step(y int, row, shares, out []float32) bool {
	width, lag := len(c.sums), c.window/2
	if y >= c.height+lag {
		return false
	}
	kept := c.kept[y%c.window*width:][:width]
	count := inside(y, c.height, c.window)
	row, shares, out, sums := row[:width], shares[:width], out[:width], c.sums
	switch {
	case y < c.window:
		for x := range sums {
			v := row[x] / shares[x]
			kept[x] = v
			sums[x] += v
			out[x] = sums[x] / count
		}
	case y < c.height:
		for x := range sums {
			v := row[x] / shares[x]
			sum := sums[x] + v - kept[x]
			kept[x], sums[x], out[x] = v, sum, sum/count
		}
	default:
		for x := range sums {
			sums[x] -= kept[x]
			out[x] = sums[x] / count
		}
	}
	return y >= lag
}
