package age_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/age"
	"github.com/breakwater-project/breakwater/internal/db"
	"github.com/breakwater-project/breakwater/internal/db/dbtest"
)

func each(t *testing.T, f func(t *testing.T, d *db.DB)) {
	t.Helper()
	dbtest.Each(t, []db.Source{age.Migrations()}, f)
}

func options() age.Options {
	return age.Options{Now: func() time.Time { return now }, Youngest: event.Band13to15}
}

func statement(band event.Band, basis event.Basis) age.Statement {
	return age.Statement{Country: "GB", Locale: "en-GB", Age: &event.Age{Band: band, Basis: basis}}
}

func put(t *testing.T, a *age.Accounts, id string, s age.Statement) age.Account {
	t.Helper()
	account, err := a.Put(t.Context(), id, s, false)
	if err != nil {
		t.Fatal(err)
	}
	return account
}

func of(t *testing.T, a *age.Accounts, ids ...string) map[string]age.Account {
	t.Helper()
	accounts, err := a.Of(t.Context(), ids)
	if err != nil {
		t.Fatal(err)
	}
	return accounts
}

func TestPutAndRead(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		a := age.New(d, options())
		s := statement(event.Band10to12, event.BasisGuardian)
		s.Region, s.Created = "GB-SCT", now.AddDate(0, -1, 0)
		want := age.Account{ID: "u-1", Created: s.Created, Country: "GB", Region: "GB-SCT", Locale: "en-GB", Signals: []age.Signal{
			{Interval: age.Interval{From: 10, To: 13}, Basis: event.BasisGuardian, Confidence: 1, At: now, Source: age.Platform}}}
		if got := put(t, a, "u-1", s); !cmp.Equal(want, got) {
			t.Error("put: " + cmp.Diff(want, got))
		}
		got, err := a.Get(t.Context(), "u-1")
		if err != nil || !cmp.Equal(want, got) {
			t.Errorf("get: %v %s", err, cmp.Diff(want, got))
		}
		put(t, a, "u-2", age.Statement{Country: "DE"})
		for range 2 { // read, then remembered
			got := of(t, a, "u-2", "u-1", "u-3", "u-1")
			if !cmp.Equal(map[string]age.Account{"u-1": want, "u-2": {ID: "u-2", Country: "DE"}}, got) {
				t.Errorf("of: %v", got)
			}
		}
		if _, err := a.Get(t.Context(), "u-3"); !errors.Is(err, age.ErrNotFound) {
			t.Errorf("unknown account: %v", err)
		}
	})
}

func TestManyAtOnce(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		a := age.New(d, options())
		var ids []string
		for i := range 1200 {
			ids = append(ids, fmt.Sprint("u-", i))
		}
		put(t, a, "u-7", statement(event.Band18Plus, event.BasisVerified))
		put(t, a, "u-1199", statement(event.Band18Plus, event.BasisVerified))
		if got := of(t, a, ids...); len(got) != 2 {
			t.Errorf("%d accounts, want 2", len(got))
		}
	})
}

