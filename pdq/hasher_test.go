package pdq_test

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"math"
	"testing"

	"github.com/breakwater-project/breakwater/pdq"
)

// plain hides the type of an image, so that its pixels are taken one by one.
type plain struct{ image.Image }

// images are one picture in every form that has a way of its own, with a part
// cut from each at an odd place.
func images(width, height int) []image.Image {
	bounds := image.Rect(-3, 7, width+2, height+8)
	var all []image.Image
	for _, m := range []draw.Image{
		image.NewNRGBA(bounds), image.NewRGBA(bounds), image.NewGray(bounds), image.NewRGBA64(bounds),
		image.NewNRGBA64(bounds), image.NewGray16(bounds), image.NewCMYK(bounds),
		image.NewPaletted(bounds, color.Palette{color.Black, color.White, color.NRGBA{200, 10, 90, 128}, color.Transparent}),
	} {
		draw.Draw(m, bounds, pattern(width+5, height+1), image.Point{}, draw.Src)
		part, ok := m.(interface {
			SubImage(image.Rectangle) image.Image
		})
		if ok {
			all = append(all, part.SubImage(image.Rect(-1, 8, width-1, height+8)))
		}
	}
	return all
}

// What is taken by the row is what is taken pixel by pixel.
func TestFormsAgree(t *testing.T) {
	for _, m := range images(131, 77) {
		if m.Bounds().Dx() != 131 || m.Bounds().Dy() != 77 {
			t.Fatalf("%T: %v", m, m.Bounds())
		}
		if a, b := pdq.FromImage(m), pdq.FromImage(plain{m}); a != b || a.Quality == 0 {
			t.Errorf("%T: %s by the row, %s pixel by pixel, quality %d", m, a.Hash, b.Hash, a.Quality)
		}
	}
}

// Transparency changes nothing of the colours beneath it.
func TestTransparency(t *testing.T) {
	m := pattern(200, 100)
	want := pdq.FromImage(m)
	for i := 3; i < len(m.Pix); i += 4 {
		m.Pix[i] = byte(i)
	}
	if got := pdq.FromImage(m); got != want {
		t.Errorf("%s, want %s", got.Hash, want.Hash)
	}
}

// Colours drawn as JPEG files have them hash as they do at full resolution,
// but for rounding.
func TestSubsampled(t *testing.T) {
	for _, ratio := range []image.YCbCrSubsampleRatio{
		image.YCbCrSubsampleRatio444, image.YCbCrSubsampleRatio422, image.YCbCrSubsampleRatio420,
		image.YCbCrSubsampleRatio440, image.YCbCrSubsampleRatio411, image.YCbCrSubsampleRatio410,
	} {
		for _, corner := range []image.Point{{}, {3, 1}, {-4, -6}} {
			m := image.NewYCbCr(image.Rect(0, 0, 153, 91).Add(corner), ratio)
			grey := image.NewGray(m.Rect)
			for y := m.Rect.Min.Y; y < m.Rect.Max.Y; y++ {
				for x := m.Rect.Min.X; x < m.Rect.Max.X; x++ {
					light := uint8(60 + (x*x/23+y*3)%120)
					m.Y[m.YOffset(x, y)] = light
					m.Cb[m.COffset(x, y)], m.Cr[m.COffset(x, y)] = 110, 140
					grey.SetGray(x, y, color.Gray{Y: light})
				}
			}
			if d := pdq.FromImage(m).Hash.Distance(pdq.FromImage(grey).Hash); d > 8 {
				t.Errorf("%v at %v: %d bits from grey", ratio, corner, d)
			}
		}
	}
}

