package assurance

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/breakwater-project/breakwater/internal/assurance/provider"
	"github.com/breakwater-project/breakwater/internal/assurance/wallet"
	"github.com/breakwater-project/breakwater/internal/db"
	"github.com/breakwater-project/breakwater/internal/fault"
	"github.com/breakwater-project/breakwater/internal/keys"
	"github.com/breakwater-project/breakwater/internal/web"
)

const tag = "Age checks"

// formType is how wallets answer by a link.
const formType = "application/x-www-form-urlencoded"

// Routes registers the sessions, what wallets call, and the appeals.
func (a *Assurance) Routes(api *web.API) {
	platform := []keys.Role{keys.Platform}
	web.Register(api, web.Operation{
		Method: "POST", Path: "/v1/age/sessions", ID: "begin-age-session", Tag: tag, Roles: platform,
		Summary: "Ask somebody to show that they have reached an age",
		Description: "Send the person to the page, or show the links on one of your own. What the check finds becomes a part of what is known of the account; " +
			"nothing else of the person or the attempt is kept. A new session of an account takes the place of an open one.",
	}, a.postSession)
	web.Register(api, web.Operation{
		Method: "GET", Path: "/v1/age/sessions/{id}", ID: "get-age-session", Tag: tag, Roles: platform, Idempotent: true,
		Summary: "How far an age check is",
	}, a.getSession)
	web.Register(api, web.Operation{
		Method: "POST", Path: "/v1/age/sessions/{id}/complete", ID: "complete-age-session", Tag: tag, Roles: platform,
		Summary: "Let a wallet's answer count, once the person is back",
		Description: "For sessions of flow platform: the wallet sends the browser to return_url with session and response_code. " +
			"Make sure that it is signed in as the account that you asked for, or somebody could answer for another.",
	}, a.postComplete)
	web.Handle(api, web.Operation{
		Method: "GET", Path: "/v1/age/requests/{id}", ID: "get-age-request", Tag: tag, Public: true,
		Summary:     "A request as a wallet fetches it",
		Description: "A signed request object of OpenID4VP 1.0 (RFC 9101).",
		Answers:     "application/oauth-authz-req+jwt",
	}, a.getRequest)
	web.Raw[walletForm, answered](api, web.Operation{
		Method: "POST", Path: "/v1/age/openid4vp/{id}", ID: "answer-age-request", Tag: tag, Public: true,
		Summary:     "A wallet's answer, by direct_post or direct_post.jwt",
		Description: "OpenID4VP 1.0, section 8.2. A request can be answered once, whatever the answer is.",
		Accepts:     []string{formType},
	}, a.postAnswer)
	web.Register(api, web.Operation{
		Method: "POST", Path: "/v1/age/dcapi/{id}", ID: "answer-age-dcapi", Tag: tag, Public: true, Anywhere: true,
		Summary:     "A wallet's answer, by the Digital Credentials API",
		Description: "The protocol and the data of the credential that navigator.credentials.get gave. A request can be answered once, whatever the answer is.",
	}, a.postAPIAnswer)
	web.Handle(api, web.Operation{
		Method: "GET", Path: "/age/{id}/return", ID: "return-age-session", Tag: tag, Public: true, Hidden: true,
		Summary: "Where wallets send the browser back to",
	}, a.returned)
	web.Register(api, web.Operation{
		Method: "GET", Path: "/v1/age/counts", ID: "count-age-checks", Tag: tag, Roles: []keys.Role{keys.Analyst, keys.Compliance}, Idempotent: true,
		Summary: "How often what happened in age checks, by day: all that is kept of attempts",
	}, a.getCounts)
	a.appealRoutes(api)
	a.consentRoutes(api)
	a.signalRoutes(api)
	a.pageRoutes(api)
}

// ByID names a session or an appeal. It is exported for huma, which reads no
// others.
type ByID struct {
	ID string `path:"id" minLength:"1" maxLength:"64" pattern:"^[A-Za-z0-9_-]+$" patternDescription:"letters, digits, - and _"`
}

type (
	beginRequest    struct{ Body beginBody }
	sessionResponse struct{ Body sessionAnswer }
	completeRequest struct {
		ByID
		Body completeBody
	}
	stateResponse struct{ Body SessionState }
)

