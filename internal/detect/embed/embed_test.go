package embed

import (
	"bufio"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// models is the folder that BREAKWATER_MODELS names, or where `make models` puts
// them.
func models() string {
	if dir := os.Getenv("BREAKWATER_MODELS"); dir != "" {
		return dir
	}
	return "../../../.cache/models"
}

// encoder is read once for all tests.
var encoder = sync.OnceValues(func() (*Encoder, error) { return Open(filepath.Join(models(), Folder)) })

// open is the encoder, if its weights are there.
func open(tb testing.TB) *Encoder {
	tb.Helper()
	if _, err := os.Stat(filepath.Join(models(), Folder)); err != nil {
		tb.Skipf("the weights are not in %s: fetch them with `make models`", models())
	}
	e, err := encoder()
	if err != nil {
		tb.Fatal(err)
	}
	return e
}

// The pieces and the vectors are those of the package's own JavaScript, for
// texts of every kind.
func TestReference(t *testing.T) {
	e := open(t)
	f, err := os.Open("testdata/reference.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	n := 0
	for lines := bufio.NewScanner(f); lines.Scan(); n++ {
		var want struct {
			Text   string
			Tokens []int32
			Head   []float32 // the first of the vector
			Sum    float64   // of all, each times 1 + its place modulo 7
		}
		if err := json.Unmarshal(lines.Bytes(), &want); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want.Tokens, e.tokenizer.encode(want.Text, nil)); diff != "" {
			t.Errorf("%.30q: pieces (-want +got):\n%s", want.Text, diff)
		}
		var v Vector
		e.Embed(want.Text, &v)
		for i, h := range want.Head {
			if math.Abs(float64(v[i]-h)) > 2e-5 {
				t.Errorf("%.30q: number %d is %v, want %v", want.Text, i, v[i], h)
			}
		}
		sum := 0.0
		for i, x := range v {
			sum += float64(x) * float64(i%7+1)
		}
		if math.Abs(sum-want.Sum) > 1e-3 {
			t.Errorf("%.30q: sum %v, want %v", want.Text, sum, want.Sum)
		}
	}
	if n < 10 {
		t.Errorf("%d references", n)
	}
}

// Whatever comes in has a vector of length 1, or none.
func TestAwkwardTexts(t *testing.T) {
	e := open(t)
	for _, text := range []string{"", " ", "\xff\xfe", "\x00", strings.Repeat("a", 1<<20), strings.Repeat("😀", 1000), "\u202e\u200b", strings.Repeat("word ", 1000)} {
		var v Vector
		e.Embed(text, &v)
		squares := 0.0
		for _, x := range v {
			squares += float64(x) * float64(x)
		}
		if math.Abs(squares-1) > 1e-5 && (text != "" || squares != 0) {
			t.Errorf("%.20q: length² %v", text, squares)
		}
	}
}

// A file that is not the one that was measured is refused.
func TestOpenRefuses(t *testing.T) {
	if _, err := Open(t.TempDir()); err == nil {
		t.Error("an empty folder is opened")
	}
	dir := t.TempDir()
	for name := range digests {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("[]"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "is not the file that it should be") {
		t.Errorf("other files: %v", err)
	}
}

// The kernel is the loop.
func TestDots(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{16, 32, 64, 256, 512, 1536} {
		x, rows := make([]float32, n), make([]float32, 4*n)
		for i := range x {
			x[i] = r.Float32() - .5
		}
		for i := range rows {
			rows[i] = r.Float32() - .5
		}
		var want, got [rowsAtOnce]float32
		dotsGo(x, rows, &want)
		dots(x, rows, &got)
		for i := range want {
			if math.Abs(float64(want[i]-got[i])) > 1e-4 {
				t.Errorf("%d: %v, want %v", n, got, want)
			}
		}
	}
}

func BenchmarkEmbed(b *testing.B) {
	e := open(b)
	for name, text := range map[string]string{
		"9 words": "See you at the pool tomorrow, bring the ball.", "90 words": strings.Repeat("See you at the pool tomorrow, bring the ball. ", 10),
	} {
		b.Run(name, func(b *testing.B) {
			var v Vector
			b.ReportAllocs()
			for b.Loop() {
				e.Embed(text, &v)
			}
			b.ReportMetric(float64(len(e.tokenizer.encode(text, nil))), "pieces")
		})
	}
}

func FuzzTokenizer(f *testing.F) {
	t, err := readVocabulary([]byte(`[["�",0],["<s>",0],["</s>",0],["x",0],["y",0],["z",0],["▁",-3],["a",-2],["ab",-2.5],["▁ab",-4],["b",-3],["\u00e9",-5]]`))
	if err != nil {
		f.Fatal(err)
	}
	f.Add("abba é ab")
	f.Fuzz(func(tt *testing.T, text string) {
		ids := t.encode(text, nil)
		for i, id := range ids {
			if id < 0 || id > 11 || id > 0 && id < reserved || i > 0 && id == 0 && ids[i-1] == 0 {
				tt.Fatalf("%q: %v", text, ids)
			}
		}
	})
}
