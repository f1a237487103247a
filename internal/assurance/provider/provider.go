// Package provider speaks with those who check ages elsewhere: k-ID, Yoti,
// AgeKey and other OpenID Connect providers, and any that keeps to the signed
// webhook described in docs/age.md. It is the protocols alone and keeps nothing.
//
// A person is sent to a provider with a reference that means nothing outside
// the request it was made for. What comes back is an Answer: whether the age is
// reached, by which method, on which day. Everything else that a provider tells
// (names, dates of birth, document numbers, pictures, evidence ids) is dropped
// where it arrives; our own webhook refuses it.
package provider

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// Ask is what somebody is to be asked for.
type Ask struct {
	Reference    string // a name for the request, random, to come back with the answer
	Nonce        string // random; OpenID Connect signs it
	Over         int    // the age that must be reached, in completed years
	ChallengeAge int    // from which an estimate is taken for it
	Jurisdiction string // such as GB
	ReturnURL    string // where the browser goes afterwards
	NotifyURL    string // where the provider may tell
}

// Link is where a person is sent.
type Link struct {
	URL string
	// Reference is what the answer will come back with: the one asked with, or
	// the provider's own.
	Reference string
}

// Answer is what a provider found.
type Answer struct {
	Reference string
	Result    Result
	Age       int    // the age that Result is about, in completed years
	Estimated bool   // from features, rather than from a verified date of birth
	Method    Method // as the provider names it, in our words
	CheckedOn time.Time
	ExpiresOn time.Time // zero: the provider names no end
}

// Result says whether an age is reached.
type Result string

// Results.
const (
	Over      Result = "over"
	Under     Result = "under"
	Undecided Result = "undecided"
)

// Method names what a provider did. The names are those of package assurance.
type Method string

// Methods that providers use.
const (
	PhotoID          Method = "photo_id"
	FacialEstimation Method = "facial_estimation"
	CreditCard       Method = "credit_card"
	MobileOperator   Method = "mobile_operator"
	EmailEstimation  Method = "email_estimation"
	OpenBanking      Method = "open_banking"
	DigitalID        Method = "digital_id"
	AgeKey           Method = "agekey"
)

// Errors of answers. What is wrong in detail is in the wrapping error, for the
// operator's log; a caller from outside is told no more than these.
var (
	// ErrNotAuthentic says that an answer is not by the provider, or was sent too
	// long ago.
	ErrNotAuthentic = errors.New("provider: the answer is not authentic")
	// ErrMalformed says that an answer is authentic, and can't be read.
	ErrMalformed = errors.New("provider: the answer can't be read")
	// ErrNotAnswer says that a message is authentic and about something else:
	// to be acknowledged and forgotten.
	ErrNotAnswer = errors.New("provider: the message is no answer")
	// ErrNotOffered says that a provider can't answer what is asked.
	ErrNotOffered = errors.New("provider: it can't be asked that")
	// ErrUnavailable says that the provider did not answer as it should.
	ErrUnavailable = errors.New("provider: not available")
)

// Remote is one provider's protocol.
type Remote interface {
	// Begin makes a link for a person. The errors are ErrNotOffered and
	// ErrUnavailable.
	Begin(ctx context.Context, ask Ask) (Link, error)
	// Read reads a message and finds out, of an authentic one, what was asked. An
	// error of asked is returned as it is; the others are ErrNotAuthentic,
	// ErrMalformed, ErrNotAnswer and ErrUnavailable.
	Read(ctx context.Context, m Message, asked Asked, now time.Time) (Answer, error)
}

// Asked finds what was asked for with a reference.
type Asked func(reference string) (Ask, error)

// Message is what came to a webhook or to the return address.
type Message struct {
	Header http.Header
	Body   []byte
	Form   url.Values // of the return address
}

// Limits of what is exchanged.
const (
	maxBody = 64 << 10
	timeout = 10 * time.Second
	// tolerance is how old a webhook's time may be, and how far ahead.
	tolerance = 5 * time.Minute
)

// NewClient is an HTTP client for providers: one that waits ten seconds and
// follows no redirect, so that keys go nowhere else.
func NewClient() *http.Client {
	return &http.Client{
		Timeout:       timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// call sends a JSON request and reads a JSON answer of status 200 or 201. No
// error names more of either than the status.
func call(ctx context.Context, client *http.Client, method, address string, header http.Header, in, out any) error {
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("provider: %w", err)
		}
		body = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return fmt.Errorf("provider: %w", err)
	}
	request.Header = header.Clone()
	request.Header.Set("Accept", "application/json")
	if in != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, withoutURL(err))
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxBody+1))
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	case response.StatusCode != http.StatusOK && response.StatusCode != http.StatusCreated:
		return fmt.Errorf("%w: status %d", ErrUnavailable, response.StatusCode)
	case len(text) > maxBody:
		return fmt.Errorf("%w: an answer of more than %d bytes", ErrUnavailable, maxBody)
	}
	if err := json.Unmarshal(text, out); err != nil {
		return fmt.Errorf("%w: not the JSON it should be", ErrUnavailable)
	}
	return nil
}

// withoutURL is an error of a client without the address, in which references
// and sessions stand.
func withoutURL(err error) error {
	var with *url.Error
	if errors.As(err, &with) {
		return with.Err
	}
	return err
}

// recent reports whether a message's time is close to now.
func recent(sent, now time.Time) bool {
	return sent.After(now.Add(-tolerance)) && sent.Before(now.Add(tolerance))
}

// fits reports whether an answer is about the age that was asked for: the
// challenge age, of an estimate.
func (a *Answer) fits(ask Ask) error {
	want := ask.Over
	if a.Estimated {
		want = ask.ChallengeAge
	}
	if a.Age != want {
		return fmt.Errorf("%w: it is about the age of %d, not of %d", ErrMalformed, a.Age, want)
	}
	return nil
}

// day is the day of a time, which is all that is kept of it.
func day(t time.Time) time.Time { return t.UTC().Truncate(24 * time.Hour) }
