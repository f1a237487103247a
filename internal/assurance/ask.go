package assurance

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/breakwater-project/breakwater/agetoken"
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
