package app_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/app"
	"github.com/breakwater-project/breakwater/internal/config"
	"github.com/breakwater-project/breakwater/internal/keys"
	"github.com/breakwater-project/breakwater/internal/policy"
)

// installation is a data folder that servers are opened on one after the other.
type installation struct {
	dir   string
	admin string // the configured admin key
	now   func() time.Time
}

func newInstallation(t testing.TB) *installation {
	return &installation{dir: t.TempDir(), admin: "an-admin-key-of-the-tests", now: time.Now}
}

// run runs a server on the data until stop is called, which gives what Run
// and Close say.
func (i *installation) run(t testing.TB) (s *server, stop func() error) {
	t.Helper()
	cfg, err := config.Load(config.Source{Flags: map[string]string{
		"addr": "127.0.0.1:0", "data": i.dir, "admin_key": i.admin, "detect.deadline": "10s",
	}})
	if err != nil {
		t.Fatal(err)
	}
	a, err := app.Open(t.Context(), cfg, app.Options{Now: i.now})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	stop = sync.OnceValue(func() error {
		cancel()
		return errors.Join(<-ended, a.Close())
	})
	t.Cleanup(func() { _ = stop() })
	return &server{&app.Temporary{App: a, AdminKey: i.admin}, &http.Client{Transport: &http.Transport{}}}, stop
}