func TestPlatformCannotRaise(t *testing.T) {
	const (
		unknown, child, teen, adult         = event.BandUnknown, event.Band10to12, event.Band13to15, event.Band18Plus
		none, declared, estimated, verified = event.BasisNone, event.BasisDeclared, event.BasisEstimated, event.BasisVerified
	)
	tests := []struct {
		name   string
		first  age.Statement
		second age.Statement
		raises bool
	}{
		{"the same again", statement(teen, verified), statement(teen, verified), false},
		{"no age leaves it", statement(child, verified), age.Statement{Country: "GB"}, false},
		{"younger", statement(adult, verified), statement(teen, verified), false},
		{"more doubtful", statement(adult, verified), statement(adult, declared), false},
		{"declared younger", statement(adult, verified), statement(child, declared), false},
		{"older", statement(child, declared), statement(teen, declared), true},
		{"declared child is verified adult", statement(child, declared), statement(adult, verified), true},
		{"declared adult is verified adult", statement(adult, declared), statement(adult, verified), true},
		{"declared teen is estimated teen", statement(teen, declared), statement(teen, estimated), true},
		{"child is forgotten", statement(child, verified), statement(unknown, none), true},
		{"unknown is verified adult", statement(unknown, none), statement(adult, verified), true},
		{"first age of an account", age.Statement{Country: "GB"}, statement(adult, verified), false},
	}
	each(t, func(t *testing.T, d *db.DB) {
		for i, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				a := age.New(d, options())
				id := fmt.Sprint("u-", i)
				before := put(t, a, id, tt.first)
				_, err := a.Put(t.Context(), id, tt.second, false)
				if errors.Is(err, age.ErrRaise) != tt.raises || err != nil && !tt.raises {
					t.Fatalf("got %v, want raise %v", err, tt.raises)
				}
				if tt.raises {
					got, err := a.Get(t.Context(), id)
					if err != nil || !cmp.Equal(before, got) {
						t.Errorf("a refused statement left something behind: %v %s", err, cmp.Diff(before, got))
					}
				}
				if _, err := a.Put(t.Context(), id, tt.second, true); err != nil {
					t.Errorf("with leave to raise: %v", err)
				}
			})
		}
	})
}

// Saying the same again does not make a statement younger than it is.
func TestRepetitionDoesNotRenew(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		clock := now
		a := age.New(d, age.Options{Now: func() time.Time { return clock }, Youngest: event.Band13to15})
		first := put(t, a, "u-1", statement(event.Band13to15, event.BasisVerified))
		clock = clock.AddDate(2, 0, 1)
		put(t, a, "u-1", statement(event.Band13to15, event.BasisVerified))
		got, err := a.Get(t.Context(), "u-1")
		if err != nil || !cmp.Equal(first, got) {
			t.Errorf("%v %s", err, cmp.Diff(first, got))
		}
	})
}

func TestChangesAreSeenAtOnceHereAndSoonElsewhere(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		clock := now
		o := age.Options{Now: func() time.Time { return clock }, Fresh: time.Second}
		here, elsewhere := age.New(d, o), age.New(d, o)
		of(t, here, "u-1")
		of(t, elsewhere, "u-1")
		put(t, here, "u-1", age.Statement{Country: "GB"})
		if got := of(t, here, "u-1"); len(got) != 1 {
			t.Error("not seen here")
		}
		if got := of(t, elsewhere, "u-1"); len(got) != 0 {
			t.Error("the other one does not remember at all")
		}
		clock = clock.Add(time.Second)
		if got := of(t, elsewhere, "u-1"); len(got) != 1 {
			t.Error("not seen elsewhere after a second")
		}
		put(t, here, "u-1", age.Statement{Country: "DE"})
		clock = clock.Add(-time.Hour) // the clock is set back
		if got := of(t, elsewhere, "u-1"); got["u-1"].Country != "DE" {
			t.Error("not seen elsewhere once the clock was set back")
		}
	})
}

func TestRememberedAccountsAreTheCallersOwn(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		a := age.New(d, options())
		put(t, a, "u-1", statement(event.Band10to12, event.BasisVerified))
		for range 2 {
			account := of(t, a, "u-1")["u-1"]
			if account.Signals[0].Interval.From != 10 {
				t.Fatal("a caller changed what is remembered")
			}
			account.Signals[0].Interval.From = 18
		}
	})
}

