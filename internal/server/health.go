package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/breakwater-project/breakwater/internal/fault"
	"github.com/breakwater-project/breakwater/internal/web"
)

// Check is one thing without which the server can decide nothing. Its error is
// logged; of a *fault.Error, everybody can read the detail in /readyz.
type Check struct {
	Name  string // "database"
	Check func(context.Context) error
}

const (
	checkTimeout = 2 * time.Second
	checkEvery   = time.Second // however often /readyz is asked
)

// health asks the checks, rarely.
type health struct {
	checks []Check
	now    func() time.Time

	mu     sync.Mutex
	asked  time.Time
	answer error
}

// status is what /healthz and /readyz answer.
type status struct {
	Status string   `json:"status" enum:"ok,ready"`
	Checks []string `json:"checks,omitempty" nullable:"false" doc:"What was asked"`
}

func (s *Server) register() {
	tag := "Server"
	web.Raw[web.None, status](s.options.API, web.Operation{
		Method: http.MethodGet, Path: "/healthz", ID: "health", Tag: tag, Public: true,
		Summary: "Is the program running?",
	}, func(context.Context, web.Request) (web.Answer, error) {
		return encoded(status{Status: "ok"})
	})
	web.Raw[web.None, status](s.options.API, web.Operation{
		Method: http.MethodGet, Path: "/readyz", ID: "readiness", Tag: tag, Public: true,
		Summary:     "Can it decide?",
		Description: "503 while a check fails, or while the server shuts down.",
	}, s.ready)
	if s.metrics != nil {
		return
	}
	web.Handle(s.options.API, web.Operation{
		Method: http.MethodGet, Path: "/metrics", ID: "metrics", Tag: tag, Public: true,
		Summary: "Metrics for Prometheus", Answers: "text/plain",
	}, s.options.Metrics.ServeHTTP)
}

func (s *Server) ready(ctx context.Context, _ web.Request) (web.Answer, error) {
	if s.draining.Load() {
		return web.Answer{}, fault.New(fault.Unavailable, "The server is shutting down.")
	}
	if err := s.health.ask(ctx); err != nil {
		return web.Answer{}, err
	}
	answer := status{Status: "ready"}
	for _, c := range s.options.Checks {
		answer.Checks = append(answer.Checks, c.Name)
	}
	return encoded(answer)
}

func encoded(v status) (web.Answer, error) {
	body, err := json.Marshal(v)
	return web.Answer{Body: body}, err
}

// ask runs all checks side by side, unless that was done just now. Whoever asks
// meanwhile waits for the same answer.
func (h *health) ask(ctx context.Context) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if now := h.now(); now.Sub(h.asked) < checkEvery && !h.asked.IsZero() {
		return h.answer
	}
	// One caller who leaves must not make the answer of all others.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), checkTimeout)
	defer cancel()
	answers := make([]chan error, len(h.checks))
	for i, c := range h.checks {
		answers[i] = make(chan error, 1)
		go func() { answers[i] <- c.Check(ctx) }()
	}
	errs := make([]error, len(h.checks))
	for i, answer := range answers {
		select {
		case errs[i] = <-answer:
		case <-ctx.Done(): // the check heeds nothing; it is left behind
			errs[i] = ctx.Err()
		}
	}
	h.asked, h.answer = h.now(), h.summary(errs)
	return h.answer
}

// summary is nil, or names the checks that failed.
func (h *health) summary(errs []error) error {
	var causes []error
	var fields []fault.Field
	for i, err := range errs {
		if err == nil {
			continue
		}
		message := "fails"
		var f *fault.Error
		if errors.As(err, &f) && f.Detail != "" {
			message = f.Detail
		}
		causes = append(causes, fmt.Errorf("%s: %w", h.checks[i].Name, err))
		fields = append(fields, fault.Field{Location: h.checks[i].Name, Message: message})
	}
	if causes == nil {
		return nil
	}
	f := fault.Busy(errors.Join(causes...), checkEvery, "The server cannot decide right now.")
	f.Fields = fields
	return f
}
