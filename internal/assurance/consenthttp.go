package assurance

import (
	"context"
	"errors"
	"time"

	"github.com/breakwater-project/breakwater/internal/fault"
	"github.com/breakwater-project/breakwater/internal/keys"
	"github.com/breakwater-project/breakwater/internal/web"
)

// consentRoutes registers guardians' consents.
func (a *Assurance) consentRoutes(api *web.API) {
	roles := []keys.Role{keys.Platform}
	web.Register(api, web.Operation{
		Method: "GET", Path: "/v1/age/consents/{account}", ID: "list-guardian-consents", Tag: tag, Roles: roles, Idempotent: true,
		Summary: "A guardian's consents for an account",
	}, a.getConsents)
	web.Register(api, web.Operation{
		Method: "PUT", Path: "/v1/age/consents/{account}/{purpose}", ID: "put-guardian-consent", Tag: tag, Roles: roles,
		Summary: "A guardian consents",
		Description: "With means age_check, session is a passed check of the guardian's own age, which is used up. Otherwise the platform made sure itself, in one of the named ways. " +
			"Rules see the label guardian.consent or guardian.consent-third-party on the account. Of the guardian nothing is kept.",
	}, a.putConsent)
	web.Register(api, web.Operation{
		Method: "DELETE", Path: "/v1/age/consents/{account}/{purpose}", ID: "withdraw-guardian-consent", Tag: tag, Roles: roles,
		Summary: "A guardian takes a consent back, at once",
	}, a.deleteConsent)
}

// ByAccount names an account, and ByPurpose a consent for it. They are exported
// for huma, which reads no others.
type (
	ByAccount struct {
		Account string `path:"account" minLength:"1" maxLength:"256" pattern:"^\\P{Cc}+$" patternDescription:"no control characters"`
	}
	ByPurpose struct {
		ByAccount
		Purpose Purpose `path:"purpose" enum:"service,third_party" doc:"service: to use it; third_party: that data goes to others"`
	}
)

type (
	consentRequest struct {
		ByPurpose
		Body consentBody
	}
	consentsResponse struct{ Body consentsAnswer }
)

type consentBody struct {
	Means   Means  `json:"means" enum:"age_check,text_plus,email_plus,knowledge_questions,card_payment,document_check,face_match,video_call,signed_form" doc:"How it was made sure that a guardian consents"`
	Session string `json:"session,omitempty" maxLength:"64" doc:"age_check: the guardian's own, passed"`
}

type consentsAnswer struct {
	Consents []consentAnswer `json:"consents" nullable:"false"`
}

type consentAnswer struct {
	Purpose   Purpose   `json:"purpose" enum:"service,third_party"`
	Means     Means     `json:"means" enum:"age_check,text_plus,email_plus,knowledge_questions,card_payment,document_check,face_match,video_call,signed_form"`
	Holds     bool      `json:"holds" doc:"It was not taken back"`
	Given     time.Time `json:"given" doc:"A day"`
	Withdrawn time.Time `json:"withdrawn,omitzero" doc:"A day"`
}

func (a *Assurance) getConsents(ctx context.Context, in *ByAccount) (*consentsResponse, error) {
	all, err := a.Consents(ctx, in.Account)
	if err != nil {
		return nil, problem(err)
	}
	out := &consentsResponse{consentsAnswer{[]consentAnswer{}}}
	for _, c := range all {
		out.Body.Consents = append(out.Body.Consents, consentAnswer{c.Purpose, c.Means, c.Withdrawn.IsZero(), c.Given, c.Withdrawn})
	}
	return out, nil
}

func (a *Assurance) putConsent(ctx context.Context, in *consentRequest) (*consentsResponse, error) {
	if (in.Body.Means == MeansAgeCheck) != (in.Body.Session != "") {
		return nil, fault.Fieldwise(fault.Field{Location: "session", Message: "needed for age_check, and for nothing else"})
	}
	if err := a.Consent(ctx, in.Account, in.Purpose, in.Body.Means, in.Body.Session); err != nil {
		return nil, consentProblem(err)
	}
	return a.getConsents(ctx, &in.ByAccount)
}

func (a *Assurance) deleteConsent(ctx context.Context, in *ByPurpose) (*consentsResponse, error) {
	if err := a.Withdraw(ctx, in.Account, in.Purpose); err != nil {
		return nil, consentProblem(err)
	}
	return a.getConsents(ctx, &in.ByAccount)
}

func consentProblem(err error) error {
	switch {
	case errors.Is(err, ErrNoConsent):
		return fault.New(fault.NotFound, "There is no such consent in force.")
	case errors.Is(err, ErrNotAdult):
		return fault.New(fault.Conflict, "The session does not show that an adult consents: it must have passed, for 18 or over.")
	case errors.Is(err, ErrWeakMeans):
		return fault.Fieldwise(fault.Field{Location: "means", Message: "not enough for data that goes to others"})
	}
	return problem(err)
}