type beginBody struct {
	Account   string `json:"account,omitempty" maxLength:"256" pattern:"^\\P{Cc}*$" patternDescription:"no control characters" doc:"Whose age it is; absent where only tokens are wanted, or a guardian's consent"`
	Profile   string `json:"profile" maxLength:"64" doc:"What the law asks, for example GB-HEAA-18"`
	Flow      Flow   `json:"flow,omitempty" enum:"page,platform,cross_device" doc:"Who binds a wallet's answer to the person who began: our page (page), yours with return_url (platform), or nobody (cross_device, for codes that another device scans)"`
	ReturnURL string `json:"return_url,omitempty" maxLength:"2048" doc:"Where the person goes in the end"`
	Tokens    int    `json:"tokens,omitempty" minimum:"0" maximum:"30" doc:"How many age tokens a passed check entitles the person's device to"`
}

type sessionAnswer struct {
	SessionState
	Page    string         `json:"page" doc:"Where to send the person"`
	Methods []methodAnswer `json:"methods" nullable:"false" doc:"What is offered now, in the order in which to try"`
	Wallets Requests       `json:"wallets" doc:"Requests to wallets, for pages of your own"`
}

type methodAnswer struct {
	Method       Method `json:"method" doc:"For example wallet_av or facial_estimation"`
	GovernmentID bool   `json:"government_id" doc:"Asks for an identity document"`
}

// SessionState is how far a session is. It is exported for huma, which reads no
// others where one is within another.
type SessionState struct {
	ID      string    `json:"id"`
	Profile string    `json:"profile"`
	Over    int       `json:"over" doc:"The age, in completed years"`
	State   State     `json:"state" enum:"open,passed,under,ended" doc:"passed: has reached the age; under: has not; ended: too many answers that did not count"`
	Expires time.Time `json:"expires" doc:"When the session is forgotten"`
	Grant   string    `json:"grant,omitempty" doc:"For the person's device, once: what it gets age tokens for"`
}

type completeBody struct {
	Code string `json:"response_code" minLength:"1" maxLength:"64" doc:"As the browser brought it"`
}

func stateOf(s *Session) SessionState {
	return SessionState{ID: s.ID, Profile: s.Profile.ID, Over: s.Profile.Over, State: s.State, Expires: s.Expires}
}

func (a *Assurance) postSession(ctx context.Context, in *beginRequest) (*sessionResponse, error) {
	ask := Ask(in.Body)
	if ask.Flow == "" {
		ask.Flow = FlowPage
	}
	if err := in.Body.check(); err != nil {
		return nil, err
	}
	s, err := a.Begin(ctx, ask)
	if err != nil {
		return nil, problem(err)
	}
	wallets, err := a.Ask(ctx, s.ID)
	if err != nil {
		return nil, problem(err)
	}
	out := &sessionResponse{sessionAnswer{SessionState: stateOf(&s), Page: a.opt.URL() + "/age/" + s.ID, Methods: []methodAnswer{}, Wallets: wallets}}
	for _, c := range a.Offered(&s.Profile) {
		out.Body.Methods = append(out.Body.Methods, methodAnswer{c.Method(), c.Method().GovernmentID()})
	}
	return out, nil
}

func (b *beginBody) check() error {
	u, err := url.Parse(b.ReturnURL)
	switch {
	case b.ReturnURL == "" && b.Flow == FlowPlatform:
		return fault.Fieldwise(fault.Field{Location: "return_url", Message: "needed for flow platform"})
	case b.ReturnURL != "" && (err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && u.Scheme != "http"):
		return fault.Fieldwise(fault.Field{Location: "return_url", Message: "must be an http or https address"})
	}
	return nil
}

func (a *Assurance) getSession(ctx context.Context, in *ByID) (*stateResponse, error) {
	s, err := a.Session(ctx, in.ID)
	if err != nil {
		return nil, problem(err)
	}
	return &stateResponse{stateOf(&s)}, nil
}

func (a *Assurance) postComplete(ctx context.Context, in *completeRequest) (*stateResponse, error) {
	s, err := a.Session(ctx, in.ID)
	if err == nil && s.Flow == FlowPage {
		err = ErrNotBound // its page completes it
	}
	if err == nil {
		_, err = a.Complete(ctx, in.ID, in.Body.Code, "")
	}
	if err != nil {
		return nil, problem(err)
	}
	return a.stateWithGrant(ctx, in.ID)
}

