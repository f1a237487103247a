package judge

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/detect"
)

// OpinionOptions say what becomes of second opinions.
type OpinionOptions struct {
	// Label puts a label of the kind of harm on content: from then on, rules,
	// feeds and reviewers see it. Required.
	Label func(ctx context.Context, content string, kind decision.Kind) error
	// First is the text detector of now. It looks at each text before it is sent,
	// since the decision may have been made without it: because it failed, or
	// because no rule asked. Required.
	First func() detect.Detector
	// Severity is the least that is labelled; 2 unless set.
	Severity int
	// Shadow counts verdicts and labels nothing.
	Shadow bool

	Workers int // questions at once; 2 unless set
	Waiting int // texts that may wait; 256 unless set
	Log     *slog.Logger
}

// Opinions are second opinions on decisions that are made: nobody waits for
// them. Texts wait in memory only, since nothing may keep them: what still
// waits when the process ends, or finds no room, is not judged, and counted.
type Opinions struct {
	judge   *Judge
	options OpinionOptions
	waiting chan opinion
}

// opinion is one text on its way to the judge.
type opinion struct {
	question Question
	content  string
}

// NewOpinions asks j. Run does the work.
func NewOpinions(j *Judge, o OpinionOptions) *Opinions {
	if o.Severity == 0 {
		o.Severity = 2
	}
	if o.Workers == 0 {
		o.Workers = 2
	}
	if o.Waiting == 0 {
		o.Waiting = 256
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Opinions{judge: j, options: o, waiting: make(chan opinion, o.Waiting)}
}

// Consider has a committed decision's text judged if the detectors were unsure,
// or if a person is to look at it for a kind of harm that there is a policy on.
// It never blocks.
func (o *Opinions) Consider(ev *event.Event, d *decision.Decision) {
	if ev.Content.ID == "" || strings.TrimSpace(ev.Content.Text) == "" {
		return // nothing to label, or to judge
	}
	for _, p := range o.worth(ev, d) {
		one := opinion{content: ev.Content.ID, question: Question{
			Policy: p, Text: ev.Content.Text, Language: ev.Content.Language, Reader: readerOf(ev),
		}}
		select {
		case o.waiting <- one:
		default:
			o.judge.metrics.opinion(p.Kind, "no_room")
		}
	}
}

// worth is the policies to ask by: of doubt, and of escalation.
func (o *Opinions) worth(ev *event.Event, d *decision.Decision) []*Policy {
	worth, err := o.judge.unsure(d.Signals, ev.Private)
	if err == nil && slices.ContainsFunc(d.Degraded, func(g decision.Degraded) bool { return g.Input == "signal:"+neverSent }) {
		err = ErrWithheld // what may not be sent is not known
	}
	if err != nil {
		o.judge.metrics.opinion("", resultOf(err))
		return nil
	}
	if !slices.ContainsFunc(d.Effects, escalates) || !o.judge.sendable(scoreOf(d.Signals, neverSent), ev.Private) {
		return worth
	}
	for i := range o.judge.policies {
		p := &o.judge.policies[i]
		of := func(r decision.Reason) bool { return r.Kind == p.Kind }
		if slices.ContainsFunc(d.Reasons, of) && !slices.Contains(worth, p) {
			worth = append(worth, p)
		}
	}
	return worth
}

// escalates is whether an effect brings people to look.
func escalates(e decision.Effect) bool {
	return e.Kind == decision.Review || e.Kind == decision.Report || e.Kind == decision.Urgent
}

func scoreOf(signals []decision.Signal, name string) (p float64) {
	for _, s := range signals {
		if s.Name == name {
			p = max(p, s.Score)
		}
	}
	return p
}

// Run judges what waits, until ctx ends.
func (o *Opinions) Run(ctx context.Context) {
	var workers sync.WaitGroup
	for range o.options.Workers {
		workers.Go(func() {
			for {
				select {
				case one := <-o.waiting:
					o.judgeOne(ctx, one)
				case <-ctx.Done():
					return
				}
			}
		})
	}
	workers.Wait()
	for {
		select {
		case one := <-o.waiting:
			o.judge.metrics.opinion(one.question.Policy.Kind, "ended")
		default:
			return
		}
	}
}

// judgeOne gives one opinion. Only a clear violation by somebody who is not
// asking for help has a consequence.
func (o *Opinions) judgeOne(ctx context.Context, one opinion) {
	kind := one.question.Policy.Kind
	v, err := o.ask(ctx, one.question)
	result := "clear"
	switch {
	case err != nil:
		result = resultOf(err)
		o.options.Log.Debug("no second opinion", slog.String("kind", string(kind)), slog.String("why", result))
	case v.SeeksHelp:
		result = "seeks_help"
	case v.Severity >= o.options.Severity && o.options.Shadow:
		result = "would_label"
	case v.Severity >= o.options.Severity:
		result = o.label(ctx, one.content, kind)
	case v.Violates:
		result = "mild"
	}
	o.judge.metrics.opinion(kind, result)
}

// ask sends nothing that the text detector has not looked at, or that it finds to be
// what is sent to nobody.
func (o *Opinions) ask(ctx context.Context, q Question) (Verdict, error) {
	ev := event.Event{Content: event.Content{Text: q.Text, Language: q.Language}}
	signals, err := o.options.First().Detect(ctx, &ev)
	if err != nil || scoreOf(signals, neverSent) >= o.judge.options.From {
		return Verdict{}, ErrWithheld
	}
	return o.judge.Ask(ctx, q)
}

// labelTimeout is how long writing a label may take.
const labelTimeout = 10 * time.Second

func (o *Opinions) label(ctx context.Context, content string, kind decision.Kind) (result string) {
	ctx, cancel := context.WithTimeout(ctx, labelTimeout)
	defer cancel()
	if err := o.options.Label(ctx, content, kind); err != nil {
		if !errors.Is(err, context.Canceled) {
			o.options.Log.Warn("a second opinion is not written down", slog.String("kind", string(kind)), slog.Any("error", err))
		}
		return "not_written"
	}
	return "labelled"
}
