package hashlist

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/breakwater-project/breakwater/internal/db"
	"github.com/breakwater-project/breakwater/internal/fault"
	"github.com/breakwater-project/breakwater/internal/keys"
	"github.com/breakwater-project/breakwater/internal/web"
)

// API is the routes of matching and of banks.
type API struct {
	Lists       *Lists
	Hasher      *Hasher
	HashBytes   int64 // of a request for hashes
	ImageBytes  int64 // of an uploaded file
	ImportBytes int64 // of entries sent at once
}

const tag = "Matching"

// Routes registers them.
func (a *API) Routes(api *web.API) {
	web.Raw[matchRequest, matchAnswer](api, web.Operation{
		Method: "POST", Path: "/v1/match", ID: "match", Tag: tag,
		Summary: "Is this picture, video or address known?",
		Description: "Send hashes as JSON, or a file as it is or in a form (multipart/form-data). A file is hashed and forgotten: nothing of it is stored or logged. " +
			"Its PDQ hash is looked for in all eight ways a picture can lie unless turned=false, and not if its quality is under 50.",
		Roles: []keys.Role{keys.Platform, keys.Compliance}, BodyLimit: a.ImageBytes + maxForm, Idempotent: true,
		Accepts: []string{"application/json", "image/*", "video/*", "application/octet-stream", "multipart/form-data"},
		Query: []web.Param{
			{Name: "max_distance", Doc: "For a file: as in the JSON"},
			{Name: "banks", Doc: "For a file: names, with commas"},
			{Name: "seed", Doc: "For a file: as in the JSON"},
			{Name: "turned", Doc: "For a file: false looks for it only as it is"},
		},
	}, a.match)
	a.bankRoutes(api)
	a.entryRoutes(api)
}

// manage are those who look after the lists.
var manage = []keys.Role{keys.Compliance}

func (a *API) bankRoutes(api *web.API) {
	web.Register(api, web.Operation{
		Method: "GET", Path: "/v1/banks", ID: "list-banks", Tag: tag,
		Summary: "Every bank of known hashes",
		Roles:   []keys.Role{keys.Platform, keys.Reviewer, keys.Analyst, keys.Compliance},
	}, a.listBanks)
	web.Register(api, web.Operation{
		Method: "POST", Path: "/v1/banks", ID: "create-bank", Tag: tag, Status: http.StatusCreated,
		Summary: "Make a bank",
		Description: "Names are told apart by their capitals with _ for . and -, as Hasher-Matcher-Actioner writes them. " +
			"A match in a bank of kind innocent takes back matches in others.",
		Roles: manage,
	}, a.createBank)
	web.Register(api, web.Operation{
		Method: "GET", Path: "/v1/banks/{name}", ID: "get-bank", Tag: tag, Summary: "One bank",
		Roles: []keys.Role{keys.Platform, keys.Reviewer, keys.Analyst, keys.Compliance},
	}, a.getBank)
	web.Register(api, web.Operation{
		Method: "PUT", Path: "/v1/banks/{name}", ID: "put-bank", Tag: tag, Idempotent: true,
		Summary:     "Change how a bank is matched, or make it",
		Description: "What is not given keeps its value.",
		Roles:       manage,
	}, a.putBank)
	web.Register(api, web.Operation{
		Method: "DELETE", Path: "/v1/banks/{name}", ID: "delete-bank", Tag: tag, Status: http.StatusNoContent,
		Summary: "Remove a bank and all of its entries", Roles: manage,
	}, a.deleteBank)
}

// Settings are what may be said of a bank; what is not, stays as it is.
type Settings struct {
	Kind           BankKind `json:"kind,omitempty" enum:"csam,iia,terrorism,innocent,other" doc:"What its entries are known as"`
	Source         *string  `json:"source,omitempty" maxLength:"128" doc:"Who keeps the list, such as ncmec"`
	Classification *string  `json:"classification,omitempty" maxLength:"128" doc:"Of entries that have none of their own"`
	Distance       *int     `json:"distance,omitempty" minimum:"0" maximum:"64" doc:"Bits in which PDQ hashes and frames may differ; 31 unless set"`
	Ratio          *float64 `json:"enabled_ratio,omitempty" minimum:"0" maximum:"1" doc:"Share of content that the bank is used for, chosen by the content; 1 unless set, 0 is off"`
	Note           *string  `json:"note,omitempty" maxLength:"1000"`
}

