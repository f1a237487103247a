package exchange

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/breakwater-project/breakwater/internal/fault"
	"github.com/breakwater-project/breakwater/internal/keys"
	"github.com/breakwater-project/breakwater/internal/web"
)

// Routes registers the exchanges.
func (x *Exchanges) Routes(api *web.API) {
	web.Register(api, web.Operation{
		Method: "GET", Path: "/v1/exchanges", ID: "list-exchanges", Tag: "Matching",
		Summary:     "How the lists fare that are fetched from others",
		Description: "Exchanges are set up in the configuration. Their credentials are not shown.",
		Roles:       []keys.Role{keys.Reviewer, keys.Analyst, keys.Compliance},
	}, x.getAll)
	web.Register(api, web.Operation{
		Method: "GET", Path: "/v1/exchanges/{name}", ID: "get-exchange", Tag: "Matching",
		Summary: "How one of them fares",
		Roles:   []keys.Role{keys.Reviewer, keys.Analyst, keys.Compliance},
	}, x.getOne)
	web.Register(api, web.Operation{
		Method: "POST", Path: "/v1/exchanges/{name}/sync", ID: "sync-exchange", Tag: "Matching", Status: http.StatusAccepted,
		Summary:     "Fetch what is new, now",
		Description: "It is begun within seconds by whichever server is free to; see the exchange for how it went.",
		Roles:       []keys.Role{keys.Compliance}, Idempotent: true,
	}, x.postSync)
}

type one struct {
	Name string `path:"name" maxLength:"64"`
}

func (x *Exchanges) getAll(ctx context.Context, _ *struct{}) (*struct {
	Body struct {
		Exchanges []Status `json:"exchanges" nullable:"false"`
	}
}, error) {
	list, err := x.List(ctx)
	if err != nil {
		return nil, err
	}
	out := &struct {
		Body struct {
			Exchanges []Status `json:"exchanges" nullable:"false"`
		}
	}{}
	out.Body.Exchanges = list
	return out, nil
}

func (x *Exchanges) getOne(ctx context.Context, in *one) (*struct{ Body Status }, error) {
	list, err := x.List(ctx)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(list, func(s Status) bool { return s.Name == in.Name })
	if i < 0 {
		return nil, fault.New(fault.NotFound, "No exchange of this name is configured.")
	}
	return &struct{ Body Status }{list[i]}, nil
}

func (x *Exchanges) postSync(ctx context.Context, in *struct {
	Name string `path:"name" maxLength:"64"`
	Body struct {
		Shrink bool `json:"shrink,omitempty" doc:"Believe a list that has lost more than half of its entries"`
	}
}) (*struct{ Body Status }, error) {
	err := x.Ask(ctx, in.Name, in.Body.Shrink)
	if errors.Is(err, ErrUnknown) {
		return nil, fault.New(fault.NotFound, "No exchange of this name is configured.")
	}
	if err != nil {
		return nil, err
	}
	return x.getOne(ctx, &one{in.Name})
}
