package vpdq

import (
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"os"

	"github.com/breakwater-project/breakwater/picture"
)

// Still decodes an AVIF or HEIC image, for picture.Hasher.Other, with limits
// of the caller's. Its size is as it is stored: the file's instructions to turn
// or cut it are not followed. Of a sequence it is the picture shown for it.
// Errors are those of Hash; where ffmpeg is missing they also wrap
// picture.ErrFormat.
func (f *FFmpeg) Still(ctx context.Context, data []byte, limits picture.Limits) (image.Image, error) {
	once := FFmpeg{Path: f.Path, Limits: Limits{Bytes: limits.Bytes, Pixels: limits.Pixels, Time: limits.Time, Memory: f.Limits.Memory}}
	if err := once.Installed(); err != nil {
		return nil, fmt.Errorf("%w: %w", picture.ErrFormat, err)
	}
	within := once.limits()
	ctx, cancel := context.WithTimeout(ctx, within.Time)
	defer cancel()
	m, err := once.still(ctx, data, within)
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return nil, fmt.Errorf("%w: not decoded within %v", picture.ErrLimit, within.Time)
	}
	return m, err
}

func (f *FFmpeg) still(ctx context.Context, data []byte, limits Limits) (image.Image, error) {
	switch kind := picture.Sniff(data); kind {
	case picture.AVIF:
		meta, err := readMeta(data)
		if err != nil {
			return nil, err
		}
		if kind := meta.kinds[meta.primary]; kind != "av01" {
			return nil, fmt.Errorf("%w: an AVIF image of kind %q", picture.ErrFormat, kind)
		}
		return f.tiles(ctx, data, nil, limits)
	case picture.HEIC, "image/heif":
		h, err := parseHEIF(data, limits.Pixels)
		if err != nil {
			return nil, err
		}
		return f.tiles(ctx, h.stream, h, limits)
	default:
		return nil, fmt.Errorf("%w: %s", picture.ErrFormat, kind)
	}
}

// tiles decodes frames of a file and lays them side by side. Without a heif
// there is one, and the file says how large it is.
func (f *FFmpeg) tiles(ctx context.Context, data []byte, h *heif, limits Limits) (image.Image, error) {
	file, err := unnamed(data)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	v, err := f.probe(ctx, file, limits)
	if err != nil {
		return nil, err
	}
	if h == nil {
		h = &heif{width: v.Width, height: v.Height, columns: 1, rows: 1, tileWidth: v.Width, tileHeight: v.Height}
	}
	if v.Width != h.tileWidth || v.Height != h.tileHeight {
		return nil, fmt.Errorf("%w: tiles of %d × %d pixels, not %d × %d", picture.ErrDamaged, v.Width, v.Height, h.tileWidth, h.tileHeight)
	}
	return f.lay(ctx, file, v, h, limits)
}

func (f *FFmpeg) lay(ctx context.Context, file *os.File, v Video, h *heif, limits Limits) (image.Image, error) {
	process, err := f.decode(ctx, file, v, 1, h.columns*h.rows, limits, "-xerror", "-err_detect", "explode")
	if err != nil {
		return nil, err
	}
	m := image.NewNRGBA(image.Rect(0, 0, h.width, h.height))
	tile := make([]byte, 3*v.Width*v.Height)
	for i := range h.columns * h.rows {
		if _, err = io.ReadFull(process.out, tile); err != nil {
			break
		}
		put(m, tile, image.Pt(i%h.columns*v.Width, i/h.columns*v.Height), v.Width, v.Height)
	}
	if err := errors.Join(err, process.end()); err != nil {
		return nil, fmt.Errorf("%w: %w", picture.ErrDamaged, err)
	}
	return m, nil
}

// put lays a tile of red, green and blue on an image, as far as that reaches.
func put(m *image.NRGBA, tile []byte, at image.Point, width, height int) {
	for y := range min(height, m.Rect.Dy()-at.Y) {
		for x := range min(width, m.Rect.Dx()-at.X) {
			to := m.PixOffset(at.X+x, at.Y+y)
			copy(m.Pix[to:], tile[3*(y*width+x):][:3])
			m.Pix[to+3] = 255
		}
	}
}
