package decide_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/age"
	"github.com/breakwater-project/breakwater/internal/counter"
	"github.com/breakwater-project/breakwater/internal/db"
	"github.com/breakwater-project/breakwater/internal/db/dbtest"
	"github.com/breakwater-project/breakwater/internal/decide"
	"github.com/breakwater-project/breakwater/internal/detect"
	"github.com/breakwater-project/breakwater/internal/detect/conversation"
	"github.com/breakwater-project/breakwater/internal/detect/link"
	"github.com/breakwater-project/breakwater/internal/detect/media"
	"github.com/breakwater-project/breakwater/internal/detect/text"
	"github.com/breakwater-project/breakwater/internal/detect/text/term"
	"github.com/breakwater-project/breakwater/internal/journal"
	"github.com/breakwater-project/breakwater/internal/label"
	"github.com/breakwater-project/breakwater/internal/policy"
	"github.com/breakwater-project/breakwater/policies"
)

// noon is when tests begin: the day of the contract's example.
var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// clock is a time that only a test moves.
type clock struct{ micros atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.micros.Store(noon.UnixMicro())
	return c
}

func (c *clock) now() time.Time          { return time.UnixMicro(c.micros.Load()).UTC() }
func (c *clock) advance(d time.Duration) { c.micros.Add(d.Microseconds()) }

// sources are the tables that an engine stands on.
func sources() []db.Source {
	return []db.Source{age.Migrations(), label.Migrations(), journal.Migrations(), decide.Migrations()}
}

// rig is an engine over a database, with a clock of the test's.
type rig struct {
	*decide.Engine
	db    *db.DB
	clock *clock
}