func (b *Settings) change(to *Bank) {
	if b.Kind != "" {
		to.Kind = b.Kind
	}
	set(&to.Source, b.Source)
	set(&to.Classification, b.Classification)
	set(&to.Distance, b.Distance)
	set(&to.Ratio, b.Ratio)
	set(&to.Note, b.Note)
}

func set[T any](to *T, value *T) {
	if value != nil {
		*to = *value
	}
}

// NewBank is a bank with the usual settings.
func NewBank(name string) Bank {
	return Bank{Name: name, Kind: Other, Distance: DefaultDistance, Ratio: 1}
}

type namedBody struct {
	Name string `json:"name" maxLength:"255" doc:"Letters, digits, _, - and ."`
	Settings
}

// BankAnswer is a bank as it is answered.
type BankAnswer struct {
	Name           string    `json:"name"`
	Kind           BankKind  `json:"kind"`
	Source         string    `json:"source"`
	Classification string    `json:"classification"`
	Distance       int       `json:"distance"`
	Ratio          float64   `json:"enabled_ratio"`
	Note           string    `json:"note"`
	Entries        int64     `json:"entries"`
	Version        int64     `json:"version" doc:"Grows by one with each change of the bank or its entries"`
	Created        time.Time `json:"created"`
	Updated        time.Time `json:"updated"`
}

// AnswerOf is a bank as it is answered.
func AnswerOf(b Bank) BankAnswer {
	return BankAnswer{
		Name: b.Name, Kind: b.Kind, Source: b.Source, Classification: b.Classification, Distance: b.Distance, Ratio: b.Ratio,
		Note: b.Note, Entries: b.Entries, Version: b.Version, Created: b.Created, Updated: b.Updated,
	}
}

type (
	bankOut struct{ Body BankAnswer }
	nameIn  struct {
		Name string `path:"name" maxLength:"255"`
	}
	banksOut struct {
		Body struct {
			Banks []BankAnswer `json:"banks" nullable:"false"`
		}
	}
)

func (a *API) listBanks(ctx context.Context, _ *struct{}) (*banksOut, error) {
	banks, err := a.Lists.List(ctx)
	if err != nil {
		return nil, refusal(err)
	}
	out := &banksOut{}
	out.Body.Banks = make([]BankAnswer, len(banks))
	for i, b := range banks {
		out.Body.Banks[i] = AnswerOf(b)
	}
	return out, nil
}

func (a *API) createBank(ctx context.Context, in *struct{ Body namedBody }) (*bankOut, error) {
	b := NewBank(in.Body.Name)
	in.Body.change(&b)
	b, err := a.Lists.Create(ctx, b)
	if err != nil {
		return nil, refusal(err)
	}
	return &bankOut{AnswerOf(b)}, nil
}

func (a *API) getBank(ctx context.Context, in *nameIn) (*bankOut, error) {
	b, err := a.Lists.Bank(ctx, in.Name)
	if err != nil {
		return nil, refusal(err)
	}
	return &bankOut{AnswerOf(b)}, nil
}

func (a *API) putBank(ctx context.Context, in *struct {
	Name string `path:"name" maxLength:"255"`
	Body Settings
}) (*bankOut, error) {
	b, err := a.Lists.Update(ctx, in.Name, in.Body.change)
	if errors.Is(err, fault.NotFound) {
		b = NewBank(in.Name)
		in.Body.change(&b)
		b, err = a.Lists.Create(ctx, b)
	}
	if err != nil {
		return nil, refusal(err)
	}
	return &bankOut{AnswerOf(b)}, nil
}

func (a *API) deleteBank(ctx context.Context, in *nameIn) (*struct{}, error) {
	return nil, refusal(a.Lists.Remove(ctx, in.Name))
}

// refusal is err as the caller sees it.
func refusal(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrLoading):
		return fault.Busy(err, 2*time.Second, "The lists are being loaded.")
	case db.IsUnavailable(err):
		return fault.Busy(err, time.Second, "The banks cannot be reached right now.")
	}
	return err
}
