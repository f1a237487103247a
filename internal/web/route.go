package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/time/rate"

	"github.com/breakwater-project/breakwater/internal/fault"
	"github.com/breakwater-project/breakwater/internal/keys"
)

// route is an operation and what is counted of it.
type route struct {
	api   *API
	op    Operation
	reads bool // the body, before serve
	serve func(*request, *http.Request)

	answered sync.Map // of status → prometheus.Counter
	duration prometheus.Observer
	bodies   sync.Pool // of *bytes.Buffer
	warn     rate.Sometimes
}

// route adds an operation to the mux.
func (a *API) route(op Operation, reads bool, serve func(*request, *http.Request)) {
	t := &route{
		api: a, op: op, reads: reads, serve: serve,
		duration: a.duration.WithLabelValues(op.ID),
		bodies:   sync.Pool{New: func() any { return new(bytes.Buffer) }},
		warn:     rate.Sometimes{First: 1, Interval: time.Second},
	}
	a.methods[op.Method] = true
	a.mux.Handle(strings.TrimSpace(op.Method+" "+op.Path), t)
	if op.Anywhere {
		a.mux.HandleFunc("OPTIONS "+op.Path, preflight)
	}
}

// preflight lets a browser call an operation from a page of another site.
func preflight(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Allow-Methods", "GET, POST")
	h.Set("Access-Control-Allow-Headers", "Content-Type")
	h.Set("Access-Control-Max-Age", "86400")
	w.WriteHeader(http.StatusNoContent)
}

// ServeHTTP is the order in which every request is treated.
func (t *route) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := &request{ResponseWriter: w, route: t, started: t.api.options.Now()}
	ctx, endTrace := t.trace(context.WithValue(r.Context(), requestKey{}, q), r)
	defer endTrace()
	defer q.end()
	q.head(r)
	ctx, err := q.admit(ctx, r)
	if err != nil {
		q.refuse(err)
		return
	}
	if t.reads {
		buffer := t.bodies.Get().(*bytes.Buffer)
		defer t.reuse(buffer)
		if err := q.read(r, buffer); err != nil {
			q.refuse(err)
			return
		}
	}
	ctx, cancel := t.limit(ctx, q)
	defer cancel()
	r = r.WithContext(ctx)
	if t.reads {
		r.Body = io.NopCloser(bytes.NewReader(q.body))
	}
	t.serve(q, r)
}

