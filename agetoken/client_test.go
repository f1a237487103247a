package agetoken_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/breakwater-project/breakwater/agetoken"
)

// newIssuingServer answers as a Breakwater server does, for the grant "good".
func newIssuingServer(t *testing.T, issuer *agetoken.Issuer) (url string, directory []byte) {
	t.Helper()
	directory, err := json.Marshal(agetoken.Directory{RequestURI: "/issue", Keys: []agetoken.NamedKey{{Key: issuer.Key(), Name: november}}})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+agetoken.DirectoryPath, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(directory) })
	mux.HandleFunc("POST /issue", func(w http.ResponseWriter, r *http.Request) {
		var question struct {
			Grant    string
			Requests []string
		}
		if err := json.NewDecoder(r.Body).Decode(&question); err != nil {
			t.Error(err)
		}
		if question.Grant != "good" {
			w.WriteHeader(http.StatusNotFound)
			_, _ = w.Write([]byte(`{"detail":"There is no such grant."}`))
			return
		}
		var answer struct {
			Responses []string `json:"responses"`
		}
		for _, text := range question.Requests {
			b, err := base64.RawURLEncoding.DecodeString(text)
			if err != nil {
				t.Error(err)
			}
			request, err := agetoken.ParseRequest(b)
			if err != nil {
				t.Error(err)
			}
			response, err := issuer.Sign(request)
			if err != nil {
				t.Error(err)
			}
			answer.Responses = append(answer.Responses, base64.RawURLEncoding.EncodeToString(response[:]))
		}
		if err := json.NewEncoder(w).Encode(answer); err != nil {
			t.Error(err)
		}
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL, directory
}

func TestClient(t *testing.T) {
	issuer := newIssuer(t, 0)
	url, directory := newIssuingServer(t, issuer)
	now := func() time.Time { return november.Epoch.Begin() }
	client := &agetoken.Client{URL: url, Host: "issuer.example", Pin: sha256.Sum256(directory), Now: now}
	tokens, err := client.Tokens(t.Context(), "good", 18, agetoken.Strict, 2)
	if err != nil || len(tokens) != 2 {
		t.Fatalf("%d tokens, %v", len(tokens), err)
	}
	verifier := newVerifier(t, newChallenge(t, nil), issuer)
	for _, token := range tokens {
		if _, err := verifier.Verify(token); err != nil {
			t.Error(err)
		}
	}
	var refusal *agetoken.Refusal
	if _, err := client.Tokens(t.Context(), "bad", 18, agetoken.Strict, 1); !errors.As(err, &refusal) || refusal.Status != 404 || refusal.Detail != "There is no such grant." {
		t.Errorf("without a grant: %v", err)
	}
	for name, tc := range map[string]struct {
		client agetoken.Client
		over   int
		n      int
		want   error
	}{
		"another age":       {*client, 21, 1, agetoken.ErrKey},
		"another month":     {agetoken.Client{URL: url, Now: func() time.Time { return november.Epoch.End() }}, 18, 1, agetoken.ErrKey},
		"another directory": {agetoken.Client{URL: url, Pin: [32]byte{1}, Now: now}, 18, 1, agetoken.ErrKey},
		"too many":          {*client, 18, 31, agetoken.ErrBatch},
		"no such age":       {*client, 0, 1, agetoken.ErrKey},
	} {
		if tokens, err := tc.client.Tokens(t.Context(), "good", tc.over, agetoken.Strict, tc.n); !errors.Is(err, tc.want) || tokens != nil {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
	}
}

// Asked for no class, the client takes the strictest that the check was good
// for.
func TestClientFindsTheClass(t *testing.T) {
	strict, enhanced := newIssuer(t, 0), newIssuer(t, 1)
	lower := november
	lower.Class = agetoken.Enhanced
	directory, err := json.Marshal(agetoken.Directory{RequestURI: "/issue", Keys: []agetoken.NamedKey{
		{Key: enhanced.Key(), Name: lower}, {Key: strict.Key(), Name: november},
	}})
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			_, _ = w.Write(directory)
			return
		}
		if asked++; asked == 1 { // for the strict key
			w.WriteHeader(http.StatusUnprocessableEntity)
			return
		}
		var question struct{ Requests []string }
		if err := json.NewDecoder(r.Body).Decode(&question); err != nil {
			t.Error(err)
		}
		b, _ := base64.RawURLEncoding.DecodeString(question.Requests[0])
		request, _ := agetoken.ParseRequest(b)
		response, err := enhanced.Sign(request)
		if err != nil {
			t.Error(err)
		}
		_, _ = w.Write([]byte(`{"responses":["` + base64.RawURLEncoding.EncodeToString(response[:]) + `"]}`))
	}))
	t.Cleanup(server.Close)
	client := &agetoken.Client{URL: server.URL, Now: func() time.Time { return november.Epoch.Begin() }}
	tokens, err := client.Tokens(t.Context(), "good", 18, agetoken.ClassNone, 1)
	if err != nil || tokens[0].KeyID != enhanced.Key().ID() || asked != 2 {
		t.Errorf("asked %d times: %v", asked, err)
	}
}

// An issuer that answers nonsense gives no tokens, and no panic.
func TestClientOfBrokenIssuer(t *testing.T) {
	good := newIssuer(t, 0)
	directory, err := json.Marshal(agetoken.Directory{RequestURI: "/issue", Keys: []agetoken.NamedKey{{Key: good.Key(), Name: november}}})
	if err != nil {
		t.Fatal(err)
	}
	zero := base64.RawURLEncoding.EncodeToString(make([]byte, 256))
	for answer, want := range map[string]error{
		``: agetoken.ErrFormat, `[]`: agetoken.ErrFormat, `{"responses":["!"]}`: agetoken.ErrFormat, `{"responses":["AAAA"]}`: agetoken.ErrFormat,
		`{}`: agetoken.ErrBatch, `{"responses":["` + zero + `"]}`: agetoken.ErrSignature,
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet {
				_, _ = w.Write(directory)
				return
			}
			_, _ = w.Write([]byte(answer))
		}))
		client := &agetoken.Client{URL: server.URL, Now: func() time.Time { return november.Epoch.Begin() }}
		if _, err := client.Tokens(t.Context(), "good", 18, agetoken.Strict, 1); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", answer, err, want)
		}
		server.Close()
	}
}
