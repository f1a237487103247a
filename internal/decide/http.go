package decide

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/db"
	"github.com/breakwater-project/breakwater/internal/fault"
	"github.com/breakwater-project/breakwater/internal/journal"
	"github.com/breakwater-project/breakwater/internal/keys"
	"github.com/breakwater-project/breakwater/internal/policy"
	"github.com/breakwater-project/breakwater/internal/web"
)

// Limits of the routes.
type Limits struct {
	EventBytes  int64
	BatchBytes  int64
	BatchEvents int
}

// Routes registers decisions, feeds and safeguards.
func (e *Engine) Routes(a *web.API, l Limits) {
	platform := []keys.Role{keys.Platform}
	web.Raw[event.Event, decision.Decision](a, web.Operation{
		Method: "POST", Path: "/v1/decisions", ID: "decide", Tag: "Decisions",
		Summary:     "Decide one event",
		Description: "The answer is durable when it comes. The same event again (by type and id) has the same answer; another body under the same type and id is a conflict.",
		Roles:       platform, BodyLimit: l.EventBytes, Idempotent: true,
	}, e.postDecision)
	web.Raw[batchRequest, batchResponse](a, web.Operation{
		Method: "POST", Path: "/v1/decisions/batch", ID: "decide-batch", Tag: "Decisions",
		Summary:     "Decide up to 1,000 events",
		Description: "Answers come in the events' order. An event that is refused has {\"error\": problem} in its place.",
		Roles:       platform, BodyLimit: l.BatchBytes, Idempotent: true,
	}, func(ctx context.Context, r web.Request) (web.Answer, error) {
		return e.postBatch(ctx, r, l.BatchEvents)
	})
	web.Raw[web.None, decision.Decision](a, web.Operation{
		Method: "GET", Path: "/v1/decisions/{id}", ID: "get-decision", Tag: "Decisions",
		Summary: "An earlier decision",
		Roles:   []keys.Role{keys.Platform, keys.Reviewer, keys.Analyst, keys.Compliance},
	}, e.getDecision)
	web.Register(a, web.Operation{
		Method: "GET", Path: "/v1/accounts/{id}/safeguards", ID: "get-safeguards", Tag: "Accounts",
		Summary:     "Protective defaults of an account",
		Description: "By the age the account may have and where it is. An account that is not known has those of an unknown age. Every effect names its rule.",
		Roles:       platform,
	}, e.getSafeguards)
	web.Register(a, web.Operation{
		Method: "POST", Path: "/v1/feeds/filter", ID: "filter-feed", Tag: "Feeds",
		Summary:     "Which items a viewer may be shown, and how prominently",
		Description: "Multiply your own ranking by rank; 0 takes an item out. Say in shown what the viewer was shown of earlier lists, or send content.view events: budgets of the policy bound how much of one kind of harm one person meets in a day, and in one list.",
		Roles:       platform,
	}, e.postFilter)
	web.Register(a, web.Operation{
		Method: "POST", Path: "/v1/feeds/feedback", ID: "feed-feedback", Tag: "Feeds",
		Summary: "A viewer wants to see less of what an item is",
		Roles:   platform, Status: 204, Idempotent: false,
	}, e.postFeedback)
}

func (e *Engine) postDecision(ctx context.Context, r web.Request) (web.Answer, error) {
	ev, err := event.Decode(r.Body, e.Now())
	if err != nil {
		return web.Answer{}, invalid(err)
	}
	answer, err := e.Decide(ctx, &ev)
	if err != nil {
		return web.Answer{}, refusal(err)
	}
	return web.Answer{Body: answer.Encoded}, nil
}

// batchRequest and batchResponse are for the documents; the bytes are read by
// event.DecodeBatch and written as they stand in the journal.
type (
	batchRequest struct {
		Events []event.Event `json:"events" maxItems:"1000" nullable:"false"`
	}
	batchResponse struct {
		Decisions []batchItem `json:"decisions" nullable:"false"`
	}
	batchItem struct {
		decision.Decision
		Error *fault.Problem `json:"error,omitempty" doc:"In place of all else, where the event is refused"`
	}
)

