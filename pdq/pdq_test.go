package pdq_test

import (
	"encoding/csv"
	"errors"
	"fmt"
	"image"
	"image/color"
	_ "image/jpeg"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/breakwater-project/breakwater/pdq"
)

// pattern is the image that the C++ reference was given for the hashes quoted
// here.
func pattern(width, height int) *image.NRGBA {
	m := image.NewNRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			m.SetNRGBA(x, y, color.NRGBA{uint8(x*x/97 + y), uint8(x * y / 89), uint8(y*y/101 + 3*x), 255})
		}
	}
	return m
}

func TestReference(t *testing.T) {
	hasher := new(pdq.Hasher) // one for all: nothing of one image is left for the next
	for _, test := range []struct {
		width, height int
		hash          string
		quality       int
	}{
		{1600, 1004, "2bf800562ff80f5eaff8bffeadf8fffefde03800bff8d800ffe8500054000000", 100},
		{5, 5, "3e0f69d861d89e273b4e63ca9b26695ac6f199366c9b93a491a43c8f348dc3e0", 0},
		{64, 64, "016d0b7109611fe177901b575f03fe851927f407f0824c1d801785df06eff7df", 0},
		{65, 63, "036d0b710b615de537905fd71b43fe852b03f017e482441d001721df046fffff", 0},
		{129, 300, "9570a9c95a3e94696d5792a86d43da5424a1d96a36d3c927b648c9b5b24bdd96", 100},
		{512, 512, "4b6d924966c9cd9999993333e6338c7338e2f1c6878e381ff1fc820017f8ff80", 100},
		{517, 259, "5b69b64966ca8cda18aa3556ea9594a52b6d74c9e199063378e3738ee0fe83e0", 100},
		{640, 481, "64c9cd99999b333367338c731c6370e7e3c7c7060e0ef03e81fc1d001ff8ff00", 100},
		{5, 2000, "9e27318c3c0f94a594a59e2761d8c6f1ca733c8d69d89e27394a5c1791e47c1f", 100},
		{2000, 5, "e8b9ae2d17465957ca985addc89885023567a628e8b9ae0d174659d7ca985afd", 100},
	} {
		got := hasher.FromImage(pattern(test.width, test.height))
		if got.Hash.String() != test.hash || got.Quality != test.quality {
			t.Errorf("%d × %d: %s, quality %d; the reference has %s, %d", test.width, test.height, got.Hash, got.Quality, test.hash, test.quality)
		}
	}
}

func TestDihedral(t *testing.T) {
	f := pdq.FromImage(pattern(129, 300))
	var got []string
	for _, h := range f.Dihedral() {
		got = append(got, h.String())
	}
	want := []string{ // by the reference
		"9570a9c95a3e94696d5792a86d43da5424a1d96a36d3c927b648c9b5b24bdd96",
		"d55fd4aa4aaa4a946b556556252a35aa6da52495b4d456da764ad6ea2a73a549",
		"c02503630feb3ec338823806381e70fe71f473c06386738de31d731fe71e773c",
		"800a7e001fffe03e3e00cffc707f9f0019f08e3fe181fc70231f7c407f260fe3",
		"957056365a3e6b966dd76d576d4b25ab24a1269536d336d8b648364ab24b2269",
		"c025fc9c0febc13c3882c7fd381e8f8171f48c3f63869c72e31d9ce0e71e88c3",
		"d55f2b554aaab56b6b559aa9252aca5544a5db6ab4d4a925744a29152a735ab6",
		"800a81ff1fff1fd53e003003707f60ff39f071c0e181038f231f87bf7f26f01c",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-reference +got):\n%s", diff)
	}
}

// The eight hashes are near those of the image really turned.
func TestDihedralFindsTurned(t *testing.T) {
	const side = 301
	m := pattern(side, side)
	f := pdq.FromImage(m)
	const end = side - 1
	for i, from := range [8]func(x, y int) (int, int){
		func(x, y int) (int, int) { return x, y },
		func(x, y int) (int, int) { return end - y, x },
		func(x, y int) (int, int) { return end - x, end - y },
		func(x, y int) (int, int) { return y, end - x },
		func(x, y int) (int, int) { return x, end - y },
		func(x, y int) (int, int) { return end - x, y },
		func(x, y int) (int, int) { return y, x },
		func(x, y int) (int, int) { return end - y, end - x },
	} {
		turned := image.NewNRGBA(m.Rect)
		for y := range side {
			for x := range side {
				turned.SetNRGBA(x, y, m.NRGBAAt(from(x, y)))
			}
		}
		if d := pdq.FromImage(turned).Hash.Distance(f.Dihedral()[i]); d > 16 {
			t.Errorf("turn %d: distance %d", i, d)
		}
	}
}

