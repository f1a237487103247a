package threatexchange

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/breakwater-project/breakwater/internal/hashlist"
	"github.com/breakwater-project/breakwater/internal/hashlist/exchange"
	"github.com/breakwater-project/breakwater/internal/hashlist/exchange/exchangetest"
)

var now = time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)

const token = "12345678|s3cr3t"

// fake is a server of the protocol: it gives the updates from start_time on,
// in the order in which they stand here.
type fake struct {
	updates  []stored
	pageSize int
	asked    []url.Values
	posted   []string
}

type stored struct {
	at   int64
	rest string // JSON
}

func known(at int64, id, indicator string) stored { return said(at, id, indicator, "MALICIOUS", "") }

func said(at int64, id, indicator, status, reactions string) stored {
	return stored{at, fmt.Sprintf(`"id":%q,"type":"HASH_PDQ","indicator":%q,"should_delete":false,`+
		`"descriptors":{"data":[{"id":"77","owner":{"id":"9"},"status":%q,"tags":{"data":[{"id":"1","text":"t"}]}%s}]}`, id, indicator, status, reactions)}
}

func gone(at int64, id string) stored {
	return stored{at, fmt.Sprintf(`"id":%q,"should_delete":true`, id)}
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer "+token || r.URL.Query().Has("access_token") {
		http.Error(w, `{"error":{"message":"who are you"}}`, http.StatusBadRequest)
		return
	}
	if r.Method == http.MethodPost {
		_ = r.ParseForm()
		f.posted = append(f.posted, r.URL.Path+" "+r.PostForm.Encode())
		return
	}
	q := r.URL.Query()
	f.asked = append(f.asked, q)
	from, _ := strconv.ParseInt(q.Get("start_time"), 10, 64)
	var within []string
	for _, u := range f.updates {
		if u.at >= from {
			within = append(within, fmt.Sprintf(`{"last_updated":%d,%s}`, u.at, u.rest))
		}
	}
	start, _ := strconv.Atoi(q.Get("after"))
	end := min(start+f.pageSize, len(within))
	next := ""
	if end < len(within) {
		q.Set("after", strconv.Itoa(end))
		q.Set("access_token", token)
		next = fmt.Sprintf(`,"paging":{"cursors":{},"next":"https://graph.facebook.com%s?%s"}`, r.URL.Path, q.Encode())
	}
	fmt.Fprintf(w, `{"data":[%s]%s}`, strings.Join(within[start:end], ","), next)
}

func client(way *exchange.Transport) exchange.Client {
	return &Client{Transport: way, Group: "4711", Token: token, Now: func() time.Time { return now }}
}

func start(t *testing.T, f *fake) *Client {
	t.Helper()
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	return client(exchangetest.Transport(t, server, nil)).(*Client)
}

func pdq(n int) string { return fmt.Sprintf("%064x", n) }

func TestContract(t *testing.T) {
	exchangetest.Run(t, exchangetest.Case{
		Server: &fake{pageSize: 2, updates: []stored{
			known(10, "1", pdq(1)), known(11, "2", pdq(2)), gone(12, "2"), known(12, "3", pdq(3)), known(14, "1", pdq(1)),
		}},
		Client: client, Secrets: []string{token, "s3cr3t"},
		Want: []string{"1 pdq:" + pdq(1), "3 pdq:" + pdq(3)},
	})
}

func TestOpinions(t *testing.T) {
	const helpful, disagrees = `,"reactions":[{"key":"HELPFUL","value":"20,21"}]`, `,"reactions":[{"key":"DISAGREE_WITH_TAGS","value":"20"}]`
	c := start(t, &fake{pageSize: 100, updates: []stored{
		said(1, "1", pdq(1), "MALICIOUS", helpful),
		said(1, "2", pdq(2), "MALICIOUS", disagrees),
		said(1, "3", pdq(3), "UNKNOWN", ""),
		said(1, "4", pdq(4), "UNKNOWN", helpful),
		said(1, "5", pdq(5), "NON_MALICIOUS", ""),
		said(1, "6", pdq(6), "UNKNOWN", disagrees),
		{1, `"id":"7","type":"HASH_PDQ","indicator":"` + pdq(7) + `"`},
		{1, `"id":"8","type":"HASH_PDQ","indicator":"` + pdq(8) + `","descriptors":{"data":[]}`},
		{1, `"id":9,"type":"URI","indicator":"https://example.org/","descriptors":{"data":[{"id":1,"owner":{"id":2},"status":"MALICIOUS"}]}`},
		{1, `"id":"10","type":"HASH_PDQ_OCR","indicator":"x","descriptors":{"data":[{"id":1,"owner":{"id":2},"status":"MALICIOUS"}]}`},
		{1, `"id":{},"type":"HASH_PDQ"`},
		said(1, "11", "not a hash", "MALICIOUS", ""), // what it was before stands
	}})
	before := []hashlist.Entry{{ID: "5"}, {ID: "6"}, {ID: "7"}, {ID: "8"}, {ID: "11", Hashes: hashlist.Hashes{PDQ: pdq(11)}}}
	bank, _, err := exchangetest.Pull(t.Context(), c, "", before)
	want := []string{
		"1 pdq:" + pdq(1), "11 pdq:" + pdq(11), "2 pdq:" + pdq(2) + " disputed", "3 pdq:" + pdq(3) + " unverified", "4 pdq:" + pdq(4),
		"9 url:https://example.org/",
	}
	if err != nil || !cmp.Equal(want, exchangetest.Lines(bank)) {
		t.Errorf("%v %s", err, cmp.Diff(want, exchangetest.Lines(bank)))
	}
}

