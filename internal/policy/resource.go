package policy

import (
	"iter"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/breakwater-project/breakwater/decision"
)

// Resource is a place to turn to about a topic, in some countries or, with
// "*", anywhere.
type Resource struct {
	Topic     string   `json:"topic"`
	Countries []string `json:"countries"`
	Languages []string `json:"languages,omitempty"` // in which people are answered; none is those of the country
	From      int      `json:"from,omitempty"`      // it is for people of this age and older; 0 is any
	Under     int      `json:"under,omitempty"`     // it is for people under this age; 0 is any
	Source    string   `json:"source,omitempty"`    // where the entry was read
	Checked   string   `json:"checked,omitempty"`   // when, as 2026-11-24
	decision.Resource
}

// tier is whom a resource is for: a child, an adult, or somebody who may be
// either and is shown what is for both.
type tier uint8

const (
	either tier = iota
	child
	adult
	tiers
)

// tierOf is the tier of possible ages [from, to).
func tierOf(from, to int64) tier {
	switch {
	case to <= adulthood:
		return child
	case from >= adulthood:
		return adult
	}
	return either
}

// serves reports whether anybody of the tier may turn to r.
func (r *Resource) serves(t tier) bool {
	switch t {
	case child:
		return r.From < adulthood
	case adult:
		return r.Under == 0 || r.Under > adulthood
	}
	return true
}

var (
	urlPattern   = regexp.MustCompile(`^https://[^\s/]+(/\S*)?$`)
	phonePattern = regexp.MustCompile(`^[0-9+*#() -]{2,30}$`)
)

func (f *file) resource(n *yaml.Node) Resource {
	var r Resource
	f.fields(n, "topic, countries, languages, from, under, name, url, phone, source, checked", func(key string, v *yaml.Node) bool {
		switch key {
		case "topic":
			r.Topic = f.matching(v, idPattern, "a topic, for example self_harm")
		case "countries":
			f.items(v, func(item *yaml.Node) { r.Countries = append(r.Countries, f.countryOrAny(item)) })
		case "languages":
			f.items(v, func(item *yaml.Node) {
				r.Languages = append(r.Languages, f.matching(item, languagePattern, "a language, for example en"))
			})
		case "from":
			r.From = f.count(v, 150)
		case "under":
			r.Under = f.count(v, 150)
		case "source":
			r.Source = f.matching(v, urlPattern, "an https address")
		case "checked":
			r.Checked = f.date(v).Format(time.DateOnly)
		case "name":
			r.Name = f.string(v)
		case "url":
			r.URL = f.matching(v, urlPattern, "an https address")
		case "phone":
			r.Phone = f.matching(v, phonePattern, "a telephone number")
		default:
			return false
		}
		return true
	})
	if n.Kind == yaml.MappingNode && (r.Topic == "" || len(r.Countries) == 0 || r.Name == "" || r.URL == "" && r.Phone == "") {
		f.fault(n, "a resource needs topic, countries (\"*\" is anywhere), name, and url or phone")
	}
	if r.Under > 0 && r.From >= r.Under {
		f.fault(n, "a resource from %d on and under %d is for nobody", r.From, r.Under)
	}
	return r
}

func (f *file) countryOrAny(n *yaml.Node) string {
	code := f.string(n)
	if code != "" && code != "*" && !isCountry(code) {
		f.fault(n, "%q must be an ISO 3166-1 country, for example GB, or \"*\"", code)
	}
	return code
}

// helping goes through the resources of those topics and countries: by country,
// then by topic, in the order given.
func helping(resources []Resource, topics, countries []string) iter.Seq[*Resource] {
	return func(yield func(*Resource) bool) {
		for _, country := range countries {
			for _, topic := range topics {
				for i := range resources {
					r := &resources[i]
					if r.Topic == topic && slices.Contains(r.Countries, country) && !yield(r) {
						return
					}
				}
			}
		}
	}
}

// Help lists whom a person may turn to about the topics: those of their country
// first, and of these the ones that answer in their language. Ages [from, to)
// are what is known of theirs.
func (b *Bundle) Help(topics []string, country, language string, from, to int) []Resource {
	help, t := []Resource{}, tierOf(int64(from), int64(to))
	for r := range helping(b.resources, topics, []string{country, "*"}) {
		if r.serves(t) && !slices.ContainsFunc(help, func(other Resource) bool { return other.Resource == r.Resource }) {
			help = append(help, *r)
		}
	}
	language, _, _ = strings.Cut(language, "-")
	far := func(r Resource) int {
		if len(r.Languages) == 0 || slices.Contains(r.Languages, language) {
			return 0
		}
		return 1
	}
	here := slices.IndexFunc(help, func(r Resource) bool { return !slices.Contains(r.Countries, country) })
	if here < 0 {
		here = len(help)
	}
	for _, part := range [][]Resource{help[:here], help[here:]} {
		slices.SortStableFunc(part, func(x, y Resource) int { return far(x) - far(y) })
	}
	return help
}

// HelpCountries lists, sorted, the countries that have help of their own about
// the topics.
func (b *Bundle) HelpCountries(topics []string) []string {
	var countries []string
	for _, r := range b.resources {
		if slices.Contains(topics, r.Topic) {
			countries = append(countries, r.Countries...)
		}
	}
	slices.Sort(countries)
	return slices.DeleteFunc(slices.Compact(countries), func(c string) bool { return c == "*" })
}
