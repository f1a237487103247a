package hashlist

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/breakwater-project/breakwater/internal/telemetry"
)

type metrics struct {
	queries     prometheus.Counter
	matches     *prometheus.CounterVec
	quarantines prometheus.Counter
}

func newMetrics(m *telemetry.Metrics, l *Lists) *metrics {
	if m == nil {
		m = telemetry.NewMetrics() // that nobody reads
	}
	m.GaugeFunc("hashlist", "index", "hashes", "Hashes in the index.", func() float64 {
		x := l.index.Load()
		if x == nil {
			return 0
		}
		return float64(x.total())
	})
	return &metrics{
		queries:     m.Counter("hashlist", "queries", "total", "Pictures, videos and addresses that were looked for.").WithLabelValues(),
		matches:     m.Counter("hashlist", "matches", "total", "Matches that innocent banks did not take back.", "bank", "kind"),
		quarantines: m.Counter("hashlist", "quarantines", "total", "Entries that matched far more than usual.").WithLabelValues(),
	}
}
