// Package client is the Go SDK: it sends events to a Breakwater server and
// reads its decisions, over HTTP.
//
// Every call may be repeated: decisions are idempotent on (type, id), so the
// client retries on its own when the server is busy (429), can't make a
// decision durable at the moment (503) or the connection breaks.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/event"
)

// MaxBatch is the most events that one batch may hold.
const MaxBatch = 1000

// maxAnswer bounds how much of an answer is read, in bytes.
const maxAnswer = 64 << 20

// Client talks to one server. Make it with New; it is safe for concurrent use.
type Client struct {
	// HTTP sends the requests; http.DefaultClient unless set.
	HTTP *http.Client
	// Retries is how often a call is repeated after the first try; 4 unless set.
	Retries int

	base string
	key  string
}

// New is a client of the server at base, for example "http://127.0.0.1:8420",
// with an API key of role platform.
func New(base, key string) *Client {
	return &Client{HTTP: http.DefaultClient, Retries: 4, base: strings.TrimRight(base, "/"), key: key}
}

// Problem is what the server answers instead of a result (RFC 9457).
type Problem struct {
	Type   string  `json:"type"`
	Title  string  `json:"title"`
	Status int     `json:"status"`
	Detail string  `json:"detail"`
	Errors []Field `json:"errors"`
}

// Field is one faulty field of a request.
type Field struct {
	Location string `json:"location"`
	Message  string `json:"message"`
}

// Error is the problem in one line, with every faulty field.
func (p *Problem) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "breakwater: %d %s", p.Status, p.Title)
	if p.Detail != "" {
		b.WriteString(": " + p.Detail)
	}
	for _, f := range p.Errors {
		fmt.Fprintf(&b, "; %s: %s", f.Location, f.Message)
	}
	return b.String()
}

// Decide has one event decided. The decision is durable when it returns.
func (c *Client) Decide(ctx context.Context, ev event.Event) (decision.Decision, error) {
	var d decision.Decision
	err := c.do(ctx, http.MethodPost, "/v1/decisions", &ev, &d)
	return d, err
}

// Answer is the answer to one event of a batch: a decision, or why it was refused.
type Answer struct {
	decision.Decision
	Problem *Problem
}

// UnmarshalJSON reads a decision, or {"error": problem} in its place.
func (a *Answer) UnmarshalJSON(data []byte) error {
	var refused struct {
		Error *Problem `json:"error"`
	}
	if err := json.Unmarshal(data, &refused); err != nil {
		return err
	}
	a.Problem = refused.Error
	if a.Problem != nil {
		return nil
	}
	return json.Unmarshal(data, &a.Decision)
}

// DecideBatch has up to MaxBatch events decided, answered in their order.
func (c *Client) DecideBatch(ctx context.Context, events []event.Event) ([]Answer, error) {
	if len(events) > MaxBatch {
		return nil, fmt.Errorf("breakwater: a batch of %d events: at most %d", len(events), MaxBatch)
	}
	request := struct {
		Events []event.Event `json:"events"`
	}{events}
	var response struct {
		Decisions []Answer `json:"decisions"`
	}
	if err := c.do(ctx, http.MethodPost, "/v1/decisions/batch", request, &response); err != nil {
		return nil, err
	}
	if len(response.Decisions) != len(events) {
		return nil, fmt.Errorf("breakwater: %d answers to %d events", len(response.Decisions), len(events))
	}
	return response.Decisions, nil
}

// Decision gets an earlier decision by its id.
func (c *Client) Decision(ctx context.Context, id string) (decision.Decision, error) {
	var d decision.Decision
	err := c.do(ctx, http.MethodGet, "/v1/decisions/"+url.PathEscape(id), nil, &d)
	return d, err
}

// Account is what the platform tells of an account.
type Account struct {
	Created time.Time  `json:"created,omitzero"`
	Country string     `json:"country,omitempty"` // ISO 3166-1 alpha-2
	Region  string     `json:"region,omitempty"`  // ISO 3166-2, for example US-CA
	Locale  string     `json:"locale,omitempty"`  // BCP 47
	Age     *event.Age `json:"age,omitempty"`
}

// PutAccount tells the server of an account, or of a change to it.
func (c *Client) PutAccount(ctx context.Context, id string, a Account) error {
	return c.do(ctx, http.MethodPut, "/v1/accounts/"+url.PathEscape(id), a, nil)
}

// DeleteAccount erases an account. Held evidence stays held.
func (c *Client) DeleteAccount(ctx context.Context, id string) error {
	return c.do(ctx, http.MethodDelete, "/v1/accounts/"+url.PathEscape(id), nil, nil)
}

