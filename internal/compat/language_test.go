package compat

import "testing"

func TestLanguage(t *testing.T) {
	for text, want := range map[string]struct {
		code string
		sure bool
	}{
		"":            {"", false},
		"12345 !!! 😀": {"", false},
		"こんにちは、元気ですか": {"ja", true},
		"สวัสดี":      {"th", true},
		"안녕하세요":       {"ko", true},
		"See you at the pool tomorrow at noon, and do not forget to bring the ball that I lent you.": {"en", true},
		"Wir sehen uns morgen Mittag im Schwimmbad, und vergiss nicht, den Ball mitzubringen.":       {"de", true},
		"Huomenna nähdään uimahallissa, äläkä unohda ottaa mukaan palloa, jonka annoin sinulle.":     {"fi", true},
	} {
		if code, sure := Language(text); code != want.code || sure != want.sure {
			t.Errorf("%q is %q, surely: %t; want %q, %t", text, code, sure, want.code, want.sure)
		}
	}
	for _, text := range []string{"yo hamburger", "lol", "ok cool", "nice", "gg ez"} { // nothing to be sure of
		if code, sure := Language(text); sure {
			t.Errorf("%q is surely %q", text, code)
		}
	}
}

func FuzzLanguage(f *testing.F) {
	f.Add("こんにちは hello привет")
	f.Fuzz(func(t *testing.T, text string) {
		if code, sure := Language(text); sure && code == "" {
			t.Fatalf("%q: sure of nothing", text)
		}
	})
}
