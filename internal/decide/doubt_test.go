package decide_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
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
	"github.com/breakwater-project/breakwater/internal/simulate"
)

// message is a direct message between two whose ages the event claims.
func message(id, from string, age *event.Age, to string, toAge *event.Age) *event.Event {
	return &event.Event{
		ID: id, Type: event.MessageSend, Actor: event.Actor{ID: from, Age: age, Country: "GB"},
		Audience: event.Audience{Scope: event.Direct, Members: []event.Member{{ID: to, Age: toAge, Country: "GB"}}},
		Content:  event.Content{ID: id, Text: "hello"}, Surface: event.SurfaceDM,
	}
}

var adult = &event.Age{Band: event.Band18Plus, Basis: event.BasisVerified}

func TestAccountStoreFails(t *testing.T) {
	dbtest.Each(t, sources(), func(t *testing.T, d *db.DB) {
		r := newShipped(t, d)
		for _, id := range []string{"u-1", "u-2"} {
			if _, err := r.Accounts.Put(t.Context(), id, age.Statement{Country: "GB", Age: adult}, true); err != nil {
				t.Fatal(err)
			}
		}
		before := r.decide(t, message("m-1", "u-1", adult, "u-2", adult)).Decision
		r.exec(t, `ALTER TABLE age_account RENAME TO age_account_away`)
		r.clock.advance(time.Minute)
		during := r.decide(t, message("m-2", "u-1", adult, "u-2", adult))
		r.exec(t, `ALTER TABLE age_account_away RENAME TO age_account`)
		after := r.decide(t, message("m-3", "u-1", adult, "u-2", adult)).Decision
		if before.Outcome != decision.Allow || after.Outcome != decision.Allow || len(after.Degraded) > 0 {
			t.Errorf("before %s, after %s (degraded %v), want allow", before.Outcome, after.Outcome, after.Degraded)
		}
		got := during.Decision
		if got.Outcome < decision.Hold || got.Members[0].Band != event.BandUnknown {
			t.Errorf("outcome %s for band %s, want a stranger held from who may be a child", got.Outcome, got.Members[0].Band)
		}
		wantDegraded(t, &got, "age:accounts")
		if entry, err := r.Journal.Get(t.Context(), got.ID); err != nil || string(entry.Encoded) != string(during.Encoded) {
			t.Errorf("not durable: %v", err)
		}
	})
}

func TestLabelStoreFails(t *testing.T) {
	bundle := rules(t, `
  - id: untrusted
    events: [message.send]
    when: '!label(actor, "trusted")'
    act: hold
    text: Only trusted accounts write.
`)
	dbtest.Each(t, sources(), func(t *testing.T, d *db.DB) {
		r := newRig(t, d, bundle)
		if err := r.Labels.Put(t.Context(), label.Label{Account: "u-1", Kind: "trusted", Source: "test"}); err != nil {
			t.Fatal(err)
		}
		before := r.decide(t, message("m-1", "u-1", nil, "u-2", nil)).Decision
		r.exec(t, `ALTER TABLE label_label RENAME TO label_away`)
		r.clock.advance(time.Minute)
		during := r.decide(t, message("m-2", "u-1", nil, "u-2", nil)).Decision
		r.exec(t, `ALTER TABLE label_away RENAME TO label_label`)
		r.clock.advance(time.Minute)
		after := r.decide(t, message("m-3", "u-1", nil, "u-2", nil)).Decision
		if before.Outcome != decision.Allow || during.Outcome != decision.Hold || after.Outcome != decision.Allow {
			t.Errorf("before %s, during %s, after %s", before.Outcome, during.Outcome, after.Outcome)
		}
		wantDegraded(t, &during, "label:actor", "label:content")
		if !during.Reasons[0].Doubt {
			t.Error("the reason is not marked as a doubt")
		}
	})
}

// wantDegraded checks that the inputs, and only they, are listed, with why.
func wantDegraded(t *testing.T, d *decision.Decision, inputs ...string) {
	t.Helper()
	var got []string
	for _, g := range d.Degraded {
		got = append(got, g.Input)
		if g.Why == "" {
			t.Errorf("%s is missing for no reason", g.Input)
		}
	}
	if !slices.Equal(got, inputs) {
		t.Errorf("degraded %v, want %v", got, inputs)
	}
}

// sees is a detector that owns the signals and does what the test says.
type sees struct {
	signals []string
	detect  func(context.Context, *event.Event) ([]decision.Signal, error)
}

func (s *sees) Name() string      { return "hostile" }
func (s *sees) Version() string   { return "1" }
func (s *sees) Signals() []string { return s.signals }
func (s *sees) Detect(ctx context.Context, ev *event.Event) ([]decision.Signal, error) {
	return s.detect(ctx, ev)
}

// all gives every one of the signals the same score.
func all(signals []string, score float64) func(context.Context, *event.Event) ([]decision.Signal, error) {
	return func(context.Context, *event.Event) ([]decision.Signal, error) {
		out := make([]decision.Signal, len(signals))
		for i, name := range signals {
			out[i] = decision.Signal{Name: name, Score: score}
		}
		return out, nil
	}
}

// secret is what a broken detector says that nobody must read.
const secret = "what-the-detector-saw"

