package page

import (
	"encoding/json"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func newPages(t testing.TB) *Pages {
	t.Helper()
	p, err := New()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// view is a page with everything on it.
func view(state State) View {
	return View{
		State: state, Age: 18, Minutes: 25, Return: "https://site.example/back?x=1&y=2", Appeal: "/age/s-1/appeal", Number: "/age/s-1/number", Refused: OverDisclosed,
		Choices: []Choice{
			{Method: "wallet_av", Wallet: "av://?client_id=redirect_uri%3Ahttps%3A%2F%2Fb.example&request_uri=https%3A%2F%2Fb.example%2Fv1%2Fage%2Frequests%2Fx",
				Digital: json.RawMessage(`[{"protocol":"org-iso-mdoc","data":{"x":"<\"y\">"}}]`), Endpoint: "/v1/age/dcapi/r-1"},
			{Method: "facial_estimation", Action: "/age/s-1/start/yoti", Host: "age.yoti.example"},
			{Method: "photo_id", GovernmentID: true, Action: "/age/s-1/start/kid", Host: "*.k-id.example"},
		},
	}
}

func show(t testing.TB, v View, query, accept string) (*httptest.ResponseRecorder, string) {
	t.Helper()
	r := httptest.NewRequest("GET", "/age/s-1"+query, nil)
	r.Header.Set("Accept-Language", accept)
	w := httptest.NewRecorder()
	if err := newPages(t).Show(w, r, 200, v); err != nil {
		t.Fatal(err)
	}
	return w, w.Body.String()
}

var states = []State{Open, Passed, Under, Ended, Missing, Elsewhere, Number}

// Every language says everything that English says, with the same words to be
// filled in, of every method.
func TestTexts(t *testing.T) {
	texts := newPages(t).texts
	i := slices.IndexFunc(texts, func(t *text) bool { return t.Tag == first })
	english := texts[i]
	holes := regexp.MustCompile(`\{[a-z]+\}`)
	filled := func(s string) []string {
		found := holes.FindAllString(s, -1)
		slices.Sort(found)
		return found
	}
	for _, other := range texts {
		for key, said := range english.Say {
			if strings.TrimSpace(other.Say[key]) == "" {
				t.Errorf("%s does not say %s", other.Tag, key)
			}
			if diff := cmp.Diff(filled(said), filled(other.Say[key])); diff != "" {
				t.Errorf("%s, %s: words to be filled in (-en +%s):\n%s", other.Tag, key, other.Tag, diff)
			}
		}
		if len(other.Say) != len(english.Say) || len(other.Methods) != len(english.Methods) {
			t.Errorf("%s says %d things of %d methods, English %d of %d", other.Tag, len(other.Say), len(other.Methods), len(english.Say), len(english.Methods))
		}
		for id, m := range english.Methods {
			if o := other.Methods[id]; o.Name == "" || o.How == "" || cmp.Diff(filled(m.How), filled(o.How)) != "" {
				t.Errorf("%s: method %s: %+v", other.Tag, id, o)
			}
		}
	}
}

// Words for a thirteen year old: sentences of English that are short, by the
// Flesch-Kincaid grade of the whole page and the longest sentence.
func TestPlainWords(t *testing.T) {
	texts := newPages(t).texts
	english := texts[slices.IndexFunc(texts, func(t *text) bool { return t.Tag == first })]
	var words, sentences, syllables int
	for key, said := range english.Say {
		for sentence := range strings.FieldsFuncSeq(said, func(r rune) bool { return strings.ContainsRune(".?!:", r) }) {
			n := len(strings.Fields(sentence))
			if n == 0 {
				continue
			}
			if n > 24 {
				t.Errorf("%s: a sentence of %d words: %s", key, n, sentence)
			}
			words, sentences = words+n, sentences+1
			for word := range strings.FieldsSeq(sentence) {
				syllables += max(1, len(vowels.FindAllString(strings.ToLower(strings.TrimSuffix(word, "e")), -1)))
			}
		}
	}
	grade := 0.39*float64(words)/float64(sentences) + 11.8*float64(syllables)/float64(words) - 15.59
	t.Logf("%d words, %d sentences, Flesch-Kincaid grade %.1f", words, sentences, grade)
	if grade > 7 { // the seventh school year: 12 to 13
		t.Errorf("Flesch-Kincaid grade %.1f", grade)
	}
}

var vowels = regexp.MustCompile(`[aeiouy]+`)

func TestOpenPage(t *testing.T) {
	w, body := show(t, view(Open), "", "")
	for _, want := range []string{
		`<html lang="en" dir="ltr">`, "<h1>Show that you are 18 or over</h1>", "more about you than was asked",
		`href="av://?client_id=redirect_uri%3Ahttps%3A%2F%2Fb.example&amp;request_uri=`, `role="img" aria-label="A code for the camera`,
		`data-digital="[{&#34;protocol&#34;:&#34;org-iso-mdoc&#34;`, `data-endpoint="/v1/age/dcapi/r-1"`,
		`action="/age/s-1/start/yoti"`, "You will go to another website: age.yoti.example.", "about 25 minutes",
		"You don&#39;t need an identity card", "You need an identity card", `action="/age/s-1/appeal"`,
		`href="https://site.example/back?x=1&amp;y=2"`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the page does not have %s", want)
		}
	}
	if strings.Contains(body, "ZgotmplZ") || regexp.MustCompile(`\{[a-z]+\}`).MatchString(body) {
		t.Error("something on the page was left out or not filled in")
	}
	policy := w.Header().Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "form-action 'self' https://site.example https://age.yoti.example https://*.k-id.example;", "frame-ancestors 'none'"} {
		if !strings.Contains(policy, want) {
			t.Errorf("policy %q does not have %s", policy, want)
		}
	}
	if strings.Contains(policy, "unsafe") || regexp.MustCompile(`<script>|style=| on[a-z]+=`).MatchString(body) {
		t.Error("something is inline")
	}
	if w.Header().Get("Cache-Control") != "no-store" || w.Header().Get("Referrer-Policy") != "no-referrer" {
		t.Errorf("headers: %v", w.Header())
	}
}

