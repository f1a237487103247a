package app_test

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/app"
	"github.com/breakwater-project/breakwater/internal/config"
	"github.com/breakwater-project/breakwater/internal/db"
)

// nobody is what is said of a table that is about no person.
const nobody = ""

// rowsOf says of every table what one row of it is, if it is of a person, and so
// why the table can't be a diary of how they used the platform. A new table has
// to be looked at before it can be here.
var rowsOf = map[string]string{
	"age_account": "one for an account: where it is and since when there is it",
	"age_signal":  "one for an account and a source: how old it says the person is",

	"assurance_appeal":  "an appeal that the person made against an age check",
	"assurance_consent": "one for an account and a purpose: what a guardian agreed to",
	"assurance_count":   nobody,
	"assurance_grant":   nobody,
	"assurance_request": nobody,
	"assurance_session": "an age check under way; it goes when it expires",

	"contact_account": "one for an account: that it wants to hear from nobody it doesn't know",
	"contact_block":   "one for a pair: that one blocked or muted the other",

	"decide_content":   "one for an item: the mark of its author, not its time",
	"decide_less":      "one for a mark and what it is about: a wish to see less of it, by the day",
	"decide_preserved": "an event that a rule preserved as evidence, sealed",

	"journal_entry":   "a decision; what somebody did alone names nobody: see TestAChildsDay",
	"journal_erasure": "an account that is being erased",
	"journal_rollup":  nobody,
	"journal_start":   nobody,
	"journal_tag":     nobody,

	"label_label": "one for an account or item and a kind: what the platform or a rule knows of it",

	"sanction_entry":   "a sanction, so that the person can have it undone",
	"sanction_waiting": "a sanction that waits for a person's look",
	"sanction_day":     nobody,
	"sanction_past":    nobody,
	"sanction_breaker": "a rule; the person is the moderator who acted",
	"sanction_action":  "what a moderator did about a rule",

	"urgent_entry": "a decision that somebody must look at now, naming nobody; the persons are moderators",

	"wellbeing_usage": nobody,

	"db_migration": nobody, "db_probe": nobody, "exchange_sync": nobody,
	"hashlist_bank": nobody, "hashlist_cursor": nobody, "hashlist_entry": nobody, "hashlist_hit": nobody, "hashlist_state": nobody,
	"hashlist_feedback": "a verdict; who is the moderator who gave it",
	"keys_key":          nobody,
	"river_job":         nobody, "river_leader": nobody, "river_migration": nobody, "river_notification": nobody, "river_queue": nobody,
	"sqlite_sequence": nobody,
	"token_directory": nobody, "token_key": nobody, "token_seal": nobody, "token_spent": nobody,
}

// personal are the names of columns that name somebody, or stand for them.
var personal = []string{"account", "actor", "viewer", "member", "members", "person", "user", "child", "who", "other", "author", "owner", "profile_of", "sender", "recipient"}

// Every table is known for what its rows are, and none that is said to be of
// nobody has a column for somebody.
func TestNoTableIsADiary(t *testing.T) {
	s := start(t, nil, app.Options{})
	for table, columns := range s.columns(t) {
		what, known := rowsOf[table]
		if !known {
			t.Errorf("table %s (%s): say in rowsOf what a row is, and why it is no diary of a person", table, strings.Join(columns, ", "))
			continue
		}
		for _, column := range columns {
			if what == nobody && slices.Contains(personal, column) {
				t.Errorf("%s.%s names somebody, and rowsOf says that it doesn't", table, column)
			}
		}
	}
}

// columns are the columns of every table.
func (s *server) columns(t testing.TB) map[string][]string {
	t.Helper()
	columns := map[string][]string{}
	err := db.Query(t.Context(), s.DB().Read, `SELECT m.name, p.name FROM sqlite_master m, pragma_table_info(m.name) p WHERE m.type = 'table'`,
		nil, func(rows *sql.Rows) error {
			var table, column string
			err := rows.Scan(&table, &column)
			columns[table] = append(columns[table], column)
			return err
		})
	if err != nil {
		t.Fatal(err)
	}
	return columns
}

// childsDay is what a child does alone on one day, from waking to sleeping.
func childsDay(child string, now time.Time) []event.Event {
	morning := now.Add(-12 * time.Hour)
	var events []event.Event
	add := func(minute int, typ event.Type, change func(*event.Event)) {
		ev := event.Event{
			ID: fmt.Sprintf("%s/%s/%d", child, typ, minute), Type: typ, Time: morning.Add(time.Duration(minute) * time.Minute),
			Actor:      event.Actor{ID: child, Age: &event.Age{Band: event.Band10to12, Basis: event.BasisEstimated}, Country: "GB", Created: now.AddDate(0, -7, -11)},
			Attributes: map[string]any{"device": child + "'s phone", "time_zone": "Europe/London"},
		}
		if change != nil {
			change(&ev)
		}
		events = append(events, ev)
	}
	for begin := 0; begin < 700; begin += 100 {
		add(begin, event.SessionStart, nil)
		for beat := 1; beat < 50; beat += 5 {
			add(begin+beat, event.SessionHeartbeat, nil)
			add(begin+beat+1, event.ContentView, func(ev *event.Event) {
				ev.Surface, ev.Content.ID = event.SurfaceFeed, fmt.Sprint("post-", beat)
			})
		}
		add(begin+20, event.ProfileView, func(ev *event.Event) {
			ev.Audience = event.Audience{Scope: event.Direct, Members: []event.Member{{ID: child + "'s friend"}}}
		})
		add(begin+30, event.SearchQuery, func(ev *event.Event) {
			ev.Content.Text, ev.Conversation = "how far is the moon", child+"'s searches"
		})
		add(begin+55, event.SessionEnd, nil)
	}
	return events
}

