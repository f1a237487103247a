package urgent

import (
	"context"
	"errors"
	"time"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/internal/db"
	"github.com/breakwater-project/breakwater/internal/fault"
	"github.com/breakwater-project/breakwater/internal/keys"
	"github.com/breakwater-project/breakwater/internal/web"
)

// Routes registers the lane.
func (l *Lane) Routes(api *web.API) {
	const tag = "Urgent"
	web.Register(api, web.Operation{
		Method: "GET", Path: "/v1/urgent", ID: "list-urgent", Tag: tag,
		Summary:     "Decisions that a person must look at now, the first due first",
		Description: "A life may be at risk. Acknowledge an entry when you are on it; resolve it when you know how it ended.",
		Roles:       []keys.Role{keys.Reviewer, keys.Compliance}, Idempotent: true,
	}, l.getEntries)
	web.Register(api, web.Operation{
		Method: "POST", Path: "/v1/urgent/{id}/acknowledge", ID: "acknowledge-urgent", Tag: tag,
		Summary: "I am on it: the pager stops", Roles: []keys.Role{keys.Reviewer, keys.Compliance}, Idempotent: true,
	}, l.postAcknowledge)
	web.Register(api, web.Operation{
		Method: "POST", Path: "/v1/urgent/{id}/resolve", ID: "resolve-urgent", Tag: tag,
		Summary: "How it ended", Roles: []keys.Role{keys.Reviewer, keys.Compliance}, Idempotent: true,
	}, l.postResolve)
}

type entryAnswer struct {
	ID       string        `json:"id"`
	Decision string        `json:"decision"`
	Rule     string        `json:"rule"`
	Kind     decision.Kind `json:"kind,omitempty"`
	State    State         `json:"state" enum:"open,acknowledged,resolved"`
	Opened   time.Time     `json:"opened"`
	Due      time.Time     `json:"due" doc:"By when it must be acknowledged; once it is, resolved"`
	Overdue  bool          `json:"overdue"`
	Pages    int           `json:"pages" doc:"How often it has been paged for"`
	Paged    time.Time     `json:"paged,omitzero" doc:"When a pager last took a page; absent: none has"`

	Acknowledged   time.Time `json:"acknowledged,omitzero"`
	AcknowledgedBy string    `json:"acknowledged_by,omitempty" doc:"Id of the API key"`
	Resolved       time.Time `json:"resolved,omitzero"`
	ResolvedBy     string    `json:"resolved_by,omitempty"`
	Outcome        Outcome   `json:"outcome,omitempty" enum:"authority_told,help_arranged,no_danger,mistaken"`
}

func (l *Lane) answer(e *Entry) entryAnswer {
	return entryAnswer{
		ID: e.ID, Decision: e.Decision, Rule: e.Rule, Kind: e.Kind, State: e.State, Opened: e.At, Due: e.Due,
		Overdue: e.Overdue(l.now()), Pages: e.Level, Paged: e.Paged,
		Acknowledged: e.Acknowledged, AcknowledgedBy: e.Acknowledger, Resolved: e.Resolved, ResolvedBy: e.Resolver, Outcome: e.Outcome,
	}
}

type listAnswer struct {
	Urgent []entryAnswer `json:"urgent" nullable:"false" doc:"At most 500"`
}

func (l *Lane) getEntries(ctx context.Context, in *struct {
	State State `query:"state" enum:"open,acknowledged,resolved" doc:"Only these; absent: all that are not resolved"`
}) (*struct{ Body listAnswer }, error) {
	all, err := l.List(ctx, in.State)
	if err != nil {
		return nil, problem(err)
	}
	out := &struct{ Body listAnswer }{listAnswer{[]entryAnswer{}}}
	for i := range all {
		out.Body.Urgent = append(out.Body.Urgent, l.answer(&all[i]))
	}
	return out, nil
}

// ByID names one entry in a path. It is exported so that it can be embedded.
type ByID struct {
	ID string `path:"id" maxLength:"64"`
}

func (l *Lane) postAcknowledge(ctx context.Context, in *struct {
	ByID
	Body struct {
		Minutes int `json:"minutes,omitempty" minimum:"1" maximum:"1440" doc:"By when you will have resolved it; absent, and at most: what is configured"`
	}
}) (*struct{ Body entryAnswer }, error) {
	e, err := l.Acknowledge(ctx, in.ID, caller(ctx), time.Duration(in.Body.Minutes)*time.Minute)
	if err != nil {
		return nil, problem(err)
	}
	return &struct{ Body entryAnswer }{l.answer(&e)}, nil
}

func (l *Lane) postResolve(ctx context.Context, in *struct {
	ByID
	Body struct {
		Outcome Outcome `json:"outcome" enum:"authority_told,help_arranged,no_danger,mistaken" doc:"mistaken: the rule saw what was not there"`
	}
}) (*struct{ Body entryAnswer }, error) {
	e, err := l.Resolve(ctx, in.ID, caller(ctx), in.Body.Outcome)
	if err != nil {
		return nil, problem(err)
	}
	return &struct{ Body entryAnswer }{l.answer(&e)}, nil
}

// caller is the id of the key that calls.
func caller(ctx context.Context) string {
	p, _ := keys.From(ctx)
	return p.ID
}

// problem shows why something was not done.
func problem(err error) error {
	switch {
	case errors.Is(err, ErrNotFound):
		return fault.New(fault.NotFound, "There is no such entry in the urgent lane.")
	case errors.Is(err, ErrResolved):
		return fault.New(fault.Conflict, "It is resolved already.")
	case db.IsUnavailable(err):
		return fault.Busy(err, time.Second, "The urgent lane cannot be read or written right now.")
	}
	return err
}
