package compat

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/breakwater-project/breakwater/internal/detect/text"
	"github.com/breakwater-project/breakwater/internal/fault"
)

const (
	// maxComment is how long a comment may be, in characters. Perspective's
	// limit is 20 KB; it is not taken literally, so that no comment that was
	// scored there is refused here.
	maxComment = 20 << 10

	// maxAttributes bounds the attributes of one request, of which there are some
	// thirty.
	maxAttributes = 50

	// probability is the one type of score that there is.
	probability = "PROBABILITY"
)

// comment is a text and what kind of text it is.
type comment struct {
	Text string `json:"text,omitempty" doc:"Required; at most 20,480 characters"`
	Type string `json:"type,omitempty" doc:"PLAIN_TEXT unless set; nothing else is scored"`
}

// surroundings is what a comment replies to. It is accepted, and not scored, as
// Perspective had it.
type surroundings struct {
	Entries []comment `json:"entries,omitempty"`
	Article *struct {
		Article *comment `json:"article,omitempty"`
		Parent  *comment `json:"parentComment,omitempty"`
	} `json:"articleAndParentComment,omitempty"`
}

// Commented is what both methods take.
type Commented struct {
	Comment     comment       `json:"comment,omitzero" doc:"Required"`
	Context     *surroundings `json:"context,omitempty" doc:"Accepted, and not scored"`
	Languages   []string      `json:"languages,omitempty" maxItems:"100" doc:"Languages of the comment; detected unless set"`
	ClientToken string        `json:"clientToken,omitempty" maxLength:"4096" doc:"Comes back in the answer"`
	SessionID   string        `json:"sessionId,omitempty" maxLength:"4096" doc:"Accepted, and not used"`
	CommunityID string        `json:"communityId,omitempty" maxLength:"4096" doc:"Accepted, and not used"`
}

// GoogleQuery is what clients of Google's APIs add to an address.
type GoogleQuery struct {
	Alt         string `query:"alt" enum:"json" doc:"The answer is JSON"`
	PrettyPrint string `query:"prettyPrint" doc:"Accepted, and not used"`
}

// analyzeRequest is what Perspective's AnalyzeComment takes.
type analyzeRequest struct {
	Commented
	Attributes map[string]parameters `json:"requestedAttributes,omitempty" doc:"Required: names of attributes"`
	Spans      bool                  `json:"spanAnnotations,omitempty" doc:"Scores of each sentence as well"`
	DoNotStore bool                  `json:"doNotStore,omitempty" doc:"Accepted; nothing is ever stored"`
}

type parameters struct {
	ScoreType      string  `json:"scoreType,omitempty" doc:"PROBABILITY unless set; there is nothing else"`
	ScoreThreshold float64 `json:"scoreThreshold,omitempty" doc:"Scores below are left out"`
}

// analysis is what AnalyzeComment answers.
type analysis struct {
	Scores      map[string]attributeScores `json:"attributeScores" nullable:"false" doc:"By attribute, as it was asked for"`
	Languages   []string                   `json:"languages,omitempty" doc:"Those of the request, or the one detected"`
	Detected    []string                   `json:"detectedLanguages,omitempty"`
	ClientToken string                     `json:"clientToken,omitempty"`
}

type attributeScores struct {
	Spans   []spanScore   `json:"spanScores,omitempty" doc:"Sentences if they were asked for, or the whole"`
	Summary *summaryScore `json:"summaryScore,omitempty"`
}

type spanScore struct {
	Begin int          `json:"begin" required:"false" doc:"In UTF-16 code units"`
	End   int          `json:"end" required:"false" doc:"In UTF-16 code units, exclusive"`
	Score summaryScore `json:"score" required:"false"`
}

type summaryScore struct {
	Value float64 `json:"value" required:"false"`
	Type  string  `json:"type" required:"false"`
}

func (e *Endpoints) analyze(ctx context.Context, in *struct {
	GoogleQuery
	Body analyzeRequest
}) (*struct{ Body analysis }, error) {
	b := &in.Body
	asked, err := b.attributes()
	if err != nil {
		return nil, err
	}
	detected, err := e.languagesOf(&b.Commented, slices.Sorted(maps.Keys(asked)))
	if err != nil {
		return nil, err
	}
	scorer := e.text()
	whole, err := score(ctx, scorer, b.Comment.Text)
	if err != nil {
		return nil, err
	}
	spans := []scored{{span: span{0, utf16Length(b.Comment.Text)}, scores: whole}}
	if b.Spans {
		if spans, err = scoreSentences(ctx, scorer, b.Comment.Text); err != nil {
			return nil, err
		}
	}
	answer := analysis{Scores: map[string]attributeScores{}, Languages: b.Languages, Detected: detected, ClientToken: b.ClientToken}
	if b.Languages == nil {
		answer.Languages = detected
	}
	for name, a := range asked {
		if one, ok := a.scores(whole, spans, b.Attributes[name].ScoreThreshold); ok {
			answer.Scores[name] = one
		}
	}
	return &struct{ Body analysis }{answer}, nil
}

