package provider

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Webhook is a provider that keeps to our own signed webhook: its page takes
// reference, over, challenge_age and return_url as query parameters, and it
// posts an answer signed as Standard Webhooks 1.0 has it: headers webhook-id,
// webhook-timestamp and webhook-signature, an HMAC-SHA256 of "id.timestamp.body".
type Webhook struct {
	Page   *url.URL // where people are sent
	Secret []byte   // 24 bytes at least
}

// webhookAnswer is what it posts. Anything else in the body is refused: a
// provider that sends more than it should has to hear of it.
type webhookAnswer struct {
	Reference string `json:"reference"`
	Result    Result `json:"result"`
	Age       int    `json:"age"`
	Method    Method `json:"method"`
	Basis     string `json:"basis"` // verified or estimated
	CheckedOn string `json:"checked_on"`
	ExpiresOn string `json:"expires_on"`
}

// Begin sends a person to the provider's page.
func (p *Webhook) Begin(_ context.Context, ask Ask) (Link, error) {
	page := *p.Page
	query := page.Query()
	query.Set("reference", ask.Reference)
	query.Set("over", strconv.Itoa(ask.Over))
	query.Set("challenge_age", strconv.Itoa(ask.ChallengeAge))
	query.Set("return_url", ask.ReturnURL)
	page.RawQuery = query.Encode()
	return Link{URL: page.String(), Reference: ask.Reference}, nil
}

// Read reads what came to the webhook.
func (p *Webhook) Read(_ context.Context, m Message, asked Asked, now time.Time) (Answer, error) {
	if err := p.authenticate(m, now); err != nil {
		return Answer{}, err
	}
	var in webhookAnswer
	decoder := json.NewDecoder(bytes.NewReader(m.Body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&in); err != nil {
		return Answer{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return Answer{}, fmt.Errorf("%w: more than one document", ErrMalformed)
	}
	a, err := in.answer()
	if err != nil {
		return Answer{}, err
	}
	ask, err := asked(a.Reference)
	if err != nil {
		return Answer{}, err
	}
	return a, a.fits(ask)
}

func (p *Webhook) authenticate(m Message, now time.Time) error {
	id, stamp := m.Header.Get("Webhook-Id"), m.Header.Get("Webhook-Timestamp")
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || id == "" || strings.Contains(id, ".") || !recent(time.Unix(seconds, 0), now) {
		return ErrNotAuthentic
	}
	mac := hmac.New(sha256.New, p.Secret)
	fmt.Fprintf(mac, "%s.%s.", id, stamp)
	mac.Write(m.Body)
	want := mac.Sum(nil)
	for signature := range strings.FieldsSeq(m.Header.Get("Webhook-Signature")) {
		version, value, _ := strings.Cut(signature, ",")
		got, err := base64.StdEncoding.DecodeString(value)
		if version == "v1" && err == nil && hmac.Equal(got, want) {
			return nil
		}
	}
	return ErrNotAuthentic
}

// methods are those that a webhook may name.
var methods = []Method{PhotoID, FacialEstimation, CreditCard, MobileOperator, EmailEstimation, OpenBanking, DigitalID}

func (in *webhookAnswer) answer() (Answer, error) {
	a := Answer{Reference: in.Reference, Result: in.Result, Age: in.Age, Method: in.Method, Estimated: in.Basis == "estimated"}
	var err error
	switch {
	case in.Reference == "":
		return a, fmt.Errorf("%w: reference is missing", ErrMalformed)
	case in.Result != Over && in.Result != Under && in.Result != Undecided:
		return a, fmt.Errorf("%w: result must be over, under or undecided", ErrMalformed)
	case !slices.Contains(methods, in.Method):
		return a, fmt.Errorf("%w: method must be one of %v", ErrMalformed, methods)
	case in.Basis != "verified" && in.Basis != "estimated":
		return a, fmt.Errorf("%w: basis must be verified or estimated", ErrMalformed)
	case in.Age < 1 || in.Age > 120:
		return a, fmt.Errorf("%w: age must be the age that result is about", ErrMalformed)
	}
	if a.CheckedOn, err = time.Parse(time.DateOnly, in.CheckedOn); err != nil {
		return a, fmt.Errorf("%w: checked_on must be a day like 2026-11-24", ErrMalformed)
	}
	if in.ExpiresOn != "" {
		if a.ExpiresOn, err = time.Parse(time.DateOnly, in.ExpiresOn); err != nil {
			return a, fmt.Errorf("%w: expires_on must be a day like 2027-11-24, or absent", ErrMalformed)
		}
	}
	return a, nil
}