func (e *Engine) postBatch(ctx context.Context, r web.Request, limit int) (web.Answer, error) {
	batch, err := event.DecodeBatch(r.Body, e.Now())
	if err != nil {
		return web.Answer{}, invalid(err)
	}
	if len(batch) > limit {
		return web.Answer{}, fault.Fieldwise(fault.Field{Location: "events", Message: "more events than limits.batch_events admits"})
	}
	if err := web.Charge(ctx, len(batch)); err != nil {
		return web.Answer{}, err
	}
	var events []*event.Event
	for i := range batch {
		if batch[i].Err == nil {
			events = append(events, &batch[i].Event)
		}
	}
	answers, err := e.DecideBatch(ctx, events)
	if err != nil {
		return web.Answer{}, refusal(err)
	}
	body, err := joinBatch(batch, answers)
	return web.Answer{Body: body}, err
}

// joinBatch puts each answer, or what is wrong, in its event's place.
func joinBatch(batch []event.Decoded, answers []BatchAnswer) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(`{"decisions":[`)
	for i := range batch {
		if i > 0 {
			b.WriteByte(',')
		}
		err := batch[i].Err
		if err == nil {
			answer := answers[0]
			answers = answers[1:]
			if answer.Err == nil {
				b.Write(answer.Encoded)
				continue
			}
			err = answer.Err
		}
		problem, encodeErr := json.Marshal(map[string]fault.Problem{"error": ProblemOf(err)})
		if encodeErr != nil {
			return nil, encodeErr
		}
		b.Write(problem)
	}
	b.WriteString("]}")
	return b.Bytes(), nil
}

func (e *Engine) getDecision(ctx context.Context, r web.Request) (web.Answer, error) {
	entry, err := e.Journal.Get(ctx, r.Path("id"))
	if err != nil {
		return web.Answer{}, refusal(err)
	}
	return web.Answer{Body: e.told(&entry)}, nil
}

// askAgain bounds how long safeguards may be remembered: ages, places and
// policy change at any time.
const askAgain = 24 * time.Hour

// safeguardsAnswer is an account's protective defaults.
type safeguardsAnswer struct {
	Band       event.Band  `json:"band" enum:"0-5,6-9,10-12,13-15,16-17,18+,unknown"`
	Basis      event.Basis `json:"basis" enum:"verified,estimated,inferred,declared,guardian,none"`
	Protective bool        `json:"protective" doc:"The age is in doubt, so the account is taken to be as young as it may be"`
	policy.Safeguards
}

func (e *Engine) getSafeguards(ctx context.Context, in *struct {
	ID string `path:"id" maxLength:"256"`
}) (*struct{ Body safeguardsAnswer }, error) {
	subject, err := e.Viewer(ctx, in.ID, event.BandUnknown, "")
	if err != nil {
		return nil, refusal(err)
	}
	now := e.Now().UTC()
	safeguards := e.Rules.Bundle().Safeguards(subject, now, e.Markets)
	if latest := now.Add(askAgain); safeguards.ValidUntil.IsZero() || safeguards.ValidUntil.After(latest) {
		safeguards.ValidUntil = latest
	}
	nameTheRest(&safeguards)
	return &struct{ Body safeguardsAnswer }{safeguardsAnswer{
		Band: subject.Band, Basis: subject.Basis,
		Protective: subject.Band == event.BandUnknown,
		Safeguards: safeguards,
	}}, nil
}

// nameTheRest says of effects that no rule restricts that they are as they are
// by default: every effect names its rule.
func nameTheRest(s *policy.Safeguards) {
	named := map[string]bool{}
	for _, r := range s.Rules {
		named[r.Effect] = true
	}
	for _, effect := range slices.Sorted(maps.Keys(s.Effects)) {
		if !named[effect] {
			s.Rules = append(s.Rules, policy.SafeguardRule{Effect: effect, Rule: "default", Measures: []string{}})
		}
	}
}

