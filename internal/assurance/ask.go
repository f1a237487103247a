package assurance

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/breakwater-project/breakwater/agetoken"
	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/age"
	"github.com/breakwater-project/breakwater/internal/assurance/wallet"
)

// Wallet is a check by a document in a wallet.
type Wallet struct {
	Of       Method
	Document wallet.Document
	// Issuers are whom to trust for it at a time. An error closes the check: a
	// stale list trusts nobody. It must be quick, and asks nobody.
	Issuers func(at time.Time) (wallet.Issuers, error)
}

// Method is what it does.
func (w *Wallet) Method() Method { return w.Of }

// Closed says why nobody is trusted for the document now, or nil.
func (w *Wallet) Closed(now time.Time) error {
	issuers, err := w.Issuers(now)
	if err == nil && len(issuers.Roots) == 0 && len(issuers.Keys) == 0 {
		err = errors.New("assurance: no issuer is trusted for it")
	}
	return err
}

const (
	// requestLife is for how long a wallet may answer a request, and the browser
	// then come back for the answer.
	requestLife = 5 * time.Minute
	// maxRequests is how many requests of one session may be open.
	maxRequests = 60
	// level is how well an age is assured that a wallet proves: an issuer that
	// is trusted signed it, and the device that it was issued to signed for it.
	level = agetoken.Enhanced
)

// The kinds of requests.
const (
	kindAV   = "av"   // a link with the whole request, for the European app: direct_post
	kindLink = "link" // a link to a signed request, for other wallets: direct_post.jwt
	kindAPI  = "api"  // the Digital Credentials API
)

// Errors of requests.
var (
	// ErrNoRequest means that there is none, or none any more.
	ErrNoRequest = errors.New("assurance: no such request")
	// ErrAnswered means that it was answered before.
	ErrAnswered = errors.New("assurance: the request was answered")
	// ErrManyRequests means that a session has too many that are open.
	ErrManyRequests = errors.New("assurance: too many open requests")
	// ErrOrigin means that a page of this origin may not ask.
	ErrOrigin = errors.New("assurance: not an origin that may ask")
)

// Requests are the questions to wallets that a session has at a time, each to
// be answered once and soon.
type Requests struct {
	Links   []Link    `json:"links" nullable:"false" doc:"One for each kind of wallet app"`
	DCAPI   *APICall  `json:"dcapi,omitempty" doc:"For navigator.credentials.get, where the browser has it"`
	Expires time.Time `json:"expires" doc:"When to ask for new ones"`
}

// Link is a request as a link that a wallet app opens, or as a code that it
// scans.
type Link struct {
	Wallet string `json:"wallet" enum:"eu-av,openid4vp" doc:"eu-av: the European age verification app; openid4vp: other wallets"`
	URI    string `json:"uri"`
}

// APICall is what a page passes to the Digital Credentials API.
type APICall struct {
	Answer   string       `json:"answer" doc:"Where to POST the protocol and data of what the wallet gives"`
	Requests []APIRequest `json:"requests" nullable:"false" doc:"The member digital.requests"`
}

// APIRequest is one protocol's request.
type APIRequest struct {
	Protocol string `json:"protocol" enum:"openid4vp-v1-unsigned,org-iso-mdoc"`
	Data     any    `json:"data"`
}

// request is a question as it is stored.
type request struct {
	id, session, kind string
	seed              []byte // nil once it was answered
	expires           time.Time
}

// wallets are the documents of a profile whose checks are open, in its order.
func (a *Assurance) wallets(p *Profile) []wallet.Document {
	var documents []wallet.Document
	for _, c := range a.Offered(p) {
		if w, ok := c.(*Wallet); ok {
			documents = append(documents, w.Document)
		}
	}
	return documents
}

// trust finds whom to trust for a document.
func (a *Assurance) trust(d wallet.Document, at time.Time) (wallet.Issuers, error) {
	for _, c := range a.opt.Checks {
		if w, ok := c.(*Wallet); ok && w.Document.ID == d.ID {
			return w.Issuers(at)
		}
	}
	return wallet.Issuers{}, ErrFewMethods
}

// methodOf is the method that a document stands for.
func (a *Assurance) methodOf(document string) Method {
	for _, c := range a.opt.Checks {
		if w, ok := c.(*Wallet); ok && w.Document.ID == document {
			return w.Of
		}
	}
	return ""
}