// The page is there in every state and language, whole.
func TestEveryState(t *testing.T) {
	for _, text := range newPages(t).texts {
		for _, state := range states {
			w, body := show(t, view(state), "?lang="+text.Tag, "fr")
			if w.Header().Get("Content-Language") != text.Tag || !strings.Contains(body, `dir="`+text.Dir+`"`) || !strings.HasSuffix(strings.TrimSpace(body), "</html>") {
				t.Errorf("%s, %s: %v", text.Tag, state, w.Header())
			}
			if regexp.MustCompile(`\{[a-z]+\}`).MatchString(body) {
				t.Errorf("%s, %s: something is not filled in", text.Tag, state)
			}
		}
	}
}

func TestLanguage(t *testing.T) {
	for _, c := range []struct{ query, accept, want string }{
		{"", "", "en"}, {"", "de-AT,de;q=0.9,en;q=0.5", "de"}, {"", "ja", "en"}, {"", "ar-EG", "ar"},
		{"?lang=fr", "de", "fr"}, {"?lang=xx", "es", "es"}, {"?lang=<script>", "es", "es"}, {"", ";;;q=", "en"},
	} {
		if w, _ := show(t, view(Open), strings.ReplaceAll(c.query, "<", "%3C"), c.accept); w.Header().Get("Content-Language") != c.want {
			t.Errorf("%q, %q: %s, want %s", c.query, c.accept, w.Header().Get("Content-Language"), c.want)
		}
	}
	if _, body := show(t, view(Open), "?lang=ar", ""); !strings.Contains(body, `<html lang="ar" dir="rtl">`) {
		t.Error("Arabic is not right-to-left")
	}
}

// What a site gives is not taken for more than it is.
func TestHostileView(t *testing.T) {
	v := view(Under)
	v.Return, v.Appealed = "javascript:alert(1)", true
	if _, body := show(t, v, "", ""); strings.Contains(body, "javascript") || !strings.Contains(body, "We have passed it on") {
		t.Error("a script for an address, or an appeal not confirmed")
	}
	v = view(Open)
	v.Choices[0].Wallet = "javascript:alert(1)"
	r := httptest.NewRequest("GET", "/", nil)
	if err := newPages(t).Show(httptest.NewRecorder(), r, 200, v); err == nil {
		t.Error("a script for a wallet was drawn")
	}
	v.Choices[0].Wallet = "av://?" + strings.Repeat("x", 1600)
	if _, body := show(t, v, "", ""); strings.Contains(body, "<svg") {
		t.Error("a code that no camera reads was drawn")
	}
}

// With tokens to be had, the way back is a form.
func TestCollect(t *testing.T) {
	v := view(Passed)
	v.Collect = "/age/s-1/collect"
	if _, body := show(t, v, "", ""); !strings.Contains(body, `<form method="post" action="/age/s-1/collect">`) || strings.Contains(body, `<a class="go"`) {
		t.Error("no form, or a link beside it")
	}
}

func TestBack(t *testing.T) {
	w := httptest.NewRecorder()
	if err := newPages(t).Back(w, httptest.NewRequest("GET", "/age/s-1/back/agekey?lang=ar", nil)); err != nil {
		t.Fatal(err)
	}
	body := w.Body.String()
	if !strings.Contains(body, `src="/age/back.js"`) || !strings.Contains(body, `dir="rtl"`) || !strings.Contains(body, "<noscript>") ||
		!strings.Contains(w.Header().Get("Content-Security-Policy"), "form-action 'self';") {
		t.Errorf("%v\n%s", w.Header(), body)
	}
}

func TestAsset(t *testing.T) {
	for name, want := range map[string]int{"age.css": 200, "age.js": 200, "back.js": 200, "page.html": 404, "../page.html": 404, "": 404} {
		w := httptest.NewRecorder()
		newPages(t).Asset(w, httptest.NewRequest("GET", "/age/x", nil), name)
		if w.Code != want {
			t.Errorf("%q: %d, want %d", name, w.Code, want)
		}
	}
}
