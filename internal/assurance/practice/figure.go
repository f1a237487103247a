package practice

import (
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Figure is one measurement of a method: by whom, when, on whom. It is what a
// provider publishes or an accredited test house reports, never a person's.
type Figure struct {
	Method string    `json:"method"`
	Source string    `json:"source"` // the report it stands in
	Date   time.Time `json:"date"`
	Group  string    `json:"group"` // whom it was measured on, such as "female 16-17"; "all" for everybody
	People int       `json:"people"`
	Metric Metric    `json:"metric"`
	// Age is the challenge age of a rate, in years, and 0 for an error.
	Age   int     `json:"age,omitempty"`
	Value float64 `json:"value"` // years for an error, 0 to 1 for a rate
}

// Metric names what a figure measures.
type Metric string

// Metrics.
const (
	// MeanAbsoluteError is the mean of |estimated − true| age, in years.
	MeanAbsoluteError Metric = "mae"
	// FalsePositiveRate is the share of people under 18 who pass at a challenge age.
	FalsePositiveRate Metric = "false_positive_rate"
	// FalseNegativeRate is the share of adults who are refused at a challenge age.
	FalseNegativeRate Metric = "false_negative_rate"
)

// everybody is the group of a figure that tells no groups apart.
const everybody = "all"

// figureColumns are the columns of a file of figures, in any order.
var figureColumns = []string{"method", "source", "date", "group", "people", "metric", "age", "value"}

// maxFigures bounds a file; NIST's largest table of one algorithm has some 800.
const maxFigures = 100_000

// ReadFigures reads CSV with a head of figureColumns. The error joins one for
// each faulty line, and nothing of a faulty file is used.
func ReadFigures(name string, r io.Reader) ([]Figure, error) {
	reader := csv.NewReader(r)
	reader.ReuseRecord = true
	head, err := reader.Read()
	if err != nil {
		return nil, fmt.Errorf("%s: no head line: %w", name, err)
	}
	column, err := columns(head)
	if err != nil {
		return nil, fmt.Errorf("%s:1: %w", name, err)
	}
	var figures []Figure
	var faults []error
	for {
		record, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return figures, errors.Join(faults...)
		}
		if err != nil {
			return nil, errors.Join(append(faults, fmt.Errorf("%s: %w", name, err))...)
		}
		line, _ := reader.FieldPos(0)
		if len(figures) == maxFigures {
			return nil, fmt.Errorf("%s:%d: more than %d figures", name, line, maxFigures)
		}
		figure, err := readFigure(func(c string) string { return strings.TrimSpace(record[column[c]]) })
		if err != nil {
			faults = append(faults, fmt.Errorf("%s:%d: %w", name, line, err))
		}
		figures = append(figures, figure)
	}
}

func columns(head []string) (map[string]int, error) {
	column := make(map[string]int, len(head))
	for i, name := range head {
		name = strings.TrimSpace(strings.ToLower(strings.TrimPrefix(name, "\ufeff")))
		if !slices.Contains(figureColumns, name) {
			return nil, fmt.Errorf("there is no column %q; there are %s", name, strings.Join(figureColumns, ", "))
		}
		column[name] = i
	}
	for _, name := range figureColumns {
		if _, ok := column[name]; !ok {
			return nil, fmt.Errorf("column %s is missing", name)
		}
	}
	return column, nil
}

