package compat

import (
	"context"
	"maps"
	"slices"
)

// suggestRequest is what Perspective's SuggestCommentScore takes.
type suggestRequest struct {
	Commented
	Scores map[string]attributeScores `json:"attributeScores,omitempty" doc:"Required: what the scores should be, by attribute"`
}

// suggestion is what SuggestCommentScore answers.
type suggestion struct {
	ClientToken string   `json:"clientToken,omitempty"`
	Detected    []string `json:"detectedLanguages,omitempty"`
	Requested   []string `json:"requestedLanguages,omitempty"`
}

func (e *Endpoints) suggest(ctx context.Context, in *struct {
	GoogleQuery
	Body suggestRequest
}) (*struct{ Body suggestion }, error) {
	b := &in.Body
	suggested, err := b.attributes()
	if err != nil {
		return nil, err
	}
	detected, err := e.languagesOf(&b.Commented, slices.Sorted(maps.Keys(suggested)))
	if err != nil {
		return nil, err
	}
	ours, err := score(ctx, e.text(), b.Comment.Text)
	if err != nil {
		return nil, err
	}
	for name, a := range suggested {
		if s := b.Scores[name].Summary; s != nil {
			e.metrics.suggested(a.name, s.Value, a.of(ours))
		}
	}
	return &struct{ Body suggestion }{suggestion{ClientToken: b.ClientToken, Detected: detected, Requested: b.Languages}}, nil
}

// attributes is what scores are suggested for.
func (r *suggestRequest) attributes() (map[string]attribute, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	if len(r.Scores) == 0 {
		return nil, refuse(noRequestedAttributes, "Missing attribute_scores")
	}
	if len(r.Scores) > maxAttributes {
		return nil, tooManyAttributes()
	}
	suggested := map[string]attribute{}
	for name, scores := range r.Scores {
		a, err := named(name)
		if err != nil {
			return nil, err
		}
		all := make([]summaryScore, 0, 1+len(scores.Spans))
		if scores.Summary != nil {
			all = append(all, *scores.Summary)
		}
		for _, s := range scores.Spans {
			all = append(all, s.Score)
		}
		if len(all) == 0 || slices.ContainsFunc(all, func(s summaryScore) bool { return s.Value < 0 || s.Value > 1 }) {
			return nil, refuse(invalidRequest, "Suggested scores are from 0 to 1: attribute "+name)
		}
		suggested[name] = a
	}
	return suggested, nil
}
