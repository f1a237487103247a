// Package ncmec is a client of NCMEC's Hash Sharing API, version 2: XML over
// HTTPS with a user and a password
// (https://report.cybertip.org/hashsharing/v2/documentation.pdf). The same API
// serves several lists, each at its own address.
package ncmec

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/breakwater-project/breakwater/internal/hashlist"
	"github.com/breakwater-project/breakwater/internal/hashlist/exchange"
)

// Industry is the list of apparent child sexual abuse material that platforms
// share with each other.
const Industry = "https://report.cybertip.org/hashsharing"

const (
	// settle is how far behind the clock a window ends: what is written in
	// that very second may be shown later than what follows it.
	settle = 5 * time.Second
	// overlap is how far before the last window's end the next sync begins,
	// for entries that became visible late. Seen again, they change nothing.
	overlap = 5 * time.Minute
	// fullWindow is how many entries a window should have: one that is broken
	// off is asked for again from its beginning.
	fullWindow = 20_000
	// maxPages bounds a window, whose pages have about 1,000 entries each.
	maxPages = 10_000
)

// Client is a client of one list.
type Client struct {
	Transport      *exchange.Transport
	User, Password string
	Now            func() time.Time
}

// Pull asks for one window of time after the other. Within a window entries
// come in no order, so its end is a checkpoint only once all its pages are
// there; and of two states of one entry the later counts, whichever comes
// first. A window that turns out to be large is asked for in smaller ones.
func (c *Client) Pull(ctx context.Context, checkpoint string) iter.Seq2[exchange.Page, error] {
	return func(yield func(exchange.Page, error) bool) {
		from, end := time.Unix(0, 0).UTC(), c.Now().UTC().Add(-settle).Truncate(time.Second)
		if checkpoint != "" {
			at, err := time.Parse(time.RFC3339, checkpoint)
			if err != nil {
				yield(exchange.Page{}, errors.New("ncmec: the checkpoint is not a time"))
				return
			}
			from = at.Add(-overlap)
		}
		for span := end.Sub(from); from.Before(end); {
			to := from.Add(span)
			if to.After(end) {
				to = end
			}
			n, err := c.window(ctx, from, to, func(p exchange.Page) bool { return yield(p, nil) })
			var large *largeError
			switch {
			case errors.Is(err, errStopped):
				return
			case errors.As(err, &large):
				span = smaller(to.Sub(from), large.entries)
				continue
			case err != nil:
				yield(exchange.Page{}, fmt.Errorf("ncmec: %w", err))
				return
			case n < fullWindow/4:
				span *= 2
			}
			from = to
		}
	}
}

// largeError is of a window that has too many entries to be begun.
type largeError struct{ entries int }

func (e *largeError) Error() string { return fmt.Sprintf("a window of %d entries", e.entries) }

// errStopped is of a pull that nobody reads on.
var errStopped = errors.New("stopped")

// smaller is how long a window should be to have half of what is full, going
// by one that has more.
func smaller(span time.Duration, entries int) time.Duration {
	share := float64(fullWindow) / float64(2*entries)
	return max(time.Duration(float64(span)*share).Truncate(time.Second), time.Second)
}

// window gives all pages of one window of time, and says how many entries that
// were. One of more than fullWindow it does not begin, unless it is a second.
func (c *Client) window(ctx context.Context, from, to time.Time, yield func(exchange.Page) bool) (n int, err error) {
	next := "/v2/entries?" + url.Values{"from": {from.Format(time.RFC3339)}, "to": {to.Format(time.RFC3339)}}.Encode()
	fold := exchange.Fold{}
	for asked := map[string]bool{}; next != ""; {
		if asked[next] || len(asked) == maxPages {
			return n, errors.New("its pages lead round in a circle")
		}
		asked[next] = true
		var r result
		err := c.get(ctx, next, func(body io.Reader) (err error) {
			r, err = read(body)
			return err
		})
		if err != nil {
			return n, err
		}
		if left := r.left(); len(asked) == 1 && left > fullWindow && to.Sub(from) > time.Second {
			return 0, &largeError{left}
		}
		n, next = n+len(r.states), r.next
		p := fold.Page(r.states)
		p.Skipped += r.skipped
		if next == "" {
			p.Checkpoint = to.Format(time.RFC3339)
		}
		if !yield(p) {
			return n, errStopped
		}
	}
	return n, nil
}

