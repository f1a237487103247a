package picture

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"image"
	"image/draw"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"iter"

	"golang.org/x/image/webp"
)

// Frames decodes up to n frames of an image, spread evenly over an animation
// and beginning with its first. Each is the whole canvas as it is shown, and
// is overwritten by the next. An error is the last that it gives.
func Frames(ctx context.Context, data []byte, n int, limits Limits) iter.Seq2[*Image, error] {
	return func(yield func(*Image, error) bool) {
		limits := limits.withDefaults()
		within, cancel := context.WithTimeout(ctx, limits.Time)
		defer cancel()
		err := frames(within, data, n, limits, func(m *Image) bool { return yield(m, nil) })
		switch {
		case err == nil:
			return
		case ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded):
			err = fmt.Errorf("%w: not decoded within %v", ErrLimit, limits.Time)
		}
		yield(nil, fmt.Errorf("picture: %w", err))
	}
}

func frames(ctx context.Context, data []byte, n int, limits Limits, yield func(*Image) bool) (err error) {
	if n < 1 {
		return nil
	}
	if int64(len(data)) > limits.Bytes {
		return fmt.Errorf("%w: %d bytes, and %d are allowed", ErrLimit, len(data), limits.Bytes)
	}
	mime := Sniff(data)
	d, ok := decoderOf(mime)
	if !ok {
		return fmt.Errorf("%w: %s", ErrFormat, cmp.Or(mime, "not an image"))
	}
	defer func() { // what a decoder's author did not think of costs one image
		if p := recover(); p != nil {
			err = fmt.Errorf("%s: %v", mime, p)
		}
	}()
	config, err := d.config(reader(ctx, data))
	if err != nil {
		return err
	}
	if int64(config.Width)*int64(config.Height) > limits.Pixels {
		return fmt.Errorf("%w: %d × %d pixels, and %d are allowed", ErrLimit, config.Width, config.Height, limits.Pixels)
	}
	m, err := d.decode(reader(ctx, data))
	if err != nil {
		return err
	}
	yield(&Image{Image: onCanvas(m, image.Rect(0, 0, config.Width, config.Height)), Type: mime})
	return nil
}

// decoder is of one type of images.
type decoder struct {
	config func(io.Reader) (image.Config, error)
	decode func(io.Reader) (image.Image, error)
}

func decoderOf(mime string) (decoder, bool) {
	switch mime {
	case JPEG:
		return decoder{jpeg.DecodeConfig, jpeg.Decode}, true
	case PNG:
		return decoder{png.DecodeConfig, png.Decode}, true
	case GIF:
		return decoder{gif.DecodeConfig, gif.Decode}, true
	case WebP:
		return decoder{webp.DecodeConfig, webp.Decode}, true
	}
	return decoder{}, false
}

// onCanvas is the image as it is shown: the first frame of a GIF may fill a
// part of it only.
func onCanvas(m image.Image, canvas image.Rectangle) image.Image {
	if m.Bounds() == canvas {
		return m
	}
	whole := image.NewNRGBA(canvas)
	draw.Draw(whole, m.Bounds(), m, m.Bounds().Min, draw.Src)
	return whole
}

// reader reads data until ctx ends.
func reader(ctx context.Context, data []byte) io.Reader {
	return &untilDone{ctx, bytes.NewReader(data)}
}

type untilDone struct {
	ctx context.Context
	r   io.Reader
}

func (u *untilDone) Read(b []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.r.Read(b)
}
