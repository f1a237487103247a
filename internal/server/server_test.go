package server_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/breakwater-project/breakwater/internal/fault"
	"github.com/breakwater-project/breakwater/internal/keys"
	"github.com/breakwater-project/breakwater/internal/server"
	"github.com/breakwater-project/breakwater/internal/telemetry"
	"github.com/breakwater-project/breakwater/internal/web"
)

// running is a server under test. Waiting is told when a request to /wait has
// arrived; it is answered once release is closed.
type running struct {
	*server.Server
	waiting chan struct{}
	release chan struct{}
	drained chan struct{}
	stop    func()
	ended   chan error
	log     bytes.Buffer
}

func start(t *testing.T, change func(*server.Options)) *running {
	t.Helper()
	r := &running{
		waiting: make(chan struct{}, 1), release: make(chan struct{}), drained: make(chan struct{}), ended: make(chan error, 1),
	}
	metrics := telemetry.NewMetrics()
	log := slog.New(slog.NewTextHandler(&r.log, nil))
	api := web.New(web.Options{
		Metrics: metrics, Log: log, BodyLimit: 1 << 10,
		Authenticate: func(context.Context, string) (keys.Principal, error) { return keys.Principal{}, keys.ErrUnknown },
	})
	web.Raw[[]byte, web.None](api, web.Operation{Method: "POST", Path: "/echo", Public: true},
		func(_ context.Context, q web.Request) (web.Answer, error) {
			return web.Answer{Body: bytes.Clone(q.Body)}, nil
		})
	web.Raw[web.None, web.None](api, web.Operation{Method: "GET", Path: "/wait", Public: true},
		func(context.Context, web.Request) (web.Answer, error) {
			r.waiting <- struct{}{}
			<-r.release
			return web.Answer{Body: []byte(`"late"`)}, nil
		})
	web.Handle(api, web.Operation{Method: "GET", Path: "/stream", Public: true, Timeout: -1},
		func(w http.ResponseWriter, q *http.Request) {
			fmt.Fprint(w, "begun")
			http.NewResponseController(w).Flush()
			<-q.Context().Done()
			close(r.drained)
		})
	o := server.Options{Addr: "127.0.0.1:0", API: api, Metrics: metrics.Handler(), Log: log}
	if change != nil {
		change(&o)
	}
	s, err := server.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	r.Server = s
	ctx, cancel := context.WithCancel(t.Context())
	r.stop = cancel
	go func() { r.ended <- s.Run(ctx) }()
	t.Cleanup(cancel)
	return r
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, strings.TrimSpace(string(body))
}

func TestHealth(t *testing.T) {
	r := start(t, func(o *server.Options) {
		o.Checks = []server.Check{{Name: "database", Check: func(context.Context) error { return nil }}}
	})
	base := "http://" + r.Addr()
	if code, body := get(t, base+"/healthz"); code != 200 || body != `{"status":"ok"}` {
		t.Errorf("/healthz: %d %s", code, body)
	}
	if code, body := get(t, base+"/readyz"); code != 200 || body != `{"status":"ready","checks":["database"]}` {
		t.Errorf("/readyz: %d %s", code, body)
	}
	if code, body := get(t, base+"/metrics"); code != 200 || !strings.Contains(body, "breakwater_web_requests_total") {
		t.Errorf("/metrics: %d", code)
	}
	if code, body := get(t, base+"/nowhere"); code != 404 || !strings.Contains(body, `"/docs#problem-not-found"`) {
		t.Errorf("/nowhere: %d %s", code, body)
	}
}

func TestReadiness(t *testing.T) {
	var asked atomic.Int32
	now := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	var failing atomic.Bool
	failing.Store(true)
	r := start(t, func(o *server.Options) {
		o.Now = func() time.Time { return now.Add(time.Duration(asked.Load()/4) * time.Minute) }
		o.Checks = []server.Check{
			{Name: "database", Check: func(context.Context) error {
				if asked.Add(1); failing.Load() {
					return errors.New("password of canary refused")
				}
				return nil
			}},
			{Name: "disk", Check: func(context.Context) error {
				return fault.Wrap(fault.Unavailable, errors.New("canary"), "Less than 1 % is free.")
			}},
			{Name: "policy", Check: func(context.Context) error { return nil }},
		}
	})
	var last string
	for range 3 { // within a second: asked once
		code, body := get(t, "http://"+r.Addr()+"/readyz")
		var p fault.Problem
		if err := json.Unmarshal([]byte(body), &p); err != nil || code != 503 {
			t.Fatalf("%d %s", code, body)
		}
		if diff := cmp.Diff([]fault.Field{{Location: "database", Message: "fails"}, {Location: "disk", Message: "Less than 1 % is free."}}, p.Errors); diff != "" {
			t.Errorf("checks (-want +got):\n%s", diff)
		}
		last = body
	}
	if asked.Load() != 1 {
		t.Errorf("the database was asked %d times", asked.Load())
	}
	if strings.Contains(last, "canary") || !strings.Contains(r.log.String(), "password of canary refused") {
		t.Errorf("told %s\nlogged %s", last, r.log.String())
	}
	failing.Store(false)
	asked.Store(4) // a minute later
	if _, body := get(t, "http://"+r.Addr()+"/readyz"); strings.Contains(body, "database") {
		t.Errorf("the database works again: %s", body)
	}
}

