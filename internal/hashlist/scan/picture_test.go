package scan

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	xdraw "golang.org/x/image/draw"

	"github.com/breakwater-project/breakwater/hamming"
	"github.com/breakwater-project/breakwater/picture"
)

// draw makes a picture of a seed: clouds, coarse and fine, with discs before
// them.
func draw(seed uint64, size int) *image.RGBA {
	r := rand.New(rand.NewPCG(seed, 1))
	m := image.NewRGBA(image.Rect(0, 0, size, size*3/4))
	for cells := 4; cells <= 32; cells *= 2 {
		cloud := image.NewNRGBA(image.Rect(0, 0, cells, cells*3/4))
		for i := range cloud.Pix {
			cloud.Pix[i] = uint8(r.IntN(256))
			if i%4 == 3 {
				cloud.Pix[i] = 255 / uint8(cells/4)
			}
		}
		xdraw.ApproxBiLinear.Scale(m, m.Rect, cloud, cloud.Rect, xdraw.Over, nil)
	}
	for range 6 {
		c := color.RGBA{uint8(r.IntN(256)), uint8(r.IntN(256)), uint8(r.IntN(256)), 255}
		x, y, radius := r.IntN(size), r.IntN(m.Rect.Dy()), size/20+r.IntN(size/8)
		for dy := -radius; dy <= radius; dy++ {
			for dx := -radius; dx <= radius; dx++ {
				if dx*dx+dy*dy < radius*radius && image.Pt(x+dx, y+dy).In(m.Rect) {
					m.SetRGBA(x+dx, y+dy, c)
				}
			}
		}
	}
	return m
}

func pngOf(t testing.TB, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func jpegOf(t testing.TB, m image.Image, quality int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: quality}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func codeOf(t testing.TB, data []byte) hamming.Code {
	t.Helper()
	h, err := picture.Hash(t.Context(), data, picture.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	c, err := hamming.Parse(h.Hash.String())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// edits are what is done to a picture before it is shared again.
var edits = []struct {
	name string
	edit func(testing.TB, *image.RGBA) []byte
}{
	{"smaller", func(t testing.TB, m *image.RGBA) []byte {
		return jpegOf(t, resized(m, m.Rect.Dx()*6/10, m.Rect.Dy()*6/10), 90)
	}},
	{"larger", func(t testing.TB, m *image.RGBA) []byte {
		return jpegOf(t, resized(m, m.Rect.Dx()*3/2, m.Rect.Dy()*3/2), 90)
	}},
	{"stretched", func(t testing.TB, m *image.RGBA) []byte { return jpegOf(t, resized(m, m.Rect.Dx(), m.Rect.Dx()), 90) }},
	{"quality 75", func(t testing.TB, m *image.RGBA) []byte { return jpegOf(t, m, 75) }},
	{"quality 30", func(t testing.TB, m *image.RGBA) []byte { return jpegOf(t, m, 30) }},
	{"cropped", func(t testing.TB, m *image.RGBA) []byte {
		return jpegOf(t, m.SubImage(image.Rect(m.Rect.Dx()/200, m.Rect.Dy()/200, m.Rect.Dx()*199/200, m.Rect.Dy()*199/200)), 85)
	}},
	{"mirrored", func(t testing.TB, m *image.RGBA) []byte {
		return jpegOf(t, turned(m, func(x, y int) (int, int) { return m.Rect.Dx() - 1 - x, y }, false), 85)
	}},
	{"upside down", func(t testing.TB, m *image.RGBA) []byte {
		return pngOf(t, turned(m, func(x, y int) (int, int) { return m.Rect.Dx() - 1 - x, m.Rect.Dy() - 1 - y }, false))
	}},
	{"turned", func(t testing.TB, m *image.RGBA) []byte {
		return jpegOf(t, turned(m, func(x, y int) (int, int) { return y, m.Rect.Dy() - 1 - x }, true), 90)
	}},
}

func resized(m image.Image, width, height int) *image.RGBA {
	to := image.NewRGBA(image.Rect(0, 0, width, height))
	xdraw.BiLinear.Scale(to, to.Rect, m, m.Bounds(), xdraw.Src, nil)
	return to
}

func turned(m *image.RGBA, from func(x, y int) (int, int), aside bool) *image.RGBA {
	r := m.Rect
	if aside {
		r = image.Rect(0, 0, r.Dy(), r.Dx())
	}
	to := image.NewRGBA(r)
	for y := range r.Dy() {
		for x := range r.Dx() {
			fx, fy := from(x, y)
			to.SetRGBA(x, y, m.RGBAAt(fx, fy))
		}
	}
	return to
}

// TestPlantedEdits scans a folder, a tar and a zip of thousands of pictures,
// among which are edits of known ones, and finds these and no others.
func TestPlantedEdits(t *testing.T) {
	others, each := 2500, 6
	if testing.Short() {
		others, each = 200, 1
	}
	folder := t.TempDir()
	known := &list{near: map[string]hamming.Code{}}
	want := map[string]string{} // entry by name of the file
	var files []file
	for i := range others {
		files = append(files, file{fmt.Sprintf("%05d.jpg", i), jpegOf(t, draw(uint64(i), 48), 85)})
	}
	for i, e := range edits {
		for j := range each {
			seed := uint64(1_000_000 + i*1000 + j)
			original := draw(seed, 512)
			entry := fmt.Sprint(seed)
			known.near[entry] = codeOf(t, jpegOf(t, original, 95))
			name := fmt.Sprintf("%05d-%s", (i*each+j)*others/len(edits)/each, strings.ReplaceAll(e.name, " ", "-"))
			want[name] = entry
			files = append(files, file{name, e.edit(t, original)})
		}
	}
	for i, f := range files {
		if i%3 == 0 {
			write(t, filepath.Join(folder, "loose"), map[string][]byte{f.name: f.data})
		}
	}
	var inTar, inZip []file
	for i, f := range files {
		switch i % 3 {
		case 1:
			inTar = append(inTar, f)
		case 2:
			inZip = append(inZip, f)
		}
	}
	write(t, folder, map[string][]byte{"shard.tar": tarOf(t, inTar...), "pictures.zip": zipOf(t, inZip...)})

	lines := scanned(t, Scanner{Lists: known}, folder)
	if len(lines) != len(files) {
		t.Errorf("%d lines of %d pictures", len(lines), len(files))
	}
	found, wrong, furthest := 0, 0, map[string]int{}
	for _, l := range lines {
		name := l.Member
		if name == "" {
			name = filepath.Base(l.Path)
		}
		entry := want[name]
		switch {
		case entry == "" && len(l.Matches) > 0:
			wrong++
			t.Errorf("%s matches %s, which it is not of", name, l.Matches[0].Entry)
		case entry != "" && (len(l.Matches) == 0 || l.Matches[0].Entry != entry):
			t.Errorf("%s is not found: %v", name, l.Matches)
		case entry != "":
			found++
			_, edit, _ := strings.Cut(name, "-")
			furthest[edit] = max(furthest[edit], l.Matches[0].Distance)
		}
	}
	t.Logf("%d of %d planted edits found among %d pictures, %d others; furthest: %v", found, len(want), len(files), wrong, furthest)
}
