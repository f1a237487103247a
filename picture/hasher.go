package picture

import (
	"context"
	"errors"
	"image"

	"github.com/breakwater-project/breakwater/pdq"
	"github.com/breakwater-project/breakwater/picture/internal/jpeg"
)

// Hashed is what an image hashes to.
type Hashed struct {
	pdq.Fingerprint        // Hash, Quality and Dihedral; of fewer than 5 pixels a side it is zero
	Type            string // such as JPEG
	Width, Height   int    // in pixels, as stored
}

// Other decodes an image of a type that this package does not. It keeps to the
// limits, and its errors wrap those of this package.
type Other func(ctx context.Context, data []byte, limits Limits) (image.Image, error)

// Hash hashes an image with a new Hasher. To hash many, keep one.
func Hash(ctx context.Context, data []byte, limits Limits) (Hashed, error) {
	h := Hasher{Limits: limits}
	return h.Hash(ctx, data)
}

// Hasher hashes one image after another in the same memory: of JPEG files no
// larger than one before, without allocating. The zero Hasher is ready and
// exact. It is not for concurrent use: give each worker its own, or share them
// by a sync.Pool.
type Hasher struct {
	Limits Limits

	// Fast takes a JPEG with 512 pixels a side and more by its brightness only,
	// and from 1000 pixels at a half, from 3000 at a quarter of its size. That
	// takes a fraction of the time, and moves a hash by a few of its bits:
	// within the distance of 10 that the reference allows where the quality is
	// 80 and more.
	Fast bool

	// Other, if there is one, decodes what this package does not, such as
	// AVIF: vpdq.FFmpeg has one.
	Other Other

	pdq  pdq.Hasher
	jpeg jpeg.Decoder
	job  job
}

// Hash hashes an image, and of an animation the first frame. Its errors are
// those of Decode.
func (h *Hasher) Hash(ctx context.Context, data []byte) (Hashed, error) {
	defer h.forget()
	if err := h.begin(ctx, data, 1); err != nil {
		return Hashed{}, err
	}
	m, err := h.job.next()
	if err != nil {
		return Hashed{}, err
	}
	return h.hashed(m), nil
}

// Frames hashes up to n frames of an image, spread evenly over an animation
// and beginning with its first. With an error come those before it.
func (h *Hasher) Frames(ctx context.Context, data []byte, n int) (all []Hashed, err error) {
	defer h.forget()
	if err := h.begin(ctx, data, n); err != nil {
		return nil, err
	}
	for {
		m, err := h.job.next()
		if errors.Is(err, errEnd) {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		all = append(all, h.hashed(m))
	}
}

func (h *Hasher) begin(ctx context.Context, data []byte, n int) error {
	h.job = job{ctx: ctx, data: data, limits: h.Limits, fast: h.Fast, other: h.Other, jpeg: &h.jpeg}
	return h.job.begin(n)
}

// forget lets go of the file.
func (h *Hasher) forget() { h.job = job{} }

func (h *Hasher) hashed(m image.Image) Hashed {
	return Hashed{Fingerprint: h.pdq.FromImage(m), Type: h.job.mime, Width: h.job.size.X, Height: h.job.size.Y}
}