// limit is ctx with the operation's timeout. One without lasts as long as its
// caller stays and the server runs.
func (t *route) limit(ctx context.Context, q *request) (context.Context, context.CancelFunc) {
	if t.op.Timeout > 0 {
		return context.WithTimeout(ctx, t.op.Timeout)
	}
	connection := http.NewResponseController(q)
	_ = connection.SetReadDeadline(time.Time{}) // fails only where there is no connection
	_ = connection.SetWriteDeadline(time.Time{})
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		select {
		case <-t.api.draining:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// keepBuffer is the largest buffer that waits for another request, in bytes.
const keepBuffer = 1 << 20

func (t *route) reuse(b *bytes.Buffer) {
	if b.Cap() <= keepBuffer {
		b.Reset()
		t.bodies.Put(b)
	}
}

// trace begins a span under the caller's, if traces are on.
func (t *route) trace(ctx context.Context, r *http.Request) (context.Context, func()) {
	if t.api.tracer == nil {
		return ctx, func() {}
	}
	ctx = propagation.TraceContext{}.Extract(ctx, propagation.HeaderCarrier(r.Header))
	ctx, span := t.api.tracer.Start(ctx, t.op.ID, trace.WithSpanKind(trace.SpanKindServer),
		trace.WithAttributes(attribute.String("http.route", t.op.Path)))
	return ctx, func() {
		span.SetAttributes(attribute.Int("http.response.status_code", current(ctx).status))
		span.End()
	}
}

// request is one request under way: the writer of its answer, and what is
// known of it.
type request struct {
	http.ResponseWriter

	route     *route
	started   time.Time
	id        string
	principal keys.Principal
	limiter   *rate.Limiter // nil if public
	body      []byte
	status    int // 0 until the answer has begun
}

type requestKey struct{}

// current is the request of ctx.
func current(ctx context.Context) *request {
	q, _ := ctx.Value(requestKey{}).(*request)
	return q
}

// RequestID is the id that the answer to this request carries in X-Request-Id,
// for log lines; "" outside of a request.
func RequestID(ctx context.Context) string {
	if q := current(ctx); q != nil {
		return q.id
	}
	return ""
}

// Unwrap lets http.ResponseController reach the connection.
func (q *request) Unwrap() http.ResponseWriter { return q.ResponseWriter }

// WriteHeader begins the answer.
func (q *request) WriteHeader(status int) {
	if q.status == 0 && status >= 200 {
		q.status = status
	}
	q.ResponseWriter.WriteHeader(status)
}

// Write continues the answer.
func (q *request) Write(b []byte) (int, error) {
	if q.status == 0 {
		q.status = http.StatusOK
	}
	return q.ResponseWriter.Write(b)
}

// head sets the headers that every answer has.
func (q *request) head(r *http.Request) {
	if q.id = r.Header.Get("X-Request-Id"); !plainID(q.id) {
		q.id = strconv.FormatUint(rand.Uint64(), 36) //nolint:gosec // a name for log lines, no secret
	}
	h := q.Header()
	h.Set("X-Request-Id", q.id)
	for name, values := range q.route.api.always {
		h[name] = values
	}
	if q.route.op.Anywhere {
		h.Set("Access-Control-Allow-Origin", "*")
	}
}

// plainID is whether a caller's request id may stand in a log.
func plainID(id string) bool {
	for _, c := range []byte(id) {
		if (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return id != "" && len(id) <= 64
}

// admit finds out who calls, whether they may, and charges one event. From
// here on nothing can see the key.
func (q *request) admit(ctx context.Context, r *http.Request) (context.Context, error) {
	op := &q.route.op
	if op.Public {
		return ctx, nil
	}
	credential := takeCredential(r, op.KeyInQuery)
	if credential == "" {
		return nil, fault.New(fault.Unauthorized, "Send an API key: Authorization: Bearer KEY.")
	}
	p, err := q.route.api.options.Authenticate(ctx, credential)
	switch {
	case errors.Is(err, keys.ErrUnknown):
		return nil, fault.New(fault.Unauthorized, "The API key is unknown or revoked.")
	case err != nil:
		return nil, fault.Busy(err, time.Second, "API keys cannot be checked right now.")
	}
	q.principal = p
	if !p.May(op.Roles...) || op.Only && !p.Has(op.Roles...) {
		return nil, fault.Newf(fault.Forbidden, "This needs a key of role %s.", roleNames(op.Roles))
	}
	q.limiter = q.route.api.limiter(p.ID)
	ctx = keys.With(ctx, &q.principal)
	return ctx, q.charge(1)
}

// takeCredential removes the key from the request and returns it.
func takeCredential(r *http.Request, inQuery bool) string {
	credential := ""
	if scheme, key, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") {
		credential = strings.TrimSpace(key)
	}
	r.Header.Del("Authorization")
	if !inQuery || !strings.Contains(r.URL.RawQuery, "key=") {
		return credential
	}
	query := r.URL.Query()
	if credential == "" {
		credential = query.Get("key")
	}
	query.Del("key")
	r.URL.RawQuery = query.Encode()
	r.RequestURI = "" // has the key as well
	return credential
}

func roleNames(roles []keys.Role) string {
	names := make([]string, len(roles))
	for i, role := range roles {
		names[i] = string(role)
	}
	return strings.Join(names, " or ")
}

// write answers with encoded bytes.
func (q *request) write(status int, mediaType string, body []byte) {
	h := q.Header()
	if len(body) > 0 {
		h.Set("Content-Type", mediaType)
	}
	if status != http.StatusNoContent {
		h.Set("Content-Length", strconv.Itoa(len(body)))
	}
	q.WriteHeader(status)
	if len(body) > 0 {
		_, _ = q.Write(body) // fails if the caller has gone
	}
}

// end counts the request. A panic becomes a problem, or breaks the connection
// if the answer has begun.
func (q *request) end() {
	v := recover()
	if v != nil && v != any(http.ErrAbortHandler) {
		q.logPanic(v)
		if q.status == 0 {
			q.refuse(fault.New(fault.Internal, ""))
			v = nil
		}
	}
	if q.status == 0 {
		q.status = http.StatusOK
	}
	q.count()
	if v != nil {
		panic(http.ErrAbortHandler)
	}
}

func (q *request) count() {
	t := q.route
	c, ok := t.answered.Load(q.status)
	if !ok {
		c, _ = t.answered.LoadOrStore(q.status, t.api.requests.WithLabelValues(t.op.ID, strconv.Itoa(q.status)))
	}
	c.(prometheus.Counter).Inc()
	t.duration.Observe(t.api.options.Now().Sub(q.started).Seconds())
}

// logPanic says where the program broke. What it panicked with is named only
// if the runtime did: anything else may hold what a person wrote.
func (q *request) logPanic(v any) {
	what := fmt.Sprintf("a %T", v)
	if err, ok := v.(runtime.Error); ok {
		what = err.Error()
	}
	q.route.api.options.Log.Error("panic", slog.String("operation", q.route.op.ID), slog.String("request", q.id),
		slog.String("panic", what), slog.String("stack", string(debug.Stack())))
}
