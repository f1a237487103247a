package decide

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/journal"
	"github.com/breakwater-project/breakwater/internal/policy"
)

// MaxFeed is the most items one filter request may hold.
const MaxFeed = 2000

// Ranked is what a viewer may be shown of one item. Rank multiplies the
// platform's own ranking: 1 leaves it, 0 takes the item out.
type Ranked struct {
	ID      string           `json:"id"`
	Outcome decision.Outcome `json:"outcome" enum:"allow,inform,demote,blur,confirm,gate,hold,block"`
	Rank    float64          `json:"rank" minimum:"0" maximum:"1"`
	Budget  Spent            `json:"budget,omitzero" doc:"The budget that lowers the rank, or takes the item out, because the viewer has been shown enough of its kind"`
}

// FilterFeed says which items the viewer may be shown, in the given order. It
// uses the vectors stored with the items' decisions. An item is evaluated
// again where its vector can't know enough: policy has changed since, the
// viewer is somewhere else, or the platform has labelled the item. An item
// never seen is evaluated as unseen content, not assumed safe. What budgets are
// about weighs less, and then nothing, the more of it the viewer was shown, and
// the more of it stands above in the list.
func (e *Engine) FilterFeed(ctx context.Context, viewerID string, viewer policy.Subject, items []string) ([]Ranked, *policy.Bundle, error) {
	bundle := e.Rules.Bundle()
	vectors, err := e.Contents.get(ctx, items)
	if err != nil {
		return nil, nil, err
	}
	labels, err := e.Labels.OfContents(ctx, items)
	if err != nil {
		return nil, nil, fmt.Errorf("decide: feed labels: %w", err)
	}
	less, err := e.Contents.less(ctx, viewerID)
	if err != nil {
		return nil, nil, err
	}
	view := feedView{Engine: e, bundle: bundle, viewer: viewer, places: bundle.PlacesOf(viewer)}
	ranked, kinds := make([]Ranked, len(items)), make([][]string, len(items))
	for i, id := range items {
		v, seen := vectors[id]
		o, err := view.outcome(ctx, &v, seen, labels[id])
		if err != nil {
			return nil, nil, err
		}
		ranked[i] = Ranked{ID: id, Outcome: o, Rank: rank(o, wishes(less, id, &v, labels[id]))}
		kinds[i] = kindsOf(v.kinds, labels[id])
	}
	e.spendBudgets(ctx, viewerID, bundle.Budgets(viewer), ranked, kinds)
	return ranked, bundle, nil
}

// spendBudgets weighs the items that are in the feed by what is left of the
// viewer's budgets, from the top of the list down.
func (e *Engine) spendBudgets(ctx context.Context, viewerID string, budgets []policy.Budget, ranked []Ranked, kinds [][]string) {
	if len(budgets) == 0 {
		return
	}
	present, in := map[string]bool{}, 0
	for i := range ranked {
		if ranked[i].Rank > 0 {
			in++
			for _, kind := range kinds[i] {
				present[kind] = true
			}
		}
	}
	ledger := e.openLedger(ctx, viewerID, budgets, slices.Sorted(maps.Keys(present)), in)
	for i := range ranked {
		if r := &ranked[i]; r.Rank > 0 {
			var weight float64
			weight, r.Budget = ledger.spend(kinds[i])
			r.Rank *= weight
		}
	}
}

// feedView is one viewer's look at a feed.
type feedView struct {
	*Engine
	bundle *policy.Bundle
	viewer policy.Subject
	places []string
	unseen *decision.Outcome // the same for every item never seen
}

func (f *feedView) outcome(ctx context.Context, v *vector, seen bool, labels []string) (decision.Outcome, error) {
	if !seen {
		if len(labels) > 0 {
			return f.unknownItem(ctx, labels), nil
		}
		if f.unseen == nil {
			o := f.unknownItem(ctx, nil)
			f.unseen = &o
		}
		return *f.unseen, nil
	}
	if v.policy != policyMark(f.bundle.Digest()) || len(labels) > 0 || !subset(f.places, v.places) {
		if err := f.again(ctx, v, labels); err != nil {
			return decision.Block, err
		}
	}
	return f.meets(v.bands), nil
}

// unknownItem evaluates the viewing of an item that no decision is known of.
// The label "unseen" lets policy treat it as what it is.
func (f *feedView) unknownItem(ctx context.Context, labels []string) decision.Outcome {
	in := policy.Input{
		Type: event.ContentView, Surface: event.SurfaceFeed, Time: f.Now().UTC(),
		Actor: f.viewer, Protective: f.Youngest, Markets: f.Markets,
		Labels: contentLabels(append([]string{"unseen"}, labels...)),
	}
	r := f.bundle.Eval(ctx, &in)
	return f.proven(r.Outcome)
}

