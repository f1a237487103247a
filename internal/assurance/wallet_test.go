package assurance_test

import (
	"context"
	"crypto/x509"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/assurance"
	"github.com/breakwater-project/breakwater/internal/assurance/wallet"
	"github.com/breakwater-project/breakwater/internal/assurance/wallet/wallettest"
	"github.com/breakwater-project/breakwater/internal/keys"
	"github.com/breakwater-project/breakwater/internal/web"
)

const (
	avType   = "eu.europa.ec.av.1"
	platform = "https://platform.example"
)

// site is a world whose routes answer, an issuer that it trusts, and what
// changes that trust.
type site struct {
	*world
	api    *web.API
	issuer *wallettest.Issuer
	stale  error
}

// eachSite runs f on both databases.
func eachSite(t *testing.T, f func(t *testing.T, s *site)) {
	t.Helper()
	issuer := wallettest.NewIssuer(t, start)
	now := &site{issuer: issuer}
	trust := func(time.Time) (wallet.Issuers, error) {
		return wallet.Issuers{Roots: []*x509.Certificate{issuer.Root}}, now.stale
	}
	each(t, func(t *testing.T, w *world) {
		now.world, now.stale = w, nil
		now.api = web.New(web.Options{
			Authenticate: func(context.Context, string) (keys.Principal, error) {
				return keys.Principal{ID: "k", Roles: []keys.Role{keys.Platform, keys.Reviewer, keys.Analyst}}, nil
			},
			Now: func() time.Time { return w.now },
		})
		w.Routes(now.api)
		f(t, now)
	},
		&assurance.Wallet{Of: assurance.WalletAV, Document: wallet.AgeAttestation(), Issuers: trust},
		&assurance.Wallet{Of: assurance.WalletMDL, Document: wallet.DrivingLicence(), Issuers: trust},
		open{method: assurance.OpenBanking},
	)
}

type object = map[string]any

// request is one call of the site.
type request struct {
	method, path string
	body         any // url.Values are a form
	cookie       *http.Cookie
}

// answer is what came back.
type answer struct {
	status   int
	location string
	object   object // of an answer in JSON
}

func (s *site) call(t *testing.T, r request) answer {
	t.Helper()
	var body io.Reader = http.NoBody
	kind := ""
	switch b := r.body.(type) {
	case nil:
	case url.Values:
		body, kind = strings.NewReader(b.Encode()), "application/x-www-form-urlencoded"
	default:
		text, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		body, kind = strings.NewReader(string(text)), "application/json"
	}
	req := httptest.NewRequestWithContext(t.Context(), r.method, r.path, body)
	req.Header.Set("Authorization", "Bearer k")
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	if r.cookie != nil {
		req.AddCookie(r.cookie)
	}
	w := httptest.NewRecorder()
	s.api.ServeHTTP(w, req)
	a := answer{status: w.Code, location: w.Header().Get("Location")}
	if strings.Contains(w.Header().Get("Content-Type"), "json") {
		if err := json.Unmarshal(w.Body.Bytes(), &a.object); err != nil {
			t.Fatal(err)
		}
	}
	return a
}

func (s *site) want(t *testing.T, r request, status int) object {
	t.Helper()
	a := s.call(t, r)
	if a.status != status {
		t.Fatalf("%s %s: %d %v, want %d", r.method, r.path, a.status, a.object, status)
	}
	return a.object
}

func (s *site) session(t *testing.T, more object) object {
	t.Helper()
	body := object{"account": "u-1", "profile": "GB-HEAA-18", "flow": "platform", "return_url": platform + "/back"}
	for name, v := range more {
		body[name] = v
	}
	return s.want(t, request{method: "POST", path: "/v1/age/sessions", body: body}, http.StatusOK)
}

// link is a session's request of the European app, as that reads it.
func link(t *testing.T, session object) wallettest.Request {
	t.Helper()
	for _, l := range session["wallets"].(object)["links"].([]any) {
		if l := l.(object); l["wallet"] == "eu-av" {
			return wallettest.ReadLink(t, l["uri"].(string))
		}
	}
	t.Fatal("no link")
	return wallettest.Request{}
}

