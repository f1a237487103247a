package app

import (
	"io/fs"
	"regexp"
	"slices"
	"testing"

	"github.com/breakwater-project/breakwater/policies"
)

// The languages that comments are scored in are those that there are terms in.
func TestCommentLanguages(t *testing.T) {
	var languages []string
	err := fs.WalkDir(policies.FS, "terms", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := fs.ReadFile(policies.FS, name)
		for _, m := range regexp.MustCompile(`(?m)^language: ([a-z]{2})\b`).FindAllSubmatch(text, -1) {
			languages = append(languages, string(m[1]))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(languages)
	if want := commentLanguages(); !slices.Equal(slices.Compact(languages), want) {
		t.Errorf("terms are in %v, comments are scored in %v", languages, want)
	}
}
