package assurance_test

import (
	"database/sql"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/breakwater-project/breakwater/agetoken"
	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/age"
	"github.com/breakwater-project/breakwater/internal/assurance"
	"github.com/breakwater-project/breakwater/internal/assurance/token"
	"github.com/breakwater-project/breakwater/internal/db"
	"github.com/breakwater-project/breakwater/internal/db/dbtest"
)

// columns are all the columns that age assurance has. A new one is a new thing
// that is known of people: say here what it is, and that it may be.
var columns = map[string]string{
	"age_account":       "changed country created id locale region",
	"age_signal":        "account age_from age_to at basis confidence expires method source",
	"assurance_session": "account attempts browser class expires flow id profile return_url state tokens",
	"assurance_request": "code expires finding id kind seed session typed",
	"assurance_grant":   "class expires id over remaining",
	"assurance_count":   "day method n outcome profile",
	"assurance_consent": "account means purpose since withdrawn",
	"assurance_appeal":  "account decided decided_by ground id opened profile state",
	"token_key":         "generation name public sealed",
	"token_spent":       "epoch nullifier",
	"token_seal":        "id proof",
	"token_directory":   "at body digest issuer",
}

// Nothing that must not be known has a column to live in (R26).
func TestSchema(t *testing.T) {
	d := dbtest.Open(t, dbtest.SQLite(t), age.Migrations(), assurance.Migrations(), token.Migrations())
	got := map[string][]string{}
	err := db.Query(t.Context(), d.Read, `
		SELECT m.name, p.name FROM sqlite_master m JOIN pragma_table_info(m.name) p
		WHERE m.type = 'table' AND (m.name LIKE 'age\_%' ESCAPE '\' OR m.name LIKE 'assurance\_%' ESCAPE '\' OR m.name LIKE 'token\_%' ESCAPE '\')`,
		nil, func(rows *sql.Rows) error {
			var table, column string
			err := rows.Scan(&table, &column)
			got[table] = append(got[table], column)
			return err
		})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]string{}
	for table, names := range columns {
		want[table] = slices.Sorted(slices.Values(strings.Fields(names)))
	}
	for table := range got {
		slices.Sort(got[table])
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("columns (-listed +there):\n%s", diff)
	}
	for table, names := range got {
		for _, name := range names {
			for _, never := range []string{"birth", "dob", "family", "given", "document", "number", "face", "image", "portrait", "ip", "address", "evidence", "phone", "mail"} {
				if name == never || strings.HasPrefix(name, never+"_") || strings.HasSuffix(name, "_"+never) {
					t.Errorf("%s.%s", table, name)
				}
			}
		}
	}
}

func anyResult(r *rand.Rand) assurance.Result {
	methods := assurance.Methods()
	from := r.IntN(60)
	res := assurance.Result{
		Ages:  age.Interval{From: from, To: from + 1 + r.IntN(event.MaxAge-from)},
		Basis: event.Basis(r.IntN(6)), Method: methods[r.IntN(len(methods))],
		Level: agetoken.Class(r.IntN(5)), Confidence: r.Float64(), Integrity: assurance.Integrity(r.IntN(4)),
		CheckedOn: start.AddDate(0, 0, -r.IntN(30)),
	}
	if r.IntN(2) == 0 {
		res.Confidence = 1
	}
	return res
}

// never are the methods that never count as highly effective.
var never = []assurance.Method{assurance.SelfDeclaration, assurance.DebitCard, assurance.Terms, assurance.Guardian, assurance.DeviceSignal, assurance.StoreSignal}

// What people say of themselves, debit cards and terms never count as highly
// effective, whatever else a result says of itself (R25).
func TestNeverHighlyEffective(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	effective := 0
	for range 20_000 {
		res := anyResult(r)
		if res.HighlyEffective() {
			effective++
			if slices.Contains(never, res.Method) || res.Basis != event.BasisVerified && res.Basis != event.BasisEstimated || res.Level < agetoken.Standard {
				t.Fatalf("%+v", res)
			}
		}
	}
	if effective == 0 {
		t.Error("nothing is: the test does not look")
	}
	profiles, err := assurance.Profiles()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range profiles {
		if p.HighlyEffective && slices.ContainsFunc(p.Methods, func(m assurance.Method) bool { return slices.Contains(never, m) }) {
			t.Errorf("%s offers one of %v", p.ID, never)
		}
	}
}

