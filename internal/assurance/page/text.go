package page

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
	"golang.org/x/text/language"
)

// text is everything that the page says in one language. {age}, {method},
// {host}, {minutes} and {reason} stand for what they say.
type text struct {
	Tag string            // IETF BCP 47, from the file's name
	Dir string            // ltr or rtl
	Say map[string]string // by key
	// Methods are by the names of package assurance.
	Methods map[string]method
	age     string
}

type method struct {
	Name string `yaml:"name"`
	How  string `yaml:"how"`
}

// first is the language of whoever asks for one that there is not.
const first = "en"

func loadTexts(fsys fs.FS) ([]*text, error) {
	names, err := fs.Glob(fsys, "texts/*.yaml")
	if err != nil {
		return nil, fmt.Errorf("page: %w", err)
	}
	var all []*text
	for _, name := range names {
		source, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, fmt.Errorf("page: %w", err)
		}
		t, err := readText(strings.TrimSuffix(path.Base(name), ".yaml"), source)
		if err != nil {
			return nil, fmt.Errorf("page: %s: %w", name, err)
		}
		all = append(all, t)
	}
	if len(all) == 0 {
		return nil, errors.New("page: no texts")
	}
	return all, nil
}

func readText(tag string, source []byte) (*text, error) {
	parsed, err := language.Parse(tag)
	if err != nil {
		return nil, err
	}
	var file struct {
		Methods map[string]method `yaml:"methods"`
		Say     map[string]string `yaml:",inline"`
	}
	decoder := yaml.NewDecoder(bytes.NewReader(source))
	decoder.KnownFields(true)
	if err := decoder.Decode(&file); err != nil {
		return nil, err
	}
	t := &text{Tag: tag, Dir: "ltr", Say: file.Say, Methods: file.Methods}
	script, _ := parsed.Script()
	switch script.String() {
	case "Arab", "Hebr", "Thaa", "Syrc":
		t.Dir = "rtl"
	}
	return t, nil
}

// about is the text for an age.
func (t *text) about(age int) *text {
	with := *t
	with.age = strconv.Itoa(age)
	return &with
}

// Get is what is said under a key, with pairs of a word's name and what it
// stands for.
func (t *text) Get(key string, pairs ...any) (string, error) {
	s, ok := t.Say[key]
	if !ok {
		return "", fmt.Errorf("page: %s has no text %q", t.Tag, key)
	}
	return t.fill(s, pairs...), nil
}

func (t *text) fill(s string, pairs ...any) string {
	words := []string{"{age}", t.age}
	for i := 0; i+1 < len(pairs); i += 2 {
		words = append(words, fmt.Sprintf("{%v}", pairs[i]), fmt.Sprint(pairs[i+1]))
	}
	return strings.NewReplacer(words...).Replace(s)
}

// Method is what a method is called and how it goes. One without a text has its
// name for both, which a test keeps from happening.
func (t *text) Method(id string) method {
	m, ok := t.Methods[id]
	if !ok {
		return method{Name: id, How: id}
	}
	return method{Name: t.fill(m.Name), How: t.fill(m.How)}
}

// matcher chooses a language.
type matcher struct{ language.Matcher }

func newMatcher(texts []*text) matcher {
	tags := []language.Tag{language.MustParse(first)}
	for _, t := range texts {
		tags = append(tags, language.MustParse(t.Tag))
	}
	return matcher{language.NewMatcher(tags)}
}

// choose is the text that a request asks for, by ?lang= or its header.
func (m matcher) choose(texts []*text, r *http.Request) *text {
	_, i := language.MatchStrings(m.Matcher, r.FormValue("lang"), r.Header.Get("Accept-Language"))
	if i > 0 {
		return texts[i-1]
	}
	for _, t := range texts {
		if t.Tag == first {
			return t
		}
	}
	return texts[0]
}
