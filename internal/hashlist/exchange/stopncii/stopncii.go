// Package stopncii is a client of StopNCII.org, where people hash intimate
// images of themselves on their own devices so that platforms can keep them
// from being shared. JSON over HTTPS, with a key for the subscription and one
// for each endpoint.
package stopncii

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"

	"github.com/breakwater-project/breakwater/internal/hashlist"
	"github.com/breakwater-project/breakwater/internal/hashlist/exchange"
)

// Address is where the API is.
const Address = "https://api.stopncii.org/v1"

const (
	// beginning is the time from which everything is asked for.
	beginning = 10
	pageSize  = "800"
)

// Client is a client of the API.
type Client struct {
	Transport    *exchange.Transport
	Subscription string // key of the subscription
	FetchKey     string // key of FetchHashes
	FeedbackKey  string // key of SubmitFeedback; "" sends none
}

// Pull fetches the records that changed since a checkpoint. Records are
// snapshots: each replaces what is known of its hash. The time that the API
// gives to go on from is kept once the last page is there, since its pages
// promise no order.
func (c *Client) Pull(ctx context.Context, checkpoint string) iter.Seq2[exchange.Page, error] {
	return func(yield func(exchange.Page, error) bool) {
		since := int64(beginning)
		if checkpoint != "" {
			var err error
			if since, err = strconv.ParseInt(checkpoint, 10, 64); err != nil {
				yield(exchange.Page{}, errors.New("stopncii: the checkpoint is not a time"))
				return
			}
		}
		fold, asked, end := exchange.Fold{}, map[string]bool{}, since
		for token := ""; ; {
			a, err := c.fetch(ctx, since, token)
			switch {
			case err != nil:
			case a.Next == nil:
				err = errors.New("it does not say where to go on")
			case a.More && a.Token == "":
				err = errors.New("there is more, and no word of where")
			case a.More && asked[a.Token]:
				err = errors.New("its pages lead round in a circle")
			}
			if err != nil {
				yield(exchange.Page{}, fmt.Errorf("stopncii: %w", err))
				return
			}
			states, skipped := read(a.Records)
			p := fold.Page(states)
			p.Skipped += skipped
			end = max(end, *a.Next)
			if !a.More {
				p.Checkpoint = strconv.FormatInt(end, 10)
			}
			if !yield(p, nil) || !a.More {
				return
			}
			token, asked[a.Token] = a.Token, true
		}
	}
}

// answer is one page of records, each still to be read.
type answer struct {
	Token   string            `json:"nextPageToken"`
	Next    *int64            `json:"nextSetTimestamp"`
	More    bool              `json:"hasMoreRecords"`
	Records []json.RawMessage `json:"hashRecords"`
}

func (c *Client) fetch(ctx context.Context, since int64, token string) (a answer, err error) {
	query := url.Values{"startTimestamp": {strconv.FormatInt(since, 10)}, "pageSize": {pageSize}}
	if token != "" {
		query.Set("nextPageToken", token)
	}
	err = c.Transport.Do(ctx, exchange.Request{
		Path: "/FetchHashes?" + query.Encode(), Header: c.header(c.FetchKey),
	}, func(body io.Reader) error {
		a = answer{}
		return exchange.JSON(body, &a)
	})
	return a, err
}

// record is what is known of one hash.
type record struct {
	Modified  json.Number `json:"lastModtimestamp"`
	Type      string      `json:"signalType"`
	Value     string      `json:"hashValue"`
	Status    string      `json:"hashStatus"`
	Feedbacks []struct {
		Value string `json:"feedbackValue"`
	} `json:"CSPFeedbacks"`
}

// kindOf is what a signal is here, "" if it can't be compared.
func kindOf(signal string) hashlist.Kind {
	switch signal {
	case "ImagePDQ":
		return hashlist.PDQ
	case "VideoMD5":
		return hashlist.MD5
	case "URL":
		return hashlist.URL
	}
	return ""
}

// read reads the records. One that it can't read keeps no other from being
// read. A status that is new to us is no reason not to protect.
func read(records []json.RawMessage) (states []exchange.State, skipped int) {
	for _, raw := range records {
		var r record
		var h hashlist.Hashes
		if json.Unmarshal(raw, &r) != nil || !exchange.Put(&h, kindOf(r.Type), r.Value) {
			skipped++
			continue
		}
		modified, _ := r.Modified.Float64() // without, it is taken for old
		states = append(states, exchange.State{
			Entry: hashlist.Entry{ID: exchange.Name(kindOf(r.Type), r.Value), Hashes: h, Classification: r.classification()},
			At:    int64(modified), Gone: r.Status == "Withdrawn" || r.Status == "Deleted",
		})
	}
	return states, skipped
}

// classification says what platforms that looked found. A hash comes from a
// person whose image nobody else has seen, so until one has, it is unverified.
func (r *record) classification() string {
	class := exchange.Unverified
	for _, f := range r.Feedbacks {
		switch f.Value {
		case "Blocked":
			return "blocked"
		case "NotBlocked":
			class = exchange.Disputed
		}
	}
	return class
}

// Send says what somebody who looked found. The API knows hashes, not cases.
func (c *Client) Send(ctx context.Context, o hashlist.Opinion) error {
	hash := cmp.Or(o.Entry.Hashes.PDQ, o.Entry.Hashes.MD5)
	if c.FeedbackKey == "" || hash == "" {
		return fmt.Errorf("stopncii: %w", exchange.ErrNotTaken)
	}
	value := "Blocked"
	if o.Feedback.Verdict == hashlist.Denied {
		value = "NotBlocked"
	}
	var body bytes.Buffer
	err := json.NewEncoder(&body).Encode(map[string]any{
		"count":         1,
		"hashFeedbacks": []any{map[string]any{"hashValue": hash, "feedbackValue": value, "tags": []string{}}},
	})
	if err == nil {
		header := c.header(c.FeedbackKey)
		header.Set("Content-Type", "application/json")
		err = c.Transport.Do(ctx, exchange.Request{
			Method: http.MethodPost, Path: "/SubmitFeedback", Header: header, Body: body.Bytes(),
		}, exchange.Discard)
	}
	if err != nil {
		return fmt.Errorf("stopncii: %w", err)
	}
	return nil
}

func (c *Client) header(functionKey string) http.Header {
	h := http.Header{}
	h.Set("x-functions-key", functionKey)
	h.Set("Ocp-Apim-Subscription-Key", c.Subscription)
	return h
}
