// Package tcap is a client of the hash list of Tech Against Terrorism's
// Terrorist Content Analytics Platform: JSON over HTTPS, with a token that a
// user and a password are exchanged for
// (https://terrorismanalytics.org/docs/hash-list-v1).
package tcap

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/breakwater-project/breakwater/internal/hashlist"
	"github.com/breakwater-project/breakwater/internal/hashlist/exchange"
)

// Address is where the API is.
const Address = "https://app.terrorismanalytics.org"

// Client is a client of the list.
type Client struct {
	Transport      *exchange.Transport
	User, Password string
}

// Pull reads the list from a checkpoint on: the time and id of an entry, in the
// order of which the list is. A page that steps back from the order is read,
// but is no checkpoint.
func (c *Client) Pull(ctx context.Context, checkpoint string) iter.Seq2[exchange.Page, error] {
	return func(yield func(exchange.Page, error) bool) {
		token, err := c.token(ctx)
		if err != nil {
			yield(exchange.Page{}, fmt.Errorf("tcap: %w", err))
			return
		}
		fold, asked, furthest := exchange.Fold{}, map[string]bool{}, checkpoint
		for after := checkpoint; ; {
			a, err := c.page(ctx, token, after)
			if asked[after] = true; err == nil && a.Next && (a.Checkpoint == "" || asked[a.Checkpoint]) {
				err = errors.New("its pages lead round in a circle")
			}
			if err != nil {
				yield(exchange.Page{}, fmt.Errorf("tcap: %w", err))
				return
			}
			states, skipped := statesOf(a.Results)
			p := fold.Page(states)
			p.Skipped += skipped
			if a.Checkpoint != "" && !before(a.Checkpoint, furthest) {
				furthest = a.Checkpoint
				p.Checkpoint = furthest
			}
			if !yield(p, nil) || !a.Next {
				return
			}
			after = a.Checkpoint
		}
	}
}

// before says whether checkpoint a is before b: "time,id", both numbers.
func before(a, b string) bool {
	at, aID := place(a)
	bt, bID := place(b)
	return at < bt || at == bt && aID < bID
}

func place(checkpoint string) (at float64, id int64) {
	first, second, _ := strings.Cut(checkpoint, ",")
	at, _ = strconv.ParseFloat(first, 64)
	id, _ = strconv.ParseInt(second, 10, 64)
	return at, id
}

// Send gives ErrNotTaken: the list takes no feedback.
func (c *Client) Send(context.Context, hashlist.Opinion) error { return exchange.ErrNotTaken }

// token exchanges user and password for a token.
func (c *Client) token(ctx context.Context) (string, error) {
	var a struct {
		Token string `json:"token"`
	}
	err := c.Transport.Do(ctx, exchange.Request{
		Method: http.MethodPost, Path: "/token-auth/tcap/",
		Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}},
		Body:   []byte(url.Values{"username": {c.User}, "password": {c.Password}, "resend": {"False"}}.Encode()),
	}, func(body io.Reader) error { return exchange.JSON(body, &a) })
	if err == nil && a.Token == "" {
		err = errors.New("it gives no token")
	}
	return a.Token, err
}

// answer is one page. The address of the next is not used: a checkpoint is
// enough to ask for it.
type answer struct {
	Next       bool
	Checkpoint string
	Results    []json.RawMessage
}

func (c *Client) page(ctx context.Context, token, after string) (a answer, err error) {
	query := url.Values{"order": {"asc"}, "after": {after}}
	err = c.Transport.Do(ctx, exchange.Request{
		Path: "/api/hash-list/v2/all?" + query.Encode(), Header: http.Header{"Authorization": {"Bearer " + token}},
	}, func(body io.Reader) (err error) {
		a, err = read(body)
		return err
	})
	return a, err
}

func read(body io.Reader) (answer, error) {
	var a struct {
		Next       *string           `json:"next"`
		Checkpoint string            `json:"checkpoint"`
		Results    []json.RawMessage `json:"results"`
	}
	if err := exchange.JSON(body, &a); err != nil {
		return answer{}, err
	}
	if a.Results == nil {
		return answer{}, errors.New("it has no results")
	}
	return answer{Next: a.Next != nil && *a.Next != "", Checkpoint: a.Checkpoint, Results: a.Results}, nil
}

// record is one entry of the list.
type record struct {
	ID        json.Number `json:"id"`
	Hash      string      `json:"hash_digest"`
	Algorithm string      `json:"algorithm"`
	Ideology  string      `json:"ideology"`
	Deleted   bool        `json:"deleted"`
	Updated   json.Number `json:"updated_on"`
}

func kindOf(algorithm string) hashlist.Kind {
	switch strings.ToUpper(strings.ReplaceAll(algorithm, "-", "")) {
	case "PDQ":
		return hashlist.PDQ
	case "MD5":
		return hashlist.MD5
	case "SHA1":
		return hashlist.SHA1
	case "SHA256":
		return hashlist.SHA256
	}
	return ""
}

// statesOf reads the entries. One that it can't read keeps no other from being
// read.
func statesOf(results []json.RawMessage) (states []exchange.State, skipped int) {
	for _, raw := range results {
		var r record
		if json.Unmarshal(raw, &r) != nil || r.ID == "" {
			skipped++
			continue
		}
		updated, _ := r.Updated.Float64() // without, it is taken for old
		s := exchange.State{
			Entry: hashlist.Entry{ID: r.ID.String(), Classification: r.Ideology},
			At:    int64(updated * 1000), Gone: r.Deleted,
		}
		kind := kindOf(r.Algorithm)
		s.Unreadable = !exchange.Put(&s.Entry.Hashes, kind, r.Hash) && kind != ""
		states = append(states, s)
	}
	return states, skipped
}
