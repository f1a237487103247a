package app_test

import (
	"os"
	"strings"
	"testing"

	"github.com/breakwater-project/breakwater/internal/app"
	"github.com/breakwater-project/breakwater/internal/config"
)

// With a folder of models, the second tier has a say in decisions and in the
// drop-in endpoints; without, nothing knows of it.
func TestSecondTier(t *testing.T) {
	dir := os.Getenv("BREAKWATER_MODELS")
	if dir == "" {
		dir = "../../.cache/models"
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("there is no %s: fetch the models with `make models`", dir)
	}
	for models, want := range map[string]bool{"": false, dir: true} {
		s := start(t, func(c *config.Config) { c.Detect.Models = models }, app.Options{})
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