// signed is a session's request of other wallets, as those fetch it.
func (s *site) signed(t *testing.T, session object) wallettest.Request {
	t.Helper()
	for _, l := range session["wallets"].(object)["links"].([]any) {
		if l := l.(object); l["wallet"] == "openid4vp" {
			u, err := url.Parse(l["uri"].(string))
			if err != nil {
				t.Fatal(err)
			}
			at, err := url.Parse(u.Query().Get("request_uri"))
			if err != nil {
				t.Fatal(err)
			}
			w := httptest.NewRecorder()
			s.api.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", at.Path, http.NoBody))
			if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/oauth-authz-req+jwt" {
				t.Fatalf("%d %v", w.Code, w.Header())
			}
			r := wallettest.ReadObject(t, w.Body.String())
			if r.ClientID != u.Query().Get("client_id") {
				t.Errorf("the link says %s, the request %s", u.Query().Get("client_id"), r.ClientID)
			}
			return r
		}
	}
	t.Fatal("no link")
	return wallettest.Request{}
}

// path is an address of the site without the site.
func path(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil || u.Scheme+"://"+u.Host != "https://age.example" {
		t.Fatalf("%s: %v", address, err)
	}
	return u.RequestURI()
}

func (s *site) document(t *testing.T, value any) *wallettest.MDoc {
	t.Helper()
	return wallettest.NewMDoc(t, s.issuer, avType, avType, start, wallettest.Claim{Name: "age_over_18", Value: value})
}

// post posts an answer to a link.
func (s *site) post(t *testing.T, r wallettest.Request, form url.Values, status int) object {
	t.Helper()
	return s.want(t, request{method: "POST", path: path(t, r.ResponseURI), body: form}, status)
}

func code(t *testing.T, answer object) string {
	t.Helper()
	u, err := url.Parse(answer["redirect_uri"].(string))
	if err != nil {
		t.Fatal(err)
	}
	return u.Query().Get("response_code")
}

func TestAnswerCountsOnceAndWhenTheBrowserIsBack(t *testing.T) {
	eachSite(t, func(t *testing.T, s *site) {
		session := s.session(t, nil)
		id := session["id"].(string)
		r := link(t, session)
		form := s.document(t, true).ByLink(t, r, "av")
		answer := s.post(t, r, form, http.StatusOK)
		if _, err := s.accounts.Get(t.Context(), "u-1"); err == nil {
			t.Error("the answer counts before the browser is back")
		}
		s.post(t, r, form, http.StatusConflict) // replayed
		complete := func(code string, status int) object {
			return s.want(t, request{method: "POST", path: "/v1/age/sessions/" + id + "/complete", body: object{"response_code": code}}, status)
		}
		complete("wrong", http.StatusNotFound)
		if got := complete(code(t, answer), http.StatusOK); got["state"] != "passed" {
			t.Errorf("%v", got)
		}
		if k := s.known(t, "u-1"); !k.Proven || k.Band != event.Band18Plus {
			t.Errorf("%+v", k)
		}
		complete(code(t, answer), http.StatusConflict)
		s.post(t, r, form, http.StatusConflict) // replayed again
		other := s.session(t, object{"account": "u-2"})
		s.post(t, link(t, other), form, http.StatusUnprocessableEntity) // for another session
	})
}

// Of many who send one answer at once, one is heard.
func TestAnswersRace(t *testing.T) {
	eachSite(t, func(t *testing.T, s *site) {
		r := link(t, s.session(t, nil))
		form := s.document(t, true).ByLink(t, r, "av")
		var mu sync.Mutex
		counts := map[int]int{}
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				got := s.call(t, request{method: "POST", path: path(t, r.ResponseURI), body: form})
				mu.Lock()
				defer mu.Unlock()
				counts[got.status]++
			})
		}
		wg.Wait()
		if counts[http.StatusOK] != 1 || counts[http.StatusConflict] != 7 {
			t.Errorf("%v", counts)
		}
	})
}

