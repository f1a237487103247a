package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/breakwater-project/breakwater/client"
	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/event"
)

// serve answers every request with handler and returns a client of it. The
// real server is on the other side in internal/app's tests; this one
// misbehaves in ways that the real one should not.
func serve(t *testing.T, handler http.HandlerFunc) *client.Client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return client.New(server.URL+"/", "bw_key")
}

func TestDecideRetriesUntilDurable(t *testing.T) {
	var tries atomic.Int32
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if !strings.Contains(string(body), `"id":"m-1"`) || r.Header.Get("Authorization") != "Bearer bw_key" {
			t.Errorf("try %d lost its body or key", tries.Load())
		}
		if tries.Add(1) < 3 {
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		fmt.Fprint(w, `{"id":"d_1","event":"m-1","outcome":"hold","field_of_tomorrow":1}`)
	})
	d, err := c.Decide(context.Background(), event.Event{ID: "m-1", Type: event.MessageSend})
	if err != nil || d.Outcome != decision.Hold || tries.Load() != 3 {
		t.Errorf("got %v, %v after %d tries", d, err, tries.Load())
	}
}

func TestProblemNamesTheFieldAndIsNotRetried(t *testing.T) {
	var tries atomic.Int32
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		tries.Add(1)
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(422)
		fmt.Fprint(w, `{"title":"Invalid","status":422,"errors":[{"location":"actor.age.band","message":"unknown age band"}]}`)
	})
	_, err := c.Decide(context.Background(), event.Event{})
	var p *client.Problem
	if !errors.As(err, &p) || p.Status != 422 || !strings.Contains(err.Error(), "actor.age.band: unknown age band") || tries.Load() != 1 {
		t.Errorf("got %v after %d tries", err, tries.Load())
	}
}

func TestBatchAnswersInPlace(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"decisions":[{"id":"d_1","outcome":"allow"},{"error":{"status":409,"title":"Conflict"}}]}`)
	})
	got, err := c.DecideBatch(context.Background(), make([]event.Event, 2))
	if err != nil {
		t.Fatal(err)
	}
	if got[0].ID != "d_1" || got[0].Problem != nil || got[1].Problem == nil || got[1].Problem.Status != 409 {
		t.Errorf("got %+v", got)
	}
	if _, err := c.DecideBatch(context.Background(), make([]event.Event, 3)); err == nil {
		t.Error("two answers to three events passed")
	}
	if _, err := c.DecideBatch(context.Background(), make([]event.Event, client.MaxBatch+1)); err == nil {
		t.Error("an oversized batch was sent")
	}
}

func TestAnswerOfAStrangerIsAnError(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") })
	if _, err := c.Decide(context.Background(), event.Event{}); err == nil {
		t.Error("a page was taken for a decision")
	}
	c = serve(t, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "<html>", http.StatusForbidden) })
	_, err := c.Decide(context.Background(), event.Event{})
	var p *client.Problem
	if !errors.As(err, &p) || p.Status != http.StatusForbidden {
		t.Errorf("got %v, want a problem with status 403", err)
	}
}

func TestCancelledCallEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		cancel()
		w.Header().Set("Retry-After", "30")
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	if _, err := c.Decide(ctx, event.Event{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

func TestPathsAreEscaped(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.EscapedPath() != "/v1/accounts/a%2Fb%3F/safeguards" {
			t.Errorf("path %s", r.URL.EscapedPath())
		}
		_ = json.NewEncoder(w).Encode(client.Safeguards{Band: event.Band10to12, Protective: true})
	})
	s, err := c.Safeguards(context.Background(), "a/b?")
	if err != nil || s.Band != event.Band10to12 || !s.Protective {
		t.Errorf("got %+v, %v", s, err)
	}
}

func ExampleClient_Decide() {
	c := client.New("http://127.0.0.1:8420", "bw_…")
	d, err := c.Decide(context.Background(), event.Event{
		ID: "m-1001", Type: event.MessageSend,
		Actor:    event.Actor{ID: "u-7", Country: "GB"},
		Audience: event.Audience{Scope: event.Direct, Members: []event.Member{{ID: "u-9"}}},
		Content:  event.Content{Text: "hello"},
		Surface:  event.SurfaceDM, Private: true,
	})
	if err != nil {
		fmt.Println(err) // not decided: deliver nothing yet
		return
	}
	for _, m := range d.Members {
		fmt.Println(m.ID, m.Outcome.Delivered())
	}
}
