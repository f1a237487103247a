package journal

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/breakwater-project/breakwater/internal/telemetry"
)

// Metrics are what the log tells an operator. A nil *Metrics counts nothing.
type Metrics struct {
	entries *prometheus.CounterVec
	seconds prometheus.Observer
	batch   prometheus.Observer
}

// NewMetrics registers the log's metrics.
func NewMetrics(m *telemetry.Metrics) *Metrics {
	return &Metrics{
		entries: m.Counter("journal", "entries", "total",
			"Entries offered to the journal, by result: written (or there already), refused (queue full), failed.", "result"),
		seconds: m.Histogram("journal", "commit", "seconds", "Time of one transaction, until durable.", telemetry.Latency()).WithLabelValues(),
		batch: m.Histogram("journal", "batch", "entries", "Entries in one transaction.",
			prometheus.ExponentialBuckets(1, 2, 11)).WithLabelValues(),
	}
}

func (m *Metrics) committed(entries int, d time.Duration, err error) {
	if m == nil {
		return
	}
	m.seconds.Observe(d.Seconds())
	m.batch.Observe(float64(entries))
	if err == nil {
		m.entries.WithLabelValues("written").Add(float64(entries))
	} else {
		m.entries.WithLabelValues("failed").Add(float64(entries))
	}
}

func (m *Metrics) refused(entries int) {
	if m == nil {
		return
	}
	m.entries.WithLabelValues("refused").Add(float64(entries))
}
