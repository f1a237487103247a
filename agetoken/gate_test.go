package agetoken_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/breakwater-project/breakwater/agetoken"
)

// newGate opens to the tokens of an issuer, each once.
func newGate(t *testing.T, issuer *agetoken.Issuer, c agetoken.Challenge) http.Handler {
	t.Helper()
	verifier := newVerifier(t, c, issuer)
	var spent agetoken.Spent
	gate := agetoken.Gate{
		Offers: func() []agetoken.Offer { return []agetoken.Offer{{Challenge: c, Key: issuer.Key()}} },
		Redeem: func(_ context.Context, token agetoken.Token) (agetoken.KeyName, error) {
			name, err := verifier.Verify(token)
			if err == nil && !spent.Spend(token.Nullifier()) {
				err = agetoken.ErrSpent
			}
			return name, err
		},
	}
	return gate.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, _ := agetoken.Said(r.Context())
		fmt.Fprintf(w, "over %d, header %q", name.Over, r.Header.Get("Authorization"))
	}))
}

func ask(h http.Handler, authorization string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "/film", nil)
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestGate(t *testing.T) {
	issuer, c := newIssuer(t, 0), newChallenge(t, nil)
	gate := newGate(t, issuer, c)
	challenged := ask(gate, "")
	offers, err := agetoken.ParseWWWAuthenticate(challenged.Header().Get("WWW-Authenticate"))
	if err != nil || challenged.Code != 401 || len(offers) != 1 || offers[0].Key.ID() != issuer.Key().ID() {
		t.Fatalf("%d, %v, %v", challenged.Code, offers, err)
	}
	token := newTokens(t, issuer, offers[0].Challenge, 1)[0]
	if w := ask(gate, agetoken.Authorization(token)); w.Code != 200 || w.Body.String() != `over 18, header ""` {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := ask(gate, agetoken.Authorization(token)); w.Code != 401 || !strings.Contains(w.Body.String(), "spent before") {
		t.Errorf("again: %d %s", w.Code, w.Body)
	}
}

// Whoever is turned away is told what to do, and challenged again.
func TestGateTurnsAway(t *testing.T) {
	issuer, c := newIssuer(t, 0), newChallenge(t, nil)
	good := newTokens(t, issuer, c, 1)[0]
	forged := good
	forged.Signature[9] ^= 1
	gate := newGate(t, issuer, c)
	for name, tc := range map[string]struct{ header, says string }{
		"nothing":           {"", "needs proof of age"},
		"an API key":        {"Bearer secret-canary", "no age token"},
		"half a token":      {agetoken.Authorization(good)[:200], "no age token"},
		"a forged token":    {agetoken.Authorization(forged), "forged"},
		"another issuer's":  {agetoken.Authorization(newTokens(t, newIssuer(t, 1), c, 1)[0]), "not accepted here"},
		"for another place": {agetoken.Authorization(newTokens(t, issuer, newChallenge(t, nil, "other.example"), 1)[0]), "another place"},
	} {
		w := ask(gate, tc.header)
		var problem struct {
			Title, Detail string
			Status        int
		}
		if err := json.Unmarshal(w.Body.Bytes(), &problem); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if w.Code != 401 || problem.Status != 401 || problem.Title == "" || !strings.Contains(problem.Detail, tc.says) ||
			w.Header().Get("Content-Type") != "application/problem+json" || !strings.HasPrefix(w.Header().Get("WWW-Authenticate"), agetoken.Scheme) {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
		if strings.Contains(w.Body.String(), "canary") {
			t.Errorf("%s: the answer repeats the header", name)
		}
	}
	if w := ask(gate, agetoken.Authorization(good)); w.Code != 200 {
		t.Errorf("after all that the good one has %d", w.Code)
	}
}

// What can't be known now is no fault of the token.
func TestGateUnavailable(t *testing.T) {
	gate := agetoken.Gate{
		Offers: func() []agetoken.Offer { return nil },
		Redeem: func(context.Context, agetoken.Token) (agetoken.KeyName, error) {
			return agetoken.KeyName{}, errors.New("disk full at canary")
		},
	}.Wrap(http.NotFoundHandler())
	w := ask(gate, agetoken.Authorization(agetoken.Token{}))
	if w.Code != 503 || w.Header().Get("Retry-After") == "" || strings.Contains(w.Body.String(), "canary") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := ask(gate, ""); w.Code != 401 || w.Header().Get("WWW-Authenticate") != "" {
		t.Errorf("without offers: %d %v", w.Code, w.Header())
	}
}

func TestVerifyAnswer(t *testing.T) {
	issuer, kept := newIssuer(t, 0), newChallenge(t, nil)
	session := newChallenge(t, []byte(strings.Repeat("s", 32)), "site.example")
	verifier, token := newVerifier(t, kept, issuer), newTokens(t, issuer, session, 1)[0]
	if name, err := verifier.VerifyAnswer(session, token); err != nil || name != november {
		t.Errorf("%v, %v", name, err)
	}
	if _, err := verifier.Verify(token); !errors.Is(err, agetoken.ErrChallenge) {
		t.Errorf("as a kept one: %v", err)
	}
	if _, err := verifier.VerifyAnswer(kept, token); !errors.Is(err, agetoken.ErrChallenge) {
		t.Errorf("for another challenge: %v", err)
	}
}

func TestDirectoryNamed(t *testing.T) {
	d := agetoken.Directory{Keys: []agetoken.NamedKey{{Key: newIssuer(t, 1).Key()}, {Key: newIssuer(t, 0).Key(), Name: november}}}
	if k, ok := d.Named(november); !ok || k.Key != d.Keys[1].Key {
		t.Errorf("%v, %v", k, ok)
	}
	other := november
	other.Over = 16
	if k, ok := d.Named(other); ok {
		t.Errorf("there is %v", k)
	}
}
