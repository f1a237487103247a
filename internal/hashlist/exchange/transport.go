package exchange

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	// attempts is how often a request is tried in all.
	attempts = 5
	// firstPause is the longest pause before the second attempt; it doubles.
	firstPause = time.Second
	// longestPause bounds a pause, also one that the other side asks for: what
	// takes longer is an error now, and the next sync's to try.
	longestPause = 2 * time.Minute
	// requestTime bounds one attempt, its body included.
	requestTime = time.Minute
	// maxBody bounds an answer, in bytes.
	maxBody = 64 << 20
)

// Transport is the way to one exchange: to its own host and no other, bounded
// in bytes and time, and patient with a server that is busy. The zero value is
// not usable: take NewTransport.
type Transport struct {
	base *url.URL

	// Sleep waits, or returns ctx's error: real time unless a test sets it.
	Sleep func(ctx context.Context, d time.Duration) error
	// Now reads the clock, for a Retry-After that names a date.
	Now func() time.Time
	// Time bounds one attempt and Body its answer, in bytes.
	Time time.Duration
	Body int64
	// Client sends. It must not follow redirects to other hosts.
	Client *http.Client
}

// NewTransport is the way to what stands under base, an https address. Plain
// http is for this machine only.
func NewTransport(base string) (*Transport, error) {
	u, err := url.Parse(strings.TrimSuffix(base, "/"))
	switch {
	case err != nil || u.Host == "":
		return nil, errors.New("the address must be https://…") // not err: it repeats the address
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("the address must hold no password and no query")
	case u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())):
		return nil, errors.New("the address must be https://…: hashes and keys do not travel in the clear")
	}
	return &Transport{
		base: u, Sleep: sleep, Now: time.Now, Time: requestTime, Body: maxBody,
		Client: &http.Client{CheckRedirect: sameHost(u)},
	}, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// sameHost follows few redirects, and none elsewhere: credentials and hashes
