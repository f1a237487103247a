package embed

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// tokenizer cuts text into the pieces of words that the encoder knows, the
// likeliest cut of all (SentencePiece's unigram model; Kudo 2018,
// arXiv:1804.10959). It cuts as the package's own JavaScript does.
type tokenizer struct {
	pieces  map[string]piece
	longest int // of a piece, in runes
}

type piece struct {
	id    int32
	score float64
}

const (
	unknown  = 0 // the id of what is in no piece
	reserved = 6 // ids that stand for no piece
	space    = '▁'
	maxRunes = 4096 // of a text that are cut: more than maxTokens pieces
)

// readVocabulary reads [["piece", score], …] in the order of ids.
func readVocabulary(data []byte) (*tokenizer, error) {
	var rows [][2]any
	if err := json.Unmarshal(data, &rows); err != nil {
		return nil, fmt.Errorf("embed: vocabulary: %w", err)
	}
	t := &tokenizer{pieces: make(map[string]piece, len(rows))}
	for id, row := range rows {
		text, ok := row[0].(string)
		score, isNumber := row[1].(float64) // null is 0, as the JavaScript has it
		if !ok || !isNumber && row[1] != nil {
			return nil, errors.New("embed: vocabulary: a row is not a piece and its score")
		}
		if id < reserved || text == "" {
			continue
		}
		t.pieces[text] = piece{int32(id), score}
		t.longest = max(t.longest, len([]rune(text)))
	}
	return t, nil
}

// cut is the best way to a place in the text.
type cut struct {
	score float64
	id    int32
	from  int
	found bool
}

// encode appends the ids of text's pieces to ids.
func (t *tokenizer) encode(text string, ids []int32) []int32 {
	text = norm.NFKC.String(text[:min(len(text), utf8.UTFMax*maxRunes)])
	if text == "" {
		return ids
	}
	runes := append([]rune{space}, []rune(strings.ReplaceAll(text, " ", string(space)))...)
	runes = runes[:min(len(runes), maxRunes)]
	best := make([]cut, len(runes)+1)
	for from := range runes {
		known := false
		for to := from + 1; to <= min(from+t.longest, len(runes)); to++ {
			if p, ok := t.pieces[string(runes[from:to])]; ok {
				best[to].offer(best[from].score+p.score, p.id, from)
				known = true
			}
		}
		if !known {
			best[from+1].offer(best[from].score, unknown, from)
		}
	}
	first := len(ids)
	for at := len(runes); at > 0; at = best[at].from {
		if id := best[at].id; id != unknown || len(ids) == first || ids[len(ids)-1] != unknown {
			ids = append(ids, id)
		}
	}
	for i, j := first, len(ids)-1; i < j; i, j = i+1, j-1 {
		ids[i], ids[j] = ids[j], ids[i]
	}
	return ids
}

// offer takes a way that is no worse than the best so far. A score of 0 is no
// way at all: so it is in the original.
func (c *cut) offer(score float64, id int32, from int) {
	if !c.found || c.score == 0 || score >= c.score {
		*c = cut{score, id, from, true}
	}
}
