package provider

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// KID is k-ID (docs.k-id.com: age verification API, webhooks).
type KID struct {
	API    *url.URL // such as https://game-api.k-id.com/api/v1
	Key    string   // of the API
	Secret []byte   // of its webhooks
	// EstimateAge is the age that k-ID is set to ask of an estimate, in its own
	// settings.
	EstimateAge int
	Client      *http.Client
}

// Begin has k-ID make a verification. Its categories know adults; what other
// ages mean to it depends on the place, so only 18 is asked.
func (p *KID) Begin(ctx context.Context, ask Ask) (Link, error) {
	if ask.Over != 18 {
		return Link{}, fmt.Errorf("%w: an age other than 18", ErrNotOffered)
	}
	in := map[string]any{
		"jurisdiction": ask.Jurisdiction,
		"criteria":     map[string]string{"ageCategory": "ADULT"},
		"subject":      map[string]string{"id": ask.Reference},
	}
	var out struct {
		ID  string `json:"id"`
		URL string `json:"url"`
	}
	header := http.Header{"Authorization": {"Bearer " + p.Key}}
	address := p.API.JoinPath("age-verification", "perform-access-age-verification").String()
	if err := call(ctx, p.Client, http.MethodPost, address, header, in, &out); err != nil {
		return Link{}, err
	}
	if !webPage(out.URL) || out.ID == "" || len(out.ID) > maxReference {
		return Link{}, fmt.Errorf("%w: no id or no address of a page", ErrUnavailable)
	}
	return Link{URL: out.URL, Reference: out.ID}, nil
}

// kidEvent is the part of an event that is read.
type kidEvent struct {
	Type string `json:"eventType"`
	Data struct {
		ID      string `json:"id"`
		Status  string `json:"status"`
		Method  string `json:"method"`
		Failure string `json:"failureReason"`
	} `json:"data"`
}

// kidMethods are k-ID's names; an attestation is somebody's word and counts for
// nothing.
var kidMethods = map[string]Method{
	"id-document": PhotoID, "age-estimation": FacialEstimation, "credit-card": CreditCard, "social-security-number": DigitalID,
}

// Read reads what came to the webhook.
func (p *KID) Read(_ context.Context, m Message, asked Asked, now time.Time) (Answer, error) {
	stamp := m.Header.Get("X-Signature-Timestamp")
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	got, err2 := hex.DecodeString(m.Header.Get("X-Signature-Hmac-Sha256"))
	mac := hmac.New(sha256.New, p.Secret)
	mac.Write([]byte(stamp))
	mac.Write(m.Body)
	if err != nil || err2 != nil || !hmac.Equal(got, mac.Sum(nil)) || !recent(time.Unix(seconds, 0), now) {
		return Answer{}, ErrNotAuthentic
	}
	var in kidEvent
	if err := json.Unmarshal(m.Body, &in); err != nil {
		return Answer{}, fmt.Errorf("%w: not JSON", ErrMalformed)
	}
	if in.Type != "Verification.Result" {
		return Answer{}, ErrNotAnswer
	}
	if in.Data.ID == "" {
		return Answer{}, fmt.Errorf("%w: data.id is missing", ErrMalformed)
	}
	if _, err := asked(in.Data.ID); err != nil {
		return Answer{}, err
	}
	a := in.answer(day(now))
	if a.Estimated {
		a.Age = p.EstimateAge
	}
	return a, nil
}

func (in *kidEvent) answer(today time.Time) Answer {
	method, known := kidMethods[in.Data.Method]
	a := Answer{
		Reference: in.Data.ID, Result: Undecided, Age: 18, Method: method,
		Estimated: method == FacialEstimation, CheckedOn: today,
	}
	switch {
	case in.Data.Status == "PASS" && known:
		a.Result = Over
	case in.Data.Status == "FAIL" && in.Data.Failure == "age-criteria-not-met" && known && !a.Estimated:
		a.Result = Under
	}
	return a
}

// maxReference is the longest reference of a provider's own.
const maxReference = 128

// webPage reports whether an address is one that a browser may be sent to.
func webPage(address string) bool {
	u, err := url.Parse(address)
	return err == nil && u.Scheme == "https" && u.Host != "" && u.User == nil
}
