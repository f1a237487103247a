package token

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/breakwater-project/breakwater/agetoken"
	"github.com/breakwater-project/breakwater/internal/assurance"
	"github.com/breakwater-project/breakwater/internal/db"
	"github.com/breakwater-project/breakwater/internal/fault"
	"github.com/breakwater-project/breakwater/internal/keys"
	"github.com/breakwater-project/breakwater/internal/web"
)

// API is the routes of tokens.
type API struct {
	Keys     *Keys
	Issuer   *Issuer
	Redeemer *Redeemer
	// Merge says of an account what a token has proven.
	Merge func(ctx context.Context, account string, p Proof) error
	// Gate is what a request to the gate must prove; nil is no gate.
	Gate *Statement
}

const tag = "Age tokens"

// Routes registers them.
func (a *API) Routes(api *web.API) {
	web.Handle(api, web.Operation{
		Method: "GET", Path: agetoken.DirectoryPath, ID: "age-token-directory", Tag: tag, Public: true, Anywhere: true,
		Summary:     "The keys that sign age tokens",
		Description: "As RFC 9578 has it, with the name of each key beside it: over-18.strict.2026-11. Everybody is shown the same; its digest is in the log. Empty where no tokens are issued.",
		Answers:     agetoken.DirectoryMediaType,
	}, a.directory)
	web.Register(api, web.Operation{
		Method: "POST", Path: IssuePath, ID: "issue-age-tokens", Tag: tag, Public: true, Anywhere: true,
		Summary: "Sign age tokens blindly, for a grant",
		Description: "An age check that was passed gives the person's device a grant. The device blinds the tokens, so that nobody, " +
			"this server included, can later tell whose they were. A lost answer costs the tokens it held: ask for no more than you need.",
	}, a.issue)
	web.Register(api, web.Operation{
		Method: "POST", Path: "/v1/age/tokens/redeem", ID: "redeem-age-token", Tag: tag, Roles: []keys.Role{keys.Platform},
		Summary: "What an age token proves, once",
		Description: "Spends the token, durably, before it answers: a second time is 409. Where an account is named, " +
			"what the token proves becomes a part of what is known of its age. The account is not kept beside the token.",
	}, a.redeem)
	if a.Gate != nil {
		web.Handle(api, web.Operation{
			Method: "GET", Path: "/v1/age/tokens/gate", ID: "age-token-gate", Tag: tag, Public: true, Hidden: true,
			Summary: "For a proxy that asks before it passes a request on",
		}, a.gate)
	}
}

