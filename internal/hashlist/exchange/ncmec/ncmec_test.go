package ncmec

import (
	"encoding/xml"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
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

// fake is a server of the protocol: it gives the entries of a window in the
// order in which they stand here.
type fake struct {
	entries  []entry
	pageSize int
	requests []string
	votes    []string
	reasons  []string
}

type entry struct {
	at   time.Time
	name string // image, deletedVideo, …
	rest string // XML
}

func image(at time.Time, id, md5 string) entry {
	return entry{at, "image", fmt.Sprintf(`<member id="42">A member</member><id>%s</id><classification>A1</classification><fingerprints><md5>%s</md5><pdna>AAECAw==</pdna></fingerprints>`, id, md5)}
}

func gone(at time.Time, id string) entry {
	return entry{at, "deletedImage", fmt.Sprintf(`<member id="42">A member</member><id>%s</id>`, id)}
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	user, password, _ := r.BasicAuth()
	if user != "somebody" || password != "se/cret" {
		http.Error(w, "who are you", http.StatusUnauthorized)
		return
	}
	f.requests = append(f.requests, r.Method+" "+r.URL.RequestURI())
	switch {
	case r.Method == http.MethodGet && r.URL.Path == "/hashsharing/v2/entries":
		f.give(w, r)
	case r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/reasons"):
		fmt.Fprint(w, `<?xml version="1.0"?><availableFeedbackReasons xmlns="https://hashsharing.ncmec.org/hashsharing/v2">`)
		for i, name := range f.reasons {
			fmt.Fprintf(w, `<reason guid="guid-%d" name="%s" type="Md5"/>`, i, name)
		}
		fmt.Fprint(w, `</availableFeedbackReasons>`)
	case r.Method == http.MethodPut:
		body, _ := io.ReadAll(r.Body)
		f.votes = append(f.votes, r.URL.Path+" "+string(body))
	default:
		http.NotFound(w, r)
	}
}

func (f *fake) give(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	from, err1 := time.Parse(time.RFC3339, q.Get("from"))
	to, err2 := time.Parse(time.RFC3339, q.Get("to"))
	if err1 != nil || err2 != nil {
		http.Error(w, "dates", http.StatusBadRequest)
		return
	}
	var within []entry
	for _, e := range f.entries {
		if !e.at.Before(from) && !e.at.After(to) {
			within = append(within, e)
		}
	}
	start, _ := strconv.Atoi(q.Get("start"))
	page := within[min(start, len(within)):min(start+f.pageSize, len(within))]
	fmt.Fprint(w, `<?xml version="1.0" encoding="UTF-8" standalone="yes"?><queryResult xmlns="https://hashsharing.ncmec.org/hashsharing/v2">`)
	for _, kind := range []string{"image", "video"} {
		fmt.Fprintf(w, `<%ss count="1" maxTimestamp="2026-11-24T00:00:00Z">`, kind)
		for _, e := range page {
			if strings.HasSuffix(strings.ToLower(e.name), kind) {
				fmt.Fprintf(w, `<%s><timestamp>%s</timestamp>%s</%s>`, e.name, e.at.Format(time.RFC3339), e.rest, e.name)
			}
		}
		fmt.Fprintf(w, `</%ss>`, kind)
	}
	if start+f.pageSize < len(within) {
		next := fmt.Sprintf("/v2/entries?from=%s&to=%s&start=%d&size=%d&max=%d",
			q.Get("from"), q.Get("to"), start+f.pageSize, f.pageSize, len(within))
		fmt.Fprintf(w, `<paging><next>%s</next></paging>`, html.EscapeString(next))
	}
	fmt.Fprint(w, `</queryResult>`)
}

func client(way *exchange.Transport) exchange.Client {
	return &Client{Transport: way, User: "somebody", Password: "se/cret", Now: func() time.Time { return now }}
}

// start serves f under the path of the real one and gives a client of it.
func start(t *testing.T, f *fake) *Client {
	t.Helper()
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	server.URL += "/hashsharing"
	return client(exchangetest.Transport(t, server, nil)).(*Client)
}

// md5 is a made-up hash.
func md5(n int) string { return fmt.Sprintf("%032x", n) }

func day(n int) time.Time { return now.AddDate(0, 0, n) }

func TestContract(t *testing.T) {
	f := &fake{pageSize: 2, entries: []entry{
		image(day(-3), "a", md5(1)), image(day(-9), "b", md5(2)), gone(day(-1), "c"),
		image(day(-2), "c", md5(3)), image(day(-2), "d", md5(4)),
	}}
	served := http.NewServeMux()
	served.Handle("/", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.URL.Path = "/hashsharing" + r.URL.Path
		f.ServeHTTP(w, r)
	}))
	exchangetest.Run(t, exchangetest.Case{
		Server: served, Client: client, Secrets: []string{"se/cret", "somebody", "c29tZWJvZHk6c2UvY3JldA=="},
		Want: []string{"42-a md5:" + md5(1) + " A1", "42-b md5:" + md5(2) + " A1", "42-d md5:" + md5(4) + " A1"},
	})
}

