// Package picture comes from the bytes of strangers to what package pdq
// hashes: it decodes JPEG, PNG, GIF, WebP and AVIF, and refuses what is beyond
// its limits before memory is taken for it.
//
// To hash an uploaded image:
//
//	hasher := new(picture.Hasher) // keep it: from then on it allocates little
//	h, err := hasher.Hash(ctx, data)
//	switch {
//	case errors.Is(err, picture.ErrFormat): // not an image, or none that it decodes
//	case errors.Is(err, picture.ErrLimit):  // too many bytes or pixels, or out of time
//	case err != nil:                        // damaged
//	default: // h.Hash, h.Quality, h.Width, h.Height
//	}
//
// An image is hashed as it is stored. The orientation in its metadata is not
// applied, because no implementation whose hashes are exchanged applies it:
// look up Fingerprint.Dihedral to find turned images.
package picture

import (
	"context"
	"errors"
	"fmt"
	"image"
	"time"
)

// Types that Decode knows.
const (
	JPEG = "image/jpeg"
	PNG  = "image/png"
	GIF  = "image/gif"
	WebP = "image/webp"
)

// Errors, wrapped with what is the matter. Any other error says that the image
// is damaged, or, as context.Canceled, that the caller gave up.
var (
	// ErrFormat is of bytes that are no image, or one of a kind that is not
	// decoded.
	ErrFormat = errors.New("not a format that is decoded")

	// ErrLimit is of an image that is beyond a limit.
	ErrLimit = errors.New("beyond a limit")
)

// Limits bound what an image may cost. A field that is 0 has its default.
type Limits struct {
	Bytes  int64         // of the file; 64 MiB
	Pixels int64         // width × height of the canvas, which memory grows with: up to about 8 bytes a pixel; 100 million
	Time   time.Duration // for one image with all its frames; 30 s
}

// Image is a decoded image, in pixels as they are stored.
type Image struct {
	image.Image        // as large as the canvas
	Type        string // such as JPEG
}

// Decode decodes an image, and of an animation the first frame as it is shown.
// It never panics, and it ends soon after ctx does.
func Decode(ctx context.Context, data []byte, limits Limits) (*Image, error) {
	for m, err := range Frames(ctx, data, 1, limits) {
		return m, err
	}
	return nil, fmt.Errorf("picture: %w: no frame", ErrFormat)
}

// withDefaults fills in what is 0.
func (l Limits) withDefaults() Limits {
	if l.Bytes == 0 {
		l.Bytes = 64 << 20
	}
	if l.Pixels == 0 {
		l.Pixels = 100_000_000
	}
	if l.Time == 0 {
		l.Time = 30 * time.Second
	}
	return l
}
