package embed

import "math"

const (
	// rowsAtOnce is how many rows of a matrix the kernel takes at once.
	rowsAtOnce = 4
	// step is how many numbers of a row it takes at once; a row has a multiple.
	step = 16
)

// dense is a matrix and what is added to its product.
type dense struct {
	rows    int       // of the matrix: how wide the product is
	columns int       // a multiple of step
	matrix  []float32 // rows × columns
	bias    []float32 // rows
}

// apply multiplies each of the n rows of x, which are columns wide.
func (d *dense) apply(into, x []float32, n int) {
	var four [rowsAtOnce]float32
	for r := 0; r < d.rows; r += rowsAtOnce { // four rows stay near while all of x passes
		matrix, bias := d.matrix[r*d.columns:][:rowsAtOnce*d.columns], d.bias[r:][:rowsAtOnce]
		for i := range n {
			dots(x[i*d.columns:][:d.columns], matrix, &four)
			out := into[i*d.rows+r:][:rowsAtOnce]
			for j := range out {
				out[j] = four[j] + bias[j]
			}
		}
	}
}

// layerNorm is layer normalisation (Ba et al. 2016, arXiv:1607.06450).
type layerNorm struct{ scale, bias []float32 }

func (l *layerNorm) size() int { return len(l.scale) }

// apply normalises each row of x.
func (l *layerNorm) apply(into, x []float32) {
	size := l.size()
	for at := 0; at < len(x); at += size {
		row, out := x[at:][:size], into[at:][:size]
		var mean, variance float32
		for _, v := range row {
			mean += v
		}
		mean /= float32(size)
		for _, v := range row {
			variance += (v - mean) * (v - mean)
		}
		variance /= float32(size)
		by := float32(1 / math.Sqrt(float64(variance)+1e-6))
		for j, v := range row {
			out[j] = (v-mean)*by*l.scale[j] + l.bias[j]
		}
	}
}

// dotsGo is dots in Go: of a row with each of four rows that follow one another.
func dotsGo(x, rows []float32, into *[rowsAtOnce]float32) {
	n := len(x)
	a, b, c, d := rows[:n], rows[n:][:n], rows[2*n:][:n], rows[3*n:][:n]
	var s0, s1, s2, s3 float32
	for i, v := range x {
		s0 += v * a[i]
		s1 += v * b[i]
		s2 += v * c[i]
		s3 += v * d[i]
	}
	*into = [...]float32{s0, s1, s2, s3}
}
