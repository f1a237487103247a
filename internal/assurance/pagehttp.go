package assurance

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/breakwater-project/breakwater/internal/assurance/page"
	"github.com/breakwater-project/breakwater/internal/assurance/provider"
	"github.com/breakwater-project/breakwater/internal/fault"
	"github.com/breakwater-project/breakwater/internal/web"
)

// pageRoutes registers the page that a person meets, and what its forms do.
func (a *Assurance) pageRoutes(api *web.API) {
	for _, p := range []struct {
		method, path, id string
		answer           http.HandlerFunc
	}{
		{http.MethodGet, "/age/{id}", "age-page", a.getPage},
		{http.MethodPost, "/age/{id}/start/{provider}", "age-page-start", a.postStart},
		{http.MethodGet, "/age/{id}/back/{provider}", "age-page-back", a.getBack},
		{http.MethodPost, "/age/{id}/back/{provider}", "age-page-answer", a.postBack},
		{http.MethodPost, "/age/{id}/number", "age-page-number", a.postNumber},
		{http.MethodPost, "/age/{id}/appeal", "age-page-appeal", a.postPageAppeal},
		{http.MethodPost, "/age/{id}/collect", "age-page-collect", a.postCollect},
		{http.MethodGet, "/age/age.css", "age-page-style", a.asset("age.css")},
		{http.MethodGet, "/age/age.js", "age-page-script", a.asset("age.js")},
		{http.MethodGet, "/age/back.js", "age-page-back-script", a.asset("back.js")},
	} {
		web.Handle(api, web.Operation{Method: p.method, Path: p.path, ID: p.id, Public: true, Hidden: true}, p.answer)
	}
}

func (a *Assurance) asset(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { a.pages.Asset(w, r, name) }
}

// getPage shows a session to the browser that began it, or begins it there.
func (a *Assurance) getPage(w http.ResponseWriter, r *http.Request) {
	s, view, err := a.view(r.Context(), w, r)
	if err != nil {
		web.Refuse(r, problem(err))
		return
	}
	if view.State == page.Open {
		view.Choices, err = a.choices(r.Context(), &s)
		if errors.Is(err, ErrManyRequests) { // somebody reloads and reloads
			err = fault.Busy(err, time.Minute, "This page was opened too often. Wait some minutes, then reload it.")
		}
		if err != nil {
			web.Refuse(r, problem(err))
			return
		}
	}
	a.showPage(w, r, view)
}

func (a *Assurance) showPage(w http.ResponseWriter, r *http.Request, v page.View) {
	status := http.StatusOK
	switch v.State {
	case page.Missing:
		status = http.StatusNotFound
	case page.Elsewhere:
		status = http.StatusForbidden
	default:
	}
	if err := a.pages.Show(w, r, status, v); err != nil {
		web.Refuse(r, err)
	}
}

// view is what a browser may see of a session. The first that comes is made the
// session's own.
func (a *Assurance) view(ctx context.Context, w http.ResponseWriter, r *http.Request) (Session, page.View, error) {
	s, err := a.Session(ctx, r.PathValue("id"))
	if errors.Is(err, ErrNoSession) {
		return s, page.View{State: page.Missing}, nil
	}
	if err != nil {
		return s, page.View{}, err
	}
	v := page.View{
		State: page.State(s.State), Age: s.Profile.Over, Return: s.ReturnURL,
		Minutes: int(s.Expires.Sub(a.opt.Now()) / time.Minute), Refused: page.Reason(r.URL.Query().Get("refused")),
	}
	if v.Refused != page.NotRefused && !v.Refused.Known() {
		v.Refused = page.NotRefused
	}
	if s.State == StateOpen && !s.BoundTo(Browser(r)) {
		secret, err := a.Bind(ctx, s.ID, Browser(r))
		if errors.Is(err, ErrNotBound) {
			return s, page.View{State: page.Elsewhere}, nil
		}
		if err != nil {
			return s, page.View{}, err
		}
		a.SetBrowser(w, secret)
	}
	self := "/age/" + url.PathEscape(s.ID)
	if s.State == StateOpen && s.Flow == FlowPage {
		v.Number = self + "/number"
	}
	if s.Account != "" && (s.State == StateOpen || s.State == StateUnder) {
		v.Appeal = self + "/appeal"
		v.Appealed = r.URL.Query().Has("appealed")
	}
	if s.State == StatePassed && s.Tokens > 0 && s.ReturnURL != "" {
		v.Collect = self + "/collect"
	}
	return s, v, nil
}

// choices are the ways that are open now, each method once.
func (a *Assurance) choices(ctx context.Context, s *Session) ([]page.Choice, error) {
	wallets, err := a.Ask(ctx, s.ID)
	if err != nil {
		return nil, err
	}
	var all []page.Choice
	for _, c := range a.Offered(&s.Profile) {
		choice := page.Choice{Method: string(c.Method()), GovernmentID: c.Method().GovernmentID()}
		switch c := c.(type) {
		case *Wallet:
			if err := walletChoice(&choice, c.Of, wallets); err != nil {
				return nil, err
			}
		case *Elsewhere:
			choice.Action = "/age/" + url.PathEscape(s.ID) + "/start/" + c.Provider.Name
			choice.Host = c.Provider.Host
		}
		all = append(all, choice)
	}
	return all, nil
}

