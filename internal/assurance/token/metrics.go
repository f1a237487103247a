package token

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/breakwater-project/breakwater/agetoken"
	"github.com/breakwater-project/breakwater/internal/telemetry"
)

// Metrics are counts, by what tokens say and never by who. A nil *Metrics
// counts nothing.
type Metrics struct {
	signed   *prometheus.CounterVec
	redeemed *prometheus.CounterVec
	refused  *prometheus.CounterVec
}

// NewMetrics registers them.
func NewMetrics(m *telemetry.Metrics) *Metrics {
	return &Metrics{
		signed:   m.Counter("token", "issued", "total", "Age tokens signed, by what they say.", "says"),
		redeemed: m.Counter("token", "redeemed", "total", "Age tokens spent, by what they say.", "says"),
		refused:  m.Counter("token", "refused", "total", "Age tokens that were not accepted, by reason: malformed, key, signature, challenge, time, spent, weak.", "reason"),
	}
}

func says(n agetoken.KeyName) string { return Statement{n.Over, n.Class}.String() }

func (m *Metrics) issued(n agetoken.KeyName) {
	if m != nil {
		m.signed.WithLabelValues(says(n)).Inc()
	}
}

func (m *Metrics) spent(n agetoken.KeyName) {
	if m != nil {
		m.redeemed.WithLabelValues(says(n)).Inc()
	}
}

func (m *Metrics) refuse(reason string) {
	if m != nil {
		m.refused.WithLabelValues(reason).Inc()
	}
}
