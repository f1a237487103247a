package assurance

import (
	"context"
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/age"
	"github.com/breakwater-project/breakwater/internal/assurance/wallet"
)

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
		if r.kind != kindAV && r.kind != kindLink {
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
