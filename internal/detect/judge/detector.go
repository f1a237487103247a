package judge

import (
	"context"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/detect"
)

// Detector gives verdicts as signals, "judge." and the kind of harm, to rules
// that read them: only events of such rules ask, and wait. A text that the
// first detector is sure of is not sent, and scores 0 here.
type Detector struct {
	judge *Judge
	first detect.Detector
}

// NewDetector is a detector that asks j where first is unsure.
func NewDetector(j *Judge, first detect.Detector) *Detector { return &Detector{j, first} }

// Name is "judge".
func (d *Detector) Name() string { return "judge" }

// Version is the judge's.
func (d *Detector) Version() string { return d.judge.Version() }

// Signals lists the signals, sorted.
func (d *Detector) Signals() []string { return Signals() }

// Detect asks about every kind of harm that the first detector is unsure of. An
// error means that one of them has no verdict; then nothing is known.
func (d *Detector) Detect(ctx context.Context, ev *event.Event) ([]decision.Signal, error) {
	if strings.TrimSpace(ev.Content.Text) == "" {
		return nil, nil
	}
	seen, err := d.first.Detect(ctx, ev)
	if err != nil {
		return nil, err
	}
	worth, err := d.judge.unsure(seen, ev.Private)
	if err != nil {
		return nil, err
	}
	signals := make([]decision.Signal, len(worth))
	group, ctx := errgroup.WithContext(ctx)
	for i, p := range worth {
		group.Go(func() error {
			v, err := d.judge.Ask(ctx, Question{Policy: p, Text: ev.Content.Text, Language: ev.Content.Language, Reader: readerOf(ev)})
			signals[i] = decision.Signal{Name: p.Signal(), Score: v.Score()}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return signals, nil
}

// readerOf says who may read an event's content, so far as the event says.
func readerOf(ev *event.Event) string {
	if len(ev.Audience.Members) == 0 {
		return ReaderAnyone
	}
	for i := range ev.Audience.Members {
		if age := ev.Audience.Members[i].Age; age == nil || age.Band != event.Band18Plus {
			return ReaderChild
		}
	}
	return ReaderAdult
}
