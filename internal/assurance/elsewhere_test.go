package assurance_test

import (
	"errors"
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/age"
	"github.com/breakwater-project/breakwater/internal/assurance"
	"github.com/breakwater-project/breakwater/internal/assurance/practice"
	"github.com/breakwater-project/breakwater/internal/assurance/provider"
	"github.com/breakwater-project/breakwater/internal/assurance/provider/providertest"
	"github.com/breakwater-project/breakwater/internal/db"
	"github.com/breakwater-project/breakwater/internal/db/dbtest"
)

var hookSecret = []byte("a secret of these tests, long enough")

// evidence is a registry in which methods of providers have evidence.
func evidence(t *testing.T) *practice.Registry {
	t.Helper()
	r, err := practice.Shipped()
	if err != nil {
		t.Fatal(err)
	}
	for _, method := range []string{"photo_id", "facial_estimation", "open_banking"} {
		text := "methods:\n  - id: " + method + "\n    evidence:\n"
		for _, c := range practice.Required() {
			text += fmt.Sprintf("      %s: [{what: w, source: s, by: b, date: \"2026-01-01\", expires: \"2027-01-01\"}]\n", c)
		}
		if r, err = r.With("own.yaml", []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// eachProvider runs a test with a wallet and a provider that keeps to our own
// webhook.
func eachProvider(t *testing.T, registry *practice.Registry, f func(t *testing.T, w *world)) {
	t.Helper()
	page, err := url.Parse("https://ages.example/check")
	if err != nil {
		t.Fatal(err)
	}
	checks, err := assurance.NewElsewhere(provider.Configured{
		Name: "ages", Host: page.Host, Methods: []provider.Method{provider.PhotoID, provider.FacialEstimation}, Level: "standard",
		Remote: &provider.Webhook{Page: page, Secret: hookSecret},
	})
	if err != nil {
		t.Fatal(err)
	}
	dbtest.Each(t, []db.Source{age.Migrations(), assurance.Migrations()}, func(t *testing.T, d *db.DB) {
		w := &world{db: d, now: start}
		w.accounts = age.New(d, age.Options{Now: w.clock, Youngest: event.Band13to15})
		var err error
		w.Assurance, err = assurance.New(assurance.Options{
			DB: d, Accounts: w.accounts, Now: w.clock, Practice: registry, URL: func() string { return "https://age.example" },
			Checks: append([]assurance.Check{open{method: assurance.WalletAV}}, checks...),
		})
		if err != nil {
			t.Fatal(err)
		}
		f(t, w)
	})
}

func (w *world) clock() time.Time { return w.now }

// leave begins a session and leaves for the provider; it returns the session and
// the reference that the provider was given.
func (w *world) leave(t *testing.T, account string) (session, reference string) {
	t.Helper()
	s := w.begin(t, assurance.Ask{Account: account, Flow: assurance.FlowPage})
	secret, err := w.Bind(t.Context(), s.ID, "")
	if err != nil {
		t.Fatal(err)
	}
	return s.ID, w.leaveAgain(t, s.ID, secret)
}

func (w *world) leaveAgain(t *testing.T, session, browser string) (reference string) {
	t.Helper()
	address, err := w.Leave(t.Context(), session, "ages", browser)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	if back := u.Query().Get("return_url"); back != "https://age.example/age/"+session+"/back/ages" {
		t.Errorf("return_url %q", back)
	}
	return u.Query().Get("reference")
}

// hear is what the provider says of a reference.
func (w *world) hear(t *testing.T, reference, result, method, basis string, years int) (assurance.Answered, error) {
	t.Helper()
	body := fmt.Sprintf(`{"reference":%q,"result":%q,"age":%d,"method":%q,"basis":%q,"checked_on":"2026-11-24"}`, reference, result, years, method, basis)
	return w.Heard(t.Context(), "ages", provider.Message{Header: providertest.Standard(body, w.now, hookSecret), Body: []byte(body)})
}

// nothing checks that nothing was said of an account: not even that there is one.
func (w *world) nothing(t *testing.T, account string) {
	t.Helper()
	if a, err := w.accounts.Get(t.Context(), account); !errors.Is(err, age.ErrNotFound) {
		t.Errorf("%s: nothing was decided, and known is %+v, %v", account, a, err)
	}
}

func TestProviderRaisesTheAccount(t *testing.T) {
	eachProvider(t, evidence(t), func(t *testing.T, w *world) {
		for account, c := range map[string]struct {
			result, method, basis string
			age                   int
			want                  assurance.Verdict
			proven                bool
			from                  int
		}{
			"by document":         {"over", "photo_id", "verified", 18, assurance.Passed, true, 18},
			"by estimate":         {"over", "facial_estimation", "estimated", 25, assurance.Passed, true, 18},
			"a child":             {"under", "photo_id", "verified", 18, assurance.Under, false, 0},
			"could not be told":   {"undecided", "facial_estimation", "estimated", 25, assurance.Undecided, false, 0},
			"looks younger":       {"under", "facial_estimation", "estimated", 25, assurance.Undecided, false, 0},
			"by what is not done": {"over", "credit_card", "verified", 18, assurance.Undecided, false, 0},
		} {
			_, reference := w.leave(t, account)
			got, err := w.hear(t, reference, c.result, c.method, c.basis, c.age)
			if err != nil || got.Verdict != c.want {
				t.Errorf("%s: %+v, %v; want %s", account, got, err, c.want)
			}
			if c.want == assurance.Undecided {
				w.nothing(t, account)
				continue
			}
			if k := w.known(t, account); k.Proven != c.proven || k.Interval.From != c.from {
				t.Errorf("%s: known %+v", account, k)
			}
		}
	})
}

// Without evidence for each criterion a provider's method is not offered, and
// what it says proves nothing (R24).
func TestProviderWithoutEvidence(t *testing.T) {
	eachProvider(t, nil, func(t *testing.T, w *world) {
		if s, err := w.Begin(t.Context(), assurance.Ask{Account: "u-1", Profile: "GB-HEAA-18"}); !errors.Is(err, assurance.ErrFewMethods) {
			t.Errorf("a choice of one method that can pass: %+v, %v", s, err)
		}
		said := overEighteen
		said.Method, said.Provider, said.Integrity = assurance.PhotoID, "ages", assurance.HMAC
		if err := w.Merge(t.Context(), "u-1", said); err != nil || w.known(t, "u-1").Proven {
			t.Errorf("%v; known %+v", err, w.known(t, "u-1"))
		}
	})
}

func TestProviderIsHeardOnce(t *testing.T) {
	eachProvider(t, evidence(t), func(t *testing.T, w *world) {
		_, reference := w.leave(t, "u-1")
		if _, err := w.hear(t, reference, "over", "photo_id", "verified", 18); err != nil {
			t.Fatal(err)
		}
		for name, c := range map[string]struct {
			reference string
			want      error
		}{"replayed": {reference, assurance.ErrAnswered}, "never asked": {"r-0", assurance.ErrNoRequest}} {
			if got, err := w.hear(t, c.reference, "under", "photo_id", "verified", 18); !errors.Is(err, c.want) {
				t.Errorf("%s: %+v, %v; want %v", name, got, err, c.want)
			}
		}
		if k := w.known(t, "u-1"); !k.Proven {
			t.Errorf("after a replay: %+v", k)
		}
		if _, err := w.Heard(t.Context(), "nobody", provider.Message{}); !errors.Is(err, assurance.ErrNoProvider) {
			t.Errorf("an unknown provider: %v", err)
		}
		if _, err := w.Heard(t.Context(), "ages", provider.Message{}); !errors.Is(err, provider.ErrNotAuthentic) {
			t.Errorf("unsigned: %v", err)
		}
	})
}

// What was asked of a provider is not a wallet's to answer, and stays open.
func TestProvidersRequestIsNoWallets(t *testing.T) {
	eachProvider(t, evidence(t), func(t *testing.T, w *world) {
		_, reference := w.leave(t, "u-1")
		id := "ages:" + reference
		if got, err := w.AnswerLink(t.Context(), id, url.Values{"vp_token": {"{}"}}); !errors.Is(err, assurance.ErrNoRequest) {
			t.Errorf("by link: %+v, %v", got, err)
		}
		if _, err := w.AnswerAPI(t.Context(), id, assurance.APIAnswer{Protocol: "org-iso-mdoc"}); err == nil {
			t.Error("by the Digital Credentials API")
		}
		if _, err := w.Object(t.Context(), id); !errors.Is(err, assurance.ErrNoRequest) {
			t.Errorf("as a request object: %v", err)
		}
		if got, err := w.hear(t, reference, "over", "photo_id", "verified", 18); err != nil || got.Verdict != assurance.Passed {
			t.Errorf("by the provider: %+v, %v", got, err)
		}
	})
}

// Only the browser that began may leave, and answers that decide nothing end the
// session when there are too many.
func TestLeave(t *testing.T) {
	eachProvider(t, evidence(t), func(t *testing.T, w *world) {
		s := w.begin(t, assurance.Ask{Account: "u-1", Flow: assurance.FlowPage})
		if _, err := w.Leave(t.Context(), s.ID, "ages", ""); !errors.Is(err, assurance.ErrNotBound) {
			t.Errorf("a browser that is nobody's: %v", err)
		}
		secret, err := w.Bind(t.Context(), s.ID, "")
		if err != nil {
			t.Fatal(err)
		}
		for name, c := range map[string]struct {
			session, provider, browser string
			want                       error
		}{
			"another browser":  {s.ID, "ages", "x", assurance.ErrNotBound},
			"another provider": {s.ID, "nobody", secret, assurance.ErrNoProvider},
			"another session":  {"s-0", "ages", secret, assurance.ErrNoSession},
		} {
			if _, err := w.Leave(t.Context(), c.session, c.provider, c.browser); !errors.Is(err, c.want) {
				t.Errorf("%s: %v, want %v", name, err, c.want)
			}
		}
		for range 5 {
			reference := w.leaveAgain(t, s.ID, secret)
			if _, err := w.hear(t, reference, "undecided", "photo_id", "verified", 18); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := w.Leave(t.Context(), s.ID, "ages", secret); !errors.Is(err, assurance.ErrEnded) {
			t.Errorf("after five answers: %v", err)
		}
		w.nothing(t, "u-1")
	})
}

// An answer of the future, or that holds no more, decides nothing, and leaves
// alone what is known.
func TestDatesOfAnswers(t *testing.T) {
	eachProvider(t, evidence(t), func(t *testing.T, w *world) {
		for name, c := range map[string]struct {
			dates string
			want  assurance.Verdict
		}{
			"today":                {`"checked_on":"2026-11-24"`, assurance.Passed},
			"where it is tomorrow": {`"checked_on":"2026-11-25"`, assurance.Passed},
			"of the future":        {`"checked_on":"2026-12-24"`, assurance.Undecided},
			"too long ago":         {`"checked_on":"2024-01-01"`, assurance.Undecided},
			"lapsed":               {`"checked_on":"2026-11-01","expires_on":"2026-11-20"`, assurance.Undecided},
		} {
			_, reference := w.leave(t, name)
			body := fmt.Sprintf(`{"reference":%q,"result":"over","age":18,"method":"photo_id","basis":"verified",%s}`, reference, c.dates)
			got, err := w.Heard(t.Context(), "ages", provider.Message{Header: providertest.Standard(body, w.now, hookSecret), Body: []byte(body)})
			if err != nil || got.Verdict != c.want {
				t.Errorf("%s: %+v, %v; want %s", name, got, err, c.want)
			}
			if c.want == assurance.Undecided {
				w.nothing(t, name)
			}
		}
		lapsed := overEighteen
		lapsed.CheckedOn = start.AddDate(-3, 0, 0)
		if err := w.Merge(t.Context(), "u-9", lapsed); !errors.Is(err, assurance.ErrLapsed) {
			t.Errorf("merged: %v", err)
		}
	})
}

// Every method is in the registry, under its name: what is not there could not
// be shown, nor be highly effective.
func TestEveryMethodHasAnEntry(t *testing.T) {
	r, err := practice.Shipped()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range assurance.Methods() {
		entry, ok := r.Method(string(m))
		if !ok {
			t.Errorf("%s is not in the registry", m)
		} else if entry.Capable != m.Capable() || entry.GovernmentID != m.GovernmentID() {
			t.Errorf("%s: the registry says capable %v, government ID %v", m, entry.Capable, entry.GovernmentID)
		}
	}
}
