package train

import (
	"context"
	"fmt"
	"io"
	"text/template"

	_ "embed" // the card's text

	"github.com/breakwater-project/breakwater/internal/detect/text"
	"github.com/breakwater-project/breakwater/internal/detect/text/grammar"
	"github.com/breakwater-project/breakwater/internal/detect/text/labelled"
	"github.com/breakwater-project/breakwater/internal/detect/text/measure"
	"github.com/breakwater-project/breakwater/internal/detect/text/model"
	"github.com/breakwater-project/breakwater/internal/detect/text/term"
)

//go:embed card.md
var cardText string

// card is what the model card tells.
type card struct {
	Model     string
	Features  int
	Bytes     int
	Decisions int
	Sources   []source
	Sentences int
	Dev, Held *measure.Report
	Gap       Gap
	Bound     float64
}

// source is a part of what was learned from.
type source struct {
	Name    string
	Texts   int
	Licence string
}

// licences of the sources, as the data folder states them.
var licences = map[string]string{
	"edos": "CC0", "davidson": "MIT", "misogyny_eacl": "MIT", "toxigen": "MIT", "surge_toxicity": "MIT",
	"convabuse": "CC BY 4.0", "hatemoji_build": "CC BY 4.0", "germeval2018": "CC BY 4.0", "goemotions": "Apache-2.0",
	"topicalchat": "CDLA-Sharing 1.0", "jigsaw_sample": "labels CC0, texts CC BY-SA", "dolly": "CC BY-SA",
}

// WriteCard measures the model and writes what it is, what it was made from, how well
// it does and what it can't do.
func WriteCard(ctx context.Context, out io.Writer, m *model.Model, o Options) error {
	banks, err := term.Load(o.Terms)
	if err != nil {
		return err
	}
	d, err := text.NewWith(banks, m)
	if err != nil {
		return err
	}
	c := card{Model: m.Version(), Features: m.Features(), Bytes: m.Size(), Decisions: len(o.Decisions), Bound: GapBound}
	if c.Sources, err = sources(o.Data); err != nil {
		return err
	}
	own, err := grammar.Learn(map[string][]string{"slur": {"…"}, "sexual": {"…"}})
	if err != nil {
		return err
	}
	c.Sentences = len(own)
	dev, err := labelled.ReadFile(labelled.Text(o.Data, "dev_ship.jsonl.gz"))
	if err != nil {
		return err
	}
	if c.Dev, err = measure.Evaluate(ctx, d, dev, measure.Options{Name: "dev_ship"}); err != nil {
		return err
	}
	held, err := grammar.Held()
	if err != nil {
		return err
	}
	if c.Held, err = measure.Evaluate(ctx, d, held, measure.Options{Name: "held-out grammars"}); err != nil {
		return err
	}
	c.Gap = GapOf(c.Held.Groups)
	t, err := template.New("card").Funcs(template.FuncMap{
		"three": func(v float64) string { return fmt.Sprintf("%.3f", v) },
	}).Parse(cardText)
	if err != nil {
		return err
	}
	return t.Execute(out, c)
}

// sources counts the texts that were learned from, in the order of the data.
func sources(data string) ([]source, error) {
	rows, err := labelled.ReadFile(labelled.Text(data, "train_ship.jsonl.gz"))
	if err != nil {
		return nil, err
	}
	var all []source
	at := map[string]int{}
	for i := range rows {
		name := rows[i].Source
		if _, known := at[name]; !known {
			at[name] = len(all)
			all = append(all, source{Name: name, Licence: licences[name]})
		}
		all[at[name]].Texts++
	}
	return all, nil
}
