package picture

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	imagejpeg "image/jpeg"
	"image/png"
	"io"
	"strings"
	"time"

	"github.com/breakwater-project/breakwater/picture/internal/jpeg"
)

// job is one image to decode, and what it may cost.
type job struct {
	ctx      context.Context //nolint:containedctx // a job is one call
	data     []byte
	limits   Limits
	deadline time.Time
	mime     string
	fast     bool
	other    Other
	jpeg     *jpeg.Decoder

	in    bytes.Reader
	size  image.Point // of the image in its file
	cels  *animation
	ended bool
}

// begin checks what can be known of a file before it is read, to give n
// frames of it.
func (j *job) begin(n int) (err error) {
	defer j.explain(&err)
	j.limits.Bytes = or(j.limits.Bytes, 64<<20)
	j.limits.Pixels = or(j.limits.Pixels, 100_000_000)
	j.limits.Time = or(j.limits.Time, 30*time.Second)
	j.deadline = time.Now().Add(j.limits.Time)
	j.mime = Sniff(j.data)
	switch {
	case n < 1:
		j.ended = true
		return nil
	case j.ctx.Err() != nil:
		return j.ctx.Err()
	case !strings.HasPrefix(j.mime, "image/"):
		return fmt.Errorf("%w: not an image", ErrFormat)
	case int64(len(j.data)) > j.limits.Bytes:
		return fmt.Errorf("%w: %d bytes, and %d are allowed", ErrLimit, len(j.data), j.limits.Bytes)
	}
	switch j.mime {
	case GIF:
		j.cels, err = j.gif(n)
	case WebP:
		j.cels, err = j.webp(n)
	}
	return err
}

func or[T int64 | time.Duration](v, other T) T {
	if v == 0 {
		return other
	}
	return v
}

// errEnd says that there are no more frames.
var errEnd = errors.New("no more frames")

// next decodes the next frame.
func (j *job) next() (m image.Image, err error) {
	if j.ended {
		return nil, errEnd
	}
	defer j.explain(&err)
	if j.cels != nil {
		return j.cels.next()
	}
	j.ended = true
	return j.still()
}

// explain turns what went wrong to an error of this package.
func (j *job) explain(err *error) {
	if p := recover(); p != nil { // what a decoder's author did not think of costs one image
		*err = fmt.Errorf("%v", p)
	}
	switch {
	case *err == nil || errors.Is(*err, errEnd):
	case j.ctx.Err() != nil:
		*err = fmt.Errorf("picture: %w", j.ctx.Err())
	case errors.Is(*err, ErrLimit), errors.Is(*err, ErrFormat):
		*err = fmt.Errorf("picture: %w", *err)
	default:
		*err = fmt.Errorf("picture: %w %s: %w", ErrDamaged, j.mime, *err)
	}
}

// Admit refuses an image with too many pixels.
func (j *job) Admit(width, height int) error {
	if width < 0 || height < 0 || height > 0 && int64(width) > j.limits.Pixels/int64(height) {
		return fmt.Errorf("%w: %d × %d pixels, and %d are allowed", ErrLimit, width, height, j.limits.Pixels)
	}
	return nil
}

// Proceed says whether there is time left.
func (j *job) Proceed() error {
	if err := j.ctx.Err(); err != nil {
		return err
	}
	if time.Now().After(j.deadline) {
		return fmt.Errorf("%w: not decoded within %v", ErrLimit, j.limits.Time)
	}
	return nil
}

// Read reads the file for as long as there is time.
func (j *job) Read(b []byte) (int, error) {
	if err := j.Proceed(); err != nil {
		return 0, err
	}
	return j.in.Read(b)
}

// open reads a file, or another in its place, from its beginning.
func (j *job) open(data []byte) io.Reader {
	j.in.Reset(data)
	return j
}

// still decodes an image that is not animated.
func (j *job) still() (image.Image, error) {
	switch {
	case j.mime == JPEG:
		return j.stillJPEG()
	case j.mime == PNG:
		return j.stillPNG()
	case j.other != nil:
		m, err := j.other(j.ctx, j.data, j.limits)
		if err != nil {
			return nil, err
		}
		j.size = m.Bounds().Size()
		return m, nil
	default:
		return nil, fmt.Errorf("%w: %s", ErrFormat, j.mime)
	}
}

func (j *job) stillJPEG() (image.Image, error) {
	m, size, err := j.jpeg.Decode(j.data, j, j.fast)
	if err == nil || errors.Is(err, ErrLimit) || errors.Is(err, jpeg.ErrShort) || j.ctx.Err() != nil {
		j.size = size
		return m, err
	}
	// CMYK or damage: image/jpeg has the last word. It takes twice the memory for
	// a progressive image.
	config, err := imagejpeg.DecodeConfig(j.open(j.data))
	if err != nil {
		return nil, err
	}
	if err := j.Admit(config.Width, 2*config.Height); err != nil {
		return nil, err
	}
	j.size = image.Pt(config.Width, config.Height)
	return imagejpeg.Decode(j.open(j.data))
}

func (j *job) stillPNG() (image.Image, error) {
	config, err := png.DecodeConfig(j.open(j.data))
	if err != nil {
		return nil, err
	}
	if err := j.Admit(config.Width, config.Height); err != nil {
		return nil, err
	}
	// Deflate makes a byte from a thousandth, at most. What claims to be larger
	// is cut off, or made to take memory.
	bits := int64(j.data[24]) * int64([]int{1, 1, 3, 1, 2, 1, 4, 1}[j.data[25]&7]) // depth and channels
	if (bits*int64(config.Width)+7)/8*int64(config.Height)/1040 > int64(len(j.data)) {
		return nil, io.ErrUnexpectedEOF
	}
	j.size = image.Pt(config.Width, config.Height)
	return png.Decode(j.open(j.data))
}
