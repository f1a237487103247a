// Command numbers prints the table of numbers that text detection is held to, from the
// labelled texts in the folder that BREAKWATER_DATA names (../shared/data unless set)
// and from the held-out grammars. It fails when one is below its floor. It prints numbers only, never a text.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/breakwater-project/breakwater/internal/detect/text"
	"github.com/breakwater-project/breakwater/internal/detect/text/grammar"
	"github.com/breakwater-project/breakwater/internal/detect/text/labelled"
	"github.com/breakwater-project/breakwater/internal/detect/text/measure"
	"github.com/breakwater-project/breakwater/internal/detect/text/term"
	"github.com/breakwater-project/breakwater/internal/detect/text/train"
	"github.com/breakwater-project/breakwater/policies"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	data := cmp.Or(os.Getenv("BREAKWATER_DATA"), filepath.Join("..", "shared", "data"))
	n, err := newNumbers(data, os.Stdout)
	if err == nil {
		err = n.print(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "numbers:", err)
		os.Exit(1)
	}
}

// numbers are what the project holds its text detection to.
type numbers struct {
	detector *text.Detector
	data     string
	out      io.Writer
	missed   []string // floors, and lines without data
}

func newNumbers(data string, out io.Writer) (*numbers, error) {
	terms, err := fs.Sub(policies.FS, "terms")
	if err != nil {
		return nil, err
	}
	banks, err := term.Load(terms)
	if err != nil {
		return nil, err
	}
	d, err := text.New(banks)
	if err != nil {
		return nil, err
	}
	return &numbers{detector: d, data: data, out: out}, nil
}

// print prints the table. The error names every floor that is missed, and says so
// where data is not there.
func (n *numbers) print(ctx context.Context) error {
	fmt.Fprintf(n.out, "## Text, model %s\n\n| measure | value | at least | reach for |\n| --- | --: | --- | --- |\n", n.detector.Version())
	for _, part := range []func(context.Context) error{
		n.moderation, n.functions, n.sexism, n.attacks, n.plain, n.distress, n.speed,
	} {
		if err := part(ctx); errors.Is(err, fs.ErrNotExist) {
			n.line("(no data for this line)", "", "", "")
			n.missed = append(n.missed, "there is no data for some lines")
		} else if err != nil {
			return err
		}
	}
	fmt.Fprintln(n.out)
	if len(n.missed) > 0 {
		return fmt.Errorf("not held: %s", strings.Join(n.missed, "; "))
	}
	return nil
}

// hold notes a floor that is missed.
func (n *numbers) hold(what string, held bool) {
	if !held {
		n.missed = append(n.missed, what)
	}
}

func (n *numbers) line(what, value, least, reach string) {
	fmt.Fprintf(n.out, "| %s | %s | %s | %s |\n", what, value, least, reach)
}

// scored calls f with every row of a file and its scores.
func (n *numbers) scored(ctx context.Context, rows []labelled.Row, f func(*labelled.Row, *text.Scores)) error {
	var s text.Scores
	for i := range rows {
		if err := n.detector.Score(ctx, rows[i].Text, &s); err != nil {
			return err
		}
		f(&rows[i], &s)
	}
	return nil
}

// moderated are the labels that answer for each category of OpenAI's set.
var moderated = []struct {
	category string
	labels   []text.Label
}{
	{"sexual", []text.Label{text.Sexual, text.SexualMinors, text.Solicitation}},
	{"sexual_minors", []text.Label{text.SexualMinors}},
	{"hate", []text.Label{text.Hate, text.IdentityAttack}},
	{"hate_threatening", []text.Label{text.Hate, text.IdentityAttack}},
	{"harassment", []text.Label{text.Harassment, text.Threat}},
	{"self_harm", []text.Label{text.SelfHarmDisclosure, text.SelfHarmEncouragement, text.Suicide, text.EatingDisorderPromotion}},
	{"violence", []text.Label{text.Violence, text.Threat, text.ViolenceGraphic}},
	{"violence_graphic", []text.Label{text.ViolenceGraphic}},
}

func strongest(s *text.Scores, labels []text.Label) (p float64) {
	for _, l := range labels {
		p = max(p, s.Of[l])
	}
	return p
}

func (n *numbers) moderation(ctx context.Context) error {
	rows, err := labelled.ReadFile(labelled.Text(n.data, "eval_openai_moderation_half.jsonl.gz"))
	if err != nil {
		return err
	}
	var anyFlag measure.Sample
	each := make([]measure.Sample, len(moderated))
	err = n.scored(ctx, rows, func(r *labelled.Row, s *text.Scores) {
		highest, yes := 0.0, false
		for i, m := range moderated {
			p := strongest(s, m.labels)
			highest = max(highest, p)
			if v, known := r.Labels[m.category]; known {
				each[i].Add(p, v == 1)
				yes = yes || v == 1
			}
		}
		anyFlag.Add(highest, yes)
	})
	if err != nil {
		return err
	}
	_, f1 := anyFlag.Best(measure.Table.F1)
	n.line("OpenAI moderation (half), any flag: AUPRC (best F1)", fmt.Sprintf("%.3f (%.3f)", anyFlag.AUPRC(), f1), ".75", ".80")
	n.hold("OpenAI moderation, any flag", anyFlag.AUPRC() >= .75)
	for i, m := range moderated {
		least, reach := "", ""
		switch m.category {
		case "sexual":
			least, reach = ".65", ".85"
			n.hold("OpenAI moderation, sexual", each[i].AUPRC() >= .65)
		case "sexual_minors":
			least, reach = ".40", ".50"
			n.hold("OpenAI moderation, sexual_minors", each[i].AUPRC() >= .40)
		}
		n.line("… "+m.category, fmt.Sprintf("%.3f", each[i].AUPRC()), least, reach)
	}
	return nil
}