// again evaluates what the item's decision saw under today's bundle, with the
// viewer's place and the platform's labels added, and puts that into v.
func (f *feedView) again(ctx context.Context, v *vector, labels []string) error {
	entry, err := f.Journal.Get(ctx, journal.ID(v.seq))
	if err != nil {
		return fmt.Errorf("decide: feed: %w", err)
	}
	in, err := inputOf(&entry)
	if err != nil {
		return err
	}
	in.Markets = append(slices.Clone(in.Markets), f.places...)
	in.Labels = mergeLabels(in.Labels, contentLabels(labels))
	r := f.bundle.Eval(ctx, &in)
	for i, b := range r.Bands {
		v.bands[i] = b.Outcome
	}
	v.kinds = split(joinKinds(r.Reasons))
	return nil
}

// meets is the strictest outcome over the bands that the viewer may be in.
func (f *feedView) meets(bands [6]decision.Outcome) decision.Outcome {
	o := decision.Allow
	for i, b := range event.Bands() {
		if from, to := b.Interval(); from < f.viewer.To && f.viewer.From < to {
			o = o.Join(bands[i])
		}
	}
	return f.proven(o)
}

// proven opens the gate to whoever has proven to be an adult.
func (f *feedView) proven(o decision.Outcome) decision.Outcome {
	if o == decision.Gate && f.viewer.Proven {
		return decision.Allow
	}
	return o
}

// ranks is how an outcome weighs in a feed: what is not recommended sinks,
// what is not delivered is out.
var ranks = [...]float64{decision.Allow: 1, decision.Inform: 1, decision.Demote: 0.2, decision.Blur: 0.1,
	decision.Confirm: 0, decision.Gate: 0, decision.Hold: 0, decision.Block: 0}

// rank halves for every time the viewer asked to see less of the like.
func rank(o decision.Outcome, wishes int) float64 {
	if wishes < 0 {
		return 0
	}
	return ranks[o] * math.Pow(0.5, float64(min(wishes, 10)))
}

// wishes counts how often the viewer asked for less of what the item is; below
// zero where they asked not to see the item itself.
func wishes(less map[string]int, id string, v *vector, labels []string) int {
	if len(less) == 0 {
		return 0
	}
	if less["item:"+id] > 0 {
		return -1
	}
	n := less["author:"+v.author]
	for _, kind := range v.kinds {
		n += less["kind:"+kind]
	}
	for _, l := range labels {
		n += less["label:"+l]
	}
	return n
}

// seeLess notes that a viewer wants less of what an item is.
func (e *Engine) seeLess(ctx context.Context, viewer, item string) error {
	labels, err := e.Labels.OfContents(ctx, []string{item})
	if err != nil {
		return fmt.Errorf("decide: see less: %w", err)
	}
	return e.Contents.seeLess(ctx, viewer, item, labels[item])
}

func contentLabels(kinds []string) []string {
	labels := make([]string, len(kinds))
	for i, k := range kinds {
		labels[i] = "content:" + k
	}
	return mergeLabels(labels, nil)
}

// mergeLabels is the sorted union.
func mergeLabels(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

func subset(a, b []string) bool {
	for _, x := range a {
		if !slices.Contains(b, x) {
			return false
		}
	}
	return true
}

// chunks yields the items in parts that fit one statement.
func chunks(items []string) iter.Seq[[]string] { return slices.Chunk(items, chunk) }

func anys(items []string) []any {
	out := make([]any, len(items))
	for i, s := range items {
		out[i] = s
	}
	return out
}

// Viewer is the subject that a feed request means: a known account by id, or
// whoever is of a band in a country, as in the vectors: nothing else is known
// of them, and nobody is proven.
func (e *Engine) Viewer(ctx context.Context, id string, band event.Band, country string) (policy.Subject, error) {
	now := e.Now()
	if id == "" {
		s := e.subject(nil, false, "", nil, country, time.Time{}, now)
		if band != event.BandUnknown {
			s.Band, s.Basis = band, event.BasisDeclared
			s.From, s.To = band.Interval()
		}
		return s, nil
	}
	accounts, err := e.Accounts.Of(ctx, []string{id})
	if err != nil {
		return policy.Subject{}, fmt.Errorf("decide: viewer: %w", err)
	}
	return e.subject(accounts, false, id, nil, country, time.Time{}, now), nil
}
