package journal

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics are what the log tells an operator. A nil *Metrics counts nothing.
type Metrics struct {
	entries *prometheus.CounterVec
	seconds prometheus.Histogram
	batch   prometheus.Histogram
}

// NewMetrics registers the log's metrics.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		entries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "breakwater_journal_entries_total",
			Help: "Entries offered to the journal, by result: written (or there already), refused (queue full), failed.",
		}, []string{"result"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "breakwater_journal_commit_seconds",
			Help:    "Time of one transaction, until durable.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14),
		}),
		batch: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "breakwater_journal_batch_entries",
			Help:    "Entries in one transaction.",
			Buckets: prometheus.ExponentialBuckets(1, 2, 11),
		}),
	}
	r.MustRegister(m.entries, m.seconds, m.batch)
	return m
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
