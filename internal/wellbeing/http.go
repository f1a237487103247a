package wellbeing

import (
	"context"
	"fmt"
	"time"

	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/db"
	"github.com/breakwater-project/breakwater/internal/decide"
	"github.com/breakwater-project/breakwater/internal/fault"
	"github.com/breakwater-project/breakwater/internal/keys"
	"github.com/breakwater-project/breakwater/internal/web"
)

// Routes registers pushes and counts of use. The engine knows ages, places and
// safeguards.
func (w *Wellbeing) Routes(a *web.API, engine *decide.Engine) {
	h := routes{w, engine}
	web.Register(a, web.Operation{
		Method: "POST", Path: "/v1/usage/push", ID: "may-push", Tag: "Wellbeing",
		Summary: "May these pushes go now?",
		Description: "By the safeguards of whom each is for: nothing in their quiet hours by their own clock, and nothing at all where pushes are off. " +
			"Answers come in the pushes' order. Nothing is kept of the question.",
		Roles: []keys.Role{keys.Platform}, Idempotent: true,
	}, h.postPush)
	web.Register(a, web.Operation{
		Method: "GET", Path: "/v1/usage", ID: "get-usage", Tag: "Wellbeing",
		Summary: "How each age band used the platform, by day",
		Description: "Counts of groups, never of a person. They are kept only where wellbeing.counts is on. " +
			"A day appears when it is over everywhere; a group of fewer than 10 people does not appear; numbers are rounded.",
		Roles: []keys.Role{keys.Analyst, keys.Compliance},
	}, h.getUsage)
}

type routes struct {
	*Wellbeing
	engine *decide.Engine
}

// pushBody is one push that waits to go.
type pushBody struct {
	Account  string      `json:"account,omitempty" maxLength:"256" doc:"Whom it is for; or band and country"`
	Band     *event.Band `json:"band,omitempty" enum:"0-5,6-9,10-12,13-15,16-17,18+,unknown"`
	Country  string      `json:"country,omitempty" pattern:"^[A-Z]{2}$" doc:"ISO 3166-1 alpha-2, with band"`
	TimeZone string      `json:"time_zone,omitempty" maxLength:"64" doc:"Where the person is now, as an IANA time zone, for example Europe/Berlin; else it is what their country or region tells"`
	Purpose  Purpose     `json:"purpose,omitempty" enum:"message,engagement,security" default:"message" doc:"Security is for an account in danger, or help that was asked for: it may always go"`
	OptedIn  bool        `json:"opted_in,omitempty" doc:"The person switched pushes on"`
	At       time.Time   `json:"at,omitzero" doc:"When it would go; now if absent"`
}

type (
	pushRequest struct {
		Body struct {
			Pushes []pushBody `json:"pushes" maxItems:"1000" nullable:"false"`
		}
	}
	pushResponse struct {
		Body struct {
			Answers []Verdict `json:"answers" nullable:"false"`
		}
	}
)

func (h routes) postPush(ctx context.Context, in *pushRequest) (*pushResponse, error) {
	if err := web.Charge(ctx, 1+len(in.Body.Pushes)/100); err != nil {
		return nil, err
	}
	out := &pushResponse{}
	out.Body.Answers = make([]Verdict, len(in.Body.Pushes))
	for i := range in.Body.Pushes {
		var err error
		if out.Body.Answers[i], err = h.mayPush(ctx, i, &in.Body.Pushes[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (h routes) mayPush(ctx context.Context, i int, b *pushBody) (Verdict, error) {
	wrong := func(field, message string) error {
		return fault.Fieldwise(fault.Field{Location: fmt.Sprintf("pushes[%d].%s", i, field), Message: message})
	}
	if (b.Account == "") == (b.Band == nil) {
		return Verdict{}, wrong("account", "name either an account or a band")
	}
	band := event.BandUnknown
	if b.Band != nil {
		band = *b.Band
	}
	viewer, err := h.engine.Viewer(ctx, b.Account, band, b.Country)
	if db.IsUnavailable(err) {
		return Verdict{}, fault.Busy(err, time.Second, "Ages can't be read right now. Send nothing yet, and ask again.")
	}
	if err != nil {
		return Verdict{}, err
	}
	p := push{purpose: b.Purpose, optedIn: b.OptedIn, at: b.At, zones: h.engine.Clock.Zones(viewer.Country, viewer.Region)}
	if p.at.IsZero() {
		p.at = h.o.Now()
	}
	if b.TimeZone != "" {
		zone := h.engine.Clock.Zone(b.TimeZone)
		if zone == nil {
			return Verdict{}, wrong("time_zone", "must be an IANA time zone, for example Europe/Berlin")
		}
		p.zones = []*time.Location{zone}
	}
	safeguards := h.engine.Rules.Bundle().Safeguards(viewer, p.at, h.engine.Markets)
	return p.may(&safeguards), nil
}

// mostDays is how many days one request may ask for.
const mostDays = 366

type usageRequest struct {
	From string `query:"from" format:"date" doc:"First day; 30 days ago unless given"`
	To   string `query:"to" format:"date" doc:"Last day; the last one that is over unless given"`
}

type usageResponse struct {
	Body struct {
		Kept   bool  `json:"kept" doc:"Whether counts are kept: wellbeing.counts"`
		Fewest int   `json:"fewest" doc:"People that a count is of, at least: smaller groups do not appear"`
		Days   []Day `json:"days" nullable:"false"`
	}
}

func (h routes) getUsage(ctx context.Context, in *usageRequest) (*usageResponse, error) {
	to := h.o.Now().UTC()
	from := to.AddDate(0, 0, -30)
	for _, day := range []struct {
		name, given string
		into        *time.Time
	}{{"from", in.From, &from}, {"to", in.To, &to}} {
		if day.given == "" {
			continue
		}
		t, err := time.Parse(time.DateOnly, day.given)
		if err != nil {
			return nil, fault.Fieldwise(fault.Field{Location: "query." + day.name, Message: "must be a day, for example 2026-11-24"})
		}
		*day.into = t
	}
	if to.Before(from) || to.Sub(from) > mostDays*24*time.Hour {
		return nil, fault.Fieldwise(fault.Field{Location: "query.to", Message: fmt.Sprintf("must be no earlier than from, and at most %d days later", mostDays)})
	}
	days, err := h.Days(ctx, from, to)
	if db.IsUnavailable(err) {
		return nil, fault.Busy(err, time.Second, "Counts can't be read right now.")
	}
	if err != nil {
		return nil, err
	}
	out := &usageResponse{}
	out.Body.Kept, out.Body.Fewest, out.Body.Days = h.o.Keep, Fewest, days
	return out, nil
}