// functions measures hate on the functions of the held-out grammars.
func (n *numbers) functions(ctx context.Context) error {
	rows, err := grammar.Held()
	if err != nil {
		return err
	}
	var all measure.Sample
	each := map[string]*measure.Table{}
	flag := n.detector.Threshold(text.Hate)
	err = n.scored(ctx, rows, func(r *labelled.Row, s *text.Scores) {
		v, known := r.Labels["hate"]
		if !known || !strings.HasPrefix(r.Function, "hate") && !strings.HasPrefix(r.Function, "innocent") {
			return
		}
		p := max(s.Of[text.Hate], s.Of[text.IdentityAttack])
		all.Add(p, v == 1)
		t := each[r.Function]
		if t == nil {
			t = new(measure.Table)
			each[r.Function] = t
		}
		if (p >= flag) == (v == 1) {
			t.Right++
		} else {
			t.Wrong++
		}
	})
	if err != nil {
		return err
	}
	t := all.At(flag)
	n.line("functions of hate, flagged: F1, false-positive rate", fmt.Sprintf("%.3f, %.3f", t.F1(), t.FalsePositives()), ".80, .30", ".90")
	n.hold("functions of hate", t.F1() >= .80 && t.FalsePositives() <= .30)
	from, best := all.Best(func(t measure.Table) float64 {
		if t.FalsePositives() > 0.3 {
			return 0
		}
		return t.F1()
	})
	n.line("… from the best score", fmt.Sprintf("%.3f, %.3f (%.2f)", best, all.At(from).FalsePositives(), from), "", "")
	for _, name := range sortedNames(each) {
		n.line("… "+name+", right", fmt.Sprintf("%d of %d", each[name].Right, each[name].Right+each[name].Wrong), "", "")
	}
	return nil
}