// walletChoice adds the links for a kind of wallet, and the call of the
// browser's own API.
func walletChoice(choice *page.Choice, of Method, wallets Requests) error {
	app := "openid4vp"
	if of == WalletAV {
		app = "eu-av"
	}
	for _, l := range wallets.Links {
		if l.Wallet == app {
			choice.Wallet = l.URI
		}
	}
	if wallets.DCAPI == nil {
		return nil
	}
	var err error
	choice.Digital, err = json.Marshal(wallets.DCAPI.Requests)
	choice.Endpoint = wallets.DCAPI.Answer
	return err
}

// postStart sends a person to a provider.
func (a *Assurance) postStart(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	address, err := a.Leave(r.Context(), id, r.PathValue("provider"), Browser(r))
	switch {
	case errors.Is(err, provider.ErrUnavailable), errors.Is(err, provider.ErrNotOffered):
		http.Redirect(w, r, "/age/"+url.PathEscape(id)+"?refused="+string(page.Provider), http.StatusSeeOther)
	case err != nil:
		web.Refuse(r, problem(err))
	default:
		http.Redirect(w, r, address, http.StatusSeeOther) //nolint:gosec // as the configured provider made it
	}
}

// getBack is where a provider sends the browser. An answer in the address's
// fragment, which servers are not shown, comes back by a script as a form.
func (a *Assurance) getBack(w http.ResponseWriter, r *http.Request) {
	e, err := a.elsewhere(r.PathValue("provider"), "")
	if err != nil {
		web.Refuse(r, problem(err))
		return
	}
	if !e.Provider.Returns {
		http.Redirect(w, r, "/age/"+url.PathEscape(r.PathValue("id")), http.StatusSeeOther)
		return
	}
	if err := a.pages.Back(w, r); err != nil {
		web.Refuse(r, err)
	}
}

// postBack takes a provider's answer by the person's browser.
func (a *Assurance) postBack(w http.ResponseWriter, r *http.Request) {
	self := "/age/" + url.PathEscape(r.PathValue("id"))
	if err := r.ParseForm(); err != nil {
		web.Refuse(r, fault.New(fault.Malformed, "The body is not a form."))
		return
	}
	got, err := a.Heard(r.Context(), r.PathValue("provider"), provider.Message{Header: r.Header, Form: r.PostForm})
	switch {
	case errors.Is(err, provider.ErrNotAuthentic), errors.Is(err, provider.ErrMalformed), err == nil && got.Verdict == Undecided:
		self += "?refused=" + string(page.Provider)
	case err != nil:
		web.Refuse(r, problem(err))
		return
	case got.Return != "":
		self = got.Return
	}
	http.Redirect(w, r, self, http.StatusSeeOther)
}

// showNumber tells the person what to type where they began.
func (a *Assurance) showNumber(w http.ResponseWriter, r *http.Request, code string) {
	number, err := a.number(code)
	if err != nil {
		web.Refuse(r, err)
		return
	}
	a.showPage(w, r, page.View{State: page.Number, Typed: number[:4] + " " + number[4:]})
}

// postNumber lets the answer of a wallet on another device count.
func (a *Assurance) postNumber(w http.ResponseWriter, r *http.Request) {
	self := "/age/" + url.PathEscape(r.PathValue("id"))
	if err := r.ParseForm(); err != nil {
		web.Refuse(r, fault.New(fault.Malformed, "The body is not a form."))
		return
	}
	if !a.ours(r) {
		return
	}
	digits := strings.Map(func(c rune) rune {
		if c < '0' || c > '9' {
			return -1
		}
		return c
	}, r.PostForm.Get("number"))
	_, err := a.CompleteTyped(r.Context(), r.PathValue("id"), digits, Browser(r))
	switch {
	case errors.Is(err, ErrNoRequest):
		self += "?refused=" + string(page.WrongNumber)
	case err != nil && !errors.Is(err, ErrEnded):
		web.Refuse(r, problem(err))
		return
	}
	http.Redirect(w, r, self, http.StatusSeeOther)
}

// postPageAppeal has a person look at it.
func (a *Assurance) postPageAppeal(w http.ResponseWriter, r *http.Request) {
	s, err := a.Session(r.Context(), r.PathValue("id"))
	if err == nil && !s.BoundTo(Browser(r)) {
		err = ErrNotBound
	}
	if err == nil {
		ground := GroundNoMethod
		if s.State == StateUnder {
			ground = GroundWrong
		}
		_, err = a.AppealSession(r.Context(), s.ID, ground)
	}
	if err != nil {
		web.Refuse(r, problem(err))
		return
	}
	http.Redirect(w, r, "/age/"+url.PathEscape(s.ID)+"?appealed", http.StatusSeeOther)
}

// postCollect takes the person's grant back to the site, in the fragment of the
// address: there the browser's client gets tokens for it. No server sees it.
func (a *Assurance) postCollect(w http.ResponseWriter, r *http.Request) {
	s, err := a.Session(r.Context(), r.PathValue("id"))
	if err == nil && !s.BoundTo(Browser(r)) {
		err = ErrNotBound
	}
	var grant string
	if err == nil {
		grant, err = a.Collect(r.Context(), s.ID)
	}
	if err != nil {
		web.Refuse(r, problem(err))
		return
	}
	to, _, _ := strings.Cut(s.ReturnURL, "#")
	http.Redirect(w, r, to+"#age_grant="+grant, http.StatusSeeOther)
}
