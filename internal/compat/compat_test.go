package compat_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/compat"
	"github.com/breakwater-project/breakwater/internal/detect"
	"github.com/breakwater-project/breakwater/internal/detect/media"
	"github.com/breakwater-project/breakwater/internal/detect/text"
	"github.com/breakwater-project/breakwater/internal/keys"
	"github.com/breakwater-project/breakwater/internal/telemetry"
	"github.com/breakwater-project/breakwater/internal/web"
)

// spelled scores a text by what it spells out: "insult:0.9 threat" is an insult
// of .9 and a threat of 1.
type spelled struct{ fails error }

func (spelled) Version() string              { return "test" }
func (spelled) Threshold(text.Label) float64 { return 0.5 }
func (s spelled) Score(_ context.Context, of string, into *text.Scores) error {
	*into = text.Scores{}
	for _, word := range strings.FieldsFunc(of, func(r rune) bool { return unicode.IsSpace(r) || r == '!' }) {
		name, value, valued := strings.Cut(word, ":")
		p := 1.0
		if valued {
			_, _ = fmt.Sscan(value, &p)
		}
		if l, ok := text.ParseLabel(strings.ToLower(name)); ok {
			into.Of[l] = p
		}
	}
	return s.fails
}

// fixture is the endpoints over a scorer that reads what is spelled out.
type fixture struct {
	api     *web.API
	scorer  spelled
	metrics *telemetry.Metrics
}

func start(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{}
	f.add(t, compat.Options{})
	return f
}

// add makes the endpoints anew, by these options.
func (f *fixture) add(t *testing.T, o compat.Options) {
	t.Helper()
	f.metrics = telemetry.NewMetrics()
	f.api = web.New(web.Options{
		Authenticate: func(_ context.Context, credential string) (keys.Principal, error) {
			if credential != "k" {
				return keys.Principal{}, keys.ErrUnknown
			}
			return keys.Principal{ID: "k", Roles: []keys.Role{keys.Platform}}, nil
		},
		Rate: 1, Burst: 1100,
	})
	o.Text = func() compat.Text { return f.scorer }
	o.Languages, o.Metrics = []string{"de", "en"}, f.metrics
	o.Language = func(of string) (string, bool) { // "xx: text" is surely in xx, "xx? text" may be
		if len(of) < 4 || of[2] != ':' && of[2] != '?' {
			return "", false
		}
		return of[:2], of[2] == ':'
	}
	compat.New(o).Routes(f.api)
	// Making the documents must not open what bodies are checked against.
	f.api.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/openapi.json", nil))
}