// faults are the ways in which a detector can fail.
func faults(t *testing.T, signals []string) map[string]func(context.Context, *event.Event) ([]decision.Signal, error) {
	over := make(chan struct{})
	t.Cleanup(func() { close(over) })
	return map[string]func(context.Context, *event.Event) ([]decision.Signal, error){
		"hangs for ever": func(context.Context, *event.Event) ([]decision.Signal, error) { <-over; return nil, nil },
		"hangs until told to stop": func(ctx context.Context, _ *event.Event) ([]decision.Signal, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		},
		"panics":        func(context.Context, *event.Event) ([]decision.Signal, error) { panic(secret) },
		"fails":         func(context.Context, *event.Event) ([]decision.Signal, error) { return nil, errors.New(secret) },
		"not a number":  all(signals, math.NaN()),
		"infinite":      all(signals, math.Inf(1)),
		"below zero":    all(signals, -0.1),
		"another's own": all([]string{"text.of-somebody-else"}, 0),
		"twice":         all(slices.Concat(signals, signals), 0),
	}
}

// Whatever a detector does, no viewer of any event meets more than if it had
// seen the worst, and the decision says what was missing.
func TestHostileDetectors(t *testing.T) {
	bundle, err := shipped()
	if err != nil {
		t.Fatal(err)
	}
	signals := readSignals(bundle)
	events := simulated(t, 50)
	worst := newRig(t, dbtest.Open(t, dbtest.SQLite(t), sources()...), bundle, &sees{signals, all(signals, 1)})
	want, err := worst.DecideBatch(t.Context(), events)
	if err != nil {
		t.Fatal(err)
	}
	for name, fault := range faults(t, signals) {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, dbtest.Open(t, dbtest.SQLite(t), sources()...), bundle, &sees{signals, fault})
			got, err := r.DecideBatch(t.Context(), events)
			if err != nil {
				t.Fatal(err)
			}
			for i := range events {
				notLooser(t, &got[i].Decision, &want[i].Decision)
				saysWhatWasMissing(t, bundle, &got[i])
			}
		})
	}
}

func saysWhatWasMissing(t *testing.T, bundle *policy.Bundle, got *decide.BatchAnswer) {
	t.Helper()
	d := &got.Decision
	if len(d.Signals) > 0 {
		t.Errorf("%s: a broken detector gave %v", d.Event, d.Signals)
	}
	if strings.Contains(string(got.Encoded), secret) {
		t.Errorf("%s: the decision repeats what the detector said: %s", d.Event, got.Encoded)
	}
	for _, name := range bundle.Needs(d.Type).Signals {
		i := slices.IndexFunc(d.Degraded, func(g decision.Degraded) bool { return g.Input == "signal:"+name })
		why := "detector:hostile: "
		if strings.HasPrefix(name, "conversation.") { // which hears of it from the detector
			why = "what was said is not known"
		}
		if i < 0 || !strings.HasPrefix(d.Degraded[i].Why, why) {
			t.Fatalf("%s: %s is missing and not among %v", d.Event, name, d.Degraded)
		}
	}
}

// readSignals lists the signals that the bundle's rules read of detectors.
func readSignals(b *policy.Bundle) []string {
	var names []string
	for _, t := range event.Types() {
		names = append(names, b.Needs(t).Signals...)
	}
	names = slices.DeleteFunc(names, func(name string) bool { return strings.HasPrefix(name, "conversation.") })
	slices.Sort(names)
	return slices.Compact(names)
}

// simulated are the first events of a made-up platform.
func simulated(t testing.TB, n int) []*event.Event {
	t.Helper()
	world, err := simulate.New(simulate.Options{Seed: 7})
	if err != nil {
		t.Fatal(err)
	}
	var events []*event.Event
	for ev := range world.Events(t.Context()) {
		if events = append(events, &ev); len(events) == n {
			break
		}
	}
	return events
}

// notLooser checks that nobody meets more by got than by want. Allow and
// inform both deliver.
func notLooser(t *testing.T, got, want *decision.Decision) {
	t.Helper()
	check := func(who string, is, limit decision.Outcome) {
		if max(is, decision.Inform) < max(limit, decision.Inform) {
			t.Errorf("%s %s: %s meets %s, and would meet %s had the worst been seen", want.Type, want.Event, who, is, limit)
		}
	}
	check("the act", got.Outcome, want.Outcome)
	if len(got.Bands) != len(want.Bands) || len(got.Members) != len(want.Members) {
		t.Fatalf("%s: %d bands and %d members, want %d and %d", want.Event, len(got.Bands), len(got.Members), len(want.Bands), len(want.Members))
	}
	for i := range want.Bands {
		check(want.Bands[i].Band.String(), got.Bands[i].Outcome, want.Bands[i].Outcome)
	}
	for i := range want.Members {
		check("a member of "+want.Members[i].Band.String(), got.Members[i].Outcome, want.Members[i].Outcome)
	}
}

// A detector that is missing altogether is missed like one that fails.
func TestNoDetector(t *testing.T) {
	bundle := rules(t, `
  - id: threats
    events: [message.send]
    when: signal("text.threat") >= 0.9
    act: block
    text: A threat.
    effects: [{kind: strike}, {kind: review, queue: threats}]
`)
	r := newRig(t, dbtest.Open(t, dbtest.SQLite(t), sources()...), bundle)
	got := r.decide(t, message("m-1", "u-1", nil, "u-2", nil)).Decision
	if got.Outcome != decision.Block || !got.Reasons[0].Doubt {
		t.Errorf("outcome %s, doubt %t", got.Outcome, got.Reasons[0].Doubt)
	}
	wantDegraded(t, &got, "signal:text.threat")
	if len(got.Effects) != 1 || got.Effects[0].Kind != decision.Review {
		t.Errorf("effects %v: nobody is sanctioned for what was not seen", got.Effects)
	}
}

var _ detect.Detector = (*sees)(nil)
