package provider

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

// OIDC is a provider that answers in an ID token (OpenID Connect Core 1.0): an
// AgeKey, which says yes or no for each threshold (docs.agekey.org, "use
// AgeKey"), or a broker of wallets, which gives a claim age_over_NN.
type OIDC struct {
	Authorize *url.URL // where people are sent
	ClientID  string
	Method    Method // what its answers are: agekey, digital_id
	// Form has the answer posted to the return address. Otherwise it comes in the
	// fragment, as AgeKey sends it, which a script of the return page posts.
	Form     bool
	verifier *oidc.IDTokenVerifier
}

// OpenOIDC is a provider whose tokens an issuer signs with the keys at an
// address. Keys are fetched when a token names one that is not known.
func OpenOIDC(ctx context.Context, p OIDC, issuer, keys string, client *http.Client, now func() time.Time) *OIDC {
	set := oidc.NewRemoteKeySet(oidc.ClientContext(ctx, client), keys)
	p.verifier = oidc.NewVerifier(issuer, set, &oidc.Config{
		ClientID: p.ClientID, Now: now, SupportedSigningAlgs: []string{oidc.ES256, oidc.RS256, oidc.PS256, oidc.EdDSA},
	})
	return &p
}

// Begin sends a person to the provider.
func (p *OIDC) Begin(_ context.Context, ask Ask) (Link, error) {
	claims, err := json.Marshal(map[string]any{
		"age_thresholds": []int{ask.Over},
		"id_token":       map[string]any{claimOver(ask.Over): map[string]bool{"essential": true}},
		"overrides":      map[string]any{"facial_age_estimation": map[string]int{"min_age": ask.ChallengeAge}},
	})
	if err != nil {
		return Link{}, fmt.Errorf("provider: %w", err)
	}
	page := *p.Authorize
	query := page.Query()
	for name, value := range map[string]string{
		"scope": "openid", "response_type": "id_token", "client_id": p.ClientID, "redirect_uri": ask.ReturnURL,
		"state": ask.Reference, "nonce": ask.Nonce, "claims": string(claims),
	} {
		query.Set(name, value)
	}
	if p.Form {
		query.Set("response_mode", "form_post")
	}
	page.RawQuery = query.Encode()
	return Link{URL: page.String(), Reference: ask.Reference}, nil
}

func claimOver(age int) string { return "age_over_" + strconv.Itoa(age) }

// Read reads the form that came to the return address: state, which is the
// reference, and id_token, which must be for the nonce that was asked with.
func (p *OIDC) Read(ctx context.Context, m Message, asked Asked, now time.Time) (Answer, error) {
	ask, err := asked(m.Form.Get("state"))
	if err != nil {
		return Answer{}, err
	}
	a := Answer{Reference: ask.Reference, Result: Undecided, Age: ask.Over, Method: p.Method, CheckedOn: day(now)}
	if m.Form.Get("error") != "" { // the person went back, or the provider could not
		return a, nil
	}
	text := m.Form.Get("id_token")
	if len(text) > maxBody {
		return Answer{}, fmt.Errorf("%w: longer than %d bytes", ErrMalformed, maxBody)
	}
	token, err := p.verifier.Verify(ctx, text)
	if err != nil {
		return Answer{}, fmt.Errorf("%w: %w", ErrNotAuthentic, err)
	}
	if token.Nonce == "" || subtle.ConstantTimeCompare([]byte(token.Nonce), []byte(ask.Nonce)) != 1 {
		return Answer{}, fmt.Errorf("%w: nonce", ErrNotAuthentic)
	}
	var claims map[string]json.RawMessage
	if err := token.Claims(&claims); err != nil {
		return Answer{}, fmt.Errorf("%w: claims", ErrMalformed)
	}
	a.Result = reached(claims, ask.Over)
	if p.Method == AgeKey && a.Result == Over {
		// It may have been made from an estimate, which must have cleared the
		// challenge age (min_age): the answer is worth no more.
		a.Estimated, a.Age = true, ask.ChallengeAge
	}
	return a, nil
}

// reached is what the claims say of an age. Only a plain true or false counts.
func reached(claims map[string]json.RawMessage, over int) Result {
	value, ok := claims[claimOver(over)]
	if thresholds := (map[string]json.RawMessage{}); json.Unmarshal(claims["age_thresholds"], &thresholds) == nil {
		if v, there := thresholds[strconv.Itoa(over)]; there {
			value, ok = v, true
		}
	}
	switch {
	case ok && string(value) == "true":
		return Over
	case ok && string(value) == "false":
		return Under
	}
	return Undecided
}
