package simulate

import (
	"embed"
	"fmt"
	"math/rand/v2"
	"strings"
)

// Half says with which ways of saying things stories are told. Rules and
// detectors may be fitted to the open half; scores are made with the other.
type Half string

// The halves.
const (
	Both    Half = ""
	Open    Half = "open"
	HeldOut Half = "held-out"
)

// halfMark separates the open lines of a section from those held out.
const halfMark = "---"

// storyTexts holds what is said in stories, one file for each language.
//
//go:embed stories/*.txt
var storyTexts embed.FS

// storyLanguages lists the files.
var storyLanguages = []string{"en", "de", "fr", "es", "pt", "it", "pl"}

// loadScripts reads the half of each language's story texts, with the words
// of its phrases to fill their slots.
func loadScripts(half Half, speech map[string]*grammar) (map[string]*grammar, error) {
	all := map[string]*grammar{}
	for _, language := range storyLanguages {
		text, err := storyTexts.ReadFile("stories/" + language + ".txt")
		if err != nil {
			return nil, fmt.Errorf("simulate: %w", err)
		}
		g, err := readGrammar(language, halfOf(half, string(text)))
		if err != nil {
			return nil, err
		}
		for section, lines := range speech[language].sections {
			if g.sections[section] == nil {
				g.sections[section] = lines
			}
		}
		if err := g.check(); err != nil {
			return nil, err
		}
		all[language] = g
	}
	return all, nil
}

// halfOf leaves out the lines of the other half; line numbers stay.
func halfOf(half Half, text string) string {
	lines := strings.Split(text, "\n")
	now := Open
	for i, line := range lines {
		switch trimmed := strings.TrimSpace(line); {
		case strings.HasPrefix(trimmed, "["):
			now = Open
		case trimmed == halfMark:
			now, lines[i] = HeldOut, ""
		case half != Both && half != now:
			lines[i] = ""
		}
	}
	return strings.Join(lines, "\n")
}

// choose settles each <a|b> of a line.
func choose(rnd *rand.Rand, line string) string {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(line, "<")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		choice, after, closed := strings.Cut(rest, ">")
		if !closed {
			b.WriteString("<" + rest)
			return b.String()
		}
		ways := strings.Split(choice, "|")
		b.WriteString(ways[rnd.IntN(len(ways))])
		line = after
	}
}

// turns picks a line of a section and says it, turn by turn.
func (g *grammar) turns(rnd *rand.Rand, section string) []string {
	lines := g.sections[section]
	if len(lines) == 0 {
		return nil
	}
	text, err := g.expand(choose(rnd, lines[rnd.IntN(len(lines))]), rnd.IntN)
	if err != nil {
		panic(err) // check has expanded every line
	}
	return strings.Split(text, turn)
}
