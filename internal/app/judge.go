package app

import (
	"context"
	"sync"
	"time"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/detect"
	"github.com/breakwater-project/breakwater/internal/detect/judge"
	"github.com/breakwater-project/breakwater/internal/detect/text"
	"github.com/breakwater-project/breakwater/internal/label"
)

// openJudge makes the judge, where one is configured.
func (a *App) openJudge() error {
	c := &a.cfg.Judge
	if c.URL == "" {
		return nil
	}
	secret, err := a.secret("judge")
	if err != nil {
		return err
	}
	a.judge, err = judge.New(judge.Options{
		URL: c.URL, Key: c.Key.Reveal(), Model: c.Model, Format: judge.Format(c.Format),
		Timeout: c.Timeout, PerMinute: c.PerMinute, PerDay: c.PerDay,
		From: c.From, To: c.To, Private: c.Private,
		Secret: secret, Metrics: a.watch.Metrics, Now: a.options.Now,
	})
	if err != nil {
		return err
	}
	a.opinions = judge.NewOpinions(a.judge, judge.OpinionOptions{
		Label: a.labelContent, First: func() detect.Detector { return a.text.Load() }, Severity: c.Severity, Shadow: c.Shadow, Workers: c.Workers, Log: a.watch.Log,
	})
	return nil
}

// judgeSource is who says what the judge labels.
const judgeSource = "judge"

func (a *App) labelContent(ctx context.Context, content string, kind decision.Kind) error {
	return a.Engine.Labels.Put(ctx, label.Label{Content: content, Kind: string(kind), Source: judgeSource})
}

// judgeDetector is the judge as rules may ask it, none where there is none.
func (a *App) judgeDetector(words *text.Detector) []detect.Detector {
	if a.judge == nil {
		return nil
	}
	return []detect.Detector{judge.NewDetector(a.judge, words)}
}

// deadlines are those of detectors that need another than the others have.
func (a *App) deadlines() map[string]time.Duration {
	return map[string]time.Duration{"judge": a.cfg.Judge.Timeout, "media": a.cfg.Media.Deadline}
}

// observe tells of each new decision. It does not block.
func (a *App) observe(ev *event.Event, d *decision.Decision) {
	a.Console.Observe(ev, d)
	if a.opinions != nil {
		a.opinions.Consider(ev, d)
	}
}

// giveOpinions has second opinions given until stop, which waits for those
// under way to end.
func (a *App) giveOpinions(ctx context.Context) (stop func()) {
	if a.opinions == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { a.opinions.Run(ctx) })
	return func() {
		cancel()
		running.Wait()
	}
}
