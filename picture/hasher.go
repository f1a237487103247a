package picture

import (
	"context"

	"github.com/breakwater-project/breakwater/pdq"
)

// Hashed is what an image hashes to.
type Hashed struct {
	pdq.Fingerprint        // Hash, Quality and Dihedral; of fewer than 5 pixels a side it is zero
	Type            string // such as JPEG
	Width, Height   int    // in pixels, as stored
}

// Hash hashes an image with a new Hasher. To hash many, keep one.
func Hash(ctx context.Context, data []byte, limits Limits) (Hashed, error) {
	h := Hasher{Limits: limits}
	return h.Hash(ctx, data)
}

// Hasher hashes one image after another in the same memory. The zero Hasher is
// ready and exact. It is not for concurrent use: give each worker its own, or
// share them by a sync.Pool.
type Hasher struct {
	Limits Limits

	// Fast takes a large JPEG at a half or a quarter of its size, and its
	// brightness only. That takes a third of the time, and moves a hash by a
	// few of its bits: within the distance of 10 that the reference allows
	// where the quality is 80 and more.
	Fast bool

	pdq pdq.Hasher
}

// Hash hashes an image, and of an animation the first frame. Its errors are
// those of Decode.
func (h *Hasher) Hash(ctx context.Context, data []byte) (Hashed, error) {
	m, err := Decode(ctx, data, h.Limits)
	if err != nil {
		return Hashed{}, err
	}
	return h.hashed(m), nil
}

// Frames hashes up to n frames of an image, spread evenly over an animation
// and beginning with its first. After an error it has those before it.
func (h *Hasher) Frames(ctx context.Context, data []byte, n int) (all []Hashed, err error) {
	for m, err := range Frames(ctx, data, n, h.Limits) {
		if err != nil {
			return all, err
		}
		all = append(all, h.hashed(m))
	}
	return all, nil
}

func (h *Hasher) hashed(m *Image) Hashed {
	b := m.Bounds()
	return Hashed{Fingerprint: h.pdq.FromImage(m.Image), Type: m.Type, Width: b.Dx(), Height: b.Dy()}
}
