package decide

import (
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/internal/telemetry"
)

// Metrics counts decisions. A nil *Metrics counts nothing.
type Metrics struct {
	decisions *prometheus.CounterVec
	degraded  prometheus.Counter
	shadow    prometheus.Counter
	seconds   prometheus.Observer
	feed      prometheus.Counter
}

// NewMetrics registers the spine's metrics.
func NewMetrics(m *telemetry.Metrics) *Metrics {
	return &Metrics{
		decisions: m.Counter("decide", "decisions", "total", "Decisions made, by event type and outcome.", "type", "outcome"),
		degraded:  m.Counter("decide", "degraded", "total", "Decisions made with an input missing.").WithLabelValues(),
		shadow:    m.Counter("decide", "shadow", "total", "Times a shadow rule would have applied.").WithLabelValues(),
		seconds:   m.Histogram("decide", "decision", "seconds", "From a valid event to its durable answer.", telemetry.Latency()).WithLabelValues(),
		feed:      m.Counter("decide", "feed_items", "total", "Feed items ranked.").WithLabelValues(),
	}
}

func (m *Metrics) decided(d *decision.Decision, shadow int, took time.Duration) {
	if m == nil {
		return
	}
	t := string(d.Type)
	if len(t) > 2 && t[:2] == "x." {
		t = "x" // a platform's own types must not grow the set of series
	}
	m.decisions.WithLabelValues(t, d.Outcome.String()).Inc()
	if len(d.Degraded) > 0 {
		m.degraded.Inc()
	}
	if shadow > 0 {
		m.shadow.Add(float64(shadow))
	}
	m.seconds.Observe(took.Seconds())
}

func (m *Metrics) ranked(items int) {
	if m != nil {
		m.feed.Add(float64(items))
	}
}

// logDegraded says that an input is missing, once a second at most: when a
// store is away, every event would say so.
func (e *Engine) logDegraded(what string, err error) {
	now, last := time.Now().UnixNano(), e.warned.Load()
	if e.Log == nil || now-last < int64(time.Second) || !e.warned.CompareAndSwap(last, now) {
		return
	}
	e.Log.Warn("an input is missing", slog.String("input", what), slog.Any("error", err))
}