func readFigure(field func(string) string) (Figure, error) {
	f := Figure{Method: field("method"), Source: field("source"), Group: field("group"), Metric: Metric(field("metric"))}
	if !methodID.MatchString(f.Method) {
		return f, fmt.Errorf("method %q must be lower-case words joined by _", f.Method)
	}
	if f.Source == "" {
		return f, errors.New("source is missing: a figure that stands nowhere is no evidence")
	}
	if f.Group == "" {
		f.Group = everybody
	}
	var err error
	if f.Date, err = time.Parse(time.DateOnly, field("date")); err != nil {
		return f, fmt.Errorf("date %q is not a day like 2026-11-24", field("date"))
	}
	if f.People, err = strconv.Atoi(field("people")); err != nil || f.People < 1 {
		return f, fmt.Errorf("people %q is not how many were measured", field("people"))
	}
	if f.Value, err = strconv.ParseFloat(field("value"), 64); err != nil || math.IsNaN(f.Value) || f.Value < 0 {
		return f, fmt.Errorf("value %q is not a number from 0", field("value"))
	}
	if age := field("age"); age != "" {
		if f.Age, err = strconv.Atoi(age); err != nil || f.Age < 1 || f.Age > 100 {
			return f, fmt.Errorf("age %q is not a challenge age in years", age)
		}
	}
	return f, f.fits()
}

// fits checks that value and age go with the metric.
func (f *Figure) fits() error {
	switch f.Metric {
	case MeanAbsoluteError:
		if f.Age != 0 {
			return errors.New("age must be empty for mae: an error has no challenge age")
		}
		if f.Value > 50 {
			return fmt.Errorf("value %v is no error in years", f.Value)
		}
	case FalsePositiveRate, FalseNegativeRate:
		if f.Age == 0 {
			return fmt.Errorf("age is missing: a %s belongs to a challenge age", f.Metric)
		}
		if f.Value > 1 {
			return fmt.Errorf("value %v is no rate: rates go from 0 to 1", f.Value)
		}
	default:
		return fmt.Errorf("metric %q is none of %s, %s, %s", f.Metric, MeanAbsoluteError, FalsePositiveRate, FalseNegativeRate)
	}
	return nil
}

// WithFigures is the registry with figures added to its own. Each must be of a
// method that it has.
func (r *Registry) WithFigures(figures []Figure) (*Registry, error) {
	var faults []error
	for i, f := range figures {
		if _, ok := r.Method(f.Method); !ok {
			faults = append(faults, fmt.Errorf("figure %d: there is no method %q", i+1, f.Method))
		}
	}
	return &Registry{methods: r.methods, figures: slices.Concat(r.figures, figures)}, errors.Join(faults...)
}

// Gap is how differently a method treats two groups by one metric.
type Gap struct {
	Method string  `json:"method"`
	Metric Metric  `json:"metric"`
	Age    int     `json:"age,omitempty"`
	Source string  `json:"source"`
	Best   Figure  `json:"best"`
	Worst  Figure  `json:"worst"`
	Size   float64 `json:"size"` // worst less best, in the metric's unit
}

// Gaps are those of each method, metric, age and report that has figures of two
// groups or more, the widest first (R34).
func (r *Registry) Gaps() []Gap {
	type key struct {
		method string
		metric Metric
		age    int
		source string
	}
	found := make(map[key]*Gap)
	for _, f := range r.figures {
		if f.Group == everybody {
			continue
		}
		k := key{f.Method, f.Metric, f.Age, f.Source}
		g := found[k]
		if g == nil {
			found[k] = &Gap{Method: f.Method, Metric: f.Metric, Age: f.Age, Source: f.Source, Best: f, Worst: f}
			continue
		}
		if f.Value < g.Best.Value {
			g.Best = f
		}
		if f.Value > g.Worst.Value {
			g.Worst = f
		}
		g.Size = g.Worst.Value - g.Best.Value
	}
	gaps := make([]Gap, 0, len(found))
	for _, g := range found {
		if g.Best.Group != g.Worst.Group {
			gaps = append(gaps, *g)
		}
	}
	slices.SortFunc(gaps, widest)
	return gaps
}

// widest orders gaps, the widest first, then by what they are of.
func widest(a, b Gap) int {
	return cmp.Or(
		cmp.Compare(b.Size, a.Size), cmp.Compare(a.Method, b.Method), cmp.Compare(a.Metric, b.Metric),
		cmp.Compare(a.Age, b.Age), cmp.Compare(a.Source, b.Source),
	)
}
