package age

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/db"
	"github.com/breakwater-project/breakwater/internal/fault"
	"github.com/breakwater-project/breakwater/internal/keys"
	"github.com/breakwater-project/breakwater/internal/web"
)

// Routes registers the accounts.
func (a *Accounts) Routes(api *web.API) {
	roles := []keys.Role{keys.Platform, keys.Compliance}
	web.Register(api, web.Operation{
		Method: "PUT", Path: "/v1/accounts/{id}", ID: "put-account", Tag: "Accounts",
		Summary: "What the platform knows of an account",
		Description: "Replaces what was said before; an age that is left out stays as it is. The first age is taken at the face value of its basis. " +
			"A later one can only make the account younger or more doubtful than it is known to be; raising an age takes an age check, or a key of role compliance or admin.",
		Roles: roles, Idempotent: true,
	}, a.put)
	web.Register(api, web.Operation{
		Method: "GET", Path: "/v1/accounts/{id}", ID: "get-account", Tag: "Accounts",
		Summary: "What is known of an account", Roles: roles, Idempotent: true,
	}, a.get)
	web.Register(api, web.Operation{
		Method: "DELETE", Path: "/v1/accounts/{id}", ID: "delete-account", Tag: "Accounts",
		Summary:     "Erase an account",
		Description: "Removes what is kept of it and takes its name out of earlier decisions. What the law makes us hold stays held, and is listed.",
		Roles:       roles, Idempotent: true,
	}, a.erase)
}

type (
	// ByID names an account. It is exported for huma, which reads no others.
	ByID struct {
		ID string `path:"id" minLength:"1" maxLength:"256" pattern:"^\\P{Cc}+$" patternDescription:"no control characters" doc:"The platform's id of the account"`
	}
	putRequest struct {
		ByID
		Body accountRequest
	}
	accountResponse struct{ Body accountAnswer }
	deleteResponse  struct{ Body erasureAnswer }
)

// accountRequest is what a platform says of an account. There is no place for
// a birth date in it.
type accountRequest struct {
	Created time.Time  `json:"created,omitzero" doc:"When the account was made"`
	Country string     `json:"country,omitempty" pattern:"^[A-Z]{2}$" patternDescription:"ISO 3166-1 alpha-2, for example GB" doc:"ISO 3166-1 alpha-2"`
	Region  string     `json:"region,omitempty" pattern:"^[A-Z]{2}-[A-Z0-9]{1,3}$" patternDescription:"ISO 3166-2, for example US-CA" doc:"ISO 3166-2, within the country"`
	Locale  string     `json:"locale,omitempty" pattern:"^[A-Za-z]{2,3}(-[A-Za-z]{4})?(-([A-Za-z]{2}|[0-9]{3}))?$" patternDescription:"BCP 47 language, script and region, for example pt-BR" doc:"BCP 47"`
	Age     *event.Age `json:"age,omitempty" doc:"A band and how it is known"`
}

type accountAnswer struct {
	ID      string    `json:"id"`
	Created time.Time `json:"created,omitzero"`
	Country string    `json:"country,omitempty"`
	Region  string    `json:"region,omitempty"`
	Locale  string    `json:"locale,omitempty"`
	Age     ageAnswer `json:"age" doc:"What all that was said of its age comes to, now"`
}

type ageAnswer struct {
	Band    event.Band  `json:"band" enum:"0-5,6-9,10-12,13-15,16-17,18+,unknown"`
	Basis   event.Basis `json:"basis" enum:"verified,estimated,inferred,declared,guardian,none"`
	From    int         `json:"from" doc:"The account may be this old, in years"`
	To      int         `json:"to" doc:"The account is younger than this, in years"`
	Proven  bool        `json:"proven" doc:"Proven to be an adult"`
	Doubt   bool        `json:"doubt" doc:"What is known contradicts itself: check the age again"`
	Expires time.Time   `json:"expires,omitzero" doc:"When what is known ends to hold"`
}

type erasureAnswer struct {
	ID     string `json:"id"`
	Erased bool   `json:"erased" doc:"Whether the account was known"`
	Held   []Held `json:"held" nullable:"false" doc:"What is kept in spite of it"`
}

func (a *Accounts) put(ctx context.Context, in *putRequest) (*accountResponse, error) {
	if err := in.Body.check(a.opt.Now()); err != nil {
		return nil, err
	}
	caller, _ := keys.From(ctx)
	account, err := a.Put(ctx, in.ID, Statement(in.Body), caller.May(keys.Compliance))
	if err != nil {
		return nil, refusal(err)
	}
	return &accountResponse{a.answer(&account)}, nil
}

func (a *Accounts) get(ctx context.Context, in *ByID) (*accountResponse, error) {
	account, err := a.Get(ctx, in.ID)
	if err != nil {
		return nil, refusal(err)
	}
	return &accountResponse{a.answer(&account)}, nil
}

func (a *Accounts) erase(ctx context.Context, in *ByID) (*deleteResponse, error) {
	existed, held, err := a.Delete(ctx, in.ID)
	if err != nil {
		return nil, refusal(err)
	}
	if held == nil {
		held = []Held{}
	}
	return &deleteResponse{erasureAnswer{in.ID, existed, held}}, nil
}

func (a *Accounts) answer(account *Account) accountAnswer {
	k := account.Known(a.opt.Youngest, a.opt.Now())
	return accountAnswer{
		ID: account.ID, Created: account.Created, Country: account.Country, Region: account.Region, Locale: account.Locale,
		Age: ageAnswer{k.Band, k.Basis, k.Interval.From, k.Interval.To, k.Proven, k.Doubt, k.Expires},
	}
}

// earliest is the oldest time that an account may have been made; before it
// lie unset clocks, and dates that are no account's.
var earliest = time.Date(1995, 1, 1, 0, 0, 0, 0, time.UTC)

// check says what the schema can't.
func (r *accountRequest) check(now time.Time) error {
	var faults []fault.Field
	if !r.Created.IsZero() && (r.Created.Before(earliest) || r.Created.After(now.Add(event.MaxSkew))) {
		faults = append(faults, fault.Field{Location: "created", Message: "must be after 1994 and not in the future"})
	}
	if r.Region != "" && !strings.HasPrefix(r.Region, r.Country+"-") {
		faults = append(faults, fault.Field{Location: "region", Message: "must lie in the country"})
	}
	if len(faults) > 0 {
		return fault.Fieldwise(faults...)
	}
	return nil
}

// refusal is err as the caller may see it.
func refusal(err error) error {
	switch {
	case errors.Is(err, ErrNotFound):
		return fault.New(fault.NotFound, "There is no such account.")
	case errors.Is(err, ErrRaise):
		f := fault.New(fault.Conflict, "A platform's statement can only make an account younger or more doubtful than it is known to be. Raising an age takes an age check, or a key of role compliance or admin.")
		f.Fields = []fault.Field{{Location: "age", Message: "older or more certain than what is known"}}
		return f
	case db.IsUnavailable(err):
		return fault.Busy(err, time.Second, "Accounts cannot be read or written right now.")
	}
	return err
}