func sortedNames[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (n *numbers) dev() ([]labelled.Row, error) {
	return labelled.ReadFile(labelled.Text(n.data, "dev_ship.jsonl.gz"))
}

func (n *numbers) sexism(ctx context.Context) error {
	rows, err := n.dev()
	if err != nil {
		return err
	}
	labels := map[text.Label]*measure.Sample{}
	var edos measure.Sample
	err = n.scored(ctx, rows, func(r *labelled.Row, s *text.Scores) {
		for _, l := range text.Labels() {
			if v, known := r.Labels[l.String()]; known {
				if labels[l] == nil {
					labels[l] = new(measure.Sample)
				}
				labels[l].Add(s.Of[l], v == 1)
			}
		}
		if v, known := r.Labels["misogyny"]; known && r.Source == "edos" {
			edos.Add(s.Of[text.Misogyny], v == 1)
		}
	})
	if err != nil {
		return err
	}
	_, best := edos.Best(measure.Table.MacroF1)
	n.line("EDOS-A dev macro-F1 at 0.5 (at the best threshold)", fmt.Sprintf("%.3f (%.3f)", edos.At(0.5).MacroF1(), best), ".775", ".80")
	n.hold("EDOS-A dev macro-F1", edos.At(0.5).MacroF1() >= .775)
	for _, l := range text.Labels() {
		if s := labels[l]; s != nil {
			if yes, _ := s.Counts(); yes > 0 {
				r, _ := s.RecallAt(0.01)
				_, ece := s.Calibration()
				n.line("… dev_ship "+l.String()+": AUPRC, recall at 1 % false positives, calibration error", fmt.Sprintf("%.3f, %.3f, %.3f", s.AUPRC(), r.Share(), ece), "", "")
			}
		}
	}
	return nil
}

// attacked are labels that the data has, for recall under attack.
var attacked = []text.Label{text.Toxic, text.Hate, text.Misogyny}

func (n *numbers) attacks(ctx context.Context) error {
	rows, err := n.dev()
	if err != nil {
		return err
	}
	found := func(attack *measure.Attack) (hits [3]int, err error) {
		random := rand.New(rand.NewPCG(11, 11)) //nolint:gosec // must repeat
		var s text.Scores
		for i := range rows {
			r := &rows[i]
			if r.Labels["toxic"]+r.Labels["hate"]+r.Labels["misogyny"] == 0 {
				continue
			}
			said := r.Text
			if attack != nil {
				said = attack.Disguise(said, random)
			}
			if err := n.detector.Score(ctx, said, &s); err != nil {
				return hits, err
			}
			for k, l := range attacked {
				if r.Labels[l.String()] == 1 && s.Of[l] >= n.detector.Threshold(l) {
					hits[k]++
				}
			}
		}
		return hits, nil
	}
	clean, err := found(nil)
	if err != nil {
		return err
	}
	for _, attack := range measure.Attacks() {
		got, err := found(&attack)
		if err != nil {
			return err
		}
		least := 85
		if attack.Hard {
			least = 65
		}
		share := func(k int) float64 { return 100 * float64(got[k]) / float64(max(clean[k], 1)) }
		n.line("recall kept, "+attack.Name+": toxic, hate, misogyny", fmt.Sprintf("%.0f %%, %.0f %%, %.0f %%", share(0), share(1), share(2)), fmt.Sprintf("%d %%", least), "95 %")
		n.hold("recall under attack, "+attack.Name, min(share(0), share(1), share(2)) >= float64(least))
	}
	return nil
}

func (n *numbers) plain(ctx context.Context) error {
	rows, err := labelled.ReadFile(labelled.Text(n.data, "train_ship.jsonl.gz"))
	if err != nil {
		return err
	}
	count := func(keep func(i int) bool) (measure.Rate, [text.LabelCount]int, error) {
		of, hits := 0, 0
		var by [text.LabelCount]int
		var some []labelled.Row
		for i := range rows {
			if keep(i) {
				some = append(some, rows[i])
			}
		}
		err := n.scored(ctx, some, func(_ *labelled.Row, s *text.Scores) {
			of++
			if n.detector.Flagged(s) {
				hits++
			}
			for l, p := range s.Of {
				if p >= n.detector.Threshold(text.Label(l)) {
					by[l]++
				}
			}
		})
		return measure.RateOf(hits, of), by, err
	}
	held, by, err := count(func(i int) bool { return rows[i].Source == "topicalchat" && train.IsHeld(i, &rows[i]) })
	if err != nil {
		return err
	}
	n.line("benign chat flagged (Topical-Chat, held out), any label", percent(held)+" "+byLabel(by), "≤ .5 %", "≤ .2 %")
	n.hold("benign chat flagged", held.Share() <= .005)
	return nil
}

func byLabel(by [text.LabelCount]int) string {
	var parts []string
	for l, k := range by {
		if k > 0 {
			parts = append(parts, fmt.Sprintf("%s %d", text.Label(l), k))
		}
	}
	return strings.Join(parts, ", ")
}

func percent(r measure.Rate) string {
	return fmt.Sprintf("%.2f %% (%.2f to %.2f; %d of %d)", 100*r.Share(), 100*r.Low, 100*r.High, r.Hits, r.Of)
}

func (n *numbers) distress(ctx context.Context) error {
	rows, err := labelled.ReadFile(labelled.Text(n.data, "dev_research.jsonl.gz"))
	if err != nil {
		return err
	}
	bySource := map[string]*[3]int{}
	var labels [text.LabelCount]int
	err = n.scored(ctx, rows, func(r *labelled.Row, s *text.Scores) {
		if r.Labels["self_harm"] != 1 {
			return
		}
		c := bySource[r.Source]
		if c == nil {
			c = new([3]int)
			bySource[r.Source] = c
		}
		c[0]++
		if n.detector.Flagged(s) {
			c[1]++
		}
		if s.Of[text.SelfHarmDisclosure] >= n.detector.Threshold(text.SelfHarmDisclosure) {
			c[2]++
		}
		for l, p := range s.Of {
			if p >= n.detector.Threshold(text.Label(l)) {
				labels[l]++
			}
		}
	})
	if err != nil {
		return err
	}
	for _, source := range sortedNames(bySource) {
		c := bySource[source]
		n.line("own distress ("+source+", measured only): flagged for something else; seen as disclosure", percent(measure.RateOf(c[1], c[0]))+"; "+percent(measure.RateOf(c[2], c[0])), "≤ 5 %", "≤ 2 %")
		n.hold("own distress ("+source+")", measure.RateOf(c[1], c[0]).Share() <= .05)
	}
	n.line("… by label", byLabel(labels), "", "")
	return nil
}

func (n *numbers) speed(ctx context.Context) error {
	for _, said := range []struct{ what, text string }{
		{"plain", "Hey, are you coming to the match on Saturday? We can meet at the station, my brother brings the ball. See you there my friends"},
		{"disguised", "Hey, aré y0u coming to the m4tch on Saturday? We can s e a t at the station, my brothr brings the ball. See you there my frie"},
	} {
		var s text.Scores
		best := time.Hour
		for range 20 {
			began := time.Now()
			for range 500 {
				if err := n.detector.Score(ctx, said.text, &s); err != nil {
					return err
				}
			}
			best = min(best, time.Since(began)/500)
		}
		n.line(fmt.Sprintf("speed, one core, %d bytes, all labels, both forms, terms too, %s", len(said.text), said.what), fmt.Sprintf("%.1f µs", float64(best)/1000), "≤ 15 µs", "≤ 8 µs")
		n.hold("speed, "+said.what, best <= 15*time.Microsecond)
	}
	return nil
}
