package assurance

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/breakwater-project/breakwater/agetoken"
	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/age"
	"github.com/breakwater-project/breakwater/internal/assurance/device"
	"github.com/breakwater-project/breakwater/internal/assurance/practice"
	"github.com/breakwater-project/breakwater/internal/assurance/provider"
	"github.com/breakwater-project/breakwater/internal/fault"
	"github.com/breakwater-project/breakwater/internal/keys"
	"github.com/breakwater-project/breakwater/internal/web"
)

// signalRoutes registers what devices and providers say, and what the operator
// says of its methods.
func (a *Assurance) signalRoutes(api *web.API) {
	web.Register(api, web.Operation{
		Method: "POST", Path: "/v1/age/signals", ID: "post-age-signal", Tag: tag, Roles: []keys.Role{keys.Platform}, Idempotent: true,
		Summary: "What a device or an app store tells of somebody's age",
		Description: "As the app got it. It can only protect: nothing of it proves an age. Its terms allow it for the age experience alone, " +
			"so it is in no export and no report. Identifiers of an installation are dropped.",
	}, a.postSignal)
	web.Raw[json.RawMessage, heardAnswer](api, web.Operation{
		Method: "POST", Path: "/v1/age/webhooks/{provider}", ID: "hear-age-provider", Tag: tag, Public: true,
		Summary:     "What a provider of age checks found",
		Description: "Signed as the provider signs. Whether an age is reached, how and on which day is all that is read of it.",
	}, a.postWebhook)
	web.Register(api, web.Operation{
		Method: "GET", Path: "/v1/age/practice-statement", ID: "get-age-practice-statement", Tag: tag, Public: true, Idempotent: true,
		Summary: "The methods, the evidence for each, and what is kept",
		Description: "For everybody. A method is highly effective only while each of Ofcom's four criteria has evidence; accuracy is as it was measured, by group. " +
			"Nothing of it is about a person.",
	}, a.getPractice)
}

type (
	signalRequest  struct{ Body signalBody }
	signalResponse struct{ Body signalAnswer }
	practiceAnswer struct{ Body practice.Statement }
)

type signalBody struct {
	Account string         `json:"account" minLength:"1" maxLength:"256" pattern:"^\\P{Cc}+$" patternDescription:"no control characters"`
	Source  device.Source  `json:"source" enum:"apple_declared_age_range,google_play_age_signals,meta_age_category,us_ca_age_bracket"`
	Signal  map[string]any `json:"signal" doc:"The fields that the source gives to the app"`
}

type signalAnswer struct {
	Used bool `json:"used" doc:"false: it tells no age, or one that would make the account older than what is known; nothing changed"`
}

// heardAnswer is what a provider is told.
type heardAnswer struct {
	Used bool `json:"used"`
}

func (a *Assurance) postSignal(ctx context.Context, in *signalRequest) (*signalResponse, error) {
	text, err := json.Marshal(in.Body.Signal)
	if err != nil {
		return nil, err
	}
	told, err := device.Read(in.Body.Source, text)
	switch {
	case errors.Is(err, device.ErrNothing):
		return &signalResponse{}, nil
	case err != nil:
		return nil, fault.Fieldwise(fault.Field{Location: "signal", Message: err.Error()})
	}
	r := Result{
		Ages: told.Ages, Basis: told.Basis, Method: DeviceSignal, Level: agetoken.Asserted,
		Provider: string(in.Body.Source), Confidence: 0.5, Integrity: Unattested, CheckedOn: a.opt.Now(),
	}
	if in.Body.Source.Store() {
		r.Method = StoreSignal
	}
	if told.Basis != event.BasisInferred {
		r.Confidence = 1 // of what was said; a word proves nothing at any confidence
	}
	err = a.Merge(ctx, in.Body.Account, r)
	if errors.Is(err, age.ErrRaise) {
		return &signalResponse{}, nil // it can only protect
	}
	if err != nil {
		return nil, problem(err)
	}
	return &signalResponse{signalAnswer{Used: true}}, nil
}

func (a *Assurance) postWebhook(ctx context.Context, r web.Request) (web.Answer, error) {
	_, err := a.Heard(ctx, r.Path("provider"), provider.Message{Header: r.Header(), Body: r.Body})
	used := err == nil
	if errors.Is(err, provider.ErrNotAnswer) {
		err = nil // about something else: heard and forgotten
	}
	if err != nil {
		return web.Answer{}, problem(err)
	}
	body, err := json.Marshal(heardAnswer{used})
	return web.Answer{Body: body}, err
}

func (a *Assurance) getPractice(context.Context, *struct{}) (*practiceAnswer, error) {
	var ids []string
	for _, c := range a.opt.Checks {
		ids = append(ids, string(c.Method()))
	}
	return &practiceAnswer{a.opt.Practice.Statement(a.opt.Now(), append(ids, string(Review))...)}, nil
}