func TestReadersAndWritersAtOnce(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		a := age.New(d, age.Options{Cached: 3, Now: func() time.Time { return now }})
		var wg sync.WaitGroup
		for w := range 4 {
			wg.Go(func() {
				for i := range 50 {
					id := fmt.Sprint("u-", (w+i)%5)
					country := []string{"GB", "DE"}[i%2]
					if _, err := a.Put(context.Background(), id, age.Statement{Country: country}, false); err != nil {
						t.Error(err)
					}
					if _, err := a.Of(context.Background(), []string{"u-0", "u-1", id}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		for id, remembered := range of(t, a, "u-0", "u-1", "u-2", "u-3", "u-4") {
			if stored, err := a.Get(t.Context(), id); err != nil || !cmp.Equal(stored, remembered) {
				t.Errorf("%s: %v %s", id, err, cmp.Diff(stored, remembered))
			}
		}
	})
}

func TestDelete(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		failing := errors.New("no")
		var fail error
		o := options()
		o.Erase = []func(context.Context, *sql.Tx, string) ([]age.Held, error){
			func(_ context.Context, _ *sql.Tx, account string) ([]age.Held, error) {
				return []age.Held{{What: "evidence", Count: 2, Why: "a case is open"}}, nil
			},
			func(context.Context, *sql.Tx, string) ([]age.Held, error) { return nil, fail },
		}
		a := age.New(d, o)
		put(t, a, "u-1", statement(event.Band10to12, event.BasisVerified))
		of(t, a, "u-1")

		fail = failing
		if _, _, err := a.Delete(t.Context(), "u-1"); !errors.Is(err, failing) {
			t.Errorf("one part fails: %v", err)
		}
		if _, err := a.Get(t.Context(), "u-1"); err != nil {
			t.Errorf("erased by half: %v", err)
		}
		fail = nil
		existed, held, err := a.Delete(t.Context(), "u-1")
		if err != nil || !existed || !cmp.Equal([]age.Held{{What: "evidence", Count: 2, Why: "a case is open"}}, held) {
			t.Errorf("erased: %v %v %v", existed, held, err)
		}
		if _, err := a.Get(t.Context(), "u-1"); !errors.Is(err, age.ErrNotFound) {
			t.Errorf("still there: %v", err)
		}
		if got := of(t, a, "u-1"); len(got) != 0 {
			t.Error("still remembered")
		}
		var rows int
		if err := d.Read.QueryRow(`SELECT (SELECT count(*) FROM age_account) + (SELECT count(*) FROM age_signal)`).Scan(&rows); err != nil || rows != 0 {
			t.Errorf("%d rows left: %v", rows, err)
		}
		if existed, _, err := a.Delete(t.Context(), "u-1"); existed || err != nil {
			t.Errorf("erased again: %v %v", existed, err)
		}
	})
}

// Nothing here is the shape of a birth date, a document or a face (R26).
func TestSchemaHasNoBirthDate(t *testing.T) {
	d := dbtest.Open(t, dbtest.SQLite(t), age.Migrations())
	rows, err := d.Read.Query(`SELECT m.name, p.name FROM sqlite_master m JOIN pragma_table_info(m.name) p WHERE m.name LIKE 'age_%'`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	n := 0
	for rows.Next() {
		var table, column string
		if err := rows.Scan(&table, &column); err != nil {
			t.Fatal(err)
		}
		n++
		if identifying(column) {
			t.Errorf("%s.%s", table, column)
		}
	}
	if err := rows.Err(); err != nil || n < 10 {
		t.Errorf("only %d columns looked at: %v", n, err)
	}
}

// identifying is whether a name is one that such data would have.
func identifying(name string) bool {
	name = strings.ToLower(name)
	for _, part := range []string{"birth", "dob", "born", "date", "year", "document", "passport", "face", "image", "photo", "selfie", "template", "biometric"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}

func BenchmarkOf(b *testing.B) {
	d := dbtest.Open(b, dbtest.SQLite(b), age.Migrations())
	for _, kind := range []string{"remembered", "read"} {
		b.Run(kind, func(b *testing.B) {
			a := age.New(d, age.Options{Cached: 1000})
			if _, err := a.Put(context.Background(), "u-0", statement(event.Band10to12, event.BasisVerified), true); err != nil {
				b.Fatal(err)
			}
			ids := []string{"u-0", "u-1"}
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ {
				if kind == "read" {
					ids = []string{fmt.Sprint("u-", 10+2*n), fmt.Sprint("u-", 11+2*n)}
				}
				if _, err := a.Of(b.Context(), ids); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
