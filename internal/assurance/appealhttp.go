package assurance

import (
	"context"
	"errors"
	"time"

	"github.com/breakwater-project/breakwater/internal/fault"
	"github.com/breakwater-project/breakwater/internal/keys"
	"github.com/breakwater-project/breakwater/internal/web"
)

// appealRoutes registers the appeals.
func (a *Assurance) appealRoutes(api *web.API) {
	web.Register(api, web.Operation{
		Method: "POST", Path: "/v1/age/appeals", ID: "open-age-appeal", Tag: tag, Roles: []keys.Role{keys.Platform}, Idempotent: true,
		Summary:     "Somebody appeals against what is held of their age",
		Description: "A person decides it. Have no documents sent for it: reviewers judge by what the platform knows of the account.",
	}, a.postAppeal)
	web.Register(api, web.Operation{
		Method: "GET", Path: "/v1/age/appeals", ID: "list-age-appeals", Tag: tag, Roles: []keys.Role{keys.Reviewer}, Idempotent: true,
		Summary: "The open age appeals, oldest first",
	}, a.getAppeals)
	web.Register(api, web.Operation{
		Method: "GET", Path: "/v1/age/appeals/{id}", ID: "get-age-appeal", Tag: tag, Roles: []keys.Role{keys.Platform, keys.Reviewer}, Idempotent: true,
		Summary: "How far an age appeal is",
	}, a.getAppeal)
	web.Register(api, web.Operation{
		Method: "POST", Path: "/v1/age/appeals/{id}/decision", ID: "decide-age-appeal", Tag: tag, Roles: []keys.Role{keys.Reviewer}, Only: true,
		Summary:     "A person's decision of an age appeal",
		Description: "over takes the place of what was held against it, and restores what that closed. The account's name leaves the appeal with the decision.",
	}, a.postDecision)
}

type (
	openAppealRequest struct{ Body openAppealBody }
	appealResponse    struct{ Body appealAnswer }
	appealsResponse   struct{ Body appealsAnswer }
	decisionRequest   struct {
		ByID
		Body decisionBody
	}
)

type openAppealBody struct {
	Account string `json:"account" minLength:"1" maxLength:"256" pattern:"^\\P{Cc}+$" patternDescription:"no control characters"`
	Profile string `json:"profile" maxLength:"64" doc:"For which purpose, for example GB-HEAA-18"`
	Ground  Ground `json:"ground" enum:"wrong_result,no_usable_way,wrong_inference,other_person"`
}

type decisionBody struct {
	Outcome AppealState `json:"outcome" enum:"over,under,dismissed" doc:"over: the person has reached the age; under: has not; dismissed: what was held stays"`
}

type appealAnswer struct {
	ID      string      `json:"id"`
	Account string      `json:"account,omitempty" doc:"Absent once it was decided"`
	Profile string      `json:"profile"`
	Ground  Ground      `json:"ground" enum:"wrong_result,no_usable_way,wrong_inference,other_person"`
	State   AppealState `json:"state" enum:"open,over,under,dismissed"`
	Opened  time.Time   `json:"opened" doc:"A day"`
	Decided time.Time   `json:"decided,omitzero" doc:"A day"`
}

type appealsAnswer struct {
	Appeals []appealAnswer `json:"appeals" nullable:"false"`
}

func answerOf(p *Appeal) appealAnswer {
	return appealAnswer{p.ID, p.Account, p.Profile, p.Ground, p.State, p.Opened, p.Decided}
}

func (a *Assurance) postAppeal(ctx context.Context, in *openAppealRequest) (*appealResponse, error) {
	p, err := a.Appeal(ctx, in.Body.Account, in.Body.Profile, in.Body.Ground)
	if err != nil {
		return nil, problem(err)
	}
	return &appealResponse{answerOf(&p)}, nil
}

// shown is how many open appeals are listed.
const shown = 100

func (a *Assurance) getAppeals(ctx context.Context, _ *struct{}) (*appealsResponse, error) {
	all, err := a.Appeals(ctx, shown)
	if err != nil {
		return nil, problem(err)
	}
	out := &appealsResponse{appealsAnswer{[]appealAnswer{}}}
	for i := range all {
		out.Body.Appeals = append(out.Body.Appeals, answerOf(&all[i]))
	}
	return out, nil
}

func (a *Assurance) getAppeal(ctx context.Context, in *ByID) (*appealResponse, error) {
	p, err := a.AppealOf(ctx, in.ID)
	if err != nil {
		return nil, appealProblem(err)
	}
	return &appealResponse{answerOf(&p)}, nil
}

func (a *Assurance) postDecision(ctx context.Context, in *decisionRequest) (*appealResponse, error) {
	caller, _ := keys.From(ctx)
	p, err := a.Decide(ctx, in.ID, in.Body.Outcome, caller.ID)
	if err != nil {
		return nil, appealProblem(err)
	}
	return &appealResponse{answerOf(&p)}, nil
}

func appealProblem(err error) error {
	switch {
	case errors.Is(err, ErrNoAppeal):
		return fault.New(fault.NotFound, "There is no such appeal.")
	case errors.Is(err, ErrEnded):
		return fault.New(fault.Conflict, "This appeal was decided already.")
	}
	return problem(err)
}
