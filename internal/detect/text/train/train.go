// Package train makes the model file of package model: from labelled texts, from the
// project's own grammars, and from an operator's reviewed decisions.
//
// Everything is in a fixed order and from a fixed seed, and no sum depends on how many
// processors there are or on what they fuse: training twice gives the same bytes on
// every machine.
package train

import (
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"slices"

	"github.com/breakwater-project/breakwater/internal/detect/text/grammar"
	"github.com/breakwater-project/breakwater/internal/detect/text/labelled"
	"github.com/breakwater-project/breakwater/internal/detect/text/measure"
	"github.com/breakwater-project/breakwater/internal/detect/text/model"
	"github.com/breakwater-project/breakwater/internal/detect/text/normal"
	"github.com/breakwater-project/breakwater/internal/detect/text/term"
)

// Options say what to train from.
type Options struct {
	Data  string // folder that has text/train_ship.jsonl.gz, text/dev_ship.jsonl.gz, text/lexicon_surge_profanity.csv
	Terms fs.FS  // term banks
	Seed  uint64
	Step  int // of the texts, only every Step-th; 0 is all
	// Decisions are an operator's own, reviewed by people. They count as much as
	// Repeat texts each.
	Decisions []labelled.Row
	Repeat    int
	// Progress, if there is one, hears what is done of the total.
	Progress func(done, total int)
}

// What training is made of. They were chosen on dev_ship.
const (
	tryRounds   = 1       // through all examples, before features are chosen
	rounds      = 2       // and after
	leastSeen   = 4       // texts with a feature
	maxKept     = 175_000 // features
	priorWeight = 0.1     // of a feature's own ratio, where its numbers begin
	floorRate   = 0.1     // of learning, for features that say nothing
	capRatio    = 3
	disguised   = 0.15 // share of texts that are also learned in disguise
	averaged    = 5    // states within the last round, of which the network is the mean
)

// Run trains. The same options give the same bytes.
func Run(ctx context.Context, o Options) (*model.Trained, error) {
	c, err := collect(o)
	if err != nil {
		return nil, err
	}
	learn, err := c.examples(ctx, c.learn)
	if err != nil {
		return nil, err
	}
	total := (tryRounds + rounds) * len(learn)
	done := func(n int) {
		if o.Progress != nil {
			o.Progress(n, total)
		}
	}
	all := c.selectAll(learn)
	first := fit(ctx, learn, len(all.features), tryRounds, o.Seed, done)
	kept := all.strongest(first, maxKept)
	renumber(learn, kept, len(all.features))
	second := fit(ctx, learn, len(kept), rounds, o.Seed, func(n int) { done(tryRounds*len(learn) + n) })
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	features := make([]uint32, len(kept))
	for i, k := range kept {
		features[i] = all.features[k]
	}
	t := quantise(second, features)
	t.Lexicon, t.Banks = c.reader.lexicon, c.reader.terms.DigestOf(model.ReadsTerm)
	return t, c.calibrate(ctx, t)
}

// corpus is all that is learned from.
type corpus struct {
	reader  *reader
	rude    *profanityList
	learn   []labelled.Row
	held    []labelled.Row // to calibrate with
	random  *rand.Rand
	attacks []measure.Attack
}

// collect reads everything, and builds the lexicon.
func collect(o Options) (*corpus, error) {
	c := &corpus{attacks: measure.Attacks(), random: rand.New(rand.NewPCG(o.Seed, 2))} //nolint:gosec // must repeat
	rows, err := labelled.ReadFile(labelled.Text(o.Data, "train_ship.jsonl.gz"))
	if err != nil {
		return nil, err
	}
	dev, err := labelled.ReadFile(labelled.Text(o.Data, "dev_ship.jsonl.gz"))
	if err != nil {
		return nil, err
	}
	if c.rude, err = readProfanity(labelled.Text(o.Data, "lexicon_surge_profanity.csv")); err != nil {
		return nil, err
	}
	banks, err := term.Load(o.Terms)
	if err != nil {
		return nil, err
	}
	if c.reader, err = newReader(banks, normal.NewLexicon(nil)); err != nil {
		return nil, err
	}
	if err := c.rude.setExpletives(c.reader); err != nil {
		return nil, err
	}
	own, err := grammar.Learn(c.rude.lists())
	if err != nil {
		return nil, err
	}
	n := c.reader.normaliser
	counts := map[string]int{}
	rows = thin(rows, o.Step)
	countWords(rows, n, counts)
	countWords(own, n, counts)
	countWords(o.Decisions, n, counts)
	classes, order, err := readClasses(n)
	if err != nil {
		return nil, err
	}
	c.reader.lexicon = buildLexicon(counts, classes, append(order, c.rude.order...))
	c.held = thin(dev, o.Step)
	for i := range rows {
		c.put(rows[i], IsHeld(i, &rows[i]))
	}
	for i := range thin(own, o.Step) {
		c.put(own[i*max(o.Step, 1)], i%8 == 0)
	}
	for range max(o.Repeat, 1) {
		c.learn = append(c.learn, o.Decisions...)
	}
	return c, nil
}

