package train

import (
	_ "embed" // the classes of words
	"fmt"
	"math/big"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/breakwater-project/breakwater/internal/detect/text/model"
	"github.com/breakwater-project/breakwater/internal/detect/text/normal"
)

//go:embed classes.yaml
var classesFile []byte

// readClasses gives the class of each word that has one, and the words in order. A
// word that is in two lists, as "girl", is in the first.
func readClasses(n *normal.Normaliser) (classes map[string]model.Class, order []string, err error) {
	var file yaml.Node
	if err := yaml.Unmarshal(classesFile, &file); err != nil {
		return nil, nil, fmt.Errorf("classes.yaml: %w", err)
	}
	classes = map[string]model.Class{}
	root := file.Content[0]
	var text normal.Forms
	for i := 0; i+1 < len(root.Content); i += 2 {
		class, ok := model.ParseClass(root.Content[i].Value)
		if !ok {
			return nil, nil, fmt.Errorf("classes.yaml:%d: no class is named %s", root.Content[i].Line, root.Content[i].Value)
		}
		var lines [][]string
		if err := root.Content[i+1].Decode(&lines); err != nil {
			return nil, nil, fmt.Errorf("classes.yaml: %s: %w", root.Content[i].Value, err)
		}
		for _, line := range lines {
			for _, word := range line {
				n.Normalise(word, &text)
				forms := []string{string(text.Raw.Text), strings.ReplaceAll(string(text.Raw.Text), "'", "")}
				if !text.Plain {
					forms = append(forms, string(text.Folded.Text))
				}
				for _, form := range forms {
					if _, known := classes[form]; !known {
						classes[form] = class
						order = append(order, form)
					}
				}
			}
		}
	}
	return classes, order, nil
}

// leastCount is how often a word must be used to count as one. Rarer ones may be
// misspelt, or disguised.
const leastCount = 4

// buildLexicon makes a lexicon of the words that are used often enough, of those that
// have a class, and of further ones that are words however rare.
func buildLexicon(counts map[string]int, classes map[string]model.Class, further []string) *normal.Lexicon {
	total := 0
	for _, n := range counts {
		total += n
	}
	var words []normal.LexiconWord
	add := func(word string) {
		count := max(counts[word], 1)
		words = append(words, normal.LexiconWord{Word: word, Entry: normal.Entry{Cost: cost(total / count), Class: uint8(classes[word])}})
	}
	for _, word := range sortedKeys(counts) {
		if counts[word] < leastCount || len(words) == maxWords {
			break
		}
		add(word)
	}
	for _, word := range further {
		add(word)
	}
	return normal.NewLexicon(words)
}

// maxWords bounds the lexicon: 4 bytes for each, in a table at most half full.
const maxWords = 30_000

// cost is 12 times the binary logarithm of ratio, from 1 to 255. It is counted in
// whole numbers so that every machine gives the same.
func cost(ratio int) uint8 {
	power := new(big.Int).Exp(big.NewInt(int64(max(ratio, 1))), big.NewInt(12), nil)
	return uint8(min(max(power.BitLen()-1, 1), 255))
}
