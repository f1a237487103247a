package urgent

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/breakwater-project/breakwater/internal/telemetry"
)

// Metrics counts what happens in the lane. A nil *Metrics counts nothing.
type Metrics struct {
	entries, late prometheus.Counter
	pages         *prometheus.CounterVec
}

// NewMetrics registers the lane's metrics.
func NewMetrics(m *telemetry.Metrics) *Metrics {
	return &Metrics{
		entries: m.Counter("urgent", "entries", "total", "Decisions that came into the urgent lane.").WithLabelValues(),
		late:    m.Counter("urgent", "overdue", "total", "Times an urgent decision was found overdue, and paged for again.").WithLabelValues(),
		pages:   m.Counter("urgent", "pages", "total", "Pages, by what became of them: sent, failed, or nobody to tell.", "result"),
	}
}

func (m *Metrics) opened() {
	if m != nil {
		m.entries.Inc()
	}
}

func (m *Metrics) overdue() {
	if m != nil {
		m.late.Inc()
	}
}

func (m *Metrics) page(took int, err error) {
	if m == nil {
		return
	}
	result := "sent"
	switch {
	case err != nil:
		result = "failed"
	case took == 0:
		result = "nobody"
	}
	m.pages.WithLabelValues(result).Inc()
}
