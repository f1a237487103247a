// Package grammar generates labelled sentences from grammars, for harms of which there
// is no open data and for the innocent sentences that resemble them. The grammars are
// reviewed like code: plain, not graphic, and with their contrasts beside them. Those
// that a model learns from (learn/) and those that it is tested with (held/) share
// neither templates nor lists.
package grammar

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/breakwater-project/breakwater/internal/detect/text/labelled"
	"github.com/breakwater-project/breakwater/internal/detect/text/model"
)

//go:embed learn held
var files embed.FS

// Source is that of every generated row.
const Source = "grammar"

// Learn generates the sentences to learn from. words are lists of words from outside
// the project, by name: "slur" and "sexual".
func Learn(words map[string][]string) ([]labelled.Row, error) { return generate("learn", words) }

// Held generates the sentences to test with.
func Held() ([]labelled.Row, error) { return generate("held", nil) }

func generate(folder string, words map[string][]string) ([]labelled.Row, error) {
	all, err := readGrammars(files, folder, words)
	if err != nil {
		return nil, err
	}
	var rows []labelled.Row
	for i := range all {
		rows = append(rows, all[i].sentences()...)
	}
	return rows, nil
}

// A grammar is a file of rules:
//
//	lists:
//	  when: [tomorrow, after school]
//	rules:
//	  - function: threat.direct          # what it tests, for reports
//	    is: [threat, toxic]              # labels that apply; all others don't
//	    may: [violence]                  # labels that nobody can say
//	    lang: en                         # default
//	    count: 200                       # sentences, at most; default 60
//	    say:
//	      - "i will find you {when}"
//
//	    each: groups                     # say everything once for each item of a list, as {each}
//
// {list} is an item of a list of the file, or of common.yaml; items may hold lists.
// {?list} is an item or nothing. {@slur} and {@sexual} are words of the data folder.
type grammar struct {
	name  string
	lists map[string][]string
	rules []rule
}

type rule struct {
	Function string   `yaml:"function"`
	Is       []string `yaml:"is"`
	May      []string `yaml:"may"`
	Lang     string   `yaml:"lang"`
	Count    int      `yaml:"count"`
	Say      []string `yaml:"say"`
	Each     string   `yaml:"each"`

	is, may []model.Label
}

// grammarFile is what a file holds.
type grammarFile struct {
	Lists map[string][]string `yaml:"lists"`
	Rules []rule              `yaml:"rules"`
}