func TestLuma(t *testing.T) {
	m := image.NewGray(image.Rect(0, 0, 90, 70))
	luma := make([]float32, len(m.Pix))
	for i := range m.Pix {
		m.Pix[i] = byte(i * i / 50)
		v := float32(m.Pix[i])
		luma[i] = float32(0.299*v) + float32(0.587*v) + float32(0.114*v)
	}
	got, err := pdq.FromLuma(luma, 90, 70)
	if want := pdq.FromImage(m); err != nil || got != want {
		t.Errorf("%s, %v; want %s", got.Hash, err, want.Hash)
	}
	for _, size := range [][2]int{{89, 70}, {-90, -70}, {0, 70}, {math.MaxInt, math.MaxInt}, {math.MaxInt, 2}} {
		if _, err := pdq.FromLuma(luma, size[0], size[1]); err == nil {
			t.Errorf("%v passes", size)
		}
	}
	for _, bad := range []float32{-1, 256, float32(math.NaN()), float32(math.Inf(1))} {
		luma[77] = bad
		if _, err := pdq.FromLuma(luma, 90, 70); err == nil {
			t.Errorf("%v passes", bad)
		}
	}
	if f, err := pdq.FromLuma(nil, 0, 0); err != nil || f != (pdq.Fingerprint{}) {
		t.Errorf("nothing: %s, %v", f.Hash, err)
	}
}

func TestRGB(t *testing.T) {
	m := pattern(90, 70)
	var pix []byte
	for i := 0; i < len(m.Pix); i += 4 {
		pix = append(pix, m.Pix[i:i+3]...)
	}
	hasher := &pdq.Hasher{}
	got, err := hasher.FromRGB(pix, 90, 70)
	if want := pdq.FromImage(m); err != nil || got != want {
		t.Errorf("%s, %v; want %s", got.Hash, err, want.Hash)
	}
	for _, size := range [][2]int{{89, 70}, {-90, -70}, {0, 70}, {math.MaxInt, math.MaxInt}, {math.MaxInt, 2}} {
		if _, err := hasher.FromRGB(pix, size[0], size[1]); err == nil {
			t.Errorf("%v passes", size)
		}
	}
}

// An image too small to hash, or of one colour, has nothing to see.
func TestDegenerate(t *testing.T) {
	for _, size := range []image.Point{{}, {1, 1}, {4, 4}, {4, 5}, {100000, 4}, {1, 100000}} {
		f := pdq.FromImage(image.NewGray(image.Rectangle{Max: size}))
		if f != (pdq.Fingerprint{}) || f.Dihedral() != [8]pdq.Hash{} {
			t.Errorf("%v: %s, quality %d", size, f.Hash, f.Quality)
		}
	}
	for _, size := range []image.Point{{5, 5}, {100000, 5}, {5, 100000}, {64, 64}, {600, 600}} {
		if f := pdq.FromImage(image.NewGray(image.Rectangle{Max: size})); f.Quality != 0 {
			t.Errorf("black, %v: quality %d", size, f.Quality)
		}
	}
	shrink := &pdq.Hasher{Shrink: true}
	for _, size := range []image.Point{{1, 100000}, {100000, 1}, {}, {1, 1}} {
		if f := shrink.FromImage(image.NewGray(image.Rectangle{Max: size})); f.Quality != 0 {
			t.Errorf("black, %v: quality %d", size, f.Quality)
		}
	}
}

// A Hasher that has seen an image as large takes no more memory.
func TestAllocations(t *testing.T) {
	for _, shrink := range []bool{false, true} {
		hasher := &pdq.Hasher{Shrink: shrink}
		for _, m := range []image.Image{pattern(600, 300), image.NewYCbCr(image.Rect(0, 0, 600, 300), image.YCbCrSubsampleRatio420)} {
			var f pdq.Fingerprint
			if n := testing.AllocsPerRun(10, func() { f = hasher.FromImage(m); f.Dihedral() }); n != 0 {
				t.Errorf("%T, shrink %t: %v allocations", m, shrink, n)
			}
		}
	}
}

