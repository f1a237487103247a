package contact_test

import (
	"database/sql"
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/breakwater-project/breakwater/internal/contact"
	"github.com/breakwater-project/breakwater/internal/db"
	"github.com/breakwater-project/breakwater/internal/db/dbtest"
)

var start = time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)

// each runs f on both engines, with a clock that f may set.
func each(t *testing.T, f func(t *testing.T, d *db.DB, b *contact.Blocks, now *time.Time)) {
	t.Helper()
	dbtest.Each(t, []db.Source{contact.Migrations()}, func(t *testing.T, d *db.DB) {
		now := start
		f(t, d, contact.New(d, func() time.Time { return now }), &now)
	})
}

func put(t testing.TB, b *contact.Blocks, account, other string, s contact.Stance) {
	t.Helper()
	if _, err := b.Put(t.Context(), account, other, s); err != nil {
		t.Fatal(err)
	}
}

func putUnknown(t testing.TB, b *contact.Blocks, account string, s contact.Stance) {
	t.Helper()
	if err := b.PutUnknown(t.Context(), account, s); err != nil {
		t.Fatal(err)
	}
}

func of(t testing.TB, b *contact.Blocks, actor string, members ...string) []contact.Standing {
	t.Helper()
	standings, err := b.Of(t.Context(), actor, members)
	if err != nil {
		t.Fatal(err)
	}
	return standings
}

func by(t testing.TB, b *contact.Blocks, account string, others ...string) []contact.Standing {
	t.Helper()
	standings, err := b.By(t.Context(), account, others)
	if err != nil {
		t.Fatal(err)
	}
	return standings
}

func TestStandings(t *testing.T) {
	each(t, func(t *testing.T, _ *db.DB, b *contact.Blocks, _ *time.Time) {
		put(t, b, "child", "troll", contact.Block)
		put(t, b, "child", "bore", contact.Mute)
		put(t, b, "shy", "bore", contact.Block)
		putUnknown(t, b, "shy", contact.Mute)
		put(t, b, "troll", "child", contact.Mute)

		want := []contact.Standing{{Own: contact.Block}, {Unknown: contact.Mute}, {}, {Own: contact.Block}}
		if d := cmp.Diff(want, of(t, b, "troll", "child", "shy", "nobody", "child")); d != "" {
			t.Errorf("of the troll (-want +got):\n%s", d)
		}
		want = []contact.Standing{{Own: contact.Mute}, {Own: contact.Block, Unknown: contact.Mute}}
		if d := cmp.Diff(want, of(t, b, "bore", "child", "shy")); d != "" {
			t.Errorf("of the bore (-want +got):\n%s", d)
		}
		want = []contact.Standing{{Own: contact.Block}, {}, {Own: contact.Mute}}
		if d := cmp.Diff(want, by(t, b, "child", "troll", "shy", "bore")); d != "" {
			t.Errorf("by the child (-want +got):\n%s", d)
		}
		want = []contact.Standing{{Unknown: contact.Mute}, {Own: contact.Block, Unknown: contact.Mute}}
		if d := cmp.Diff(want, by(t, b, "shy", "troll", "bore")); d != "" {
			t.Errorf("by the shy one (-want +got):\n%s", d)
		}
		put(t, b, "child", "troll", contact.Mute)
		put(t, b, "child", "bore", contact.Open)
		putUnknown(t, b, "shy", contact.Open)
		if got := of(t, b, "troll", "child", "shy"); got[0].Own != contact.Mute || got[1].Unknown != contact.Open {
			t.Errorf("once decided anew: %+v", got)
		}
		if got := of(t, b, "bore", "child")[0]; got != (contact.Standing{}) {
			t.Errorf("once taken back: %+v", got)
		}
		if got := of(t, b, "x"); len(got) != 0 {
			t.Errorf("of nobody: %+v", got)
		}
	})
}

func TestTowards(t *testing.T) {
	for _, test := range []struct {
		standing  contact.Standing
		connected bool
		want      contact.Stance
	}{
		{contact.Standing{}, false, contact.Open},
		{contact.Standing{Unknown: contact.Block}, false, contact.Block},
		{contact.Standing{Unknown: contact.Block}, true, contact.Open},
		{contact.Standing{Own: contact.Mute}, true, contact.Mute},
		{contact.Standing{Own: contact.Block, Unknown: contact.Mute}, false, contact.Block},
	} {
		if got := test.standing.Towards(test.connected); got != test.want {
			t.Errorf("%+v, connected %v: %v, want %v", test.standing, test.connected, got, test.want)
		}
	}
}

func TestList(t *testing.T) {
	each(t, func(t *testing.T, _ *db.DB, b *contact.Blocks, now *time.Time) {
		put(t, b, "child", "a", contact.Block)
		*now = start.Add(time.Minute)
		put(t, b, "child", "b", contact.Mute)
		putUnknown(t, b, "child", contact.Block)
		got, err := b.Get(t.Context(), "child")
		want := contact.List{Unknown: contact.Block, Accounts: []contact.Blocked{
			{Account: "b", Stance: contact.Mute, Since: start.Add(time.Minute)}, {Account: "a", Stance: contact.Block, Since: start},
		}}
		if err != nil || !cmp.Equal(want, got) {
			t.Errorf("%v %s", err, cmp.Diff(want, got))
		}
		for _, who := range []string{"a", "nobody"} {
			if got, err := b.Get(t.Context(), who); err != nil || !cmp.Equal(contact.List{}, got) {
				t.Errorf("%s's list: %v %+v", who, err, got)
			}
		}
	})
}

