package policy

import (
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/breakwater-project/breakwater/decision"
)

// notice is what to tell a person, in each language that there is.
type notice struct {
	id       string
	Audience string            `json:"audience"`
	Title    map[string]string `json:"title"`
	Body     map[string]string `json:"body"`
	Topics   []string          `json:"topics,omitempty"`
	First    bool              `json:"first,omitempty"` // goes before those of stricter rules
	topics   []*yaml.Node
	// help is the topics' resources by country, the local ones first, for
	// whoever is of that tier; "" has those for anywhere.
	help map[string][tiers][]decision.Resource
}

var languagePattern = regexp.MustCompile(`^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$`)

func (f *file) notice(id string, n *yaml.Node) *notice {
	it := &notice{id: id}
	f.fields(n, "audience, title, body, topics, first", func(key string, v *yaml.Node) bool {
		switch key {
		case "audience":
			it.Audience = f.oneOf(v, "actor", "viewer")
		case "title":
			it.Title = f.translations(v)
		case "body":
			it.Body = f.translations(v)
		case "topics":
			f.items(v, func(item *yaml.Node) {
				it.Topics = append(it.Topics, f.matching(item, idPattern, "a topic, for example self_harm"))
				it.topics = append(it.topics, item)
			})
		case "first":
			it.First = f.bool(v)
		default:
			return false
		}
		return true
	})
	if n.Kind == yaml.MappingNode && (it.Audience == "" || it.Title == nil || it.Body == nil) {
		f.fault(n, "notice %s needs audience, title and body", id)
	}
	for language := range it.Title {
		if it.Body[language] == "" {
			f.fault(n, "notice %s has a title but no body in %s", id, language)
		}
	}
	for language := range it.Body {
		if it.Title[language] == "" {
			f.fault(n, "notice %s has a body but no title in %s", id, language)
		}
	}
	return it
}

func (f *file) translations(n *yaml.Node) map[string]string {
	texts := map[string]string{}
	f.fields(n, "language tags, en among them", func(key string, v *yaml.Node) bool {
		if !languagePattern.MatchString(key) {
			return false
		}
		texts[key] = f.string(v)
		return true
	})
	if _, ok := texts["en"]; !ok && n.Kind == yaml.MappingNode {
		f.fault(n, "en is required: it is what other languages fall back to")
	}
	return texts
}

// link finds the notice's resources for every country.
func (n *notice) link(resources []Resource) {
	n.help = map[string][tiers][]decision.Resource{"": n.pick(resources, "*")}
	for _, r := range resources {
		for _, country := range r.Countries {
			if _, done := n.help[country]; done || country == "*" || !slices.Contains(n.Topics, r.Topic) {
				continue
			}
			n.help[country] = n.pick(resources, country, "*")
		}
	}
}

// pick is what each tier is shown of those countries.
func (n *notice) pick(resources []Resource, countries ...string) (picked [tiers][]decision.Resource) {
	for t := range picked {
		picked[t] = []decision.Resource{}
		for r := range helping(resources, n.Topics, countries) {
			if r.serves(tier(t)) && !slices.Contains(picked[t], r.Resource) {
				picked[t] = append(picked[t], r.Resource)
			}
		}
	}
	return picked
}

// in is the notice in that language for the person.
func (n *notice) in(language string, p *person) *decision.Notice {
	language = n.language(language)
	help, ok := n.help[p.country]
	if !ok {
		help = n.help[""]
	}
	return &decision.Notice{
		Audience: n.Audience, Language: language,
		Title: n.Title[language], Body: n.Body[language], Resources: help[tierOf(p.from, p.to)],
	}
}

// language is the nearest to tag that the notice has: the tag itself, then
// shorter and shorter ones, then English.
func (n *notice) language(tag string) string {
	for tag != "" {
		if _, ok := n.Title[tag]; ok {
			return tag
		}
		tag = tag[:max(strings.LastIndexByte(tag, '-'), 0)]
	}
	return "en"
}
