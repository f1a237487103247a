package main

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	mathrand "math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/breakwater-project/breakwater/agetoken"
	"github.com/breakwater-project/breakwater/internal/app"
	"github.com/breakwater-project/breakwater/internal/config"
)

// manyTokens are signed with the key of the server on the data.
func manyTokens(t *testing.T, data string, n int) (encoded []string) {
	t.Helper()
	t.Setenv("BREAKWATER_TOKENS_ISSUER", "age.example.org")
	t.Setenv("BREAKWATER_TOKENS_ISSUE", "over-18.strict")
	cfg, err := config.Load(config.Source{
		Environ: []string{"BREAKWATER_TOKENS_ISSUER=age.example.org", "BREAKWATER_TOKENS_ISSUE=over-18.strict"},
		Flags:   map[string]string{"data": data},
	})
	if err != nil {
		t.Fatal(err)
	}
	keys, closeKeys, err := app.OpenTokenKeys(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := closeKeys(); err != nil {
			t.Error(err)
		}
	}()
	if err := keys.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	issuer, err := keys.Named(t.Context(), agetoken.KeyName{Over: 18, Class: agetoken.Strict, Epoch: agetoken.EpochOf(time.Now())})
	if err != nil {
		t.Fatal(err)
	}
	challenge, err := agetoken.NewChallenge("age.example.org", nil)
	if err != nil {
		t.Fatal(err)
	}
	for len(encoded) < n {
		request, pending, err1 := agetoken.Blind(rand.Reader, issuer.Key(), challenge)
		response, err2 := issuer.Sign(request)
		if err := errors.Join(err1, err2); err != nil {
			t.Fatal(err)
		}
		token, err := pending.Finalize(response)
		if err != nil {
			t.Fatal(err)
		}
		encoded = append(encoded, base64.RawURLEncoding.EncodeToString(token.Bytes()))
	}
	return encoded
}

// redeemAt spends a token at a server: the status, or 0 if there is no answer.
func redeemAt(t *testing.T, server *http.Client, url, token string) int {
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/v1/age/tokens/redeem", bytes.NewReader([]byte(`{"token":"`+token+`"}`)))
	if err != nil {
		t.Error(err)
		return 0
	}
	req.Header.Set("Authorization", "Bearer "+testKey)
	req.Header.Set("Content-Type", "application/json")
	resp, err := server.Do(req)
	if err != nil {
		return 0
	}
	if err := resp.Body.Close(); err != nil {
		return 0
	}
	return resp.StatusCode
}

// The program is killed while tokens are spent. A token that was acknowledged
// as spent stays so; one that was not can be spent once at most.
func TestKillKeepsTokensSpent(t *testing.T) {
	data := t.TempDir()
	tokens := manyTokens(t, data, 200)
	var mu sync.Mutex
	spent := map[string]int{} // how often a token was acknowledged
	left := tokens
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	for len(left) > 0 {
		p := serve(t, data)
		limit := min(1+mathrand.IntN(60), len(left))
		kill := sync.OnceFunc(func() { p.kill(t) })
		next := make(chan string, len(left))
		for _, token := range left {
			next <- token
		}
		close(next)
		acked := 0
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for token := range next {
					status := redeemAt(t, client, p.url, token)
					if status == 0 {
						return // it was killed
					}
					if status != 200 && status != 409 {
						t.Errorf("status %d", status)
					}
					mu.Lock()
					if status == 200 {
						spent[token]++
					}
					if acked++; acked >= limit {
						kill()
					}
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		kill()
		_ = p.cmd.Wait() // it was killed
		rest := left[:0:0]
		for _, token := range left {
			if spent[token] == 0 {
				rest = append(rest, token)
			}
		}
		if len(rest) == len(left) && acked >= len(left) {
			break // what is left was spent without an acknowledgement
		}
		left = rest
	}
	p := serve(t, data)
	for _, token := range tokens {
		if status := redeemAt(t, client, p.url, token); status != 409 {
			t.Errorf("a token that was acknowledged %d times is %d in the end", spent[token], status)
		}
		if spent[token] > 1 {
			t.Errorf("a token was spent %d times", spent[token])
		}
	}
	p.kill(t)
	_ = p.cmd.Wait()
	if n := number(t, data, `SELECT count(*) FROM token_spent`); n != len(tokens) {
		t.Errorf("%d tokens are written down, want %d", n, len(tokens))
	}
}
