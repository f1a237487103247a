package simulate

import (
	"embed"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

// phrases holds one file of reviewed texts for each language.
//
//go:embed phrases/*.txt
var phrases embed.FS

// languages lists the files, the best stocked first.
var languages = []string{"en", "de", "fr", "es", "pt", "it", "tr", "pl", "ar", "hi"}

// turn separates what one person says from what the next one answers.
const turn = " / "

// grammar is what the people of one language say, by section.
type grammar struct {
	language string
	sections map[string][]string
}

func loadGrammars() (map[string]*grammar, error) {
	all := map[string]*grammar{}
	for _, language := range languages {
		text, err := phrases.ReadFile("phrases/" + language + ".txt")
		if err != nil {
			return nil, fmt.Errorf("simulate: %w", err)
		}
		g, err := parseGrammar(language, string(text))
		if err != nil {
			return nil, err
		}
		all[language] = g
	}
	return all, nil
}

// parseGrammar reads "[section]" headings with one text a line below each.
// "#" begins a comment. A text refers to another section as {section} and to
// a random number as {from-to}.
func parseGrammar(language, text string) (*grammar, error) {
	g, err := readGrammar(language, text)
	if err != nil {
		return nil, err
	}
	return g, g.check()
}

// readGrammar is parseGrammar before anybody has looked at the slots.
func readGrammar(language, text string) (*grammar, error) {
	g := &grammar{language: language, sections: map[string][]string{}}
	section := ""
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '[' && strings.HasSuffix(line, "]"):
			section = line[1 : len(line)-1]
			if g.sections[section] != nil {
				return nil, fmt.Errorf("simulate: phrases %s:%d: section %q again", language, i+1, section)
			}
		case section == "":
			return nil, fmt.Errorf("simulate: phrases %s:%d: a text before the first section", language, i+1)
		default:
			g.sections[section] = append(g.sections[section], line)
		}
	}
	return g, nil
}

// check finds slots that nothing could fill.
func (g *grammar) check() error {
	for section, lines := range g.sections {
		for _, line := range lines {
			if _, err := g.expand(line, func(n int) int { return n - 1 }); err != nil {
				return fmt.Errorf("simulate: phrases %s [%s]: %w", g.language, section, err)
			}
		}
	}
	return nil
}

// say picks a text of a section; "" if the language has none.
func (g *grammar) say(rnd *rand.Rand, section string) string {
	lines := g.sections[section]
	if len(lines) == 0 {
		return ""
	}
	text, err := g.expand(lines[rnd.IntN(len(lines))], rnd.IntN)
	if err != nil {
		panic(err) // check has expanded every line
	}
	return text
}

// talk picks a conversation of a section, turn by turn.
func (g *grammar) talk(rnd *rand.Rand, section string) []string {
	text := g.say(rnd, section)
	if text == "" {
		return nil
	}
	return strings.Split(text, turn)
}

// expand fills the slots of a line. A name that occurs twice in a line is the
// same person both times; numbers are drawn anew.
func (g *grammar) expand(line string, pick func(int) int) (string, error) {
	var b strings.Builder
	chosen := map[string]string{}
	for {
		before, rest, found := strings.Cut(line, "{")
		b.WriteString(before)
		if !found {
			return b.String(), nil
		}
		slot, after, closed := strings.Cut(rest, "}")
		if !closed {
			return "", fmt.Errorf("%q is not closed", "{"+rest)
		}
		value, err := g.fill(slot, chosen, pick)
		if err != nil {
			return "", err
		}
		b.WriteString(value)
		line = after
	}
}

func (g *grammar) fill(slot string, chosen map[string]string, pick func(int) int) (string, error) {
	if from, to, ok := numbers(slot); ok {
		return strconv.Itoa(from + pick(to-from+1)), nil
	}
	if value, ok := chosen[slot]; ok {
		return value, nil
	}
	words := g.sections[slot]
	if slot == "link" {
		words = spamLinks
	}
	if len(words) == 0 {
		return "", fmt.Errorf("nothing fills {%s}", slot)
	}
	chosen[slot] = words[pick(len(words))]
	return chosen[slot], nil
}

// numbers reads "2-9".
func numbers(slot string) (from, to int, ok bool) {
	low, high, found := strings.Cut(slot, "-")
	if !found {
		return 0, 0, false
	}
	from, errFrom := strconv.Atoi(low)
	to, errTo := strconv.Atoi(high)
	return from, to, errFrom == nil && errTo == nil && from <= to
}

// spamLinks lead nowhere: .example is reserved (RFC 2606).
var spamLinks = []string{
	"https://free-coins.example/now",
	"https://prize-claim.example/?ref=77",
	"https://easy-money.example/start",
	"https://best-followers.example",
	"https://lucky-boxes.example/open",
}

// linksIn lists the addresses that a text contains.
func linksIn(text string) []string {
	var links []string
	for _, word := range strings.Fields(text) {
		if strings.HasPrefix(word, "https://") {
			links = append(links, strings.TrimRight(word, ",.!"))
		}
	}
	return links
}
