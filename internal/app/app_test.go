package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/breakwater-project/breakwater/client"
	"github.com/breakwater-project/breakwater/internal/app"
	"github.com/breakwater-project/breakwater/internal/config"
	"github.com/breakwater-project/breakwater/internal/keys"
)

// server is a server on a free port, until the test ends.
type server struct {
	*app.Temporary
	client *http.Client
}

// start starts one. Settings may be changed before.
func start(t testing.TB, change func(*config.Config), o app.Options) *server {
	t.Helper()
	// Tests share their machine, and a detector that is late would be a doubt.
	patient := func(c *config.Config) {
		c.Detect.Deadline = c.Limits.RequestTimeout
		if change != nil {
			change(c)
		}
	}
	temporary, err := app.StartTemporary(context.WithoutCancel(t.Context()), patient, o)
	if err != nil {
		t.Fatal(err)
	}
	s := &server{temporary, &http.Client{Transport: &http.Transport{}}}
	t.Cleanup(func() {
		s.client.CloseIdleConnections()
		if err := temporary.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// sdk is the Go client, which tries nothing twice here.
func (s *server) sdk(key string) *client.Client {
	c := client.New(s.URL(), key)
	c.HTTP, c.Retries = s.client, 0
	return c
}

// key makes a key with the roles.
func (s *server) key(t testing.TB, roles ...keys.Role) string {
	t.Helper()
	_, credential, err := s.Keys.Create(t.Context(), "test", roles)
	if err != nil {
		t.Fatal(err)
	}
	return credential
}

// request is one call of the API. What is not set is what a good client sends.
type request struct {
	method, path string
	key          string
	body         string
	header       map[string]string
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// call sends a request and reads its whole answer.
func (s *server) call(t testing.TB, r request) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), r.method, s.URL()+r.path, strings.NewReader(r.body))
	if err != nil {
		t.Fatal(err)
	}
	if r.key != "" {
		req.Header.Set("Authorization", "Bearer "+r.key)
	}
	if r.body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for name, value := range r.header {
		req.Header.Set(name, value)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, body}
}

// ok sends a request that must succeed, and gives its JSON.
func (s *server) ok(t testing.TB, method, path, body string) map[string]any {
	t.Helper()
	a := s.call(t, request{method: method, path: path, key: s.AdminKey, body: body})
	if a.status != http.StatusOK {
		t.Fatalf("%s %s: %d %s", method, path, a.status, a.body)
	}
	return a.object(t)
}

// object is the answer's JSON object, numbers as they are written.
func (a answer) object(t testing.TB) map[string]any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(a.body))
	d.UseNumber()
	var object map[string]any
	if err := d.Decode(&object); err != nil {
		t.Fatalf("%s: %v", a.body, err)
	}
	return object
}

// has checks the names of an object's members.
func has(t testing.TB, object map[string]any, names ...string) {
	t.Helper()
	slices.Sort(names)
	if got := slices.Sorted(maps.Keys(object)); !slices.Equal(got, names) {
		t.Errorf("members %v, want %v", got, names)
	}
}

// problem checks that the answer is a problem of the status, complete and
// naming the fields, and gives its text.
func (a answer) problem(t testing.TB, status int, fields ...string) string {
	t.Helper()
	var p client.Problem
	if err := json.Unmarshal(a.body, &p); err != nil {
		t.Fatalf("status %d, not a problem: %s", a.status, a.body)
	}
	if a.status != status || p.Status != status {
		t.Errorf("status %d, in the problem %d, want %d: %s", a.status, p.Status, status, a.body)
	}
	if got := a.header.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("content type %q", got)
	}
	if !strings.HasPrefix(p.Type, "/docs#problem-") || p.Title == "" {
		t.Errorf("type %q, title %q", p.Type, p.Title)
	}
	waits := status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable
	if got := a.header.Get("Retry-After"); (got != "") != waits {
		t.Errorf("status %d with Retry-After %q", status, got)
	}
	for _, want := range fields {
		if !slices.ContainsFunc(p.Errors, func(f client.Field) bool { return f.Location == want && f.Message != "" }) {
			t.Errorf("%q is not among the errors %v", want, p.Errors)
		}
	}
	if len(fields) == 0 && status == http.StatusUnprocessableEntity {
		t.Errorf("the test names no field of %v", p.Errors)
	}
	return string(a.body)
}

// inNovember is the time of the contract's example, and stands still.
func inNovember() time.Time { return time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC) }

// bundle writes a bundle of the rules alone, with banks that are empty, into a
// folder of the test.
func bundle(t testing.TB, rules string) string {
	t.Helper()
	dir := t.TempDir()
	for _, bank := range []string{"terms", "hosts"} {
		if err := os.Mkdir(filepath.Join(dir, bank), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(dir, "bundle.yaml"), "bundle: test\n")
	write(t, filepath.Join(dir, "rules.yaml"), "rules:\n"+rules)
	return dir
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// keepEverything is a bundle that preserves everything.
func keepEverything(t testing.TB) string {
	return bundle(t, `
  - id: keep
    events: ["*"]
    when: "true"
    act: inform
    text: Everything is kept.
    effects: [{kind: preserve}]
`)
}
