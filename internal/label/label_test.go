package label_test

import (
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/breakwater-project/breakwater/internal/db"
	"github.com/breakwater-project/breakwater/internal/db/dbtest"
	"github.com/breakwater-project/breakwater/internal/label"
)

var start = time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)

// each runs f on both engines, with a clock that f may set.
func each(t *testing.T, f func(t *testing.T, d *db.DB, l *label.Labels, now *time.Time)) {
	t.Helper()
	dbtest.Each(t, []db.Source{label.Migrations()}, func(t *testing.T, d *db.DB) {
		now := start
		f(t, d, label.New(d, func() time.Time { return now }), &now)
	})
}

func put(t testing.TB, l *label.Labels, labels ...label.Label) {
	t.Helper()
	for _, one := range labels {
		if err := l.Put(t.Context(), one); err != nil {
			t.Fatal(err)
		}
	}
}

func of(t *testing.T, l *label.Labels, account, content string) []string {
	t.Helper()
	labels, err := l.Of(t.Context(), account, content)
	if err != nil {
		t.Fatal(err)
	}
	return labels
}

func TestLabelsOfAccountAndContent(t *testing.T) {
	each(t, func(t *testing.T, _ *db.DB, l *label.Labels, _ *time.Time) {
		put(t, l,
			label.Label{Account: "x", Kind: "trusted", Source: "team"},
			label.Label{Account: "x", Kind: "trusted", Source: "other-team"},
			label.Label{Content: "x", Kind: "news", Source: "team"},
			label.Label{Content: "y", Kind: "adult", Source: "team"},
		)
		for _, tt := range []struct {
			account, content string
			want             []string
		}{
			{"x", "x", []string{"actor:trusted", "content:news"}},
			{"x", "", []string{"actor:trusted"}},
			{"", "x", []string{"content:news"}},
			{"y", "y", []string{"content:adult"}},
			{"y", "z", nil},
		} {
			if got := of(t, l, tt.account, tt.content); !cmp.Equal(tt.want, got) {
				t.Errorf("account %q, content %q: %s", tt.account, tt.content, cmp.Diff(tt.want, got))
			}
		}
	})
}

func TestOfContents(t *testing.T) {
	each(t, func(t *testing.T, _ *db.DB, l *label.Labels, _ *time.Time) {
		put(t, l,
			label.Label{Content: "1", Kind: "news", Source: "team"},
			label.Label{Content: "1", Kind: "adult", Source: "team"},
			label.Label{Content: "1999", Kind: "news", Source: "team"},
			label.Label{Account: "2", Kind: "trusted", Source: "team"},
		)
		var ids []string
		for i := range 2000 {
			ids = append(ids, strconv.Itoa(i))
		}
		got, err := l.OfContents(t.Context(), ids)
		want := map[string][]string{"1": {"adult", "news"}, "1999": {"news"}}
		if err != nil || !cmp.Equal(want, got) {
			t.Errorf("%v %s", err, cmp.Diff(want, got))
		}
	})
}

func TestExpiry(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB, l *label.Labels, now *time.Time) {
		put(t, l, label.Label{Account: "x", Kind: "trusted", Source: "team", Expires: start.Add(time.Hour)})
		*now = start.Add(time.Hour - time.Microsecond)
		if got := of(t, l, "x", ""); len(got) != 1 {
			t.Errorf("before it expires: %v", got)
		}
		*now = start.Add(time.Hour)
		if got := of(t, l, "x", ""); len(got) != 0 {
			t.Errorf("once it has expired: %v", got)
		}
		put(t, l, label.Label{Account: "x", Kind: "trusted", Source: "team"}) // again, for good
		if got := of(t, l, "x", ""); len(got) != 1 {
			t.Errorf("put again: %v", got)
		}
		put(t, l, label.Label{Account: "x", Kind: "trusted", Source: "team", Expires: *now}) // taken back
		if got := of(t, l, "x", ""); len(got) != 0 {
			t.Errorf("taken back: %v", got)
		}
		put(t, l, label.Label{Account: "x", Kind: "new", Source: "team"})
		if err := l.Prune(t.Context()); err != nil {
			t.Fatal(err)
		}
		var n int
		if err := d.Read.QueryRow(`SELECT count(*) FROM label_label`).Scan(&n); err != nil || n != 1 {
			t.Errorf("%d labels after pruning: %v", n, err)
		}
	})
}

func TestChangesAreSeenAtOnce(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB, l *label.Labels, _ *time.Time) {
		if got := of(t, l, "x", "c"); got != nil {
			t.Fatalf("nothing put: %v", got)
		}
		put(t, l, label.Label{Account: "x", Kind: "trusted", Source: "team"})
		failed := errors.New("no")
		err := d.Tx(t.Context(), func(tx *sql.Tx) error {
			if err := l.PutTx(t.Context(), tx, label.Label{Content: "c", Kind: "news", Source: "rule:a.b"}); err != nil {
				return err
			}
			return failed
		})
		if !errors.Is(err, failed) {
			t.Fatal(err)
		}
		if got := of(t, l, "x", "c"); !cmp.Equal([]string{"actor:trusted"}, got) {
			t.Errorf("after one was put and one was undone: %v", got)
		}
	})
}

// Two instances on one database: each sees the other's labels soon.
func TestOthersLabelsAreSeenWithinASecond(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB, l *label.Labels, now *time.Time) {
		other := label.New(d, func() time.Time { return now.Add(-10 * time.Second) }) // its clock is late
		put(t, l, label.Label{Content: "c", Kind: "news", Source: "team"})
		for i := range 3 {
			id := strconv.Itoa(i)
			of(t, l, "", id)
			put(t, other, label.Label{Content: id, Kind: "news", Source: "team"})
			*now = now.Add(time.Second)
			if got := of(t, l, "", id); len(got) != 1 {
				t.Errorf("label %d of another instance: %v", i, got)
			}
		}
	})
}

func TestErase(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB, l *label.Labels, _ *time.Time) {
		put(t, l,
			label.Label{Account: "x", Kind: "trusted", Source: "team"},
			label.Label{Content: "x", Kind: "news", Source: "team"},
		)
		err := d.Tx(t.Context(), func(tx *sql.Tx) error {
			n, err := l.Erase(t.Context(), tx, "x")
			if n != 1 {
				t.Errorf("%d labels of an account with one", n)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := of(t, l, "x", "x"); !cmp.Equal([]string{"content:news"}, got) {
			t.Errorf("after erasure: %v", got)
		}
	})
}

func BenchmarkOf(b *testing.B) {
	d := dbtest.Open(b, dbtest.SQLite(b), label.Migrations())
	l := label.New(d, time.Now)
	for i := range 100 {
		put(b, l, label.Label{Content: strings.Repeat("c", i%9) + strconv.Itoa(i), Kind: "news", Source: "team"})
	}
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		if _, err := l.Of(b.Context(), fmt.Sprint("u-", n%1000), fmt.Sprint("p-", n)); err != nil {
			b.Fatal(err)
		}
	}
}
