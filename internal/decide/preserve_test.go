package decide_test

import (
	"bytes"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/db"
	"github.com/breakwater-project/breakwater/internal/db/dbtest"
	"github.com/breakwater-project/breakwater/internal/decide"
	"github.com/breakwater-project/breakwater/internal/policy"
)

// keeping preserves what a suspect sends, and labels everything.
func keeping(t *testing.T) *policy.Bundle {
	return rules(t, `
  - id: keep
    events: [message.send]
    when: label(actor, "suspect")
    act: hold
    text: Possible evidence.
    effects: [{kind: preserve}]
  - id: mark
    events: [message.send, content.create]
    when: content.length > 0
    act: demote
    text: Everything is marked.
    effects: [{kind: label, label: marked}, {kind: label, label: seen, target: actor, hours: 1}]
`)
}

// full is an event that says something in every field that may hold content.
func full(id, actor string) *event.Event {
	return &event.Event{
		ID: id, Type: event.MessageSend, Time: noon.Add(-time.Minute), Actor: event.Actor{ID: actor, Age: adult, Country: "GB"},
		Audience: event.Audience{Scope: event.Direct, Members: []event.Member{{ID: "u-2", Country: "GB", Connected: true}}},
		Content: event.Content{
			ID: id, Text: "canary-text with words", Language: "en",
			Media: []event.Media{{Kind: event.Image, Data: []byte("canary-media bytes"), URL: "https://example.org/canary-url", MIME: "image/png"}},
			Links: []string{"https://example.org/canary-link"},
		},
		Conversation: "canary-conversation", Parent: "canary-parent", Surface: event.SurfaceDM, Private: true,
		Attributes: map[string]any{"level": 3.0},
	}
}

// suspect labels an account, as rules and platforms do.
func (r *rig) suspect(t *testing.T, account string) {
	t.Helper()
	r.exec(t, `INSERT INTO label_label (id, about, kind, source, expires, at) VALUES ($1, 'actor', 'suspect', 'test', NULL, $2)`,
		account, r.clock.now().UnixMicro())
	r.clock.advance(2 * time.Second)
}

func TestPreservedEventOpensAgain(t *testing.T) {
	dbtest.Each(t, sources(), func(t *testing.T, d *db.DB) {
		r := newRig(t, d, keeping(t))
		r.suspect(t, "u-1")
		kept := r.decide(t, full("m-1", "u-1")).Decision
		other := r.decide(t, full("m-2", "u-3")).Decision
		got, err := r.Vault.Open(t.Context(), kept.ID)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(full("m-1", "u-1"), &got, plain); diff != "" {
			t.Errorf("preserved event (-sent +opened):\n%s", diff)
		}
		for _, id := range []string{other.ID, "d_0000000000000", "nonsense", ""} {
			if _, err := r.Vault.Open(t.Context(), id); !errors.Is(err, decide.ErrNotPreserved) {
				t.Errorf("open %q: %v", id, err)
			}
		}
		if n := r.held(t, "u-1"); n != 1 {
			t.Errorf("%d events are held of u-1, want 1", n)
		}
		// A repetition preserves nothing again.
		r.decide(t, full("m-1", "u-1"))
		if n := r.count(t, "decide_preserved"); n != 1 {
			t.Errorf("%d events are preserved, want 1", n)
		}
	})
}

func (r *rig) held(t *testing.T, account string) (n int) {
	t.Helper()
	err := r.db.Tx(t.Context(), func(tx *sql.Tx) (err error) {
		n, err = r.Vault.Held(t.Context(), tx, account)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// A seal opens only where it was made, unchanged, with the key it was made with.
func TestBrokenSeals(t *testing.T) {
	refused := func(t *testing.T, v *decide.Vault, id string) {
		t.Helper()
		if ev, err := v.Open(t.Context(), id); err == nil || errors.Is(err, decide.ErrNotPreserved) || ev.ID != "" {
			t.Errorf("opened as %q, error %v", ev.ID, err)
		}
	}
	for name, spoil := range map[string]string{
		"a byte changed": `UPDATE decide_preserved SET sealed = CAST(substr(sealed, 1, 40) || x'00' || substr(sealed, 42) AS BLOB)`,
		"cut short":      `UPDATE decide_preserved SET sealed = substr(sealed, 1, 40)`,
		"nearly empty":   `UPDATE decide_preserved SET sealed = x'01'`,
		"in plain":       `UPDATE decide_preserved SET sealed = CAST('{"id":"m-1","type":"message.send"}' AS BLOB)`,
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, dbtest.Open(t, dbtest.SQLite(t), sources()...), keeping(t))
			r.suspect(t, "u-1")
			kept := r.decide(t, full("m-1", "u-1")).Decision
			r.exec(t, spoil)
			refused(t, r.Vault, kept.ID)
		})
	}
	t.Run("moved to another decision", func(t *testing.T) {
		r := newRig(t, dbtest.Open(t, dbtest.SQLite(t), sources()...), keeping(t))
		r.suspect(t, "u-1")
		kept := r.decide(t, full("m-1", "u-1")).Decision
		other := r.decide(t, full("m-2", "u-3")).Decision
		r.exec(t, `UPDATE decide_preserved SET seq = (SELECT max(seq) FROM journal_entry)`)
		refused(t, r.Vault, other.ID)
		if _, err := r.Vault.Open(t.Context(), kept.ID); !errors.Is(err, decide.ErrNotPreserved) {
			t.Errorf("where it was made: %v", err)
		}
	})
	t.Run("another key", func(t *testing.T) {
		r := newRig(t, dbtest.Open(t, dbtest.SQLite(t), sources()...), keeping(t))
		r.suspect(t, "u-1")
		kept := r.decide(t, full("m-1", "u-1")).Decision
		other, err := decide.NewVault(r.db, [32]byte{99})
		if err != nil {
			t.Fatal(err)
		}
		refused(t, other, kept.ID)
	})
}

