package compat_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/breakwater-project/breakwater/internal/detect/text"
)

const analyzePath = "/v1alpha1/comments:analyze?key=k&alt=json"

type value struct {
	Value float64
	Type  string
}

type spanScore struct {
	Begin, End int
	Score      value
}

// analysis is the answer as a client reads it.
type analysis struct {
	Scores map[string]struct {
		Summary value       `json:"summaryScore"`
		Spans   []spanScore `json:"spanScores"`
	} `json:"attributeScores"`
	Languages   []string
	Detected    []string `json:"detectedLanguages"`
	ClientToken string
}

// Each attribute is the label that Perspective's definition says, under every
// name that clients use for it.
func TestAttributes(t *testing.T) {
	labels := map[string]string{
		"TOXICITY": "toxic", "TOXICITY@6": "severe_toxic", "TOXICITY_EXPERIMENTAL": "insult", "TOXICITY_FAST": "identity_attack",
		"SEVERE_TOXICITY": "severe_toxic", "SEVERE_TOXICITY_EXPERIMENTAL": "severe_toxic",
		"IDENTITY_ATTACK": "hate", "IDENTITY_ATTACK_EXPERIMENTAL": "misogyny",
		"INSULT": "insult", "INSULT_EXPERIMENTAL": "insult", "INSULT@2": "insult",
		"PROFANITY": "profanity", "PROFANITY_EXPERIMENTAL": "profanity", "OBSCENE": "profanity",
		"THREAT": "threat", "THREAT_EXPERIMENTAL": "threat",
		"SEXUALLY_EXPLICIT": "sexual", "SPAM": "spam",
	}
	for _, label := range text.Labels() {
		labels["BW_"+strings.ToUpper(label.String())] = label.String()
	}
	f := start(t)
	for name, label := range labels {
		for p, comment := range map[float64]string{.7: label + ":0.7", 0: "a kind word"} {
			var got analysis
			body := fmt.Sprintf(`{"comment":{"text":%q},"requestedAttributes":{%q:{}}}`, comment, name)
			if status := f.post(t, analyzePath, body, &got); status != 200 {
				t.Fatalf("%s: %d", name, status)
			}
			if s := got.Scores[name].Summary; s != (value{p, "PROBABILITY"}) {
				t.Errorf("%s of %q is %v", name, comment, s)
			}
		}
	}
}

func TestAnalyze(t *testing.T) {
	f := start(t)
	const comment = `"comment":{"text":"😀 insult:0.2! A kind word. Insult:0.9 threat:0.4!","type":"PLAIN_TEXT"}`
	whole := func(p float64) []spanScore { return []spanScore{{0, 50, value{p, "PROBABILITY"}}} }
	for name, tt := range map[string]struct {
		body      string
		insult    float64
		spans     []spanScore
		languages []string
	}{
		"the least": {`{` + comment + `,"requestedAttributes":{"INSULT":{}}}`, .9, whole(.9), nil},
		"everything": {`{` + comment + `,"requestedAttributes":{"INSULT":{"scoreType":"PROBABILITY","scoreThreshold":0.8}},"languages":["en-GB"],"doNotStore":true,
			"clientToken":"t","sessionId":"s","communityId":"c","context":{"entries":[{"text":"before"}]}}`, .9, whole(.9), []string{"en-GB"}},
		"sentences": {`{` + comment + `,"requestedAttributes":{"INSULT":{}},"spanAnnotations":true}`, .9, []spanScore{
			{0, 14, value{.2, "PROBABILITY"}}, {15, 27, value{0, "PROBABILITY"}}, {28, 50, value{.9, "PROBABILITY"}},
		}, nil},
		"sentences over a threshold": {`{` + comment + `,"requestedAttributes":{"INSULT":{"scoreThreshold":0.1}},"spanAnnotations":true}`, .9, []spanScore{
			{0, 14, value{.2, "PROBABILITY"}}, {28, 50, value{.9, "PROBABILITY"}},
		}, nil},
		"below its threshold": {`{` + comment + `,"requestedAttributes":{"INSULT":{"scoreThreshold":0.95}}}`, 0, nil, nil},
	} {
		var got analysis
		if status := f.post(t, analyzePath, tt.body, &got); status != 200 {
			t.Fatalf("%s: %d", name, status)
		}
		a, there := got.Scores["INSULT"]
		if there != (tt.insult > 0) || a.Summary.Value != tt.insult || !cmp.Equal(tt.spans, a.Spans) {
			t.Errorf("%s: %+v\n%s", name, got, cmp.Diff(tt.spans, a.Spans))
		}
		if !cmp.Equal(tt.languages, got.Languages) || (got.ClientToken == "t") != (name == "everything") {
			t.Errorf("%s: languages %v, token %q", name, got.Languages, got.ClientToken)
		}
	}
	for comment, want := range map[string][]string{"de: insult": {"de"}, "de? insult": {"de"}, "ja? insult": nil} {
		var got analysis
		f.post(t, analyzePath, fmt.Sprintf(`{"comment":{"text":%q},"requestedAttributes":{"INSULT":{}}}`, comment), &got)
		if !cmp.Equal(want, got.Languages) || !cmp.Equal(want, got.Detected) {
			t.Errorf("%s: languages %v, detected %v", comment, got.Languages, got.Detected)
		}
	}
}

