package pdq

import (
	"math"
	"slices"
)

// spectrum is the strength of frequencies 1 to 16 down and across the grid.
type spectrum [tones][tones]float32

// cosines is the matrix of the discrete cosine transform, less its constant
// row: sqrt(2/64)·cos(π/128·(i+1)·(2j+1)).
var cosines = func() (m [tones][grid]float32) {
	scale := float64(float32(math.Sqrt(2.0 / grid)))
	for i := range m {
		for j := range m[i] {
			angle := float64(math.Pi/2/grid*float64(i+1)) * float64(2*j+1)
			m[i][j] = float32(scale * math.Cos(angle))
		}
	}
	return m
}()

// transform is cosines · small · cosinesᵀ. Each sum is added up in the order
// of its index, as the reference does; float32 around a product keeps it from
// being fused with the sum, which would round once instead of twice.
func transform(small *[grid][grid]float32) (s spectrum) {
	for i := range s {
		var down [grid]float32
		for k, factor := range cosines[i] {
			row := &small[k]
			for j := range down {
				down[j] += float32(factor * row[j])
			}
		}
		for j := range s[i] {
			row := &cosines[j]
			var sum float32
			for k := range down {
				sum += float32(down[k] * row[k])
			}
			s[i][j] = sum
		}
	}
	return s
}

// hash compares each frequency with the lower of the two medians.
func (s *spectrum) hash() (h Hash) {
	var sorted [tones * tones]float32
	for i := range s {
		copy(sorted[i*tones:], s[i][:])
	}
	slices.Sort(sorted[:])
	median := sorted[len(sorted)/2-1]
	for i := range s {
		for j, v := range s[i] {
			if v > median {
				bit := i*tones + j
				h[Size-1-bit/8] |= 1 << (bit % 8)
			}
		}
	}
	return h
}

// quality counts the steps of brightness between neighbours on the grid, in
// hundredths of the whole range and rounded down, and caps their number.
func quality(small *[grid][grid]float32) int {
	step := func(a, b float32) int {
		d := int(float32((a-b)*100) / 255)
		return max(d, -d)
	}
	sum := 0
	for i := range small {
		for j, v := range small[i] {
			if i+1 < grid {
				sum += step(v, small[i+1][j])
			}
			if j+1 < grid {
				sum += step(v, small[i][j+1])
			}
		}
	}
	return min(sum/90, 100)
}

// Dihedral gives the hashes of the image as it is, turned by 90, 180 and 270
// degrees, mirrored top to bottom and left to right, and along the two
// diagonals, in the order and the directions of the reference. They come from
// the transform already made, and so may differ in a few bits from those of
// the turned image, whose pixels are added up in another order.
//
// To find a turned image, look up each of the eight: none of them is the same
// for all its versions.
func (f *Fingerprint) Dihedral() [8]Hash {
	return [8]Hash{
		f.Hash,
		f.spectrum.turned(true, false, true),
		f.spectrum.turned(false, true, true),
		f.spectrum.turned(true, true, false),
		f.spectrum.turned(false, true, false),
		f.spectrum.turned(false, false, true),
		f.spectrum.turned(true, false, false),
		f.spectrum.turned(true, true, true),
	}
}

// turned is the hash of the image transposed and mirrored. A mirror negates
// every other frequency: those at even index, which are odd functions.
func (s *spectrum) turned(transpose, mirrorDown, mirrorAcross bool) Hash {
	var t spectrum
	for i := range s {
		for j, v := range s[i] {
			if mirrorDown && i%2 == 0 {
				v = -v
			}
			if mirrorAcross && j%2 == 0 {
				v = -v
			}
			if transpose {
				t[j][i] = v
			} else {
				t[i][j] = v
			}
		}
	}
	return t.hash()
}
