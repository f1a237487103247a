// Package simulate is a small made-up platform: people of every age who chat,
// post, search and play, and a few who mean harm. It gives the events that
// such a platform would send, with the truth about each on the side.
//
// Everything follows from the seed: the same options give the same bytes. All
// texts are synthetic and plain, from the reviewed files in phrases/; pictures
// are drawn by code.
package simulate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/event"
)

// DefaultStart is when a world begins unless it is told otherwise: a fixed
// Monday, so that a seed means the same bytes on every day.
var DefaultStart = time.Date(2026, 10, 5, 0, 0, 0, 0, time.UTC)

// MaxAccounts bounds a world; friendships are kept in memory.
const MaxAccounts = 200_000

// Options say which world.
type Options struct {
	Seed     uint64
	Accounts int       // 300 unless set
	Days     int       // how long its events go on; 0 is for ever
	Start    time.Time // DefaultStart unless set

	// Half is with which texts stories are told: both unless set.
	Half Half
	// Stories is how often each story is told in each language within Days,
	// which must be limited then. Unless set, stories come up like any scene.
	Stories int
	// Opening begins the world with a stranger who looks for a child, and
	// with the innocent twin of that.
	Opening bool
}

// World is the people of a platform. It does not change after New, and every
// call of Events tells the same story.
type World struct {
	Accounts []Account

	opts   Options
	groups []group
	speech map[string]*grammar
	script map[string]*grammar
}

// Truth is what really goes on in an event; no detector is told.
type Truth struct {
	Event string        `json:"event"`
	Type  event.Type    `json:"type"`
	Kind  decision.Kind `json:"kind,omitempty"` // of harm; "" is none
	Role  Role          `json:"role"`           // of the actor
	Scene string        `json:"scene"`          // what the event is part of
	Turn  int           `json:"turn"`           // which event of its scene, from 1
	Years int           `json:"years"`          // the actor's true age

	// Of a story, which is a scene that is scored.
	Story    string `json:"story,omitempty"`    // which telling; all its events share it
	Twin     string `json:"twin,omitempty"`     // the harmful story that this innocent one resembles
	Stage    string `json:"stage,omitempty"`    // what the event is for: "secret", "move", "threat"
	Point    bool   `json:"point,omitempty"`    // the story's first sexual message or demand of money
	Target   string `json:"target,omitempty"`   // the account that the event is aimed at
	Language string `json:"language,omitempty"` // of the story
}

// Role is what somebody is in a scene.
type Role string

// The roles.
const (
	Person     Role = "person"     // somebody going about their day
	Friend     Role = "friend"     // one of several who get along, or who helps
	Target     Role = "target"     // whom harm is aimed at
	Seeker     Role = "seeker"     // asks for help
	Assistant  Role = "assistant"  // the platform's AI
	Bully      Role = "bully"      // insults, excludes, threatens
	Stranger   Role = "stranger"   // an adult who looks for children
	Controller Role = "controller" // controls a partner
	Spammer    Role = "spammer"    // sells, baits
	Promoter   Role = "promoter"   // praises what hurts: starving, dares
	Offender   Role = "offender"   // means the harm of a story
	Crowd      Role = "crowd"      // joins in with it
	Twin       Role = "twin"       // does in a story what looks like harm, and is not
)

// New makes a world.
func New(opts Options) (*World, error) {
	if opts.Accounts == 0 {
		opts.Accounts = 300
	}
	if opts.Accounts < 1 || opts.Accounts > MaxAccounts {
		return nil, fmt.Errorf("simulate: %d accounts: must be 1 to %d", opts.Accounts, MaxAccounts)
	}
	if opts.Days < 0 {
		return nil, fmt.Errorf("simulate: %d days: must not be negative", opts.Days)
	}
	if opts.Start.IsZero() {
		opts.Start = DefaultStart
	}
	opts.Start = opts.Start.UTC().Truncate(time.Hour)
	if opts.Half != Both && opts.Half != Open && opts.Half != HeldOut {
		return nil, fmt.Errorf("simulate: half %q: must be %s or %s", opts.Half, Open, HeldOut)
	}
	if opts.Stories > 0 && opts.Days == 0 {
		return nil, errors.New("simulate: stories that are told so many times need a number of days")
	}
	speech, err := loadGrammars()
	if err != nil {
		return nil, err
	}
	script, err := loadScripts(opts.Half, speech)
	if err != nil {
		return nil, err
	}
	w := &World{opts: opts, speech: speech, script: script}
	rnd := rand.New(rand.NewPCG(opts.Seed, 1))
	for i := range opts.Accounts {
		w.Accounts = append(w.Accounts, newAccount(rnd, i, opts.Start))
	}
	w.settle(rnd)
	return w, nil
}

// Events tells what happens, in order of time, until the world's days are over
// or ctx is done.
func (w *World) Events(ctx context.Context) iter.Seq2[event.Event, Truth] {
	return func(yield func(event.Event, Truth) bool) {
		s := &stage{
			world: w, scenes: w.scenes(), album: album{seed: w.opts.Seed},
			rnd: rand.New(rand.NewPCG(w.opts.Seed, 2)), people: slices.Clip(w.Accounts), ties: map[[2]int]bool{},
		}
		s.book()
		hours := w.opts.Days * 24
		for hour := 0; w.opts.Days == 0 || hour < hours; hour++ {
			from := w.opts.Start.Add(time.Duration(hour) * time.Hour)
			s.plan(from)
			until := from.Add(time.Hour)
			if hour == hours-1 {
				until = until.AddDate(1, 0, 0) // what has begun is finished
			}
			for _, step := range s.due(until) {
				if ctx.Err() != nil || !yield(step.event, step.truth) {
					return
				}
			}
		}
	}
}

// Write writes every event to events and the truth about each to truth, both
// as JSON lines in the same order. The world's days must be limited.
func (w *World) Write(ctx context.Context, events, truth io.Writer) error {
	if w.opts.Days == 0 {
		return errors.New("simulate: write: a world without end")
	}
	eventLines, truthLines := json.NewEncoder(events), json.NewEncoder(truth)
	eventLines.SetEscapeHTML(false)
	for ev, tr := range w.Events(ctx) {
		if err := eventLines.Encode(&ev); err != nil {
			return fmt.Errorf("simulate: write events: %w", err)
		}
		if err := truthLines.Encode(tr); err != nil {
			return fmt.Errorf("simulate: write truth: %w", err)
		}
	}
	return ctx.Err()
}