func (c *corpus) put(r labelled.Row, held bool) {
	if held {
		c.held = append(c.held, r)
	} else {
		c.learn = append(c.learn, r)
	}
}

// IsHeld says whether row i of the texts to learn from is held back, to calibrate with:
// the texts for tuning have no plain talk.
func IsHeld(i int, r *labelled.Row) bool { return i%10 == 0 && slices.Contains(plain, r.Source) }

func thin(rows []labelled.Row, step int) []labelled.Row {
	if step <= 1 {
		return rows
	}
	var some []labelled.Row
	for i := 0; i < len(rows); i += step {
		some = append(some, rows[i])
	}
	return some
}

// examples reads rows, some of them also in disguise. Until features are selected,
// they are in rows as they are.
func (c *corpus) examples(ctx context.Context, rows []labelled.Row) ([]example, error) {
	var all []example
	for i := range rows {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		e, err := c.example(&rows[i], rows[i].Text)
		if err != nil {
			return nil, fmt.Errorf("train: row %d: %w", i+1, err)
		}
		all = append(all, e)
		if c.random.Float64() >= disguised {
			continue
		}
		attack := &c.attacks[c.random.IntN(len(c.attacks))]
		again, err := c.example(&rows[i], attack.Disguise(rows[i].Text, c.random))
		if err != nil {
			return nil, err
		}
		again.target, again.weight = e.target, 0.5
		all = append(all, again)
	}
	return all, nil
}

func (c *corpus) example(r *labelled.Row, text string) (example, error) {
	e := example{weight: 1}
	if err := c.reader.read(text, &e.terms); err != nil {
		return example{}, err
	}
	hits := c.rude.in(c.reader.words())
	t := targetOf(r, &e.terms, &hits)
	e.target = &t
	for _, f := range c.reader.features(c.reader.strongest()) {
		e.rows = append(e.rows, int32(f))
	}
	return e, nil
}

// strongest is the form with more disguises undone.
func (r *reader) strongest() *normal.Form {
	if r.text.Plain {
		return &r.text.Raw
	}
	return &r.text.Folded
}

// selectAll numbers the features that are in enough examples.
func (c *corpus) selectAll(examples []example) *selection {
	counts := newTally()
	for i := range examples {
		counts.add(examples[i].rows)
	}
	s := &selection{numbers: map[uint32]int32{}}
	for i := range examples {
		examples[i].rows = s.pick(examples[i].rows, counts, leastSeen)
	}
	return s
}

// strongest gives the most features that matter most, in ascending order of their
// hashes: those that are large and often there.
func (s *selection) strongest(n *network, most int) []int32 {
	worth := make([]float32, len(s.features))
	order := make([]int32, len(s.features))
	for f := range worth {
		order[f] = int32(f)
		for _, v := range n.rows[f][:model.LabelCount] {
			worth[f] += float32(v * v)
		}
		worth[f] *= float32(s.seen[f])
	}
	slices.SortFunc(order, func(a, b int32) int {
		switch {
		case worth[a] != worth[b]:
			if worth[a] > worth[b] {
				return -1
			}
			return 1
		default:
			return int(a - b)
		}
	})
	order = order[:min(most, len(order))]
	slices.SortFunc(order, func(a, b int32) int {
		if s.features[a] < s.features[b] {
			return -1
		}
		return 1
	})
	return order
}

// renumber gives the examples the numbers of the features that were kept.
func renumber(examples []example, kept []int32, features int) {
	numbers := make([]int32, features)
	for i := range numbers {
		numbers[i] = -1
	}
	for i, k := range kept {
		numbers[k] = int32(i)
	}
	for i := range examples {
		rows := examples[i].rows[:0]
		for _, r := range examples[i].rows {
			if n := numbers[r]; n >= 0 {
				rows = append(rows, n)
			}
		}
		examples[i].rows = rows
	}
}

// fit trains a network from its beginning.
func fit(ctx context.Context, examples []example, features, rounds int, seed uint64, done func(int)) *network {
	n := newNetwork(features, seed)
	for f, ratio := range ratios(examples, features) {
		for l, r := range ratio {
			r = min(max(r, -capRatio), capRatio)
			n.rows[f][l] = priorWeight * r
			n.rates[f][l] = floorRate + max(r, -r)
		}
		for d := model.LabelCount; d < model.Width; d++ {
			n.rates[f][d] = 1
		}
	}
	order := make([]int, len(examples))
	for i := range order {
		order[i] = i
	}
	for round := range rounds {
		n.random.Shuffle(len(order), func(a, b int) { order[a], order[b] = order[b], order[a] })
		for k, i := range order {
			if k%1024 == 0 {
				if ctx.Err() != nil {
					return n
				}
				done(round*len(order) + k)
			}
			n.learn(&examples[i])
			if round == rounds-1 && (k+1)%(max(len(order)/averaged, 1)) == 0 {
				n.remember()
			}
		}
	}
	n.average()
	return n
}
