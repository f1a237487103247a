package support

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/internal/policy"
	"github.com/breakwater-project/breakwater/internal/readability"
	"github.com/breakwater-project/breakwater/internal/web"
	"github.com/breakwater-project/breakwater/policies"
)

func open(t *testing.T, ownImage string) (*Support, http.Handler) {
	t.Helper()
	b, err := policy.Load(nil, policy.Options{Shipped: policies.FS, Parts: policies.Parts()})
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(Options{Bundle: func() *policy.Bundle { return b }, OwnImage: ownImage, Leave: "https://weather.example/"})
	if err != nil {
		t.Fatal(err)
	}
	api := web.New(web.Options{})
	s.Routes(api)
	return s, api
}

func ask(t *testing.T, h http.Handler, path string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func guides(t *testing.T, h http.Handler, query string) guidesBody {
	t.Helper()
	w := ask(t, h, "/v1/support?"+query)
	if w.Code != http.StatusOK {
		t.Fatalf("%s: %d %s", query, w.Code, w.Body)
	}
	var out guidesBody
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// The kit for who is threatened with a picture has every step, in order, and
// asks for no picture.
func TestSextortionKit(t *testing.T) {
	_, h := open(t, "/own-image")
	g := guides(t, h, "kind=csea.sextortion_financial&country=GB&language=en-GB&band=13-15").Guides[0]
	var titles []string
	for _, step := range g.Steps {
		titles = append(titles, step.Title)
	}
	want := []string{
		"Stop here for a moment", "Do not pay and send nothing more", "Do not answer them any more", "Keep what shows it",
		"Report and block them", "Keep the picture from being shared", "Tell somebody",
	}
	if d := cmp.Diff(want, titles); d != "" {
		t.Error(d)
	}
	if l := g.Steps[5].Link; l == nil || l.Path != "/own-image" {
		t.Errorf("the hash is made at %+v", l)
	}
	var names []string
	for _, r := range g.Resources {
		names = append(names, r.Name)
	}
	for name, shown := range map[string]bool{
		"Report Remove (under 18)": true, "Childline": true, "Take It Down (under 18)": true,
		"StopNCII (18 and over)": false, "Revenge Porn Helpline (18 and over)": false,
	} {
		if slices.Contains(names, name) != shown {
			t.Errorf("%s for a British child: %v, want %v", name, !shown, shown)
		}
	}
	page := ask(t, h, "/help/sextortion").Body.String()
	if strings.Contains(page, `type="file"`) || strings.Contains(page, "<script") || strings.Contains(page, `method="post"`) {
		t.Error("the page can send something")
	}
	_, without := open(t, "")
	if g := guides(t, without, "guide=sextortion").Guides[0]; g.Steps[5].Link != nil {
		t.Errorf("a link to a page that is not there: %+v", g.Steps[5].Link)
	}
}

// Ofcom ICU F2 names four moments; a first message and a request are two of
// them here.
func TestMoments(t *testing.T) {
	_, h := open(t, "")
	var ids []string
	for _, g := range guides(t, h, "moment=true").Guides {
		ids = append(ids, g.ID)
	}
	if d := cmp.Diff([]string{"protection-off", "contact-request", "new-contact", "first-message", "acted"}, ids); d != "" {
		t.Error(d)
	}
}

func TestEveryKindIsKnown(t *testing.T) {
	for _, sub := range subjects() {
		for _, k := range sub.kinds {
			if !slices.Contains(decision.Kinds(), k) {
				t.Errorf("%s: there is no kind %s", sub.id, k)
			}
		}
	}
}

// Every language says all that English says, step by step.
func TestLanguagesSayTheSame(t *testing.T) {
	s, _ := open(t, "")
	english := s.texts[0]
	if english.Tag != "en" {
		t.Fatalf("the first is %s", english.Tag)
	}
	for _, other := range s.texts[1:] {
		for key := range english.Say {
			if other.Say[key] == "" {
				t.Errorf("%s does not say %s", other.Tag, key)
			}
		}
		for id, g := range english.Guides {
			o := other.Guides[id]
			if o.Moment != g.Moment || o.Title == "" || o.Lead == "" || len(o.Steps) != len(g.Steps) {
				t.Errorf("%s: guide %s has %d steps, English %d", other.Tag, id, len(o.Steps), len(g.Steps))
				continue
			}
			for i, step := range o.Steps {
				if step.Title == "" || step.Body == "" || (step.Link == "") != (g.Steps[i].Link == "") {
					t.Errorf("%s: guide %s: step %d: %+v", other.Tag, id, i+1, step)
				}
			}
		}
		if len(other.Guides) != len(english.Guides) {
			t.Errorf("%s has %d guides, English %d", other.Tag, len(other.Guides), len(english.Guides))
		}
	}
}

// A ten year old reads every guide: the fifth school year by Flesch-Kincaid
// for English, easy by LIX for the others, no sentence over 20 words.
func TestPlainWords(t *testing.T) {
	s, _ := open(t, "")
	for _, said := range s.texts {
		for id, g := range said.Guides {
			texts := []string{g.Title, g.Lead}
			for _, step := range g.Steps {
				texts = append(texts, step.Title, step.Body)
			}
			m := readability.Of(texts...)
			if m.Longest > 20 {
				t.Errorf("%s: %s: a sentence of %d words", said.Tag, id, m.Longest)
			}
			if said.Tag == "en" && m.Grade() > 5 {
				t.Errorf("%s: %s: grade %.1f", said.Tag, id, m.Grade())
			}
			if said.Tag != "en" && m.LIX() > 40 {
				t.Errorf("%s: %s: LIX %.0f", said.Tag, id, m.LIX())
			}
		}
	}
}

// Help is never a blank page: every guide names somebody, wherever one lives.
func TestSomebodyHelpsEverywhere(t *testing.T) {
	_, h := open(t, "")
	for _, query := range []string{"", "country=GB", "country=DE&band=6-9", "country=KE&band=18%2B", "country=BR&language=pt"} {
		for _, g := range guides(t, h, query).Guides {
			if len(g.Resources) == 0 {
				t.Errorf("%s: %s names nobody", query, g.ID)
			}
		}
	}
}

func TestBadQuestions(t *testing.T) {
	_, h := open(t, "")
	for path, status := range map[string]int{
		"/v1/support?guide=nonsense":    http.StatusNotFound,
		"/v1/support?country=Britain":   http.StatusUnprocessableEntity,
		"/v1/support?band=teen":         http.StatusUnprocessableEntity,
		"/v1/support?language=%00":      http.StatusOK,
		"/help/nonsense":                http.StatusNotFound,
		"/help/assets/..%2fpage.html":   http.StatusNotFound,
		"/help/assets/none.css":         http.StatusNotFound,
		"/help/bullying?country=%22%3E": http.StatusOK,
	} {
		if w := ask(t, h, path); w.Code != status {
			t.Errorf("%s: %d, want %d: %s", path, w.Code, status, w.Body)
		}
	}
}

// The page tells nobody about who reads it, and its title nothing to who looks
// over a shoulder or into the history.
func TestPageIsDiscreet(t *testing.T) {
	s, h := open(t, "")
	w := ask(t, h, "/help/control?country=GB", "Accept-Language", "de-AT,de;q=0.9")
	if len(w.Result().Cookies()) > 0 || w.Header().Get("Referrer-Policy") != "no-referrer" || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("headers %v", w.Header())
	}
	page := w.Body.String()
	for _, want := range []string{`<html lang="de">`, "<title>Informationen</title>", `href="https://weather.example/"`, `<option value="GB" selected>`} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not have %s", want)
		}
	}
	for _, said := range s.texts {
		for _, g := range said.Guides {
			if strings.Contains(said.Say["title"], g.Title) {
				t.Errorf("%s: the title tells of %s", said.Tag, g.ID)
			}
		}
	}
	if strings.Contains(page, "ZgotmplZ") || regexp.MustCompile(`\{[a-z]+\}`).MatchString(page) {
		t.Error("something was not filled in")
	}
	for _, r := range page {
		if unicode.Is(unicode.Co, r) {
			t.Errorf("%U", r)
		}
	}
}
