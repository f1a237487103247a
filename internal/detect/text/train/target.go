package train

import (
	"encoding/csv"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/breakwater-project/breakwater/internal/detect/text/grammar"
	"github.com/breakwater-project/breakwater/internal/detect/text/labelled"
	"github.com/breakwater-project/breakwater/internal/detect/text/model"
)

// A Target is what the network should say of a text.
type Target struct {
	Yes    [model.LabelCount]bool
	Weight [model.LabelCount]float32 // 0 where it is not known
}

func (t *Target) set(l model.Label, yes bool, weight float32) {
	t.Yes[l], t.Weight[l] = yes, weight
}

// unlessSet sets what is not known yet.
func (t *Target) unlessSet(l model.Label, yes bool, weight float32) {
	if t.Weight[l] == 0 {
		t.set(l, yes, weight)
	}
}

func (t *Target) is(l model.Label) bool  { return t.Weight[l] > 0 && t.Yes[l] }
func (t *Target) not(l model.Label) bool { return t.Weight[l] > 0 && !t.Yes[l] }

// renamed are labels that the data names otherwise.
var renamed = map[string][]model.Label{
	"self_harm":           {model.SelfHarmDisclosure},
	"coercive_sextortion": {model.Sextortion, model.CoerciveControl},
	"eating_disorder":     {model.EatingDisorderPromotion},
}

// plain are sources of talk in which nothing harmful is to be expected.
var plain = []string{"topicalchat", "dolly"}

const (
	likely = 0.5 // term scores
	sure   = 0.8
)

// pseudo is the weight of what terms say, against 1 for what people said.
const (
	pseudoYes = 0.5
	pseudoNot = 0.25
	doubted   = 0.6
)

// targetOf reads a row's labels, and fills in what follows from them and from the
// terms in it. Labels that people gave count in full; what terms say where people
// were not asked, less.
func targetOf(r *labelled.Row, terms *model.Terms, words *vocabularyHits) Target {
	var t Target
	given := map[model.Label]bool{}
	for name, v := range r.Labels {
		labels := renamed[name]
		if l, ok := model.ParseLabel(name); ok {
			labels = []model.Label{l}
		}
		for _, l := range labels {
			given[l] = true
			t.set(l, v == 1, 1)
			if v == 0 && r.Source != grammar.Source && isBlanket(l) { // nobody looked for it
				t.set(l, false, pseudoNot)
				if terms[l] >= 0.2 || l == model.SelfHarmDisclosure && words.distress {
					t.set(l, false, 0)
				}
			}
		}
	}
	if r.Source == grammar.Source {
		return t
	}
	if t.is(model.Toxic) && t.not(model.Hate) { // what is called offensive, and not hate, often is both
		t.set(model.Hate, false, doubted)
	}
	if terms[model.SelfHarmDisclosure] >= sure && !t.is(model.SelfHarmDisclosure) {
		t.set(model.SelfHarmDisclosure, true, pseudoYes)
	}
	quiet := slices.Max(terms[:model.LabelCount]) < likely && !words.any
	fromAbuse(&t, terms, quiet)
	fromWords(&t, terms, words, r, quiet)
	for _, l := range model.Labels() {
		switch {
		case given[l] || t.Weight[l] > 0:
		case slices.Contains(plain, r.Source):
			t.set(l, false, 1)
		case terms[l] >= sure:
			t.set(l, true, pseudoYes)
		case terms[l] < 0.2 && isBlanket(l) && !words.distress:
			t.set(l, false, pseudoNot)
		case terms[l] < 0.2 && (l == model.Violence || l == model.ViolenceGraphic):
			t.set(l, false, pseudoNot)
		}
	}
	return t
}

// isBlanket is true for labels that the sources were not read for.
func isBlanket(l model.Label) bool {
	return l >= model.SexualMinors && l != model.Profanity
}

// fromAbuse fills in the kinds of abuse, which follow from each other.
func fromAbuse(t *Target, terms *model.Terms, quiet bool) {
	for _, l := range []model.Label{model.Hate, model.Misogyny, model.Threat, model.Harassment} {
		if t.is(l) {
			t.unlessSet(model.Toxic, true, pseudoYes)
		}
	}
	if quiet {
		t.unlessSet(model.Toxic, false, pseudoNot)
		t.unlessSet(model.Misogyny, false, pseudoNot)
	}
	switch {
	case t.is(model.Hate):
		t.unlessSet(model.IdentityAttack, true, 1)
	case t.is(model.Misogyny):
		t.unlessSet(model.IdentityAttack, true, pseudoYes)
	case t.Weight[model.Hate] == 1 && !t.is(model.Misogyny):
		t.unlessSet(model.IdentityAttack, false, 1)
	}
	switch {
	case t.not(model.Toxic):
		t.unlessSet(model.SevereToxic, false, 1)
		t.unlessSet(model.Insult, false, 1)
	case t.is(model.Toxic) || t.is(model.Harassment):
		t.unlessSet(model.SevereToxic, terms[model.SevereToxic] >= sure, pseudoYes)
		if terms[model.Insult] >= likely {
			t.unlessSet(model.Insult, true, 1)
		}
	}
	if t.is(model.Harassment) {
		t.unlessSet(model.Insult, true, pseudoYes)
	}
	if t.is(model.Threat) {
		t.unlessSet(model.Violence, true, pseudoYes)
	}
}

