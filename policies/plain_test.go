package policies_test

import (
	"io/fs"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/breakwater-project/breakwater/internal/readability"
	"github.com/breakwater-project/breakwater/policies"
)

// Every notice that a child may see is one that a child can read: at most the
// sixth school year by Flesch-Kincaid in English, at most "easy" by LIX in the
// languages that it was made for, and no sentence over 22 words in any.
func TestNoticesArePlain(t *testing.T) {
	var seen int
	for _, part := range policies.Parts() {
		files, err := fs.Glob(policies.FS, part+"/*.yaml")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			data, err := fs.ReadFile(policies.FS, name)
			if err != nil {
				t.Fatal(err)
			}
			var file struct {
				Notices map[string]struct{ Title, Body map[string]string } `yaml:"notices"`
			}
			if strings.HasSuffix(name, "_test.yaml") || yaml.Unmarshal(data, &file) != nil {
				continue
			}
			for id, n := range file.Notices {
				for language, body := range n.Body {
					seen++
					plain(t, id, language, readability.Of(n.Title[language], body))
				}
			}
		}
	}
	if seen < 50 {
		t.Errorf("only %d texts were found", seen)
	}
}

func plain(t *testing.T, id, language string, m readability.Measure) {
	t.Helper()
	if m.Longest > 22 {
		t.Errorf("%s in %s: a sentence of %d words", id, language, m.Longest)
	}
	switch language {
	case "en":
		if m.Grade() > 6 {
			t.Errorf("%s in English: grade %.1f", id, m.Grade())
		}
	case "de", "fr", "es", "it", "pt", "nl": // LIX is made for these
		if m.LIX() > 45 {
			t.Errorf("%s in %s: LIX %.0f", id, language, m.LIX())
		}
	}
}
