package decide

import (
	"context"
	"slices"
	"time"

	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/policy"
)

// Exposure remembers for a day what viewers were shown, by kind of harm. It is
// safe for concurrent use.
type Exposure interface {
	// Shown takes in what the viewer was shown, each item of a kind once however
	// often it comes, and then answers how many different items of each kind
	// asked for there were in its window.
	Shown(ctx context.Context, viewer string, shown []Shown, asked []Asked) ([]float64, error)
}

// Shown is an item of one kind of harm that a viewer was shown.
type Shown struct {
	Item, Kind string
	At         time.Time
}

// Asked is a kind of harm, and for how far back it is asked.
type Asked struct {
	Kind   string
	Window time.Duration // at most policy.MaxBudgetWindow
	At     time.Time
}

// Spent says which budget acts on an item of a feed, and how much of it is used
// by what the viewer was shown before and what stands above it.
type Spent struct {
	Rule string `json:"rule" doc:"The budget's id"`
	Kind string `json:"kind" doc:"The kind of harm that it is about"`
	Used int    `json:"used" doc:"Items of that kind that were shown in the window, or stand above in this list"`
	Of   int    `json:"of" doc:"Items that may be; beyond, an item has rank 0"`
}

// expose notes that the actor of a content.view was shown the content, where a
// budget is about what it is.
func (e *Engine) expose(ctx context.Context, d *draft) {
	if e.Exposure == nil || d.event.Type != event.ContentView || d.event.Content.ID == "" {
		return
	}
	budgets := d.rules.bundle.Budgets(d.input.Actor)
	if len(budgets) == 0 {
		return
	}
	if err := e.noteShown(ctx, d.event.Actor.ID, budgets, []string{d.event.Content.ID}, d.input.Time); err != nil {
		e.logDegraded("what viewers were shown", err)
	}
}

// NoteShown notes that a viewer was shown items of a feed now.
func (e *Engine) NoteShown(ctx context.Context, viewerID string, viewer policy.Subject, items []string) error {
	budgets := e.Rules.Bundle().Budgets(viewer)
	if e.Exposure == nil || viewerID == "" || len(items) == 0 || len(budgets) == 0 {
		return nil
	}
	return e.noteShown(ctx, viewerID, budgets, items, e.Now())
}

func (e *Engine) noteShown(ctx context.Context, viewer string, budgets []policy.Budget, items []string, at time.Time) error {
	vectors, err := e.Contents.get(ctx, items)
	if err != nil {
		return err
	}
	labels, err := e.Labels.OfContents(ctx, items)
	if err != nil {
		return err
	}
	var shown []Shown
	for _, item := range items {
		for _, kind := range kindsOf(vectors[item].kinds, labels[item]) {
			covers := func(b policy.Budget) bool { return b.Covers(kind) }
			if slices.ContainsFunc(budgets, covers) {
				shown = append(shown, Shown{item, kind, at})
			}
		}
	}
	if len(shown) == 0 {
		return nil
	}
	_, err = e.Exposure.Shown(ctx, viewer, shown, nil)
	return err
}

// kindsOf are the kinds of harm of an item: of the rules that applied to it, and
// of what it is labelled.
func kindsOf(kinds, labels []string) []string {
	all := slices.Concat(kinds, labels)
	slices.Sort(all)
	return slices.Compact(all)
}

// ledger is what a feed spends of its viewer's budgets, from the top of the
// list down.
type ledger struct {
	accounts []*account
	byKind   map[string][]*account
}

// account is one kind of harm under one budget.
type account struct {
	policy.Budget
	kind  string
	spent int // in the window, before this list
	here  int // in this list
	most  int // in this list
}

// openLedger reads what the viewer was shown before of the kinds that the items
// are of. Where that can't be read, all of it counts as used.
func (e *Engine) openLedger(ctx context.Context, viewerID string, budgets []policy.Budget, kinds []string, items int) *ledger {
	l := &ledger{byKind: map[string][]*account{}}
	for _, b := range budgets {
		for _, kind := range kinds {
			if b.Covers(kind) {
				a := &account{Budget: b, kind: kind, most: max(1, items*b.Percent/100)}
				l.accounts = append(l.accounts, a)
				l.byKind[kind] = append(l.byKind[kind], a)
			}
		}
	}
	if e.Exposure == nil || viewerID == "" || len(l.accounts) == 0 {
		return l
	}
	asked := make([]Asked, len(l.accounts))
	for i, a := range l.accounts {
		asked[i] = Asked{a.kind, a.Window, e.Now()}
	}
	used, err := e.Exposure.Shown(ctx, viewerID, nil, asked)
	if err != nil {
		e.logDegraded("what viewers were shown", err)
	}
	for i, a := range l.accounts {
		if a.spent = a.Items; err == nil {
			a.spent = int(used[i])
		}
	}
	return l
}

// spend is how much an item of these kinds weighs, 1 to 0, and the budget that
// bounds it the most. An item that is out spends nothing.
func (l *ledger) spend(kinds []string) (weight float64, by Spent) {
	weight = 1
	for _, kind := range kinds {
		for _, a := range l.byKind[kind] {
			if left := a.left(); left < weight {
				weight, by = left, a.state()
			}
		}
	}
	if weight == 0 {
		return 0, by
	}
	for _, kind := range kinds {
		for _, a := range l.byKind[kind] {
			a.here++
		}
	}
	return weight, by
}

// left is the part of the budget that is not used yet.
func (a *account) left() float64 {
	if a.here >= a.most {
		return 0
	}
	return max(0, 1-float64(a.spent+a.here)/float64(a.Items))
}

func (a *account) state() Spent {
	s := Spent{Rule: a.ID, Kind: a.kind, Used: a.spent + a.here, Of: a.Items}
	if a.here >= a.most { // of this list, not of the window
		s.Used, s.Of = a.here, a.most
	}
	return s
}
