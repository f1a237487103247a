// Package web is the HTTP API's frame: features register operations by type,
// and every one of them gets the same treatment in the same order, with errors
// as problems (RFC 9457), an OpenAPI 3.1 document and pages made from it.
package web

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/breakwater-project/breakwater/internal/keys"
	"github.com/breakwater-project/breakwater/internal/telemetry"
)

// Options is what an API needs. Authenticate is required.
type Options struct {
	// Authenticate says who holds an API key. Its error is keys.ErrUnknown, or
	// why it cannot be known now.
	Authenticate func(ctx context.Context, credential string) (keys.Principal, error)

	Version   string        // of the program, for the documents
	BodyLimit int64         // bytes of a request's body, where an operation sets none; 1 MiB unless set
	Timeout   time.Duration // to answer, where an operation sets none; 10 s unless set
	Rate      int           // events a second with one key; 50,000 unless set
	Burst     int           // events at once with one key; 100,000 unless set

	Log     *slog.Logger         // failures of ours; nowhere unless set
	Metrics *telemetry.Metrics   // a registry of its own unless set
	Traces  trace.TracerProvider // off unless set
	Now     func() time.Time     // time.Now unless set
}

func (o *Options) complete() {
	if o.BodyLimit == 0 {
		o.BodyLimit = 1 << 20
	}
	if o.Timeout == 0 {
		o.Timeout = 10 * time.Second
	}
	if o.Rate == 0 {
		o.Rate = 50_000
	}
	if o.Burst == 0 {
		o.Burst = 100_000
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Metrics == nil {
		o.Metrics = telemetry.NewMetrics()
	}
	if o.Traces == nil {
		o.Traces = noop.NewTracerProvider()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
}

// API is the operations that were registered, as one http.Handler. Register
// them all before it serves.
type API struct {
	options Options
	huma    huma.API
	mux     *http.ServeMux
	methods map[string]bool // that some operation has
	tracer  trace.Tracer    // nil if off
	limits  sync.Map        // of key id → *rate.Limiter
	always  http.Header     // of every answer, unless an operation says otherwise

	draining chan struct{} // closed by Drain
	drain    func()

	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	charged  *prometheus.CounterVec
}

// New is an API that has its documents (/openapi.json, /docs) and nothing else.
func New(o Options) *API {
	o.complete()
	a := &API{
		options: o,
		mux:     http.NewServeMux(),
		methods: map[string]bool{},
		always: http.Header{
			"X-Content-Type-Options":  {"nosniff"},
			"Cache-Control":           {"no-store"},
			"Content-Security-Policy": {"default-src 'none'; frame-ancestors 'none'"},
			"Referrer-Policy":         {"no-referrer"},
		},
		requests: o.Metrics.Counter("web", "requests", "total",
			"Requests answered.", "operation", "status"),
		duration: o.Metrics.Histogram("web", "request_duration", "seconds",
			"Time to answer.", telemetry.Latency(), "operation"),
		charged: o.Metrics.Counter("web", "charged_events", "total",
			"Events that keys were charged for, and whether their rate allowed it.", "allowed"),
	}
	a.draining = make(chan struct{})
	a.drain = sync.OnceFunc(func() { close(a.draining) })
	if _, off := o.Traces.(noop.TracerProvider); !off {
		a.tracer = o.Traces.Tracer("breakwater/web")
	}
	strictNames()
	a.huma = huma.NewAPI(humaConfig(o.Version), adapter{a})
	a.fallback()
	a.documents()
	return a
}

// ServeHTTP answers one request.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.mux.ServeHTTP(w, r) }

// Drain ends the operations that have no timeout, such as streams: their
// contexts are cancelled. The server calls it when it shuts down.
func (a *API) Drain() { a.drain() }

// OpenAPI is the document that describes the API.
func (a *API) OpenAPI() *huma.OpenAPI { return a.huma.OpenAPI() }

// adapter makes huma's operations routes of the API.
type adapter struct{ api *API }

// Handle is called by huma.Register.
func (d adapter) Handle(op *huma.Operation, handle func(huma.Context)) {
	own, ok := op.Metadata[metadata].(Operation)
	if !ok {
		panic("web: " + op.Path + " is not registered through web.Register")
	}
	own.optional = op.RequestBody != nil && !op.RequestBody.Required
	d.api.route(own, op.RequestBody != nil, func(q *request, r *http.Request) {
		handle(typed{humago.NewContext(op, r, q)})
	})
}

// ServeHTTP answers one request.
func (d adapter) ServeHTTP(w http.ResponseWriter, r *http.Request) { d.api.ServeHTTP(w, r) }

// typed is a context whose body has been read already.
type typed struct{ humaContext }

type humaContext = huma.Context

// SetReadDeadline does nothing: a deadline set after the body was read would
// cancel the request when it passes.
func (typed) SetReadDeadline(time.Time) error { return nil }