// refused is an error as clients of Google's APIs read it.
type refused struct {
	Error struct {
		Code            int
		Message, Status string
		Details         []struct {
			At        string `json:"@type"`
			ErrorType string
			Language  struct {
				Detected  []string `json:"detectedLanguages"`
				Requested []string `json:"requestedLanguages"`
				Attribute string
			} `json:"languageNotSupportedByAttributeError"`
			Fields []struct{ Field string } `json:"fieldViolations"`
		}
	}
}

func TestAnalyzeRefuses(t *testing.T) {
	f := start(t)
	const insult = `"requestedAttributes":{"INSULT":{}}`
	for body, want := range map[string]struct {
		status int
		kind   string
		says   string
	}{
		`{` + insult + `}`:                          {400, "COMMENT_EMPTY", "Comment must be non-empty."},
		`{"comment":{"text":" \n"},` + insult + `}`: {400, "COMMENT_EMPTY", "Comment must be non-empty."},
		`{"comment":{"text":"` + strings.Repeat("ä", 20481) + `"},` + insult + `}`: {400, "COMMENT_TOO_LONG", "Comment text too long."},
		`{"comment":{"text":"a"}}`:                                                                      {400, "NO_REQUESTED_ATTRIBUTES", "Missing requested_attributes"},
		`{"comment":{"text":"a"},"requestedAttributes":{}}`:                                             {400, "NO_REQUESTED_ATTRIBUTES", "Missing requested_attributes"},
		`{"comment":{"text":"a"},"requestedAttributes":{"FLIRTATION":{}}}`:                              {400, "INVALID_REQUEST", "Unknown requested attribute: FLIRTATION"},
		`{"comment":{"text":"a"},"requestedAttributes":{"BW_KINDNESS":{}}}`:                             {400, "INVALID_REQUEST", "Unknown requested attribute: BW_KINDNESS"},
		`{"comment":{"text":"a"},"requestedAttributes":{"what they said":{}}}`:                          {400, "INVALID_REQUEST", "Unknown requested attribute"},
		`{"comment":{"text":"a"},"requestedAttributes":{"INSULT":{"scoreType":"RAW"}}}`:                 {400, "INVALID_REQUEST", "Requested score type is not supported by attribute INSULT"},
		`{"comment":{"text":"a","type":"HTML"},` + insult + `}`:                                         {400, "INVALID_REQUEST", "Currently, only 'PLAIN_TEXT' comments are supported"},
		`{"comment":{"text":"a","type":"TEXT"},` + insult + `}`:                                         {400, "INVALID_REQUEST", "Unknown text type"},
		`{"comment":{"text":"a"},` + insult + `,"languages":["en","ja"]}`:                               {400, "LANGUAGE_NOT_SUPPORTED_BY_ATTRIBUTE", "Attribute INSULT does not support request languages: ja"},
		`{"comment":{"text":"ja: a"},` + insult + `}`:                                                   {400, "LANGUAGE_NOT_SUPPORTED_BY_ATTRIBUTE", "Attribute INSULT does not support request languages: ja"},
		`{"comment":{"text":"a"},` + insult + `,"languages":["what they said"]}`:                        {400, "INVALID_REQUEST", "languages[0] is not a language tag"},
		`{"comment":{"text":"a"},` + insult + `,"context":{"entries":[],"articleAndParentComment":{}}}`: {400, "INVALID_REQUEST", "Context can have either entries or article_and_parent_comment, but both fields were populated."},
		`{"comment":{"text":7},` + insult + `}`:                                                         {422, "INVALID_REQUEST", "The request does not say what it must."},
		`{"comment":{"text":"a"},` + insult + `,"a":1}`:                                                 {422, "INVALID_REQUEST", "The request does not say what it must."},
		`{"comment":{"text":"a"},"requestedAttributes":{"INSULT":{"a":1}}}`:                             {422, "INVALID_REQUEST", "The request does not say what it must."},
		`{`: {400, "INVALID_REQUEST", "The body is not acceptable JSON: expected a key in double quotes at byte 1."},
	} {
		var got refused
		status := f.post(t, analyzePath, body, &got)
		e := got.Error
		if status != want.status || e.Code != want.status || e.Status != "INVALID_ARGUMENT" || e.Message != want.says {
			t.Errorf("%.80s: %d %+v", body, status, e)
		}
		if len(e.Details) == 0 || e.Details[0].ErrorType != want.kind || e.Details[0].At != "type.googleapis.com/google.commentanalyzer.v1alpha1.Error" {
			t.Errorf("%.80s: details %+v, want %s", body, e.Details, want.kind)
			continue
		}
		if d := e.Details[0].Language; want.kind == "LANGUAGE_NOT_SUPPORTED_BY_ATTRIBUTE" && (d.Attribute != "INSULT" || len(d.Detected)+len(d.Requested) == 0) {
			t.Errorf("%.80s: %+v", body, d)
		}
		if (status == 422) != (len(e.Details) == 2 && e.Details[1].Fields[0].Field != "") {
			t.Errorf("%.80s: fields %+v", body, e.Details)
		}
	}
	var got refused
	if status := f.post(t, "/v1alpha1/comments:analyze?key=other", `{}`, &got); status != 401 || got.Error.Code != 401 || got.Error.Status != "UNAUTHENTICATED" {
		t.Errorf("with an unknown key: %d %+v", status, got)
	}
}

