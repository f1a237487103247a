// Package picture comes from the bytes of strangers to what package pdq
// hashes: it decodes JPEG, PNG, GIF and WebP, and refuses what is beyond its
// limits before memory is taken for it.
//
// To hash an uploaded image:
//
//	hasher := new(picture.Hasher) // keep it: from then on it allocates little
//	h, err := hasher.Hash(ctx, data)
//	switch {
//	case errors.Is(err, picture.ErrFormat):  // not an image, or none that it decodes
//	case errors.Is(err, picture.ErrLimit):   // too many bytes or pixels, or out of time
//	case errors.Is(err, picture.ErrDamaged): // cut off, or made to do harm
//	case err != nil:                         // ctx ended
//	default: // h.Hash, h.Quality, h.Width, h.Height
//	}
//
// An image is hashed as it is stored. The orientation in its metadata is not
// applied, because no implementation whose hashes are exchanged applies it:
// look up Fingerprint.Dihedral to find turned images.
//
// JPEG is decoded to the pixels that libjpeg-turbo gives, bit for bit, and so
// its hash is the one that others compute of the same file.
package picture

import (
	"context"
	"errors"
	"image"
	"iter"
	"time"

	"github.com/breakwater-project/breakwater/picture/internal/jpeg"
)

// Types of images that are decoded.
const (
	JPEG = "image/jpeg"
	PNG  = "image/png"
	GIF  = "image/gif"
	WebP = "image/webp"
)

// Types of images that Hasher.Other may decode.
const (
	AVIF = "image/avif"
	HEIC = "image/heic"
)

// Errors, wrapped with what is the matter. When the caller gave up, the error
// is that of its context.
var (
	// ErrFormat is of bytes that are no image, or one of a kind that is not
	// decoded.
	ErrFormat = errors.New("not a format that is decoded")

	// ErrLimit is of an image that is beyond a limit.
	ErrLimit = errors.New("beyond a limit")

	// ErrDamaged is of an image that breaks off, or breaks the rules of its
	// format.
	ErrDamaged = errors.New("damaged")
)

// Limits bound what an image may cost. A field that is 0 has its default.
type Limits struct {
	Bytes  int64         // of the file; 64 MiB
	Pixels int64         // width × height of the canvas; 100 million. An image takes up to 8 bytes of memory for each
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
	return nil, ErrDamaged // every image has a frame, or an error
}

// Frames decodes up to n frames of an image, spread evenly over an animation
// and beginning with its first. Each is the whole canvas as it is shown, and
// may be overwritten by the next. An error is the last that it gives.
//
// Of PNG, only the image that viewers without animation show is decoded.
func Frames(ctx context.Context, data []byte, n int, limits Limits) iter.Seq2[*Image, error] {
	return func(yield func(*Image, error) bool) {
		j := &job{ctx: ctx, data: data, limits: limits, jpeg: new(jpeg.Decoder)}
		err := j.begin(n)
		for err == nil {
			var m image.Image
			if m, err = j.next(); err == nil && !yield(&Image{m, j.mime}, nil) {
				return
			}
		}
		if !errors.Is(err, errEnd) {
			yield(nil, err)
		}
	}
}
