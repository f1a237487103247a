package picture_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"math"
	"testing"
	"time"

	"github.com/breakwater-project/breakwater/pdq"
	"github.com/breakwater-project/breakwater/picture"
)

// pattern is a colourful image of soft shapes and hard edges.
func pattern(width, height int) *image.NRGBA {
	m := image.NewNRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			u, v := float64(x)/float64(width), float64(y)/float64(height)
			c := color.NRGBA{R: wave(7*u*u + 3*v), G: wave(5*v*v - 4*u), B: wave(9 * u * v), A: 255}
			if (x*7/width+y*5/height)%3 == 0 {
				c.R, c.B = c.B/2, c.R/2+100
			}
			m.SetNRGBA(x, y, c)
		}
	}
	return m
}

func wave(turns float64) uint8 { return uint8(127.5 + 127.5*math.Sin(2*math.Pi*turns)) }

// encoded is an image in every type that the standard library writes.
func encoded(t testing.TB, m image.Image) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	var b bytes.Buffer
	for mime, encode := range map[string]func() error{
		picture.JPEG: func() error { return jpeg.Encode(&b, m, nil) },
		picture.PNG:  func() error { return png.Encode(&b, m) },
		picture.GIF:  func() error { return gif.Encode(&b, m, nil) },
	} {
		b.Reset()
		if err := encode(); err != nil {
			t.Fatal(err)
		}
		all[mime] = bytes.Clone(b.Bytes())
	}
	return all
}

// webp is an image of 24 × 18 pixels.
const webp = "UklGRpQAAABXRUJQVlA4TIcAAAAvF0AEAB8wVVM1VfMfeHeAYwEA6ea9jLxBJh3Atu1k8xFs27bR9gg5RbmbU6ba7e8hIvrfA/b6" +
	"61+gNljPfjVRZ8wYeA9I+Xkz4/7WTZrh6Id7IAIjYtaiJdyTB7J/cvdX5Up+wm9USHXX1rfPvwXK0ZDb0mm/tBGRHFgMkDO46Y0c" +
	"2RIC6wEA"

func unbase64(t testing.TB, s string) []byte {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestDecode(t *testing.T) {
	m := pattern(160, 120)
	want := pdq.FromImage(m)
	for mime, data := range encoded(t, m) {
		got, err := picture.Hash(t.Context(), data, picture.Limits{})
		if err != nil {
			t.Errorf("%s: %v", mime, err)
			continue
		}
		if got.Type != mime || got.Width != 160 || got.Height != 120 || got.Hash.Distance(want.Hash) > 20 || got.Quality < 90 {
			t.Errorf("%s of %d × %d, quality %d, distance %d", got.Type, got.Width, got.Height, got.Quality, got.Hash.Distance(want.Hash))
		}
	}
	if got, err := picture.Hash(t.Context(), unbase64(t, webp), picture.Limits{}); err != nil ||
		got.Hash.String() != "d2d02349ec59d47251dab2ba638bd38c8f18b93378bae0fa00fa3da2ff739180" {
		t.Errorf("webp: %s, %v", got.Hash, err)
	}
}

func TestRefuses(t *testing.T) {
	files := encoded(t, pattern(160, 120))
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, test := range map[string]struct {
		data   []byte
		limits picture.Limits
		want   error
	}{
		"nothing":   {nil, picture.Limits{}, picture.ErrFormat},
		"text":      {[]byte("hello"), picture.Limits{}, picture.ErrFormat},
		"heic":      {[]byte("\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic"), picture.Limits{}, picture.ErrFormat},
		"bytes":     {files[picture.PNG], picture.Limits{Bytes: 100}, picture.ErrLimit},
		"pixels":    {files[picture.PNG], picture.Limits{Pixels: 160*120 - 1}, picture.ErrLimit},
		"time":      {files[picture.JPEG], picture.Limits{Time: 1}, picture.ErrLimit},
		"cancelled": {files[picture.PNG], picture.Limits{}, context.Canceled},
	} {
		ctx := t.Context()
		if name == "cancelled" {
			ctx = ended
		}
		if _, err := picture.Decode(ctx, test.data, test.limits); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
	}
	if _, err := picture.Decode(t.Context(), files[picture.PNG], picture.Limits{Bytes: 1 << 20, Pixels: 160 * 120, Time: time.Hour}); err != nil {
		t.Errorf("at its limits: %v", err)
	}
	for mime, data := range files {
		_, err := picture.Decode(t.Context(), data[:len(data)/2], picture.Limits{})
		if err == nil || errors.Is(err, picture.ErrFormat) || errors.Is(err, picture.ErrLimit) {
			t.Errorf("half a %s: %v", mime, err)
		}
	}
}

func ExampleHasher() {
	var file bytes.Buffer
	if err := png.Encode(&file, pattern(640, 480)); err != nil {
		panic(err)
	}
	hasher := new(picture.Hasher)
	h, err := hasher.Hash(context.Background(), file.Bytes())
	fmt.Println(h.Type, h.Width, h.Height, h.Quality, err)
	// Output: image/png 640 480 100 <nil>
}