// A refused answer uses its request up; after some of them the session ends.
func TestRefusedAnswers(t *testing.T) {
	eachSite(t, func(t *testing.T, s *site) {
		session := s.session(t, nil)
		id := session["id"].(string)
		for n := range 5 {
			wallets, err := s.Ask(t.Context(), id)
			if err != nil {
				t.Fatalf("attempt %d: %v", n, err)
			}
			r := wallettest.ReadLink(t, wallets.Links[0].URI)
			stranger := wallettest.NewMDoc(t, wallettest.NewIssuer(t, start), avType, avType, start, wallettest.Claim{Name: "age_over_18", Value: true})
			problem := s.post(t, r, stranger.ByLink(t, r, "av"), http.StatusUnprocessableEntity)
			if detail := problem["detail"].(string); !strings.Contains(detail, "another way") || strings.Contains(detail, "issuer") {
				t.Errorf("the person is told %q", detail)
			}
			if n < 4 {
				s.post(t, r, s.document(t, true).ByLink(t, r, "av"), http.StatusConflict)
			}
		}
		if got := s.want(t, request{method: "GET", path: "/v1/age/sessions/" + id}, http.StatusOK); got["state"] != "ended" {
			t.Errorf("%v", got)
		}
		counts := s.want(t, request{method: "GET", path: "/v1/age/counts"}, http.StatusOK)["counts"].([]any)
		if got, want := fmt.Sprint(counts), "[map[day:2026-11-24 method: n:1 outcome:begun profile:GB-HEAA-18] map[day:2026-11-24 method:wallet n:5 outcome:unproven profile:GB-HEAA-18]]"; got != want {
			t.Errorf("counts %s, want %s", got, want)
		}
		s.want(t, request{method: "GET", path: "/v1/age/counts?first=2026-11-25"}, http.StatusUnprocessableEntity)
		r := link(t, session)
		s.post(t, r, s.document(t, true).ByLink(t, r, "av"), http.StatusConflict)
		if _, err := s.accounts.Get(t.Context(), "u-1"); err == nil {
			t.Error("refused answers left an account behind")
		}
	})
}