// However results are merged into an account, only highly effective ones prove
// an adult, and any other leaves the account no older and no more certain than
// it was (R25, R33).
func TestMergeNeverRaisesByLess(t *testing.T) {
	d := dbtest.Open(t, dbtest.SQLite(t), age.Migrations(), assurance.Migrations())
	now := func() time.Time { return start }
	accounts := age.New(d, age.Options{Now: now, Youngest: event.Band13to15})
	a, err := assurance.New(assurance.Options{DB: d, Accounts: accounts, Now: now, URL: func() string { return "https://age.example" }})
	if err != nil {
		t.Fatal(err)
	}
	known := func(id string) age.Known {
		read, err := accounts.Of(t.Context(), []string{id})
		if err != nil {
			t.Fatal(err)
		}
		account := read[id]
		return account.Known(event.Band13to15, start)
	}
	r := rand.New(rand.NewPCG(3, 4))
	proven, refused := 0, 0
	for n := range 150 {
		id := "u-" + string(rune('a'+n%26)) + string(rune('a'+n/26))
		strong, said := false, false
		for range 1 + r.IntN(4) {
			res := anyResult(r)
			if res.Basis == event.BasisNone || res.Ages == age.IntervalOf(event.BandUnknown) {
				continue
			}
			before := known(id)
			err := a.Merge(t.Context(), id, res)
			if errors.Is(err, age.ErrRaise) && !res.HighlyEffective() {
				refused++
			} else if err != nil {
				t.Fatalf("%+v: %v", res, err)
			}
			after := known(id)
			if said && !res.HighlyEffective() && after.Interval.From > before.Interval.From {
				t.Fatalf("%+v makes %+v older: %+v", res, before, after)
			}
			said = true
			strong = strong || res.HighlyEffective()
			if after.Proven {
				proven++
			}
			if after.Proven && !strong {
				t.Fatalf("proven by %+v", res)
			}
			if !res.HighlyEffective() && after.Proven && !before.Proven {
				t.Fatalf("%+v makes an adult of %+v", res, before)
			}
		}
	}
	if proven == 0 || refused == 0 {
		t.Errorf("%d proven, %d refused: the test does not look", proven, refused)
	}
}

// Behaviour that speaks against a proof takes it away, and an adult's behaviour
// gives none (R33).
func TestContradiction(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s := w.begin(t, assurance.Ask{Account: "u-1"})
		if _, err := w.Accept(t.Context(), s.ID, overEighteen); err != nil {
			t.Fatal(err)
		}
		looksYoung := estimate(13, 16, .7)
		looksYoung.Basis = event.BasisInferred
		if err := w.Merge(t.Context(), "u-1", looksYoung); err != nil {
			t.Fatal(err)
		}
		if k := w.known(t, "u-1"); k.Proven || !k.Doubt || !k.Interval.MayBeMinor() {
			t.Errorf("contradicted: %+v", k)
		}
		looksOld := estimate(30, event.MaxAge, .99)
		looksOld.Basis = event.BasisInferred
		if err := w.Merge(t.Context(), "u-2", looksOld); err != nil {
			t.Fatal(err)
		}
		if k := w.known(t, "u-2"); k.Proven || !k.Interval.MayBeMinor() {
			t.Errorf("inferred adult: %+v", k)
		}
	})
}

// A check clears the doubt of claims and estimates, not that of another check;
// and estimates are not repeated until one errs.
func TestCheckAgain(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		accept := func(account string, r assurance.Result) assurance.Verdict {
			t.Helper()
			s := w.begin(t, assurance.Ask{Account: account})
			v, err := w.Accept(t.Context(), s.ID, r)
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
		if _, err := w.accounts.Put(t.Context(), "u-1", age.Statement{Age: &event.Age{Band: event.Band13to15, Basis: event.BasisDeclared}}, false); err != nil {
			t.Fatal(err)
		}
		if accept("u-1", overEighteen); !w.known(t, "u-1").Proven {
			t.Errorf("who said 13 and is verified to be 18: %+v", w.known(t, "u-1"))
		}
		young := estimate(13, 16, .97)
		weak := estimate(30, event.MaxAge, .97)
		weak.Level = agetoken.Asserted
		old := estimate(25, event.MaxAge, .97)
		for _, step := range []struct {
			result assurance.Result
			want   assurance.Verdict
			proven bool
		}{
			{young, assurance.Under, false},
			{weak, assurance.Undecided, false},
			{old, assurance.Undecided, false},      // the same method, tried again
			{overEighteen, assurance.Passed, true}, // a wallet says better
		} {
			if got := accept("u-2", step.result); got != step.want || w.known(t, "u-2").Proven != step.proven {
				t.Errorf("%s: %s, %+v", step.result.Method, got, w.known(t, "u-2"))
			}
		}
		other := overEighteen
		other.Method, other.Ages = assurance.WalletMDL, age.Interval{From: 10, To: 13}
		accept("u-3", other)
		if accept("u-3", overEighteen); w.known(t, "u-3").Proven || !w.known(t, "u-3").Doubt {
			t.Errorf("two verified ages that contradict each other: %+v", w.known(t, "u-3"))
		}
	})
}