func TestMetricsElsewhere(t *testing.T) {
	r := start(t, func(o *server.Options) { o.MetricsAddr = "127.0.0.1:0" })
	if r.MetricsAddr() == r.Addr() {
		t.Fatal("one address")
	}
	if code, _ := get(t, "http://"+r.MetricsAddr()+"/metrics"); code != 200 {
		t.Errorf("/metrics there: %d", code)
	}
	if code, _ := get(t, "http://"+r.Addr()+"/metrics"); code != 404 {
		t.Errorf("/metrics here: %d", code)
	}
	if code, _ := get(t, "http://"+r.MetricsAddr()+"/healthz"); code != 404 {
		t.Errorf("the API is there: %d", code)
	}
}

func TestAddressInUse(t *testing.T) {
	r := start(t, nil)
	api := web.New(web.Options{})
	if _, err := server.Open(t.Context(), server.Options{Addr: r.Addr(), API: api, Metrics: http.NotFoundHandler()}); err == nil {
		t.Error("an address was taken twice")
	}
	o := server.Options{Addr: "127.0.0.1:0", MetricsAddr: r.Addr(), API: api, Metrics: http.NotFoundHandler()}
	if _, err := server.Open(t.Context(), o); err == nil {
		t.Error("an address was taken twice, for metrics")
	}
}

// TestShutdown: a request under way is answered, a stream is told to end, and
// nothing new is accepted.
func TestShutdown(t *testing.T) {
	r := start(t, nil)
	base := "http://" + r.Addr()
	answers := make(chan string, 1)
	go func() {
		resp, err := http.Get(base + "/wait")
		if err != nil {
			answers <- err.Error()
			return
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		answers <- string(body)
	}()
	<-r.waiting
	stream, err := http.Get(base + "/stream")
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Body.Close()

	r.stop()
	<-r.drained
	if body, err := io.ReadAll(stream.Body); err != nil || string(body) != "begun" {
		t.Errorf("the stream ended with %q, %v", body, err)
	}
	select {
	case err := <-r.ended:
		t.Fatalf("Run returned %v while a request was under way", err)
	default:
	}
	close(r.release)
	if body := <-answers; body != `"late"` {
		t.Errorf("the request under way got %q", body)
	}
	if err := <-r.ended; err != nil {
		t.Errorf("Run: %v", err)
	}
	if _, err := net.Dial("tcp", r.Addr()); err == nil {
		t.Error("the listener is still open")
	}
}

func TestShutdownCutsOffAfterTheGrace(t *testing.T) {
	r := start(t, func(o *server.Options) { o.Grace = time.Millisecond })
	defer close(r.release)
	go http.Get("http://" + r.Addr() + "/wait")
	<-r.waiting
	r.stop()
	if err := <-r.ended; !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Run: %v", err)
	}
}

// speak sends text on a connection of its own and reads until the server
// closes it.
func speak(t *testing.T, addr, text string) string {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		t.Fatal("the server did not close the connection")
	}
	return string(answer)
}

func TestSlowClients(t *testing.T) {
	t.Parallel()
	r := start(t, func(o *server.Options) {
		o.ReadHeader, o.Read, o.Idle = 50*time.Millisecond, 100*time.Millisecond, 50*time.Millisecond
	})
	const ok = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
	for name, tc := range map[string]struct{ send, want string }{
		"headers that never end": {"GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: ", ""},
		"a body that never ends": {"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{", "HTTP/1.1 400 "},
		"chunks that never end":  {"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n", "HTTP/1.1 400 "},
		"an idle connection":     {ok, "HTTP/1.1 200 "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if answer := speak(t, r.Addr(), tc.send); !strings.HasPrefix(answer, tc.want) || tc.want == "" && answer != "" {
				t.Errorf("answered %q", answer)
			}
		})
	}
}

func TestLimits(t *testing.T) {
	r := start(t, func(o *server.Options) { o.HeaderBytes = 4 << 10 })
	answer := speak(t, r.Addr(), "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: "+strings.Repeat("x", 64<<10)+"\r\n\r\n")
	if !strings.HasPrefix(answer, "HTTP/1.1 431 ") {
		t.Errorf("long headers: %.60q", answer)
	}
	for name, head := range map[string]string{
		"announced": "Content-Length: 5000\r\n\r\n" + strings.Repeat(" ", 5000),
		"chunked":   "Transfer-Encoding: chunked\r\n\r\n1388\r\n" + strings.Repeat(" ", 5000) + "\r\n0\r\n\r\n",
	} {
		answer := speak(t, r.Addr(), "POST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"+head)
		resp, err := http.ReadResponse(bufio.NewReader(strings.NewReader(answer)), nil)
		if err != nil {
			t.Fatalf("%s: %v: %q", name, err, answer)
		}
		resp.Body.Close()
		if resp.StatusCode != 413 || resp.Header.Get("Content-Type") != fault.ProblemType {
			t.Errorf("%s: %d %v", name, resp.StatusCode, resp.Header)
		}
	}
}