// newRig is an engine that decides by the bundle with what the detectors see.
func newRig(t testing.TB, d *db.DB, bundle *policy.Bundle, detectors ...detect.Detector) *rig {
	t.Helper()
	set, err := detect.New(detectors, detect.Options{Deadline: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	return newRigOf(t, d, bundle, set)
}

func newRigOf(t testing.TB, d *db.DB, bundle *policy.Bundle, set *detect.Set) *rig {
	t.Helper()
	clock := newClock()
	log, err := journal.Open(t.Context(), d, journal.Options{Now: clock.now, Key: [32]byte{1}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Close() })
	vault, err := decide.NewVault(d, [32]byte{2})
	if err != nil {
		t.Fatal(err)
	}
	contents, err := decide.OpenContents(t.Context(), d, [32]byte{3}, clock.now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { contents.Close() })
	hours, err := policy.NewClock()
	if err != nil {
		t.Fatal(err)
	}
	counters, err := counter.OpenMemory(counter.MemoryOptions{Bytes: counter.LeastBytes, Now: clock.now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { counters.Close() })
	return &rig{db: d, clock: clock, Engine: &decide.Engine{
		Counters: counters, Conversations: conversation.New(conversation.Options{Now: clock.now}),
		Accounts: age.New(d, age.Options{Now: clock.now, Youngest: event.Band0to5}),
		Labels:   label.New(d, clock.now),
		Rules:    decide.NewRules(bundle, set),
		Journal:  log,
		Contents: contents,
		Vault:    vault,
		Clock:    hours,
		Youngest: event.Band0to5, ContentKey: [32]byte{3}, Now: clock.now,
	}}
}

// rules compiles a bundle of the rules and nothing else.
func rules(t testing.TB, yaml string) *policy.Bundle {
	t.Helper()
	b, err := policy.Load(fstest.MapFS{
		policy.Manifest: {Data: []byte("bundle: test\n")},
		"rules.yaml":    {Data: []byte("rules:\n" + yaml)},
	}, policy.Options{Shipped: policies.FS, Parts: policies.Parts()})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// shipped is the default bundle, compiled once for all tests.
var shipped = sync.OnceValues(func() (*policy.Bundle, error) {
	return policy.Load(nil, policy.Options{Shipped: policies.FS, Parts: policies.Parts()})
})

// words are the shipped detectors, made once for all tests.
var words = sync.OnceValues(func() (*detect.Set, error) {
	terms, err1 := fs.Sub(policies.FS, "terms")
	hosts, err2 := fs.Sub(policies.FS, "hosts")
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	bank, err1 := term.Load(terms)
	known, err2 := link.Load(hosts)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	detector, err := text.New(bank)
	if err != nil {
		return nil, err
	}
	// Patient, because tests share their machine.
	links := func(ev *event.Event) []string { return ev.Content.Links }
	return detect.New([]detect.Detector{
		detector, link.New(known), media.New(emptyBanks{}, nil), media.NewLinks(emptyBanks{}, links),
	}, detect.Options{Deadline: time.Minute})
})

// emptyBanks know no media and no address, like those of a new installation.
type emptyBanks struct{}

func (emptyBanks) Match(context.Context, media.Item) (media.Known, error) { return media.Known{}, nil }

// newShipped is an engine as the program has it by default.
func newShipped(t testing.TB, d *db.DB) *rig {
	t.Helper()
	bundle, err1 := shipped()
	set, err2 := words()
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	return newRigOf(t, d, bundle, set)
}

// decode reads an event as the API does.
func decode(t testing.TB, text string) *event.Event {
	t.Helper()
	ev, err := event.Decode([]byte(text), noon)
	if err != nil {
		t.Fatal(err)
	}
	return &ev
}

// decide decides an event that must be decided.
func (r *rig) decide(t testing.TB, ev *event.Event) decide.Answer {
	t.Helper()
	a, err := r.Decide(t.Context(), ev)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// exec runs a statement behind the engine's back.
func (r *rig) exec(t testing.TB, statement string, args ...any) {
	t.Helper()
	if _, err := r.db.Write.ExecContext(t.Context(), statement, args...); err != nil {
		t.Fatal(err)
	}
}

// count is how many rows a table has.
func (r *rig) count(t testing.TB, table string) int {
	t.Helper()
	var n int
	if err := r.db.Read.QueryRowContext(t.Context(), `SELECT count(*) FROM `+table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// example is the contract's event, word for word but for the picture.
const example = `{"id":"m-1001","type":"message.send","time":"2026-11-24T10:00:00Z",
 "actor":{"id":"u-7","age":{"band":"18+","basis":"verified"},"country":"GB","created":"2026-11-01T00:00:00Z"},
 "audience":{"scope":"direct","members":[{"id":"u-9","age":{"band":"10-12","basis":"estimated"},"country":"GB","connected":false,"mutuals":0}]},
 "content":{"id":"m-1001","text":"hello","language":"en",
            "media":[{"kind":"image","data":"aGVsbG8=","url":"","sha256":"","pdq":"","mime":"image/jpeg"}],
            "links":["https://example.org/"]},
 "conversation":"c-3","parent":"","surface":"dm","private":true,
 "attributes":{"anything":"the platform's own, readable in rules"}}`

func TestContractExample(t *testing.T) {
	dbtest.Each(t, sources(), func(t *testing.T, d *db.DB) {
		r := newShipped(t, d)
		a := r.decide(t, decode(t, example))
		got := a.Decision
		if !strings.HasPrefix(got.ID, "d_") || got.Event != "m-1001" || got.Type != event.MessageSend || !got.Time.Equal(noon) {
			t.Errorf("decision %s on %s %s at %s", got.ID, got.Type, got.Event, got.Time)
		}
		if got.Outcome != decision.Hold || got.Bands != nil {
			t.Errorf("outcome %s, bands %v", got.Outcome, got.Bands)
		}
		if len(got.Members) != 1 || len(got.Reasons) == 0 || len(got.Effects) == 0 {
			t.Fatalf("%d members, %d reasons, %d effects", len(got.Members), len(got.Reasons), len(got.Effects))
		}
		m := got.Members[0]
		if m.ID != "u-9" || m.Band != event.Band10to12 || m.Outcome != decision.Hold || m.Rules[0] != "contact.stranger-to-child" {
			t.Errorf("member %s %s %s %v", m.ID, m.Band, m.Outcome, m.Rules)
		}
		wantReason := decision.Reason{
			Rule: "contact.stranger-to-child", Kind: "contact.unsolicited_adult", Outcome: decision.Hold,
			Text:     "An account that may be an adult wrote to a child it is not connected with.",
			Measures: []string{"ofcom:ICU-F1"}, Jurisdictions: []string{"GB"},
		}
		if diff := cmp.Diff(wantReason, got.Reasons[0]); diff != "" {
			t.Errorf("first reason (-want +got):\n%s", diff)
		}
		wantEffect := decision.Effect{Kind: decision.Review, Rule: "contact.stranger-to-child", Queue: "contact", Priority: 2}
		if diff := cmp.Diff(wantEffect, got.Effects[0]); diff != "" {
			t.Errorf("first effect (-want +got):\n%s", diff)
		}
		if n := got.Notice; n == nil || n.Audience != "actor" || n.Title == "" || n.Body == "" {
			t.Errorf("notice %+v", n)
		}
		if len(got.Degraded) != 0 || got.Policy.Bundle != "default" || !strings.HasPrefix(got.Policy.Digest, "sha256:") {
			t.Errorf("degraded %v, policy %v", got.Degraded, got.Policy)
		}
		if diff := cmp.Diff([]string{"GB"}, got.Jurisdictions); diff != "" {
			t.Errorf("jurisdictions (-want +got):\n%s", diff)
		}
		var members map[string]json.RawMessage
		if err := json.Unmarshal(a.Encoded, &members); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"id", "event", "type", "time", "outcome", "members", "reasons", "effects", "signals", "notice", "degraded", "policy", "jurisdictions"} {
			if value, ok := members[name]; !ok || string(value) == "null" {
				t.Errorf("%s is %s", name, value)
			}
		}
		entry, err := r.Journal.Get(t.Context(), got.ID)
		if err != nil || !bytes.Equal(entry.Encoded, a.Encoded) {
			t.Errorf("the journal has %s, %v; the answer was %s", entry.Encoded, err, a.Encoded)
		}
	})
}

// plain compares values that print nothing of themselves by their fields.
var plain = cmp.Exporter(func(reflect.Type) bool { return true })

func TestPublishedContentHasAllBands(t *testing.T) {
	r := newShipped(t, dbtest.Open(t, dbtest.SQLite(t), sources()...))
	for _, scope := range []string{"public", "followers", "group"} {
		a := r.decide(t, decode(t, `{"id":"p-`+scope+`","type":"content.create","actor":{"id":"u-1"},
			"audience":{"scope":"`+scope+`"},"content":{"id":"p-`+scope+`","text":"a walk by the sea"}}`))
		var bands []event.Band
		for _, b := range a.Decision.Bands {
			bands = append(bands, b.Band)
		}
		if diff := cmp.Diff(event.Bands(), bands); diff != "" {
			t.Errorf("%s: bands (-want +got):\n%s", scope, diff)
		}
		if a.Decision.Members != nil || a.Decision.Outcome != decision.Allow {
			t.Errorf("%s: members %v, outcome %s", scope, a.Decision.Members, a.Decision.Outcome)
		}
	}
}

func TestIdempotence(t *testing.T) {
	dbtest.Each(t, sources(), func(t *testing.T, d *db.DB) {
		r := newShipped(t, d)
		var seen atomic.Int64
		r.Observe = func(*event.Event, *decision.Decision) { seen.Add(1) }
		first := r.decide(t, decode(t, example))
		r.clock.advance(time.Hour)
		again := r.decide(t, decode(t, strings.Join(strings.Fields(example), " ")))
		if !bytes.Equal(first.Encoded, again.Encoded) || first.Decision.ID != again.Decision.ID {
			t.Errorf("first %s\nagain %s", first.Encoded, again.Encoded)
		}
		if diff := cmp.Diff(first.Decision, again.Decision, plain); diff != "" {
			t.Errorf("the decision of a repetition (-first +again):\n%s", diff)
		}
		if _, err := r.Decide(t.Context(), decode(t, strings.Replace(example, "hello", "hallo", 1))); !errors.Is(err, decide.ErrConflict) {
			t.Errorf("another body: %v", err)
		}
		other := r.decide(t, decode(t, strings.Replace(example, "message.send", "contact.request", 1)))
		if other.Decision.ID == first.Decision.ID {
			t.Error("another type with the same id has the same decision")
		}
		if n := r.count(t, "journal_entry"); n != 2 || seen.Load() != 2 {
			t.Errorf("%d entries, %d observed, want 2 and 2", n, seen.Load())
		}
	})
}

// The same events from all sides at once, single and in batches, in another
// order each time: every event has one decision, and everybody has that one.
func TestParallelStorm(t *testing.T) {
	dbtest.Each(t, sources(), func(t *testing.T, d *db.DB) {
		const events, callers = 40, 8
		r := newShipped(t, d)
		answers := make([][events][]byte, callers)
		var wg sync.WaitGroup
		for c := range callers {
			wg.Go(func() {
				order := rand.New(rand.NewPCG(uint64(c), 0)).Perm(events)
				if c%2 == 0 {
					for _, i := range order {
						a, err := r.Decide(t.Context(), post(i))
						if err != nil {
							t.Errorf("caller %d: %v", c, err)
						}
						answers[c][i] = a.Encoded
					}
					return
				}
				batch := make([]*event.Event, events)
				for at, i := range order {
					batch[at] = post(i)
				}
				all, err := r.DecideBatch(t.Context(), batch)
				if err != nil {
					t.Errorf("caller %d: %v", c, err)
					return
				}
				for at, i := range order {
					answers[c][i] = all[at].Encoded
				}
			})
		}
		wg.Wait()
		ids := map[string]bool{}
		for i := range events {
			for c := range callers {
				if !bytes.Equal(answers[c][i], answers[0][i]) {
					t.Errorf("event %d: caller %d has %s, caller 0 has %s", i, c, answers[c][i], answers[0][i])
				}
			}
			ids[string(answers[0][i])] = true
		}
		if n := r.count(t, "journal_entry"); n != events || len(ids) != events {
			t.Errorf("%d entries, %d different answers, want %d", n, len(ids), events)
		}
	})
}

func post(i int) *event.Event {
	return &event.Event{
		ID: fmt.Sprintf("p-%d", i), Type: event.ContentCreate, Actor: event.Actor{ID: "u-1", Country: "GB"},
		Audience: event.Audience{Scope: event.Public},
		Content:  event.Content{ID: fmt.Sprintf("p-%d", i), Text: fmt.Sprintf("post number %d", i)},
	}
}

func TestBatchInOrderWithRefusals(t *testing.T) {
	dbtest.Each(t, sources(), func(t *testing.T, d *db.DB) {
		r := newShipped(t, d)
		before := r.decide(t, post(3))
		other := post(3)
		other.Content.Text = "something else"
		changed := post(5)
		changed.Content.Text = "changed"
		batch := []*event.Event{post(1), other, post(2), post(3), post(4), post(4), post(5), changed}
		answers, err := r.DecideBatch(t.Context(), batch)
		if err != nil {
			t.Fatal(err)
		}
		for i, a := range answers {
			conflict := i == 1 || i == 7
			if errors.Is(a.Err, decide.ErrConflict) != conflict {
				t.Errorf("answer %d: %v", i, a.Err)
			}
			if !conflict && a.Decision.Event != batch[i].ID {
				t.Errorf("answer %d is on %s, want %s", i, a.Decision.Event, batch[i].ID)
			}
		}
		if !bytes.Equal(answers[3].Encoded, before.Encoded) || !bytes.Equal(answers[4].Encoded, answers[5].Encoded) {
			t.Error("a repetition in the batch has another answer")
		}
		if n := r.count(t, "journal_entry"); n != 5 {
			t.Errorf("%d entries, want 5", n)
		}
	})
}

func TestEmptyBatch(t *testing.T) {
	r := newShipped(t, dbtest.Open(t, dbtest.SQLite(t), sources()...))
	answers, err := r.DecideBatch(t.Context(), nil)
	if err != nil || len(answers) != 0 {
		t.Errorf("%v, %v", answers, err)
	}
}

// A caller who leaves has no answer, and a decision that was made anyway is
// the one that the event has when it comes again.
func TestCallerWhoLeaves(t *testing.T) {
	r := newShipped(t, dbtest.Open(t, dbtest.SQLite(t), sources()...))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Decide(ctx, post(1)); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	r.decide(t, post(1))
	if n := r.count(t, "journal_entry"); n != 1 {
		t.Errorf("%d entries, want 1", n)
	}
}
