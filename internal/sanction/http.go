package sanction

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/breakwater-project/breakwater/internal/db"
	"github.com/breakwater-project/breakwater/internal/fault"
	"github.com/breakwater-project/breakwater/internal/keys"
	"github.com/breakwater-project/breakwater/internal/web"
)

const tag = "Sanctions"

// Routes registers the ledger and the restraint.
func (s *Sanctions) Routes(api *web.API) {
	web.Register(api, web.Operation{
		Method: "GET", Path: "/v1/accounts/{id}/sanctions", ID: "list-sanctions", Tag: tag,
		Summary:     "What was done to an account, newest first",
		Description: "What is in force, what ended and what was undone, each with its decision and rule. Stop payouts while a demonetisation is in force, and offer no feature that is restricted.",
		Roles:       []keys.Role{keys.Platform, keys.Reviewer, keys.Compliance}, Idempotent: true,
	}, s.getSanctions)
	web.Register(api, web.Operation{
		Method: "POST", Path: "/v1/accounts/{id}/sanctions/{sanction}/undo", ID: "undo-sanction", Tag: tag,
		Summary:     "Take a sanction back",
		Description: "With everything that followed from it: a strike's steps of the ladder too, unless other strikes lead to them. What is undone stays as it is.",
		Roles:       []keys.Role{keys.Reviewer}, Idempotent: true,
	}, s.postUndo)
	web.Register(api, web.Operation{
		Method: "POST", Path: "/v1/accounts/{id}/sanctions/{sanction}/confirm", ID: "confirm-sanction", Tag: tag,
		Summary: "Confirm a proposed suspension, for a time", Roles: []keys.Role{keys.Reviewer},
	}, s.postConfirm)
	web.Register(api, web.Operation{
		Method: "GET", Path: "/v1/sanctions/proposals", ID: "list-proposed-sanctions", Tag: tag,
		Summary:     "Suspensions that wait for a person, oldest first",
		Description: "Confirm or undo each.",
		Roles:       []keys.Role{keys.Reviewer, keys.Compliance}, Idempotent: true,
	}, s.getProposals)
	s.restraintRoutes(api)
}

// Reason is why a person does something, for the record.
type reasonBody struct {
	Why string `json:"why" minLength:"3" maxLength:"500" pattern:"^\\P{Cc}*$" patternDescription:"no control characters" doc:"For the record; name nobody"`
}

type entryAnswer struct {
	ID        string    `json:"id"`
	Kind      Kind      `json:"kind" enum:"strike,notice,friction,restriction,demonetisation,suspension"`
	State     State     `json:"state" enum:"in_force,proposed,ended,undone"`
	Account   string    `json:"account"`
	Decision  string    `json:"decision"`
	Rule      string    `json:"rule"`
	Content   string    `json:"content,omitempty" doc:"demonetisation: of this content only"`
	Feature   string    `json:"feature,omitempty" doc:"restriction: of what"`
	Points    int       `json:"points,omitempty" doc:"strike: its weight; step of the ladder: from how many points on"`
	Because   string    `json:"because,omitempty" doc:"Step of the ladder: the strike that led to it"`
	At        time.Time `json:"at"`
	Until     time.Time `json:"until,omitzero" doc:"When it ends by itself; a strike then weighs nothing"`
	Confirmed *actBy    `json:"confirmed,omitempty"`
	Undone    *actBy    `json:"undone,omitempty"`
}

type actBy struct {
	At  time.Time `json:"at"`
	By  string    `json:"by" doc:"Id of the API key"`
	Why string    `json:"why"`
}

func (s *Sanctions) answer(e *Entry) entryAnswer {
	a := entryAnswer{
		ID: e.ID, Kind: e.Kind, State: e.State(s.now()), Account: e.Account, Decision: e.Decision, Rule: e.Rule,
		Content: e.Content, Feature: e.Feature, Points: e.Points, Because: e.Because, At: e.At, Until: e.Until,
	}
	switch {
	case !e.Undone.IsZero():
		a.Undone = &actBy{e.Undone, e.Undoer, e.Why}
	case !e.Confirmed.IsZero():
		a.Confirmed = &actBy{e.Confirmed, e.Confirmer, e.Why}
	}
	return a
}

