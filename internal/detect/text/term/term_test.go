package term

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/breakwater-project/breakwater/internal/detect/text/normal"
)

// shipped finds with the banks that the project ships.
func shipped(t testing.TB) *finder {
	t.Helper()
	banks, err := Load(os.DirFS("../../../../policies/terms"))
	if err != nil {
		t.Fatal(err)
	}
	return open(t, banks)
}

// finder is a Finder with what it needs to search a text.
type finder struct {
	*Finder
	normaliser *normal.Normaliser
	text       normal.Forms
	found      Found
}

func open(t testing.TB, banks *Banks) *finder {
	t.Helper()
	n := normal.New()
	f, err := New(banks, n)
	if err != nil {
		t.Fatal(err)
	}
	return &finder{Finder: f, normaliser: n}
}

func (f *finder) search(t testing.TB, text string) {
	t.Helper()
	f.normaliser.Normalise(text, &f.text)
	if err := f.Find(context.Background(), &f.text, &f.found); err != nil {
		t.Fatal(err)
	}
}

func (f *finder) matches(t testing.TB, text string) []Match {
	t.Helper()
	f.search(t, text)
	return f.Matches(&f.found)
}

// scores gives every signal's score for a text, if above 0.
func scores(t testing.TB, f *finder, text string) map[string]float64 {
	t.Helper()
	f.search(t, text)
	m := make(map[string]float64)
	for i, score := range f.found.Scores {
		if score > 0 {
			m[f.Signals()[i]] = score
		}
	}
	return m
}

// sample gives n bytes of ordinary English.
func sample(n int) string {
	const s = "Hey, are you coming to the match on Saturday? We can meet at the station, my brother brings the ball. "
	return strings.Repeat(s, n/len(s)+1)[:n]
}

// finderOf compiles one bank file with the context that most tests need.
func finderOf(t testing.TB, bank string) *finder {
	t.Helper()
	const context = `
context: en
lists:
  second: [you, your]
  negation: [not, never]
  report: [said, called]
  animal: [goose, donkey]
---`
	banks, err := Load(fstest.MapFS{"test.yaml": {Data: []byte(context + bank)}})
	if err != nil {
		t.Fatal(err)
	}
	return open(t, banks)
}

func TestMatching(t *testing.T) {
	d := finderOf(t, `
bank: test
signal: text.insult
language: en
score: 0.5
entries:
  - {term: goosebrain, match: exact, score: 0.5}
  - {term: noodle(|s), match: word}
  - {term: turnip, match: stem}
  - {term: muppet, match: variant}
  - {term: "(silly|daft) <animal>"}
  - {term: "send cabbage", match: phrase-with-gap, gap: 1}
  - {term: lemon, directed: 0.9, within: 3}
  - {term: pickle, with: [<second>], unless: [jar], within: 2}
  - {term: sausage, always: true}
  - {term: 笨蛋}
  - {term: "🥔"}
`)
	for _, tc := range []struct {
		name, in string
		want     float64
	}{
		{"exact", "Goosebrain!", 0.5},
		{"exact is not unfolded", "g00sebrain", 0},
		{"word", "what a noodle", 0.5},
		{"word with ending", "noodles", 0.5},
		{"word is whole", "noodlesoup", 0},
		{"word in disguise", "n00dle", 0.5},
		{"word much repeated", "nooooodle", 0.5},
		{"word with hidden letters is no variant", "no*dle", 0},
		{"stem", "turnipish", 0.5},
		{"variant", "muppet", 0.5},
		{"variant with hidden letters", "m*pp*t", 0.5},
		{"variant with too many hidden", "m****t", 0},
		{"variant doubled", "muuppett", 0.5},
		{"hidden letters at the end", "mupp**", 0.5},
		{"bold", "**muppet**", 0.5},
		{"list and alternatives", "you daft donkey", 0.5},
		{"phrase in order", "donkey daft", 0},
		{"phrase over a comma", "daft, donkey", 0.5},
		{"phrase not over a full stop", "daft. donkey", 0},
		{"gap", "send me cabbage", 0.5},
		{"gap too wide", "send me some cabbage", 0},
		{"undirected", "this lemon is sour", 0.5},
		{"directed", "you are a lemon", 0.9},
		{"with", "you pickle", 0.5},
		{"without", "a pickle", 0},
		{"unless", "you pickle jar", 0},
		{"negated", "not a muppet", 0.5 * negatedBy},
		{"reported", "she said muppet", 0.5 * reportedBy},
		{"always", "not a sausage", 0.5},
		{"another sentence does not negate", "I am not. A muppet", 0.5},
		{"two matches", "muppet noodle", 1 - 0.5*(1-further*0.5)},
		{"Chinese", "你是笨蛋吗", 0.5},
		{"emoji", "you 🥔", 0.5},
		{"spelled out", "you m u p p e t", 0.5},
		{"spelled out without gaps between words", "y o u m u p p e t", 0.5},
		{"dotted", "m.u.p.p.e.t", 0.5},
		{"fullwidth", "ｍｕｐｐｅｔ", 0.5},
		{"Cyrillic letters", "muрреt", 0.5},
		{"nothing", "hello there", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := scores(t, d, tc.in)["text.insult"]; fmt.Sprintf("%.4f", got) != fmt.Sprintf("%.4f", tc.want) {
				t.Errorf("score of %q = %v, want %v", tc.in, got, tc.want)
			}
		})
	}
}

