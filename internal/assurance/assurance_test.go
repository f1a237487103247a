package assurance_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/breakwater-project/breakwater/agetoken"
	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/age"
	"github.com/breakwater-project/breakwater/internal/assurance"
	"github.com/breakwater-project/breakwater/internal/db"
	"github.com/breakwater-project/breakwater/internal/db/dbtest"
)

var start = time.Date(2026, 11, 24, 10, 30, 0, 0, time.UTC)

// open is a check that is always, or never, open.
type open struct {
	method assurance.Method
	closed error
}

func (o open) Method() assurance.Method { return o.method }
func (o open) Closed(time.Time) error   { return o.closed }

// world is checks on a database, with a clock that tests may set.
type world struct {
	*assurance.Assurance
	db       *db.DB
	accounts *age.Accounts
	now      time.Time
	labels   []string // that accounts were given, or lost
}

func each(t *testing.T, f func(t *testing.T, w *world), checks ...assurance.Check) {
	t.Helper()
	if checks == nil {
		checks = []assurance.Check{open{method: assurance.WalletAV}, open{method: assurance.WalletMDL}, open{method: assurance.FacialEstimation}}
	}
	dbtest.Each(t, []db.Source{age.Migrations(), assurance.Migrations()}, func(t *testing.T, d *db.DB) {
		w := &world{db: d, now: start}
		now := func() time.Time { return w.now }
		w.accounts = age.New(d, age.Options{Now: now, Youngest: event.Band13to15})
		var err error
		w.Assurance, err = assurance.New(assurance.Options{
			Practice: evidence(t),
			DB:       d, Accounts: w.accounts, Now: now, Checks: checks, URL: func() string { return "https://age.example" },
			Label: func(_ context.Context, _ *sql.Tx, _, kind string, holds bool) error {
				w.labels = append(w.labels, fmt.Sprintf("%s=%t", kind, holds))
				return nil
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		f(t, w)
	})
}

func (w *world) begin(t *testing.T, ask assurance.Ask) assurance.Session {
	t.Helper()
	if ask.Profile == "" {
		ask.Profile = "GB-HEAA-18"
	}
	s, err := w.Begin(t.Context(), ask)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// known is what is known of an account's age.
func (w *world) known(t *testing.T, id string) age.Known {
	t.Helper()
	account, err := w.accounts.Get(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return account.Known(event.Band13to15, w.now)
}

var overEighteen = assurance.Result{
	Ages: age.Interval{From: 18, To: event.MaxAge}, Basis: event.BasisVerified, Method: assurance.WalletAV,
	Level: agetoken.Enhanced, Confidence: 1, Integrity: assurance.Signed, CheckedOn: start,
}

func estimate(from, to int, confidence float64) assurance.Result {
	r := overEighteen
	r.Ages, r.Basis, r.Method, r.Level = age.Interval{From: from, To: to}, event.BasisEstimated, assurance.FacialEstimation, agetoken.Standard
	r.Confidence, r.Integrity = confidence, assurance.HMAC
	return r
}

func TestAcceptRaisesTheAccount(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s := w.begin(t, assurance.Ask{Account: "u-1", Tokens: 30})
		v, err := w.Accept(t.Context(), s.ID, overEighteen)
		if err != nil || v != assurance.Passed {
			t.Fatalf("%s, %v", v, err)
		}
		k := w.known(t, "u-1")
		if !k.Proven || k.Band != event.Band18Plus || k.Basis != event.BasisVerified || k.Method != "wallet_av" {
			t.Errorf("known %+v", k)
		}
		if want := assurance.Day(start).AddDate(0, 0, 365); !k.Expires.Equal(want) {
			t.Errorf("to be checked again on %s, want %s", k.Expires, want)
		}
		if _, err := w.Accept(t.Context(), s.ID, overEighteen); !errors.Is(err, assurance.ErrEnded) {
			t.Errorf("again: %v", err)
		}
		after, err := w.Session(t.Context(), s.ID)
		if err != nil || after.Account != "" || after.State != assurance.StatePassed {
			t.Errorf("the session that ended: %+v, %v", after, err)
		}
		w.now = k.Expires
		if k := w.known(t, "u-1"); k.Proven || k.Basis == event.BasisVerified {
			t.Errorf("once it has expired: %+v", k)
		}
	})
}

func TestVerdicts(t *testing.T) {
	declared := overEighteen
	declared.Basis, declared.Method, declared.Level = event.BasisDeclared, assurance.SelfDeclaration, agetoken.Asserted
	unattested := overEighteen
	unattested.Integrity = assurance.Unattested
	under := overEighteen
	under.Ages = age.Interval{From: 0, To: 18}
	for name, tt := range map[string]struct {
		result  assurance.Result
		profile string
		want    assurance.Verdict
	}{
		"a wallet":                             {overEighteen, "GB-HEAA-18", assurance.Passed},
		"a wallet says no":                     {under, "GB-HEAA-18", assurance.Under},
		"an estimate beyond the buffer":        {estimate(25, event.MaxAge, .97), "GB-HEAA-18", assurance.Passed},
		"an estimate within the buffer":        {estimate(22, event.MaxAge, .97), "GB-HEAA-18", assurance.Undecided},
		"an unsure estimate":                   {estimate(25, event.MaxAge, .8), "GB-HEAA-18", assurance.Undecided},
		"an estimated child":                   {estimate(13, 16, .97), "GB-HEAA-18", assurance.Under},
		"an estimate of standard level for EU": {estimate(25, event.MaxAge, .97), "EU-DSA-18", assurance.Undecided},
		"18 for 16":                            {overEighteen, "AU-SMMA-16", assurance.Passed},
		"a declaration":                        {declared, "GB-HEAA-18", assurance.Undecided},
		"an app says so":                       {unattested, "GB-HEAA-18", assurance.Undecided},
	} {
		t.Run(name, func(t *testing.T) {
			profiles, err := assurance.Profiles()
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range profiles {
				if p.ID == tt.profile {
					if got := p.Judge(&tt.result); got != tt.want {
						t.Errorf("%s, want %s", got, tt.want)
					}
				}
			}
		})
	}
}

func TestGrantIsSpentExactly(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s := w.begin(t, assurance.Ask{Account: "u-1", Tokens: 30})
		if _, err := w.Collect(t.Context(), s.ID); !errors.Is(err, assurance.ErrNoGrant) {
			t.Errorf("before the check: %v", err)
		}
		if _, err := w.Accept(t.Context(), s.ID, overEighteen); err != nil {
			t.Fatal(err)
		}
		secret, err := w.Collect(t.Context(), s.ID)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Collect(t.Context(), s.ID); !errors.Is(err, assurance.ErrNoGrant) {
			t.Errorf("collected twice: %v", err)
		}
		var given atomic.Int64
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range 3 {
					err := w.db.Tx(t.Context(), func(tx *sql.Tx) error {
						g, err := w.Grants.Spend(t.Context(), tx, secret, 4)
						if err == nil && (g.Over != 18 || g.Class != agetoken.Enhanced) {
							t.Errorf("grant %+v", g)
						}
						return err
					})
					switch {
					case err == nil:
						given.Add(4)
					case !errors.Is(err, assurance.ErrGrantSpent) && !errors.Is(err, assurance.ErrNoGrant):
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		if given.Load() != 28 {
			t.Errorf("%d tokens in fours of a grant of 30", given.Load())
		}
	})
}

func TestTooFewMethods(t *testing.T) {
	closed := errors.New("stale")
	for name, checks := range map[string][]assurance.Check{
		"none":                              {},
		"one":                               {open{method: assurance.WalletAV}},
		"one twice":                         {open{method: assurance.WalletAV}, open{method: assurance.WalletAV}},
		"government ID only":                {open{method: assurance.WalletMDL}, open{method: assurance.PhotoID}},
		"the one without ID is not for GB":  {open{method: assurance.WalletMDL}, open{method: assurance.StoreSignal}},
		"the one without ID has closed now": {open{method: assurance.WalletMDL}, open{assurance.WalletAV, closed}},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, w *world) {
				if _, err := w.Begin(t.Context(), assurance.Ask{Profile: "GB-HEAA-18"}); !errors.Is(err, assurance.ErrFewMethods) {
					t.Errorf("%v", err)
				}
			}, checks...)
		})
	}
}