// Pages are in no order of time, repeat each other, and delete before they
// give: the later state of each entry counts.
func TestTheLaterStateCounts(t *testing.T) {
	c := start(t, &fake{pageSize: 2, entries: []entry{
		image(day(-5), "changed", md5(2)), gone(day(-1), "deleted"),
		image(day(-9), "changed", md5(1)), image(day(-2), "deleted", md5(3)),
		gone(day(-9), "back"), image(day(-5), "changed", md5(2)),
		image(day(-1), "back", md5(4)), image(day(-5), "changed", md5(2)),
	}})
	bank, kept, err := exchangetest.Pull(t.Context(), c, "", []hashlist.Entry{{ID: "42-deleted"}, {ID: "42-other"}})
	want := []string{"42-back md5:" + md5(4) + " A1", "42-changed md5:" + md5(2) + " A1", "42-other"}
	if err != nil || !cmp.Equal(want, exchangetest.Lines(bank)) {
		t.Errorf("%v %s", err, cmp.Diff(want, exchangetest.Lines(bank)))
	}
	if want := now.Add(-settle).Format(time.RFC3339); kept != want {
		t.Errorf("checkpoint %s, want %s", kept, want)
	}
}

// A checkpoint before the window's last page would lose what the pages after
// it have of earlier times.
func TestOnlyAWholeWindowIsACheckpoint(t *testing.T) {
	c := start(t, &fake{pageSize: 1, entries: []entry{
		image(day(-1), "a", md5(1)), image(day(-7), "b", md5(2)), image(day(-4), "c", md5(3)),
	}})
	var checkpoints []string
	for page, err := range c.Pull(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		checkpoints = append(checkpoints, page.Checkpoint)
	}
	if want := []string{"", "", now.Add(-settle).Format(time.RFC3339)}; !cmp.Equal(want, checkpoints) {
		t.Error(cmp.Diff(want, checkpoints))
	}
}

func TestTheNextSyncBeginsALittleBefore(t *testing.T) {
	f := &fake{pageSize: 10, entries: []entry{image(now.Add(-time.Hour-time.Minute), "late", md5(1)), image(day(-9), "old", md5(2))}}
	c := start(t, f)
	bank, _, err := exchangetest.Pull(t.Context(), c, now.Add(-time.Hour).Format(time.RFC3339), nil)
	if want := []string{"42-late md5:" + md5(1) + " A1"}; err != nil || !cmp.Equal(want, exchangetest.Lines(bank)) {
		t.Errorf("%v %s", err, cmp.Diff(want, exchangetest.Lines(bank)))
	}
}

// A large window is not begun, but asked for in smaller ones, each of which is
// a checkpoint.
func TestLargeWindowsAreAskedForInSmallerOnes(t *testing.T) {
	var all []entry
	for i := range 3 * fullWindow {
		all = append(all, image(now.Add(-time.Duration(i)*time.Minute), strconv.Itoa(i), md5(i)))
	}
	f := &fake{pageSize: 5000, entries: all}
	c := start(t, f)
	var checkpoints []string
	n := 0
	for page, err := range c.Pull(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		n += len(page.Upserts)
		if page.Checkpoint != "" {
			checkpoints = append(checkpoints, page.Checkpoint)
		}
	}
	if n < len(all) || n > len(all)*11/10 || len(checkpoints) < 3 || !slices.IsSorted(checkpoints) {
		t.Errorf("%d entries of %d, checkpoints %v", n, len(all), checkpoints)
	}
	if len(f.requests) > 60 {
		t.Errorf("%d requests", len(f.requests))
	}
}

func TestPagesInACircleEnd(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, `<queryResult><images/><paging><next>/v2/entries?start=1</next></paging></queryResult>`)
	}))
	defer server.Close()
	_, kept, err := exchangetest.Pull(t.Context(), client(exchangetest.Transport(t, server, nil)), "", nil)
	if err == nil || !strings.Contains(err.Error(), "circle") || kept != "" {
		t.Errorf("error %v, checkpoint %q", err, kept)
	}
}