// viewer is whose feed it is: a known account, or a band and a country.
type viewer struct {
	ID      string      `json:"id,omitempty" maxLength:"256"`
	Band    *event.Band `json:"band,omitempty" enum:"0-5,6-9,10-12,13-15,16-17,18+,unknown"`
	Country string      `json:"country,omitempty" pattern:"^[A-Z]{2}$" doc:"ISO 3166-1 alpha-2"`
}

func (e *Engine) postFilter(ctx context.Context, in *struct {
	Body struct {
		Viewer viewer   `json:"viewer" doc:"Either id, or band and country"`
		Items  []string `json:"items" maxItems:"2000" nullable:"false" doc:"Content ids, in the platform's order"`
		Shown  []string `json:"shown,omitempty" maxItems:"2000" nullable:"false" doc:"Content ids that the viewer, named by id, was shown since the last request; saying it twice does no harm"`
	}
}) (*struct{ Body filterAnswer }, error) {
	v := in.Body.Viewer
	if (v.ID == "") == (v.Band == nil) {
		return nil, fault.Fieldwise(fault.Field{Location: "viewer", Message: "must have either id or band"})
	}
	band := event.BandUnknown
	if v.Band != nil {
		band = *v.Band
	}
	if err := web.Charge(ctx, 1+(len(in.Body.Items)+len(in.Body.Shown))/100); err != nil {
		return nil, err
	}
	subject, err := e.Viewer(ctx, v.ID, band, v.Country)
	if err != nil {
		return nil, refusal(err)
	}
	if err := e.NoteShown(ctx, v.ID, subject, in.Body.Shown); err != nil {
		return nil, refusal(err)
	}
	items, bundle, err := e.FilterFeed(ctx, v.ID, subject, in.Body.Items)
	if err != nil {
		return nil, refusal(err)
	}
	e.Metrics.ranked(len(items))
	return &struct{ Body filterAnswer }{filterAnswer{
		Items: items, Policy: decision.Policy{Bundle: bundle.Name(), Digest: bundle.Digest()},
	}}, nil
}

// filterAnswer is a filtered feed.
type filterAnswer struct {
	Items  []Ranked        `json:"items" nullable:"false"`
	Policy decision.Policy `json:"policy"`
}

func (e *Engine) postFeedback(ctx context.Context, in *struct {
	Body struct {
		Viewer viewer `json:"viewer"`
		Item   string `json:"item" minLength:"1" maxLength:"256"`
		Action string `json:"action" enum:"see_less"`
	}
}) (*struct{}, error) {
	if in.Body.Viewer.ID == "" {
		return nil, fault.Fieldwise(fault.Field{Location: "viewer.id", Message: "required: a wish is an account's"})
	}
	if err := e.seeLess(ctx, in.Body.Viewer.ID, in.Body.Item); err != nil {
		return nil, refusal(err)
	}
	return nil, nil
}

// invalid shows what is wrong with an event, nil if nothing is.
func invalid(err error) error {
	var e *event.Error
	if !errors.As(err, &e) {
		return err
	}
	f := fault.New(fault.Invalid, "The event does not say what it must.")
	if e.Malformed {
		f = fault.New(fault.Malformed, "The event is not acceptable JSON.")
	}
	for _, field := range e.Fields {
		f.Fields = append(f.Fields, fault.Field{Location: cmp.Or(field.Location, "body"), Message: field.Message})
	}
	return f
}

// refusal shows why a decision, or what was asked about one, can't be had.
func refusal(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrConflict):
		return fault.New(fault.Conflict, "An event of this type and id was decided before with another body.")
	case errors.Is(err, journal.ErrNotFound):
		return fault.New(fault.NotFound, "There is no decision of this id.")
	case errors.Is(err, journal.ErrBusy), errors.Is(err, journal.ErrClosed), errors.Is(err, db.ErrUnavailable):
		return fault.Busy(err, time.Second, "Nothing can be made durable right now. Deliver nothing yet, and send it again.")
	case db.IsUnavailable(err): // as reads have it
		return fault.Busy(err, time.Second, "Nothing can be read right now. Show nothing yet, and ask again.")
	}
	return err
}

// ProblemOf is what a caller may read of why an event has no decision.
func ProblemOf(err error) fault.Problem { return fault.From(refusal(invalid(err))).Problem() }