// stateWithGrant is how far a session is, with the grant if there is one.
func (a *Assurance) stateWithGrant(ctx context.Context, id string) (*stateResponse, error) {
	s, err := a.Session(ctx, id)
	if err != nil {
		return nil, problem(err)
	}
	out := &stateResponse{stateOf(&s)}
	out.Body.Grant, err = a.Collect(ctx, id)
	if err != nil && !errors.Is(err, ErrNoGrant) {
		return nil, problem(err)
	}
	return out, nil
}

func (a *Assurance) getRequest(w http.ResponseWriter, r *http.Request) {
	object, err := a.Object(r.Context(), r.PathValue("id"))
	if err != nil {
		web.Refuse(r, problem(err))
		return
	}
	w.Header().Set("Content-Type", "application/oauth-authz-req+jwt")
	_, _ = w.Write([]byte(object)) //nolint:gosec // a JWT, sent as one; fails if the caller has gone
}

// walletForm is what a wallet posts, for the documents.
type walletForm struct {
	Token    string `json:"vp_token,omitempty" doc:"direct_post: the presentation, by the credential's id in the query"`
	Response string `json:"response,omitempty" doc:"direct_post.jwt: the same, encrypted"`
	Error    string `json:"error,omitempty" doc:"Why the wallet does not answer"`
}

// answered is what a wallet is told.
type answered struct {
	RedirectURI string `json:"redirect_uri,omitempty" doc:"Where the wallet sends the browser back to"`
}

func (a *Assurance) postAnswer(ctx context.Context, r web.Request) (web.Answer, error) {
	form, err := url.ParseQuery(string(r.Body))
	if err != nil {
		return web.Answer{}, fault.New(fault.Malformed, "The body is not a form.")
	}
	got, err := a.AnswerLink(ctx, r.Path("id"), form)
	if refusal, ok := errors.AsType[*wallet.Refusal](err); ok && refusal.Defect == wallet.Declined {
		err = nil // the person may; there is nothing to be told
	}
	if err != nil {
		return web.Answer{}, problem(err)
	}
	body, err := json.Marshal(answered{got.Return})
	return web.Answer{Body: body}, err
}

type (
	apiRequest struct {
		ByID
		Browser string `cookie:"breakwater_age"`
		Body    apiBody
	}
	apiBody struct {
		Protocol string         `json:"protocol" maxLength:"64" enum:"openid4vp-v1-unsigned,org-iso-mdoc"`
		Data     map[string]any `json:"data" doc:"As the wallet gave it"`
		Origin   string         `json:"origin,omitempty" maxLength:"256" doc:"Of the page that asked, if it is not one of this server"`
	}
)

func (a *Assurance) postAPIAnswer(ctx context.Context, in *apiRequest) (*stateResponse, error) {
	data, err := json.Marshal(in.Body.Data)
	if err != nil {
		return nil, err
	}
	session, err := a.sessionOf(ctx, in.ID)
	if err == nil {
		_, err = a.AnswerAPI(ctx, in.ID, APIAnswer{in.Body.Protocol, data, in.Body.Origin, in.Browser})
	}
	if err != nil {
		return nil, problem(err)
	}
	s, err := a.Session(ctx, session)
	if err == nil && s.Flow == FlowPage { // our page collects the grant
		return &stateResponse{stateOf(&s)}, nil
	}
	return a.stateWithGrant(ctx, session)
}

// Cookie is the name of the cookie that holds a browser's secret.
const Cookie = "breakwater_age"

// SetBrowser gives a browser the secret of a session, as Bind made it. One
// browser tries one session at a time.
func (a *Assurance) SetBrowser(w http.ResponseWriter, secret string) {
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // Secure unless the server itself is reached without TLS
		Name: Cookie, Value: secret, Path: "/", MaxAge: int(sessionLife.Seconds()), HttpOnly: true,
		Secure: strings.HasPrefix(a.opt.URL(), "https://"), SameSite: http.SameSiteLaxMode,
	})
}

// Browser is the secret that a browser presents, or empty.
func Browser(r *http.Request) string {
	c, err := r.Cookie(Cookie)
	if err != nil {
		return ""
	}
	return c.Value
}

