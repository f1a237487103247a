package decide_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/age"
	"github.com/breakwater-project/breakwater/internal/db"
	"github.com/breakwater-project/breakwater/internal/db/dbtest"
	"github.com/breakwater-project/breakwater/internal/decide"
	"github.com/breakwater-project/breakwater/internal/detect"
	"github.com/breakwater-project/breakwater/internal/label"
	"github.com/breakwater-project/breakwater/internal/policy"
)

// feedRules show every way in which an item of a feed is judged.
const feedRules = `
  - id: insult
    events: [content.create, content.view]
    when: viewer.minor && signal("text.insult") >= 0.5
    viewer: blur
    kind: bully.direct
    text: An insult.
  - id: unseen
    events: [content.view]
    when: viewer.minor && label(content, "unseen")
    viewer: demote
    text: Nobody has looked at this yet.
  - id: labelled
    events: [content.create, content.view]
    when: viewer.minor && label(content, "ppc.suicide")
    viewer: block
    kind: ppc.suicide
    text: Labelled by the platform.
  - id: porn
    events: [content.create, content.view]
    when: '!viewer.proven_adult && label(content, "ppc.porn")'
    viewer: gate
    kind: ppc.porn
    text: For adults only.
  - id: france
    events: [content.create, content.view]
    when: viewer.minor && content.length > 0
    viewer: hold
    jurisdictions: [FR]
    text: In France nothing is shown.
`

// newFeed is an engine with the items "plain" and "insult" published, by
// u-author and u-bully.
func newFeed(t *testing.T, d *db.DB, yaml string) *rig {
	t.Helper()
	r := newRig(t, d, rules(t, yaml), insults())
	r.publish(t, "plain", "u-author", "a walk by the sea")
	r.publish(t, "insult", "u-bully", "insult")
	return r
}

// insults sees an insult in the text "insult".
func insults() detect.Detector {
	signals := []string{"text.insult"}
	seen := all(signals, 0.9)
	unseen := all(nil, 0)
	return &sees{signals, func(ctx context.Context, ev *event.Event) ([]decision.Signal, error) {
		if ev.Content.Text == "insult" {
			return seen(ctx, ev)
		}
		return unseen(ctx, ev)
	}}
}

func (r *rig) publish(t *testing.T, id, author, text string) decision.Decision {
	t.Helper()
	return r.decide(t, &event.Event{
		ID: id, Type: event.ContentCreate, Actor: event.Actor{ID: author, Country: "GB"},
		Audience: event.Audience{Scope: event.Public}, Content: event.Content{ID: id, Text: text},
	}).Decision
}

// feed filters items for a viewer of a band in the United Kingdom.
func (r *rig) feed(t *testing.T, band event.Band, items ...string) []decide.Ranked {
	t.Helper()
	viewer, err := r.Viewer(t.Context(), "", band, "GB")
	if err != nil {
		t.Fatal(err)
	}
	return r.filter(t, "", viewer, items...)
}

func (r *rig) filter(t *testing.T, id string, viewer policy.Subject, items ...string) []decide.Ranked {
	t.Helper()
	ranked, bundle, err := r.FilterFeed(t.Context(), id, viewer, items)
	if err != nil {
		t.Fatal(err)
	}
	if bundle != r.Rules.Bundle() {
		t.Error("another bundle is named than the one that decides")
	}
	return ranked
}

// shown checks the outcomes of a feed, in its order, and that ranks fit them.
func shown(t *testing.T, got []decide.Ranked, want ...decision.Outcome) {
	t.Helper()
	var outcomes []decision.Outcome
	for _, g := range got {
		outcomes = append(outcomes, g.Outcome)
		if delivered := g.Outcome <= decision.Blur; delivered != (g.Rank > 0) || g.Rank > 1 {
			t.Errorf("%s: outcome %s has rank %v", g.ID, g.Outcome, g.Rank)
		}
	}
	if !slices.Equal(outcomes, want) {
		t.Errorf("outcomes %v, want %v", outcomes, want)
	}
}

func TestFeed(t *testing.T) {
	dbtest.Each(t, sources(), func(t *testing.T, d *db.DB) {
		r := newFeed(t, d, feedRules)
		got := r.feed(t, event.Band10to12, "insult", "plain", "never-seen")
		shown(t, got, decision.Blur, decision.Allow, decision.Demote)
		if got[0].ID != "insult" || got[1].ID != "plain" || got[2].ID != "never-seen" {
			t.Errorf("items %v are not in their order", got)
		}
		if got[1].Rank != 1 || got[0].Rank >= got[1].Rank {
			t.Errorf("ranks %v and %v", got[0].Rank, got[1].Rank)
		}
		shown(t, r.feed(t, event.Band18Plus, "insult", "plain", "never-seen"), decision.Allow, decision.Allow, decision.Allow)
		if len(r.feed(t, event.Band10to12)) != 0 {
			t.Error("an empty feed has items")
		}
	})
}

