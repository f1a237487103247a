package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/breakwater-project/breakwater/internal/detect/text"
	"github.com/breakwater-project/breakwater/internal/detect/text/labelled"
	"github.com/breakwater-project/breakwater/internal/detect/text/measure"
	"github.com/breakwater-project/breakwater/internal/detect/text/model"
	"github.com/breakwater-project/breakwater/internal/detect/text/term"
	"github.com/breakwater-project/breakwater/internal/detect/text/train"
	"github.com/breakwater-project/breakwater/policies"
)

func newText() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "text",
		Short: "Text detection: score lines, measure it, train it, write its model card",
		Args:  cobra.NoArgs,
		RunE:  help,
	}
	cmd.AddCommand(newTextScore(), newTextEval(), newTextTrain(), newTextCard(), newTextModel())
	return cmd
}

// textSource names the model and the term banks of a command.
type textSource struct{ model, terms string }

func (s *textSource) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&s.model, "model", "", "model file instead of the one in the program")
	cmd.Flags().StringVar(&s.terms, "terms", "", "folder of term banks instead of the ones in the program")
}

func (s *textSource) open() (*text.Detector, error) {
	banks, err := term.Load(s.banks())
	if err != nil {
		return nil, err
	}
	m, err := s.read()
	if err != nil {
		return nil, err
	}
	return text.NewWith(banks, m)
}

// read reads the model.
func (s *textSource) read() (*model.Model, error) {
	if s.model == "" {
		return model.Shipped()
	}
	data, err := os.ReadFile(s.model)
	if err != nil {
		return nil, err
	}
	m, err := model.Read(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Base(s.model), err)
	}
	return m, nil
}

func (s *textSource) banks() fs.FS {
	if s.terms != "" {
		return os.DirFS(s.terms)
	}
	terms, err := fs.Sub(policies.FS, "terms")
	if err != nil {
		panic(err) // only for an invalid name
	}
	return terms
}

func newTextScore() *cobra.Command {
	var source textSource
	spans := false
	cmd := &cobra.Command{
		Use:   "score [FILE…]",
		Short: "Score each line for every label, as JSON lines",
		Long: `Reads lines from files, or from standard input, and prints a JSON line for each, in
order: its number, the labels it is flagged for, and a probability for every label. A
line that is a JSON object with "text" is scored for that. --spans adds which parts of
the text speak for which label, as byte ranges.`,
		RunE: func(cmd *cobra.Command, files []string) error {
			d, err := source.open()
			if err != nil {
				return failed(err)
			}
			return failed(eachInput(cmd.InOrStdin(), files, func(in io.Reader) error {
				return scoreLines(cmd.Context(), d, in, cmd.OutOrStdout(), spans)
			}))
		},
	}
	source.flags(cmd)
	cmd.Flags().BoolVar(&spans, "spans", false, "also which parts of the text speak for which label")
	return cmd
}

// eachInput opens the files one after another, or takes standard input.
func eachInput(stdin io.Reader, files []string, do func(io.Reader) error) error {
	if len(files) == 0 {
		return do(stdin)
	}
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		if err := errors.Join(do(f), f.Close()); err != nil {
			return fmt.Errorf("%s: %w", filepath.Base(name), err)
		}
	}
	return nil
}

// scoredLine is a line of output.
type scoredLine struct {
	Line    int                `json:"line"`
	ID      json.RawMessage    `json:"id,omitempty"`
	Flagged []string           `json:"flagged"`
	Scores  map[string]float64 `json:"scores"`
	Spans   []scoredSpan       `json:"spans,omitempty"`
	Model   string             `json:"model"`
}

type scoredSpan struct {
	Label string  `json:"label"`
	Score float64 `json:"score"`
	Start int     `json:"start"`
	End   int     `json:"end"`
}

// longestLine is the longest line that is scored, in bytes.
const longestLine = 16 << 20

func scoreLines(ctx context.Context, d *text.Detector, in io.Reader, out io.Writer, spans bool) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 0, 64<<10), longestLine)
	w := bufio.NewWriter(out)
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	for n := 1; lines.Scan(); n++ {
		said, id := lineText(lines.Bytes())
		line, err := scoreLine(ctx, d, said, spans)
		if err != nil {
			return errors.Join(err, w.Flush())
		}
		line.Line, line.ID = n, id
		if err := errors.Join(encoder.Encode(line), w.Flush()); err != nil {
			return err
		}
	}
	return errors.Join(lines.Err(), w.Flush())
}

// lineText is the line, or its "text" and "id" where it is a JSON object.
func lineText(line []byte) (said string, id json.RawMessage) {
	if !bytes.HasPrefix(bytes.TrimSpace(line), []byte("{")) {
		return string(line), nil
	}
	var object struct {
		Text *string         `json:"text"`
		ID   json.RawMessage `json:"id"`
	}
	if json.Unmarshal(line, &object) != nil || object.Text == nil {
		return string(line), nil
	}
	return *object.Text, object.ID
}

func scoreLine(ctx context.Context, d *text.Detector, said string, spans bool) (*scoredLine, error) {
	var s text.Scores
	if err := d.Score(ctx, said, &s); err != nil {
		return nil, err
	}
	line := &scoredLine{Flagged: []string{}, Scores: make(map[string]float64, text.LabelCount), Model: d.Version()}
	for _, l := range text.Labels() {
		line.Scores[l.String()] = float64(int(s.Of[l]*1e4+0.5)) / 1e4
		if s.Of[l] >= d.Threshold(l) {
			line.Flagged = append(line.Flagged, l.String())
		}
	}
	if !spans {
		return line, nil
	}
	found, err := d.Spans(ctx, said)
	for _, f := range found {
		line.Spans = append(line.Spans, scoredSpan{f.Label.String(), f.Score, f.Start, f.End})
	}
	return line, err
}