// Every decision that was acknowledged before a shutdown is there after it,
// also those of requests that were under way when it began.
func TestGracefulShutdown(t *testing.T) {
	in := newInstallation(t)
	s, stop := in.run(t)
	const senders, before = 4, 200
	var acknowledged atomic.Int64
	enough := make(chan struct{})
	answers := make([]map[string]string, senders)
	var wg sync.WaitGroup
	for n := range senders {
		answers[n] = map[string]string{}
		wg.Go(func() {
			c := s.sdk(in.admin)
			for i := 0; ; i++ {
				ev := event.Event{
					ID: fmt.Sprintf("p-%d-%d", n, i), Type: event.ContentCreate, Actor: event.Actor{ID: "u-1"},
					Audience: event.Audience{Scope: event.Public}, Content: event.Content{Text: "hello"},
				}
				d, err := c.Decide(t.Context(), ev)
				if err != nil {
					return // the server is gone, or says that it goes
				}
				answers[n][ev.ID] = d.ID
				if acknowledged.Add(1) == before {
					close(enough)
				}
			}
		})
	}
	<-enough
	if err := stop(); err != nil {
		t.Errorf("the server ended with %v", err)
	}
	wg.Wait()
	again, stop := in.run(t)
	for _, sent := range answers {
		for ev, id := range sent {
			a := again.call(t, request{method: "GET", path: "/v1/decisions/" + id, key: in.admin})
			if a.status != 200 || a.object(t)["event"] != ev {
				t.Errorf("%s was acknowledged as %s: %d %s", ev, id, a.status, a.body)
			}
		}
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	if left, err := filepath.Glob(filepath.Join(in.dir, "*-wal")); err != nil || len(left) > 0 {
		t.Errorf("after a clean end there is still %v (%v)", left, err)
	}
}

// A server that is told to end before it began ends well, and gives its
// address back.
func TestEndBeforeTheBeginning(t *testing.T) {
	cfg, err := config.Load(config.Source{Flags: map[string]string{"addr": "127.0.0.1:0", "data": t.TempDir()}})
	if err != nil {
		t.Fatal(err)
	}
	a, err := app.Open(t.Context(), cfg, app.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := errors.Join(a.Run(ctx), a.Close()); err != nil {
		t.Error(err)
	}
	l, err := net.Listen("tcp", strings.TrimPrefix(a.URL(), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
}

// What was set up stays: keys, accounts, labels and decisions.
func TestRestart(t *testing.T) {
	in := newInstallation(t)
	s, stop := in.run(t)
	key := s.key(t, keys.Platform)
	first := s.call(t, request{method: "POST", path: "/v1/decisions", key: key, body: post("p-1", "one")})
	s.ok(t, "PUT", "/v1/accounts/u-9", `{"country":"GB","age":{"band":"10-12","basis":"estimated"}}`)
	s.ok(t, "POST", "/v1/labels", `{"content":"p-1","kind":"ppc.porn","source":"test"}`)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	s, _ = in.run(t)
	again := s.call(t, request{method: "POST", path: "/v1/decisions", key: key, body: post("p-1", "one")})
	if first.status != 200 || !bytes.Equal(first.body, again.body) {
		t.Errorf("%d %s\nwas %s", again.status, again.body, first.body)
	}
	if a := s.ok(t, "GET", "/v1/accounts/u-9", ""); a["age"].(map[string]any)["band"] != "10-12" {
		t.Errorf("account %v", a)
	}
	feed := s.ok(t, "POST", "/v1/feeds/filter", `{"viewer":{"id":"u-9"},"items":["p-1"]}`)
	if item := feed["items"].([]any)[0].(map[string]any); item["rank"].(fmt.Stringer).String() != "0" {
		t.Errorf("item %v", item)
	}
}

// The first start makes an admin key; a configured one takes its place.
func TestFirstKey(t *testing.T) {
	in := newInstallation(t)
	in.admin = ""
	s, stop := in.run(t)
	made := s.NewKey
	if a := s.call(t, request{method: "GET", path: "/v1/decisions/d_0000000000000", key: made}); a.status != http.StatusNotFound {
		t.Errorf("the first key: %d", a.status)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if s, stop = in.run(t); s.NewKey != "" {
		t.Error("another start makes another key")
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	err := filepath.Walk(in.dir, func(path string, info os.FileInfo, err error) error {
		if err != nil || info.IsDir() {
			return err
		}
		if data, err := os.ReadFile(path); err != nil || strings.Contains(string(data), made) {
			t.Errorf("%s holds the key, or %v", path, err)
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s can be read by others: %s", path, info.Mode())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

const politeRule = `
  - id: polite
    events: [content.create]
    when: content.length > 3
    act: hold
    text: Nothing long.
`

// A folder that is broken never replaces what is served; one that is whole
// does, for the next event.
func TestReload(t *testing.T) {
	dir := bundle(t, politeRule)
	s := start(t, func(c *config.Config) { c.Policy.Dir = dir }, app.Options{})
	decide := func(id string) (outcome, digest string) {
		d := s.ok(t, "POST", "/v1/decisions", post(id, "hello"))
		return d["outcome"].(string), d["policy"].(map[string]any)["digest"].(string)
	}
	first, before := decide("p-1")
	for what, text := range map[string]string{
		"not YAML":         "rules: [",
		"not CEL":          "rules:" + strings.Replace(politeRule, "content.length > 3", "content.length >", 1),
		"an unknown name":  "rules:" + strings.Replace(politeRule, "content.length", "content.size", 1),
		"an unknown field": "rules:" + strings.Replace(politeRule, "text:", "because:", 1),
	} {
		write(t, filepath.Join(dir, "rules.yaml"), text)
		var faults policy.Errors
		if err := s.Reload(); !errors.As(err, &faults) || !strings.Contains(err.Error(), "rules.yaml:") {
			t.Errorf("%s: %v", what, err)
		}
		if o, digest := decide("p-" + what); o != first || digest != before {
			t.Errorf("%s: decided %s under %s, want %s under %s", what, o, digest, first, before)
		}
	}
	if err := os.Remove(filepath.Join(dir, "bundle.yaml")); err != nil {
		t.Fatal(err)
	}
	if err := s.Reload(); err == nil {
		t.Error("a folder without a manifest is served")
	}
	write(t, filepath.Join(dir, "bundle.yaml"), "bundle: test\n")
	write(t, filepath.Join(dir, "rules.yaml"), "rules:"+strings.Replace(politeRule, "hold", "block", 1))
	if err := s.Reload(); err != nil {
		t.Fatal(err)
	}
	o, digest := decide("p-2")
	if first != "hold" || o != "block" || digest == before {
		t.Errorf("decided %s, then %s; digests %s and %s", first, o, before, digest)
	}
	if o, digest := decide("p-1"); o != "hold" || digest != before {
		t.Errorf("a decision that was made changed to %s under %s", o, digest)
	}
}

// A reload while events come decides each under one whole bundle.
func TestReloadUnderLoad(t *testing.T) {
	dir := bundle(t, politeRule)
	s := start(t, func(c *config.Config) { c.Policy.Dir = dir }, app.Options{})
	texts := []string{politeRule, strings.Replace(politeRule, "hold", "block", 1)}
	outcomes := sync.Map{} // of digest → outcome
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for n := range 3 {
		wg.Go(func() {
			c := s.sdk(s.AdminKey)
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				d, err := c.Decide(t.Context(), event.Event{
					ID: fmt.Sprintf("p-%d-%d", n, i), Type: event.ContentCreate, Actor: event.Actor{ID: "u-1"},
					Audience: event.Audience{Scope: event.Public}, Content: event.Content{Text: "hello"},
				})
				if err != nil {
					t.Errorf("decide: %v", err)
					return
				}
				if o, _ := outcomes.LoadOrStore(d.Policy.Digest, d.Outcome); o != d.Outcome {
					t.Errorf("%s gives %s, and %v", d.Policy.Digest, d.Outcome, o)
				}
			}
		})
	}
	for i := range 20 {
		write(t, filepath.Join(dir, "rules.yaml"), "rules:"+texts[i%2])
		if err := s.Reload(); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	wg.Wait()
}