func (a *API) directory(w http.ResponseWriter, r *http.Request) {
	d, err := a.Keys.Directory(r.Context())
	var body []byte
	if err == nil {
		body, err = json.Marshal(d)
	}
	if err != nil {
		w.Header().Set("Retry-After", "1")
		writeProblem(w, fault.Busy(err, time.Second, "The keys cannot be read right now.").Problem())
		return
	}
	w.Header().Set("Content-Type", agetoken.DirectoryMediaType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.Header().Set("Cache-Control", "public, max-age=300")
	_, _ = w.Write(body) // fails if the caller has gone
}

func writeProblem(w http.ResponseWriter, p fault.Problem) {
	body, err := json.Marshal(p)
	if err != nil { // strings and a number: cannot be
		panic(err)
	}
	w.Header().Set("Content-Type", fault.ProblemType)
	w.WriteHeader(p.Status)
	_, _ = w.Write(body) // fails if the caller has gone
}

type (
	issueRequest  struct{ Body issueBody }
	issueResponse struct{ Body issueAnswer }
)

type issueBody struct {
	Grant    string   `json:"grant" minLength:"1" maxLength:"128" doc:"What the age check gave the person's device"`
	Requests []string `json:"requests" minItems:"1" maxItems:"30" nullable:"false" doc:"TokenRequests of RFC 9578, section 6.1, each in base64url"`
}

type issueAnswer struct {
	Responses []string `json:"responses" nullable:"false" doc:"TokenResponses, in the order of the requests, each in base64url"`
}

func (a *API) issue(ctx context.Context, in *issueRequest) (*issueResponse, error) {
	requests := make([]agetoken.Request, len(in.Body.Requests))
	for i, text := range in.Body.Requests {
		b, err := base64.RawURLEncoding.Strict().DecodeString(text)
		if err == nil {
			requests[i], err = agetoken.ParseRequest(b)
		}
		if err != nil {
			return nil, requestFault(i, "not a token request of type 2 in base64url")
		}
	}
	responses, err := a.Issuer.Issue(ctx, in.Body.Grant, requests)
	if err != nil {
		return nil, issueFault(err)
	}
	out := &issueResponse{issueAnswer{make([]string, len(responses))}}
	for i, r := range responses {
		out.Body.Responses[i] = base64.RawURLEncoding.EncodeToString(r[:])
	}
	return out, nil
}

func requestFault(i int, message string) error {
	return fault.Fieldwise(fault.Field{Location: "requests[" + strconv.Itoa(i) + "]", Message: message})
}

// issueFault is err as the device may see it.
func issueFault(err error) error {
	var one *RequestError
	switch {
	case errors.As(err, &one) && errors.Is(err, ErrNoKey):
		return requestFault(one.Number, "for a key that does not sign now: read the directory again")
	case errors.As(err, &one) && errors.Is(err, ErrGrantWeak):
		return requestFault(one.Number, "for an older age, or a stricter class, than the check has shown")
	case errors.As(err, &one):
		return requestFault(one.Number, "not blinded for the key that it names")
	case errors.Is(err, assurance.ErrNoGrant):
		return fault.New(fault.NotFound, "There is no such grant, or not any more. Check your age again to get one.")
	case errors.Is(err, assurance.ErrGrantSpent):
		return fault.New(fault.Conflict, "The grant has fewer tokens left than were asked for. Ask for fewer, or check your age again.")
	case db.IsUnavailable(err):
		return fault.Busy(err, time.Second, "Tokens cannot be issued right now. The grant is untouched.")
	}
	return err
}

type (
	redeemRequest  struct{ Body redeemBody }
	redeemResponse struct{ Body redeemAnswer }
)

type redeemBody struct {
	Token   string   `json:"token" minLength:"1" maxLength:"480" doc:"The token, in base64url"`
	Over    int      `json:"over,omitempty" minimum:"0" maximum:"120" doc:"Asks for this age at least; a token that says less is not spent"`
	Class   string   `json:"class,omitempty" enum:"asserted,standard,enhanced,strict" doc:"Asks for this class at least"`
	Context string   `json:"context,omitempty" maxLength:"44" doc:"The 32 bytes of a session that the challenge had, in base64url; absent for tokens that were kept"`
	Origins []string `json:"origins,omitempty" maxItems:"8" nullable:"false" doc:"The hosts that the challenge had; absent for tokens that were kept"`
	Account string   `json:"account,omitempty" maxLength:"256" pattern:"^\\P{Cc}*$" patternDescription:"no control characters" doc:"Whose age it proves, where that is to be remembered"`
}

type redeemAnswer struct {
	Over   int       `json:"over" doc:"The person has completed this many years"`
	Class  string    `json:"class" enum:"asserted,standard,enhanced,strict" doc:"How well that was assured (IEEE 2089.1)"`
	Issuer string    `json:"issuer" doc:"Who says so"`
	Until  time.Time `json:"until" doc:"When what it says should be checked again"`
}

func (a *API) redeem(ctx context.Context, in *redeemRequest) (*redeemResponse, error) {
	t, want, err := in.Body.parse()
	if err != nil {
		return nil, err
	}
	p, err := a.Redeemer.Redeem(ctx, t, want)
	if err != nil {
		return nil, redeemFault(err)
	}
	if in.Body.Account != "" {
		if err := a.Merge(ctx, in.Body.Account, p); err != nil {
			return nil, fault.Busy(err, time.Second, "The token is spent, but the account could not be written. Ask for another token.")
		}
	}
	return &redeemResponse{redeemAnswer{p.Over, p.Class.String(), p.Issuer, p.Until}}, nil
}

func (b *redeemBody) parse() (t agetoken.Token, want Want, err error) {
	text, decodeErr := base64.RawURLEncoding.Strict().DecodeString(b.Token)
	if decodeErr == nil {
		t, decodeErr = agetoken.ParseToken(text)
	}
	if decodeErr != nil {
		return t, want, tokenFault("not a token of type 2 in base64url")
	}
	want.Over, want.Origins = b.Over, b.Origins
	if b.Class != "" {
		s, parseErr := ParseStatement("over-18." + b.Class)
		if parseErr != nil {
			return t, want, fault.Fieldwise(fault.Field{Location: "class", Message: "asserted, standard, enhanced or strict"})
		}
		want.Class = s.Class
	}
	want.Context, decodeErr = base64.RawURLEncoding.Strict().DecodeString(b.Context)
	if decodeErr != nil || len(want.Context) != 0 && len(want.Context) != agetoken.DigestSize {
		return t, want, fault.Fieldwise(fault.Field{Location: "context", Message: "32 bytes in base64url, or absent"})
	}
	if _, challengeErr := agetoken.NewChallenge("issuer.example", nil, b.Origins...); challengeErr != nil {
		return t, want, fault.Fieldwise(fault.Field{Location: "origins", Message: "each a host"})
	}
	return t, want, nil
}

func tokenFault(message string) error {
	return fault.Fieldwise(fault.Field{Location: "token", Message: message})
}

// redeemFault is err as the platform may see it.
func redeemFault(err error) error {
	switch {
	case errors.Is(err, agetoken.ErrSpent):
		return fault.New(fault.Conflict, "The token was spent before. Ask the device for another one.")
	case errors.Is(err, agetoken.ErrKey):
		return tokenFault("of an issuer that is not trusted here, or of a key that was withdrawn")
	case errors.Is(err, agetoken.ErrTime):
		return tokenFault("it has lapsed, or its time has not come: ask for another one")
	case errors.Is(err, agetoken.ErrChallenge):
		return tokenFault("it answers another challenge: of another place, or of another session")
	case errors.Is(err, agetoken.ErrSignature):
		return tokenFault("damaged or forged")
	case errors.Is(err, ErrWeak):
		return tokenFault("it says less than is asked for; it is not spent")
	case errors.Is(err, ErrBusy), db.IsUnavailable(err):
		return fault.Busy(err, time.Second, "Tokens cannot be spent right now. Send this one again; if it is then spent, ask for another one.")
	}
	return err
}

// gate answers 204 to whoever spends a token, with what it says, and 401 with
// challenges to all others. A proxy asks it before it passes a request on.
func (a *API) gate(w http.ResponseWriter, r *http.Request) {
	want := Want{Statement: *a.Gate}
	offers, err := a.Redeemer.Offers(r.Context(), want.Statement)
	if err != nil {
		web.Refuse(r, fault.Busy(err, time.Second, "Tokens cannot be asked for right now."))
		return
	}
	agetoken.Gate{
		Offers: func() []agetoken.Offer {
			return offers
		},
		Redeem: func(ctx context.Context, t agetoken.Token) (name agetoken.KeyName, err error) {
			p, err := a.Redeemer.Redeem(ctx, t, want)
			if errors.Is(err, ErrWeak) {
				err = agetoken.ErrKey
			}
			return agetoken.KeyName{Over: p.Over, Class: p.Class}, err
		},
	}.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		said, _ := agetoken.Said(r.Context())
		w.Header().Set("Age-Proof", says(said))
		w.WriteHeader(http.StatusNoContent)
	})).ServeHTTP(w, r)
}
