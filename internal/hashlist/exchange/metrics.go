package exchange

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/breakwater-project/breakwater/internal/telemetry"
)

// metrics say whether lists are kept up with. A nil *metrics counts nothing.
type metrics struct {
	synced   *prometheus.GaugeVec
	failures *prometheus.CounterVec
}

func newMetrics(m *telemetry.Metrics) *metrics {
	if m == nil {
		return nil
	}
	return &metrics{
		synced:   m.Gauge("exchange", "synced", "seconds", "When an exchange was last synced by this server, in Unix time, by exchange.", "exchange"),
		failures: m.Counter("exchange", "failures", "total", "Syncs that failed, by exchange.", "exchange"),
	}
}

func (m *metrics) ended(name string, at time.Time, err error) {
	switch {
	case m == nil:
	case err != nil:
		m.failures.WithLabelValues(name).Inc()
	default:
		m.synced.WithLabelValues(name).Set(float64(at.Unix()))
	}
}
