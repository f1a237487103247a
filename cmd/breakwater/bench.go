package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/breakwater-project/breakwater/internal/app"
	"github.com/breakwater-project/breakwater/internal/config"
	"github.com/breakwater-project/breakwater/internal/simulate"
)

func newBench() *cobra.Command {
	bench := &cobra.Command{Use: "bench", Short: "Measure this machine", Args: cobra.NoArgs, RunE: help}
	var l load
	decide := &cobra.Command{
		Use:   "decide",
		Short: "Durable decisions over HTTP: rate, p50, p95, p99, errors",
		Long: `Sends a simulated platform's events to a server and measures how long each
request takes until its answer, which comes when the decision is durable.

Without --addr a server is started in a temporary directory; server and load
generator then share this machine's cores. With --rate requests start on a
clock and their time counts from when they were due, so a server that falls
behind shows it; without, every connection sends as fast as it is answered.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if l.batch < 1 || l.batch > 1000 || l.connections < 1 || l.duration <= 0 || l.rate < 0 {
				return errors.New("--batch is 1 to 1000, --connections at least 1, --duration above 0, --rate not negative")
			}
			return failed(l.run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr()))
		},
	}
	f := decide.Flags()
	f.StringVar(&l.addr, "addr", "", "base URL of a running server; empty starts one")
	f.StringVar(&l.key, "key", os.Getenv("BREAKWATER_KEY"), "its API key (default $BREAKWATER_KEY)")
	f.StringVar(&l.db, "db", "", "database of the server that is started (default SQLite)")
	f.IntVar(&l.batch, "batch", 1, "events per request")
	f.IntVar(&l.connections, "connections", 32, "connections")
	f.Float64Var(&l.rate, "rate", 0, "events per second to offer; 0 is as many as are answered")
	f.DurationVar(&l.duration, "duration", 10*time.Second, "how long to measure")
	f.DurationVar(&l.warmup, "warmup", time.Second, "how long to run before measuring")
	f.BoolVar(&l.json, "json", false, "print the result as JSON")
	bench.AddCommand(decide)
	return bench
}

// load is one measurement.
type load struct {
	addr, key, db      string
	batch, connections int
	rate               float64
	duration, warmup   time.Duration
	json               bool
}

// loadResult is what was measured; times in milliseconds, events per second.
type loadResult struct {
	Events int     `json:"events"`
	Rate   float64 `json:"rate"`
	P50    float64 `json:"p50_ms"`
	P95    float64 `json:"p95_ms"`
	P99    float64 `json:"p99_ms"`
	Max    float64 `json:"max_ms"`
	Errors int     `json:"errors"`
}

func (l *load) run(ctx context.Context, out, notes io.Writer) (err error) {
	if l.addr == "" {
		server, err := app.StartTemporary(ctx, func(c *config.Config) { c.DB = config.Secret(l.db) }, options(nil))
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, server.Close()) }()
		l.addr, l.key = server.URL(), server.AdminKey
	}
	bodies, err := l.bodies()
	if err != nil {
		return err
	}
	stop := l.show(notes)
	result, err := l.measure(ctx, bodies)
	stop()
	if err != nil {
		return err
	}
	if l.json {
		return json.NewEncoder(out).Encode(result)
	}
	fmt.Fprintf(out, "%-28s %10s %9s %9s %9s %9s %7s\n", "decide over HTTP, durable", "events/s", "p50 ms", "p95 ms", "p99 ms", "max ms", "errors")
	fmt.Fprintf(out, "%-28s %10.0f %9.2f %9.2f %9.2f %9.2f %7d\n",
		fmt.Sprintf("batch %d, %d connections", l.batch, l.connections),
		result.Rate, result.P50, result.P95, result.P99, result.Max, result.Errors)
	if result.Errors > 0 {
		return fmt.Errorf("%d requests failed", result.Errors)
	}
	return nil
}

// show has a bar that fills while the time of the measurement passes.
func (l *load) show(w io.Writer) (stop func()) {
	total := l.warmup + l.duration
	bar := newProgress(w, "measuring", int64(total))
	begin, done := time.Now(), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		ticker := time.NewTicker(200 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				bar.set(int64(min(time.Since(begin), total)))
			case <-done:
				return
			}
		}
	})
	return func() { close(done); wg.Wait(); bar.end() }
}

// template is one request's body, cut where each event's id goes: ids must be
// new every time, or the answer would come from the journal.
type template [][]byte

// idMark stands for the id in a template's JSON.
const idMark = "@@id@@"

// bodies prepares requests from a day of the simulated platform, so that the
// load generator does next to no work while measuring.
func (l *load) bodies() ([]template, error) {
	const events = 4000
	world, err := simulate.New(simulate.Options{Seed: 1})
	if err != nil {
		return nil, err
	}
	var encoded [][]byte
	for ev := range world.Events(context.Background()) {
		ev.ID, ev.Time = idMark, time.Time{}
		data, err := json.Marshal(&ev)
		if err != nil {
			return nil, err
		}
		if encoded = append(encoded, data); len(encoded) == events {
			break
		}
	}
	var bodies []template
	for part := range slices.Chunk(encoded, l.batch) {
		body := bytes.Join(part, []byte(","))
		if l.batch > 1 {
			body = slices.Concat([]byte(`{"events":[`), body, []byte(`]}`))
		}
		bodies = append(bodies, bytes.Split(body, []byte(idMark)))
	}
	return bodies, nil
}

func (l *load) measure(ctx context.Context, bodies []template) (loadResult, error) {
	path := "/v1/decisions"
	if l.batch > 1 {
		path += "/batch"
	}
	transport := &http.Transport{MaxIdleConnsPerHost: l.connections, MaxConnsPerHost: l.connections, DisableCompression: true}
	defer transport.CloseIdleConnections()
	r := &runner{load: l, url: l.addr + path, client: &http.Client{Transport: transport, Timeout: 30 * time.Second}, bodies: bodies}
	r.begin = time.Now()
	r.from, r.until = r.begin.Add(l.warmup), r.begin.Add(l.warmup+l.duration)
	var wg sync.WaitGroup
	took := make([][]time.Duration, l.connections)
	for i := range l.connections {
		wg.Go(func() { took[i] = r.work(ctx) })
	}
	wg.Wait()
	if ctx.Err() != nil {
		return loadResult{}, ctx.Err()
	}
	all := slices.Concat(took...)
	if len(all) == 0 {
		return loadResult{}, fmt.Errorf("no request was answered; last error: %v", r.lastError.Load())
	}
	slices.Sort(all)
	at := func(q float64) float64 { return all[int(q*float64(len(all)-1))].Seconds() * 1000 }
	events := len(all) * l.batch
	return loadResult{
		Events: events, Rate: float64(events) / l.duration.Seconds(),
		P50: at(0.50), P95: at(0.95), P99: at(0.99), Max: at(1), Errors: int(r.errors.Load()),
	}, nil
}

// runner is the state that the connections of one measurement share.
type runner struct {
	*load
	url                string
	client             *http.Client
	bodies             []template
	begin, from, until time.Time
	next               atomic.Int64 // number of the next request
	errors             atomic.Int64
	lastError          atomic.Value
}

// work sends requests on one connection until the time is over, and returns
// how long those within the measured time took.
func (r *runner) work(ctx context.Context) []time.Duration {
	var took []time.Duration
	var buf []byte
	for {
		n := r.next.Add(1) - 1
		due := time.Now()
		if r.rate > 0 {
			due = r.begin.Add(time.Duration(float64(n*int64(r.batch)) / r.rate * float64(time.Second)))
			if !r.wait(ctx, due) {
				return took
			}
		}
		if due.After(r.until) || ctx.Err() != nil {
			return took
		}
		buf = r.fill(buf[:0], n)
		err := r.send(ctx, buf)
		if due.Before(r.from) {
			continue
		}
		if err != nil {
			r.errors.Add(1)
			r.lastError.Store(err.Error())
			continue
		}
		took = append(took, time.Since(due))
	}
}

// wait sleeps until due; false when the measurement is over.
func (r *runner) wait(ctx context.Context, due time.Time) bool {
	d := time.Until(due)
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// fill writes request n with ids of its own.
func (r *runner) fill(buf []byte, n int64) []byte {
	body := r.bodies[n%int64(len(r.bodies))]
	for i, part := range body {
		if i > 0 {
			buf = fmt.Appendf(buf, "b-%x-%x-%d", r.begin.UnixNano(), n, i)
		}
		buf = append(buf, part...)
	}
	return buf
}

func (r *runner) send(ctx context.Context, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+r.key)
	req.Header.Set("Content-Type", "application/json")
	resp, err := r.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d", resp.StatusCode)
	}
	return nil
}
