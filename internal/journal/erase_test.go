package journal_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/db"
	"github.com/breakwater-project/breakwater/internal/journal"
)

// canary is the account that is erased. It needs escapes in JSON.
const canary = `cana"ry <7>`

// message is a message from one account to others.
func message(from string, to ...string) func(*journal.Entry) {
	return func(e *journal.Entry) {
		type member struct {
			ID string `json:"id"`
		}
		var members []member
		for _, id := range to {
			e.Decision.Members = append(e.Decision.Members, decision.Member{ID: id, Band: event.Band10to12, Outcome: decision.Hold, Rules: []string{}})
			members = append(members, member{id})
		}
		data, _ := json.Marshal(members)
		e.Actor, e.Decision.Outcome = from, decision.Hold
		e.Input = fmt.Appendf(nil, `{"type":"message.send","members":%s,"attributes":{"note":"\"id\":\"u-9\""}}`, data)
	}
}

func erase(t *testing.T, d *db.DB, l *journal.Log, account string) {
	t.Helper()
	if err := d.Tx(t.Context(), func(tx *sql.Tx) error { return l.Erase(t.Context(), tx, account) }); err != nil {
		t.Fatal(err)
	}
}

// dump is every text that the log's tables hold.
func dump(t *testing.T, d *db.DB) string {
	t.Helper()
	var b strings.Builder
	for _, column := range []string{"actor", "content", "decision", "input"} {
		rows, err := d.Read.Query(`SELECT ` + column + ` FROM journal_entry`)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var s string
			if err := rows.Scan(&s); err != nil {
				t.Fatal(err)
			}
			b.WriteString(s + "\n")
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

func TestEraseTakesTheNameOut(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		now := start
		l := open(t, d, journal.Options{Now: func() time.Time { return now }})
		sent := entry(t, l, "sent", message(canary, "u-9"))
		got := entry(t, l, "received", message("u-7", "u-9", canary))
		other := entry(t, l, "other", message("u-7", "u-9"))
		for _, e := range []*journal.Entry{sent, got, other} {
			one(t, l, e)
		}
		many := make([]*journal.Entry, 1200) // more than a step of the sweep
		for i := range many {
			many[i] = entry(t, l, strconv.Itoa(i))
		}
		if _, err := l.Append(t.Context(), many, nil); err != nil {
			t.Fatal(err)
		}
		profile := entry(t, l, "profile", func(e *journal.Entry) { e.Content = canary })
		one(t, l, profile)

		erase(t, d, l, canary)
		pseudonym := erased(t, l, sent, got, other, profile)
		if again := one(t, l, entry(t, l, "received", message("u-7", "u-9", canary))); again.Status != journal.Duplicate ||
			again.Entry.Decision.Members[1].ID != pseudonym {
			t.Errorf("the same event again: %+v", again)
		}

		if comeBack, err := l.Sweep(t.Context()); err != nil || !comeBack {
			t.Errorf("a sweep before all is settled: %v, %v", comeBack, err)
		}
		now = now.Add(2 * journal.Settle)
		if comeBack, err := l.Sweep(t.Context()); err != nil || comeBack {
			t.Errorf("a sweep: %v, %v", comeBack, err)
		}
		if all := dump(t, d); strings.Contains(all, "cana") {
			t.Error("the name is still in the log")
		} else if strings.Count(all, pseudonym) != 4 {
			t.Errorf("the pseudonym is there %d times, want 4", strings.Count(all, pseudonym))
		}
		if n := count(t, d, "journal_erasure"); n != 0 {
			t.Error("the log still knows which account it was")
		}
		if p := erased(t, l, sent, got, other, profile); p != pseudonym {
			t.Errorf("pseudonym was %s, is %s", pseudonym, p)
		}

		// What comes later is another's, or a new beginning.
		later := entry(t, l, "later", message(canary, "u-9"))
		one(t, l, later)
		if e, err := l.Get(t.Context(), later.Decision.ID); err != nil || e.Actor != canary {
			t.Errorf("later entry by %q: %v", e.Actor, err)
		}
	})
}

// erased checks what is read of the entries, and gives the pseudonym.
func erased(t *testing.T, l *journal.Log, sent, got, other, profile *journal.Entry) string {
	t.Helper()
	get := func(e *journal.Entry) journal.Entry {
		read, err := l.Get(t.Context(), e.Decision.ID)
		if err != nil {
			t.Fatal(err)
		}
		if read.Decision.Outcome != e.Decision.Outcome || len(read.Decision.Members) != len(e.Decision.Members) || !json.Valid(read.Input) {
			t.Errorf("erasure changed what was decided on %s", e.Decision.Event)
		}
		return read
	}
	pseudonym := get(sent).Actor
	if !strings.HasPrefix(pseudonym, "erased_") {
		t.Errorf("actor is %q", pseudonym)
	}
	r := get(got)
	if r.Actor != "u-7" || r.Decision.Members[0].ID != "u-9" || r.Decision.Members[1].ID != pseudonym ||
		strings.Contains(string(r.Input)+string(r.Encoded), "cana") || !strings.Contains(string(r.Input), pseudonym) {
		t.Errorf("received: %s by %s", r.Encoded, r.Actor)
	}
	if o := get(other); string(o.Encoded) != string(other.Encoded) || string(o.Input) != string(other.Input) {
		t.Error("an entry that does not name the account was changed")
	}
	if p := get(profile); p.Content != pseudonym {
		t.Errorf("content is %q", p.Content)
	}
	if err := l.Scan(context.Background(), journal.Query{}, func(e journal.Entry) error {
		if e.Actor == canary || strings.Contains(string(e.Input)+string(e.Encoded), "cana") {
			t.Errorf("a scan gives the name, in %s", e.Decision.Event)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return pseudonym
}