// pages are the checkpoints of a pull, and whether it was of the whole list.
func pages(t *testing.T, c *Client, checkpoint string) (checkpoints []string, whole bool) {
	t.Helper()
	for page, err := range c.Pull(t.Context(), checkpoint) {
		if err != nil {
			t.Fatal(err)
		}
		checkpoints, whole = append(checkpoints, page.Checkpoint), whole || page.Whole
	}
	return checkpoints, whole
}

func at(update int64) string { return fmt.Sprintf("%d %d", update, now.Unix()) }

func TestCheckpoints(t *testing.T) {
	ordered := []stored{known(10, "1", pdq(1)), known(11, "2", pdq(2)), known(12, "3", pdq(3))}
	c := start(t, &fake{pageSize: 1, updates: ordered})
	if got, whole := pages(t, c, ""); whole || !cmp.Equal([]string{at(10), at(11), at(12)}, got) {
		t.Errorf("in order: %v, whole %v", got, whole)
	}
	f := &fake{pageSize: 1, updates: ordered}
	if got, whole := pages(t, start(t, f), at(12)); whole || !cmp.Equal([]string{at(12), at(12)}, got) || f.asked[0].Get("start_time") != "11" {
		t.Errorf("going on: %v, whole %v, asked %v", got, whole, f.asked[0])
	}
	c = start(t, &fake{pageSize: 1, updates: []stored{ordered[1], ordered[0], ordered[2]}})
	if got, _ := pages(t, c, ""); !cmp.Equal([]string{at(11), "", at(12)}, got) {
		t.Errorf("out of order: %v", got)
	}
	// Deletions are not told for ever: after a long silence the list comes
	// anew, and is no checkpoint before its end.
	f = &fake{pageSize: 1, updates: ordered}
	old := fmt.Sprintf("12 %d", now.Add(-29*24*time.Hour).Unix())
	if got, whole := pages(t, start(t, f), old); !whole || !cmp.Equal([]string{"", "", at(12)}, got) || f.asked[0].Get("start_time") != "0" {
		t.Errorf("stale: %v, whole %v", got, whole)
	}
}

// A list that has nothing new keeps its checkpoint fresh.
func TestNothingNew(t *testing.T) {
	c := start(t, &fake{pageSize: 1})
	if got, whole := pages(t, c, fmt.Sprintf("12 %d", now.Add(-time.Hour).Unix())); whole || !cmp.Equal([]string{at(12)}, got) {
		t.Errorf("%v, whole %v", got, whole)
	}
}

func TestFeedback(t *testing.T) {
	f := &fake{}
	c := start(t, f)
	e := hashlist.Entry{ID: "1", Note: "descriptor 77"}
	for _, verdict := range []hashlist.Verdict{hashlist.Confirmed, hashlist.Denied} {
		if err := c.Send(t.Context(), hashlist.Opinion{Entry: e, Feedback: hashlist.Feedback{Verdict: verdict}}); err != nil {
			t.Error(err)
		}
	}
	if want := []string{"/77 reactions=HELPFUL", "/77 reactions=DISAGREE_WITH_TAGS"}; !cmp.Equal(want, f.posted) {
		t.Error(cmp.Diff(want, f.posted))
	}
	if err := c.Send(t.Context(), hashlist.Opinion{Entry: hashlist.Entry{Note: "descriptor ../me"}}); err == nil {
		t.Error("a note of our own is sent")
	}
}

// FuzzRead holds that whatever is read can be kept, and the token is in none
// of it.
func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"data":[{"id":"1","type":"HASH_PDQ","indicator":"` + pdq(1) + `","last_updated":1,"descriptors":{"data":[{"id":"1","owner":{"id":"2"},"status":"MALICIOUS","reactions":[{"key":"HELPFUL","value":"1,2"}]}]}}],"paging":{"next":"https://x/?after=1&access_token=t"}}`))
	f.Add([]byte(`{"data":[7,null,{}],"paging":{"next":"%"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		states, next, skipped, err := read(strings.NewReader(string(data)))
		if err != nil {
			return
		}
		if next.Has("access_token") || skipped < 0 {
			t.Errorf("next %v, skipped %d", next, skipped)
		}
		for _, e := range (exchange.Fold{}).Page(states).Upserts {
			if e.ID == "" || e.Hashes == (hashlist.Hashes{}) {
				t.Errorf("an entry that can't be kept: %+v", e)
			}
		}
	})
}
