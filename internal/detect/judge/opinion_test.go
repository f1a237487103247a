package judge_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/detect"
	"github.com/breakwater-project/breakwater/internal/detect/judge"
	"github.com/breakwater-project/breakwater/internal/telemetry"
)

// saw is a detector that sees what it is given.
type saw struct {
	signals []decision.Signal
	fails   error
}

func (saw) Name() string      { return "text" }
func (saw) Version() string   { return "1" }
func (saw) Signals() []string { return nil }
func (s saw) Detect(context.Context, *event.Event) ([]decision.Signal, error) {
	return s.signals, s.fails
}

// first is the detector of every time.
func first(d saw) func() detect.Detector { return func() detect.Detector { return d } }

func seen(name string, score float64) []decision.Signal {
	return []decision.Signal{{Name: name, Score: score}}
}

// labels is where opinions put labels.
type labels struct {
	mu  sync.Mutex
	all []string
}

func (l *labels) put(_ context.Context, content string, kind decision.Kind) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, content+" "+string(kind))
	return nil
}

// counted is a counter's values by their labels.
func counted(t *testing.T, m *telemetry.Metrics, name string) map[string]float64 {
	t.Helper()
	families, err := m.Gatherer().Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, one := range family.GetMetric() {
			var of []string
			for _, l := range one.GetLabel() {
				of = append(of, l.GetValue())
			}
			values[strings.Join(of, " ")] = one.GetCounter().GetValue()
		}
	}
	return values
}

// message is a decision on a text that was seen as the signals say.
func message(text string, signals []decision.Signal) (*event.Event, *decision.Decision) {
	return &event.Event{ID: "e", Content: event.Content{ID: "c", Text: text}}, &decision.Decision{Signals: signals}
}

// run judges what was considered, to the end.
func run(o *judge.Opinions, settled func() bool) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { o.Run(ctx); close(done) }()
	for !settled() {
	}
	cancel()
	<-done
}

// A second opinion is asked for in doubt and on escalation, and labels what is
// clearly harmful, and nobody who seeks help.
func TestOpinions(t *testing.T) {
	help := `{"violates":true,"severity":3,"seeks_help":true,"steers":false}`
	mild := `{"violates":true,"severity":1,"seeks_help":false,"steers":false}`
	review := []decision.Effect{{Kind: decision.Review}}
	for name, tt := range map[string]struct {
		signals []decision.Signal
		change  func(*event.Event, *decision.Decision)
		answer  string
		shadow  bool
		again   saw // what the text detector sees before the text is sent
		labels  []string
		counted map[string]float64
	}{
		"in doubt":         {signals: seen("text.grooming", .5), answer: violates, labels: []string{"c csea.grooming"}, counted: map[string]float64{"csea.grooming labelled": 1}},
		"in shadow":        {signals: seen("text.grooming", .5), answer: violates, shadow: true, counted: map[string]float64{"csea.grooming would_label": 1}},
		"found clear":      {signals: seen("text.grooming", .5), answer: harmless, counted: map[string]float64{"csea.grooming clear": 1}},
		"found mild":       {signals: seen("text.grooming", .5), answer: mild, counted: map[string]float64{"csea.grooming mild": 1}},
		"a call for help":  {signals: seen("text.suicide", .5), answer: help, counted: map[string]float64{"ppc.suicide seeks_help": 1}},
		"an answer broken": {signals: seen("text.grooming", .5), answer: "?", counted: map[string]float64{"csea.grooming malformed": 1}},
		"no doubt, low":    {signals: seen("text.grooming", .29), answer: violates},
		"no doubt, high":   {signals: seen("text.grooming", .8), answer: violates},
		"two doubts": {signals: append(seen("text.grooming", .5), seen("text.insult", .5)...), answer: violates,
			labels:  []string{"c abuse.harassment", "c csea.grooming"},
			counted: map[string]float64{"csea.grooming labelled": 1, "abuse.harassment labelled": 1}},
		"doubt and certainty": {signals: append(seen("text.secrecy", .5), seen("text.grooming", .9)...), answer: violates},
		"escalated": {signals: seen("text.grooming", .9), answer: violates, change: func(_ *event.Event, d *decision.Decision) {
			d.Effects, d.Reasons = review, []decision.Reason{{Kind: "csea.grooming"}, {Kind: "spam.other"}}
		}, labels: []string{"c csea.grooming"}, counted: map[string]float64{"csea.grooming labelled": 1}},
		"private":         {signals: seen("text.grooming", .5), answer: violates, change: func(e *event.Event, _ *decision.Decision) { e.Private = true }, counted: map[string]float64{" withheld": 1}},
		"never sent":      {signals: append(seen("text.grooming", .5), seen("text.sexual_minors", .3)...), answer: violates, counted: map[string]float64{" withheld": 1}},
		"looked at again": {signals: seen("text.grooming", .5), again: saw{signals: seen("text.sexual_minors", .3)}, answer: violates, counted: map[string]float64{"csea.grooming withheld": 1}},
		"not looked at":   {signals: seen("text.grooming", .5), again: saw{fails: errors.ErrUnsupported}, answer: violates, counted: map[string]float64{"csea.grooming withheld": 1}},
		"escalated because nobody looked": {answer: violates, change: func(_ *event.Event, d *decision.Decision) {
			d.Effects, d.Reasons = review, []decision.Reason{{Kind: "csea.grooming", Doubt: true}}
			d.Degraded = []decision.Degraded{{Input: "signal:text.sexual_minors"}}
		}, counted: map[string]float64{" withheld": 1}},
		"without id":   {signals: seen("text.grooming", .5), answer: violates, change: func(e *event.Event, _ *decision.Decision) { e.Content.ID = "" }},
		"without text": {signals: seen("text.grooming", .5), answer: violates, change: func(e *event.Event, _ *decision.Decision) { e.Content.Text = " " }},
	} {
		t.Run(name, func(t *testing.T) {
			metrics := telemetry.NewMetrics()
			j, m := start(t, says(tt.answer), func(o *judge.Options) { o.Metrics = metrics })
			var l labels
			o := judge.NewOpinions(j, judge.OpinionOptions{Label: l.put, First: first(tt.again), Shadow: tt.shadow})
			ev, d := message("some text", tt.signals)
			if tt.change != nil {
				tt.change(ev, d)
			}
			o.Consider(ev, d)
			of := func() map[string]float64 { return counted(t, metrics, "breakwater_judge_opinions_total") }
			run(o, func() bool { return len(of()) >= len(tt.counted) })
			slices.Sort(l.all)
			if !cmp.Equal(tt.labels, l.all) {
				t.Error(cmp.Diff(tt.labels, l.all))
			}
			want := tt.counted
			if want == nil {
				want = map[string]float64{}
			}
			if got := of(); !cmp.Equal(want, got) {
				t.Error(cmp.Diff(want, got))
			}
			for result := range want {
				if strings.HasSuffix(result, " withheld") && m.times() > 0 {
					t.Errorf("%s, and sent", result)
				}
			}
		})
	}
}