// vectors are images of others with the hashes that the reference computed of
// their pixels as libjpeg decodes them.
func vectors(t *testing.T) (folder string, rows [][]string) {
	t.Helper()
	folder = os.Getenv("BREAKWATER_VECTORS")
	if folder == "" {
		folder = filepath.Join("..", "..", "shared", "vectors")
	}
	folder = filepath.Join(folder, "pdq")
	file, err := os.Open(filepath.Join(folder, "reference.csv"))
	if errors.Is(err, fs.ErrNotExist) {
		t.Skipf("no vectors in %s: set BREAKWATER_VECTORS", folder)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	rows, err = csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(folder, "images"), rows[1:]
}

// compare gives the distances of an image's two hashes from those of a row.
func compare(t *testing.T, row []string, m image.Image) (full, shrunk, quality int) {
	t.Helper()
	distance := func(h *pdq.Hasher, column int) (int, int) {
		want, err := pdq.Parse(row[column])
		if err != nil {
			t.Fatal(err)
		}
		wantQuality, err := strconv.Atoi(row[column+1])
		if err != nil {
			t.Fatal(err)
		}
		got := h.FromImage(m)
		return got.Hash.Distance(want), max(got.Quality-wantQuality, wantQuality-got.Quality)
	}
	full, quality = distance(&pdq.Hasher{}, 3)
	shrunk, other := distance(&pdq.Hasher{Shrink: true}, 5)
	return full, shrunk, max(quality, other)
}

// From the pixels that libjpeg decodes, every hash and quality is exact.
func TestVectorsExact(t *testing.T) {
	djpeg, err := exec.LookPath("djpeg")
	if err != nil {
		t.Skip("no djpeg, of libjpeg-turbo, to decode with")
	}
	folder, rows := vectors(t)
	for _, row := range rows {
		out, err := exec.CommandContext(t.Context(), djpeg, "-pnm", filepath.Join(folder, row[0])).Output()
		if err != nil {
			t.Fatal(err)
		}
		if full, shrunk, quality := compare(t, row, portable(t, out)); full+shrunk+quality != 0 {
			t.Errorf("%s: distance %d, shrunk %d, quality off by %d", row[0], full, shrunk, quality)
		}
	}
	t.Logf("%d images, both variants", len(rows))
}

// portable reads a binary PPM file.
func portable(t *testing.T, file []byte) image.Image {
	t.Helper()
	var format string
	var width, height, most int
	if _, err := fmt.Sscan(string(file[:min(len(file), 40)]), &format, &width, &height, &most); err != nil || format != "P6" || most != 255 {
		t.Fatalf("not a PPM of 8 bits: %s, %d (%v)", format, most, err)
	}
	rgb := file[len(file)-3*width*height:]
	m := image.NewNRGBA(image.Rect(0, 0, width, height))
	for i := range width * height {
		copy(m.Pix[4*i:], rgb[3*i:3*i+3])
	}
	return m
}

// From the pixels that image/jpeg decodes, hashes are near: it rounds
// otherwise than libjpeg. The reference allows 10 where the quality is 80.
func TestVectors(t *testing.T) {
	folder, rows := vectors(t)
	exact := 0
	for _, row := range rows {
		file, err := os.Open(filepath.Join(folder, row[0]))
		if err != nil {
			t.Fatal(err)
		}
		m, _, err := image.Decode(file)
		file.Close()
		if err != nil {
			t.Fatal(err)
		}
		full, shrunk, quality := compare(t, row, m)
		t.Logf("%s: distance %d, shrunk %d, quality off by %d", row[0], full, shrunk, quality)
		if full > 4 || shrunk > 4 || quality > 1 {
			t.Errorf("%s: too far", row[0])
		}
		if full == 0 {
			exact++
		}
	}
	t.Logf("%d of %d exact", exact, len(rows))
	if exact < 10 {
		t.Error("there were 10")
	}
}
