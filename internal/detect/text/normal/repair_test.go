package normal

import (
	"testing"
	"unicode/utf8"
)

// lexicon knows a few words, the first ones the most frequent.
func lexicon() *Lexicon {
	var words []LexiconWord
	for i, w := range []string{"you", "are", "the", "so", "a", "stupid", "idiot", "nice", "hello", "book", "balloon", "shirt", "short", "is", "this", "such"} {
		words = append(words, LexiconWord{w, Entry{Cost: uint8(10 + 4*i)}})
	}
	return NewLexicon(words)
}

func TestRepair(t *testing.T) {
	n, l := New(), lexicon()
	var s Speller
	for _, tc := range []struct{ name, in, want string }{
		{"plain", "you are nice", "you are nice"},
		{"swapped", "oyu are sutpid", "oyu are stupid"},
		{"swapped at the end", "idito", "idiot"},
		{"doubled", "ballon idiott stuupid", "ballon idiot stupid"},
		{"known doubles stay", "book balloon", "book balloon"},
		{"starred", "st*pid *diot id*ot", "stupid *diot idiot"},
		{"starred twice", "st*p*d", "stupid"},
		{"starred, the more frequent word", "sh*rt", "shirt"},
		{"spaced", "y o u a r e s t u p i d", "you are stupid"},
		{"dotted", "s.t.u.p.i.d", "stupid"},
		{"spaced and unknown", "q x z v b k", "qxzvbk"},
		{"unknown stays", "zyxwv flibber", "zyxwv flibber"},
		{"leet and swapped", "5tuipd", "stupid"},
		{"empty", "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var out Forms
			n.Normalise(tc.in, &out)
			n.Repair(l, &out, &s)
			if got := string(foldedForm(&out).Text); got != tc.want {
				t.Errorf("%q is read as %q, want %q", tc.in, got, tc.want)
			}
		})
	}
}

func TestRepairDoesNotAllocate(t *testing.T) {
	n, l := New(), lexicon()
	var s Speller
	var out Forms
	repair := func() {
		n.Normalise("oyu are sutpid and y o u a r e st*p*d", &out)
		n.Repair(l, &out, &s)
	}
	for range 3 {
		repair()
	}
	if got := testing.AllocsPerRun(100, repair); got > 0 {
		t.Errorf("%v allocations a text, want 0", got)
	}
}

func TestLexicon(t *testing.T) {
	words := []LexiconWord{{"one", Entry{7, 3}}, {"two", Entry{200, 0}}, {"two", Entry{9, 9}}}
	b, err := NewLexicon(words).MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	var l Lexicon
	if err := l.UnmarshalBinary(b); err != nil {
		t.Fatal(err)
	}
	for word, want := range map[string]Entry{"one": {7, 3}, "two": {200, 0}, "three": {}} {
		if got := l.Of(Hash([]byte(word))); got != want {
			t.Errorf("%s: %v, want %v", word, got, want)
		}
	}
}

func FuzzRepair(f *testing.F) {
	for _, s := range []string{"y o u a r e s t u p i d", "st*p*d", "oyu sutpid!!", "a\xff*b", "ⓢⓣⓤⓟⓘⓓ s.t.u", "st**** **", "q x z v"} {
		f.Add(s)
	}
	n, l := New(), lexicon()
	f.Fuzz(func(t *testing.T, in string) {
		var s Speller
		var out Forms
		n.Normalise(in, &out)
		n.Repair(l, &out, &s)
		form := foldedForm(&out)
		if !utf8.Valid(form.Text) {
			t.Fatalf("%+q is read as %+q", in, form.Text)
		}
		last := 0
		for _, w := range form.Words {
			if w.Start < last || w.Start >= w.End || w.End > len(form.Text) {
				t.Fatalf("word %v in %+q", w, form.Text)
			}
			last = w.End
			if from, to := form.Span(w.Start, w.End); from < 0 || from > to || to > len(in) {
				t.Fatalf("span %d:%d of %+q", from, to, in)
			}
		}
	})
}