// fromWords fills in what words alone decide.
func fromWords(t *Target, terms *model.Terms, words *vocabularyHits, r *labelled.Row, quiet bool) {
	t.unlessSet(model.Profanity, terms[model.Profanity] >= likely || words.severe, 1)
	switch {
	case terms[model.Sexual] >= sure || words.sexual:
		t.unlessSet(model.Sexual, true, 1)
	case quiet || r.Source == "goemotions" && terms[model.Sexual] < 0.2 && !words.mild:
		t.unlessSet(model.Sexual, false, pseudoYes)
	}
}

// vocabularyHits is what a vocabulary of rude words says of a text.
type vocabularyHits struct {
	any    bool
	sexual bool // clearly
	mild   bool // perhaps
	severe bool

	distress bool // a word by which people speak of their own distress
}

// distressWords are found in texts that nobody has read for distress: those are then
// not taken for free of it.
var distressWords = []string{
	"suicide", "suicidal", "depressed", "depression", "anxiety", "anxious", "hopeless", "worthless", "lonely", "alone",
	"cry", "crying", "tears", "pain", "hurts", "hurting", "die", "dying", "dead", "death", "kill", "killing", "myself", "empty", "numb",
	"tired", "exhausted", "sad", "sadness", "grief", "abused", "abuse", "therapy", "therapist", "meds", "hate", "life", "scared", "panic", "broken",
}

// A profanityList is a list of rude words with their severity, as published by Surge AI.
type profanityList struct {
	words map[string]profanity // by the words in lower case, joined by blanks
	long  int                  // words of the longest
	order []string
}

type profanity struct {
	sexual   bool // and not an expletive that says nothing of sex
	slur     bool
	severity float64
}

func readProfanity(name string) (list *profanityList, err error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	records, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	column := func(name string) int { return slices.Index(records[0], name) }
	text, category, severity := column("text"), column("category_1"), column("severity_rating")
	if text < 0 || category < 0 || severity < 0 {
		return nil, fmt.Errorf("%s: it needs the columns text, category_1 and severity_rating", name)
	}
	list = &profanityList{words: map[string]profanity{}}
	for _, r := range records[1:] {
		key := strings.Join(strings.Fields(strings.ToLower(r[text])), " ")
		worst, err := strconv.ParseFloat(r[severity], 64)
		if err != nil {
			return nil, fmt.Errorf("%s: severity of a word: %w", name, err)
		}
		if _, known := list.words[key]; !known {
			list.order = append(list.order, key)
		}
		list.words[key] = profanity{strings.HasPrefix(r[category], "sexual anatomy"), strings.Contains(r[category], "slurs"), worst}
		list.long = max(list.long, len(strings.Fields(key)))
	}
	return list, nil
}

// in says which words of the list are in a text, given as its words.
func (p *profanityList) in(words []string) (hits vocabularyHits) {
	for i := range words {
		hits.distress = hits.distress || slices.Contains(distressWords, words[i])
		for n := 1; n <= min(p.long, len(words)-i); n++ {
			w, ok := p.words[strings.Join(words[i:i+n], " ")]
			if !ok {
				continue
			}
			hits.any = true
			hits.mild = hits.mild || w.sexual
			hits.sexual = hits.sexual || w.sexual && w.severity >= 1.8
			hits.severe = hits.severe || w.severity >= 1.4
		}
	}
	return hits
}

// lists gives the slurs and the sexual words of the list, for grammars.
func (p *profanityList) lists() map[string][]string {
	lists := map[string][]string{}
	for _, key := range p.order {
		switch w := p.words[key]; {
		case w.slur:
			lists["slur"] = append(lists["slur"], key)
		case w.sexual && w.severity >= 1.4:
			lists["sexual"] = append(lists["sexual"], key)
		}
	}
	return lists
}

// setExpletives takes words that the term banks know as swear words, and not as
// sexual, for what they mostly are.
func (p *profanityList) setExpletives(r *reader) error {
	var terms model.Terms
	for _, key := range p.order {
		if err := r.read(key, &terms); err != nil {
			return err
		}
		w := p.words[key]
		swears := max(terms[model.Profanity], terms[model.Insult], terms[model.Toxic], terms[model.Misogyny])
		w.sexual = w.sexual && (terms[model.Sexual] >= likely || swears < likely)
		p.words[key] = w
	}
	return nil
}
