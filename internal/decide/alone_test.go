package decide_test

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/db"
	"github.com/breakwater-project/breakwater/internal/db/dbtest"
	"github.com/breakwater-project/breakwater/internal/decide"
	"github.com/breakwater-project/breakwater/internal/detect"
)

const aloneRules = `
  - id: watched
    events: [search.query]
    when: content.length > 20
    viewer: inform
    text: A long search.
    effects: [{kind: review, queue: test, priority: 1}]
  - id: remembered
    events: [content.view]
    when: has_attr("marked")
    viewer: inform
    text: Seen.
    effects: [{kind: label, label: seen, target: content}]
`

// aDay is what one child does alone.
func aDay(child string) []*event.Event {
	var events []*event.Event
	for i, typ := range []event.Type{
		event.SessionStart, event.SessionHeartbeat, event.ContentView, event.ProfileView, event.SearchQuery, event.SessionEnd,
	} {
		ev := &event.Event{
			ID: fmt.Sprintf("%s-%d", child, i), Type: typ, Time: noon.Add(time.Duration(i) * time.Minute),
			Actor:      event.Actor{ID: child, Country: "GB", Created: noon.AddDate(-2, 0, -17)},
			Attributes: map[string]any{"device": child + "-phone"},
		}
		switch typ {
		case event.ContentView:
			ev.Content.ID = child + "-picture"
		case event.ProfileView:
			ev.Audience = event.Audience{Scope: event.Direct, Members: []event.Member{{ID: child}}}
		case event.SearchQuery:
			ev.Content = event.Content{ID: child, Text: "a walk"}
			ev.Conversation, ev.Parent = child, child
		default: // of a session, that is all
		}
		events = append(events, ev)
	}
	return events
}

// No table holds the name, nor anything that stands for it, of whoever did
// something alone; the caller is answered as ever, and again the same.
func TestAloneIsNamedNowhere(t *testing.T) {
	dbtest.Each(t, sources(), func(t *testing.T, d *db.DB) {
		r := newRig(t, d, rules(t, aloneRules))
		events := aDay("child-7")
		first, err := r.DecideBatch(t.Context(), events)
		if err != nil {
			t.Fatal(err)
		}
		for i, a := range first {
			if a.Err != nil || a.Decision.Event != events[i].ID {
				t.Fatalf("%s: %v %v", events[i].ID, a.Decision, a.Err)
			}
			again := r.decide(t, events[i])
			if !bytes.Equal(a.Encoded, again.Encoded) {
				t.Errorf("answered\n%s\nthen\n%s", a.Encoded, again.Encoded)
			}
			other := *events[i]
			other.Surface = event.SurfaceOther
			if _, err := r.Decide(t.Context(), &other); !errors.Is(err, decide.ErrConflict) {
				t.Errorf("another body under the same type and id: %v", err)
			}
		}
		if m := first[3].Decision.Members; len(m) != 1 || m[0].ID != "child-7" {
			t.Errorf("the caller is not told of whom: %v", m)
		}
		for _, text := range everyValue(t, d) {
			if strings.Contains(text, "child-7") {
				t.Errorf("the database holds %.300s", text)
			}
		}
		var digests, months int
		query(t, d, `SELECT count(*) FROM journal_entry WHERE content_digest IS NOT NULL`, &digests)
		query(t, d, `SELECT count(*) FROM journal_entry WHERE input LIKE '%"account_days":360%'`, &months)
		if digests != 0 || months != len(events) {
			t.Errorf("%d digests of content, %d ages of accounts to the month; want 0 and %d", digests, months, len(events))
		}
	})
}

// What a rule wants a person to look at has its name, and is the same event.
func TestAloneIsNamedForReview(t *testing.T) {
	r := newRig(t, dbtest.Open(t, dbtest.SQLite(t), sources()...), rules(t, aloneRules))
	ev := &event.Event{
		ID: "s-1", Type: event.SearchQuery, Actor: event.Actor{ID: "child-7"},
		Content: event.Content{Text: strings.Repeat("long ", 10)},
	}
	first := r.decide(t, ev)
	if len(first.Decision.Effects) != 1 || first.Decision.Effects[0].Kind != decision.Review {
		t.Fatalf("effects %v", first.Decision.Effects)
	}
	entry, err := r.Journal.Get(t.Context(), first.Decision.ID)
	if err != nil || entry.Actor != "child-7" || entry.ContentDigest == nil {
		t.Errorf("entry of %q, %v", entry.Actor, err)
	}
	none, err := detect.New(nil, detect.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r.Rules.Replace(rules(t, "  - {id: nothing, events: [search.query], when: \"false\", act: hold, text: Nothing.}\n"), none)
	if again := r.decide(t, ev); !bytes.Equal(first.Encoded, again.Encoded) {
		t.Errorf("answered\n%s\nthen, under other rules,\n%s", first.Encoded, again.Encoded)
	}
}

// A view neither takes the place of what is known of the content, nor keeps a
// rule from labelling it.
func TestViewIsNoDecisionOnContent(t *testing.T) {
	r := newFeed(t, dbtest.Open(t, dbtest.SQLite(t), sources()...), feedRules+aloneRules)
	shown(t, r.feed(t, event.Band10to12, "insult"), decision.Blur)
	r.decide(t, &event.Event{
		ID: "v-1", Type: event.ContentView, Actor: event.Actor{ID: "u-1", Country: "GB"},
		Audience: event.Audience{Scope: event.Public, Members: []event.Member{{ID: "u-2"}}},
		Content:  event.Content{ID: "insult"}, Attributes: map[string]any{"marked": true},
	})
	shown(t, r.feed(t, event.Band10to12, "insult"), decision.Blur)
	labels, err := r.Labels.Of(t.Context(), "", "insult")
	if err != nil || len(labels) != 1 || labels[0] != "content:seen" {
		t.Errorf("labels %v, %v", labels, err)
	}
}

// everyValue is all that the tables hold, as text.
func everyValue(t *testing.T, d *db.DB) []string {
	t.Helper()
	list := `SELECT name FROM sqlite_master WHERE type = 'table'`
	if d.Engine != db.SQLite {
		list = `SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'`
	}
	var tables, values []string
	each(t, d, list, func(rows *sql.Rows) error {
		var name string
		err := rows.Scan(&name)
		tables = append(tables, name)
		return err
	})
	for _, table := range tables {
		each(t, d, `SELECT * FROM "`+table+`"`, func(rows *sql.Rows) error {
			columns, err := rows.Columns()
			if err != nil {
				return err
			}
			row := make([]any, len(columns))
			for i := range row {
				row[i] = new(any)
			}
			if err := rows.Scan(row...); err != nil {
				return err
			}
			for i := range row {
				value := *row[i].(*any)
				if b, ok := value.([]byte); ok {
					value = string(b)
				}
				values = append(values, fmt.Sprintf("%s.%s: %v", table, columns[i], value))
			}
			return nil
		})
	}
	if len(values) == 0 {
		t.Fatal("no table holds anything: the test does not look")
	}
	return values
}

func each(t *testing.T, d *db.DB, text string, f func(*sql.Rows) error) {
	t.Helper()
	if err := db.Query(t.Context(), d.Read, text, nil, f); err != nil {
		t.Fatal(err)
	}
}

func query(t *testing.T, d *db.DB, text string, into ...any) {
	t.Helper()
	if err := d.Read.QueryRowContext(t.Context(), text).Scan(into...); err != nil {
		t.Fatal(err)
	}
}