// returned lets the answer count that the browser comes back for, and sends it
// on: to where the platform wants it, or to the session's page, which says how
// it ended.
func (a *Assurance) returned(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	code := r.URL.Query().Get("response_code")
	if !a.ours(r) {
		return
	}
	_, err := a.Complete(r.Context(), id, code, Browser(r))
	if errors.Is(err, ErrNotBound) { // the wallet is on another device
		a.showNumber(w, r, code)
		return
	}
	if err != nil && !errors.Is(err, ErrEnded) {
		web.Refuse(r, problem(err))
		return
	}
	s, err := a.Session(r.Context(), id)
	if err != nil {
		web.Refuse(r, problem(err))
		return
	}
	to := a.opt.URL() + "/age/" + url.PathEscape(id)
	if s.ReturnURL != "" && s.Tokens == 0 { // tokens are fetched by the page
		to = s.ReturnURL
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// ours reports whether a session is completed by our page, and refuses if not:
// of another flow the platform knows who came back, and we don't.
func (a *Assurance) ours(r *http.Request) bool {
	s, err := a.Session(r.Context(), r.PathValue("id"))
	if err == nil && s.Flow != FlowPage {
		err = ErrNotBound
	}
	if err != nil {
		web.Refuse(r, problem(err))
	}
	return err == nil
}

// problem is err as people may see it: what to do next, and nothing that would
// help to forge an answer.
func problem(err error) error {
	if refusal, ok := errors.AsType[*wallet.Refusal](err); ok {
		return refusalProblem(refusal)
	}
	switch {
	case errors.Is(err, ErrNoProfile):
		return fault.Fieldwise(fault.Field{Location: "profile", Message: "unknown"})
	case errors.Is(err, ErrFewMethods):
		return fault.Busy(err, time.Minute, "People need a choice: configure two methods of this profile that have evidence, one of them without government ID, and see that they are open.")
	case errors.Is(err, ErrNoProvider):
		return fault.New(fault.NotFound, "There is no such provider of age checks.")
	case errors.Is(err, provider.ErrNotAuthentic):
		return fault.New(fault.Unauthorized, "The answer is not signed as the provider signs.")
	case errors.Is(err, provider.ErrMalformed):
		return fault.New(fault.Malformed, strings.TrimPrefix(err.Error(), "assurance: heard: "))
	case errors.Is(err, provider.ErrUnavailable):
		return fault.Busy(err, time.Minute, "This provider does not answer right now. Choose another way to show your age.")
	case errors.Is(err, ErrNoSession), errors.Is(err, ErrNoRequest):
		return fault.New(fault.NotFound, "There is no such age check, or not any more. Begin again.")
	case errors.Is(err, ErrAnswered):
		return fault.New(fault.Conflict, "This request was answered already. Ask for a new one to try again.")
	case errors.Is(err, ErrEnded):
		return fault.New(fault.Conflict, "This age check has ended. Begin a new one to try again.")
	case errors.Is(err, ErrManyRequests):
		return fault.New(fault.Conflict, "Too many requests of this age check are open. Answer one, or wait some minutes.")
	case errors.Is(err, ErrNotBound), errors.Is(err, ErrOrigin):
		return fault.New(fault.Forbidden, "This age check was begun elsewhere. Go on in the browser in which it began, or begin again.")
	case db.IsUnavailable(err):
		return fault.Busy(err, time.Second, "Age checks cannot be made right now.")
	}
	return err
}

// refusalProblem says what the person can do. All that does not verify is one
// case, so that whoever tries learns nothing of why.
func refusalProblem(r *wallet.Refusal) error {
	text := "The wallet's answer cannot be used, and nothing of it was kept. Ask for a new request and try again, or choose another way to show your age."
	switch r.Defect {
	case wallet.Expired:
		text = "The proof in the wallet has run out. Renew it there, then ask for a new request, or choose another way to show your age."
	case wallet.OverDisclosed:
		text = "The wallet sent more than your age, so nothing of it was kept. Ask for a new request and share only the age, or choose another way."
	case wallet.SaysNothing, wallet.NotAsked:
		text = "The wallet's answer does not say whether you have reached the age. Ask for a new request and share that, or choose another way."
	case wallet.NoTrust:
		return fault.Busy(r, time.Minute, "This kind of proof cannot be checked right now. Choose another way to show your age.")
	}
	f := fault.Fieldwise(fault.Field{Location: "body", Message: "not an answer that counts"})
	f.Detail = text
	return f
}