// A child's whole day leaves its name nowhere in the data folder, and nothing
// else by which its events could be told from another child's.
func TestAChildsDay(t *testing.T) {
	now := inNovember()
	s := start(t, func(c *config.Config) { c.Wellbeing.Counts = true }, app.Options{Now: func() time.Time { return now }})
	const friend = "'s friend"
	for _, child := range []string{"canary-ada", "canary-ben"} {
		for part := range slices.Chunk(childsDay(child, now), 100) {
			body, err := json.Marshal(map[string]any{"events": part})
			if err != nil {
				t.Fatal(err)
			}
			answers := s.ok(t, "POST", "/v1/decisions/batch", string(body))["decisions"].([]any)
			for i, a := range answers {
				d := a.(map[string]any)
				if d["event"] != part[i].ID {
					t.Fatalf("%s is answered %v", part[i].ID, d)
				}
				got := s.ok(t, "GET", "/v1/decisions/"+d["id"].(string), "")
				if got["event"] != part[i].ID {
					t.Fatalf("%s is remembered as %v", part[i].ID, got["event"])
				}
				if members, ok := d["members"].([]any); ok && (members[0].(map[string]any)["id"] != child+friend || got["members"].([]any)[0].(map[string]any)["id"] != "") {
					t.Errorf("%s: answered with %v, remembered with %v", part[i].ID, members, got["members"])
				}
			}
		}
		wish := `{"viewer":{"id":"` + child + `"},"item":"post-1","action":"see_less"}`
		if a := s.call(t, request{method: "POST", path: "/v1/feeds/feedback", key: s.AdminKey, body: wish}); a.status != http.StatusNoContent {
			t.Errorf("see less: %d %s", a.status, a.body)
		}
		s.ok(t, "POST", "/v1/feeds/filter", `{"viewer":{"id":"`+child+`"},"items":["post-1","post-6"],"shown":["post-1"]}`)
		s.ok(t, "POST", "/v1/usage/push", `{"pushes":[{"account":"`+child+`"}]}`)
	}
	s.namedNowhere(t, "canary")
	var alike int
	err := s.DB().Read.QueryRowContext(t.Context(), `
		SELECT count(*) FROM (
			SELECT json_remove(input, '$.time') AS seen, type, actor, content, content_digest, json_extract(input, '$.time') AS at, count(*) AS n
			FROM journal_entry GROUP BY 1, 2, 3, 4, 5, 6 HAVING n % 2 = 1)`).Scan(&alike)
	if err != nil || alike != 0 {
		t.Errorf("%d kinds of entries are of one child and not of the other (%v)", alike, err)
	}
}

// namedNowhere looks for a name in every value of every table, and in every
// file of the data folder.
func (s *server) namedNowhere(t testing.TB, name string) {
	t.Helper()
	files := 0
	for table, columns := range s.columns(t) {
		for _, column := range columns {
			found := s.number(t, `SELECT count(*) FROM "`+table+`" WHERE instr(CAST("`+column+`" AS BLOB), CAST($1 AS BLOB)) > 0`, name)
			if found > 0 {
				t.Errorf("%s.%s names the child %d times", table, column, found)
			}
		}
	}
	err := filepath.WalkDir(s.Dir(), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		files++
		data, err := os.ReadFile(path)
		if bytes.Contains(data, []byte(name)) {
			t.Errorf("%s names the child", path)
		}
		return err
	})
	if err != nil || files == 0 {
		t.Fatalf("%d files were looked at: %v", files, err)
	}
}

// Messages keep who wrote them, so that they can be complained about and the
// person can appeal: the search above would find a name.
func TestAChildsMessageIsNamed(t *testing.T) {
	s := start(t, nil, app.Options{Now: inNovember})
	s.ok(t, "POST", "/v1/decisions", `{"id":"m-1","type":"message.send","actor":{"id":"canary-ada","age":{"band":"10-12","basis":"estimated"},"country":"GB"},
		"audience":{"scope":"direct","members":[{"id":"u-2","connected":true}]},"content":{"text":"hello"}}`)
	for _, column := range []string{"actor", "key"} {
		if n := s.number(t, `SELECT count(*) FROM journal_entry WHERE instr(CAST(`+column+` AS BLOB), CAST($1 AS BLOB)) > 0`, map[string]string{"actor": "canary-ada", "key": "m-1"}[column]); n != 1 {
			t.Errorf("%d entries have the message in %s", n, column)
		}
	}
}
