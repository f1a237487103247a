package measure

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/breakwater-project/breakwater/internal/detect/text"
	"github.com/breakwater-project/breakwater/internal/detect/text/labelled"
)

// A Report is what was measured on labelled texts. It holds numbers and no text.
type Report struct {
	Name      string // of the texts
	Model     string // version
	Texts     int
	Labels    []LabelReport
	Groups    []GroupReport
	Functions []FunctionReport
	Attacks   []AttackReport
	Benign    OverReport // texts of which every known label is 0
	Distress  OverReport // texts labelled as disclosure or self_harm
	PerText   time.Duration
	Bytes     int // of the mean text
}

// A LabelReport is how well one label is found.
type LabelReport struct {
	Label       text.Label
	Yes, No     int
	AUPRC       float64
	AtThousand  Rate // recall at 0.1 % false positives
	AtHundred   Rate // recall at 1 % false positives
	Flag        float64
	AtFlag      Table
	Calibration [10]Bin
	Error       float64 // of calibration, expected
	Curve       []Point
}

// A Point is one of a curve of precision over recall.
type Point struct{ Recall, Precision float64 }

// A GroupReport is how texts fare that speak of one group of people.
type GroupReport struct {
	Group  string
	Wrong  Rate // of texts without hate, those flagged for hate or as an attack on a group
	Missed Rate // of texts with hate, those not flagged
}

// A FunctionReport is how one function of a test suite is passed.
type FunctionReport struct {
	Function string
	Right    Rate
}

// An AttackReport is how much is still found in disguise.
type AttackReport struct {
	Attack string
	Clean  int  // texts found in plain
	Kept   int  // of them and others, found in disguise
	Wrong  Rate // benign texts flagged in disguise
}

// Kept as a share of Clean.
func (a AttackReport) Share() float64 { return float64(a.Kept) / float64(max(a.Clean, 1)) }

// An OverReport is what is flagged that should not be.
type OverReport struct {
	Flagged Rate // for any harm: not disclosure, and not profanity alone
	Labels  [text.LabelCount]int
}

// Options say what to measure besides the labels.
type Options struct {
	Name     string
	Attacks  bool
	Progress func(done, total int)
}

// evaluation gathers what a Report is made of.
type evaluation struct {
	detector  *text.Detector
	samples   [text.LabelCount]Sample
	groups    map[string]*[4]int // wrong, of, missed, of
	functions map[string]*[2]int // right, of
	benign    [2]int             // flagged, of
	distress  [2]int
	over      [2][text.LabelCount]int
	progress  func(int)
}

// Evaluate measures d on rows.
func Evaluate(ctx context.Context, d *text.Detector, rows []labelled.Row, o Options) (*Report, error) {
	e := &evaluation{detector: d, groups: map[string]*[4]int{}, functions: map[string]*[2]int{}}
	rounds := 1
	if o.Attacks {
		rounds += len(Attacks())
	}
	done := 0
	e.progress = func(n int) {
		if o.Progress != nil {
			o.Progress(done*len(rows)+n, rounds*len(rows))
		}
	}
	r := &Report{Name: o.Name, Model: d.Version(), Texts: len(rows)}
	bytes, scoring := 0, time.Duration(0)
	var s text.Scores
	for i := range rows {
		if i%256 == 0 {
			e.progress(i)
		}
		began := time.Now()
		if err := d.Score(ctx, rows[i].Text, &s); err != nil {
			return nil, err
		}
		scoring += time.Since(began)
		bytes += len(rows[i].Text)
		e.add(&rows[i], &s)
	}
	if len(rows) > 0 {
		r.PerText, r.Bytes = scoring/time.Duration(len(rows)), bytes/len(rows)
	}
	e.report(r)
	if !o.Attacks {
		return r, nil
	}
	for _, attack := range Attacks() {
		done++
		a, err := e.attack(ctx, rows, attack)
		if err != nil {
			return nil, err
		}
		r.Attacks = append(r.Attacks, a)
	}
	return r, nil
}

func (e *evaluation) add(r *labelled.Row, s *text.Scores) {
	for _, l := range text.Labels() {
		if v, known := r.Labels[l.String()]; known {
			e.samples[l].Add(s.Of[l], v == 1)
		}
	}
	flagged := e.detector.Flagged(s)
	switch {
	case inDistress(r):
		count(&e.distress, &e.over[1], e.detector, s, flagged)
	case benign(r):
		count(&e.benign, &e.over[0], e.detector, s, flagged)
	}
	if v, known := r.Labels["hate"]; known && r.Group != "" {
		e.addGroup(r.Group, v == 1, e.hateful(s))
	}
	if r.Function != "" {
		f := e.functions[r.Function]
		if f == nil {
			f = new([2]int)
			e.functions[r.Function] = f
		}
		f[1]++
		if e.right(r, s) {
			f[0]++
		}
	}
}

func (e *evaluation) hateful(s *text.Scores) bool {
	return s.Of[text.Hate] >= e.detector.Threshold(text.Hate) || s.Of[text.IdentityAttack] >= e.detector.Threshold(text.IdentityAttack)
}

