package picture_test

import (
	"encoding/csv"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/breakwater-project/breakwater/pdq"
	"github.com/breakwater-project/breakwater/picture"
)

// vector is an image of others and its hash by the reference.
type vector struct {
	name          string
	data          []byte
	width, height int
	hash          pdq.Hash
	quality       int
}

func vectors(t testing.TB) (all []vector) {
	t.Helper()
	folder := os.Getenv("BREAKWATER_VECTORS")
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
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	number := func(s string) int {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	for _, row := range rows[1:] {
		v := vector{name: row[0], width: number(row[1]), height: number(row[2]), quality: number(row[4])}
		if v.data, err = os.ReadFile(filepath.Join(folder, "images", row[0])); err != nil {
			t.Fatal(err)
		}
		if v.hash, err = pdq.Parse(row[3]); err != nil {
			t.Fatal(err)
		}
		all = append(all, v)
	}
	return all
}

// From the same bytes, hash and quality are those of the reference.
func TestVectorsExact(t *testing.T) {
	hasher := new(picture.Hasher)
	exact := 0
	all := vectors(t)
	for _, v := range all {
		got, err := hasher.Hash(t.Context(), v.data)
		if err != nil {
			t.Fatalf("%s: %v", v.name, err)
		}
		if got.Width != v.width || got.Height != v.height {
			t.Errorf("%s: %d × %d, want %d × %d", v.name, got.Width, got.Height, v.width, v.height)
		}
		if d := got.Hash.Distance(v.hash); d != 0 || got.Quality != v.quality {
			t.Errorf("%s: distance %d, quality %d; the reference has %d", v.name, d, got.Quality, v.quality)
			continue
		}
		exact++
	}
	t.Logf("%d of %d exact", exact, len(all))
}

// Fast hashes stay within the distance that the reference allows.
func TestVectorsFast(t *testing.T) {
	hasher := &picture.Hasher{Fast: true}
	distances := map[int]int{}
	for _, v := range vectors(t) {
		got, err := hasher.Hash(t.Context(), v.data)
		if err != nil {
			t.Fatalf("%s: %v", v.name, err)
		}
		if got.Width != v.width || got.Height != v.height {
			t.Errorf("%s: %d × %d, want %d × %d", v.name, got.Width, got.Height, v.width, v.height)
		}
		d := got.Hash.Distance(v.hash)
		t.Logf("%s: distance %d, quality %d of %d", v.name, d, got.Quality, v.quality)
		distances[d]++
		if d > 10 && v.quality >= 80 {
			t.Errorf("%s: too far", v.name)
		}
	}
	t.Logf("images by distance: %v", distances)
}

// A Hasher that has seen a JPEG file as large takes no more memory.
func TestAllocations(t *testing.T) {
	for _, fast := range []bool{false, true} {
		hasher := &picture.Hasher{Fast: fast}
		for _, v := range vectors(t)[:6] {
			if n := testing.AllocsPerRun(3, func() {
				if _, err := hasher.Hash(t.Context(), v.data); err != nil {
					t.Error(err)
				}
			}); n != 0 {
				t.Errorf("%s, fast %t: %v allocations", v.name, fast, n)
			}
		}
	}
}

func BenchmarkHasher(b *testing.B) {
	for _, v := range vectors(b) {
		if v.name != "bridge-mods__aaa-orig.jpg" && v.name != "reg-test-input__exif-rotn__exif-rotn-1.jpg" {
			continue
		}
		for _, fast := range []bool{false, true} {
			name := strconv.Itoa(v.width) + "x" + strconv.Itoa(v.height)
			if fast {
				name += "/fast"
			}
			b.Run(name, func(b *testing.B) {
				hasher := &picture.Hasher{Fast: fast}
				b.ReportAllocs()
				for b.Loop() {
					if _, err := hasher.Hash(b.Context(), v.data); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "img/s")
			})
		}
	}
}
