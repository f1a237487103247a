package vpdq_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/breakwater-project/breakwater/pdq"
	"github.com/breakwater-project/breakwater/vpdq"
)

const (
	hashA = "d8f8f0cee0f4a84f06370a22038f63f0b36e2ed596621e1d33e6b39c4e9c9b22"
	hashB = "adad38564a6b9ad2a2b3f9c7e0c1a1d5f5a5c3c39a9ab4b4f0e0d1c1b1a19181"
)

func hash(t testing.TB, s string) pdq.Hash {
	t.Helper()
	h, err := pdq.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestParse(t *testing.T) {
	want := []vpdq.Frame{
		{Hash: hash(t, hashA), Quality: 100, Time: 0, Number: 0},
		{Hash: hash(t, hashB), Quality: 49, Time: 100 * time.Second, Number: 1},
	}
	for name, text := range map[string]string{
		"signal":       `["` + hashA + `,100,0.0", "` + hashB + `,49,1e+02"]`,
		"signal, long": "\n[\"" + strings.ToUpper(hashA) + ",100,0\",\n\"" + hashB + ",49,100.00\"]\n",
		"lines":        "0,100," + hashA + ",0.000\n1,49," + hashB + ",100.000\n",
		"lines, CRLF":  "0,100," + hashA + ",0.000\r\n\r\n1,49," + hashB + ",1e2",
	} {
		got, err := vpdq.Parse([]byte(text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if got, err := vpdq.Parse([]byte(" [] ")); err != nil || len(got) != 0 {
		t.Errorf("a signal without frames: %v, %v", got, err)
	}
}

func TestParseRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":          "",
		"torn":             `["` + hashA + `,100,0.0"`,
		"object":           `[{"hash":"` + hashA + `"}]`,
		"two parts":        `["` + hashA + `,100"]`,
		"short hash":       `["` + hashA[2:] + `,100,0.0"]`,
		"quality":          `["` + hashA + `,101,0.0"]`,
		"negative quality": `["` + hashA + `,-1,0.0"]`,
		"fraction":         `["` + hashA + `,50.5,0.0"]`,
		"negative seconds": `["` + hashA + `,50,-0.1"]`,
		"no number":        `["` + hashA + `,50,NaN"]`,
		"infinite":         `["` + hashA + `,50,inf"]`,
		"aeons":            `["` + hashA + `,50,1e300"]`,
		"behind":           `["` + hashA + `,50,1"] x`,
		"three columns":    "0,100," + hashA,
		"no frame number":  "x,100," + hashA + ",0.0",
		"negative frame":   "-1,100," + hashA + ",0.0",
		"second line":      "0,100," + hashA + ",0.0\nhello",
	} {
		if got, err := vpdq.Parse([]byte(text)); err == nil {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// Seconds are written as Python 3 wrote these.
func TestSignal(t *testing.T) {
	for seconds, want := range map[float64]string{
		0: "0.0", 1: "1.0", 10: "10.0", 100: "1e+02", 100.4: "1e+02", 123: "1.23e+02", 999.6: "1e+03",
		1234.5: "1.23e+03", 0.033: "0.033", 0.0001: "0.0001", 0.00001234: "1.23e-05", 1.5: "1.5", 59.94: "59.9", 99.96: "1e+02",
	} {
		f := vpdq.Frame{Quality: 7, Time: time.Duration(seconds * float64(time.Second))}
		if got, want := vpdq.Signal([]vpdq.Frame{f}), `["`+f.Hash.String()+",7,"+want+`"]`; got != want && seconds > 0.0001 {
			t.Errorf("%v: %s, want %s", seconds, got, want)
		}
	}
	if got := vpdq.Signal(nil); got != "[]" {
		t.Error(got)
	}
}

func TestOverlap(t *testing.T) {
	frame := func(bits, quality int) vpdq.Frame {
		var h pdq.Hash
		for i := range bits {
			h[i/8] |= 1 << (i % 8)
		}
		return vpdq.Frame{Hash: h, Quality: quality}
	}
	rule := vpdq.DefaultRule()
	for name, test := range map[string]struct {
		query, known []vpdq.Frame
		want         vpdq.Overlap
		match        bool
	}{
		"the same":         {[]vpdq.Frame{frame(0, 100)}, []vpdq.Frame{frame(0, 50)}, vpdq.Overlap{Query: 100, Known: 100}, true},
		"at the distance":  {[]vpdq.Frame{frame(0, 100)}, []vpdq.Frame{frame(31, 100)}, vpdq.Overlap{Query: 100, Known: 100}, true},
		"beyond":           {[]vpdq.Frame{frame(0, 100)}, []vpdq.Frame{frame(32, 100)}, vpdq.Overlap{}, false},
		"poor":             {[]vpdq.Frame{frame(0, 49)}, []vpdq.Frame{frame(0, 100)}, vpdq.Overlap{}, false},
		"nothing":          {nil, nil, vpdq.Overlap{}, false},
		"a part of known":  {[]vpdq.Frame{frame(0, 90)}, []vpdq.Frame{frame(0, 90), frame(64, 90)}, vpdq.Overlap{Query: 100, Known: 50}, true},
		"known is a part":  {[]vpdq.Frame{frame(0, 90), frame(64, 90)}, []vpdq.Frame{frame(0, 90)}, vpdq.Overlap{Query: 50, Known: 100}, false},
		"a frame repeated": {[]vpdq.Frame{frame(0, 90), frame(0, 80), frame(0, 90), frame(64, 90)}, []vpdq.Frame{frame(0, 90)}, vpdq.Overlap{Query: 50, Known: 100}, false},
	} {
		got := rule.Overlap(test.query, test.known)
		if got != test.want || rule.Match(got) != test.match {
			t.Errorf("%s: %+v, match %t", name, got, rule.Match(got))
		}
	}
	inside := vpdq.Rule{Quality: 50, Distance: 31, Known: 80}
	if o := (vpdq.Overlap{Query: 1, Known: 90}); !inside.Match(o) || inside.Match(vpdq.Overlap{}) {
		t.Error("a known video inside a longer one")
	}
}

// FuzzParse: what is read is written and read again as it was.
func FuzzParse(f *testing.F) {
	f.Add([]byte(`["` + hashA + `,100,0.0", "` + hashB + `,49,1e+02"]`))
	f.Add([]byte("0,100," + hashA + ",0.000\n1,49," + hashB + ",100.000\n"))
	f.Add([]byte("[]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		frames, err := vpdq.Parse(text)
		if err != nil {
			return
		}
		if !json.Valid([]byte(vpdq.Signal(frames))) {
			t.Errorf("no JSON: %s", vpdq.Signal(frames))
		}
		forms := []string{vpdq.Signal(frames)}
		if len(frames) > 0 {
			forms = append(forms, vpdq.Lines(frames))
		}
		for _, form := range forms {
			again, err := vpdq.Parse([]byte(form))
			if err != nil || len(again) != len(frames) {
				t.Fatalf("%q: %v", form, err)
			}
			for i := range again {
				if again[i].Hash != frames[i].Hash || again[i].Quality != frames[i].Quality {
					t.Errorf("frame %d: %+v, was %+v", i, again[i], frames[i])
				}
			}
		}
	})
}

// vectors are videos of others and the lines of the reference for them.
func vectors(t testing.TB) (videos []string, lines map[string][]vpdq.Frame) {
	t.Helper()
	folder := os.Getenv("BREAKWATER_VECTORS")
	if folder == "" {
		folder = filepath.Join("..", "..", "shared", "vectors")
	}
	folder = filepath.Join(folder, "vpdq")
	if _, err := os.Stat(folder); errors.Is(err, fs.ErrNotExist) {
		t.Skipf("no vectors in %s: set BREAKWATER_VECTORS", folder)
	}
	videos, err := filepath.Glob(filepath.Join(folder, "*.mp4"))
	if err != nil || len(videos) == 0 {
		t.Fatalf("no videos in %s: %v", folder, err)
	}
	lines = map[string][]vpdq.Frame{}
	for _, v := range videos {
		text, err := os.ReadFile(strings.TrimSuffix(v, ".mp4") + ".txt")
		if err != nil {
			t.Fatal(err)
		}
		frames, err := vpdq.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := vpdq.Lines(frames); got != string(bytes.TrimSpace(text))+"\n" {
			t.Errorf("%s: not written as it was read", v)
		}
		lines[v] = frames
	}
	return videos, lines
}

// A video is found by itself, and by none of the others.
func TestVectorsOverlap(t *testing.T) {
	videos, lines := vectors(t)
	rule := vpdq.DefaultRule()
	for _, a := range videos {
		for _, b := range videos {
			got := rule.Overlap(lines[a], lines[b])
			if rule.Match(got) != (a == b) {
				t.Errorf("%s and %s: %+v", filepath.Base(a), filepath.Base(b), got)
			}
		}
	}
}