// right is whether every label is flagged that should be, or one of them where several
// go together, and none that should not.
func (e *evaluation) right(r *labelled.Row, s *text.Scores) bool {
	yes, hit := false, false
	for _, l := range text.Labels() {
		v, known := r.Labels[l.String()]
		over := s.Of[l] >= e.detector.Threshold(l)
		switch {
		case !known || l == text.Profanity && v == 0:
		case v == 1:
			yes, hit = true, hit || over
		case over:
			return false
		}
	}
	return hit || !yes
}

func (e *evaluation) addGroup(group string, hate, flagged bool) {
	g := e.groups[group]
	if g == nil {
		g = new([4]int)
		e.groups[group] = g
	}
	switch {
	case !hate:
		g[1]++
		if flagged {
			g[0]++
		}
	default:
		g[3]++
		if !flagged {
			g[2]++
		}
	}
}

func count(n *[2]int, by *[text.LabelCount]int, d *text.Detector, s *text.Scores, flagged bool) {
	n[1]++
	if flagged {
		n[0]++
	}
	for _, l := range text.Labels() {
		if s.Of[l] >= d.Threshold(l) {
			by[l]++
		}
	}
}

// inDistress is whether somebody speaks of their own distress.
func inDistress(r *labelled.Row) bool {
	return r.Labels["self_harm"] == 1 || r.Labels["self_harm_disclosure"] == 1
}

// oneLabel are sources that were labelled for one kind of harm and come from places
// full of others: what lacks that label is not thereby benign.
var oneLabel = []string{"edos", "hatemoji_build"}

func benign(r *labelled.Row) bool {
	for _, v := range r.Labels {
		if v != 0 {
			return false
		}
	}
	return len(r.Labels) > 0 && !slices.Contains(oneLabel, r.Source)
}

func (e *evaluation) report(r *Report) {
	for _, l := range text.Labels() {
		s := &e.samples[l]
		yes, no := s.Counts()
		if yes == 0 {
			continue
		}
		one := LabelReport{Label: l, Yes: yes, No: no, AUPRC: s.AUPRC(), Flag: e.detector.Threshold(l), Curve: s.curve()}
		one.AtThousand, _ = s.RecallAt(0.001)
		one.AtHundred, _ = s.RecallAt(0.01)
		one.AtFlag = s.At(one.Flag)
		one.Calibration, one.Error = s.Calibration()
		r.Labels = append(r.Labels, one)
	}
	for _, name := range sortedNames(e.groups) {
		g := e.groups[name]
		r.Groups = append(r.Groups, GroupReport{name, RateOf(g[0], g[1]), RateOf(g[2], g[3])})
	}
	for _, name := range sortedNames(e.functions) {
		f := e.functions[name]
		r.Functions = append(r.Functions, FunctionReport{name, RateOf(f[0], f[1])})
	}
	r.Benign = OverReport{RateOf(e.benign[0], e.benign[1]), e.over[0]}
	r.Distress = OverReport{RateOf(e.distress[0], e.distress[1]), e.over[1]}
}

func sortedNames[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// curve gives at most about 200 points of precision over recall.
func (s *Sample) curve() []Point {
	yes, _ := s.Counts()
	order := s.sorted()
	var points []Point
	hits, step := 0, max(1, yes/200)
	for i, at := range order {
		if !s.Yes[at] {
			continue
		}
		hits++
		if hits%step == 0 || hits == yes {
			points = append(points, Point{float64(hits) / float64(yes), float64(hits) / float64(i+1)})
		}
	}
	return points
}

// attack measures one attack: a text counts as found if a label that it has is flagged.
func (e *evaluation) attack(ctx context.Context, rows []labelled.Row, attack Attack) (AttackReport, error) {
	random := rand.New(rand.NewPCG(11, 11)) //nolint:gosec // must repeat, need not be secret
	a := AttackReport{Attack: attack.Name}
	wrong, of := 0, 0
	var s text.Scores
	for i := range rows {
		if i%256 == 0 {
			e.progress(i)
		}
		r := &rows[i]
		if !hasHarm(r) && !benign(r) {
			continue
		}
		if err := e.detector.Score(ctx, r.Text, &s); err != nil {
			return a, err
		}
		if hasHarm(r) && e.found(r, &s) {
			a.Clean++
		}
		if err := e.detector.Score(ctx, attack.Disguise(r.Text, random), &s); err != nil {
			return a, err
		}
		switch {
		case hasHarm(r):
			if e.found(r, &s) {
				a.Kept++
			}
		default:
			of++
			if e.detector.Flagged(&s) {
				wrong++
			}
		}
	}
	a.Wrong = RateOf(wrong, of)
	return a, nil
}

func hasHarm(r *labelled.Row) bool {
	for name, v := range r.Labels {
		if l, ok := text.ParseLabel(name); ok && v == 1 && l != text.SelfHarmDisclosure && l != text.Profanity {
			return true
		}
	}
	return false
}

func (e *evaluation) found(r *labelled.Row, s *text.Scores) bool {
	for _, l := range text.Labels() {
		if r.Labels[l.String()] == 1 && s.Of[l] >= e.detector.Threshold(l) {
			return true
		}
	}
	return false
}
