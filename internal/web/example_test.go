package web_test

import (
	"context"
	"fmt"
	"net/http"

	"github.com/breakwater-project/breakwater/internal/fault"
	"github.com/breakwater-project/breakwater/internal/keys"
	"github.com/breakwater-project/breakwater/internal/web"
)

type getLabel struct {
	ID string `path:"id"`
}

type label struct {
	Body struct {
		Kind string `json:"kind"`
	}
}

type (
	eventType    struct{ ID string }
	decisionType struct{ ID string }
)

// A typed operation is decoded and checked by its types; a raw one reads and
// writes its own bytes and is described by them.
func Example() {
	api := web.New(web.Options{Authenticate: authenticate})

	web.Register(api, web.Operation{Method: "GET", Path: "/v1/labels/{id}", Roles: []keys.Role{keys.Platform}},
		func(_ context.Context, in *getLabel) (*label, error) {
			return nil, fault.Newf(fault.NotFound, "There is no label %s.", in.ID)
		})

	web.Raw[eventType, decisionType](api, web.Operation{Method: "POST", Path: "/v1/decisions", Roles: []keys.Role{keys.Platform}, Idempotent: true},
		func(ctx context.Context, r web.Request) (web.Answer, error) {
			if err := web.Charge(ctx, 1); err != nil {
				return web.Answer{}, err
			}
			return web.Answer{Status: http.StatusOK, Body: []byte(`{"id":"d_1"}`)}, nil
		})

	fmt.Println(len(api.OpenAPI().Paths))
	// Output: 2
}
