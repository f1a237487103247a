package jpeg

import (
	"bytes"
	"errors"
	"image"
	stdjpeg "image/jpeg"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// unlimited admits everything.
type unlimited struct{}

func (unlimited) Admit(int, int) error { return nil }
func (unlimited) Proceed() error       { return nil }

// vectors are JPEG files made by others, by name.
func vectors(t testing.TB) map[string][]byte {
	t.Helper()
	folder := os.Getenv("BREAKWATER_VECTORS")
	if folder == "" {
		folder = filepath.Join("..", "..", "..", "..", "shared", "vectors")
	}
	names, err := filepath.Glob(filepath.Join(folder, "pdq", "images", "*.jpg"))
	if err != nil {
		t.Fatal(err)
	}
	if len(names) == 0 {
		t.Skipf("no vectors in %s: set BREAKWATER_VECTORS", folder)
	}
	files := map[string][]byte{}
	for _, name := range names {
		file, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = file
	}
	return files
}

// The brightness is that of libjpeg, bit for bit, also of a progressive copy
// and of one with restarts.
func TestLikeLibjpeg(t *testing.T) {
	for _, tool := range []string{"djpeg", "jpegtran"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("no %s, of libjpeg-turbo, to compare with", tool)
		}
	}
	run := func(in []byte, name string, args ...string) []byte {
		cmd := exec.CommandContext(t.Context(), name, args...)
		cmd.Stdin = bytes.NewReader(in)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return out
	}
	d := new(Decoder)
	for name, file := range vectors(t) {
		for kind, args := range map[string][]string{"baseline": {}, "progressive": {"-progressive"}, "restarts": {"-restart", "3B"}} {
			copied := run(file, "jpegtran", args...)
			want := run(copied, "djpeg", "-grayscale", "-pnm")
			m, size, err := d.Decode(copied, unlimited{}, false)
			if err != nil {
				t.Errorf("%s %s: %v", filepath.Base(name), kind, err)
				continue
			}
			want = want[len(want)-size.X*size.Y:]
			wrong := 0
			for y := range size.Y {
				for x := range size.X {
					if luma(m, x, y) != want[y*size.X+x] {
						wrong++
					}
				}
			}
			if wrong > 0 {
				t.Errorf("%s %s: %d pixels differ of %v", filepath.Base(name), kind, wrong, size)
			}
		}
	}
}

// Colours that lie oddly are left out, and the brightness is that of libjpeg.
func TestOddColours(t *testing.T) {
	for _, tool := range []string{"djpeg", "cjpeg"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("no %s, of libjpeg-turbo, to compare with", tool)
		}
	}
	pixels := []byte("P6 61 47 255\n")
	for i := range 61 * 47 * 3 {
		pixels = append(pixels, byte(i*i/90))
	}
	for _, sample := range []string{"2x2,2x1,1x2", "1x2,1x1,1x2", "3x1,1x1,1x1", "2x2,1x1,2x2"} {
		var files [2][]byte
		in := pixels
		for i, args := range [][]string{{"cjpeg", "-sample", sample}, {"djpeg", "-grayscale", "-pnm"}} {
			cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
			cmd.Stdin = bytes.NewReader(in)
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("%s: %v", sample, err)
			}
			files[i], in = out, out
		}
		m, size, err := new(Decoder).Decode(files[0], unlimited{}, false)
		if err != nil || size != image.Pt(61, 47) || m.Bounds().Size() != size {
			t.Fatalf("%s: %v, %v", sample, size, err)
		}
		want := files[1][len(files[1])-61*47:]
		for i, v := range want {
			if got := luma(m, i%61, i/61); got != v {
				t.Fatalf("%s: pixel %d is %d, want %d", sample, i, got, v)
			}
		}
	}
}

func luma(m image.Image, x, y int) byte {
	switch m := m.(type) {
	case *image.YCbCr:
		return m.Y[m.YOffset(x, y)]
	case *image.Gray:
		return m.Pix[m.PixOffset(x, y)]
	}
	panic("neither")
}

func TestMeans(t *testing.T) {
	d := new(Decoder)
	for name, file := range vectors(t) {
		exact, err := stdjpeg.Decode(bytes.NewReader(file))
		if err != nil {
			t.Fatal(err)
		}
		m, size, err := d.Decode(file, unlimited{}, true)
		if errors.Is(err, ErrUnsupported) {
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !d.fast {
			continue
		}
		scale := d.scale
		sum, most := 0, 0
		for y := range m.Bounds().Dy() {
			for x := range m.Bounds().Dx() {
				want := 0
				for i := range scale * scale {
					want += int(luma(exact, x*scale+i%scale, y*scale+i/scale))
				}
				off := int(luma(m, x, y)) - (want+scale*scale/2)/(scale*scale)
				off = max(off, -off)
				sum += off
				most = max(most, off)
			}
		}
		t.Logf("%s: %v at 1/%d, off by %.3f in the mean, by %d at most", filepath.Base(name), size, scale, float64(sum)/float64(len(m.(*image.Gray).Pix)), most)
	}
}

func BenchmarkDecode(b *testing.B) {
	for name, file := range vectors(b) {
		if filepath.Base(name) != "bridge-mods__aaa-orig.jpg" {
			continue
		}
		for kind, fast := range map[string]bool{"whole": false, "fast": true} {
			b.Run(kind, func(b *testing.B) {
				d := new(Decoder)
				b.SetBytes(int64(len(file)))
				b.ReportAllocs()
				for b.Loop() {
					if _, _, err := d.Decode(file, unlimited{}, fast); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		b.Run("image/jpeg", func(b *testing.B) {
			b.SetBytes(int64(len(file)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := stdjpeg.Decode(bytes.NewReader(file)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
