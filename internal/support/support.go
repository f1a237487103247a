// Package support is help in words: guides for hard moments, step by step, in
// the person's language and as plain as a ten year old needs them, with whom to
// turn to where they live. Nobody is asked who they are, and nothing is kept.
//
// Some guides are for moments at which Ofcom has a service inform children
// (Illegal Content Code, ICU F2): a protection turned off, a contact request, a
// first message, action taken against somebody.
package support

import (
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
	"golang.org/x/text/language"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/internal/policy"
)

//go:embed page.html texts assets
var files embed.FS

// Guide is one guide in one language.
type Guide struct {
	ID     string `yaml:"-"`
	Moment bool   `yaml:"moment"` // for a moment at which children are informed, whatever happened
	Title  string `yaml:"title"`
	Lead   string `yaml:"lead"`
	Steps  []Step `yaml:"steps"`
}

// Step is one thing to do. Link names the page on which a person makes the hash
// of a picture of themselves, where a step leads there.
type Step struct {
	Title string `yaml:"title"`
	Body  string `yaml:"body"`
	Link  string `yaml:"link"`
}

// subject is what a guide is about: whom to turn to, and after which harms.
type subject struct {
	id     string
	topics []string // of the bundle's resources
	kinds  []decision.Kind
}

// subjects are those of all guides, in the order in which they are offered.
func subjects() []subject {
	return []subject{
		{"sextortion", []string{"intimate_images", "child_help"}, []decision.Kind{"csea.sextortion_sexual", "csea.sextortion_financial", "iia.threat"}},
		{"shared-image", []string{"intimate_images", "child_help"}, []decision.Kind{"iia.ncii", "iia.deepfake", "iia.monetised", "csam.image", "csam.video", "csam.ai"}},
		{"secrets", []string{"child_help"}, []decision.Kind{"csea.grooming", "csea.solicitation", "csea.trafficking", "contact.unsolicited_adult", "iia.cyberflash"}},
		{"bullying", []string{"child_help"}, []decision.Kind{"bully.direct", "bully.pile_on", "bully.exclusion", "abuse.harassment", "abuse.doxxing", "abuse.hate", "abuse.tfgbv_misogyny"}},
		{"hard-time", []string{"self_harm", "child_help"}, []decision.Kind{"support.seeking_help", "ppc.suicide", "ppc.selfharm", "ppc.eating_disorder", "ndc.depression", "ndc.body_stigma"}},
		{"control", []string{"child_help"}, []decision.Kind{"ccb.coercive_control", "abuse.stalking"}},
		{"protection-off", []string{"child_help"}, nil},
		{"contact-request", []string{"child_help"}, nil},
		{"new-contact", []string{"child_help"}, nil},
		{"first-message", []string{"child_help"}, nil},
		{"acted", []string{"child_help"}, nil},
	}
}

// text is everything that is said in one language.
type text struct {
	Tag    string // IETF BCP 47, from the file's name
	Say    map[string]string
	Guides map[string]Guide
}

// Support gives the guides. Make it with New.
type Support struct {
	bundle   func() *policy.Bundle
	ownImage string
	leave    string

	subjects []subject
	texts    []*text // English first
	match    language.Matcher
	page     *template.Template
}

// Options of support.
type Options struct {
	Bundle   func() *policy.Bundle // in force; has whom to turn to
	OwnImage string                // where a person makes the hash of a picture of themselves; "" is nowhere
	Leave    string                // where "leave this page" leads: an address that tells nothing
}

// New reads the guides. Each language says all that English says.
func New(o Options) (*Support, error) {
	s := &Support{bundle: o.Bundle, ownImage: o.OwnImage, leave: o.Leave, subjects: subjects()}
	names, err := fs.Glob(files, "texts/*.yaml")
	if err != nil {
		return nil, fmt.Errorf("support: %w", err)
	}
	for _, name := range names {
		t, err := readText(name)
		if err != nil {
			return nil, fmt.Errorf("support: %s: %w", name, err)
		}
		s.texts = append(s.texts, t)
	}
	slices.SortStableFunc(s.texts, func(x, y *text) int { return strings.Compare(first(x), first(y)) })
	tags := make([]language.Tag, len(s.texts))
	for i, t := range s.texts {
		tags[i] = language.Make(t.Tag)
	}
	s.match = language.NewMatcher(tags)
	if s.page, err = template.New("page.html").Option("missingkey=error").ParseFS(files, "page.html"); err != nil {
		return nil, fmt.Errorf("support: %w", err)
	}
	return s, nil
}

// first sorts English before all others: it is for whoever asks for a language
// that there is not.
func first(t *text) string {
	if t.Tag == "en" {
		return ""
	}
	return t.Tag
}

func readText(name string) (*text, error) {
	data, err := files.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var guides struct {
		Guides map[string]Guide  `yaml:"guides"`
		Say    map[string]string `yaml:",inline"`
	}
	if err := yaml.Unmarshal(data, &guides); err != nil {
		return nil, err
	}
	t := &text{Tag: strings.TrimSuffix(path.Base(name), ".yaml"), Say: guides.Say, Guides: guides.Guides}
	for _, sub := range subjects() {
		g, ok := t.Guides[sub.id]
		if !ok {
			return nil, fmt.Errorf("there is no guide %s", sub.id)
		}
		g.ID = sub.id
		t.Guides[sub.id] = g
	}
	return t, nil
}

// in is what is said in the language nearest to those, most wanted first.
func (s *Support) in(languages ...string) *text {
	_, i := language.MatchStrings(s.match, languages...)
	return s.texts[i]
}
