package app_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/breakwater-project/breakwater/internal/app"
	"github.com/breakwater-project/breakwater/internal/config"
)

// judgeServer is a model that finds everything a clear violation, unless it is
// broken.
func judgeServer(t *testing.T, broken *atomic.Bool) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if strings.Contains(string(body), "u-1") {
			t.Errorf("the model reads who wrote: %s", body)
		}
		if broken.Load() {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		verdict, _ := json.Marshal(`{"violates":true,"severity":2,"seeks_help":false,"steers":false}`)
		fmt.Fprintf(w, `{"choices":[{"finish_reason":"stop","message":{"content":%s}}]}`, verdict)
	}))
	t.Cleanup(s.Close)
	return s
}

// doubtful is a bundle whose bank is unsure of one word, and whose rules ask
// the judge only if they are to.
func doubtful(t *testing.T, rules string) string {
	t.Helper()
	dir := bundle(t, rules)
	write(t, dir+"/terms/bank.yaml", "bank: b\nsignal: text.hate\nlanguage: en\nentries:\n  - {term: zonk, score: 0.5}\n")
	return dir
}

// A decision does not wait for the judge, whose verdict is a label that the
// feed reads from then on.
func TestJudgeAfterTheDecision(t *testing.T) {
	model := judgeServer(t, new(atomic.Bool))
	s := start(t, func(c *config.Config) {
		c.Judge.URL, c.Judge.Model = model.URL, "some-model"
		c.Policy.Dir = doubtful(t, `
  - id: hate.label
    events: [content.create, content.view]
    when: label(content, "abuse.hate")
    viewer: block
    kind: abuse.hate
    text: "Labelled as hate."
  - id: hate.clear
    events: [content.create]
    when: signal("text.hate") >= 0.8
    act: block
    kind: abuse.hate
    text: "Clear hate."
`)
	}, app.Options{})
	if d := s.ok(t, "POST", "/v1/decisions", post("p-1", "you zonk")); d["outcome"] != "allow" {
		t.Errorf("in doubt: %v", d["outcome"])
	}
	for { // until the judge has spoken
		f := s.ok(t, "POST", "/v1/feeds/filter", `{"viewer":{"band":"13-15","country":"GB"},"items":["p-1"]}`)
		if f["items"].([]any)[0].(map[string]any)["outcome"] == "block" {
			break
		}
	}
	if metrics := s.call(t, request{method: "GET", path: "/metrics"}); !strings.Contains(string(metrics.body), `breakwater_judge_opinions_total{kind="abuse.hate",result="labelled"} 1`) {
		t.Error("the opinion is not counted")
	}
}

// A rule may read the judge's signal; then the decision has its verdict, and a
// judge that fails is a missing input, which the rule's on_error answers.
func TestJudgeInARule(t *testing.T) {
	var broken atomic.Bool
	model := judgeServer(t, &broken)
	s := start(t, func(c *config.Config) {
		c.Judge.URL, c.Judge.Model = model.URL, "some-model"
		c.Policy.Dir = doubtful(t, `
  - id: hate.judged
    events: [content.create]
    when: signal("judge.abuse.hate") >= 0.8
    act: hold
    kind: abuse.hate
    text: "Hate, by the judge's word."
`)
	}, app.Options{})
	for i, step := range []struct {
		text, outcome string
		broken        bool
		degraded      int
	}{{"you zonk", "hold", false, 0}, {"a walk by the sea", "allow", true, 0}, {"you utter zonk", "hold", true, 1}} {
		broken.Store(step.broken)
		d := s.ok(t, "POST", "/v1/decisions", post(fmt.Sprint("p-", i), step.text))
		if degraded := d["degraded"].([]any); d["outcome"] != step.outcome || len(degraded) < step.degraded || step.degraded == 0 && len(degraded) > 0 {
			t.Errorf("%q: %v, degraded %v", step.text, d["outcome"], degraded)
		}
	}
}

// Without a judge, rules that read its signals still compile, and take them
// for missing.
func TestNoJudge(t *testing.T) {
	s := start(t, func(c *config.Config) {
		c.Policy.Dir = doubtful(t, `
  - id: hate.judged
    events: [content.create]
    when: signal("judge.abuse.hate") >= 0.8
    act: hold
    kind: abuse.hate
    text: "Hate, by the judge's word."
`)
	}, app.Options{})
	d := s.ok(t, "POST", "/v1/decisions", post("p-1", "a walk by the sea"))
	if degraded := d["degraded"].([]any); len(degraded) == 0 || d["outcome"] == "allow" {
		t.Errorf("%v, degraded %v", d["outcome"], degraded)
	}
}
