package app_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/breakwater-project/breakwater/internal/app"
	"github.com/breakwater-project/breakwater/internal/config"
	"github.com/breakwater-project/breakwater/internal/keys"
)

// An urgent decision wakes somebody through the real queue, names nobody on the
// way, is listed, and rests once a person is on it. The event again opens
// nothing more.
func TestUrgentDecisionPages(t *testing.T) {
	pages := make(chan string, 10)
	first := true
	pager := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		if first { // it is tried again
			first = false
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		pages <- string(body)
	}))
	t.Cleanup(pager.Close)
	dir := t.TempDir()
	for name, text := range map[string]string{
		"bundle.yaml": "bundle: test\n",
		"rules.yaml": `rules:
  - id: life.at-risk
    events: [message.send]
    when: has_attr("risk")
    act: inform
    kind: support.seeking_help
    text: "A life may be at risk."
    effects: [{kind: urgent}, {kind: review, queue: wellbeing, priority: 1}]
`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := start(t, func(c *config.Config) {
		c.Policy.Dir = dir
		c.Urgent.Pager, c.Urgent.Secret = config.Secret(pager.URL), "a-secret-of-the-tests"
	}, app.Options{})
	event := request{method: "POST", path: "/v1/decisions", key: s.AdminKey, body: `{"id":"m-1","type":"message.send",
		"actor":{"id":"canary-actor","country":"GB"},"audience":{"scope":"direct","members":[{"id":"canary-friend"}]},
		"content":{"id":"c-1","text":"canary-text"},"attributes":{"risk":true}}`}
	var d struct{ ID string }
	for range 2 {
		a := s.call(t, event)
		if err := json.Unmarshal(a.body, &d); err != nil || a.status != 200 {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	var page string
	select {
	case page = <-pages:
	case <-time.After(time.Minute):
		t.Fatal("nobody was paged")
	}
	if strings.Contains(page, "canary") || !strings.Contains(page, d.ID) {
		t.Errorf("the page: %s", page)
	}
	reviewer := s.key(t, keys.Reviewer)
	list := func() []any {
		return s.call(t, request{method: "GET", path: "/v1/urgent", key: reviewer}).object(t)["urgent"].([]any)
	}
	if got := list(); len(got) != 1 {
		t.Fatalf("%d entries: %v", len(got), got)
	}
	id := list()[0].(map[string]any)["id"].(string)
	for _, act := range []struct{ name, body string }{{"acknowledge", `{}`}, {"resolve", `{"outcome":"help_arranged"}`}} {
		if a := s.call(t, request{method: "POST", path: "/v1/urgent/" + id + "/" + act.name, key: reviewer, body: act.body}); a.status != 200 {
			t.Errorf("%s: %d %s", act.name, a.status, a.body)
		}
	}
	if got := list(); len(got) != 0 {
		t.Errorf("it does not rest: %v", got)
	}
	select {
	case more := <-pages:
		t.Errorf("paged twice: %s", more)
	default:
	}
}