// Whatever is decided, and preserved or not, no content is anywhere in the
// database in a form that anybody without the vault's key can read.
func TestNoContentIsLeft(t *testing.T) {
	dbtest.Each(t, sources(), func(t *testing.T, d *db.DB) {
		r := newRig(t, d, keeping(t))
		r.suspect(t, "u-1")
		r.decide(t, full("m-1", "u-1"))
		r.decide(t, full("m-2", "u-3"))
		published := full("p-1", "u-3")
		published.Type, published.Audience = event.ContentCreate, event.Audience{Scope: event.Public}
		r.decide(t, published)
		if r.count(t, "decide_preserved") != 1 || r.count(t, "decide_content") != 1 || r.count(t, "journal_entry") != 3 || r.count(t, "label_label") < 3 {
			t.Fatal("the test does not reach every table")
		}
		found := false // what may be there, to see that the test looks
		for name, data := range r.everything(t) {
			found = found || name == "table journal_entry" && bytes.Contains(data, []byte(`"level":3`))
			for what, secret := range canaries() {
				if bytes.Contains(data, secret) {
					t.Errorf("%s holds the canary of %s", name, what)
				}
			}
		}
		if !found {
			t.Fatal("the journal was not looked at")
		}
	})
}

// canaries are the content of full in every form that it might be stored in.
func canaries() map[string][]byte {
	found := map[string][]byte{}
	for what, text := range map[string]string{
		"text": "canary-text", "media": "canary-media", "url": "canary-url", "link": "canary-link",
		"conversation": "canary-conversation", "parent": "canary-parent",
	} {
		found[what] = []byte(text)
		found[what+" in hexadecimal"] = []byte(hex.EncodeToString([]byte(text)))
		found[what+" in base64"] = []byte(base64.StdEncoding.EncodeToString([]byte(text)[:len(text)/3*3]))
	}
	return found
}

// everything is all values of all tables and, on SQLite, the bytes of all files.
func (r *rig) everything(t *testing.T) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	for _, table := range r.tables(t) {
		all["table "+table] = r.dump(t, table)
	}
	if r.db.Engine != db.SQLite {
		return all
	}
	var file string
	if err := r.db.Read.QueryRowContext(t.Context(), `SELECT file FROM pragma_database_list WHERE name = 'main'`).Scan(&file); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(file + "*")
	if err != nil || len(files) < 2 {
		t.Fatalf("files %v, %v: want the database and its log", files, err)
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all["file "+filepath.Base(name)] = data
	}
	return all
}

func (r *rig) tables(t *testing.T) []string {
	t.Helper()
	query := `SELECT name FROM sqlite_master WHERE type = 'table'`
	if r.db.Engine == db.Postgres {
		query = `SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'`
	}
	rows, err := r.db.Read.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var names []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	if err := rows.Err(); err != nil || len(names) == 0 {
		t.Fatalf("%d tables, %v", len(names), err)
	}
	return names
}

// dump is every value of a table, one after the other.
func (r *rig) dump(t *testing.T, table string) []byte {
	t.Helper()
	rows, err := r.db.Read.QueryContext(t.Context(), `SELECT * FROM `+table)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	for rows.Next() {
		values := make([]any, len(columns))
		for i := range values {
			values[i] = new(sql.RawBytes)
		}
		if err := rows.Scan(values...); err != nil {
			t.Fatal(err)
		}
		for _, v := range values {
			fmt.Fprintf(&out, "%s\n", *v.(*sql.RawBytes))
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// The keyed digest recognises the same content, whoever sends it, and tells
// one field from another.
func TestContentDigest(t *testing.T) {
	r := newRig(t, dbtest.Open(t, dbtest.SQLite(t), sources()...), keeping(t))
	digest := func(ev *event.Event) string {
		entry, err := r.Journal.Get(t.Context(), r.decide(t, ev).Decision.ID)
		if err != nil {
			t.Fatal(err)
		}
		return string(entry.ContentDigest)
	}
	one, other := full("m-1", "u-1"), full("m-2", "u-2")
	shifted := full("m-3", "u-1")
	shifted.Content.Media[0].URL, shifted.Content.Links = "", []string{shifted.Content.Media[0].URL, shifted.Content.Links[0]}
	none := full("m-4", "u-1")
	none.Content = event.Content{}
	if a, b := digest(one), digest(other); a != b || a == "" {
		t.Error("the same content has two digests, or none")
	}
	if digest(shifted) == digest(one) {
		t.Error("a link and the address of a picture are taken for each other")
	}
	if digest(none) != "" {
		t.Error("no content has a digest")
	}
}
