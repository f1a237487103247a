package telemetry_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/breakwater-project/breakwater/internal/telemetry"
)

func open(t *testing.T, o telemetry.Options) *telemetry.Telemetry {
	t.Helper()
	tel, err := telemetry.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return tel
}

func TestLog(t *testing.T) {
	var out bytes.Buffer
	tel := open(t, telemetry.Options{Out: &out, Format: "json", Level: slog.LevelWarn})
	tel.Log.Info("quiet")
	tel.Log.Warn("loud", "n", 1)

	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatalf("not one line of JSON: %s", out.Bytes())
	}
	if line["msg"] != "loud" || line["n"] != 1.0 {
		t.Errorf("logged %v", line)
	}
}

func TestOpenRefuses(t *testing.T) {
	for name, o := range map[string]telemetry.Options{
		"a format it does not know":    {Out: io.Discard, Format: "xml"},
		"an endpoint without a scheme": {OTLP: "user:canary@collector:4318"},
		"an endpoint of another kind":  {OTLP: "grpc://user:canary@collector"},
	} {
		_, err := telemetry.Open(t.Context(), o)
		if err == nil {
			t.Errorf("accepted %s", name)
		} else if strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: the error repeats the password: %v", name, err)
		}
	}
}

func TestMetrics(t *testing.T) {
	m := telemetry.NewMetrics()
	m.Counter("web", "requests", "total", "Requests.", "operation").WithLabelValues("put").Add(2)
	m.Gauge("db", "size", "bytes", "Size.").WithLabelValues().Set(7)
	m.GaugeFunc("queue", "depth", "jobs", "Depth.", func() float64 { return 3 })
	m.Histogram("decide", "duration", "seconds", "Time.", telemetry.Latency()).WithLabelValues().Observe(.003)

	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for _, want := range []string{
		`breakwater_web_requests_total{operation="put"} 2`,
		`breakwater_db_size_bytes 7`,
		`breakwater_queue_depth_jobs 3`,
		`breakwater_decide_duration_seconds_bucket{le="0.005"} 1`,
		`breakwater_decide_duration_seconds_bucket{le="0.0025"} 0`,
		`go_goroutines `,
	} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("the scrape misses %s", want)
		}
	}
	if rows, err := telemetry.NewMetrics().Gatherer().Gather(); err != nil || len(rows) == 0 {
		t.Errorf("a second registry: %d metrics, %v", len(rows), err)
	} else {
		for _, row := range rows {
			if strings.HasPrefix(row.GetName(), "breakwater_") {
				t.Errorf("%s is in a registry it was not made in", row.GetName())
			}
		}
	}
}

func TestTracesOffCostNothing(t *testing.T) {
	tracer := open(t, telemetry.Options{}).Traces.Tracer("t")
	ctx := t.Context()
	if n := testing.AllocsPerRun(100, func() {
		_, span := tracer.Start(ctx, "decide")
		span.End()
	}); n > 1 {
		t.Errorf("%v allocations for a span that goes nowhere", n)
	}
	if _, span := tracer.Start(ctx, "decide"); span.IsRecording() {
		t.Error("a span records without a collector")
	}
}

func TestTracesReachTheCollector(t *testing.T) {
	got := make(chan string, 1)
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if bytes.Contains(body, []byte("decide")) && bytes.Contains(body, []byte("breakwater")) {
			got <- r.URL.Path
		}
	}))
	defer collector.Close()

	tel := open(t, telemetry.Options{OTLP: collector.URL})
	_, span := tel.Traces.Tracer("t").Start(t.Context(), "decide")
	span.End()
	if err := tel.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	select {
	case path := <-got:
		if path != "/v1/traces" {
			t.Errorf("sent to %s", path)
		}
	default:
		t.Error("Close did not send the span")
	}
}
