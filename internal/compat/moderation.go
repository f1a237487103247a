package compat

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/detect/text"
	"github.com/breakwater-project/breakwater/internal/fault"
	"github.com/breakwater-project/breakwater/internal/web"
)

// maxInputs bounds the texts, or the parts, of one request.
const maxInputs = 1000

// moderationRequest is what OpenAI's endpoint takes.
type moderationRequest struct {
	Input moderationInput `json:"input"`
	Model string          `json:"model,omitempty" maxLength:"128" doc:"Any name is accepted; the answer says which model it was"`
}

// moderationInput is one text, several texts, or the parts of one message.
type moderationInput struct {
	texts []string // each with a result of its own
	parts []part   // with one result for all
}

// part is a part of a message: a text or a picture.
type part struct {
	Type     string    `json:"type" enum:"text,image_url"`
	Text     *string   `json:"text,omitempty" maxLength:"131072"`
	ImageURL *imageURL `json:"image_url,omitempty"`
}

type imageURL struct {
	URL string `json:"url" doc:"An address, or a data: URL with the picture in base64"`
}

// Schema describes the three forms.
func (moderationInput) Schema(r huma.Registry) *huma.Schema {
	most, least, long := maxInputs, 1, event.MaxText
	one := &huma.Schema{Type: huma.TypeString, MaxLength: &long}
	s := &huma.Schema{
		Description: "A text; texts, each with a result of its own; or the parts of one message, with one result",
		AnyOf: []*huma.Schema{
			one,
			{Type: huma.TypeArray, Items: one, MinItems: &least, MaxItems: &most},
			{Type: huma.TypeArray, Items: r.Schema(reflect.TypeFor[part](), true, ""), MinItems: &least, MaxItems: &most},
		},
	}
	for _, form := range s.AnyOf {
		form.PrecomputeMessages()
	}
	return s
}

// UnmarshalJSON reads one of the three forms.
func (in *moderationInput) UnmarshalJSON(data []byte) error {
	data = bytes.TrimSpace(data)
	if len(data) > 0 && data[0] == '"' {
		in.texts = make([]string, 1)
		return json.Unmarshal(data, &in.texts[0])
	}
	if json.Unmarshal(data, &in.texts) == nil {
		return nil
	}
	in.texts = nil
	return json.Unmarshal(data, &in.parts)
}

// moderation is what OpenAI's endpoint answers.
type moderation struct {
	ID      string             `json:"id"`
	Model   string             `json:"model" doc:"What scored: breakwater-text@ and its version"`
	Results []moderationResult `json:"results" nullable:"false"`
}

type moderationResult struct {
	Flagged    bool                  `json:"flagged" doc:"Some category is true"`
	Categories perCategory[*bool]    `json:"categories" doc:"Whether the score reaches the label's threshold; null where nothing looks for it"`
	Scores     perCategory[float64]  `json:"category_scores" doc:"How probable it is that a person would say so, from 0 to 1"`
	Applied    perCategory[[]string] `json:"category_applied_input_types" doc:"Which parts were looked at: text, and image where pictures were compared with the banks of known ones"`
}

func (e *Endpoints) moderate(ctx context.Context, in *struct{ Body moderationRequest }) (*struct{ Body moderation }, error) {
	input := &in.Body.Input
	if err := web.Charge(ctx, max(len(input.texts), len(input.parts))); err != nil {
		return nil, err
	}
	scorer := e.text()
	answer := moderation{ID: moderationID(), Model: "breakwater-text@" + scorer.Version()}
	if input.parts != nil {
		texts, pictures, err := readParts(input.parts)
		if err != nil {
			return nil, err
		}
		var result moderationResult
		if err := result.readTexts(ctx, scorer, texts); err != nil {
			return nil, err
		}
		if err := e.lookAt(ctx, pictures, &result); err != nil {
			return nil, err
		}
		answer.Results = append(answer.Results, result.finished())
	}
	for _, one := range input.texts {
		var result moderationResult
		if err := result.readTexts(ctx, scorer, []string{one}); err != nil {
			return nil, err
		}
		answer.Results = append(answer.Results, result.finished())
	}
	return &struct{ Body moderation }{answer}, nil
}

// moderationID is a name for one answer; nothing is kept under it.
func moderationID() string {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	return "modr-" + hex.EncodeToString(id[:])
}

// readTexts scores texts that belong together: of each category the highest of
// them counts.
func (r *moderationResult) readTexts(ctx context.Context, scorer Text, texts []string) error {
	if len(texts) == 0 {
		return nil
	}
	var all text.Scores
	for _, one := range texts {
		scores, err := score(ctx, scorer, one)
		if err != nil {
			return err
		}
		for l, p := range scores.Of {
			all.Of[l] = max(all.Of[l], p)
		}
	}
	for i, b := range categories() {
		if b.labels != nil {
			r.saw("text", i, b.of(&all), b.flagged(&all, scorer.Threshold))
		}
	}
	return nil
}

// saw notes what was seen of one category in texts or pictures.
func (r *moderationResult) saw(what string, category int, score float64, flag bool) {
	flags, scores, applied := r.Categories.each(), r.Scores.each(), r.Applied.each()
	if *flags[category] != nil {
		flag = flag || **flags[category]
	}
	*flags[category] = &flag
	*scores[category] = max(*scores[category], score)
	*applied[category] = append(*applied[category], what)
	r.Flagged = r.Flagged || flag
}

// finished is the result without gaps: what was looked for and had nothing to
// be looked at is false, what is not looked for is null.
func (r *moderationResult) finished() moderationResult {
	for i, b := range categories() {
		if flag := r.Categories.each()[i]; *flag == nil && b.labels != nil {
			*flag = new(bool)
		}
		if applied := r.Applied.each()[i]; *applied == nil {
			*applied = []string{}
		}
	}
	return *r
}

// readParts is the texts and the pictures among the parts.
func readParts(parts []part) (texts []string, pictures []event.Media, err error) {
	for i, p := range parts {
		at := fmt.Sprintf("input[%d].", i)
		switch {
		case p.Type == "text" && p.Text != nil && p.ImageURL == nil:
			texts = append(texts, *p.Text)
		case p.Type == "text":
			return nil, nil, fault.Fieldwise(fault.Field{Location: at + "text", Message: "a part of type text has text and nothing else"})
		case p.ImageURL == nil || p.Text != nil:
			return nil, nil, fault.Fieldwise(fault.Field{Location: at + "image_url", Message: "a part of type image_url has image_url and nothing else"})
		default:
			picture, err := readPicture(p.ImageURL.URL)
			if err != nil {
				return nil, nil, fault.Fieldwise(fault.Field{Location: at + "image_url.url", Message: err.Error()})
			}
			pictures = append(pictures, picture)
		}
	}
	return texts, pictures, nil
}
