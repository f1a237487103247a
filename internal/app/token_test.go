package app_test

import (
	"bytes"
	"crypto/rand"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/breakwater-project/breakwater/agetoken"
	"github.com/breakwater-project/breakwater/internal/app"
	"github.com/breakwater-project/breakwater/internal/assurance"
	"github.com/breakwater-project/breakwater/internal/config"
)

const issuerHost = "age.example.org"

func issuing(c *config.Config) {
	c.Tokens.Issuer, c.Tokens.Issue = issuerHost, []string{"over-18.strict"}
}

// adultKey waits for the key to be made, and is the directory and it.
func adultKey(t *testing.T, s *server) ([]byte, agetoken.NamedKey) {
	t.Helper()
	name := agetoken.KeyName{Over: 18, Class: agetoken.Strict, Epoch: agetoken.EpochOf(time.Now())}
	for range time.Tick(20 * time.Millisecond) {
		a := s.call(t, request{method: "GET", path: agetoken.DirectoryPath})
		if a.status != 200 || a.header.Get("Content-Type") != agetoken.DirectoryMediaType || a.header.Get("Access-Control-Allow-Origin") != "*" {
			t.Fatalf("directory: %d %v", a.status, a.header)
		}
		d, err := agetoken.ParseDirectory(a.body)
		if err != nil || d.RequestURI != "/v1/age/tokens/issue" {
			t.Fatalf("%v, %v", d, err)
		}
		if k, ok := d.Named(name); ok {
			return a.body, k
		}
	}
	panic("the ticks do not end")
}