// readGrammars reads the grammars of a folder in order. Lists of common.yaml serve
// all of them.
func readGrammars(fsys fs.FS, folder string, words map[string][]string) ([]grammar, error) {
	common, err := readGrammar(fsys, folder+"/common.yaml")
	if err != nil {
		return nil, err
	}
	names, err := fs.Glob(fsys, folder+"/*.yaml")
	if err != nil {
		return nil, err
	}
	var all []grammar
	var errs []error
	for _, name := range names {
		if strings.HasSuffix(name, "/common.yaml") {
			continue
		}
		g, err := readGrammar(fsys, name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		for list, items := range common.lists {
			if _, own := g.lists[list]; !own {
				g.lists[list] = items
			}
		}
		for list, items := range words {
			g.lists["@"+list] = items
		}
		errs = append(errs, g.check())
		all = append(all, g)
	}
	return all, errors.Join(errs...)
}

func readGrammar(fsys fs.FS, name string) (grammar, error) {
	data, err := fs.ReadFile(fsys, name)
	if err != nil {
		return grammar{}, err
	}
	var file grammarFile
	loader, err := yaml.NewLoader(bytes.NewReader(data), yaml.WithV4Defaults(), yaml.WithKnownFields())
	if err == nil {
		err = loader.Load(&file)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return grammar{}, fmt.Errorf("%s: %w", name, err)
	}
	g := grammar{name: name, lists: file.Lists, rules: file.Rules}
	if g.lists == nil {
		g.lists = map[string][]string{}
	}
	for i := range g.rules {
		if err := g.rules[i].resolve(); err != nil {
			return grammar{}, fmt.Errorf("%s: rule %d: %w", name, i+1, err)
		}
	}
	return g, nil
}

func (r *rule) resolve() error {
	for _, to := range []struct {
		names  []string
		labels *[]model.Label
	}{{r.Is, &r.is}, {r.May, &r.may}} {
		for _, name := range to.names {
			l, ok := model.ParseLabel(name)
			if !ok {
				return fmt.Errorf("no label is named %s", name)
			}
			*to.labels = append(*to.labels, l)
		}
	}
	if r.Function == "" || len(r.Say) == 0 {
		return errors.New("it needs function and say")
	}
	if r.Count == 0 {
		r.Count = 60
	}
	if r.Lang == "" {
		r.Lang = "en"
	}
	return nil
}

// check reports lists that are named and not there.
func (g *grammar) check() error {
	var errs []error
	see := func(where, text string) {
		for _, name := range slots(text) {
			if items, known := g.lists[name]; !known || len(items) == 0 {
				errs = append(errs, fmt.Errorf("%s: %s: there is no list %q", g.name, where, name))
			}
		}
	}
	for i := range g.rules {
		if each := g.rules[i].Each; each != "" {
			see(g.rules[i].Function, "{"+each+"}")
		}
		for _, s := range g.rules[i].Say {
			see(g.rules[i].Function, strings.ReplaceAll(s, "{each}", ""))
		}
	}
	for name, items := range g.lists {
		for _, item := range items {
			see("list "+name, item)
		}
	}
	return errors.Join(errs...)
}

// slots gives the names of the lists in a template.
func slots(text string) (names []string) {
	for {
		_, rest, found := strings.Cut(text, "{")
		if !found {
			return names
		}
		name, after, _ := strings.Cut(rest, "}")
		names = append(names, strings.TrimPrefix(name, "?"))
		text = after
	}
}

// sentences generates the rows of a grammar: no sentence twice, and the same ones each
// time.
func (g *grammar) sentences() []labelled.Row {
	var rows []labelled.Row
	seen := map[string]bool{}
	for i := range g.rules {
		r := &g.rules[i]
		labels := r.labels()
		random := g.random(r)
		for k := range len(r.Say) * fillings {
			for _, item := range g.lists[r.Each] {
				group, say := item, r.Say[k/fillings]
				random := rand.New(rand.NewPCG(uint64(k), 8)) //nolint:gosec // the same words beside each item
				say = g.fill(strings.ReplaceAll(say, "{each}", item), random, 0, &group)
				if seen[say] { // it has nothing to fill
					continue
				}
				seen[say] = true
				rows = append(rows, labelled.Row{Text: say, Labels: labels, Source: Source, Lang: r.Lang, Group: item, Function: r.Function})
			}
		}
		if r.Each != "" {
			continue
		}
		for made, tries := 0, 0; made < r.Count && tries < 4*r.Count; tries++ {
			var group string
			text := g.fill(r.Say[tries%len(r.Say)], random, 0, &group)
			text = strings.Join(strings.Fields(text), " ")
			if seen[text] || text == "" {
				continue
			}
			seen[text] = true
			rows = append(rows, labelled.Row{Text: text, Labels: labels, Source: Source, Lang: r.Lang, Group: group, Function: r.Function})
			made++
		}
	}
	return rows
}

// fillings is how many sentences of one template there are for each item.
const fillings = 3

// random depends on the rule's name only: other rules may change without changing it.
func (g *grammar) random(r *rule) *rand.Rand {
	h := fnv.New64a()
	fmt.Fprintf(h, "%s %s %s", g.name, r.Function, r.Lang)
	return rand.New(rand.NewPCG(h.Sum64(), 7)) //nolint:gosec // must repeat, need not be secret
}

func (r *rule) labels() map[string]int {
	labels := map[string]int{}
	for _, l := range model.Labels() {
		switch {
		case slices.Contains(r.is, l):
			labels[l.String()] = 1
		case !slices.Contains(r.may, l):
			labels[l.String()] = 0
		}
	}
	return labels
}

const deepest = 6 // lists within lists

// fill puts items of lists in a template. group is the item of a list of groups.
func (g *grammar) fill(template string, random *rand.Rand, depth int, group *string) string {
	before, rest, found := strings.Cut(template, "{")
	if !found || depth > deepest {
		return template
	}
	name, after, _ := strings.Cut(rest, "}")
	name, optional := strings.CutPrefix(name, "?")
	item := ""
	if items := g.lists[name]; !optional || random.IntN(2) == 0 {
		item = g.fill(items[random.IntN(len(items))], random, depth+1, group)
		if strings.HasPrefix(name, "group") && *group == "" {
			*group = item
		}
	}
	return before + item + g.fill(after, random, depth, group)
}
