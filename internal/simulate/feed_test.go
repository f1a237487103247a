package simulate

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/breakwater-project/breakwater/client"
	"github.com/breakwater-project/breakwater/event"
)

// server is a platform's view of Breakwater: it checks what it is sent.
type server struct {
	t        *testing.T
	status   int // of decisions
	accounts map[string]bool
	events   []event.Event
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	if id, ok := strings.CutPrefix(r.URL.Path, "/v1/accounts/"); ok {
		s.accounts[id] = true
		return
	}
	ev, err := event.Decode(body, time.Now())
	if err != nil {
		s.t.Errorf("sent an event that is not valid: %v", err)
	}
	s.events = append(s.events, ev)
	w.WriteHeader(s.status)
	json.NewEncoder(w).Encode(map[string]any{"id": "d_1", "status": s.status})
}

func feed(t *testing.T, s *server, opts Options) *Feed {
	s.t, s.accounts = t, map[string]bool{}
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	c := client.New(srv.URL, "key")
	c.Retries = 0
	return &Feed{World: world(t, opts), Client: c, Wait: func(context.Context, time.Duration) error { return nil }}
}

func TestFeedTellsOfAccountsThenEvents(t *testing.T) {
	s := &server{status: http.StatusOK}
	f := feed(t, s, Options{Seed: 1, Accounts: 40, Days: 1})
	if err := f.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(s.accounts) != 40 || len(s.events) < 40 {
		t.Fatalf("%d accounts, %d events", len(s.accounts), len(s.events))
	}
	for _, ev := range s.events {
		if !ev.Time.IsZero() {
			t.Fatal("a live event carries the simulated time")
		}
	}
}

func TestFeedStopsWhenRefused(t *testing.T) {
	s := &server{status: http.StatusUnprocessableEntity}
	err := feed(t, s, Options{Accounts: 30}).Run(t.Context())
	var problem *client.Problem
	if !errors.As(err, &problem) || len(s.events) != 1 {
		t.Fatalf("after %d events: %v", len(s.events), err)
	}
}

func TestFeedGoesOnWhenTheServerIsIll(t *testing.T) {
	s := &server{status: http.StatusServiceUnavailable}
	f := feed(t, s, Options{Accounts: 30})
	over := errors.New("over")
	f.Wait = func(context.Context, time.Duration) error {
		if len(s.events) == 3 {
			return over
		}
		return nil
	}
	if err := f.Run(t.Context()); !errors.Is(err, over) {
		t.Fatal(err)
	}
}

func TestPaceKeepsItsMeanAndBursts(t *testing.T) {
	p := newPace(1, 4)
	var sum, least, most time.Duration = 0, time.Hour, 0
	const n = 18_000
	for range n {
		d := p.next()
		sum, least, most = sum+d, min(least, d), max(most, d)
	}
	if mean := sum / n; mean < 240*time.Millisecond || mean > 260*time.Millisecond {
		t.Errorf("mean %s, want 250ms", mean)
	}
	if most < 6*least {
		t.Errorf("waits from %s to %s: no bursts", least, most)
	}
}