func newTextEval() *cobra.Command {
	var source textSource
	var html string
	attacks := false
	cmd := &cobra.Command{
		Use:   "eval FILE…",
		Short: "Measure text detection on labelled texts",
		Long: `Reads JSON lines (gzip where the name ends in .gz), each
{"text", "labels": {label: 0 or 1, absent where unknown}, "source", "lang", "group",
"function"}, and prints numbers: how well each label is ranked and found, with
intervals; whether the probabilities are true; what is flagged of benign texts and of
people who speak of their own distress; and, where rows have a group or a function,
how they fare. --attacks adds what is left in disguise, --html writes a page with
plots, of one file.
It never prints a text.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, files []string) error {
			if html != "" && len(files) > 1 {
				return errors.New("--html writes the page of one file: name one")
			}
			d, err := source.open()
			if err != nil {
				return failed(err)
			}
			for _, name := range files {
				if err := evalFile(cmd, d, name, html, attacks); err != nil {
					return failed(err)
				}
			}
			return nil
		},
	}
	source.flags(cmd)
	cmd.Flags().StringVar(&html, "html", "", "also write a page with plots to this file")
	cmd.Flags().BoolVar(&attacks, "attacks", false, "also measure ten disguises")
	return cmd
}

func evalFile(cmd *cobra.Command, d *text.Detector, name, html string, attacks bool) error {
	rows, err := labelled.ReadFile(name)
	if err != nil {
		return err
	}
	bar := newProgress(cmd.ErrOrStderr(), "measuring", int64(len(rows)))
	defer bar.end()
	r, err := measure.Evaluate(cmd.Context(), d, rows, measure.Options{
		Name: filepath.Base(name), Attacks: attacks,
		Progress: func(done, total int) { bar.set(int64(done) * int64(len(rows)) / int64(max(total, 1))) },
	})
	if err != nil {
		return err
	}
	bar.end()
	if err := r.WriteText(cmd.OutOrStdout()); err != nil || html == "" {
		return err
	}
	return writeFile(html, r.WriteHTML)
}

// writeFile writes a file whole, or leaves none.
func writeFile(name string, write func(io.Writer) error) error {
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return err
	}
	return os.WriteFile(name, b.Bytes(), 0o644) //nolint:gosec // a report or a model, for everybody to read
}

func newTextTrain() *cobra.Command {
	var source textSource
	var data, out, card, decisions string
	o := train.Options{}
	cmd := &cobra.Command{
		Use:   "train --data DIR --out FILE",
		Short: "Train a model, from the data folder and from your own reviewed decisions",
		Long: `Trains the model from text/train_ship.jsonl.gz, text/dev_ship.jsonl.gz and
text/lexicon_surge_profanity.csv in the data folder and from the grammars in the
program. The same program, data and options give the same bytes.

--decisions adds your own: JSON lines {"text", "labels": {label: 0 or 1}} of what your
reviewers decided. Each counts as often as --repeat says. Measure the result on
decisions that you held back, with "text eval --model", before you use it: put it
into your bundle's folder as text.model.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if data == "" || out == "" {
				return errors.New("it needs --data and --out")
			}
			o.Data, o.Terms = data, source.banks()
			if decisions != "" {
				rows, err := labelled.ReadFile(decisions)
				if err != nil {
					return failed(err)
				}
				o.Decisions = rows
			}
			return failed(trainModel(cmd, o, out, card))
		},
	}
	cmd.Flags().StringVar(&source.terms, "terms", "", "folder of term banks instead of the ones in the program")
	cmd.Flags().StringVar(&data, "data", "", "data folder")
	cmd.Flags().StringVar(&out, "out", "", "model file to write")
	cmd.Flags().StringVar(&card, "card", "", "also write a model card to this file")
	cmd.Flags().StringVar(&decisions, "decisions", "", "your own reviewed decisions, as JSON lines")
	cmd.Flags().IntVar(&o.Repeat, "repeat", 3, "how often each decision counts")
	cmd.Flags().IntVar(&o.Step, "step", 1, "learn from every so many texts only, to try things out")
	cmd.Flags().Uint64Var(&o.Seed, "seed", 1, "what the random numbers begin with")
	return cmd
}

func trainModel(cmd *cobra.Command, o train.Options, out, card string) error {
	bar := newProgress(cmd.ErrOrStderr(), "training", 1000)
	defer bar.end()
	o.Progress = func(done, total int) { bar.set(int64(done) * 1000 / int64(max(total, 1))) }
	t, err := train.Run(cmd.Context(), o)
	if err != nil {
		return err
	}
	bar.end()
	if err := writeFile(out, t.Write); err != nil {
		return err
	}
	m, err := model.New(t)
	if err != nil {
		return err
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%s: model %s, %d features\n", filepath.Base(out), m.Version(), m.Features())
	if card == "" {
		return nil
	}
	return writeFile(card, func(w io.Writer) error { return train.WriteCard(cmd.Context(), w, m, o) })
}

func newTextCard() *cobra.Command {
	var source textSource
	var data string
	cmd := &cobra.Command{
		Use:   "card --data DIR",
		Short: "The model card of a model: its data, licences, numbers and failures, measured anew",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if data == "" {
				return errors.New("it needs --data")
			}
			m, err := source.read()
			if err != nil {
				return failed(err)
			}
			return failed(train.WriteCard(cmd.Context(), cmd.OutOrStdout(), m, train.Options{Data: data, Terms: source.banks()}))
		},
	}
	source.flags(cmd)
	cmd.Flags().StringVar(&data, "data", "", "data folder")
	return cmd
}