func (s *Sanctions) answers(all []Entry) []entryAnswer {
	list := make([]entryAnswer, len(all))
	for i := range all {
		list[i] = s.answer(&all[i])
	}
	return list
}

type accountAnswer struct {
	Account    string        `json:"account"`
	Points     float64       `json:"points" doc:"What the strikes weigh now: half of a strike's after a time, then nothing"`
	Restricted []string      `json:"restricted" nullable:"false" doc:"Features, sorted"`
	Sanctions  []entryAnswer `json:"sanctions" nullable:"false" doc:"At most 500"`
}

func (s *Sanctions) getSanctions(ctx context.Context, in *struct {
	ID string `path:"id" maxLength:"256"`
}) (*struct{ Body accountAnswer }, error) {
	all, err := s.Of(ctx, in.ID)
	if err != nil {
		return nil, problem(err)
	}
	now := s.now()
	a := accountAnswer{Account: in.ID, Restricted: []string{}, Sanctions: s.answers(all)}
	for i := range all {
		e := &all[i]
		if e.State(now) != InForce {
			continue
		}
		if e.Kind == Strike {
			a.Points += e.weight(now)
		}
		if e.Kind == Restriction && !slices.Contains(a.Restricted, e.Feature) {
			a.Restricted = append(a.Restricted, e.Feature)
		}
	}
	slices.Sort(a.Restricted)
	return &struct{ Body accountAnswer }{a}, nil
}

func (s *Sanctions) postUndo(ctx context.Context, in *struct {
	ID       string `path:"id" maxLength:"256"`
	Sanction string `path:"sanction" maxLength:"512"`
	Body     reasonBody
}) (*struct{ Body entryAnswer }, error) {
	e, err := s.Undo(ctx, in.ID, in.Sanction, caller(ctx), in.Body.Why)
	if err != nil {
		return nil, problem(err)
	}
	return &struct{ Body entryAnswer }{s.answer(&e)}, nil
}

func (s *Sanctions) postConfirm(ctx context.Context, in *struct {
	ID       string `path:"id" maxLength:"256"`
	Sanction string `path:"sanction" maxLength:"512"`
	Body     struct {
		Why   string `json:"why" minLength:"3" maxLength:"500" pattern:"^\\P{Cc}*$" patternDescription:"no control characters" doc:"For the record; name nobody"`
		Hours int    `json:"hours" minimum:"1" maximum:"8760" doc:"How long"`
	}
}) (*struct{ Body entryAnswer }, error) {
	e, err := s.Confirm(ctx, in.ID, in.Sanction, caller(ctx), in.Body.Why, time.Duration(in.Body.Hours)*time.Hour)
	if err != nil {
		return nil, problem(err)
	}
	return &struct{ Body entryAnswer }{s.answer(&e)}, nil
}

func (s *Sanctions) getProposals(ctx context.Context, _ *struct{}) (*struct {
	Body struct {
		Sanctions []entryAnswer `json:"sanctions" nullable:"false" doc:"At most 500"`
	}
}, error) {
	all, err := s.Proposals(ctx)
	if err != nil {
		return nil, problem(err)
	}
	out := &struct {
		Body struct {
			Sanctions []entryAnswer `json:"sanctions" nullable:"false" doc:"At most 500"`
		}
	}{}
	out.Body.Sanctions = s.answers(all)
	return out, nil
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
		return fault.New(fault.NotFound, "This account has no such sanction.")
	case errors.Is(err, ErrNotProposed):
		return fault.New(fault.Conflict, "Only a suspension that is proposed can be confirmed.")
	case errors.Is(err, ErrNoRule):
		return fault.Fieldwise(fault.Field{Location: "do", Message: "undo needs one rule"})
	case db.IsUnavailable(err):
		return fault.Busy(err, time.Second, "Sanctions cannot be read or written right now.")
	}
	return err
}