func TestMatchesPointIntoTheOriginal(t *testing.T) {
	d := finderOf(t, "\nbank: b\nsignal: text.insult\nlanguage: en\nscore: 0.5\nkind: bully.direct\nentries: [\"silly goose\"]\n")
	in := "oh ｓilly\u200b  g.0.0.s.e !"
	got := d.matches(t, in)
	if len(got) != 1 {
		t.Fatalf("matches %v", got)
	}
	if s := in[got[0].Start:got[0].End]; s != "ｓilly\u200b  g.0.0.s.e" {
		t.Errorf("match is %+q", s)
	}
	got[0].Start, got[0].End = 0, 0
	if diff := cmp.Diff(Match{Signal: "text.insult", Bank: "b", Kind: "bully.direct", Score: 0.5}, got[0]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestLoadReportsEveryFault(t *testing.T) {
	_, err := Load(fstest.MapFS{"a.yaml": {Data: []byte(`context: en
lists: {second: [you]}
---
bank: b
signal: insult
language: en
colour: red
entries:
  - plain
  - {term: x, score: 2}
  - {score: 0.5}
  - {term: y, score: 0.5, match: fuzzy, within: 99}
---
other: 1
`)}})
	if err == nil {
		t.Fatal("no error")
	}
	want := []string{
		`a.yaml:7:9: unknown field colour (known: bank, signal, apart, language, match, gap, score, always, also, kind, entries)`,
		`a.yaml:5:9: signal "insult" must begin with text.`,
		`a.yaml:9:5: term "plain" has no score, and the bank has none`,
		`a.yaml:10:22: score "2" is not a number above 0 and up to 1`,
		`a.yaml:11:5: an entry needs term or terms`,
		`a.yaml:12:34: match "fuzzy" is none of exact, word, stem, variant, phrase-with-gap`,
		`a.yaml:12:49: "99" is not a whole number from 1 to 20`,
		`a.yaml:14:1: a document is either a context (context: language) or a bank (bank: name)`,
	}
	if diff := cmp.Diff(want, strings.Split(err.Error(), "\n")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestCompileReportsEveryFault(t *testing.T) {
	banks, err := Load(fstest.MapFS{"a.yaml": {Data: []byte(`bank: b
signal: text.insult
language: en
score: 0.5
entries:
  - "(a|b"
  - "a) b"
  - <nobody>
  - "()"
  - {term: a, with: [two words]}
  - "(a|b c) (d|e f) (g|h i) (j|k l) (m|n o) (p|q r) (s|t u) (v|w x) (y|z a) (b|c d) (e|f g)"
`)}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = New(banks, normal.New())
	if err == nil {
		t.Fatal("no error")
	}
	want := []string{
		`a.yaml:6:5: stray '(' in "(a|b"`,
		`a.yaml:7:5: stray ')' in "a) b"`,
		`a.yaml:8:5: there is no list "nobody" in this language's context`,
		`a.yaml:9:5: term "()" can be empty`,
		`a.yaml:10:22: "two words": context is single words`,
		`a.yaml:11:5: term "(a|b c) (d|e f) (g|h i) (j|k l) (m|n o) (p|q r) (s|t u) (v|w x) (y|z a) (b|c d) (e|f g)" has more than 1024 combinations`,
	}
	if diff := cmp.Diff(want, strings.Split(err.Error(), "\n")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// attacks disguise each word of three letters and more.
var attacks = map[string]func(string) string{
	"zero width": func(w string) string { return strings.Join(strings.Split(w, ""), "\u200b") },
	"fullwidth": func(w string) string {
		return strings.Map(func(r rune) rune { return r - 'a' + 'ａ' }, w)
	},
	"combining": func(w string) string { return strings.Join(strings.Split(w, ""), "\u0336") + "\u0336" },
	"leet":      strings.NewReplacer("a", "4", "e", "3", "i", "1", "o", "0", "s", "5", "t", "7").Replace,
	"homoglyph": strings.NewReplacer("a", "а", "e", "е", "o", "о", "p", "р", "c", "с", "i", "і", "y", "у").Replace,
	"dotted":    func(w string) string { return strings.Join(strings.Split(w, ""), ".") },
	"spaced":    func(w string) string { return strings.Join(strings.Split(w, ""), " ") },
	"repeat": func(w string) string {
		return w[:len(w)-1] + strings.Repeat(w[len(w)-1:], 4)
	},
	"hidden vowel": func(w string) string {
		for _, vowel := range []string{"a", "e", "i", "o", "u"} {
			if i := strings.Index(w[1:], vowel); i >= 0 {
				return w[:i+1] + "*" + w[i+2:]
			}
		}
		return w
	},
}

// disguise applies an attack to the words of a text that are plain letters.
func disguise(text string, attack func(string) string) string {
	words := strings.Fields(text)
	for i, w := range words {
		letters := strings.TrimRight(w, ".,!?;:")
		if len(letters) >= 3 && strings.Trim(letters, "abcdefghijklmnopqrstuvwxyz") == "" {
			words[i] = attack(letters) + w[len(letters):]
		}
	}
	return strings.Join(words, " ")
}

func TestAttacks(t *testing.T) {
	d := shipped(t)
	for name, attack := range attacks {
		t.Run(name, func(t *testing.T) {
			for _, in := range []string{"you stupid idiot", "such a pathetic moron you are", "shut up you idiot"} {
				disguised := disguise(in, attack)
				plain, got := scores(t, d, in)["text.toxic"], scores(t, d, disguised)["text.toxic"]
				if plain < 0.8 || got < 0.5 {
					t.Errorf("%q scores %.2f, disguised as %q %.2f; want 0.8 and 0.5", in, plain, disguised, got)
				}
			}
		})
	}
}

// TestInnocentWords holds the shipped banks to words that contain, or look like, others.
func TestInnocentWords(t *testing.T) {
	d := shipped(t)
	for _, in := range []string{
		"Scunthorpe, Penistone and Lightwater are towns in England",
		"the class assessed the assassin in the classic bass passage", "a cocktail for the peacock in Hancock",
		"analysis of the therapist's manuscript", "shiitake mushrooms and a matsushita radio",
		"she got a pic of the bok choy", "Dickens, Dickinson and Moby", "a hoe and a rake for the garden",
		"the raccoon and the cocoon", "niggardly", "a title for Titanic", "circumference and documents cumulate",
		"Essex, Sussex and Middlesex", "the FDP and the SPD", "I shot a photo of a dead tree", "kill the lights please",
		"my phone died", "the negative side", "rapeseed oil", "Johnny Depp", "we meet in class 10b at 5pm",
		"il a une grande bite de pain", "el año pasado", "die Frau und der Mann", "é meu ano", "this sucks, it rains",
		"I could kill for a pizza", "break a leg", "bomb disposal", "grape, drape and scrape", "wristwatch", "the swatch",
		"see you soon, love you xx", "night night xxx",
	} {
		for name, s := range scores(t, d, in) {
			if s >= 0.5 {
				t.Errorf("%q scores %.2f for %s", in, s, name)
			}
		}
	}
}

// TestShippedSignals has one plain example for each signal that rules rely on.
func TestShippedSignals(t *testing.T) {
	d := shipped(t)
	for signal, texts := range map[string][]string{
		"text.insult":                    {"you are so stupid", "du bist so dumm", "eres un idiota", "tu es vraiment nul", "você é muito burro", "sei proprio stupido", "je bent zo dom", "jesteś taki głupi", "sen çok aptalsın", "ты такой тупой", "أنت غبي", "तू पागल है"},
		"text.harassment":                {"nobody likes you", "niemand mag dich"},
		"text.threat":                    {"i will find out, i know where you live", "ich weiß wo du wohnst", "sé dónde vives"},
		"text.sexual":                    {"do you watch porn"},
		"text.solicitation":              {"send me a naked picture", "schick mir nacktbilder", "mándame nudes"},
		"text.grooming":                  {"you are very mature for your age", "unser kleines geheimnis", "eres muy madura para tu edad"},
		"text.sextortion":                {"pay me or i will send your nudes to all your friends"},
		"text.coercive_control":          {"if you loved me you would", "give me your password"},
		"text.self_harm_disclosure":      {"i want to hurt myself", "i don't want to live anymore", "ich will nicht mehr leben", "je veux mourir"},
		"text.self_harm_encouragement":   {"you should just hurt yourself"},
		"text.suicide":                   {"painless ways to die"},
		"text.eating_disorder_promotion": {"best thinspo accounts", "tips to ignore hunger"},
		"text.doxxing":                   {"his home address is"},
		"text.spam":                      {"free gift card, click here now"},
		"text.contact_move":              {"do you have snapchat?", "add me on discord", "what's your snap", "hast du insta"},
		"text.age_probe":                 {"how old are you", "are you 13", "wie alt bist du", "сколько тебе лет", "كم عمرك"},
		"text.secrecy":                   {"don't tell your mom", "our little secret", "das bleibt unter uns"},
		"text.meeting":                   {"can we meet in person", "where do you live", "wo wohnst du"},
	} {
		for _, in := range texts {
			if got := scores(t, d, in)[signal]; got < 0.5 {
				t.Errorf("%q scores %.2f for %s, want at least 0.5", in, got, signal)
			}
		}
	}
}

// TestWhoIsMeant tells seeking help from pushing another.
func TestWhoIsMeant(t *testing.T) {
	d := shipped(t)
	for _, tc := range []struct{ in, yes, no string }{
		{"i want to hurt myself", "text.self_harm_disclosure", "text.self_harm_encouragement"},
		{"go hurt yourself", "text.self_harm_encouragement", "text.self_harm_disclosure"},
		{"i am never going to hurt you", "", "text.threat"},
		{"please do not hurt yourself", "", "text.self_harm_encouragement"},
		{"kill yourself", "text.self_harm_encouragement", "text.self_harm_disclosure"},
		{"i hope you kill yourself", "text.self_harm_encouragement", "text.self_harm_disclosure"},
		{"it is so hard when you feel like you want to kill yourself", "", "text.self_harm_encouragement"},
		{"oh no, did you cut yourself on the glass?", "", "text.self_harm_encouragement"},
		{"i just die when he sings", "", "text.self_harm_encouragement"},
	} {
		got := scores(t, d, tc.in)
		if tc.yes != "" && got[tc.yes] < 0.8 || got[tc.no] >= 0.5 {
			t.Errorf("%q: %s %.2f, %s %.2f", tc.in, tc.yes, got[tc.yes], tc.no, got[tc.no])
		}
	}
}

// TestManyWeakMatchesHideNothing buries one strong match under many weak ones.
func TestManyWeakMatchesHideNothing(t *testing.T) {
	d := shipped(t)
	in := strings.Repeat("damn, not your idiot. ", 3000) + "I know where you live."
	if got := scores(t, d, in)["text.threat"]; got < 0.8 {
		t.Errorf("the threat scores %.2f, want at least 0.8", got)
	}
}

func FuzzFind(f *testing.F) {
	for _, s := range []string{"you are s t u p i d", "f*** y0u", "how old r u", "go d.i.e", "笨蛋", "ты такой тупой", "\xff*a"} {
		f.Add(s)
	}
	d := shipped(f)
	f.Fuzz(func(t *testing.T, s string) {
		for _, m := range d.matches(t, s) {
			if m.Start < 0 || m.Start >= m.End || m.End > len(s) || !(m.Score > 0 && m.Score <= 1) {
				t.Errorf("match %+v in %+q", m, s)
			}
		}
		for name, score := range scores(t, d, s) {
			if !(score > 0 && score <= maxScore) {
				t.Errorf("%s scores %v", name, score)
			}
		}
	})
}

func TestFindDoesNotAllocate(t *testing.T) {
	d := shipped(t)
	text := sample(125) + " y0u 1di0t"
	search := func() { d.search(t, text) }
	search()
	if got := testing.AllocsPerRun(100, search); got > 0 {
		t.Errorf("%v allocations a message, want 0", got)
	}
}

// TestHardWordsInGoodFaith holds the banks of the hardest signals to news, lessons, games,
// lyrics, and parents who speak of their children.
func TestHardWordsInGoodFaith(t *testing.T) {
	d := shipped(t)
	for _, in := range []string{
		"a man was arrested for trading child porn, police said", "the law against child pornography must be enforced",
		"my 12 year old asked me what sex is", "how do I talk to my kids about porn", "sex education for children aged 10",
		"our naked little boy ran through the garden sprinkler", "someone sent my 13 year old nudes, what do we do",
		"the teacher was convicted of having sex with a minor", "report child sexual abuse to the police",
		"Anne Boleyn was beheaded in 1536", "the king had him decapitated during the revolution", "gory scenes in the new horror film",
		"we dissected a frog and looked at its intestines", "Al Gore gave a speech", "the statue lost its head", "my brain is fried",
		"I hope you get well soon", "this exam is gonna kill you", "you will slay at the party", "kill all the lights", "burn all the whites at 60 degrees",
		"die Polizei ermittelt wegen Kinderpornografie", "la police enquête sur de la pornographie enfantine", "mamá, te voy a matar de risa",
	} {
		got := scores(t, d, in)
		for _, signal := range []string{"text.sexual_minors", "text.violence_graphic", "text.severe_toxic"} {
			if got[signal] >= 0.5 {
				t.Errorf("%q scores %.2f for %s", in, got[signal], signal)
			}
		}
	}
}

// A bank that is kept apart counts under a name of its own, for the same
// signal, and leaves the digest of what a model reads as it is.
func TestBankApart(t *testing.T) {
	one := "bank: a\nsignal: text.meeting\nlanguage: en\nscore: 0.5\nentries: [see you there]\n"
	more := "bank: b\nsignal: text.meeting\napart: true\nlanguage: en\nscore: 0.5\nentries: [come alone]\n"
	reads := func(signal string) bool { return signal == "text.meeting" }
	before, err := Load(fstest.MapFS{"a.yaml": {Data: []byte(one)}})
	if err != nil {
		t.Fatal(err)
	}
	banks, err := Load(fstest.MapFS{"a.yaml": {Data: []byte(one)}, "b.yaml": {Data: []byte(more)}})
	if err != nil {
		t.Fatal(err)
	}
	if before.DigestOf(reads) != banks.DigestOf(reads) || before.Digest == banks.Digest {
		t.Error("what a model reads has changed, or the banks have not")
	}
	if f := banks.files[1]; len(f.signals) != 1 || Plain(f.signals[0]) != "text.meeting" || reads(f.signals[0]) {
		t.Errorf("it counts for %v", f.signals)
	}
}