// A size, a shape and bytes of any kind hash without failing, the same by the
// row and pixel by pixel, and whatever the Hasher hashed before.
func FuzzFromImage(f *testing.F) {
	f.Add(uint16(5), uint16(5), uint8(0), false, []byte{1, 2, 3})
	f.Add(uint16(64), uint16(64), uint8(1), true, []byte("luma"))
	f.Add(uint16(999), uint16(7), uint8(2), true, []byte{0, 255})
	f.Add(uint16(1), uint16(600), uint8(3), true, []byte{9})
	f.Add(uint16(130), uint16(129), uint8(4), false, []byte{})
	f.Add(uint16(64), uint16(64), uint8(99), false, []byte("0")) // grey that repeats: every rounding shows
	hasher := [2]*pdq.Hasher{{}, {Shrink: true}}
	f.Fuzz(func(t *testing.T, width, height uint16, kind uint8, shrink bool, data []byte) {
		w := int(width) % 1024
		h := int(height) % min(1024, 20000/(w+1)) // long or broad, but never both: quick
		bounds := image.Rect(0, 0, w, h).Add(image.Pt(int(kind/8), int(kind/16)))
		ycbcr := image.NewYCbCr(bounds, image.YCbCrSubsampleRatio(kind%6))
		nrgba, rgba, gray := image.NewNRGBA(bounds), image.NewRGBA(bounds), image.NewGray(bounds)
		m := [...]image.Image{ycbcr, nrgba, rgba, gray}[kind%4]
		for _, pix := range [][]byte{ycbcr.Y, ycbcr.Cb, ycbcr.Cr, nrgba.Pix, rgba.Pix, gray.Pix} {
			for i := range pix {
				if len(data) > 0 {
					pix[i] = data[i%len(data)] + byte(i>>8)
				}
			}
		}
		reused, fresh := hasher[0], &pdq.Hasher{Shrink: shrink}
		if shrink {
			reused = hasher[1]
		}
		got := fresh.FromImage(m)
		if again := reused.FromImage(m); again != got {
			t.Errorf("%T %v: %s, and %s in memory used before", m, bounds, got.Hash, again.Hash)
		}
		if one := fresh.FromImage(plain{m}); kind%4 != 0 && one != got { // colour differences are drawn as libjpeg does
			t.Errorf("%T %v: %s by the row, %s pixel by pixel", m, bounds, got.Hash, one.Hash)
		}
		if got.Quality < 0 || got.Quality > 100 {
			t.Errorf("quality %d", got.Quality)
		}
	})
}

func ExampleHasher() {
	hasher := new(pdq.Hasher)
	a := hasher.FromImage(pattern(640, 480))
	b := hasher.FromImage(pattern(641, 481))
	fmt.Println(a.Quality, a.Hash.Distance(b.Hash) <= 31)
	// Output: 100 true
}

func BenchmarkHasher(b *testing.B) {
	for _, test := range []struct {
		name   string
		hasher pdq.Hasher
		image  image.Image
	}{
		{"4032x3024", pdq.Hasher{}, pattern(4032, 3024)},
		{"1600x1004", pdq.Hasher{}, pattern(1600, 1004)},
		{"1600x1004/ycbcr", pdq.Hasher{}, image.NewYCbCr(image.Rect(0, 0, 1600, 1004), image.YCbCrSubsampleRatio420)},
		{"1600x1004/shrink", pdq.Hasher{Shrink: true}, pattern(1600, 1004)},
		{"512x512", pdq.Hasher{}, pattern(512, 512)},
		{"256x256", pdq.Hasher{}, pattern(256, 256)},
		{"64x64", pdq.Hasher{}, pattern(64, 64)},
	} {
		b.Run(test.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				test.hasher.FromImage(test.image)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "img/s")
		})
	}
}

func BenchmarkDistance(b *testing.B) {
	x, y := pdq.Hash{1}, pdq.Hash{2}
	sum := 0
	for b.Loop() {
		sum += x.Distance(y)
	}
	if sum == 0 {
		b.Fatal(sum)
	}
}
