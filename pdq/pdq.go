// Package pdq computes PDQ, the perceptual hash by which platforms and hotlines
// exchange what is known of images: two versions of one image, resized,
// recompressed or a little edited, differ in few of its 256 bits.
//
// From the same pixels the hash and the quality equal those of the reference
// (https://github.com/facebook/ThreatExchange/tree/main/pdq) bit for bit, on
// every architecture: each product and sum is rounded as there. The image is
// hashed at its full size, as Hasher-Matcher-Actioner does; Hasher.Shrink gives
// what the reference's command line computes instead.
//
// The pixels of a JPEG file are not fixed by its standard. Those of image/jpeg
// differ from libjpeg's by rounding, and some hashes by 2 or 4 bits; package
// picture decodes them as libjpeg does. Colour differences are drawn as libjpeg
// draws them, smoother than At gives them.
//
// Time and memory grow with the size of the image. Whoever hashes images of
// strangers limits their width and height before decoding.
package pdq

import (
	"fmt"
	"image"
)

const (
	grid     = 64  // the image is brought to grid × grid
	tones    = 16  // of whose frequencies tones × tones are compared
	smallest = 5   // pixels a side, under which nothing is hashed
	shrunk   = 512 // pixels a side to which Shrink brings larger images
)

// Fingerprint is what an image hashes to. That of an image with fewer than 5
// pixels a side is zero.
type Fingerprint struct {
	Hash Hash

	// Quality is 0 (nothing to see) to 100 (rich in detail). Under 50 a hash
	// says little, and the reference advises not to match it.
	Quality int

	spectrum spectrum
}

// FromImage hashes an image with a new Hasher. To hash many, keep one.
func FromImage(img image.Image) Fingerprint { return new(Hasher).FromImage(img) }

// FromLuma hashes luma with a new Hasher. To hash many, keep one.
func FromLuma(luma []float32, width, height int) (Fingerprint, error) {
	return new(Hasher).FromLuma(luma, width, height)
}

// Hasher hashes one image after another in the same memory: a few rows and a
// 128th of the largest image, at 4 bytes a pixel. The zero Hasher is ready. It
// is not for concurrent use.
type Hasher struct {
	// Shrink brings an image with a side above 512 pixels to 512×512 first,
	// taking the nearest pixel, as the reference's command line does. That is
	// faster for large images, and differs from the full hash in up to about
	// ten bits.
	Shrink bool

	tent  tent
	small [grid][grid]float32
	wide  []float32 // a row before Shrink
}

// rows gives the luma of row y, from 0 to about 255, in all of out.
type rows func(y int, out []float32)

// FromImage hashes an image. Colours are taken as 8 bits each, and without
// their transparency, as the reference takes them; orientation in metadata is
// not applied.
func (h *Hasher) FromImage(img image.Image) Fingerprint {
	b := img.Bounds()
	return h.hash(b.Dx(), b.Dy(), func(y int, out []float32) { lumaRow(out, img, b.Min.Y+y) })
}

// FromLuma hashes an image given as the luma of its pixels, 0 (black) to 255,
// row by row from the top left. It fails if there are not width × height of
// them, or if one is out of range. A frame of 64×64 is hashed as it is.
func (h *Hasher) FromLuma(luma []float32, width, height int) (Fingerprint, error) {
	if width < 0 || height < 0 || (width > 0 && height > len(luma)/width) || len(luma) != width*height {
		return Fingerprint{}, fmt.Errorf("pdq: %d values are not %d × %d pixels", len(luma), width, height)
	}
	for i, v := range luma {
		if !(v >= 0 && v < 256) { // so written, it also refuses what is not a number
			return Fingerprint{}, fmt.Errorf("pdq: luma %v of pixel %d is not between 0 and 255", v, i)
		}
	}
	return h.hash(width, height, func(y int, out []float32) { copy(out, luma[y*width:]) }), nil
}

// FromRGB hashes an image given as three bytes a pixel, red, green and blue,
// row by row from the top left, as of a frame of video. It fails if there are
// not width × height of them.
func (h *Hasher) FromRGB(pix []byte, width, height int) (Fingerprint, error) {
	if width < 0 || height < 0 || (width > 0 && height > len(pix)/3/width) || len(pix) != 3*width*height {
		return Fingerprint{}, fmt.Errorf("pdq: %d bytes are not %d × %d pixels of 3", len(pix), width, height)
	}
	return h.hash(width, height, func(y int, out []float32) {
		row := pix[3*y*width:][:3*len(out)]
		for x := range out {
			out[x] = luma(row[3*x], row[3*x+1], row[3*x+2])
		}
	}), nil
}

func (h *Hasher) hash(width, height int, row rows) Fingerprint {
	if h.Shrink && width > 0 && height > 0 && max(width, height) > shrunk {
		return h.square(shrunk, shrunk, h.nearest(width, height, row))
	}
	return h.square(width, height, row)
}

// nearest gives the rows of an image brought to 512×512.
func (h *Hasher) nearest(width, height int, row rows) rows {
	h.wide = resized(h.wide, width)
	return func(y int, out []float32) {
		row(y*height/shrunk, h.wide)
		for x := range out {
			out[x] = h.wide[x*width/shrunk]
		}
	}
}

// square hashes an image through the grid to which it is brought.
func (h *Hasher) square(width, height int, row rows) Fingerprint {
	if width < smallest || height < smallest {
		return Fingerprint{}
	}
	if width == grid && height == grid {
		for y := range h.small {
			row(y, h.small[y][:])
		}
	} else {
		h.tent.filter(&h.small, width, height, row)
	}
	f := Fingerprint{Quality: quality(&h.small), spectrum: transform(&h.small)}
	f.Hash = f.spectrum.hash()
	return f
}

// resized is a slice of n values, in the memory of s if that is enough.
func resized(s []float32, n int) []float32 {
	if cap(s) < n {
		return make([]float32, n)
	}
	return s[:n]
}
