package counter

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/breakwater-project/breakwater/internal/telemetry"
)

// Metrics are what a Redis tells an operator. A nil *Metrics counts nothing.
type Metrics struct {
	failures prometheus.Counter
	losses   prometheus.Counter
	waiting  prometheus.Gauge
	missing  prometheus.Gauge
}

// NewMetrics registers the metrics of a Redis.
func NewMetrics(m *telemetry.Metrics) *Metrics {
	return &Metrics{
		failures: m.Counter("counter", "failures", "total", "Calls of Redis that failed or took too long.").WithLabelValues(),
		losses:   m.Counter("counter", "lost", "total", "Adds that did not fit into what is kept while Redis is away, or were there when the process ended.").WithLabelValues(),
		waiting:  m.Gauge("counter", "kept", "adds", "Adds that are kept until Redis is back.").WithLabelValues(),
		missing:  m.Gauge("counter", "away", "state", "1 while Redis does not answer and counts are missing, else 0.").WithLabelValues(),
	}
}

func (m *Metrics) failed() {
	if m != nil {
		m.failures.Inc()
	}
}

func (m *Metrics) lost(n int) {
	if m != nil && n > 0 {
		m.losses.Add(float64(n))
	}
}

func (m *Metrics) keeping(n int) {
	if m != nil {
		m.waiting.Set(float64(n))
	}
}

func (m *Metrics) away(away bool) {
	switch {
	case m == nil:
	case away:
		m.missing.Set(1)
	default:
		m.missing.Set(0)
	}
}

// Observe registers the metrics of a Memory.
func (m *Memory) Observe(t *telemetry.Metrics) {
	of := func(read func(Stats) float64) func() float64 {
		return func() float64 { return read(m.Stats()) }
	}
	t.GaugeFunc("counter", "memory", "bytes", "What counts take in memory.", of(func(s Stats) float64 { return float64(s.Bytes) }))
	t.GaugeFunc("counter", "counts", "exact", "Counts that are exact.", of(func(s Stats) float64 { return float64(s.Counts) }))
	t.GaugeFunc("counter", "counts", "crowds", "Counts that are estimated but for the newest elements.", of(func(s Stats) float64 { return float64(s.Crowds) }))
	t.GaugeFunc("counter", "evicted", "counts", "Counts that went since the process began because the memory was full.", of(func(s Stats) float64 { return float64(s.Evicted) }))
}
