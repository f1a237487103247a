package agetoken

import (
	"context"
	"errors"
	"fmt"
	"net/http"
)

// Gate asks for a token where a resource needs one, by the HTTP scheme
// PrivateToken (RFC 9577).
type Gate struct {
	// Offers are the challenges that open it, the preferred one first.
	Offers func() []Offer
	// Redeem verifies a token and spends it: in memory by Verifier and Spent, or
	// wherever the platform keeps what was spent. An error that is one of this
	// package's is the token's fault; any other says that it can't be known now.
	Redeem func(ctx context.Context, t Token) (KeyName, error)
}

// Wrap lets through to next whoever spends a token, and answers everybody else
// with a challenge: 401, and with a problem in plain words. A token that is
// not accepted is answered in the same way, so that the client tries its next.
func (g Gate) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "Authorization")
		w.Header().Set("Cache-Control", "no-store")
		header := r.Header.Get("Authorization")
		if header == "" {
			g.challenge(w, "This needs proof of age. Get age tokens, and send one.")
			return
		}
		t, err := ParseAuthorization(header)
		var said KeyName
		if err == nil {
			said, err = g.Redeem(r.Context(), t)
		}
		if err != nil {
			g.refuse(w, err)
			return
		}
		r = r.WithContext(context.WithValue(r.Context(), saidKey{}, said))
		r.Header.Del("Authorization") // spent: nobody behind the gate needs it
		next.ServeHTTP(w, r)
	})
}

type saidKey struct{}

// Said is what the token of a request that passed a gate says.
func Said(ctx context.Context) (KeyName, bool) {
	n, ok := ctx.Value(saidKey{}).(KeyName)
	return n, ok
}

func (g Gate) refuse(w http.ResponseWriter, err error) {
	for fault, why := range map[error]string{
		ErrFormat:    "The Authorization header holds no age token.",
		ErrKey:       "The token is of an issuer, or for an age, that is not accepted here.",
		ErrSignature: "The token is damaged or forged.",
		ErrChallenge: "The token was made for another place.",
		ErrTime:      "The token has lapsed. Get new ones.",
		ErrSpent:     "The token was spent before. Send another one.",
	} {
		if errors.Is(err, fault) {
			g.challenge(w, why)
			return
		}
	}
	w.Header().Set("Retry-After", "1")
	problem(w, http.StatusServiceUnavailable, "It cannot be done right now", "Tokens cannot be checked right now. This one is not lost unless it is refused later.")
}

func (g Gate) challenge(w http.ResponseWriter, detail string) {
	if offers := g.Offers(); len(offers) > 0 {
		w.Header().Set("WWW-Authenticate", WWWAuthenticate(offers...))
	}
	problem(w, http.StatusUnauthorized, "Proof of age is needed", detail)
}

// problem answers as RFC 9457 describes. What it says are constants of this
// file, which Go and JSON quote alike.
func problem(w http.ResponseWriter, status int, title, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `{"type":"about:blank","title":%q,"status":%d,"detail":%q}`+"\n", title, status, detail)
}
