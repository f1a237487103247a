package decide_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/contact"
	"github.com/breakwater-project/breakwater/internal/db"
	"github.com/breakwater-project/breakwater/internal/db/dbtest"
)

// newGuarded is a shipped engine that knows whom people blocked.
func newGuarded(t testing.TB) *rig {
	t.Helper()
	r := newShipped(t, dbtest.Open(t, dbtest.SQLite(t), append([]db.Source{contact.Migrations()}, sources()...)...))
	r.Blocks = contact.New(r.db, r.clock.now)
	return r
}

func (r *rig) block(t testing.TB, account, other string, s contact.Stance) {
	t.Helper()
	if _, err := r.Blocks.Put(t.Context(), account, other, s); err != nil {
		t.Fatal(err)
	}
}

// between is one event from an actor to members, all grown-up and connected.
func between(kind event.Type, id, actor string, members ...string) string {
	var audience []string
	for _, m := range members {
		audience = append(audience, fmt.Sprintf(`{"id":%q,"age":{"band":"18+","basis":"verified"},"country":"NZ","connected":true}`, m))
	}
	return fmt.Sprintf(`{"id":%q,"type":%q,"time":"2026-11-24T10:00:00Z","actor":{"id":%q,"age":{"band":"18+","basis":"verified"},"country":"NZ"},
		"audience":{"scope":"direct","members":[%s]},"content":{"id":"c","text":"hello"}}`, id, kind, actor, strings.Join(audience, ","))
}

func outcomes(d decision.Decision) map[string]string {
	by := map[string]string{}
	for _, m := range d.Members {
		by[m.ID] = m.Outcome.String()
	}
	return by
}

func TestBlocks(t *testing.T) {
	r := newGuarded(t)
	r.block(t, "ana", "troll", contact.Block)
	r.block(t, "bo", "troll", contact.Mute)
	for _, kind := range []event.Type{event.MessageSend, event.ContactRequest, event.GroupInvite, event.LiveStart} {
		d := r.decide(t, decode(t, between(kind, "e-"+string(kind), "troll", "ana", "bo", "cy"))).Decision
		if want := map[string]string{"ana": "block", "bo": "confirm", "cy": "allow"}; !cmp.Equal(want, outcomes(d)) {
			t.Errorf("%s: %s", kind, cmp.Diff(want, outcomes(d)))
		}
		if d.Outcome != decision.Block || d.Apparent == nil || *d.Apparent != decision.Allow || d.Notice != nil ||
			slices.ContainsFunc(d.Effects, func(e decision.Effect) bool { return e.Kind != decision.Review }) {
			t.Errorf("%s: %v, apparent %v, notice %v, effects %v", kind, d.Outcome, d.Apparent, d.Notice, d.Effects)
		}
	}
	d := r.decide(t, decode(t, between(event.MessageSend, "back", "ana", "troll"))).Decision
	if d.Outcome != decision.Allow || d.Apparent != nil {
		t.Errorf("towards whom one blocked: %v", d.Outcome)
	}
}

// Whoever does not want to hear from strangers hears from friends only.
func TestBlockingAllUnknown(t *testing.T) {
	r := newGuarded(t)
	if err := r.Blocks.PutUnknown(t.Context(), "ana", contact.Block); err != nil {
		t.Fatal(err)
	}
	friend := between(event.MessageSend, "friend", "bo", "ana")
	if d := r.decide(t, decode(t, friend)).Decision; d.Outcome != decision.Allow {
		t.Errorf("a friend: %v", d.Outcome)
	}
	stranger := strings.NewReplacer(`"friend"`, `"stranger"`, `"connected":true`, `"connected":false`).Replace(friend)
	if d := r.decide(t, decode(t, stranger)).Decision; d.Outcome != decision.Block || *d.Apparent != decision.Allow {
		t.Errorf("a stranger: %v", d.Outcome)
	}
}

// Of two people, neither is suggested to the other if one of them blocked the
// other, and a list of a thousand is one decision.
func TestSuggestions(t *testing.T) {
	r := newGuarded(t)
	r.block(t, "m-3", "ana", contact.Block) // against whom the list is for
	r.block(t, "ana", "m-5", contact.Mute)  // and by them
	r.block(t, "m-7", "else", contact.Block)
	ids := make([]string, event.MaxMembers)
	for i := range ids {
		ids[i] = fmt.Sprint("m-", i)
	}
	list := strings.ReplaceAll(between(event.ContactSuggest, "s-1", "ana", ids...), `"connected":true`, `"connected":false`)
	list = strings.Replace(list, `"id":"m-9","age":{"band":"18+","basis":"verified"}`, `"id":"m-9","age":{"band":"13-15","basis":"declared"}`, 1)
	list = strings.Replace(list, `"id":"m-11","age":{"band":"18+","basis":"verified"}`, `"id":"m-11"`, 1)
	shown := 0
	for id, outcome := range outcomes(r.decide(t, decode(t, list)).Decision) {
		switch id {
		case "m-3", "m-5", "m-9", "m-11": // blocked, muted, a child, nobody knows how old
			if outcome != "block" {
				t.Errorf("%s: %s", id, outcome)
			}
		default:
			if outcome != "allow" {
				t.Errorf("%s: %s", id, outcome)
			}
			shown++
		}
	}
	if shown != event.MaxMembers-4 {
		t.Errorf("%d are shown", shown)
	}
	child := strings.NewReplacer(`"s-1"`, `"s-2"`, `"actor":{"id":"ana","age":{"band":"18+","basis":"verified"}`, `"actor":{"id":"kid","age":{"band":"10-12","basis":"declared"}`).Replace(list)
	for id, outcome := range outcomes(r.decide(t, decode(t, child)).Decision) {
		if outcome != "block" {
			t.Errorf("a child is shown %s", id)
		}
	}
}

// The page's example is an event, and people of whom nothing is known are left
// out of it.
func TestSuggestionsOfThePage(t *testing.T) {
	page, err := os.ReadFile("../../docs/contact.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, ok := strings.Cut(string(page), "Show those whose outcome is `allow`:\n\n```json\n")
	example, _, _ = strings.Cut(example, "```")
	if !ok {
		t.Fatal("the page has no example")
	}
	d := newGuarded(t).decide(t, decode(t, example)).Decision
	if want := map[string]string{"u-2": "block", "u-3": "block", "u-4": "block"}; !cmp.Equal(want, outcomes(d)) {
		t.Error(cmp.Diff(want, outcomes(d)))
	}
}

// A store that does not answer leaves nobody unprotected.
func TestBlocksThatCannotBeRead(t *testing.T) {
	r := newGuarded(t)
	r.block(t, "ana", "troll", contact.Block)
	r.exec(t, `DROP TABLE contact_account`)
	d := r.decide(t, decode(t, between(event.MessageSend, "e-1", "troll", "ana"))).Decision
	if d.Outcome != decision.Block || len(d.Degraded) == 0 || d.Degraded[0].Input != "blocks:viewer" || *d.Apparent != decision.Allow {
		t.Errorf("%v, degraded %+v", d.Outcome, d.Degraded)
	}
}
