package contact

import (
	"context"
	"errors"
	"time"

	"github.com/breakwater-project/breakwater/internal/db"
	"github.com/breakwater-project/breakwater/internal/fault"
	"github.com/breakwater-project/breakwater/internal/keys"
	"github.com/breakwater-project/breakwater/internal/web"
)

// Routes registers the blocks.
func (b *Blocks) Routes(api *web.API) {
	roles := []keys.Role{keys.Platform}
	web.Register(api, web.Operation{
		Method: "GET", Path: "/v1/accounts/{id}/blocks", ID: "get-blocks", Tag: "Accounts",
		Summary: "Whom an account has blocked or muted",
		Description: "For the account's owner, and nobody else. What a blocked account does is decided without its being shown: " +
			"the decision's apparent outcome and its notice are those of an account that is not blocked.",
		Roles: roles, Idempotent: true,
	}, b.getList)
	web.Register(api, web.Operation{
		Method: "PUT", Path: "/v1/accounts/{id}/blocks", ID: "put-blocks-unknown", Tag: "Accounts",
		Summary:     "Block or mute everybody that an account is not connected with",
		Description: "Blocking and muting single accounts stays as it is.",
		Roles:       roles, Idempotent: true,
	}, b.putUnknown)
	web.Register(api, web.Operation{
		Method: "PUT", Path: "/v1/accounts/{id}/blocks/{other}", ID: "put-block", Tag: "Accounts",
		Summary: "Block or mute an account",
		Description: "block: nothing that it sends arrives, and neither of the two is suggested to the other. " +
			"mute: what it sends stays out of sight until it is looked for.",
		Roles: roles, Idempotent: true,
	}, b.put)
	web.Register(api, web.Operation{
		Method: "DELETE", Path: "/v1/accounts/{id}/blocks/{other}", ID: "delete-block", Tag: "Accounts",
		Summary: "Neither block nor mute an account any more", Roles: roles, Idempotent: true,
	}, b.remove)
}

type (
	// ByAccount names whose list it is. It is exported for huma, which reads no
	// others, as ByPair is.
	ByAccount struct {
		ID string `path:"id" minLength:"1" maxLength:"256" pattern:"^\\P{Cc}+$" patternDescription:"no control characters" doc:"The platform's id of the account"`
	}
	// ByPair names one entry of it.
	ByPair struct {
		ByAccount
		Other string `path:"other" minLength:"1" maxLength:"256" pattern:"^\\P{Cc}+$" patternDescription:"no control characters" doc:"The account that is blocked or muted"`
	}
	putRequest struct {
		ByPair
		Body stanceBody
	}
	unknownRequest struct {
		ByAccount
		Body unknownBody
	}
	listResponse  struct{ Body listBody }
	entryResponse struct{ Body entryBody }
)

type stanceBody struct {
	Mode string `json:"mode" enum:"block,mute" doc:"block: nothing arrives; mute: it stays out of sight"`
}

type unknownBody struct {
	Unknown string `json:"unknown" enum:"off,mute,block" doc:"Towards everybody that the account is not connected with"`
}

type listBody struct {
	unknownBody
	Accounts []entryBody `json:"accounts" nullable:"false" doc:"The latest first"`
}

type entryBody struct {
	ID    string    `json:"id"`
	Mode  string    `json:"mode" enum:"block,mute,off"`
	Since time.Time `json:"since"`
}

func (b *Blocks) getList(ctx context.Context, in *ByAccount) (*listResponse, error) {
	list, err := b.Get(ctx, in.ID)
	if err != nil {
		return nil, refusal(err)
	}
	answer := listBody{unknownBody: unknownBody{list.Unknown.String()}, Accounts: make([]entryBody, len(list.Accounts))}
	for i, entry := range list.Accounts {
		answer.Accounts[i] = entry.body()
	}
	return &listResponse{answer}, nil
}

func (b *Blocks) putUnknown(ctx context.Context, in *unknownRequest) (*listResponse, error) {
	stance, _ := ParseStance(in.Body.Unknown) // the schema admits no other
	if err := b.PutUnknown(ctx, in.ID, stance); err != nil {
		return nil, refusal(err)
	}
	return b.getList(ctx, &in.ByAccount)
}

func (b *Blocks) put(ctx context.Context, in *putRequest) (*entryResponse, error) {
	if in.ID == in.Other {
		return nil, fault.Fieldwise(fault.Field{Location: "other", Message: "nobody blocks themselves"})
	}
	stance, _ := ParseStance(in.Body.Mode)
	return b.decide(ctx, in.ByPair, stance)
}

func (b *Blocks) remove(ctx context.Context, in *ByPair) (*entryResponse, error) {
	return b.decide(ctx, *in, Open)
}

func (b *Blocks) decide(ctx context.Context, of ByPair, stance Stance) (*entryResponse, error) {
	entry, err := b.Put(ctx, of.ID, of.Other, stance)
	if err != nil {
		return nil, refusal(err)
	}
	return &entryResponse{entry.body()}, nil
}

func (e *Blocked) body() entryBody {
	return entryBody{ID: e.Account, Mode: e.Stance.String(), Since: e.Since}
}

func refusal(err error) error {
	switch {
	case errors.Is(err, ErrFull):
		return fault.Newf(fault.Conflict, "An account blocks or mutes at most %d others.", MaxBlocked)
	case db.IsUnavailable(err):
		return fault.Busy(err, time.Second, "Blocks cannot be read or written right now.")
	}
	return err
}
