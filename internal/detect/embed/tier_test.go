package embed

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/detect/detecttest"
	"github.com/breakwater-project/breakwater/internal/detect/text"
	"github.com/breakwater-project/breakwater/internal/detect/text/term"
)

// says is a first tier that scores every text alike.
type says map[text.Label]float64

func (says) Version() string                        { return "1" }
func (says) Threshold(text.Label) float64           { return 0.5 }
func (says) Signal(_ text.Label, p float64) float64 { return p / 2 }
func (s says) Score(ctx context.Context, _ string, into *text.Scores) error {
	*into = text.Scores{}
	for l, p := range s {
		into.Of[l] = p
	}
	return ctx.Err()
}

// eager are heads that find insults everywhere, and nothing of hate.
func eager() *Heads {
	h := new(Heads)
	h.Of[text.Insult] = Head{First: 0.5, Bias: 3}
	h.Of[text.Hate] = Head{First: 0.5, Bias: -9}
	return h
}

// The second tier is asked of English that the first does not take for
// harmless, and raises scores only.
func TestTiers(t *testing.T) {
	e := open(t)
	for name, tt := range map[string]struct {
		first    says
		text     string
		language string
		asked    bool
	}{
		"in doubt":       {says{text.Hate: .6, text.Insult: .1}, "see you at the pool", "", true},
		"sure of one":    {says{text.Hate: .99, text.Insult: .1}, "see you at the pool", "", true},
		"harmless":       {says{text.Hate: .04}, "see you at the pool", "", false},
		"said German":    {says{text.Hate: .6}, "see you at the pool", "de-AT", false},
		"said English":   {says{text.Hate: .6}, "Wir sehen uns morgen Mittag im Schwimmbad, und vergiss nicht, den Ball mitzubringen.", "en-GB", true},
		"surely German":  {says{text.Hate: .6}, "Wir sehen uns morgen Mittag im Schwimmbad, und vergiss nicht, den Ball mitzubringen.", "", false},
		"nothing but 😀😀": {says{text.Hate: .6, text.Insult: .1}, "😀😀", "", true},
	} {
		d := NewDetector(tt.first, e, eager())
		signals, err := d.Detect(t.Context(), &event.Event{Content: event.Content{Text: tt.text, Language: tt.language}})
		if err != nil || (len(signals) > 0) != tt.asked {
			t.Errorf("%s: %v %v", name, signals, err)
		}
		for _, s := range signals { // of hate the first tier has said all
			if s.Name != "text.insult" || s.Score > .5 {
				t.Errorf("%s: signal %v", name, s)
			}
		}
		var scores text.Scores
		if tt.language != "" {
			continue
		}
		if err := d.Score(t.Context(), tt.text, &scores); err != nil {
			t.Fatal(err)
		}
		if (scores.Of[text.Insult] > .8) != tt.asked || scores.Of[text.Hate] != tt.first[text.Hate] {
			t.Errorf("%s: insult %v, hate %v", name, scores.Of[text.Insult], scores.Of[text.Hate])
		}
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := NewDetector(says{}, e, eager()).Score(gone, "a", new(text.Scores)); err == nil {
		t.Error("nobody waits, and there is an answer")
	}
}

// Two models are no more certain than one, of whatever they are convinced, and
// say again nothing that the first has said.
func TestModelsAloneAreNeverCertain(t *testing.T) {
	banks, err := term.Load(fstest.MapFS{})
	if err != nil {
		t.Fatal(err)
	}
	first, err := text.New(banks)
	if err != nil {
		t.Fatal(err)
	}
	sure := new(Heads)
	for l := range sure.Of {
		sure.Of[l] = Head{First: 1, Bias: 20}
	}
	d := NewDetector(first, nil, sure)
	var scores text.Scores
	if err := first.Score(t.Context(), "see you at the pool", &scores); err != nil {
		t.Fatal(err)
	}
	scores.Of[text.Hate] = 1
	raised := d.raise(&scores, new(Vector))
	signals := d.signals(&scores, &raised)
	if len(signals) != text.LabelCount-1 {
		t.Errorf("%d signals", len(signals))
	}
	for _, s := range signals {
		most := .9
		switch s.Name {
		case "text.hate":
			t.Error("what the first is sure of is said again")
		case "text.grooming", "text.solicitation", "text.sexual_minors", "text.sextortion":
			most = .8
		}
		if s.Score >= most {
			t.Errorf("%s is %.2f by models alone", s.Name, s.Score)
		}
	}
}

// What a person in need says is believed less by the second tier too.
func TestRaisingIsTempered(t *testing.T) {
	h := new(Heads)
	h.Of[text.Violence] = Head{First: 1, Bias: 9}
	h.Of[text.SelfHarmDisclosure] = Head{First: 1, Bias: 9}
	h.Of[text.Threat] = Head{First: 1, Bias: 9}
	d := NewDetector(says{}, nil, h)
	scores := text.Scores{}
	scores.Of[text.Violence], scores.Of[text.SelfHarmDisclosure], scores.Of[text.Threat] = .3, .5, .3
	d.raise(&scores, new(Vector))
	if scores.Of[text.SelfHarmDisclosure] < .9 || scores.Of[text.Violence] > .5 || scores.Of[text.Threat] < .9 {
		t.Errorf("disclosure %.2f, violence %.2f, threat %.2f", scores.Of[text.SelfHarmDisclosure], scores.Of[text.Violence], scores.Of[text.Threat])
	}
}

func TestContract(t *testing.T) {
	e := open(t)
	heads, err := Shipped()
	if err != nil {
		t.Fatal(err)
	}
	detecttest.Run(t, NewDetector(says{text.Insult: .5}, e, heads), &event.Event{Content: event.Content{Text: "see you at the pool"}})
}

// Heads come out of a file as they went in, to the bits of a weight, and out of
// nothing else.
func TestHeads(t *testing.T) {
	if _, err := Shipped(); err != nil {
		t.Error(err)
	}
	h := eager()
	for i := range h.Of[text.Hate].Weights {
		h.Of[text.Hate].Weights[i] = float32(i%255 - 127)
	}
	h.Model = "83bea3cfcf2a"
	file := h.Bytes()
	again, err := ReadHeads(file)
	if err != nil || again.Of != h.Of || again.Model != h.Model || !bytes.Equal(again.Bytes(), file) {
		t.Errorf("read again: %v", err)
	}
	for i := range file {
		broken := bytes.Clone(file)
		broken[i] ^= 4
		if _, err := ReadHeads(broken); err == nil {
			t.Fatalf("byte %d changed, and nobody noticed", i)
		}
	}
	for _, bad := range [][]byte{nil, []byte(magic), file[:len(file)-1], append(bytes.Clone(file), 0)} {
		if _, err := ReadHeads(bad); err == nil {
			t.Errorf("%d bytes are heads", len(bad))
		}
	}
}

func FuzzHeads(f *testing.F) {
	f.Add(eager().Bytes())
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, file []byte) {
		if h, err := ReadHeads(file); err == nil {
			if _, err := ReadHeads(h.Bytes()); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// tgz is a package of the files.
func tgz(t *testing.T, files map[string]string) *bytes.Buffer {
	t.Helper()
	var b bytes.Buffer
	zipped := gzip.NewWriter(&b)
	archive := tar.NewWriter(zipped)
	for name, body := range files {
		if err := archive.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(body))}); err != nil {
			t.Fatal(err)
		}
		if _, err := archive.Write([]byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zipped.Close(); err != nil {
		t.Fatal(err)
	}
	return &b
}

// A package that is not the one leaves nothing behind, and what was there stays.
func TestUnpackRefuses(t *testing.T) {
	dir := t.TempDir()
	kept := filepath.Join(dir, Folder, "kept")
	if err := os.MkdirAll(filepath.Dir(kept), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(kept, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, archive := range map[string]*bytes.Buffer{
		"no package":         bytes.NewBufferString("hello"),
		"an empty one":       tgz(t, nil),
		"another":            tgz(t, map[string]string{"package/dist/model.json": "{}"}),
		"one that leads out": tgz(t, map[string]string{"package/dist/../../../model.json": "{}", "/model.json": "{}"}),
	} {
		if err := Unpack(archive, dir); err == nil {
			t.Errorf("%s is unpacked", name)
		}
	}
	var names []string
	for _, pattern := range []string{"*", ".*", "*/*", "../model.json"} {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, found...)
	}
	if diff := cmp.Diff([]string{filepath.Join(dir, Folder), kept}, names); diff != "" {
		t.Errorf("left behind: %s", diff)
	}
}

// The right files are there once they are all right.
func TestUnpack(t *testing.T) {
	open(t) // says where they come from if they are missing
	files := map[string]string{"package/README.md": "not wanted"}
	for name := range digests {
		data, err := os.ReadFile(filepath.Join(models(), Folder, name))
		if err != nil {
			t.Fatal(err)
		}
		files["package/dist/"+name] = string(data)
	}
	dir := filepath.Join(t.TempDir(), "models")
	if err := Unpack(tgz(t, files), dir); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(filepath.Join(dir, Folder)); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(dir, Folder, "README.md")); err == nil || strings.Contains(err.Error(), "permission") {
		t.Error("more than the files that are known")
	}
}