// Send votes for or against an entry's hash: the one that is the least sure.
func (c *Client) Send(ctx context.Context, o hashlist.Opinion) error {
	member, id, ok := strings.Cut(o.Entry.ID, "-")
	kind := ""
	switch h := o.Entry.Hashes; {
	case h.PDQ != "":
		kind = "PDQ"
	case h.MD5 != "":
		kind = "MD5"
	case h.SHA1 != "":
		kind = "SHA1"
	}
	if !ok || kind == "" {
		return fmt.Errorf("ncmec: the entry did not come from there: %w", exchange.ErrNotTaken)
	}
	vote := submission{Affirmative: &struct{}{}}
	if o.Feedback.Verdict == hashlist.Denied {
		guid, err := c.reason(ctx, kind, o.Feedback.Note)
		if err != nil {
			return fmt.Errorf("ncmec: %w", err)
		}
		vote = submission{Negative: &negative{[]string{guid}}}
	}
	body, err := xml.Marshal(vote)
	if err != nil {
		return fmt.Errorf("ncmec: %w", err)
	}
	header := c.header()
	header.Set("Content-Type", "application/xml; charset=utf-8")
	err = c.Transport.Do(ctx, exchange.Request{
		Method: http.MethodPut, Header: header, Body: append([]byte(xml.Header), body...),
		Path: "/v2/entries/" + url.PathEscape(member) + "/" + url.PathEscape(id) + "/" + kind + "/feedback",
	}, exchange.Discard)
	if err != nil {
		return fmt.Errorf("ncmec: %w", err)
	}
	return nil
}

// reason is the id of a reason for a vote against a kind of hash: the one of
// that name, or the only one.
func (c *Client) reason(ctx context.Context, kind, name string) (guid string, err error) {
	var reasons []reason
	err = c.get(ctx, "/v2/feedback/"+kind+"/reasons", func(body io.Reader) (err error) {
		reasons, err = readReasons(body)
		return err
	})
	if err != nil {
		return "", err
	}
	var names []string
	for _, r := range reasons {
		if strings.EqualFold(r.Name, name) || name == "" && len(reasons) == 1 {
			return r.GUID, nil
		}
		names = append(names, fmt.Sprintf("%q", r.Name))
	}
	return "", fmt.Errorf("%w: a denial's note must be one of its reasons: %s",
		exchange.ErrNotTaken, cmp.Or(strings.Join(names, ", "), "it has none for this kind of hash"))
}

func (c *Client) get(ctx context.Context, path string, read func(io.Reader) error) error {
	return c.Transport.Do(ctx, exchange.Request{Path: path, Header: c.header()}, read)
}

func (c *Client) header() http.Header {
	return http.Header{
		"Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte(c.User+":"+c.Password))},
		"Accept":        {"application/xml"},
	}
}

// submission is a vote, in the API's schema.
type submission struct {
	XMLName     xml.Name  `xml:"https://hashsharing.ncmec.org/hashsharing/v2 feedbackSubmission"`
	Affirmative *struct{} `xml:"affirmative"`
	Negative    *negative `xml:"negative"`
}

type negative struct {
	GUIDs []string `xml:"reasonIds>guid"`
}

// whole fails unless nothing but space and comments follows in d.
func whole(d *xml.Decoder) error {
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch t := token.(type) {
		case xml.CharData:
			if len(bytes.TrimSpace(t)) > 0 {
				return errors.New("text follows the document")
			}
		case xml.Comment, xml.ProcInst:
		default:
			return errors.New("more follows the document")
		}
	}
}