func TestListIsBounded(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB, b *contact.Blocks, _ *time.Time) {
		err := d.Tx(t.Context(), func(tx *sql.Tx) error {
			for i := range contact.MaxBlocked - 1 {
				if _, err := tx.ExecContext(t.Context(), `INSERT INTO contact_block (account, other, stance, at) VALUES ('child', $1, 2, 0)`, fmt.Sprint(i)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		put(t, b, "child", "last", contact.Block)
		put(t, b, "child", "last", contact.Mute) // changes one that is there
		if _, err := b.Put(t.Context(), "child", "one more", contact.Block); !errors.Is(err, contact.ErrFull) {
			t.Errorf("one more: %v", err)
		}
		put(t, b, "child", "0", contact.Open)
		put(t, b, "child", "one more", contact.Block)
	})
}

// A full group is asked about at once.
func TestManyMembers(t *testing.T) {
	each(t, func(t *testing.T, _ *db.DB, b *contact.Blocks, _ *time.Time) {
		ids := make([]string, 1000)
		for i := range ids {
			ids[i] = fmt.Sprint("u-", i)
			if i%100 == 0 {
				put(t, b, ids[i], "troll", contact.Block)
			}
		}
		for i, s := range of(t, b, "troll", ids...) {
			if (s.Own == contact.Block) != (i%100 == 0) {
				t.Errorf("member %d: %+v", i, s)
			}
		}
	})
}

// Two instances on one database: each sees the other's blocks soon.
func TestOthersBlocksAreSeenWithinASecond(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB, b *contact.Blocks, now *time.Time) {
		other := contact.New(d, func() time.Time { return now.Add(-10 * time.Second) }) // its clock is late
		put(t, b, "x", "y", contact.Block)
		for i := range 3 {
			id := fmt.Sprint(i)
			of(t, b, "troll", id)
			put(t, other, id, "troll", contact.Block)
			*now = now.Add(time.Second)
			if got := of(t, b, "troll", id); got[0].Own != contact.Block {
				t.Errorf("block %d of another instance: %+v", i, got)
			}
		}
	})
}

func TestErase(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB, b *contact.Blocks, _ *time.Time) {
		put(t, b, "child", "troll", contact.Block)
		put(t, b, "troll", "child", contact.Block)
		put(t, b, "troll", "other", contact.Block)
		put(t, b, "other", "child", contact.Block)
		putUnknown(t, b, "troll", contact.Block)
		if err := d.Tx(t.Context(), func(tx *sql.Tx) error { return b.Erase(t.Context(), tx, "troll") }); err != nil {
			t.Fatal(err)
		}
		for what, got := range map[string][]contact.Standing{
			"of the erased": of(t, b, "troll", "child"), "by the erased": by(t, b, "troll", "child", "other"),
		} {
			for _, s := range got {
				if s != (contact.Standing{}) {
					t.Errorf("%s: %+v", what, got)
				}
			}
		}
		var rows int
		if err := d.Read.QueryRow(`SELECT (SELECT count(*) FROM contact_account WHERE account = 'troll') + (SELECT count(*) FROM contact_block)`).Scan(&rows); err != nil || rows != 1 {
			t.Errorf("%d rows are left, want one: %v", rows, err)
		}
	})
}

// Asking about somebody who is blocked does the same work as asking about
// anybody else.
func TestAskingTakesTheSameWay(t *testing.T) {
	d := dbtest.Open(t, dbtest.SQLite(t), contact.Migrations())
	b := contact.New(d, func() time.Time { return start })
	put(t, b, "child", "troll", contact.Block)
	work := func(actor string) float64 {
		return testing.AllocsPerRun(100, func() { of(t, b, actor, "child") })
	}
	// The driver's own pools may be emptied in between.
	if blocked, other := work("troll"), work("anybo"); math.Abs(blocked-other) > 3 {
		t.Errorf("%v allocations about who is blocked, %v about others", blocked, other)
	}
	if nobody := testing.AllocsPerRun(100, func() { of(t, b, "troll", "other") }); nobody > 5 {
		t.Errorf("%v allocations where nobody has decided anything", nobody)
	}
}

func BenchmarkOf(b *testing.B) {
	d := dbtest.Open(b, dbtest.SQLite(b), contact.Migrations())
	blocks := contact.New(d, time.Now)
	for i := range 100 {
		put(b, blocks, fmt.Sprint("u-", i), "troll", contact.Block)
	}
	for name, member := range map[string]string{"who never decided": "v-1", "who decided": "u-1"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				of(b, blocks, "anybody", member)
			}
		})
	}
}
