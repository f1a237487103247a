package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/config"
	"github.com/breakwater-project/breakwater/internal/contact"
	"github.com/breakwater-project/breakwater/internal/decide"
	"github.com/breakwater-project/breakwater/internal/policy"
	"github.com/breakwater-project/breakwater/internal/simulate"
)

// scoreAtOnce is how many simulated events are decided in one transaction, at
// most.
const scoreAtOnce = 200

// ScorePolicy decides every event of a simulated world by an engine of its
// own, in a temporary folder, and scores what came out. The engine's clock is
// the world's. The configuration says which policies; progress, if given, is
// told how many events are decided.
func ScorePolicy(ctx context.Context, cfg *config.Config, world *simulate.World, progress func(events int)) (_ simulate.Score, err error) {
	dir, err := os.MkdirTemp("", "breakwater-score-")
	if err != nil {
		return simulate.Score{}, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	own := *cfg
	own.Data, own.DB = dir, ""
	own.Detect.Deadline = time.Minute // a busy machine must not change the score
	s := &scoring{progress: progress}
	engine, closeEngine, err := OpenEngine(ctx, &own, Options{Now: s.clock})
	if err != nil {
		return simulate.Score{}, err
	}
	defer func() { err = errors.Join(err, closeEngine()) }()
	s.engine = engine
	s.board = simulate.NewBoard(world, watching(engine.Rules.Bundle()))
	for ev, truth := range world.Events(ctx) {
		if err := s.add(ctx, ev, truth); err != nil {
			return simulate.Score{}, err
		}
	}
	if err := errors.Join(s.flush(ctx), ctx.Err()); err != nil {
		return simulate.Score{}, err
	}
	return s.board.Score(), nil
}

// scoring decides events in batches in which nobody acts twice, so that what
// follows from a decision is in force when its actor is back.
type scoring struct {
	engine   *decide.Engine
	board    *simulate.Board
	progress func(int)
	now      atomic.Int64 // microseconds: when the present events happen
	events   []event.Event
	truths   []simulate.Truth
	done     int
}

func (s *scoring) clock() time.Time { return time.UnixMicro(s.now.Load()).UTC() }

func (s *scoring) add(ctx context.Context, ev event.Event, truth simulate.Truth) error {
	full := len(s.events) == scoreAtOnce
	for i := range s.events {
		full = full || s.events[i].Actor.ID == ev.Actor.ID
	}
	if full || ev.Type == simulate.Block {
		if err := s.flush(ctx); err != nil {
			return err
		}
	}
	s.now.Store(ev.Time.UnixMicro())
	if ev.Type == simulate.Block {
		if _, err := s.engine.Blocks.Put(ctx, ev.Actor.ID, ev.Audience.Members[0].ID, contact.Block); err != nil {
			return fmt.Errorf("score: block: %w", err)
		}
	}
	s.events, s.truths = append(s.events, ev), append(s.truths, truth)
	return nil
}

func (s *scoring) flush(ctx context.Context) error {
	events := make([]*event.Event, len(s.events))
	for i := range s.events {
		events[i] = &s.events[i]
	}
	answers, err := s.engine.DecideBatch(ctx, events)
	if err != nil {
		return err
	}
	for i := range answers {
		if answers[i].Err != nil {
			return fmt.Errorf("score: %s: %w", events[i].ID, answers[i].Err)
		}
		s.board.Note(events[i], &s.truths[i], &answers[i].Decision)
	}
	s.done += len(events)
	if s.progress != nil {
		s.progress(s.done)
	}
	s.events, s.truths = s.events[:0], s.truths[:0]
	return nil
}

// watching tells the rules that read what is said, done or known of somebody
// from those that read only who is who.
func watching(b *policy.Bundle) func(rule string) bool {
	watches := map[string]bool{}
	for _, r := range b.Rules() {
		for _, read := range []string{"signal(", "count(", "label("} {
			watches[r.ID] = watches[r.ID] || strings.Contains(r.When, read)
		}
	}
	return func(rule string) bool { return watches[rule] }
}
