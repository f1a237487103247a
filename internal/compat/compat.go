// Package compat answers at the addresses and in the shapes of services that
// platforms call already: OpenAI's moderations and Google's Perspective. A
// platform changes the base URL and the key, and nothing else.
//
// Nothing of what is asked is kept or logged. Scores come from the same model
// as everybody's decisions; how they become another service's categories
// stands in category.go and attribute.go.
package compat

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/breakwater-project/breakwater/internal/detect"
	"github.com/breakwater-project/breakwater/internal/detect/text"
	"github.com/breakwater-project/breakwater/internal/fault"
	"github.com/breakwater-project/breakwater/internal/keys"
	"github.com/breakwater-project/breakwater/internal/telemetry"
	"github.com/breakwater-project/breakwater/internal/web"
)

// Text tells how harmful a text is; *text.Detector does.
type Text interface {
	// Version names what scores, so that a score can be traced to it.
	Version() string
	// Score fills in how probable each label is, from 0 to 1. It fails only
	// when ctx ends.
	Score(ctx context.Context, text string, into *text.Scores) error
	// Threshold is the score from which a text is flagged for a label.
	Threshold(text.Label) float64
}

// Options is what the endpoints need.
type Options struct {
	// Text is what scores now; asked once in each request, since it changes
	// when the rules are read anew.
	Text func() Text
	// Language is the language of a text (ISO 639-1), "" where it can't be
	// told, and whether that is certain. The function Language unless set.
	Language func(text string) (code string, sure bool)
	// Languages are those that texts can be scored in.
	Languages []string

	// Pictures gives the signals of package media; nil looks at none.
	Pictures detect.Detector
	// BodyLimit is of requests that may have pictures in them, in bytes; that
	// of the API unless set.
	BodyLimit int64

	Metrics *telemetry.Metrics
}

// Endpoints are the drop-in endpoints.
type Endpoints struct {
	text      func() Text
	language  func(string) (string, bool)
	languages []string
	pictures  detect.Detector
	bodyLimit int64
	metrics   *metrics
}

// New is the endpoints over what scores.
func New(o Options) *Endpoints {
	if o.Language == nil {
		o.Language = Language
	}
	return &Endpoints{
		text: o.Text, language: o.Language, languages: o.Languages,
		pictures: o.Pictures, bodyLimit: o.BodyLimit, metrics: newMetrics(o.Metrics),
	}
}

// Routes registers the endpoints.
func (e *Endpoints) Routes(api *web.API) {
	platform := []keys.Role{keys.Platform}
	web.Register(api, web.Operation{
		Method: "POST", Path: "/v1/moderations", ID: "moderate", Tag: "Drop-in",
		Summary: "OpenAI's moderations",
		Description: "Takes and answers what OpenAI's endpoint of the same path does. Errors have OpenAI's object in error. " +
			"Texts and pictures are neither kept nor logged.",
		Roles: platform, BodyLimit: e.bodyLimit, Idempotent: true, Beside: openAIError,
	}, e.moderate)
	web.Register(api, web.Operation{
		Method: "POST", Path: "/v1alpha1/comments:analyze", ID: "analyze-comment", Tag: "Drop-in",
		Summary: "Perspective's AnalyzeComment",
		Description: "Takes and answers what Perspective's endpoint of the same path does. Errors have Google's object in error. " +
			"Texts are neither kept nor logged, whatever doNotStore says.",
		Roles: platform, Idempotent: true, KeyInQuery: true, Beside: googleError,
	}, e.analyze)
	web.Register(api, web.Operation{
		Method: "POST", Path: "/v1alpha1/comments:suggestscore", ID: "suggest-comment-score", Tag: "Drop-in",
		Summary: "Perspective's SuggestCommentScore",
		Description: "Counts whether the suggested scores are higher or lower than ours, by attribute, and forgets the comment: " +
			"nothing learns from it by itself.",
		Roles: platform, Idempotent: false, KeyInQuery: true, Beside: googleError,
	}, e.suggest)
	web.Handle(api, web.Operation{
		Method: "GET", Path: "/$discovery/rest", ID: "perspective-discovery", Public: true, Hidden: true,
	}, discover)
}

// score is what scores say of a text.
func score(ctx context.Context, scorer Text, of string) (*text.Scores, error) {
	scores := new(text.Scores)
	if err := scorer.Score(ctx, of, scores); err != nil {
		if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
			return nil, err
		}
		return nil, fault.Busy(err, time.Second, "Texts cannot be scored right now. Take none for harmless.")
	}
	return scores, nil
}

// blend says how one score of theirs comes of ours: it is the highest of some
// labels, and no higher than the highest of others where there are any.
type blend struct{ labels, and []text.Label }

func (b blend) of(s *text.Scores) float64 {
	p := highest(s, b.labels)
	if len(b.and) > 0 {
		p = min(p, highest(s, b.and))
	}
	return p
}

func highest(s *text.Scores, labels []text.Label) (p float64) {
	for _, l := range labels {
		p = max(p, s.Of[l])
	}
	return p
}

// flagged is whether a label, and one of the others where there are any,
// reaches its threshold.
func (b blend) flagged(s *text.Scores, threshold func(text.Label) float64) bool {
	over := func(l text.Label) bool { return s.Of[l] >= threshold(l) }
	return slices.ContainsFunc(b.labels, over) && (len(b.and) == 0 || slices.ContainsFunc(b.and, over))
}
