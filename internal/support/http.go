package support

import (
	"context"
	"slices"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/fault"
	"github.com/breakwater-project/breakwater/internal/policy"
	"github.com/breakwater-project/breakwater/internal/web"
)

// Routes registers the guides for platforms, and the page for people. They ask
// for no key: nothing in them is secret, and who needs them may not be logged in.
func (s *Support) Routes(api *web.API) {
	web.Register(api, web.Operation{
		Method: "GET", Path: "/v1/support", ID: "get-support", Tag: "Support", Public: true, Idempotent: true,
		Summary: "Guides for hard moments, and who helps",
		Description: "For the moments at which a service informs children (Ofcom ICU F2), and for kinds of harm. " +
			"Texts are in the nearest language there is. Without a band, what is for children and for adults is given.",
	}, s.get)
	s.pageRoutes(api)
}

type (
	getRequest struct {
		Guide    string `query:"guide" maxLength:"32" doc:"One guide by its id, for example sextortion"`
		Kind     string `query:"kind" maxLength:"64" doc:"Guides for who met this kind of harm, for example csea.grooming"`
		Moment   bool   `query:"moment" doc:"Only guides for the moments at which children are informed"`
		Country  string `query:"country" pattern:"^[A-Z]{2}$" patternDescription:"ISO 3166-1" doc:"Where the person is"`
		Language string `query:"language" maxLength:"35" doc:"BCP 47"`
		Band     string `query:"band" enum:"0-5,6-9,10-12,13-15,16-17,18+,unknown" doc:"How old the person is"`
	}
	getResponse struct{ Body guidesBody }
	guidesBody  struct {
		Language string      `json:"language" doc:"of the texts"`
		Guides   []guideBody `json:"guides" nullable:"false"`
	}
	guideBody struct {
		ID        string          `json:"id"`
		Moment    bool            `json:"moment" doc:"for a moment at which children are informed"`
		Kinds     []decision.Kind `json:"kinds" nullable:"false" doc:"of harm that it is for"`
		Title     string          `json:"title"`
		Lead      string          `json:"lead"`
		Steps     []stepBody      `json:"steps" nullable:"false"`
		Page      string          `json:"page" doc:"path of the guide as a page"`
		Resources []resourceBody  `json:"resources" nullable:"false" doc:"who helps, those of the country first"`
	}
	stepBody struct {
		Title string `json:"title"`
		Body  string `json:"body"`
		Link  *link  `json:"link,omitempty"`
	}
	link struct {
		Text string `json:"text"`
		Path string `json:"path"`
	}
	resourceBody struct {
		decision.Resource
		Languages []string `json:"languages,omitempty" doc:"in which people are answered; absent is those of the country"`
		Source    string   `json:"source,omitempty" doc:"where the entry was read"`
		Checked   string   `json:"checked,omitempty" doc:"and on which day"`
	}
)

func (s *Support) get(_ context.Context, in *getRequest) (*getResponse, error) {
	t := s.in(in.Language)
	from, to := 0, event.MaxAge
	if band, ok := event.ParseBand(in.Band); ok && band != event.BandUnknown {
		from, to = band.Interval()
	}
	bundle := s.bundle()
	out := &getResponse{guidesBody{Language: t.Tag, Guides: []guideBody{}}}
	for _, sub := range s.subjects {
		g := t.Guides[sub.id]
		if in.Guide != "" && in.Guide != g.ID || in.Moment && !g.Moment ||
			in.Kind != "" && !slices.Contains(sub.kinds, decision.Kind(in.Kind)) {
			continue
		}
		out.Body.Guides = append(out.Body.Guides, s.body(&g, sub, bundle.Help(sub.topics, in.Country, t.Tag, from, to)))
	}
	if in.Guide != "" && len(out.Body.Guides) == 0 {
		return nil, fault.New(fault.NotFound, "There is no such guide.")
	}
	return out, nil
}

// body is a guide as platforms get it.
func (s *Support) body(g *Guide, sub subject, help []policy.Resource) guideBody {
	b := guideBody{
		ID: g.ID, Moment: g.Moment, Kinds: append([]decision.Kind{}, sub.kinds...), Title: g.Title, Lead: g.Lead,
		Steps: []stepBody{}, Page: "/help/" + g.ID, Resources: []resourceBody{},
	}
	for _, step := range g.Steps {
		sb := stepBody{Title: step.Title, Body: step.Body}
		if step.Link != "" && s.ownImage != "" {
			sb.Link = &link{step.Link, s.ownImage}
		}
		b.Steps = append(b.Steps, sb)
	}
	for _, r := range help {
		b.Resources = append(b.Resources, resourceBody{r.Resource, r.Languages, r.Source, r.Checked})
	}
	return b
}