// are for this host alone.
func sameHost(base *url.URL) func(*http.Request, []*http.Request) error {
	return func(r *http.Request, via []*http.Request) error {
		if r.URL.Scheme != base.Scheme || r.URL.Host != base.Host || len(via) > 3 {
			return http.ErrUseLastResponse
		}
		return nil
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Request is one request to an exchange.
type Request struct {
	Method string // GET unless set
	// Path follows the base address, query included. It may be one that the
	// exchange gave.
	Path   string
	Header http.Header
	Body   []byte
}

// StatusError is an answer that is not the expected one.
type StatusError struct {
	Status     int
	RetryAfter time.Duration // 0: none was named
}

func (e *StatusError) Error() string {
	text := fmt.Sprintf("the exchange answers %d %s", e.Status, http.StatusText(e.Status))
	switch {
	case e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden:
		text += ": it does not accept the credentials"
	case e.Status >= 300 && e.Status < 400:
		text += ": it sends elsewhere, which is not followed"
	case e.RetryAfter > 0:
		text += fmt.Sprintf(" and asks to come back in %s", e.RetryAfter)
	}
	return text
}

// BadAnswer is an answer that can't be read: cut off, or of a wrong form.
type BadAnswer struct{ Err error }

func (e *BadAnswer) Error() string { return "the exchange's answer can't be read: " + e.Err.Error() }

// Unwrap gives what was wrong.
func (e *BadAnswer) Unwrap() error { return e.Err }

// Do sends r and has read take the answer's body, which ends with io.EOF only
// when it is whole. What may pass is tried again: 429, 5xx, a connection that
// breaks, an answer that can't be read. A POST is tried again only when it was
// refused. read may be called several times and must begin anew each time. The
// error never holds an address, a header or any part of a body.
func (t *Transport) Do(ctx context.Context, r Request, read func(io.Reader) error) error {
	for attempt := 1; ; attempt++ {
		err := t.once(ctx, r, read)
		if err == nil || ctx.Err() != nil {
			return errors.Join(ctx.Err(), err)
		}
		pause, again := retry(err, r.Method, attempt)
		if !again || attempt == attempts {
			return err
		}
		if err := t.Sleep(ctx, pause); err != nil {
			return err
		}
	}
}

// retry is after what pause to try again, if at all.
func retry(err error, method string, attempt int) (time.Duration, bool) {
	ceiling := min(firstPause<<attempt, longestPause)
	pause := ceiling/2 + rand.N(ceiling/2) // #nosec G404 -- spreads load, guards nothing
	var status *StatusError
	if errors.As(err, &status) {
		busy := status.Status == http.StatusTooManyRequests || status.Status == http.StatusServiceUnavailable
		again := busy || method != http.MethodPost && (status.Status >= 500 || status.Status == http.StatusRequestTimeout)
		return max(pause, status.RetryAfter), again && status.RetryAfter <= longestPause
	}
	return pause, method != http.MethodPost
}

// once is one attempt.
func (t *Transport) once(ctx context.Context, r Request, read func(io.Reader) error) error {
	ctx, cancel := context.WithTimeout(ctx, t.Time)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, r.Method, t.base.String()+r.Path, bytes.NewReader(r.Body))
	if err != nil {
		return errors.New("the exchange gave an address that is none")
	}
	if request.URL.Host != t.base.Host || request.URL.Scheme != t.base.Scheme || request.URL.User != nil {
		return errors.New("the exchange gave an address of another host, which is not asked")
	}
	for name, values := range r.Header {
		request.Header[name] = values
	}
	request.Header.Set("User-Agent", "Breakwater")
	response, err := t.Client.Do(request)
	if err != nil {
		return unreachable(ctx, err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return &StatusError{Status: response.StatusCode, RetryAfter: t.retryAfter(response.Header.Get("Retry-After"))}
	}
	body := &capped{r: response.Body, left: t.Body}
	if err := read(body); err != nil {
		if ctx.Err() != nil {
			return unreachable(ctx, err)
		}
		return &BadAnswer{err}
	}
	return nil
}

// unreachable says why there was no answer, without the address that
// net/http's errors repeat.
func unreachable(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return errors.New("the exchange does not answer in time")
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	return fmt.Errorf("the exchange can't be reached: %w", err)
}

// retryAfter reads a Retry-After header (RFC 9110 §10.2.3), 0 if it says nothing.
func (t *Transport) retryAfter(header string) time.Duration {
	if seconds, err := strconv.Atoi(header); err == nil && seconds > 0 {
		return time.Duration(min(seconds, 7*24*3600)) * time.Second
	}
	if at, err := http.ParseTime(header); err == nil {
		return max(at.Sub(t.Now()), 0)
	}
	return 0
}

// capped refuses a body that does not end in time.
type capped struct {
	r    io.Reader
	left int64
}

var errTooLarge = errors.New("it is larger than is read")

func (c *capped) Read(p []byte) (int, error) {
	if c.left <= 0 {
		if n, err := c.r.Read(make([]byte, 1)); n == 0 && err != nil {
			return 0, err
		}
		return 0, errTooLarge
	}
	n, err := c.r.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	return n, err
}

// Discard reads an answer that says nothing of interest.
func Discard(r io.Reader) error {
	_, err := io.Copy(io.Discard, r)
	return err
}

// JSON reads an answer that is one JSON value and nothing else.
func JSON(r io.Reader, v any) error {
	d := json.NewDecoder(r)
	if err := d.Decode(v); err != nil {
		return wrongJSON(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		if err != nil && !isSyntax(err) {
			return err // the rest was not to be had
		}
		return errors.New("more follows the value")
	}
	return nil
}

// wrongJSON says where an answer is wrong and repeats nothing of it.
func wrongJSON(err error) error {
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &kind):
		return fmt.Errorf("%q is of another type than it should be", kind.Field)
	case isSyntax(err):
		return errors.New("it is not JSON")
	case errors.Is(err, io.EOF):
		return io.ErrUnexpectedEOF
	}
	return err
}

func isSyntax(err error) bool {
	var syntax *json.SyntaxError
	return errors.As(err, &syntax)
}
