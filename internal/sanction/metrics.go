package sanction

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/internal/telemetry"
)

// Metrics counts sanctions. A nil *Metrics counts nothing.
type Metrics struct {
	registry *telemetry.Metrics
	effects  *prometheus.CounterVec
}

// NewMetrics registers the package's metrics.
func NewMetrics(m *telemetry.Metrics) *Metrics {
	return &Metrics{registry: m, effects: m.Counter("sanction", "effects", "total",
		"Effects of decisions that sanction or label somebody, by kind, and whether they were carried out or wait for a person.", "kind", "state")}
}

func (m *Metrics) followed(e *decision.Effect) {
	if m == nil {
		return
	}
	state := "done"
	if e.Waits != "" {
		state = "waits"
	}
	m.effects.WithLabelValues(string(e.Kind), state).Inc()
}

// holding registers how many rules hold, of all instances.
func (m *Metrics) holding(s *Sanctions) {
	if m == nil {
		return
	}
	m.registry.GaugeFunc("sanction", "holding", "rules", "Rules whose sanctions or labels wait for a person.", func() float64 {
		s.restraint.mu.Lock()
		defer s.restraint.mu.Unlock()
		n := 0
		for _, t := range s.restraint.rules {
			if t.holds != nil {
				n++
			}
		}
		return float64(n)
	})
}
