package normal

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func folded(n *Normaliser, s string) string {
	var out Forms
	n.Normalise(s, &out)
	return string(foldedForm(&out).Text)
}

func foldedForm(out *Forms) *Form {
	if out.Plain {
		return &out.Raw
	}
	return &out.Folded
}

func TestFolding(t *testing.T) {
	n := New()
	for _, tc := range []struct{ name, in, want string }{
		{"plain", "Hello, World.", "hello, world."},
		{"zero width", "st\u200bup\u200did\ufeff", "stupid"},
		{"bidi", "\u202estupid\u202c", "stupid"},
		{"soft hyphen", "stu\u00adpid", "stupid"},
		{"fullwidth", "ｓｔｕｐｉｄ！", "stupid!"},
		{"mathematical", "𝓼𝓽𝓾𝓹𝓲𝓭 𝕤𝕥𝕦𝕡𝕚𝕕", "stupid stupid"},
		{"circled", "ⓢⓣⓤⓟⓘⓓ 🅢🅣🅤🅟🅘🅓 🆂🆃🆄🅿🅸🅳", "stupid stupid stupid"},
		{"small capitals", "ꜱᴛᴜᴘɪᴅ", "stupid"},
		{"combining", "s\u0336t\u0336u\u0336p\u0301\u0302i\u0308d", "stupid"},
		{"accents", "Zürich café łódź", "zurich cafe lodz"},
		{"Cyrillic inside Latin", "stuріd", "stupid"},
		{"look-alikes only, text mixes", "stuріd аѕ", "stupid as"},
		{"Russian stays", "Привет, как дела? Сорок рот", "привет, как дела? сорок рот"},
		{"Russian beside Latin stays", "hello роса world", "hello роса world"},
		{"Greek stays", "Καλημέρα κόσμε", "καλημέρα κόσμε"},
		{"Arabic stays without vowel signs", "مَرْحَبًا", "مرحبا"},
		{"Hindi keeps its vowels", "नमस्ते दुनिया", "नमस्ते दुनिया"},
		{"Chinese, Japanese, Korean stay", "你好 こんにちは 안녕하세요", "你好 こんにちは 안녕하세요"},
		{"leet", "5tup1d $tup!d id10t k1ll ki11 1oser", "stupid stupid idiot kill kill loser"},
		{"numbers stay", "10k at 5pm on the 2nd, user123, 4500", "10k at 5pm on the 2nd, user123, 4500"},
		{"exclamation stays", "stop!! now!", "stop!! now!"},
		{"spaced", "you are s t u p i d", "you are stupid"},
		{"wide gaps separate", "y o u  a r e", "you  are"},
		{"dotted", "y.o.u a.r.e s-t-u-p-i-d", "you are stupid"},
		{"spaced leet", "s t u p 1 d", "stupid"},
		{"short runs stay", "a b, x y", "a b, x y"},
		{"repeats", "heyyyyy stuuupid", "heyy stuupid"},
		{"masks", "st#p*d **bold**", "st*p*d **bold**"},
		{"emoji stay", "ok 👍🏽 👩‍💻", "ok 👍 👩💻"},
		{"white space", "a\t \u00a0 b \n\n c", "a  b\nc"},
		{"apostrophes", "Don’t t’es", "don't t'es"},
		{"invalid", "a\xffb", "a\ufffdb"},
		{"empty", "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, folded(n, tc.in)); diff != "" {
				t.Errorf("folded %+q (-want +got):\n%s", tc.in, diff)
			}
		})
	}
}

func TestWords(t *testing.T) {
	n := New()
	var out Forms
	n.Normalise("Don't stop. 你好 🔪 t'es L o u d!", &out)
	var got []string
	for _, w := range out.Folded.Words {
		s := string(out.Folded.Bytes(w))
		if w.Opens {
			s = "^" + s
		}
		if w.Joined {
			s += "+"
		}
		got = append(got, s)
	}
	want := []string{"^don't", "stop", "^你", "好", "🔪", "t", "es", "loud+"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("words (-want +got):\n%s", diff)
	}
}

func TestSpansPointIntoTheOriginal(t *testing.T) {
	n := New()
	for in, want := range map[string]string{
		"oh ｓｔｕｐｉｄ one":                     "ｓｔｕｐｉｄ",
		"oh s t u p i d  one":               "s t u p i d",
		"oh s\u200bt\u0336u\u0336pid\u200b": "s\u200bt\u0336u\u0336pid",
		"oh stuuuuupid":                     "stuuuuupid",
	} {
		var out Forms
		n.Normalise(in, &out)
		f := foldedForm(&out)
		from, to := f.Span(f.Words[1].Start, f.Words[1].End)
		if got := in[from:to]; got != want {
			t.Errorf("span in %+q = %+q, want %+q", in, got, want)
		}
	}
}

func FuzzNormalise(f *testing.F) {
	for _, s := range []string{
		"Hello, World.", "s t u p i d", "f.u.n 5tup1d", "ﷺ a\u0300\u0301", "аbс", "नमस्ते", "**b*ld**", "a\xff",
		"aaa12", "1!|1", "a b.c.d", "a b c.d", "'s't", "\u200b", "İIı", "ßẞ", "a1 b2  c3\nd4",
		"000\xf5ʱ", "а0!A00", "000 0߭\xf6A\xfcA", "A#!A", "0 0 A 0*000", "0\x91ֽA\xd5A", "а\xe0\xbb000$", "2\xb00\xd10", "!#Ք",
	} {
		f.Add(s)
	}
	n := New()
	f.Fuzz(func(t *testing.T, s string) {
		var out, again Forms
		n.Normalise(s, &out)
		for name, form := range map[string]*Form{"raw": &out.Raw, "folded": &out.Folded} {
			checkForm(t, name, s, form)
		}
		n.Normalise(string(out.Raw.Text), &again)
		if !bytes.Equal(out.Raw.Text, again.Raw.Text) {
			t.Errorf("raw form is not stable: %+q, then %+q", out.Raw.Text, again.Raw.Text)
		}
		once := folded(n, s)
		if twice := folded(n, once); once != twice {
			t.Errorf("folded form is not stable: %+q, then %+q", once, twice)
		}
	})
}

func checkForm(t *testing.T, name, s string, f *Form) {
	t.Helper()
	if len(f.Text) > maxGrowth*len(s) {
		t.Errorf("%s form has %d bytes for %d", name, len(f.Text), len(s))
	}
	if !utf8.Valid(f.Text) {
		t.Errorf("%s form is not UTF-8: %+q", name, f.Text)
	}
	if len(f.from) != len(f.Text) || len(f.to) != len(f.Text) {
		t.Fatalf("%s form: %d bytes, %d and %d offsets", name, len(f.Text), len(f.from), len(f.to))
	}
	boundary := func(i int) bool { return i == len(s) || utf8.RuneStart(s[i]) || !utf8.ValidString(s) }
	end := 0
	for _, w := range f.Words {
		from, to := f.Span(w.Start, w.End)
		if w.Start < end || w.End <= w.Start || from < 0 || to > len(s) || from >= to || !boundary(from) || !boundary(to) {
			t.Errorf("%s form: word %+q has span %d:%d of %+q", name, f.Bytes(w), from, to, s)
		}
		end = w.End
	}
}

func TestNormaliseDoesNotAllocate(t *testing.T) {
	n := New()
	s := strings.Repeat("Th1s is a s t u p i d wörd. ", 5)
	var out Forms
	n.Normalise(s, &out)
	if got := testing.AllocsPerRun(100, func() { n.Normalise(s, &out) }); got > 0 {
		t.Errorf("%v allocations a message, want 0", got)
	}
}
