package telemetry

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics is a private registry. Its constructors name every metric
// breakwater_<package>_<noun>_<unit>; one of a name that is taken panics,
// since that is a mistake in the program.
type Metrics struct {
	registry *prometheus.Registry
}

// NewMetrics is a registry that has the Go runtime and the process in it.
func NewMetrics() *Metrics {
	r := prometheus.NewRegistry()
	r.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return &Metrics{registry: r}
}

// Handler answers a scrape.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		ErrorHandling:       promhttp.ContinueOnError,
		MaxRequestsInFlight: 4,
	})
}

// Gatherer reads the metrics, for tests.
func (m *Metrics) Gatherer() prometheus.Gatherer { return m.registry }

// Counter is a number that only grows; unit is "total" for plain counts.
func (m *Metrics) Counter(pkg, noun, unit, help string, labels ...string) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: "breakwater", Subsystem: pkg, Name: noun + "_" + unit, Help: help,
	}, labels)
	m.registry.MustRegister(c)
	return c
}

// Gauge is a number that rises and falls.
func (m *Metrics) Gauge(pkg, noun, unit, help string, labels ...string) *prometheus.GaugeVec {
	g := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Namespace: "breakwater", Subsystem: pkg, Name: noun + "_" + unit, Help: help,
	}, labels)
	m.registry.MustRegister(g)
	return g
}

// GaugeFunc is a gauge that is read when it is scraped; value must be quick
// and safe for concurrent use.
func (m *Metrics) GaugeFunc(pkg, noun, unit, help string, value func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: "breakwater", Subsystem: pkg, Name: noun + "_" + unit, Help: help,
	}, value))
}

// Histogram is a distribution over buckets, ascending upper bounds in the unit.
func (m *Metrics) Histogram(pkg, noun, unit, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	h := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: "breakwater", Subsystem: pkg, Name: noun + "_" + unit, Help: help, Buckets: buckets,
	}, labels)
	m.registry.MustRegister(h)
	return h
}

// Latency is buckets for seconds, from a tenth of a millisecond to ten seconds.
func Latency() []float64 {
	return []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .02, .05, .1, .25, .5, 1, 2.5, 10}
}
