package picture_test

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"runtime"
	"testing"
	"time"

	"github.com/breakwater-project/breakwater/picture"
)

// small keeps fuzzing quick.
var small = picture.Limits{Bytes: 1 << 20, Pixels: 1 << 16, Time: time.Minute}

// FuzzHasher: bytes of any kind give a hash or one of the errors, twice the
// same, in memory that the limits bound.
func FuzzHasher(f *testing.F) {
	for _, data := range encoded(f, pattern(40, 30)) {
		f.Add(data, uint8(1))
		f.Add(data[:len(data)*3/4], uint8(3))
	}
	f.Add(animated(f), uint8(3))
	f.Add(animatedWebP(f), uint8(2))
	f.Add(unbase64(f, webp), uint8(1))
	hasher := &picture.Hasher{Limits: small}
	fast := &picture.Hasher{Limits: small, Fast: true}
	f.Fuzz(func(t *testing.T, data []byte, n uint8) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		all, err := hasher.Frames(t.Context(), data, int(n%8)+1)
		runtime.ReadMemStats(&after)
		// Eight frames, each decoded on a canvas, and what decoders hold.
		if took := after.TotalAlloc - before.TotalAlloc; took > 64<<20+20*uint64(len(data)) {
			t.Errorf("%d bytes for %d", took, len(data))
		}
		if err != nil && !errors.Is(err, picture.ErrFormat) && !errors.Is(err, picture.ErrLimit) && !errors.Is(err, picture.ErrDamaged) {
			t.Errorf("%v", err)
		}
		if err == nil && len(all) == 0 {
			t.Error("neither a frame nor an error")
		}
		again, err2 := (&picture.Hasher{Limits: small}).Frames(t.Context(), data, int(n%8)+1)
		if (err == nil) != (err2 == nil) || len(all) != len(again) {
			t.Fatalf("%d frames, %v; then %d, %v", len(all), err, len(again), err2)
		}
		for i := range all {
			if all[i] != again[i] {
				t.Errorf("frame %d: %s, then %s", i, all[i].Hash, again[i].Hash)
			}
		}
		quick, err3 := fast.Hash(t.Context(), data)
		if len(all) > 0 && (err3 != nil || quick.Width != all[0].Width || quick.Height != all[0].Height) {
			t.Errorf("fast: %v, %d × %d", err3, quick.Width, quick.Height)
		}
	})
}

// FuzzJPEG: what image/jpeg decodes is decoded, to the same size.
func FuzzJPEG(f *testing.F) {
	for _, m := range []image.Image{pattern(40, 30), image.NewGray(image.Rect(0, 0, 9, 17)), pattern(17, 1)} {
		f.Add(jpegOf(f, m, 75))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if picture.Sniff(data) != picture.JPEG {
			return
		}
		config, err := jpeg.DecodeConfig(bytes.NewReader(data))
		if err != nil || config.Width*config.Height > 1<<14 {
			return
		}
		want, err := jpeg.Decode(bytes.NewReader(data))
		if err != nil {
			return
		}
		got, err := picture.Decode(t.Context(), data, small)
		if err != nil {
			t.Fatalf("image/jpeg decodes it: %v", err)
		}
		if got.Bounds() != want.Bounds() {
			t.Fatalf("%v, want %v", got.Bounds(), want.Bounds())
		}
	})
}

// FuzzJPEGPixels: pixels of any kind have the brightness that image/jpeg gives
// them, but for rounding.
func FuzzJPEGPixels(f *testing.F) {
	f.Add([]byte{0, 255, 3}, uint8(40), uint8(30), uint8(90), true)
	f.Add([]byte("grey"), uint8(9), uint8(17), uint8(1), false)
	f.Fuzz(func(t *testing.T, pixels []byte, width, height, quality uint8, colour bool) {
		if width == 0 || height == 0 || len(pixels) == 0 {
			return
		}
		bounds := image.Rect(0, 0, int(width), int(height))
		m := image.NewNRGBA(bounds)
		for i := range m.Pix {
			m.Pix[i] = pixels[i%len(pixels)] + byte(i/len(pixels))
		}
		var original image.Image = m
		if !colour {
			original = &image.Gray{Pix: m.Pix, Stride: int(width), Rect: bounds}
		}
		data := jpegOf(t, original, int(quality%100)+1)
		want, err := jpeg.Decode(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		got, err := picture.Decode(t.Context(), data, small)
		if err != nil {
			t.Fatal(err)
		}
		if d := apart(got.Image, want); d > 1 {
			t.Errorf("a pixel differs by %d", d)
		}
	})
}

func jpegOf(t testing.TB, m image.Image, quality int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: quality}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// apart is how far the brightness of two images is apart where most.
func apart(a, b image.Image) (most int) {
	for y := range a.Bounds().Dy() {
		for x := range a.Bounds().Dx() {
			d := int(light(a, x, y)) - int(light(b, x, y))
			most = max(most, d, -d)
		}
	}
	return most
}

func light(m image.Image, x, y int) byte {
	switch m := m.(type) {
	case *image.YCbCr:
		return m.Y[m.YOffset(x, y)]
	case *image.Gray:
		return m.Pix[m.PixOffset(x, y)]
	}
	c, _ := color.GrayModel.Convert(m.At(x, y)).(color.Gray)
	return c.Y
}
