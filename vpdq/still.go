package vpdq

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"io"

	"github.com/breakwater-project/breakwater/picture"
)

// Still decodes an AVIF image, and a HEIC image where ffmpeg can, as
// picture.Hasher.Other. Images that are put together of tiles, which is what
// phones write as HEIC, are refused: versions of ffmpeg give one tile of them,
// and its hash would be of something else. Errors are those of Hash.
func (f *FFmpeg) Still(ctx context.Context, data []byte, limits picture.Limits) (image.Image, error) {
	switch kind := picture.Sniff(data); kind {
	case picture.AVIF, picture.HEIC, "image/heif":
		if err := whole(data); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("%w: %s", picture.ErrFormat, kind)
	}
	once := *f
	once.Limits.Bytes = or(limits.Bytes, int64(len(data)))
	once.Limits.Pixels, once.Limits.Time = limits.Pixels, limits.Time
	if err := once.Installed(); err != nil {
		return nil, fmt.Errorf("%w: %w", picture.ErrFormat, err)
	}
	file, err := unnamed(data)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	within := once.limits()
	ctx, cancel := context.WithTimeout(ctx, within.Time)
	defer cancel()
	m, err := once.still(ctx, file, within)
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return nil, fmt.Errorf("%w: not decoded within %v", picture.ErrLimit, within.Time)
	}
	return m, err
}

// first gives the first frame of the video, which an image is to ffmpeg.
func (v *Video) first(from io.Reader) (image.Image, error) {
	pix := make([]byte, 3*v.Width*v.Height)
	if _, err := io.ReadFull(from, pix); err != nil {
		return nil, err
	}
	m := image.NewNRGBA(image.Rect(0, 0, v.Width, v.Height))
	for i := range v.Width * v.Height {
		copy(m.Pix[4*i:], pix[3*i:3*i+3])
		m.Pix[4*i+3] = 255
	}
	return m, nil
}

// whole sees that the picture of a HEIF file (ISO/IEC 23008-12) is one coded
// image, not tiles of many.
func whole(file []byte) error {
	meta, err := box(file, "meta")
	if err != nil {
		return err
	}
	meta = meta[min(4, len(meta)):] // version and flags
	primary, err := box(meta, "pitm")
	if err != nil {
		return err
	}
	items, err := box(meta, "iinf")
	if err != nil {
		return err
	}
	if len(primary) < 6 || len(items) < 6 || primary[0] != 0 && len(primary) < 8 || items[0] != 0 && len(items) < 8 {
		return errHEIF
	}
	id, head := uint32(binary.BigEndian.Uint16(primary[4:])), 6
	if primary[0] != 0 {
		id = binary.BigEndian.Uint32(primary[4:])
	}
	if items[0] != 0 {
		head = 8
	}
	for rest := items[head:]; len(rest) > 0; {
		name, item, after, err := nextBox(rest)
		if err != nil {
			return err
		}
		rest = after
		if name != "infe" || len(item) < 12 || item[0] < 2 || item[0] > 2 && len(item) < 14 {
			continue
		}
		this, kind := uint32(binary.BigEndian.Uint16(item[4:])), string(item[8:12])
		if item[0] > 2 {
			this, kind = binary.BigEndian.Uint32(item[4:]), string(item[10:14])
		}
		if this != id {
			continue
		}
		if kind == "av01" || kind == "hvc1" {
			return nil
		}
		return fmt.Errorf("%w: an image of kind %q, put together of others", picture.ErrFormat, kind)
	}
	return errHEIF
}

var errHEIF = fmt.Errorf("%w: broken box", picture.ErrDamaged)

// box finds the first box of a name.
func box(in []byte, name string) ([]byte, error) {
	for {
		this, body, rest, err := nextBox(in)
		if err != nil {
			return nil, err
		}
		if this == name {
			return body, nil
		}
		in = rest
	}
}

func nextBox(in []byte) (name string, body, rest []byte, err error) {
	if len(in) < 8 {
		return "", nil, nil, errHEIF
	}
	size, head := uint64(binary.BigEndian.Uint32(in)), uint64(8)
	switch size {
	case 0:
		size = uint64(len(in))
	case 1:
		if len(in) < 16 {
			return "", nil, nil, errHEIF
		}
		size, head = binary.BigEndian.Uint64(in[8:]), 16
	}
	if size < head || size > uint64(len(in)) {
		return "", nil, nil, errHEIF
	}
	return string(in[4:8]), in[head:size], in[size:], nil
}
