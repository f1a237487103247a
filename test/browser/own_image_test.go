package browser

import (
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/breakwater-project/breakwater/pdq"
)

// TestOwnImagePage hashes a picture in the browser and looks at everything that
// the browser sends. The tests are in own-image.test.js.
func TestOwnImagePage(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a browser")
	}
	needs(t)
	built(t)
	m := boxes()
	t.Setenv("OWN_IMAGE_PHOTO", written(t, "photo.png", m))
	t.Setenv("OWN_IMAGE_PLAIN", written(t, "plain.png", image.NewNRGBA(image.Rect(0, 0, 64, 64))))
	hash := pdq.FromImage(m)
	t.Setenv("OWN_IMAGE_PDQ", hash.Hash.String())
	command(t, "node", "--test", "--test-reporter=spec", "own-image.test.js")
}

// written is where a picture is, as PNG.
func written(t *testing.T, name string, m image.Image) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := png.Encode(f, m); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// boxes is a picture of coloured boxes.
func boxes() image.Image {
	r := rand.New(rand.NewPCG(7, 7))
	m := image.NewNRGBA(image.Rect(0, 0, 640, 480))
	draw.Draw(m, m.Bounds(), image.NewUniform(color.White), image.Point{}, draw.Src)
	for range 80 {
		x, y := r.IntN(640), r.IntN(480)
		box := image.Rect(x, y, x+10+r.IntN(200), y+10+r.IntN(150))
		c := color.NRGBA{uint8(r.IntN(256)), uint8(r.IntN(256)), uint8(r.IntN(256)), 255}
		draw.Draw(m, box, image.NewUniform(c), image.Point{}, draw.Src)
	}
	return m
}