// grant is what an age check would give.
func grant(t *testing.T, s *server, n int) (secret string) {
	t.Helper()
	err := s.DB().Tx(t.Context(), func(tx *sql.Tx) (err error) {
		secret, err = assurance.NewGrants(time.Now).New(t.Context(), tx, 18, agetoken.Strict, n)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

// issued asks for tokens as a device does.
func issued(t *testing.T, s *server, key *agetoken.Key, grant string, n, status int) []agetoken.Token {
	t.Helper()
	c, err := agetoken.NewChallenge(issuerHost, nil)
	if err != nil {
		t.Fatal(err)
	}
	requests, batch, err := agetoken.BlindBatch(rand.Reader, key, c, n)
	if err != nil {
		t.Fatal(err)
	}
	ask := struct {
		Grant    string   `json:"grant"`
		Requests []string `json:"requests"`
	}{Grant: grant}
	for _, r := range requests {
		ask.Requests = append(ask.Requests, base64.RawURLEncoding.EncodeToString(r.Bytes()))
	}
	body, err := json.Marshal(ask)
	if err != nil {
		t.Fatal(err)
	}
	a := s.call(t, request{method: "POST", path: "/v1/age/tokens/issue", body: string(body)})
	if a.status != status {
		t.Fatalf("issue: %d %s, want %d", a.status, a.body, status)
	}
	if status != 200 {
		a.problem(t, status)
		return nil
	}
	var answer struct{ Responses []string }
	if err := json.Unmarshal(a.body, &answer); err != nil {
		t.Fatal(err)
	}
	var responses []agetoken.Response
	for _, text := range answer.Responses {
		b, err1 := base64.RawURLEncoding.DecodeString(text)
		r, err2 := agetoken.ParseResponse(b)
		if err := errors.Join(err1, err2); err != nil {
			t.Fatal(err)
		}
		responses = append(responses, r)
	}
	tokens, err := batch.Finalize(responses)
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}

func redeemBody(token agetoken.Token, more string) string {
	return `{"token":"` + base64.RawURLEncoding.EncodeToString(token.Bytes()) + `"` + more + `}`
}

// One server does all: it issues for a grant, and redeems into an account.
func TestTokensOnOneServer(t *testing.T) {
	s := start(t, issuing, app.Options{})
	_, key := adultKey(t, s)
	tokens := issued(t, s, key.Key, grant(t, s, 3), 3, 200)
	platform := s.key(t, "platform")
	redeem := func(body string) answer {
		return s.call(t, request{method: "POST", path: "/v1/age/tokens/redeem", key: platform, body: body})
	}
	s.ok(t, "PUT", "/v1/accounts/u-1", `{"country":"GB","age":{"band":"18+","basis":"declared"}}`)
	first := redeem(redeemBody(tokens[0], `,"account":"u-1","over":18,"class":"standard"`))
	o := first.object(t)
	has(t, o, "over", "class", "issuer", "until")
	if first.status != 200 || o["over"] != json.Number("18") || o["class"] != "strict" || o["issuer"] != issuerHost {
		t.Errorf("%d %s", first.status, first.body)
	}
	known := s.ok(t, "GET", "/v1/accounts/u-1", "")["age"].(map[string]any)
	if known["band"] != "18+" || known["basis"] != "verified" || known["proven"] != true || known["expires"] != o["until"] {
		t.Errorf("the account's age is %v", known)
	}
	redeem(redeemBody(tokens[0], "")).problem(t, http.StatusConflict)
	redeem(redeemBody(tokens[0], `,"account":"u-2"`)).problem(t, http.StatusConflict)
	s.call(t, request{method: "GET", path: "/v1/accounts/u-2", key: platform}).problem(t, http.StatusNotFound)
	redeem(redeemBody(tokens[1], `,"over":21`)).problem(t, http.StatusUnprocessableEntity, "token")
	if a := redeem(redeemBody(tokens[1], "")); a.status != 200 {
		t.Errorf("after asking for too much: %d %s", a.status, a.body)
	}
	for body, field := range map[string]string{
		`{"token":"AAIA"}`:                             "token",
		redeemBody(agetoken.Token{}, ""):               "token",
		redeemBody(tokens[2], `,"context":"AAAA"`):     "context",
		redeemBody(tokens[2], `,"origins":["a b"]`):    "origins",
		redeemBody(tokens[2], `,"class":"certain"`):    "class",
		redeemBody(tokens[2], `,"origins":["a.test"]`): "token",
	} {
		redeem(body).problem(t, http.StatusUnprocessableEntity, field)
	}
}

func TestIssueRefusals(t *testing.T) {
	s := start(t, issuing, app.Options{})
	_, key := adultKey(t, s)
	issued(t, s, key.Key, "none", 1, http.StatusNotFound)
	leave := grant(t, s, 2)
	issued(t, s, key.Key, leave, 3, http.StatusConflict)
	issued(t, s, key.Key, leave, 2, http.StatusOK)
	issued(t, s, key.Key, leave, 1, http.StatusNotFound)
	for body, field := range map[string]string{
		`{"grant":"x","requests":[]}`:                                    "requests",
		`{"grant":"","requests":["AAIA"]}`:                               "grant",
		`{"grant":"x","requests":["AAIA"]}`:                              "requests[0]",
		bodies["POST /v1/age/tokens/issue"]:                              "requests[0]",
		`{"grant":"x","requests":["!"]}`:                                 "requests[0]",
		`{"grant":"x","requests":["` + strings.Repeat(`","`, 30) + `"]}`: "requests",
	} {
		s.call(t, request{method: "POST", path: "/v1/age/tokens/issue", body: body}).problem(t, http.StatusUnprocessableEntity, field)
	}
}

// A second server shares nothing with the issuer but its public keys. It asks
// for a token where one is needed, and takes one once.
func TestTokensElsewhere(t *testing.T) {
	issuer := start(t, issuing, app.Options{})
	directory, key := adultKey(t, issuer)
	file := filepath.Join(t.TempDir(), "issuer.json")
	if err := os.WriteFile(file, directory, 0o600); err != nil {
		t.Fatal(err)
	}
	platform := start(t, func(c *config.Config) {
		c.Tokens.Trust, c.Tokens.Gate = []string{issuerHost + "=" + file}, "over-18.standard"
	}, app.Options{})
	if own := platform.call(t, request{method: "GET", path: agetoken.DirectoryPath}); !bytes.Contains(own.body, []byte(`"token-keys":[]`)) {
		t.Errorf("it issues itself: %s", own.body)
	}
	tokens := issued(t, issuer, key.Key, grant(t, issuer, 2), 2, 200)
	platform.ok(t, "POST", "/v1/age/tokens/redeem", redeemBody(tokens[0], ""))

	gate := func(header string) answer {
		return platform.call(t, request{method: "GET", path: "/v1/age/tokens/gate", header: map[string]string{"Authorization": header}})
	}
	challenged := gate("")
	offers, err := agetoken.ParseWWWAuthenticate(challenged.header.Get("WWW-Authenticate"))
	if err != nil || challenged.status != 401 || len(offers) != 1 || offers[0].Key.ID() != key.Key.ID() || offers[0].Challenge.Issuer() != issuerHost {
		t.Fatalf("%d, %v, %v", challenged.status, offers, err)
	}
	if a := gate(agetoken.Authorization(tokens[1])); a.status != 204 || a.header.Get("Age-Proof") != "over-18.strict" {
		t.Errorf("with a token: %d %s", a.status, a.body)
	}
	for name, header := range map[string]string{"again": agetoken.Authorization(tokens[1]), "an API key": "Bearer " + platform.AdminKey} {
		if a := gate(header); a.status != 401 || a.header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s: %d %v", name, a.status, a.header)
		}
	}
}

// What is set wrongly keeps the server from starting, and is named.
func TestTokenSettings(t *testing.T) {
	for name, change := range map[string]func(*config.Config){
		"tokens.issue": func(c *config.Config) { c.Tokens.Issuer, c.Tokens.Issue = issuerHost, []string{"adult"} },
		"tokens.trust": func(c *config.Config) { c.Tokens.Trust = []string{"https://age.example.org"} },
		"tokens.gate":  func(c *config.Config) { c.Tokens.Gate = "18" },
		issuerHost: func(c *config.Config) {
			c.Tokens.Trust = []string{issuerHost + "=" + filepath.Join(t.TempDir(), "none.json")}
		},
	} {
		s, err := app.StartTemporary(t.Context(), change, app.Options{})
		if err == nil {
			t.Errorf("%s: it starts", name)
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		} else if !strings.Contains(err.Error(), name) {
			t.Errorf("%s is not named: %v", name, err)
		}
	}
}
