package main

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/breakwater-project/breakwater/agetoken"
)

const issuerHost = "age.example.org"

// The platform has the file, and that is all it needs.
func TestSite(t *testing.T) {
	now := time.Date(2026, 11, 24, 20, 15, 0, 0, time.UTC)
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	issuer, err := agetoken.NewIssuer(private)
	if err != nil {
		t.Fatal(err)
	}
	name := agetoken.KeyName{Over: 18, Class: agetoken.Enhanced, Epoch: agetoken.EpochOf(now)}
	text, err := json.Marshal(agetoken.Directory{RequestURI: "/", Keys: []agetoken.NamedKey{{Key: issuer.Key(), Name: name}}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "keys.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	film, err := site(file, issuerHost, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	get := func(authorization string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodGet, "/film", nil)
		r.Header.Set("Authorization", authorization)
		w := httptest.NewRecorder()
		film.ServeHTTP(w, r)
		return w
	}

	offers, err := agetoken.ParseWWWAuthenticate(get("").Header().Get("WWW-Authenticate"))
	if err != nil || len(offers) != 1 {
		t.Fatalf("%v, %v", offers, err)
	}
	request, pending, err := agetoken.Blind(rand.Reader, offers[0].Key, offers[0].Challenge)
	if err != nil {
		t.Fatal(err)
	}
	response, err := issuer.Sign(request)
	if err != nil {
		t.Fatal(err)
	}
	token, err := pending.Finalize(response)
	if err != nil {
		t.Fatal(err)
	}
	if w := get(agetoken.Authorization(token)); w.Code != 200 || w.Body.String() != "The film begins.\n" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := get(agetoken.Authorization(token)); w.Code != 401 {
		t.Errorf("again: %d %s", w.Code, w.Body)
	}
}

func TestSiteWithoutKeys(t *testing.T) {
	if _, err := site(filepath.Join(t.TempDir(), "none.json"), issuerHost, time.Now); err == nil {
		t.Error("it opens without keys")
	}
}
