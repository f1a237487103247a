package judge

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/internal/telemetry"
)

type metrics struct {
	questions *prometheus.CounterVec
	opinions  *prometheus.CounterVec
	took      prometheus.Observer
}

func newMetrics(m *telemetry.Metrics) *metrics {
	return &metrics{
		questions: m.Counter("judge", "questions", "total", "Questions to the judge, by how they ended.", "result"),
		opinions:  m.Counter("judge", "opinions", "total", "Texts that were to have a second opinion, by kind of harm and what became of it.", "kind", "result"),
		took:      m.Histogram("judge", "question_duration", "seconds", "Time to a verdict, from memory or the model.", telemetry.Latency()).WithLabelValues(),
	}
}

// results are how a question may end, but for a verdict.
var results = []struct {
	err  error
	name string
}{
	{ErrBudget, "budget"},
	{ErrResting, "resting"},
	{ErrTooLong, "too_long"},
	{ErrWithheld, "withheld"},
	{ErrStatus, "status"},
	{ErrMalformed, "malformed"},
	{ErrRefused, "refused"},
	{ErrSteered, "steered"},
	{context.DeadlineExceeded, "timeout"},
	{context.Canceled, "canceled"},
}

// resultOf names an error for metrics and logs.
func resultOf(err error) string {
	if err == nil {
		return "verdict"
	}
	for _, r := range results {
		if errors.Is(err, r.err) {
			return r.name
		}
	}
	return "connection"
}

func (m *metrics) asked(err error, took time.Duration) {
	m.questions.WithLabelValues(resultOf(err)).Inc()
	m.took.Observe(took.Seconds())
}

func (m *metrics) opinion(kind decision.Kind, result string) {
	m.opinions.WithLabelValues(string(kind), result).Inc()
}
