package web_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/breakwater-project/breakwater/internal/keys"
	"github.com/breakwater-project/breakwater/internal/web"
)

var answer = []byte(`{"id":"d_1","event":"m-1001","outcome":"allow","reasons":[],"effects":[],"signals":[],"degraded":[]}`)

type eventBody struct {
	Body map[string]any
}

// bare is the least that a handler for the same request can do.
func bare(w http.ResponseWriter, r *http.Request) {
	if _, err := io.ReadAll(r.Body); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(answer)
}

func benchAPI(b *testing.B) *web.API {
	f := newAPI(b, func(o *web.Options) { o.Rate, o.Burst, o.Now = 1e9, 1e9, time.Now })
	web.Raw[note, note](f.API, web.Operation{Method: "POST", Path: "/raw", Roles: []keys.Role{keys.Platform}},
		func(context.Context, web.Request) (web.Answer, error) { return web.Answer{Body: answer}, nil })
	web.Register(f.API, web.Operation{Method: "POST", Path: "/typed", Roles: []keys.Role{keys.Platform}},
		func(context.Context, *eventBody) (*struct{ Body json.RawMessage }, error) {
			return &struct{ Body json.RawMessage }{answer}, nil
		})
	return f.API
}

// BenchmarkOverhead compares operations with a bare handler over connections
// that are kept. Requests take turns, so that a busy machine slows all alike:
// the ratios are of whole requests, µs-over is what the frame adds to one.
func BenchmarkOverhead(b *testing.B) {
	api := benchAPI(b)
	mux := http.NewServeMux()
	mux.HandleFunc("POST /bare", bare)
	mux.Handle("/", api)
	s := httptest.NewServer(mux)
	defer s.Close()

	var bareTook, rawTook, typedTook time.Duration
	for b.Loop() {
		bareTook += send(b, s, "/bare")
		rawTook += send(b, s, "/raw")
		typedTook += send(b, s, "/typed")
	}
	b.ReportMetric(0, "ns/op")
	for name, took := range map[string]time.Duration{"raw": rawTook, "typed": typedTook} {
		b.ReportMetric(float64(took)/float64(bareTook), name+"-ratio")
		b.ReportMetric(float64(took-bareTook)/1e3/float64(b.N), name+"-µs-over")
	}
}

func send(b *testing.B, s *httptest.Server, path string) time.Duration {
	r, _ := http.NewRequestWithContext(b.Context(), "POST", s.URL+path, strings.NewReader(event))
	r.Header.Set("Authorization", "Bearer key-platform-canary")
	r.Header.Set("Content-Type", "application/json")
	began := time.Now()
	resp, err := s.Client().Do(r)
	if err != nil {
		b.Fatal(err)
	}
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	if resp.StatusCode != 200 {
		b.Fatal(resp.Status)
	}
	return time.Since(began)
}

// BenchmarkFrame is the frame alone, without a connection.
func BenchmarkFrame(b *testing.B) {
	api := benchAPI(b)
	for path, h := range map[string]http.Handler{"bare": http.HandlerFunc(bare), "raw": api, "typed": api} {
		b.Run(path, func(b *testing.B) {
			body := &reader{}
			r := httptest.NewRequest("POST", "/"+path, body)
			r.ContentLength = int64(len(event))
			w := &sink{header: http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				body.left = []byte(event)
				r.Body = io.NopCloser(body)
				r.Header["Authorization"] = []string{"Bearer key-platform-canary"}
				clear(w.header)
				h.ServeHTTP(w, r)
				if w.status >= 400 {
					b.Fatal(w.status)
				}
			}
		})
	}
}

type reader struct{ left []byte }

func (r *reader) Read(p []byte) (int, error) {
	if len(r.left) == 0 {
		return 0, io.EOF
	}
	n := copy(p, r.left)
	r.left = r.left[n:]
	return n, nil
}

type sink struct {
	header http.Header
	status int
}

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) Write(b []byte) (int, error) { return len(b), nil }
func (s *sink) WriteHeader(status int)      { s.status = status }