// post sends a body and reads the answer into v.
func (f *fixture) post(t *testing.T, path, body string, v any) int {
	t.Helper()
	r := httptest.NewRequest("POST", path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	if !strings.Contains(path, "key=") {
		r.Header.Set("Authorization", "Bearer k")
	}
	w := httptest.NewRecorder()
	f.api.ServeHTTP(w, r)
	if err := json.Unmarshal(w.Body.Bytes(), v); err != nil {
		t.Fatalf("%s: %v: %s", body, err, w.Body)
	}
	return w.Code
}

// moderation is the answer as a client reads it.
type moderation struct {
	ID, Model string
	Results   []struct {
		Flagged    bool
		Categories map[string]*bool
		Scores     map[string]float64  `json:"category_scores"`
		Applied    map[string][]string `json:"category_applied_input_types"`
	}
}

// trueOf lists the categories that are true.
func trueOf(categories map[string]*bool) (names []string) {
	for name, flag := range categories {
		if flag != nil && *flag {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Each label is in the categories that OpenAI's definitions put it in.
func TestCategories(t *testing.T) {
	want := map[string][]string{
		"toxic": nil, "profanity": nil, "spam": nil,
		"insult": {"harassment"}, "harassment": {"harassment"}, "severe_toxic": {"harassment"},
		"doxxing": {"harassment"}, "coercive_control": {"harassment"},
		"sextortion": {"harassment", "harassment/threatening"},
		"hate":       {"hate"}, "identity_attack": {"hate"}, "misogyny": {"hate"},
		"threat":   {"harassment", "harassment/threatening", "violence"},
		"violence": {"violence"}, "violence_graphic": {"violence", "violence/graphic"},
		"sexual": {"sexual"}, "solicitation": {"sexual"}, "sexual_minors": {"sexual", "sexual/minors"}, "grooming": {"sexual/minors"},
		"self_harm_disclosure":      {"self-harm", "self-harm/intent"},
		"self_harm_encouragement":   {"self-harm", "self-harm/instructions"},
		"eating_disorder_promotion": {"self-harm", "self-harm/instructions"},
		"suicide":                   {"self-harm"},
		"hate threat":               {"harassment", "harassment/threatening", "hate", "hate/threatening", "violence"},
		"hate:0.4 threat":           {"harassment", "harassment/threatening", "violence"},
	}
	f := start(t)
	for _, label := range text.Labels() {
		if _, ok := want[label.String()]; !ok {
			t.Errorf("nothing is said of %s", label)
		}
	}
	for input, names := range want {
		var got moderation
		if status := f.post(t, "/v1/moderations", fmt.Sprintf(`{"input":%q}`, input), &got); status != 200 {
			t.Fatalf("%s: %d", input, status)
		}
		r := got.Results[0]
		if !cmp.Equal(names, trueOf(r.Categories)) || r.Flagged != (names != nil) {
			t.Errorf("%s: flagged %t, %v, want %v", input, r.Flagged, trueOf(r.Categories), names)
		}
		if len(r.Categories) != 13 || len(r.Scores) != 13 || len(r.Applied) != 13 {
			t.Errorf("%s: %d categories, %d scores, %d types", input, len(r.Categories), len(r.Scores), len(r.Applied))
		}
	}
}

func TestModeration(t *testing.T) {
	f := start(t)
	const picture = `{"type":"image_url","image_url":{"url":"data:image/png;base64,aGVsbG8="}}`
	for body, want := range map[string]struct {
		scores  []float64 // of hate, by result
		applied []string  // of hate
	}{
		`{"input":"hate:0.3"}`:                 {[]float64{.3}, []string{"text"}},
		`{"input":""}`:                         {[]float64{0}, []string{"text"}},
		`{"input":["hate:0.3","","hate:0.6"]}`: {[]float64{.3, 0, .6}, []string{"text"}},
		`{"input":["hate:0.3"],"model":"omni-moderation-latest"}`:                                          {[]float64{.3}, []string{"text"}},
		`{"input":[{"type":"text","text":"hate:0.3"},{"type":"text","text":"hate:0.2"},` + picture + `]}`:  {[]float64{.3}, []string{"text"}},
		`{"input":[` + picture + `,{"type":"image_url","image_url":{"url":"https://example.org/a.png"}}]}`: {[]float64{0}, []string{}},
	} {
		var got moderation
		if status := f.post(t, "/v1/moderations", body, &got); status != 200 || len(got.Results) != len(want.scores) {
			t.Fatalf("%s: %d, %d results", body, status, len(got.Results))
		}
		if !strings.HasPrefix(got.ID, "modr-") || got.Model != "breakwater-text@test" {
			t.Errorf("%s: id %q, model %q", body, got.ID, got.Model)
		}
		for i, r := range got.Results {
			if r.Scores["hate"] != want.scores[i] || !cmp.Equal(want.applied, r.Applied["hate"]) {
				t.Errorf("%s: result %d has score %v of %v", body, i, r.Scores["hate"], r.Applied["hate"])
			}
			if r.Categories["illicit"] != nil || len(r.Applied["illicit"]) != 0 || r.Categories["hate"] == nil {
				t.Errorf("%s: illicit %v %v, hate %v", body, r.Categories["illicit"], r.Applied["illicit"], r.Categories["hate"])
			}
		}
	}
}

// looked is a detector of pictures that sees what their bytes spell out.
type looked struct{ detect.Detector }

func (looked) Detect(_ context.Context, ev *event.Event) (signals []decision.Signal, err error) {
	for _, m := range ev.Content.Media {
		switch name := string(m.Data); name {
		case "fails":
			return nil, errors.New("no banks")
		case "":
			signals = append(signals, decision.Signal{Name: media.SignalUnseen, Score: 1})
		default:
			signals = append(signals, decision.Signal{Name: "media." + name, Score: 1})
		}
	}
	return signals, nil
}

// A picture that is in a bank is in the categories that the bank's topic is.
func TestPictures(t *testing.T) {
	f := start(t)
	f.add(t, compat.Options{Pictures: looked{}})
	for what, want := range map[string]struct {
		status  int
		names   []string
		applied []string // of sexual
	}{
		"csam":              {200, []string{"sexual", "sexual/minors"}, []string{"text", "image"}},
		"intimate_review":   {200, []string{"sexual"}, []string{"text", "image"}},
		"terrorism":         {200, []string{"violence"}, []string{"text", "image"}},
		"listed":            {200, nil, []string{"text", "image"}},
		"innocent":          {200, nil, []string{"text", "image"}},
		"fails":             {503, nil, nil},
		"https://a.b/c.png": {200, nil, []string{"text"}},
	} {
		url := what
		if !strings.Contains(what, ":") {
			url = "data:image/png;base64," + base64.StdEncoding.EncodeToString([]byte(what))
		}
		var got moderation
		body := fmt.Sprintf(`{"input":[{"type":"text","text":"hate:0.2"},{"type":"image_url","image_url":{"url":%q}}]}`, url)
		if status := f.post(t, "/v1/moderations", body, &got); status != want.status {
			t.Fatalf("%s: %d", what, status)
		}
		if want.status != 200 {
			continue
		}
		r := got.Results[0]
		if !cmp.Equal(want.names, trueOf(r.Categories)) || !cmp.Equal(want.applied, r.Applied["sexual"]) || !cmp.Equal([]string{"text"}, r.Applied["hate"]) || r.Scores["hate"] != .2 {
			t.Errorf("%s: %v by %v, hate %v by %v", what, trueOf(r.Categories), r.Applied["sexual"], r.Scores["hate"], r.Applied["hate"])
		}
	}
}

// A known picture is found beside one that can't be looked at, and the other
// categories are not said to have been looked for.
func TestKnownPictureBesideUnseen(t *testing.T) {
	f := start(t)
	f.add(t, compat.Options{Pictures: looked{}})
	known := fmt.Sprintf(`{"type":"image_url","image_url":{"url":"data:image/png;base64,%s"}}`, base64.StdEncoding.EncodeToString([]byte("csam")))
	const elsewhere = `{"type":"image_url","image_url":{"url":"https://a.b/c.png"}}`
	for _, input := range []string{known + "," + elsewhere, elsewhere + "," + known} {
		var got moderation
		if status := f.post(t, "/v1/moderations", `{"input":[`+input+`]}`, &got); status != 200 {
			t.Fatal(status)
		}
		r := got.Results[0]
		if !r.Flagged || !cmp.Equal([]string{"sexual", "sexual/minors"}, trueOf(r.Categories)) || !cmp.Equal([]string{"image"}, r.Applied["sexual/minors"]) || len(r.Applied["violence"]) != 0 {
			t.Errorf("flagged %t, %v, minors by %v, violence by %v", r.Flagged, trueOf(r.Categories), r.Applied["sexual/minors"], r.Applied["violence"])
		}
	}
}

func TestModerationRefuses(t *testing.T) {
	f := start(t)
	for body, field := range map[string]string{
		`{}`:                "input",
		`{"input":null}`:    "input",
		`{"input":[]}`:      "input",
		`{"input":7}`:       "input",
		`{"input":[7]}`:     "input",
		`{"input":["a",7]}`: "input",
		`{"input":["a",{"type":"text","text":"b"}]}`:                                        "input",
		`{"input":[{"type":"sound","text":"b"}]}`:                                           "input",
		`{"input":[{"type":"text","text":"a","colour":1}]}`:                                 "input",
		`{"input":[{"type":"text"}]}`:                                                       "input[0].text",
		`{"input":[{"type":"image_url","text":"b"}]}`:                                       "input[0].image_url",
		`{"input":[{"type":"image_url","image_url":{"url":"file:///a"}}]}`:                  "input[0].image_url.url",
		`{"input":[{"type":"image_url","image_url":{"url":"data:image/png;base64,!"}}]}`:    "input[0].image_url.url",
		`{"input":[{"type":"image_url","image_url":{"url":"data:text/html;base64,aGk="}}]}`: "input[0].image_url.url",
		`{"input":"a","colour":1}`:                                                          "colour",
		`{"input":["` + strings.Repeat("x", 131_073) + `"]}`:                                "input",
		`{"input":["a"` + strings.Repeat(`,"a"`, 1000) + `]}`:                               "input",
	} {
		var got struct {
			Title string
			Error struct {
				Message, Type string
				Param, Code   *string
			}
		}
		status := f.post(t, "/v1/moderations", body, &got)
		e := got.Error
		if status != 422 || got.Title == "" || e.Message == "" || e.Type != "invalid_request_error" || e.Param == nil || *e.Param != field {
			t.Errorf("%.80s: %d %+v, want %s named", body, status, got, field)
		}
	}
	var got struct {
		Error struct{ Type, Code string }
	}
	f.scorer.fails = errors.New("no model")
	if status := f.post(t, "/v1/moderations", `{"input":"a"}`, &got); status != 503 || got.Error.Type != "server_error" {
		t.Errorf("without scores: %d %+v", status, got)
	}
	if status := f.post(t, "/v1/moderations", `{"input":["a"`+strings.Repeat(`,"a"`, 999)+`]}`, &got); status != 503 {
		t.Errorf("a thousand texts: %d", status)
	}
	if status := f.post(t, "/v1/moderations", `{"input":["a"`+strings.Repeat(`,"a"`, 999)+`]}`, &got); status != 429 || got.Error.Code != "rate_limit_exceeded" {
		t.Errorf("another thousand texts: %d %+v", status, got)
	}
}