// Whoever decides never waits: what finds no room, or is left at the end, is
// counted.
func TestOpinionsDoNotBlock(t *testing.T) {
	metrics := telemetry.NewMetrics()
	j, m := start(t, says(harmless), func(o *judge.Options) { o.Metrics = metrics })
	o := judge.NewOpinions(j, judge.OpinionOptions{Label: new(labels).put, First: first(saw{}), Waiting: 3})
	for i := range 10 {
		o.Consider(message(fmt.Sprint("text ", i), seen("text.grooming", .5)))
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	o.Run(ended)
	got := counted(t, metrics, "breakwater_judge_opinions_total")
	if got["csea.grooming no_room"] != 7 {
		t.Errorf("%v, asked %d times", got, m.times())
	}
	total := 0.0
	for _, n := range got {
		total += n
	}
	if total != 10 {
		t.Errorf("%v: %v of 10 are accounted for", got, total)
	}
}

// As a detector the judge answers only where the first one is unsure; that it
// fails is an error, so that rules take its signals for missing.
func TestDetector(t *testing.T) {
	for name, tt := range map[string]struct {
		first   saw
		answer  http.HandlerFunc
		text    string
		private bool
		want    []decision.Signal
		err     error
	}{
		"in doubt":    {first: saw{signals: seen("text.grooming", .5)}, answer: says(violates), text: "x", want: []decision.Signal{{Name: "judge.csea.grooming", Score: .8}}},
		"found clear": {first: saw{signals: seen("text.grooming", .5)}, answer: says(harmless), text: "x", want: []decision.Signal{{Name: "judge.csea.grooming", Score: 0}}},
		"sure":        {first: saw{signals: seen("text.grooming", .9)}, answer: says(violates), text: "x"},
		"no text":     {first: saw{signals: seen("text.grooming", .5)}, answer: says(violates), text: " "},
		"fails":       {first: saw{signals: seen("text.grooming", .5)}, answer: says("?"), text: "x", err: judge.ErrMalformed},
		"private":     {first: saw{signals: seen("text.grooming", .5)}, answer: says(harmless), text: "x", private: true, err: judge.ErrWithheld},
		"first fails": {first: saw{fails: errors.ErrUnsupported}, answer: says(harmless), text: "x", err: errors.ErrUnsupported},
	} {
		t.Run(name, func(t *testing.T) {
			j, _ := start(t, tt.answer, nil)
			d := judge.NewDetector(j, tt.first)
			ev := &event.Event{Content: event.Content{Text: tt.text}, Private: tt.private}
			got, err := d.Detect(t.Context(), ev)
			if !errors.Is(err, tt.err) || (tt.err == nil) != (err == nil) || (err == nil && len(got)+len(tt.want) > 0 && !cmp.Equal(tt.want, got)) {
				t.Errorf("%v %v, want %v %v", got, err, tt.want, tt.err)
			}
		})
	}
}