// Safeguards is what protects an account by default, by its age and place.
type Safeguards struct {
	Band       event.Band     `json:"band"`
	Basis      event.Basis    `json:"basis"`
	Protective bool           `json:"protective"` // the age is in doubt, so the protective band applies
	Effects    map[string]any `json:"effects"`
	Locked     []string       `json:"locked"`
	ValidUntil time.Time      `json:"valid_until"`
}

// Safeguards gets the protective defaults of an account.
func (c *Client) Safeguards(ctx context.Context, account string) (Safeguards, error) {
	var s Safeguards
	err := c.do(ctx, http.MethodGet, "/v1/accounts/"+url.PathEscape(account)+"/safeguards", nil, &s)
	return s, err
}

// Viewer is whose feed it is: a known account, or a band and a country.
type Viewer struct {
	ID      string      `json:"id,omitempty"`
	Band    *event.Band `json:"band,omitempty"`
	Country string      `json:"country,omitempty"`
}

// FeedItem is what a viewer may be shown of one item. Rank multiplies the
// platform's own ranking: 1 leaves it, 0 takes the item out.
type FeedItem struct {
	ID      string           `json:"id"`
	Outcome decision.Outcome `json:"outcome"`
	Rank    float64          `json:"rank"`
}

// FilterFeed asks which of up to 2,000 items a viewer may be shown.
func (c *Client) FilterFeed(ctx context.Context, viewer Viewer, items []string) ([]FeedItem, error) {
	request := struct {
		Viewer Viewer   `json:"viewer"`
		Items  []string `json:"items"`
	}{viewer, items}
	var response struct {
		Items []FeedItem `json:"items"`
	}
	err := c.do(ctx, http.MethodPost, "/v1/feeds/filter", request, &response)
	return response.Items, err
}

// SeeLess says that a viewer wants to see less of what an item is.
func (c *Client) SeeLess(ctx context.Context, viewer, item string) error {
	request := struct {
		Viewer Viewer `json:"viewer"`
		Item   string `json:"item"`
		Action string `json:"action"`
	}{Viewer{ID: viewer}, item, "see_less"}
	return c.do(ctx, http.MethodPost, "/v1/feeds/feedback", request, nil)
}

// do sends one request, again while that may help, and decodes the answer
// into out unless that is nil.
func (c *Client) do(ctx context.Context, method, path string, in, out any) error {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return fmt.Errorf("breakwater: encode request: %w", err)
		}
	}
	for try := 0; ; try++ {
		wait, err := c.once(ctx, method, path, body, out)
		if err == nil || wait < 0 || try >= c.Retries {
			return err
		}
		if wait == 0 {
			wait = backoff(try)
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return errors.Join(err, ctx.Err())
		}
	}
}

// once sends the request once. A wait below zero means that trying again
// would not help; zero that the server gave no time.
func (c *Client) once(ctx context.Context, method, path string, body []byte, out any) (wait time.Duration, err error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return -1, fmt.Errorf("breakwater: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+c.key)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.HTTP.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return -1, fmt.Errorf("breakwater: %w", err)
		}
		return 0, fmt.Errorf("breakwater: %w", err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return 0, fmt.Errorf("breakwater: read answer: %w", err)
	}
	if resp.StatusCode >= 300 {
		return retryAfter(resp), problem(resp.StatusCode, data)
	}
	if out == nil || len(data) == 0 {
		return -1, nil
	}
	if err := json.Unmarshal(data, out); err != nil {
		return -1, fmt.Errorf("breakwater: decode answer: %w", err)
	}
	return -1, nil
}

// problem reads the server's problem; one that is none (a proxy's page, say)
// still has its status.
func problem(status int, data []byte) *Problem {
	p := &Problem{}
	if json.Unmarshal(data, p) != nil || p.Status == 0 {
		return &Problem{Status: status, Title: http.StatusText(status)}
	}
	return p
}

// maxWait bounds how long a server can make a client wait between tries.
const maxWait = 30 * time.Second

func retryAfter(resp *http.Response) time.Duration {
	switch resp.StatusCode {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable, http.StatusBadGateway, http.StatusGatewayTimeout:
	default:
		return -1
	}
	seconds, err := strconv.Atoi(resp.Header.Get("Retry-After"))
	if err != nil || seconds < 0 {
		return 0
	}
	return min(time.Duration(seconds)*time.Second, maxWait)
}

// backoff doubles from 100 ms, with jitter so that clients don't return together.
func backoff(try int) time.Duration {
	d := 100 * time.Millisecond << min(try, 6)
	return d/2 + rand.N(d/2)
}