// Ask makes the session's requests to wallets. Earlier ones can still be
// answered until they lapse. The errors are ErrNoSession, ErrEnded and
// ErrManyRequests.
func (a *Assurance) Ask(ctx context.Context, session string) (Requests, error) {
	var out Requests
	err := a.opt.DB.Tx(ctx, func(tx *sql.Tx) error {
		s, err := a.openSession(ctx, tx, session)
		if err != nil {
			return err
		}
		documents := a.wallets(&s.Profile)
		out = Requests{Links: []Link{}, Expires: a.opt.Now().Add(requestLife).UTC().Truncate(time.Microsecond)}
		for _, kind := range kindsFor(documents) {
			r := request{id: randomID(), session: s.ID, kind: kind, seed: make([]byte, 32), expires: out.Expires}
			rand.Read(r.seed) // never fails
			if err := a.writeRequest(ctx, tx, &r); err != nil {
				return err
			}
			if err := a.show(&out, &s, &r); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return Requests{}, fmt.Errorf("assurance: ask: %w", err)
	}
	return out, nil
}

// kindsFor are the ways to ask for the documents.
func kindsFor(documents []wallet.Document) []string {
	var kinds []string
	for _, d := range documents {
		if d.ID == wallet.AgeAttestation().ID {
			kinds = append(kinds, kindAV)
		}
	}
	if len(documents) > 0 {
		kinds = append(kinds, kindLink, kindAPI)
	}
	return kinds
}

// show adds a request to what the person's device is told.
func (a *Assurance) show(out *Requests, s *Session, r *request) error {
	q, err := a.question(s, r)
	if err != nil {
		return err
	}
	switch r.kind {
	case kindAV:
		uri, err := q.Link("av")
		if err != nil {
			return err
		}
		out.Links = append(out.Links, Link{"eu-av", uri})
	case kindLink:
		out.Links = append(out.Links, Link{"openid4vp", wallet.LinkTo("openid4vp", q.ClientID, a.opt.URL()+"/v1/age/requests/"+r.id)})
	case kindAPI:
		call := &APICall{Answer: a.opt.URL() + "/v1/age/dcapi/" + r.id}
		call.Requests = append(call.Requests, APIRequest{wallet.ProtocolOpenID4VP, q.APIParameters()})
		for _, d := range q.Documents {
			if d.Format == wallet.MDoc {
				call.Requests = append(call.Requests, APIRequest{wallet.ProtocolISO, q.ISORequest(d)})
			}
		}
		out.DCAPI = call
	}
	return nil
}

// question is what a stored request asks. Nonce and key follow from its seed
// and a secret that is not in the database; without the seed, which goes with
// the answer, nobody can open that again.
func (a *Assurance) question(s *Session, r *request) (*wallet.Question, error) {
	nonce, err := wallet.Derive(a.opt.Secret[:], r.seed, "nonce", 32)
	if err != nil {
		return nil, err
	}
	q := &wallet.Question{Over: s.Profile.Over, Nonce: base64url(nonce), Documents: a.wallets(&s.Profile)}
	if r.kind == kindAV {
		q.Documents = []wallet.Document{wallet.AgeAttestation()}
		q.ResponseURI = a.opt.URL() + "/v1/age/openid4vp/" + r.id
		q.ClientID = "redirect_uri:" + q.ResponseURI
		return q, nil
	}
	if q.Key, err = wallet.DeriveKey(a.opt.Secret[:], r.seed, "answer"); err != nil {
		return nil, err
	}
	if r.kind == kindLink {
		signer, err := a.signer()
		if err != nil {
			return nil, err
		}
		q.ClientID, q.ResponseURI = signer.ClientID, a.opt.URL()+"/v1/age/openid4vp/"+r.id
	}
	return q, nil
}

// signer signs requests: the configured one, or one of our own.
func (a *Assurance) signer() (*wallet.Signer, error) {
	if a.opt.Signer != nil {
		return a.opt.Signer, nil
	}
	u, err := url.Parse(a.opt.URL())
	if err != nil {
		return nil, fmt.Errorf("assurance: address of this server: %w", err)
	}
	return wallet.OwnSigner(a.opt.Secret, u.Hostname(), a.opt.Now())
}

// Object is a request as a wallet fetches it: a signed JWT. The errors are
// ErrNoRequest and ErrAnswered.
func (a *Assurance) Object(ctx context.Context, id string) (string, error) {
	s, r, err := a.openRequest(ctx, id)
	if err == nil && r.kind != kindLink {
		err = ErrNoRequest
	}
	if err != nil {
		return "", fmt.Errorf("assurance: request object: %w", err)
	}
	q, err := a.question(&s, &r)
	if err != nil {
		return "", fmt.Errorf("assurance: request object: %w", err)
	}
	signer, err := a.signer()
	if err != nil {
		return "", err
	}
	return signer.Object(q.LinkParameters())
}

// Answered is what became of an answer.
type Answered struct {
	// Verdict is empty while the answer waits for the browser that began, which
	// must come back to Return.
	Verdict Verdict
	// Return is where the wallet sends the browser; empty: nowhere.
	Return string
}

// AnswerLink takes a wallet's answer to a link. Whatever it is, the request
// was answered by it. The errors are ErrNoRequest, ErrAnswered, ErrNoSession,
// ErrEnded and *wallet.Refusal.
func (a *Assurance) AnswerLink(ctx context.Context, id string, form url.Values) (Answered, error) {
	return a.answer(ctx, id, func(q *wallet.Question, r *request) (wallet.Finding, error) {
		if r.kind == kindAPI {
			return wallet.Finding{}, ErrNoRequest
		}
		return q.FromLink(form, a.trust, a.opt.Now())
	}, nil)
}

// APIAnswer is what a page got from the Digital Credentials API.
type APIAnswer struct {
	Protocol string
	Data     json.RawMessage
	Origin   string // of the page; empty: one of this server
	Browser  string // secret of the browser, if the page is one of ours
}

// AnswerAPI takes an answer by the Digital Credentials API. It decides the
// session at once: a wallet signs for the origin of the page that asked. The
// errors are those of AnswerLink, ErrOrigin and ErrNotBound.
func (a *Assurance) AnswerAPI(ctx context.Context, id string, answer APIAnswer) (Answered, error) {
	origin := answer.Origin
	if origin == "" {
		origin = a.opt.URL()
	}
	if !a.mayAsk(origin) {
		return Answered{}, ErrOrigin
	}
	return a.answer(ctx, id, func(q *wallet.Question, r *request) (wallet.Finding, error) {
		if r.kind != kindAPI {
			return wallet.Finding{}, ErrNoRequest
		}
		q.Origin = origin
		return q.FromAPI(answer.Protocol, answer.Data, a.trust, a.opt.Now())
	}, func(s *Session) error {
		if s.Flow == FlowPage && !s.BoundTo(answer.Browser) {
			return ErrNotBound
		}
		return nil
	})
}

func (a *Assurance) mayAsk(origin string) bool {
	if origin == a.opt.URL() {
		return true
	}
	for _, o := range a.opt.Origins {
		if o == origin {
			return true
		}
	}
	return false
}

// answer checks an answer, then lets it count once. Answers for which bound is
// nil wait for the browser, unless the flow has none.
func (a *Assurance) answer(ctx context.Context, id string, check func(*wallet.Question, *request) (wallet.Finding, error), bound func(*Session) error) (out Answered, err error) {
	s, r, err := a.openRequest(ctx, id)
	if err == nil && bound != nil {
		err = bound(&s)
	}
	if err != nil {
		return Answered{}, fmt.Errorf("assurance: answer: %w", err)
	}
	q, err := a.question(&s, &r)
	if err != nil {
		return Answered{}, fmt.Errorf("assurance: answer: %w", err)
	}
	finding, refused := check(q, &r)
	refusal, isRefusal := errors.AsType[*wallet.Refusal](refused)
	if refused != nil && !isRefusal {
		return Answered{}, refused
	}
	err = a.opt.DB.Tx(ctx, func(tx *sql.Tx) error {
		s, err := a.openSession(ctx, tx, r.session)
		if err != nil {
			return err
		}
		if err := takeRequest(ctx, tx, r.id, a.opt.Now()); err != nil {
			return err
		}
		switch {
		case isRefusal:
			if err := attempt(ctx, tx, s.ID); err != nil {
				return err
			}
			return a.count(ctx, tx, s.Profile.ID, "wallet", string(refusal.Defect))
		case bound == nil && s.Flow != FlowCrossDevice:
			out.Return, err = a.keep(ctx, tx, &s, &r, finding)
			return err
		}
		out.Verdict, err = a.accept(ctx, tx, &s, a.result(&s.Profile, finding))
		return err
	})
	switch {
	case err != nil:
		return Answered{}, fmt.Errorf("assurance: answer: %w", err)
	case isRefusal:
		return Answered{}, refused
	case s.Account != "":
		a.opt.Accounts.Forget(s.Account)
	}
	return out, nil
}

// result is what a wallet's finding says, no more than was asked.
func (a *Assurance) result(p *Profile, f wallet.Finding) Result {
	r := Result{
		Ages: age.Interval{From: p.Over, To: event.MaxAge}, Basis: event.BasisVerified, Method: a.methodOf(f.Document),
		Level: level, Confidence: 1, Integrity: Signed, CheckedOn: a.opt.Now(),
	}
	if !f.Reached {
		r.Ages = age.Interval{From: 0, To: p.Over}
	}
	return r
}

// keep keeps a finding until the browser comes back with the code, and says
// where the wallet is to send it.
func (a *Assurance) keep(ctx context.Context, tx *sql.Tx, s *Session, r *request, f wallet.Finding) (string, error) {
	code := randomID()
	said := "under"
	if f.Reached {
		said = "reached"
	}
	number, err := a.number(code)
	if err != nil {
		return "", err
	}
	typed, err := a.typedDigest(s.ID, number)
	if err != nil {
		return "", err
	}
	if err := keepFinding(ctx, tx, r.id, f.Document+":"+said, digest(code), typed, a.opt.Now().Add(requestLife)); err != nil {
		return "", err
	}
	back := a.opt.URL() + "/age/" + s.ID + "/return"
	if s.Flow == FlowPlatform {
		back = s.ReturnURL
	}
	u, err := url.Parse(back)
	if err != nil {
		return "", fmt.Errorf("return_url: %w", err)
	}
	values := u.Query()
	values.Set("response_code", code)
	if s.Flow == FlowPlatform {
		values.Set("session", s.ID)
	}
	u.RawQuery = values.Encode()
	return u.String(), nil
}

// Complete lets an answer count whose browser came back with the code. Of a
// FlowPage session the browser must have its secret; a FlowPlatform's is for
// the platform to know, who must be sure that it is the browser of the person
// whose account it is. The errors are ErrNoSession, ErrEnded, ErrNoRequest (a
// wrong code) and ErrNotBound.
func (a *Assurance) Complete(ctx context.Context, session, code, browser string) (v Verdict, err error) {
	return a.complete(ctx, session, digest(code), browser)
}

// CompleteTyped is Complete for a session of FlowPage whose wallet is on another
// device: the browser there came back with the code, which is no use to it, was
// shown a number instead, and the person has typed that here. A wrong number
// counts as an answer that does not.
func (a *Assurance) CompleteTyped(ctx context.Context, session, number, browser string) (Verdict, error) {
	typed, err := a.typedDigest(session, number)
	if err != nil {
		return "", err
	}
	v, err := a.complete(ctx, session, typed, browser)
	if !errors.Is(err, ErrNoRequest) {
		return v, err
	}
	wrong := err
	err = a.opt.DB.Tx(ctx, func(tx *sql.Tx) error { return attempt(ctx, tx, session) })
	return "", errors.Join(wrong, err)
}

// number is what is typed in place of a code, which is too long: eight digits.
func (a *Assurance) number(code string) (string, error) {
	b, err := wallet.Derive(a.opt.Secret[:], []byte(code), "number", 8)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%08d", binary.BigEndian.Uint64(b)%100_000_000), nil
}

// typedDigest is how a number is stored: keyed, since there are few.
func (a *Assurance) typedDigest(session, number string) (string, error) {
	b, err := wallet.Derive(a.opt.Secret[:], []byte(session+":"+number), "typed", 32)
	if err != nil {
		return "", err
	}
	return base64url(b), nil
}

// complete is Complete for the digest of a code or of a number.
func (a *Assurance) complete(ctx context.Context, session, proof, browser string) (v Verdict, err error) {
	var account string
	err = a.opt.DB.Tx(ctx, func(tx *sql.Tx) error {
		s, err := a.openSession(ctx, tx, session)
		if err != nil {
			return err
		}
		if s.Flow == FlowPage && !s.BoundTo(browser) {
			return ErrNotBound
		}
		account = s.Account
		finding, err := takeFinding(ctx, tx, session, proof, a.opt.Now())
		if err != nil {
			return err
		}
		document, said, _ := strings.Cut(finding, ":")
		result, err := a.kept(&s.Profile, wallet.Finding{Document: document, Reached: said == "reached"})
		if err != nil {
			return err
		}
		v, err = a.accept(ctx, tx, &s, result)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("assurance: complete: %w", err)
	}
	if account != "" {
		a.opt.Accounts.Forget(account)
	}
	return v, nil
}
