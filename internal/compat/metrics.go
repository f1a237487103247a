package compat

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/breakwater-project/breakwater/internal/telemetry"
)

type metrics struct{ suggestions *prometheus.CounterVec }

func newMetrics(m *telemetry.Metrics) *metrics {
	if m == nil {
		m = telemetry.NewMetrics()
	}
	return &metrics{m.Counter("compat", "suggestions", "total",
		"Scores that clients suggested, by attribute, and whether they are higher than ours, lower or about the same.",
		"attribute", "direction")}
}

// near is how far a suggested score may be from ours and still agree with it.
const near = 0.1

func (m *metrics) suggested(attribute string, suggested, ours float64) {
	direction := "same"
	switch {
	case suggested > ours+near:
		direction = "higher"
	case suggested < ours-near:
		direction = "lower"
	}
	m.suggestions.WithLabelValues(attribute, direction).Inc()
}
