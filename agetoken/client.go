package agetoken

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// Client gets tokens from a Breakwater server that issues them. It runs on the
// person's device; the browser package agetoken.js does the same.
type Client struct {
	// URL is the issuer's address.
	URL string
	// Host is by which tokens name the issuer: that of URL unless set.
	Host string
	// Pin, unless zero, is the SHA-256 of the directory that is expected. Any
	// other could single the person out, and is ErrKey.
	Pin [sha256.Size]byte
	// HTTP is http.DefaultClient unless set.
	HTTP *http.Client
	// Now is the clock: time.Now unless set.
	Now func() time.Time
}

// Refusal is why an issuer gave no tokens, in its words.
type Refusal struct {
	Status int // of HTTP
	Detail string
}

// Error is the issuer's words.
func (r *Refusal) Error() string { return fmt.Sprintf("agetoken: issuer: %s (%d)", r.Detail, r.Status) }

// Directory reads the issuer's directory.
func (c *Client) Directory(ctx context.Context) (Directory, error) {
	address, err := url.JoinPath(c.URL, DirectoryPath)
	if err != nil {
		return Directory{}, fmt.Errorf("agetoken: client: %w", err)
	}
	body, err := c.do(ctx, http.MethodGet, address, nil)
	if err != nil {
		return Directory{}, err
	}
	if c.Pin != [sha256.Size]byte{} && sha256.Sum256(body) != c.Pin {
		return Directory{}, fmt.Errorf("agetoken: %w: the issuer shows a directory that is not the expected one", ErrKey)
	}
	return ParseDirectory(body)
}

// Tokens gets n tokens, between 1 and MaxBatch, that say an age of a class, for
// the grant that an age check gave; with ClassNone, of the strictest class that
// the check was good for. They answer a challenge without origin and context,
// and so can be kept for later. The errors are ErrKey, where there is no such
// key now, ErrBatch, ErrFormat, ErrSignature and Refusal.
func (c *Client) Tokens(ctx context.Context, grant string, over int, class Class, n int) ([]Token, error) {
	d, err := c.Directory(ctx)
	if err != nil {
		return nil, err
	}
	now := time.Now
	if c.Now != nil {
		now = c.Now
	}
	classes := []Class{class}
	if class == ClassNone {
		classes = []Class{Strict, Enhanced, Standard}
	}
	err = fmt.Errorf("agetoken: %w: the issuer has no key for over %d %s now", ErrKey, over, class)
	for _, class := range classes {
		key, ok := d.Named(KeyName{Over: over, Class: class, Epoch: EpochOf(now())})
		if !ok {
			continue
		}
		tokens, askErr := c.tokens(ctx, grant, d.RequestURI, key.Key, n)
		var refusal *Refusal
		if !errors.As(askErr, &refusal) || refusal.Status != http.StatusUnprocessableEntity {
			return tokens, askErr
		}
		err = askErr // more than the check was good for: nothing was taken
	}
	return nil, err
}

func (c *Client) tokens(ctx context.Context, grant, requestURI string, key *Key, n int) ([]Token, error) {
	base, err := url.Parse(c.URL)
	if err != nil {
		return nil, fmt.Errorf("agetoken: client: %w", err)
	}
	host := c.Host
	if host == "" {
		host = base.Host
	}
	challenge, err := NewChallenge(host, nil)
	if err != nil {
		return nil, err
	}
	requests, batch, err := BlindBatch(rand.Reader, key, challenge, n)
	if err != nil {
		return nil, err
	}
	target, err := base.Parse(requestURI)
	if err != nil {
		return nil, fmt.Errorf("agetoken: client: %w", err)
	}
	responses, err := c.ask(ctx, target.String(), grant, requests)
	if err != nil {
		return nil, err
	}
	return batch.Finalize(responses)
}

func (c *Client) ask(ctx context.Context, target, grant string, requests []Request) ([]Response, error) {
	var question struct {
		Grant    string   `json:"grant"`
		Requests []string `json:"requests"`
	}
	question.Grant = grant
	for _, r := range requests {
		question.Requests = append(question.Requests, base64.RawURLEncoding.EncodeToString(r.Bytes()))
	}
	body, err := json.Marshal(question)
	if err != nil {
		return nil, fmt.Errorf("agetoken: client: %w", err)
	}
	if body, err = c.do(ctx, http.MethodPost, target, body); err != nil {
		return nil, err
	}
	var answer struct {
		Responses []string `json:"responses"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, fmt.Errorf("agetoken: %w: the issuer's answer: %w", ErrFormat, err)
	}
	responses := make([]Response, len(answer.Responses))
	for i, text := range answer.Responses {
		b, err := decodeBase64(text)
		if err != nil {
			return nil, err
		}
		if responses[i], err = ParseResponse(b); err != nil {
			return nil, err
		}
	}
	return responses, nil
}

// do sends a request, and is the body of an answer of status 200.
func (c *Client) do(ctx context.Context, method, target string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("agetoken: client: %w", err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	client := c.HTTP
	if client == nil {
		client = http.DefaultClient
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("agetoken: client: %w", err)
	}
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxDirectory+1))
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		return nil, fmt.Errorf("agetoken: client: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		var problem struct{ Detail string }
		if json.Unmarshal(answer, &problem) != nil || problem.Detail == "" {
			problem.Detail = resp.Status
		}
		return nil, &Refusal{resp.StatusCode, problem.Detail}
	}
	return answer, nil
}
