package train

import (
	"bytes"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/breakwater-project/breakwater/internal/detect/text"
	"github.com/breakwater-project/breakwater/internal/detect/text/grammar"
	"github.com/breakwater-project/breakwater/internal/detect/text/labelled"
	"github.com/breakwater-project/breakwater/internal/detect/text/measure"
	"github.com/breakwater-project/breakwater/internal/detect/text/model"
	"github.com/breakwater-project/breakwater/internal/detect/text/term"
)

// data is the folder of labelled texts, or the test is skipped.
func data(t testing.TB) string {
	dir := os.Getenv("BREAKWATER_DATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "..", "..", "shared", "data")
	}
	if _, err := os.Stat(labelled.Text(dir, "train_ship.jsonl.gz")); errors.Is(err, fs.ErrNotExist) {
		t.Skip("no labelled texts to learn from (set BREAKWATER_DATA)")
	}
	return dir
}

func terms() fs.FS { return os.DirFS(filepath.Join("..", "..", "..", "..", "policies", "terms")) }

// few is a training that takes seconds.
func few(t testing.TB, decisions []labelled.Row) []byte {
	t.Helper()
	trained, err := Run(t.Context(), Options{Data: data(t), Terms: terms(), Seed: 1, Step: 60, Decisions: decisions, Repeat: 20})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := trained.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestTrainingRepeats trains twice on a part of the data; `make train` does it on all,
// and compares with the model that is shipped.
func TestTrainingRepeats(t *testing.T) {
	first, second := few(t, nil), few(t, nil)
	if !bytes.Equal(first, second) {
		t.Error("training twice gives different bytes")
	}
	t.Run("decisions", func(t *testing.T) { learnsFromDecisions(t, first) })
}

// learnsFromDecisions holds a model to learn a word that only an operator's reviewers know.
func learnsFromDecisions(t *testing.T, without []byte) {
	var decisions []labelled.Row
	for _, said := range []string{"you are a total zibblefex", "what a zibblefex", "zibblefex", "go away zibblefex", "he is a zibblefex again"} {
		decisions = append(decisions, labelled.Row{Text: said, Labels: map[string]int{"toxic": 1, "insult": 1}})
	}
	insult := func(weights []byte) float64 {
		banks, err := term.Load(terms())
		if err != nil {
			t.Fatal(err)
		}
		m, err := model.Read(weights)
		if err != nil {
			t.Fatal(err)
		}
		d, err := text.NewWith(banks, m)
		if err != nil {
			t.Fatal(err)
		}
		var s text.Scores
		if err := d.Score(t.Context(), "this one is a zibblefex", &s); err != nil {
			t.Fatal(err)
		}
		return s.Of[text.Insult]
	}
	before, after := insult(without), insult(few(t, decisions))
	if after < before+0.2 {
		t.Errorf("an insult of the operator's scores %.2f, before it was learned %.2f", after, before)
	}
}

// TestGroupsFareAlike is the gate for fairness: it fails when the shipped model errs
// more about one group of people than about another by more than GapBound.
func TestGroupsFareAlike(t *testing.T) {
	banks, err := term.Load(terms())
	if err != nil {
		t.Fatal(err)
	}
	d, err := text.New(banks)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := grammar.Held()
	if err != nil {
		t.Fatal(err)
	}
	report, err := measure.Evaluate(t.Context(), d, rows, measure.Options{Name: "held"})
	if err != nil {
		t.Fatal(err)
	}
	gap := GapOf(report.Groups)
	if gap.Groups < 20 || gap.LeastTexts < 5 {
		t.Fatalf("%d groups, with at least %d texts, are too few to tell", gap.Groups, gap.LeastTexts)
	}
	t.Logf("widest gap: %.3f flagged without hate (most: %s), %.3f missed (most: %s)", gap.Wrong, gap.MostWrong, gap.Missed, gap.MostMissed)
	if gap.Wrong > GapBound || gap.Missed > GapBound {
		t.Errorf("the gap between groups is %.3f flagged without hate (%s), %.3f missed (%s); at most %.2f is allowed",
			gap.Wrong, gap.MostWrong, gap.Missed, gap.MostMissed, GapBound)
	}
}

func TestLogarithm(t *testing.T) {
	for x := float32(1e-6); x < 1e6; x *= 1.37 {
		if got, want := float64(logarithm(x)), math.Log(float64(x)); math.Abs(got-want) > 1e-4 {
			t.Errorf("logarithm of %v is %v, want %v", x, got, want)
		}
	}
}

func TestCost(t *testing.T) {
	for ratio, want := range map[int]uint8{0: 1, 1: 1, 2: 12, 1024: 120, 1 << 40: 255} {
		if got := cost(ratio); got != want {
			t.Errorf("cost of %d is %d, want %d", ratio, got, want)
		}
	}
}

// TestDisclosureIsNotPunished holds the targets to teach nothing else of what people say
// who are in need.
func TestTargets(t *testing.T) {
	row := labelled.Row{Source: "goemotions", Labels: map[string]int{"self_harm": 0, "hate": 0, "threat": 0}}
	var terms model.Terms
	terms[model.SelfHarmDisclosure] = 0.9
	got := targetOf(&row, &terms, &vocabularyHits{})
	if !got.is(model.SelfHarmDisclosure) {
		t.Error("nobody looked for distress, and its words count for nothing")
	}
	terms[model.SelfHarmDisclosure] = 0
	got = targetOf(&row, &terms, &vocabularyHits{distress: true})
	if got.Weight[model.SelfHarmDisclosure] != 0 {
		t.Error("nobody looked for distress, and a text with its words is taken for free of it")
	}
	row = labelled.Row{Source: grammar.Source, Labels: map[string]int{"self_harm_disclosure": 1, "toxic": 0}}
	got = targetOf(&row, &terms, &vocabularyHits{any: true})
	if !got.is(model.SelfHarmDisclosure) || !got.not(model.Toxic) {
		t.Error("what a grammar says does not count as it says it")
	}
}