// A band says nothing of a person: a gate opens to a proven adult only.
func TestFeedOfProvenAdult(t *testing.T) {
	r := newFeed(t, dbtest.Open(t, dbtest.SQLite(t), sources()...), feedRules)
	if _, err := r.Accounts.Put(t.Context(), "u-adult", age.Statement{Country: "GB", Age: adult}, true); err != nil {
		t.Fatal(err)
	}
	if err := r.Labels.Put(t.Context(), label.Label{Content: "plain", Kind: "ppc.porn", Source: "test"}); err != nil {
		t.Fatal(err)
	}
	viewer, err := r.Viewer(t.Context(), "u-adult", event.BandUnknown, "")
	if err != nil {
		t.Fatal(err)
	}
	shown(t, r.filter(t, "u-adult", viewer, "plain", "insult", "never-seen"), decision.Allow, decision.Allow, decision.Allow)
	shown(t, r.feed(t, event.Band18Plus, "plain"), decision.Gate)
	shown(t, r.feed(t, event.Band13to15, "plain"), decision.Gate)
}

func TestFeedLearnsOfLabels(t *testing.T) {
	dbtest.Each(t, sources(), func(t *testing.T, d *db.DB) {
		r := newFeed(t, d, feedRules)
		shown(t, r.feed(t, event.Band10to12, "plain", "never-seen"), decision.Allow, decision.Demote)
		for _, id := range []string{"plain", "never-seen"} {
			l := label.Label{Content: id, Kind: "ppc.suicide", Source: "reviewer", Expires: r.clock.now().Add(time.Hour)}
			if err := r.Labels.Put(t.Context(), l); err != nil {
				t.Fatal(err)
			}
		}
		shown(t, r.feed(t, event.Band10to12, "plain", "never-seen"), decision.Block, decision.Block)
		r.clock.advance(2 * time.Hour)
		shown(t, r.feed(t, event.Band10to12, "plain", "never-seen"), decision.Allow, decision.Demote)
	})
}

// A feed reads the stored vectors and not what was seen then, which would cost
// an evaluation for every item.
func TestFeedReadsVectors(t *testing.T) {
	r := newFeed(t, dbtest.Open(t, dbtest.SQLite(t), sources()...), feedRules)
	r.exec(t, `DELETE FROM journal_entry`)
	shown(t, r.feed(t, event.Band10to12, "insult", "plain"), decision.Blur, decision.Allow)
	viewer, err := r.Viewer(t.Context(), "", event.Band10to12, "FR")
	if err != nil {
		t.Fatal(err)
	}
	if ranked, _, err := r.FilterFeed(t.Context(), "", viewer, []string{"plain"}); err == nil {
		t.Errorf("for a viewer elsewhere a decision that is gone gives %v", ranked)
	}
}

func TestFeedElsewhere(t *testing.T) {
	r := newFeed(t, dbtest.Open(t, dbtest.SQLite(t), sources()...), feedRules)
	viewer, err := r.Viewer(t.Context(), "", event.Band13to15, "FR")
	if err != nil {
		t.Fatal(err)
	}
	shown(t, r.filter(t, "", viewer, "plain", "insult"), decision.Hold, decision.Hold)
	if viewer, err = r.Viewer(t.Context(), "", event.Band13to15, ""); err != nil {
		t.Fatal(err)
	}
	shown(t, r.filter(t, "", viewer, "plain"), decision.Hold)
	shown(t, r.feed(t, event.Band13to15, "plain"), decision.Allow)
}