func TestRequestsLapse(t *testing.T) {
	eachSite(t, func(t *testing.T, s *site) {
		session := s.session(t, nil)
		r := link(t, session)
		late := s.signed(t, session)
		s.now = s.now.Add(5*time.Minute - time.Second)
		answer := s.post(t, r, s.document(t, true).ByLink(t, r, "av"), http.StatusOK)
		s.now = s.now.Add(time.Second)
		s.post(t, late, s.document(t, true).ByLink(t, late, "av"), http.StatusNotFound)
		s.now = s.now.Add(5 * time.Minute) // more than the browser has to come back
		body := object{"response_code": code(t, answer)}
		s.want(t, request{method: "POST", path: "/v1/age/sessions/" + session["id"].(string) + "/complete", body: body}, http.StatusNotFound)
		s.now = s.now.Add(time.Hour)
		if err := s.Prune(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, table := range []string{"assurance_session", "assurance_request", "assurance_grant"} {
			var n int
			if err := s.db.Read.QueryRowContext(t.Context(), `SELECT count(*) FROM `+table).Scan(&n); err != nil || n != 0 {
				t.Errorf("%d rows of %s are left (%v)", n, table, err)
			}
		}
	})
}

func TestFlows(t *testing.T) {
	eachSite(t, func(t *testing.T, s *site) {
		t.Run("cross_device", func(t *testing.T) {
			session := s.session(t, object{"flow": "cross_device", "account": "u-cross"})
			r := s.signed(t, session)
			if answer := s.post(t, r, s.document(t, true).ByLink(t, r, "av"), http.StatusOK); answer["redirect_uri"] != nil {
				t.Errorf("%v", answer)
			}
			if k := s.known(t, "u-cross"); !k.Proven {
				t.Errorf("%+v", k)
			}
		})
		t.Run("page", func(t *testing.T) {
			session := s.session(t, object{"flow": "page", "account": "u-page"})
			id := session["id"].(string)
			secret, err := s.Bind(t.Context(), id, "")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.Bind(t.Context(), id, "another"); !errors.Is(err, assurance.ErrNotBound) {
				t.Errorf("another browser: %v", err)
			}
			r := link(t, session)
			answer := s.post(t, r, s.document(t, true).ByLink(t, r, "av"), http.StatusOK)
			back := path(t, answer["redirect_uri"].(string))
			s.want(t, request{method: "GET", path: back}, http.StatusOK) // a number to type
			if state := s.want(t, request{method: "GET", path: "/v1/age/sessions/" + id}, http.StatusOK)["state"]; state != "open" {
				t.Errorf("another browser completes it: %s", state)
			}
			s.want(t, request{method: "POST", path: "/v1/age/sessions/" + id + "/complete", body: object{"response_code": code(t, answer)}}, http.StatusForbidden)
			got := s.call(t, request{method: "GET", path: back, cookie: &http.Cookie{Name: assurance.Cookie, Value: secret}})
			if got.status != http.StatusSeeOther || got.location != platform+"/back" {
				t.Errorf("%d to %s", got.status, got.location)
			}
			if k := s.known(t, "u-page"); !k.Proven {
				t.Errorf("%+v", k)
			}
		})
	})
}

// A wallet on another device: the browser there is shown a number, which the
// person types where they began.
func TestNumber(t *testing.T) {
	eachSite(t, func(t *testing.T, s *site) {
		session := s.session(t, object{"flow": "page"})
		id := session["id"].(string)
		secret, err := s.Bind(t.Context(), id, "")
		if err != nil {
			t.Fatal(err)
		}
		mine := &http.Cookie{Name: assurance.Cookie, Value: secret}
		r := link(t, session)
		answer := s.post(t, r, s.document(t, true).ByLink(t, r, "av"), http.StatusOK)
		w := httptest.NewRecorder()
		s.api.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", path(t, answer["redirect_uri"].(string)), http.NoBody))
		shown := regexp.MustCompile(`\d{4} \d{4}`).FindString(w.Body.String())
		if shown == "" || strings.Contains(w.Body.String(), "<form") {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		typed := func(number string, cookie *http.Cookie, status int, to string) {
			t.Helper()
			got := s.call(t, request{method: "POST", path: "/age/" + id + "/number", body: url.Values{"number": {number}}, cookie: cookie})
			if got.status != status || got.location != to {
				t.Errorf("%s: %d to %s", number, got.status, got.location)
			}
		}
		typed(shown, nil, http.StatusForbidden, "")
		typed("0000 0000", mine, http.StatusSeeOther, "/age/"+id+"?refused=reason_number")
		typed("", mine, http.StatusSeeOther, "/age/"+id+"?refused=reason_number")
		typed(shown, mine, http.StatusSeeOther, "/age/"+id)
		if k := s.known(t, "u-1"); !k.Proven {
			t.Errorf("%+v", k)
		}

		other := s.session(t, object{"flow": "page", "account": "u-2"})
		id = other["id"].(string)
		if secret, err = s.Bind(t.Context(), id, ""); err != nil {
			t.Fatal(err)
		}
		mine = &http.Cookie{Name: assurance.Cookie, Value: secret}
		for range 5 {
			typed("1234 5678", mine, http.StatusSeeOther, "/age/"+id+"?refused=reason_number")
		}
		if state := s.want(t, request{method: "GET", path: "/v1/age/sessions/" + id}, http.StatusOK)["state"]; state != "ended" {
			t.Errorf("after five guesses: %s", state)
		}
	})
}

func TestDigitalCredentialsAPI(t *testing.T) {
	eachSite(t, func(t *testing.T, s *site) {
		// iso is the first request of a session in org-iso-mdoc.
		iso := func(session object) (answerTo, encryptionInfo string) {
			call := session["wallets"].(object)["dcapi"].(object)
			for _, r := range call["requests"].([]any) {
				if r := r.(object); r["protocol"] == "org-iso-mdoc" {
					return path(t, call["answer"].(string)), r["data"].(object)["encryptionInfo"].(string)
				}
			}
			t.Fatal("no request")
			return "", ""
		}
		post := func(to, info, signedFor string, more object, cookie *http.Cookie, status int) object {
			body := object{"protocol": "org-iso-mdoc", "data": json.RawMessage(s.document(t, true).ByISO(t, info, signedFor))}
			for name, v := range more {
				body[name] = v
			}
			return s.want(t, request{method: "POST", path: to, body: body, cookie: cookie}, status)
		}
		to, info := iso(s.session(t, object{"account": "u-1", "tokens": 2}))
		post(to, info, "https://evil.example", object{"origin": "https://evil.example"}, nil, http.StatusForbidden)
		if got := post(to, info, "https://age.example", nil, nil, http.StatusOK); got["state"] != "passed" || got["grant"] == nil {
			t.Errorf("%v", got)
		}
		post(to, info, "https://age.example", nil, nil, http.StatusConflict)

		to, info = iso(s.session(t, object{"account": "u-2"})) // a page that says it is another than it is
		post(to, info, "https://evil.example", nil, nil, http.StatusUnprocessableEntity)

		session := s.session(t, object{"account": "u-3", "flow": "page", "tokens": 2})
		to, info = iso(session)
		post(to, info, "https://age.example", nil, nil, http.StatusForbidden)
		secret, err := s.Bind(t.Context(), session["id"].(string), "")
		if err != nil {
			t.Fatal(err)
		}
		got := post(to, info, "https://age.example", nil, &http.Cookie{Name: assurance.Cookie, Value: secret}, http.StatusOK)
		if got["grant"] != nil { // our page's script would drop it
			t.Errorf("%v", got)
		}
		if grant, err := s.Collect(t.Context(), session["id"].(string)); err != nil || grant == "" {
			t.Errorf("collected by the page: %q, %v", grant, err)
		}
	})
}

// A stale list closes the wallets, and the next in the waterfall stays open.
func TestStaleListClosesTheMethod(t *testing.T) {
	eachSite(t, func(t *testing.T, s *site) {
		methods := func(session object) (names []string) {
			for _, m := range session["methods"].([]any) {
				names = append(names, m.(object)["method"].(string))
			}
			return names
		}
		before := s.session(t, nil)
		if got := strings.Join(methods(before), " "); got != "wallet_av open_banking wallet_mdl" {
			t.Errorf("offered %s", got)
		}
		s.stale = errors.New("the list is of last year")
		r := link(t, before)
		s.post(t, r, s.document(t, true).ByLink(t, r, "av"), http.StatusServiceUnavailable)
		after := s.session(t, nil)
		if got := strings.Join(methods(after), " "); got != "open_banking" {
			t.Errorf("offered %s", got)
		}
		if links := after["wallets"].(object)["links"].([]any); len(links) != 0 {
			t.Errorf("links %v", links)
		}
	})
}

// A new session of an account takes the place of the open one.
func TestOneSessionOfAnAccount(t *testing.T) {
	eachSite(t, func(t *testing.T, s *site) {
		first := s.session(t, nil)
		s.session(t, nil)
		s.want(t, request{method: "GET", path: "/v1/age/sessions/" + first["id"].(string)}, http.StatusNotFound)
		r := link(t, first)
		s.post(t, r, s.document(t, true).ByLink(t, r, "av"), http.StatusNotFound)
	})
}

func TestAppealRestoresAccess(t *testing.T) {
	eachSite(t, func(t *testing.T, s *site) {
		session := s.session(t, nil)
		r := link(t, session)
		answer := s.post(t, r, s.document(t, false).ByLink(t, r, "av"), http.StatusOK)
		body := object{"response_code": code(t, answer)}
		got := s.want(t, request{method: "POST", path: "/v1/age/sessions/" + session["id"].(string) + "/complete", body: body}, http.StatusOK)
		if got["state"] != "under" {
			t.Fatalf("%v", got)
		}
		if k := s.known(t, "u-1"); k.Proven || k.Interval.MayBeAdult() {
			t.Errorf("%+v", k)
		}
		ask := request{method: "POST", path: "/v1/age/appeals", body: object{"account": "u-1", "profile": "GB-HEAA-18", "ground": "wrong_result"}}
		appeal := s.want(t, ask, http.StatusOK)
		if again := s.want(t, ask, http.StatusOK); again["id"] != appeal["id"] {
			t.Errorf("a second appeal: %v", again)
		}
		if all := s.want(t, request{method: "GET", path: "/v1/age/appeals"}, http.StatusOK)["appeals"].([]any); len(all) != 1 {
			t.Errorf("%v", all)
		}
		decide := request{method: "POST", path: "/v1/age/appeals/" + appeal["id"].(string) + "/decision", body: object{"outcome": "over"}}
		if got := s.want(t, decide, http.StatusOK); got["state"] != "over" || got["account"] != nil {
			t.Errorf("%v", got)
		}
		if k := s.known(t, "u-1"); !k.Proven || k.Doubt || k.Method != "review" {
			t.Errorf("after the appeal: %+v", k)
		}
		s.want(t, decide, http.StatusConflict)
	})
}

// What is under way of an account goes with it.
func TestErase(t *testing.T) {
	eachSite(t, func(t *testing.T, s *site) {
		session := s.session(t, nil)
		if _, err := s.Appeal(t.Context(), "u-1", "GB-HEAA-18", assurance.GroundNoMethod); err != nil {
			t.Fatal(err)
		}
		if err := s.db.Tx(t.Context(), eraser(t, s)); err != nil {
			t.Fatal(err)
		}
		s.want(t, request{method: "GET", path: "/v1/age/sessions/" + session["id"].(string)}, http.StatusNotFound)
		if all, err := s.Appeals(t.Context(), 10); err != nil || len(all) != 0 {
			t.Errorf("%v, %v", all, err)
		}
	})
}

func eraser(t *testing.T, s *site) func(*sql.Tx) error {
	return func(tx *sql.Tx) error { return s.Erase(t.Context(), tx, "u-1") }
}

func TestGuardianConsent(t *testing.T) {
	eachSite(t, func(t *testing.T, s *site) {
		const consents = "/v1/age/consents/child"
		give := func(purpose, means, session string, status int) object {
			t.Helper()
			body := object{"means": means}
			if session != "" {
				body["session"] = session
			}
			return s.want(t, request{method: "PUT", path: consents + "/" + purpose, body: body}, status)
		}
		guardian := s.session(t, object{"account": "", "flow": "cross_device"})
		id := guardian["id"].(string)
		give("service", "age_check", id, http.StatusConflict) // nothing shown yet
		r := link(t, guardian)
		s.post(t, r, s.document(t, true).ByLink(t, r, "av"), http.StatusOK)
		got := give("service", "age_check", id, http.StatusOK)["consents"].([]any)
		if len(got) != 1 || got[0].(object)["holds"] != true || got[0].(object)["given"] != "2026-11-24T00:00:00Z" {
			t.Errorf("%v", got)
		}
		give("third_party", "age_check", id, http.StatusNotFound) // used up
		give("third_party", "text_plus", "", http.StatusUnprocessableEntity)
		give("third_party", "signed_form", "", http.StatusOK)
		if want := "guardian.consent=true guardian.consent-third-party=true"; strings.Join(s.labels, " ") != want {
			t.Errorf("labels %v, want %s", s.labels, want)
		}
		withdraw := request{method: "DELETE", path: consents + "/service"}
		if got := s.want(t, withdraw, http.StatusOK)["consents"].([]any)[0].(object); got["holds"] != false || got["withdrawn"] == nil {
			t.Errorf("%v", got)
		}
		if last := s.labels[len(s.labels)-1]; last != "guardian.consent=false" {
			t.Errorf("label %s", last)
		}
		s.want(t, withdraw, http.StatusNotFound)
		if _, err := s.accounts.Get(t.Context(), "child"); err == nil {
			t.Error("a consent says something of the child's age")
		}
	})
}
