package app_test

import (
	"os"
	"strings"
	"testing"

	"github.com/breakwater-project/breakwater/internal/app"
	"github.com/breakwater-project/breakwater/internal/config"
	"github.com/breakwater-project/breakwater/internal/detect/embed"
	"github.com/breakwater-project/breakwater/internal/detect/text/model"
)

// With a folder of models, the second tier has a say in decisions and in the
// drop-in endpoints; without, nothing knows of it. Where it was trained over
// another model than the one that is there, it is off, and the log says so.
func TestSecondTier(t *testing.T) {
	dir := os.Getenv("BREAKWATER_MODELS")
	if dir == "" {
		dir = "../../.cache/models"
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("there is no %s: fetch the models with `make models`", dir)
	}
	heads, err := embed.Shipped()
	if err != nil {
		t.Fatal(err)
	}
	first, err := model.Shipped()
	if err != nil {
		t.Fatal(err)
	}
	fit := heads.Model == first.Version()
	for models, want := range map[string]bool{"": false, dir: fit} {
		var log lines
		s := start(t, func(c *config.Config) { c.Detect.Models = models }, app.Options{Log: &log})
		if said := strings.Contains(log.String(), "the second tier of text detection is off"); said != (models != "" && !fit) {
			t.Errorf("models %q, heads fit %t: a warning: %t", models, fit, said)
		}
		d := s.ok(t, "POST", "/v1/decisions", post("p-1", "I feel so alone that nothing matters any more."))
		asked := false
		for _, signal := range d["signals"].([]any) {
			asked = asked || strings.HasPrefix(signal.(map[string]any)["detector"].(string), "sentence@")
		}
		if asked != want {
			t.Errorf("models %q: the second tier was asked: %t", models, asked)
		}
		m := s.ok(t, "POST", "/v1/moderations", `{"input":"I feel so alone that nothing matters any more."}`)
		first := s.ok(t, "POST", "/v1/moderations", `{"input":"See you at the pool."}`)
		if m["model"] != first["model"] || (strings.Count(m["model"].(string), "+") == 2) != want {
			t.Errorf("models %q: model %v", models, m["model"])
		}
	}
	if _, err := app.StartTemporary(t.Context(), func(c *config.Config) { c.Detect.Models = t.TempDir() }, app.Options{}); err == nil {
		t.Error("it starts without the files that it is told to read")
	}
}
