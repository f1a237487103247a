package provider

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"time"
)

// Yoti is Yoti's age verification service (developers.yoti.com). Its
// notifications are hints: what they tell is fetched from its API, with our key.
type Yoti struct {
	API    *url.URL // such as https://age.yoti.com
	Key    string
	SDK    string // id of the client
	Client *http.Client
}

// yotiLife is for how many seconds a person may try.
const yotiLife = 1500

// Begin has Yoti make a session that offers an estimate and a document.
func (p *Yoti) Begin(ctx context.Context, ask Ask) (Link, error) {
	check := func(threshold int) map[string]any {
		return map[string]any{"allowed": true, "threshold": threshold, "level": "PASSIVE"}
	}
	in := map[string]any{
		"type": "OVER", "ttl": yotiLife, "reference_id": ask.Reference, "synchronous_checks": true,
		"age_estimation": check(ask.ChallengeAge), "doc_scan": check(ask.Over), "digital_id": check(ask.Over),
		"callback": map[string]any{"auto": true, "url": ask.ReturnURL}, "notification_url": ask.NotifyURL,
	}
	var out struct {
		ID string `json:"id"`
	}
	if err := call(ctx, p.Client, http.MethodPost, p.API.JoinPath("api", "v1", "sessions").String(), p.header(), in, &out); err != nil {
		return Link{}, err
	}
	if !yotiID.MatchString(out.ID) {
		return Link{}, fmt.Errorf("%w: no session id", ErrUnavailable)
	}
	page := p.API.JoinPath("/")
	page.RawQuery = url.Values{"sessionId": {out.ID}, "sdkId": {p.SDK}}.Encode()
	return Link{URL: page.String(), Reference: out.ID}, nil
}

// yotiID is a UUID: it becomes a part of an address.
var yotiID = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// yotiMethods are Yoti's names.
var yotiMethods = map[string]Method{
	"DOC_SCAN": PhotoID, "AGE_ESTIMATION": FacialEstimation, "DIGITAL_ID": DigitalID, "CREDIT_CARD": CreditCard, "MOBILE": MobileOperator,
}

// Read fetches the result of the session that a notification names. Anybody
// may send one; it can't make Yoti's API say anything else.
func (p *Yoti) Read(ctx context.Context, m Message, asked Asked, now time.Time) (Answer, error) {
	var hint struct {
		Session string `json:"session_key"`
	}
	if json.Unmarshal(m.Body, &hint) != nil || !yotiID.MatchString(hint.Session) {
		return Answer{}, fmt.Errorf("%w: no session_key", ErrMalformed)
	}
	ask, err := asked(hint.Session)
	if err != nil {
		return Answer{}, err
	}
	a, err := p.fetch(ctx, hint.Session, now)
	if err != nil {
		return Answer{}, err
	}
	return a, a.fits(ask)
}

// fetch asks for the result of a session.
func (p *Yoti) fetch(ctx context.Context, session string, now time.Time) (Answer, error) {
	var out struct {
		ID     string `json:"id"`
		Type   string `json:"type"`
		Age    int    `json:"age"`
		Status string `json:"status"`
		Method string `json:"method"`
	}
	address := p.API.JoinPath("api", "v1", "sessions", session, "result").String()
	if err := call(ctx, p.Client, http.MethodGet, address, p.header(), nil, &out); err != nil {
		return Answer{}, err
	}
	method, known := yotiMethods[out.Method]
	a := Answer{
		Reference: session, Result: Undecided, Age: out.Age, Method: method,
		Estimated: method == FacialEstimation, CheckedOn: day(now),
	}
	switch {
	case out.ID != session || out.Type != "OVER" || out.Age < 1 || out.Age > 120:
		return Answer{}, fmt.Errorf("%w: the result of something else", ErrMalformed)
	case out.Status == "PENDING" || out.Status == "IN_PROGRESS":
		return Answer{}, ErrNotAnswer
	case out.Status == "COMPLETE" && known:
		a.Result = Over
	case out.Status == "FAIL" && known && !a.Estimated:
		a.Result = Under // an estimate below the challenge age leaves it open
	}
	return a, nil
}

func (p *Yoti) header() http.Header {
	return http.Header{"Authorization": {"Bearer " + p.Key}, "Yoti-Sdk-Id": {p.SDK}}
}
