// Command heads trains the heads of the second tier of text detection on the
// texts whose licences let weights ship, and writes internal/detect/embed/heads.bin:
//
//	go run ./scripts/heads
//
// It needs the encoder's weights (`make models`) and the data folder, and takes
// some minutes. The same data, weights and first tier give the same bytes on one
// kind of processor; another may round otherwise.
package main

import (
	"context"
	"encoding/csv"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/breakwater-project/breakwater/internal/detect/embed"
	"github.com/breakwater-project/breakwater/internal/detect/text"
	"github.com/breakwater-project/breakwater/internal/detect/text/grammar"
	"github.com/breakwater-project/breakwater/internal/detect/text/labelled"
	"github.com/breakwater-project/breakwater/internal/detect/text/term"
	"github.com/breakwater-project/breakwater/policies"
)

func main() {
	data := flag.String("data", "../shared/data", "folder of labelled texts")
	models := flag.String("models", ".cache/models", "folder of fetched models")
	out := flag.String("out", "internal/detect/embed/heads.bin", "file to write")
	flag.Parse()
	if err := run(context.Background(), *data, *models, *out); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, data, models, out string) error {
	tiers, err := openTiers(models)
	if err != nil {
		return err
	}
	learn, tune, err := texts(data)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "%d texts to learn from, %d to tune with\n", len(learn), len(tune))
	learned, err := tiers.rows(ctx, learn)
	if err != nil {
		return err
	}
	tuned, err := tiers.rows(ctx, tune)
	if err != nil {
		return err
	}
	heads := fit(learned, tuned, func(n int) { fmt.Fprintf(os.Stderr, "\r%d of %d heads", n, text.LabelCount) })
	heads.Model = tiers.first.Model()
	fmt.Fprintln(os.Stderr)
	return os.WriteFile(out, heads.Bytes(), 0o644) //nolint:gosec // a file of the repository
}

// tiers are what scores a text.
type tiers struct {
	first   *text.Detector
	encoder *embed.Encoder
}

func openTiers(models string) (*tiers, error) {
	banks, err := fs.Sub(policies.FS, "terms")
	if err != nil {
		return nil, err
	}
	terms, err := term.Load(banks)
	if err != nil {
		return nil, err
	}
	first, err := text.New(terms)
	if err != nil {
		return nil, err
	}
	encoder, err := embed.Open(filepath.Join(models, embed.Folder))
	return &tiers{first, encoder}, err
}

// rows scores the texts, in their order.
func (t *tiers) rows(ctx context.Context, texts []labelled.Row) ([]row, error) {
	rows, errs := make([]row, len(texts)), make([]error, runtime.GOMAXPROCS(0))
	var next atomic.Int64
	var workers sync.WaitGroup
	for w := range errs {
		workers.Go(func() {
			for errs[w] == nil {
				i := int(next.Add(1)) - 1
				if i >= len(texts) {
					return
				}
				if i%1000 == 0 {
					fmt.Fprintf(os.Stderr, "\r%d of %d texts", i, len(texts))
				}
				rows[i], errs[w] = t.row(ctx, &texts[i])
			}
		})
	}
	workers.Wait()
	fmt.Fprintln(os.Stderr)
	return rows, errors.Join(errs...)
}

func (t *tiers) row(ctx context.Context, r *labelled.Row) (row, error) {
	var vector embed.Vector
	t.encoder.Embed(r.Text, &vector)
	var scores text.Scores
	if err := t.first.Score(ctx, r.Text, &scores); err != nil {
		return row{}, err
	}
	var first [text.LabelCount]float32
	for l, p := range scores.Of {
		first[l] = float32(p)
	}
	return rowOf(r.Source, r.Labels, &vector, &first), nil
}

// How many of what there is plenty of are taken, one in so many.
const (
	ofHarmless = 16
	ofToxic    = 5 // and nothing more than that
	ofTuning   = 4
	fromMade   = 4500 // sentences of grammars, about
	heldOfMade = 5
)

// texts are the English ones of the data and the grammars.
func texts(data string) (learn, tune []labelled.Row, err error) {
	plenty, err1 := labelled.ReadFile(labelled.Text(data, "train_ship.jsonl.gz"))
	tuning, err2 := labelled.ReadFile(labelled.Text(data, "dev_ship.jsonl.gz"))
	words, err3 := lists(labelled.Text(data, "lexicon_surge_profanity.csv"))
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, nil, err
	}
	made, err := grammar.Learn(words)
	if err != nil {
		return nil, nil, err
	}
	seen := map[string]int{}
	for _, r := range plenty {
		what, each := kindOf(&r)
		if seen[what]++; english(&r) && seen[what]%each == 0 {
			learn = append(learn, r)
		}
	}
	for i, r := range tuning {
		if english(&r) && i%ofTuning == 0 {
			tune = append(tune, r)
		}
	}
	for i := 0; i < len(made); i += max(1, len(made)/fromMade) {
		if i/max(1, len(made)/fromMade)%heldOfMade == 0 {
			tune = append(tune, made[i])
		} else {
			learn = append(learn, made[i])
		}
	}
	return learn, tune, nil
}

func english(r *labelled.Row) bool { return r.Lang == "" || r.Lang == "en" }

// kindOf sorts texts by how many of them there are, and says how many each one
// taken stands for.
func kindOf(r *labelled.Row) (kind string, each int) {
	kind, each = "harmless", ofHarmless
	for name, v := range r.Labels {
		switch {
		case v != 1:
		case name != "toxic":
			return "harmful", 1
		default:
			kind, each = "toxic", ofToxic
		}
	}
	return kind, each
}

// lists are the words that grammars take from outside the project.
func lists(name string) (map[string][]string, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	records, err := csv.NewReader(f).ReadAll()
	if err != nil || len(records) == 0 {
		return nil, fmt.Errorf("%s: no words: %w", name, err)
	}
	column := func(name string) int { return max(0, slices.Index(records[0], name)) }
	word, category, severity := column("text"), column("category_1"), column("severity_rating")
	words := map[string][]string{}
	for _, r := range records[1:] {
		key := strings.Join(strings.Fields(strings.ToLower(r[word])), " ")
		worst, err := strconv.ParseFloat(r[severity], 64)
		switch {
		case err != nil:
			return nil, fmt.Errorf("%s: severity of a word: %w", name, err)
		case strings.Contains(r[category], "slurs"):
			words["slur"] = append(words["slur"], key)
		case strings.HasPrefix(r[category], "sexual anatomy") && worst >= 1.4:
			words["sexual"] = append(words["sexual"], key)
		}
	}
	return words, nil
}
