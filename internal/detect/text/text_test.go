package text

import (
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/detect/detecttest"
	"github.com/breakwater-project/breakwater/internal/detect/text/model"
	"github.com/breakwater-project/breakwater/internal/detect/text/term"
)

// shipped is the detector with the model and the banks that the project ships.
func shipped(t testing.TB) *Detector {
	t.Helper()
	banks, err := term.Load(os.DirFS("../../../policies/terms"))
	if err != nil {
		t.Fatal(err)
	}
	d, err := New(banks)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func eventOf(text string) *event.Event {
	return &event.Event{Type: event.MessageSend, Content: event.Content{Text: text}}
}

// sample gives n bytes of ordinary English.
func sample(n int) string {
	const s = "Hey, are you coming to the match on Saturday? We can meet at the station, my brother brings the ball. "
	return strings.Repeat(s, n/len(s)+1)[:n]
}

func scores(t testing.TB, d *Detector, text string) *Scores {
	t.Helper()
	s := new(Scores)
	if err := d.Score(t.Context(), text, s); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestContract(t *testing.T) {
	detecttest.Run(t, shipped(t), eventOf("you are such an idiot"), eventOf("how old are you?"))
}

// TestModelBesideItsBanks holds the model to have been trained beside the banks that
// are shipped with it; otherwise `make train`.
func TestModelBesideItsBanks(t *testing.T) {
	d := shipped(t)
	if shipped := d.terms.DigestOf(model.ReadsTerm); d.model.Banks() != shipped {
		t.Errorf("the model was trained beside the banks %s, shipped are %s: make train", d.model.Banks(), shipped)
	}
}

// TestLabels has plain examples, disguised ones and ones in other languages of what is
// flagged, and of what is not.
func TestLabels(t *testing.T) {
	d := shipped(t)
	for _, tc := range []struct {
		text string
		is   []Label
	}{
		{"you are a pathetic idiot", []Label{Toxic, Insult}},
		{"y o u a r e a p a t h e t i c i d i o t", []Label{Toxic}},
		{"oyu are a ptahetic iidot", []Label{Toxic}},
		{"you are a p4thet1c 1d1ot", []Label{Toxic}},
		{"you are a p*thetic *diot, st*pid", []Label{Toxic}},
		{"immigrants are parasites and should be wiped out", []Label{Hate, IdentityAttack}},
		{"women belong in the kitchen and should obey", []Label{Misogyny}},
		{"i will stab you after school", []Label{Threat, Violence}},
		{"i want to die, i can't go on", []Label{SelfHarmDisclosure}},
		{"go hang yourself, nobody would miss you", []Label{SelfHarmEncouragement}},
		{"send me nudes and i'll give you robux", []Label{Sexual}},
		{"pay me or i will send your nudes to your whole school", []Label{Sextortion}},
		{"tips to starve without your parents noticing, thinspo", []Label{EatingDisorderPromotion}},
		{"du bist so ein dummer idiot", []Label{Insult}},
		{"eres un idiota y das asco", []Label{Insult}},
		{"ya no quiero vivir, me quiero morir", []Label{SelfHarmDisclosure}},
		{"ты тупой идиот", []Label{Insult}},
		{"أنت غبي", []Label{Insult}},
	} {
		s := scores(t, d, tc.text)
		for _, l := range tc.is {
			if s.Of[l] < d.Threshold(l) {
				t.Errorf("%q: %s is %.2f, flagged from %.2f", tc.text, l, s.Of[l], d.Threshold(l))
			}
		}
	}
	for _, text := range []string{
		"", " \n\t", "hello, how was your day?", "the muslims next door baked us a cake", "my gay brother got married on saturday",
		"i could kill for a pizza", "how do i kill a python process?", "the movie killed me lol", "break a leg tonight!",
		"calling immigrants parasites is wrong", "i don't hate anyone", "we studied the second world war today",
		"my daughter is 12 and plays chess", "what time does the game start?", "breast cancer screening is free on monday",
		"wie war dein tag?", "feliz cumpleaños, nos vemos el sábado", "привет, как дела?", "你好，今天天气很好", "🎉🎂🥳", "مرحبا كيف حالك",
		"Donaudampfschifffahrtsgesellschaft", "aaaaaaaaaaaaaaaaaaaaaaaa", "1234567890", "https://example.org/a?b=c",
	} {
		s := scores(t, d, text)
		for _, l := range Labels() {
			if s.Of[l] >= d.Threshold(l) {
				t.Errorf("%q is flagged for %s: %.2f", text, l, s.Of[l])
			}
		}
	}
}

// TestDistressIsNoOffence holds people who speak of their own distress, roughly too, to
// be flagged for nothing else.
func TestDistressIsNoOffence(t *testing.T) {
	d := shipped(t)
	for _, text := range []string{
		"i fucking hate myself and want to die", "i'm a worthless piece of shit, please help me",
		"i cut myself again last night", "my dad hits me and i want to disappear", "i can't stop thinking about suicide",
		"everyone at school calls me a fat pig, i don't want to live anymore",
	} {
		s := scores(t, d, text)
		if s.Of[SelfHarmDisclosure] < d.Threshold(SelfHarmDisclosure) {
			t.Errorf("%q: disclosure is %.2f", text, s.Of[SelfHarmDisclosure])
		}
		if d.Flagged(s) {
			l, p := s.Any()
			t.Errorf("%q is flagged, %s is %.2f", text, l, p)
		}
	}
}

// TestACryHidesNothing holds what is aimed at others to be flagged with a cry for help in
// front of it as well.
func TestACryHidesNothing(t *testing.T) {
	d := shipped(t)
	for text, is := range map[string][]Label{
		"you are a pathetic loser, nobody likes you":       {Insult, Harassment},
		"y0u are a p4thetic loser, n0body likes y0u":       {Insult},
		"du bist so ein dummer idiot":                      {Insult},
		"eres un idiota y das asco":                        {Insult},
		"i will stab you after school":                     {Threat},
		"go hang yourself, nobody would miss you":          {SelfHarmEncouragement},
		"immigrants are parasites and should be wiped out": {Hate},
	} {
		text = "i want to die. " + text
		s := scores(t, d, text)
		if s.Of[SelfHarmDisclosure] < d.Threshold(SelfHarmDisclosure) {
			t.Errorf("%q is no cry: %.2f", text, s.Of[SelfHarmDisclosure])
		}
		for _, l := range is {
			if s.Of[l] < d.Threshold(l) {
				t.Errorf("%q: %s is %.2f, flagged from %.2f", text, l, s.Of[l], d.Threshold(l))
			}
		}
	}
	s := Scores{}
	for l := range s.Of {
		s.Of[l] = 0.9
	}
	s.Temper()
	for _, l := range [...]Label{Insult, Harassment, CoerciveControl, Hate, Threat, SelfHarmEncouragement, Grooming} {
		if s.Of[l] != 0.9 {
			t.Errorf("%s is %.2f for a cry", l, s.Of[l])
		}
	}
}

// TestModelAloneIsNeverCertain holds signals to stay below what rules punish from, where
// no term bank speaks.
func TestModelAloneIsNeverCertain(t *testing.T) {
	empty, err := term.Load(fstest.MapFS{})
	if err != nil {
		t.Fatal(err)
	}
	d, err := New(empty)
	if err != nil {
		t.Fatal(err)
	}
	likelyOnes := 0
	for _, text := range []string{
		"i will stab you after school", "immigrants are parasites and should be wiped out", "you are a pathetic idiot",
		"pay me or i will send your nudes to your whole school", "women belong in the kitchen and should obey",
		"i know you are only 12, don't tell your parents, send me a pic without your shirt",
	} {
		signals, err := d.Detect(t.Context(), eventOf(text))
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range signals {
			if s.Score >= 0.5 {
				likelyOnes++
			}
			if s.Score >= 0.9 || s.Score >= 0.8 && (s.Name == "text.grooming" || s.Name == "text.solicitation" || s.Name == "text.sexual_minors") {
				t.Errorf("%q: %s is %.2f by the model alone", text, s.Name, s.Score)
			}
		}
	}
	if likelyOnes < 4 {
		t.Errorf("the model alone finds %d of them", likelyOnes)
	}
}

// TestBadInput has texts that nobody writes, and that must cost no more than others.
func TestBadInput(t *testing.T) {
	d := shipped(t)
	for name, text := range map[string]string{
		"a megabyte":             strings.Repeat("are you coming to the match? ", 1<<20/29),
		"one letter":             strings.Repeat("a", 1<<20),
		"one word without end":   strings.Repeat("ab", 1<<19),
		"spelled out":            strings.Repeat("x y z ", 1<<17),
		"stars":                  strings.Repeat("a*b* ", 1<<17),
		"swapped letters":        strings.Repeat("qwzxkj ", 1<<17),
		"invalid":                strings.Repeat("\xff\xfe", 1<<18),
		"binary":                 string([]byte{0, 1, 2, 0x7f, 0x80, 0xff}),
		"marks":                  "a" + strings.Repeat("\u0336", 1<<16),
		"right to left":          strings.Repeat("\u202eשלום \u202c", 1<<12),
		"emoji only":             strings.Repeat("😀", 1<<14),
		"mixed scripts":          strings.Repeat("aбγд你 ", 1<<12),
		"nothing to be seen":     strings.Repeat("\u200b", 1<<16),
		"a sentence of brackets": strings.Repeat("([{<", 1<<14),
	} {
		s := scores(t, d, text)
		for l, p := range s.Of {
			if !(p >= 0 && p <= 1) {
				t.Errorf("%s: %s is %v", name, Label(l), p)
			}
		}
	}
}

func TestScoreDoesNotAllocate(t *testing.T) {
	d := shipped(t)
	s := new(Scores)
	score := func() {
		if err := d.Score(t.Context(), disguised, s); err != nil {
			t.Fatal(err)
		}
	}
	for range 10 {
		score()
	}
	if got := testing.AllocsPerRun(200, score); got > 0 {
		t.Errorf("%v allocations a text, want 0", got)
	}
}

// TestSpansPointAtWords holds spans to the part of the text that speaks for the label.
func TestSpansPointAtWords(t *testing.T) {
	d := shipped(t)
	in := "The weather was lovely on Sunday. You are a p4thetic ï\u200bdiot! See you soon."
	spans, err := d.Spans(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, s := range spans {
		if s.Start < 0 || s.Start >= s.End || s.End > len(in) {
			t.Errorf("span %+v", s)
		}
		if s.Label == Toxic && strings.Contains(in[s.Start:s.End], "diot") && !strings.Contains(in[s.Start:s.End], "weather") {
			found = true
		}
	}
	if !found {
		t.Errorf("no span of toxic is around the insult: %+v", spans)
	}
}

func FuzzScore(f *testing.F) {
	for _, s := range []string{"you are s t u p i d", "f*** y0u", "oyu sutpid", "ты тупой", "\xff*a", "i am 14", "😀😀"} {
		f.Add(s)
	}
	d := shipped(f)
	f.Fuzz(func(t *testing.T, in string) {
		s := scores(t, d, in)
		for l, p := range s.Of {
			if !(p >= 0 && p <= 1) {
				t.Errorf("%s of %+q is %v", Label(l), in, p)
			}
		}
		spans, err := d.Spans(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range spans {
			if s.Start < 0 || s.Start > s.End || s.End > len(in) {
				t.Errorf("span %+v of %+q", s, in)
			}
		}
	})
}
