// Package threatexchange is a client of Meta's ThreatExchange, where platforms
// share signals within privacy groups; GIFCT's hash-sharing database comes this
// way too. It tails a group's threat_updates
// (https://developers.facebook.com/docs/threat-exchange/reference/apis/threat-updates/).
package threatexchange

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/breakwater-project/breakwater/internal/hashlist"
	"github.com/breakwater-project/breakwater/internal/hashlist/exchange"
)

// Address is where the API is.
const Address = "https://graph.facebook.com/v21.0"

const (
	// stale is how old a checkpoint may be. Deletions are told for 30 days by
	// one of Meta's pages and for 90 by another; after that only the whole
	// list says what is gone.
	stale = 28 * 24 * time.Hour

	pageSize = "500"
	types    = "HASH_PDQ,HASH_MD5,HASH_VIDEO_MD5,HASH_SHA1,HASH_SHA256,HASH_VIDEO_SHA256,URI,RAW_URI"
	fields   = "id,indicator,type,last_updated,should_delete,descriptors{id,reactions,owner{id},tags,status}"
)

// Client is a client of one privacy group.
type Client struct {
	Transport *exchange.Transport
	Group     string // id of the privacy group
	Token     string // of the app: "id|secret"
	Now       func() time.Time
}

// Pull tails the group's updates, which come in the order of their times: each
// page is a checkpoint as long as that holds. After a long silence the list
// comes anew.
func (c *Client) Pull(ctx context.Context, checkpoint string) iter.Seq2[exchange.Page, error] {
	return func(yield func(exchange.Page, error) bool) {
		from, whole, err := c.begin(checkpoint)
		if err != nil {
			yield(exchange.Page{}, err)
			return
		}
		start := max(from-1, 0) // that second may not have been over
		query := url.Values{"start_time": {strconv.FormatInt(start, 10)}, "limit": {pageSize}, "types": {types}, "fields": {fields}}
		fold, asked, last, ordered := exchange.Fold{}, map[string]bool{}, start, true
		for query != nil {
			if asked[query.Encode()] {
				yield(exchange.Page{}, errors.New("threatexchange: its pages lead round in a circle"))
				return
			}
			asked[query.Encode()] = true
			states, next, skipped, err := c.page(ctx, query)
			if err != nil {
				yield(exchange.Page{}, fmt.Errorf("threatexchange: %w", err))
				return
			}
			for i := range states {
				ordered = ordered && states[i].At >= last
				last = max(last, states[i].At)
			}
			p := fold.Page(states)
			p.Whole, p.Skipped, p.Unreadable = whole, p.Skipped+skipped, skipped
			if query = next; query == nil || ordered && !whole {
				p.Checkpoint = fmt.Sprintf("%d %d", max(from, last), c.Now().Unix())
			}
			if !yield(p, nil) {
				return
			}
		}
	}
}

// begin is from what time to ask, and whether that is the whole list. A
// checkpoint is the time of the last update and the time when it was read, in
// seconds.
func (c *Client) begin(checkpoint string) (from int64, whole bool, err error) {
	if checkpoint == "" {
		return 0, false, nil
	}
	var read int64
	if _, err := fmt.Sscanf(checkpoint, "%d %d", &from, &read); err != nil {
		return 0, false, errors.New("threatexchange: the checkpoint is not two times")
	}
	if c.Now().Sub(time.Unix(read, 0)) > stale {
		return 0, true, nil
	}
	return from, false, nil
}

// page asks for one page. next is the query of the one after it, nil if there
// is none.
func (c *Client) page(ctx context.Context, query url.Values) (states []exchange.State, next url.Values, skipped int, err error) {
	err = c.Transport.Do(ctx, exchange.Request{
		Path: "/" + url.PathEscape(c.Group) + "/threat_updates/?" + query.Encode(), Header: c.header(),
	}, func(body io.Reader) (err error) {
		states, next, skipped, err = read(body)
		return err
	})
	return states, next, skipped, err
}

// Send reacts to what a member said of the entry.
func (c *Client) Send(ctx context.Context, o hashlist.Opinion) error {
	descriptor, ok := strings.CutPrefix(o.Entry.Note, notePrefix)
	if _, err := strconv.ParseUint(descriptor, 10, 64); !ok || err != nil {
		return fmt.Errorf("threatexchange: the entry did not come from there: %w", exchange.ErrNotTaken)
	}
	reaction := "HELPFUL"
	if o.Feedback.Verdict == hashlist.Denied {
		reaction = "DISAGREE_WITH_TAGS"
	}
	header := c.header()
	header.Set("Content-Type", "application/x-www-form-urlencoded")
	err := c.Transport.Do(ctx, exchange.Request{
		Method: http.MethodPost, Path: "/" + descriptor, Header: header,
		Body: []byte(url.Values{"reactions": {reaction}}.Encode()),
	}, exchange.Discard)
	if err != nil {
		return fmt.Errorf("threatexchange: %w", err)
	}
	return nil
}

// header carries the token, which the documentation has in the address: there
// it would stand in every log on the way.
func (c *Client) header() http.Header { return http.Header{"Authorization": {"Bearer " + c.Token}} }

// kindOf is what an indicator type is here, "" if it can't be compared.
func kindOf(indicator string) hashlist.Kind {
	switch indicator {
	case "HASH_PDQ":
		return hashlist.PDQ
	case "HASH_MD5", "HASH_VIDEO_MD5":
		return hashlist.MD5
	case "HASH_SHA1":
		return hashlist.SHA1
	case "HASH_SHA256", "HASH_VIDEO_SHA256":
		return hashlist.SHA256
	case "URI", "RAW_URI":
		return hashlist.URL
	}
	return ""
}

// notePrefix begins the note of an entry: its feedback goes to a descriptor.
const notePrefix = "descriptor "
