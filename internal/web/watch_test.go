package web_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/breakwater-project/breakwater/internal/keys"
	"github.com/breakwater-project/breakwater/internal/web"
)

// TestKeysStayHidden: whatever happens, no key and nothing that a person wrote
// reaches a log line, an answer or a metric.
func TestKeysStayHidden(t *testing.T) {
	f := newAPI(t, func(o *web.Options) { o.Rate, o.Burst = 1000, 1000 })
	var seen http.Header
	web.Handle(f.API, web.Operation{Method: "GET", Path: "/v1/mirror", Roles: []keys.Role{keys.Platform}},
		func(w http.ResponseWriter, r *http.Request) {
			seen = r.Header.Clone()
			fmt.Fprintf(w, "%v %s", r.Header, r.RequestURI)
		})
	var answers bytes.Buffer
	for _, key := range []string{"platform", "reviewer", "Bearer key-while-down-canary", "Bearer canary-unknown", "canary"} {
		for _, path := range []string{"/v1/notes/panic", "/v1/notes/broken", "/v1/notes/busy", "/v1/raw/x", "/v1/dropin?key=canary", "/v1/mirror", "/nowhere"} {
			for _, method := range []string{"GET", "POST"} {
				w := call{method: method, path: path, key: key, body: `{"canary":"canary"}`}.do(t, f)
				if path == "/v1/raw/x" && w.Code == 201 {
					continue // gives the body back
				}
				answers.Write(w.Body.Bytes())
				fmt.Fprint(&answers, w.Header())
			}
		}
	}
	scrape := httptest.NewRecorder()
	f.metrics.Handler().ServeHTTP(scrape, httptest.NewRequest("GET", "/metrics", nil))
	for where, text := range map[string]string{"answers": answers.String(), "metrics": scrape.Body.String()} {
		if strings.Contains(text, "canary") {
			t.Errorf("%s hold it:\n%s", where, text)
		}
	}
	// Causes of our own failures are logged; the key itself never.
	if strings.Contains(f.log.String(), "-canary") || strings.Contains(f.log.String(), "canary,") {
		t.Errorf("logged:\n%s", f.log.String())
	}
	if seen == nil || seen.Get("Authorization") != "" {
		t.Errorf("a handler saw %v", seen)
	}
}

func TestMetrics(t *testing.T) {
	f := newAPI(t, nil)
	call{method: "PUT", path: "/v1/notes/x", key: "platform", body: good}.do(t, f)
	call{method: "PUT", path: "/v1/notes/y", key: "platform", body: "{"}.do(t, f)
	call{method: "GET", path: "/v1/notes/panic", key: "reviewer"}.do(t, f)
	call{method: "GET", path: "/etc/passwd"}.do(t, f)
	w := httptest.NewRecorder()
	f.metrics.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for _, want := range []string{
		`breakwater_web_requests_total{operation="put-v1-notes-id",status="200"} 1`,
		`breakwater_web_requests_total{operation="put-v1-notes-id",status="400"} 1`,
		`breakwater_web_requests_total{operation="get-v1-notes-id",status="500"} 1`,
		`breakwater_web_requests_total{operation="none",status="404"} 1`,
		`breakwater_web_request_duration_seconds_count{operation="put-v1-notes-id"} 2`,
		`breakwater_web_charged_events_total{allowed="true"} 3`,
	} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("misses %s", want)
		}
	}
}

func TestTraces(t *testing.T) {
	spans := tracetest.NewInMemoryExporter()
	f := newAPI(t, func(o *web.Options) { o.Traces = sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans)) })
	parent := map[string]string{"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
	call{method: "GET", path: "/v1/notes/missing", key: "reviewer", header: parent}.do(t, f)
	call{method: "GET", path: "/v1/notes/panic", key: "reviewer"}.do(t, f)
	type row struct{ Name, Parent, Route, Status string }
	var got []row
	for _, s := range spans.GetSpans() {
		r := row{Name: s.Name}
		if s.Parent.IsValid() {
			r.Parent = s.Parent.SpanID().String()
		}
		for _, a := range s.Attributes {
			switch a.Key {
			case "http.route":
				r.Route = a.Value.String()
			case "http.response.status_code":
				r.Status = a.Value.String()
			}
		}
		got = append(got, r)
	}
	want := []row{
		{"get-v1-notes-id", "b7ad6b7169203331", "/v1/notes/{id}", "404"},
		{"get-v1-notes-id", "", "/v1/notes/{id}", "500"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("spans (-want +got):\n%s", diff)
	}
}
