package label

import (
	"context"
	"time"

	"github.com/breakwater-project/breakwater/internal/db"
	"github.com/breakwater-project/breakwater/internal/fault"
	"github.com/breakwater-project/breakwater/internal/keys"
	"github.com/breakwater-project/breakwater/internal/web"
)

// Routes registers the labels.
func (l *Labels) Routes(api *web.API) {
	web.Register(api, web.Operation{
		Method: "POST", Path: "/v1/labels", ID: "put-label", Tag: "Labels",
		Summary: "What the platform knows of content or an account",
		Description: "Rules read labels by their kind. The same kind from the same source again changes when it expires; " +
			"a time that has passed takes the label back.",
		Roles: []keys.Role{keys.Platform}, Idempotent: true,
	}, l.post)
}

type (
	postRequest  struct{ Body labelBody }
	postResponse struct{ Body labelBody }
)

type labelBody struct {
	Content string    `json:"content,omitempty" maxLength:"256" pattern:"^\\P{Cc}*$" patternDescription:"no control characters" doc:"Id of the content; or name an account"`
	Account string    `json:"account,omitempty" maxLength:"256" pattern:"^\\P{Cc}*$" patternDescription:"no control characters" doc:"Id of the account; or name content"`
	Kind    string    `json:"kind" maxLength:"64" pattern:"^[a-z0-9]+([._-][a-z0-9]+)*$" patternDescription:"lower-case words joined by . _ or -" doc:"For example verified-creator"`
	Source  string    `json:"source" maxLength:"128" pattern:"^[A-Za-z0-9]+([._-][A-Za-z0-9]+)*$" patternDescription:"words joined by . _ or -" doc:"Who says so, for example trust-team"`
	Expires time.Time `json:"expires,omitzero" doc:"Until when it holds; for good if absent"`
}

func (l *Labels) post(ctx context.Context, in *postRequest) (*postResponse, error) {
	b := &in.Body
	if (b.Content == "") == (b.Account == "") {
		return nil, fault.Fieldwise(fault.Field{Location: "content", Message: "name either content or an account"})
	}
	err := l.Put(ctx, Label{Content: b.Content, Account: b.Account, Kind: b.Kind, Source: b.Source, Expires: b.Expires})
	if db.IsUnavailable(err) {
		return nil, fault.Busy(err, time.Second, "Labels cannot be written right now.")
	}
	if err != nil {
		return nil, err
	}
	return &postResponse{*b}, nil
}