func TestFeedFollowsPolicy(t *testing.T) {
	r := newFeed(t, dbtest.Open(t, dbtest.SQLite(t), sources()...), feedRules)
	set, err := detect.New([]detect.Detector{insults()}, detect.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r.Rules.Replace(rules(t, `
  - id: insult
    events: [content.create]
    when: viewer.minor && signal("text.insult") >= 0.95
    viewer: block
    text: A worse insult.
  - id: plain
    events: [content.create]
    when: viewer.age_from < 13 && signal("text.insult") < 0.5
    viewer: demote
    text: Nothing is left alone.
`), set)
	// What the detectors saw then is judged by the rules of now.
	shown(t, r.feed(t, event.Band10to12, "insult", "plain"), decision.Allow, decision.Demote)
	shown(t, r.feed(t, event.Band16to17, "insult", "plain"), decision.Allow, decision.Allow)
}

// Whoever may be a child meets what the youngest that they may be would meet.
func TestFeedOfUnknownViewer(t *testing.T) {
	r := newFeed(t, dbtest.Open(t, dbtest.SQLite(t), sources()...), `
  - id: young
    events: [content.create, content.view]
    when: viewer.age_from < 10
    viewer: block
    text: Not for the youngest.
`)
	shown(t, r.feed(t, event.BandUnknown, "plain"), decision.Block)
	stranger, err := r.Viewer(t.Context(), "u-nobody", event.BandUnknown, "")
	if err != nil {
		t.Fatal(err)
	}
	shown(t, r.filter(t, "u-nobody", stranger, "plain", "never-seen"), decision.Block, decision.Block)
	shown(t, r.feed(t, event.Band6to9, "plain"), decision.Block)
	r.Youngest = event.Band13to15
	if stranger, err = r.Viewer(t.Context(), "u-nobody", event.BandUnknown, "GB"); err != nil {
		t.Fatal(err)
	}
	shown(t, r.filter(t, "u-nobody", stranger, "plain"), decision.Allow)
}

// An item's newest decision counts, whichever was written last.
func TestFeedOfChangedItem(t *testing.T) {
	r := newFeed(t, dbtest.Open(t, dbtest.SQLite(t), sources()...), feedRules)
	edited := &event.Event{
		ID: "plain-edited", Type: event.ContentCreate, Actor: event.Actor{ID: "u-author", Country: "GB"},
		Audience: event.Audience{Scope: event.Public}, Content: event.Content{ID: "plain", Text: "insult"},
	}
	r.decide(t, edited)
	shown(t, r.feed(t, event.Band10to12, "plain"), decision.Blur)
	r.publish(t, "plain", "u-author", "a walk by the sea") // the first event again
	shown(t, r.feed(t, event.Band10to12, "plain"), decision.Blur)
}

// Each band of the feed meets what its place in the item's vector says.
func TestFeedOfEveryBand(t *testing.T) {
	r := newShipped(t, dbtest.Open(t, dbtest.SQLite(t), sources()...))
	compared := 0
	for _, ev := range simulated(t, 300) {
		if ev.Content.ID == "" {
			continue
		}
		d := r.decide(t, ev).Decision
		for _, b := range d.Bands {
			viewer, err := r.Viewer(t.Context(), "", b.Band, "GB")
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Contains(d.Jurisdictions, "GB") {
				continue // it is judged again for the viewer's country
			}
			shown(t, r.filter(t, "", viewer, ev.Content.ID), b.Outcome)
			compared++
		}
	}
	if compared < 60 {
		t.Errorf("only %d outcomes were compared", compared)
	}
}

func TestSeeLess(t *testing.T) {
	dbtest.Each(t, sources(), func(t *testing.T, d *db.DB) {
		r := newFeed(t, d, feedRules)
		r.publish(t, "plain-2", "u-author", "a walk in the woods")
		r.publish(t, "insult-2", "u-other", "insult")
		viewer, err := r.Viewer(t.Context(), "u-1", event.BandUnknown, "GB")
		if err != nil {
			t.Fatal(err)
		}
		items := []string{"plain", "plain-2", "insult", "insult-2", "never-seen"}
		before := r.filter(t, "u-1", viewer, items...)
		for _, item := range []string{"plain", "insult", "never-seen"} {
			if err := r.SeeLess(t.Context(), "u-1", item); err != nil {
				t.Fatal(err)
			}
		}
		after := r.filter(t, "u-1", viewer, items...)
		for i, id := range items {
			if after[i].Outcome != before[i].Outcome {
				t.Errorf("%s: outcome %s, was %s: a wish changes no outcome", id, after[i].Outcome, before[i].Outcome)
			}
			switch id {
			case "plain", "insult", "never-seen": // what was asked about is gone
				if after[i].Rank != 0 {
					t.Errorf("%s: rank %v, want 0", id, after[i].Rank)
				}
			default: // of the same author, or of the same kind of harm
				if after[i].Rank <= 0 || after[i].Rank >= before[i].Rank {
					t.Errorf("%s: rank %v, was %v", id, after[i].Rank, before[i].Rank)
				}
			}
		}
		other := r.filter(t, "u-2", viewer, items...)
		for i := range items {
			if other[i] != before[i] {
				t.Errorf("another viewer's %s changed from %v to %v", items[i], before[i], other[i])
			}
		}
		r.clock.advance(91 * 24 * time.Hour)
		if late := r.filter(t, "u-1", viewer, "plain"); late[0].Rank != 1 {
			t.Errorf("rank %v after a season, want 1", late[0].Rank)
		}
	})
}

// By the shipped rules a child's feed does not recommend what nobody has
// looked at.
func TestFeedOfUnseenItemByShippedRules(t *testing.T) {
	r := newShipped(t, dbtest.Open(t, dbtest.SQLite(t), sources()...))
	for _, band := range event.Bands() {
		got := r.feed(t, band, "never-seen")[0]
		if band != event.Band18Plus && got.Outcome < decision.Demote {
			t.Errorf("%s: an item never seen is %s, rank %v", band, got.Outcome, got.Rank)
		}
	}
}