// scored is a part of a comment and what was seen in it.
type scored struct {
	span
	scores *text.Scores
}

// scores is an attribute's part of the answer; false if the comment does not
// reach the threshold.
func (a attribute) scores(whole *text.Scores, spans []scored, threshold float64) (attributeScores, bool) {
	summary := a.of(whole)
	if summary < threshold {
		return attributeScores{}, false
	}
	all := attributeScores{Summary: &summaryScore{summary, probability}}
	for _, s := range spans {
		if p := a.of(s.scores); p >= threshold {
			all.Spans = append(all.Spans, spanScore{s.begin, s.end, summaryScore{p, probability}})
		}
	}
	return all, true
}

func scoreSentences(ctx context.Context, scorer Text, comment string) ([]scored, error) {
	var all []scored
	for _, s := range sentences(comment) {
		scores, err := score(ctx, scorer, s.text)
		if err != nil {
			return nil, err
		}
		all = append(all, scored{s.span, scores})
	}
	return all, nil
}

// check refuses a comment that can't be scored.
func (c *comment) check() error {
	switch c.Type {
	case "", "PLAIN_TEXT", "TEXT_TYPE_UNSPECIFIED":
	case "HTML":
		return refuse(invalidRequest, "Currently, only 'PLAIN_TEXT' comments are supported")
	default:
		return refuse(invalidRequest, "Unknown text type")
	}
	if strings.TrimSpace(c.Text) == "" {
		return refuse(commentEmpty, "Comment must be non-empty.")
	}
	if utf8.RuneCountInString(c.Text) > maxComment {
		return refuse(commentTooLong, "Comment text too long.")
	}
	return nil
}

// check refuses what is wrong with a request of either method.
func (c *Commented) check() error {
	if c.Context != nil && c.Context.Article != nil && c.Context.Entries != nil {
		return refuse(invalidRequest, "Context can have either entries or article_and_parent_comment, but both fields were populated.")
	}
	return c.Comment.check()
}

// attributes is what is asked for, by the names it is asked by.
func (r *analyzeRequest) attributes() (map[string]attribute, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	if len(r.Attributes) == 0 {
		return nil, refuse(noRequestedAttributes, "Missing requested_attributes")
	}
	if len(r.Attributes) > maxAttributes {
		return nil, tooManyAttributes()
	}
	asked := map[string]attribute{}
	for name, p := range r.Attributes {
		a, err := named(name)
		if err != nil {
			return nil, err
		}
		if p.ScoreType != "" && p.ScoreType != probability && p.ScoreType != "SCORE_TYPE_UNSPECIFIED" {
			return nil, refuse(invalidRequest, "Requested score type is not supported by attribute "+name)
		}
		asked[name] = a
	}
	return asked, nil
}

func tooManyAttributes() error {
	return refuse(invalidRequest, fmt.Sprintf("At most %d attributes in one request", maxAttributes))
}

func named(name string) (attribute, error) {
	a, ok := attributeOf(name)
	switch {
	case ok:
		return a, nil
	case attributeName.MatchString(name):
		return a, refuse(invalidRequest, "Unknown requested attribute: "+name)
	}
	return a, refuse(invalidRequest, "Unknown requested attribute")
}

// languageTag is what may be said back of a language.
var languageTag = regexp.MustCompile(`^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$`)

// languagesOf is the language that a comment is in, as far as it can be told,
// unless that, or one that the request names, can't be scored in: a low score
// would say that there is no harm where nobody has looked.
func (e *Endpoints) languagesOf(c *Commented, attributes []string) (detected []string, err error) {
	if language, sure := e.language(c.Comment.Text); sure || slices.Contains(e.languages, language) {
		detected = []string{language}
	}
	effective := c.Languages
	if len(effective) == 0 {
		effective = detected
	}
	var unknown []string
	for i, tag := range effective {
		if !languageTag.MatchString(tag) {
			return nil, fault.Wrap(fault.Malformed, &unfit{kind: invalidRequest}, fmt.Sprintf("languages[%d] is not a language tag", i))
		}
		if base, _, _ := strings.Cut(strings.ToLower(tag), "-"); !slices.Contains(e.languages, base) {
			unknown = append(unknown, tag)
		}
	}
	if unknown == nil {
		return detected, nil
	}
	return nil, fault.Wrap(fault.Malformed, &unfit{languageNotSupported, &unsupported{detected, c.Languages, attributes[0]}},
		fmt.Sprintf("Attribute %s does not support request languages: %s", attributes[0], strings.Join(unknown, ", ")))
}