// A name has nothing behind it but a version, and one request asks for what
// there is, not for one attribute under a thousand names.
func TestAttributesAreBounded(t *testing.T) {
	f := start(t)
	many := func(n int) string {
		names := make([]string, n)
		for i := range names {
			names[i] = fmt.Sprintf(`"INSULT@%d":{"summaryScore":{"value":1}}`, i)
		}
		return strings.Join(names, ",")
	}
	asked := func(names string) string { return strings.ReplaceAll(names, `{"summaryScore":{"value":1}}`, "{}") }
	for _, tt := range []struct {
		names  string
		status int
		says   string
	}{
		{many(50), 200, ""},
		{many(51), 400, "At most 50 attributes in one request"},
		{many(1000), 400, "At most 50 attributes in one request"},
		{`"INSULT@what they said":{"summaryScore":{"value":1}}`, 400, "Unknown requested attribute"},
		{`"INSULT@":{"summaryScore":{"value":1}}`, 400, "Unknown requested attribute"},
		{`"INSULT@6@7":{"summaryScore":{"value":1}}`, 400, "Unknown requested attribute"},
		{`"BW_INSULT@x":{"summaryScore":{"value":1}}`, 400, "Unknown requested attribute"},
		{`"BW_insult":{"summaryScore":{"value":1}}`, 400, "Unknown requested attribute"},
	} {
		for path, body := range map[string]string{
			analyzePath:                             `{"comment":{"text":"a"},"requestedAttributes":{` + asked(tt.names) + `}}`,
			"/v1alpha1/comments:suggestscore?key=k": `{"comment":{"text":"a"},"attributeScores":{` + tt.names + `}}`,
		} {
			var got refused
			if status := f.post(t, path, body, &got); status != tt.status || got.Error.Message != tt.says {
				t.Errorf("%s %.80s: %d %+v", path, tt.names, status, got.Error)
			}
		}
	}
}

// A suggestion is counted by its direction, and that is all.
func TestSuggestScore(t *testing.T) {
	f := start(t)
	const path = "/v1alpha1/comments:suggestscore?key=k"
	for body, status := range map[string]int{
		`{"comment":{"text":"insult:0.9"},"attributeScores":{"INSULT_EXPERIMENTAL":{"summaryScore":{"value":0}}},"clientToken":"t"}`:       200,
		`{"comment":{"text":"insult:0.1"},"attributeScores":{"INSULT":{"summaryScore":{"value":1}}},"clientToken":"t"}`:                    200,
		`{"comment":{"text":"insult:0.1"},"attributeScores":{"INSULT":{"summaryScore":{"value":0.15}}},"clientToken":"t"}`:                 200,
		`{"comment":{"text":"a"},"attributeScores":{"THREAT":{"spanScores":[{"begin":0,"end":1,"score":{"value":1}}]}},"clientToken":"t"}`: 200,
		`{"comment":{"text":"a"},"attributeScores":{"INSULT":{"summaryScore":{"value":2}}}}`:                                               400,
		`{"comment":{"text":"a"},"attributeScores":{"INSULT":{}}}`:                                                                         400,
		`{"comment":{"text":"a"},"attributeScores":{"KINDNESS":{"summaryScore":{"value":1}}}}`:                                             400,
		`{"comment":{"text":"a"}}`:                                    400,
		`{"attributeScores":{"INSULT":{"summaryScore":{"value":1}}}}`: 400,
	} {
		var got struct {
			ClientToken string
			Error       struct{ Status string }
		}
		if s := f.post(t, path, body, &got); s != status || (got.ClientToken == "t") != (s == 200) || (got.Error.Status == "INVALID_ARGUMENT") != (s == 400) {
			t.Errorf("%s: %d %+v", body, s, got)
		}
	}
	counted := map[string]float64{}
	families, err := f.metrics.Gatherer().Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == "breakwater_compat_suggestions_total" {
			for _, m := range family.GetMetric() {
				counted[m.GetLabel()[0].GetValue()+" "+m.GetLabel()[1].GetValue()] = m.GetCounter().GetValue()
			}
		}
	}
	if want := map[string]float64{"INSULT lower": 1, "INSULT higher": 1, "INSULT same": 1}; !cmp.Equal(want, counted) {
		t.Error(cmp.Diff(want, counted))
	}
}
