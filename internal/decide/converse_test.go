package decide_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/db"
	"github.com/breakwater-project/breakwater/internal/db/dbtest"
	"github.com/breakwater-project/breakwater/internal/detect/conversation"
)

// course is one adult's side of a talk with a child, plain and not graphic.
var course = []string{
	"hi, how old are you?",
	"you are so mature for your age, nobody understands you like me",
	"don't tell your parents that we talk, it is our secret",
	"let's talk on another app instead, add me there",
}

func said(i int, text string) *event.Event {
	return &event.Event{
		ID: fmt.Sprint("m-", i), Type: event.MessageSend, Time: noon.Add(time.Duration(i) * time.Hour), Private: true,
		Surface: event.SurfaceDM, Conversation: "c",
		Actor: event.Actor{ID: "adult", Country: "GB", Age: &event.Age{Band: event.Band18Plus, Basis: event.BasisVerified}},
		Audience: event.Audience{Scope: event.Direct, Members: []event.Member{{
			ID: "child", Country: "GB", Age: &event.Age{Band: event.Band10to12, Basis: event.BasisDeclared},
		}}},
		Content: event.Content{ID: fmt.Sprint("m-", i), Text: text, Language: "en"},
	}
}

// grooming is that signal of a decision.
func grooming(d *decision.Decision) decision.Signal {
	i := slices.IndexFunc(d.Signals, func(s decision.Signal) bool { return s.Name == conversation.Grooming })
	if i < 0 {
		return decision.Signal{}
	}
	return d.Signals[i]
}

func newTalk(t *testing.T, d *db.DB) *rig {
	t.Helper()
	set, err := words()
	if err != nil {
		t.Fatal(err)
	}
	return newRigOf(t, d, rules(t, `  - {id: course, events: [message.send], when: 'viewer.minor && signal("conversation.grooming") >= 0.6', viewer: hold, kind: csea.grooming, text: "The course.", source: test}
`), set)
}

// What no single message shows is seen once several came, one by one or in a
// batch alike, and the decision says what it stands on.
func TestConversationTakesItsCourse(t *testing.T) {
	dbtest.Each(t, sources(), func(t *testing.T, d *db.DB) {
		r := newTalk(t, d)
		r.clock.advance(24 * time.Hour)
		var last decision.Decision
		for i, text := range course {
			last = r.decide(t, said(i, text)).Decision
			if i == 0 && (last.Outcome != decision.Allow || grooming(&last).Score >= 0.5) {
				t.Errorf("a first message: %s, %v", last.Outcome, last.Signals)
			}
		}
		if g := grooming(&last); last.Outcome != decision.Hold || len(g.Evidence) == 0 {
			t.Errorf("in the end: %s, %v", last.Outcome, last.Signals)
		}
		again := r.decide(t, said(3, course[3])).Decision
		if diff := cmp.Diff(grooming(&last), grooming(&again)); diff != "" {
			t.Errorf("the same event again:\n%s", diff)
		}
	})
	dbtest.Each(t, sources(), func(t *testing.T, d *db.DB) {
		r := newTalk(t, d)
		r.clock.advance(24 * time.Hour)
		var events []*event.Event
		for i, text := range course {
			events = append(events, said(i, text))
		}
		answers, err := r.DecideBatch(t.Context(), events)
		if err != nil || answers[3].Decision.Outcome != decision.Hold || answers[0].Decision.Outcome != decision.Allow {
			t.Errorf("in a batch: %v, %v", err, answers)
		}
	})
}

// After a start the journal tells how conversations went, with no text in it.
func TestConversationIsRemembered(t *testing.T) {
	dbtest.Each(t, sources(), func(t *testing.T, d *db.DB) {
		r := newTalk(t, d)
		r.clock.advance(24 * time.Hour)
		for i, text := range course[:3] {
			r.decide(t, said(i, text))
		}
		before := r.Conversations
		r.Conversations = conversation.New(conversation.Options{Now: r.clock.now})
		if err := r.Remember(t.Context(), r.clock.now().Add(-r.Rules.Longest()), nil); err != nil {
			t.Fatal(err)
		}
		got := r.decide(t, said(3, course[3])).Decision
		r.Conversations = before
		want := r.decide(t, said(4, course[3])).Decision
		if g := grooming(&got); got.Outcome != decision.Hold || g.Score < 0.6 || want.Outcome != decision.Hold {
			t.Errorf("after a start %s %v, before %v", got.Outcome, g, grooming(&want))
		}
	})
}