func TestReading(t *testing.T) {
	const document = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<queryResult xmlns="https://hashsharing.ncmec.org/hashsharing/v2">
  <images count="4" maxTimestamp="2017-10-24T15:10:00Z">
    <image><member id="42">M</member><timestamp>2017-10-24T15:00:00Z</timestamp><id>doubted</id><classification>A1</classification>
      <fingerprints><md5>A1A1A1A1a1a1a1a1a1a1a1a1a1a1a1a1</md5><sha1>not a hash</sha1><pdna>…</pdna></fingerprints>
      <feedback lastUpdateTimestamp="2023-06-01T12:48:14Z">
        <negativeFeedback type="Md5"><reasons><reason guid="g" name="r" type="Md5"/><members><member id="7">N</member></members></reasons></negativeFeedback>
      </feedback></image>
    <image><member id="42">M</member><timestamp>2017-10-24T15:00:00Z</timestamp><id>affirmed</id>
      <fingerprints><md5>b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1</md5></fingerprints>
      <feedback><affirmativeFeedback type="Md5"><members><member id="8">O</member></members></affirmativeFeedback>
        <negativeFeedback type="Md5"><reasons><reason guid="g" name="r" type="Md5"/><members><member id="7">N</member></members></reasons></negativeFeedback></feedback></image>
    <image><member id="42">M</member><id>elsewhere</id><fingerprints><tmk-pdqf rel="self" href="/v2/entries/1/fingerprints/TMK_PDQF"/></fingerprints></image>
    <image><id>nobody's</id><fingerprints><md5>b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1</md5></fingerprints></image>
    <sound><member id="42">M</member><id>s</id></sound>
  </images>
  <videos count="1"><deletedVideo><member id="43">M</member><id>v</id><timestamp>2017-10-24T15:10:00Z</timestamp></deletedVideo></videos>
  <paging><next>/v2/entries?from=2017-10-20T00%3A00%3A00.000Z&amp;to=2017-10-30T00%3A00%3A00.000Z&amp;start=2001&amp;size=1000&amp;max=3000</next></paging>
</queryResult>`
	r, err := read(strings.NewReader(document))
	if err != nil {
		t.Fatal(err)
	}
	page := exchange.Fold{}.Page(r.states)
	var got []string
	for _, e := range page.Upserts {
		got = append(got, e.ID+" "+e.Hashes.MD5[:4]+" "+e.Classification)
	}
	if want := []string{"42-doubted a1a1 disputed", "42-affirmed b1b1 "}; !cmp.Equal(want, got) {
		t.Error(cmp.Diff(want, got))
	}
	if want := []string{"42-elsewhere", "43-v"}; !cmp.Equal(want, page.Removed) {
		t.Error(cmp.Diff(want, page.Removed))
	}
	if r.skipped != 2 || page.Skipped != 1 || r.left() != 4+1000 {
		t.Errorf("skipped %d and %d, left %d", r.skipped, page.Skipped, r.left())
	}
}

func TestFeedback(t *testing.T) {
	f := &fake{reasons: []string{"Not child sexual abuse", "Wrong hash"}}
	c := start(t, f)
	e := hashlist.Entry{ID: "42-an id/with a slash", Hashes: hashlist.Hashes{MD5: md5(1)}}
	if err := c.Send(t.Context(), hashlist.Opinion{Entry: e, Feedback: hashlist.Feedback{Verdict: hashlist.Confirmed}}); err != nil {
		t.Error(err)
	}
	if err := c.Send(t.Context(), hashlist.Opinion{Entry: e, Feedback: hashlist.Feedback{Verdict: hashlist.Denied, Note: "wrong hash"}}); err != nil {
		t.Error(err)
	}
	want := []string{
		`/hashsharing/v2/entries/42/an id/with a slash/MD5/feedback ` + xml.Header +
			`<feedbackSubmission xmlns="https://hashsharing.ncmec.org/hashsharing/v2"><affirmative></affirmative></feedbackSubmission>`,
		`/hashsharing/v2/entries/42/an id/with a slash/MD5/feedback ` + xml.Header +
			`<feedbackSubmission xmlns="https://hashsharing.ncmec.org/hashsharing/v2"><negative><reasonIds><guid>guid-1</guid></reasonIds></negative></feedbackSubmission>`,
	}
	if diff := cmp.Diff(want, f.votes); diff != "" {
		t.Errorf("votes (-want +got):\n%s", diff)
	}
	err := c.Send(t.Context(), hashlist.Opinion{Entry: e, Feedback: hashlist.Feedback{Verdict: hashlist.Denied, Note: "for some reason"}})
	if err == nil || !strings.Contains(err.Error(), `"Not child sexual abuse", "Wrong hash"`) {
		t.Errorf("a reason of our own: %v", err)
	}
}

// FuzzRead holds that whatever is read can be kept.
func FuzzRead(f *testing.F) {
	f.Add([]byte(`<queryResult><images><image><member id="1"/><id>x</id><timestamp>2017-10-24T15:00:00Z</timestamp><fingerprints><md5>` + md5(1) + `</md5></fingerprints></image><deletedImage><member id="1"/><id>y</id></deletedImage></images><paging><next>/v2/entries?start=1&amp;max=9</next></paging></queryResult>`))
	f.Add([]byte(`<queryResult xmlns="a"><videos><video><id/></video></videos></queryResult> x`))
	f.Add([]byte(`<!DOCTYPE a [<!ENTITY b "c">]><queryResult>&b;</queryResult>`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := read(strings.NewReader(string(data)))
		if err != nil {
			return
		}
		if r.left() < len(r.states) {
			t.Errorf("fewer left than there are: %d", r.left())
		}
		for _, e := range (exchange.Fold{}).Page(r.states).Upserts {
			if e.ID == "" || e.Hashes == (hashlist.Hashes{}) {
				t.Errorf("an entry that can't be kept: %+v", e)
			}
		}
	})
}

func FuzzReadReasons(f *testing.F) {
	f.Add([]byte(`<availableFeedbackReasons><reason guid="g" name="n"/></availableFeedbackReasons>`))
	f.Fuzz(func(_ *testing.T, data []byte) { _, _ = readReasons(strings.NewReader(string(data))) })
}
