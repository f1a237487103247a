package stopncii

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/breakwater-project/breakwater/internal/hashlist"
	"github.com/breakwater-project/breakwater/internal/hashlist/exchange"
	"github.com/breakwater-project/breakwater/internal/hashlist/exchange/exchangetest"
)

// fake is a server of the protocol. It gives the records in the order in
// which they stand here.
type fake struct {
	records  []string // JSON
	pageSize int
	since    []string // of each request
	sent     []string
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	key := map[string]string{"/FetchHashes": "fetch-key", "/SubmitFeedback": "feedback-key"}[r.URL.Path]
	switch {
	case r.Header.Get("Ocp-Apim-Subscription-Key") != "subscription" || r.Header.Get("x-functions-key") != key:
		http.Error(w, "who are you", http.StatusUnauthorized)
	case r.Method == http.MethodPost:
		body, _ := io.ReadAll(r.Body)
		f.sent = append(f.sent, string(body))
		fmt.Fprint(w, "{}")
	default:
		f.since = append(f.since, r.URL.Query().Get("startTimestamp"))
		start, _ := strconv.Atoi(strings.TrimPrefix(r.URL.Query().Get("nextPageToken"), "token-"))
		end := min(start+f.pageSize, len(f.records))
		more, token := end < len(f.records), "null"
		if more {
			token = fmt.Sprintf(`"token-%d"`, end)
		}
		fmt.Fprintf(w, `{"count":%d,"nextPageToken":%s,"nextSetTimestamp":%d,"hasMoreRecords":%v,"hashRecords":[%s]}`,
			end-start, token, 1_700_000_000+end, more, strings.Join(f.records[start:end], ","))
	}
}

func client(way *exchange.Transport) exchange.Client {
	return &Client{Transport: way, Subscription: "subscription", FetchKey: "fetch-key", FeedbackKey: "feedback-key"}
}

func start(t *testing.T, f *fake) *Client {
	t.Helper()
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	return client(exchangetest.Transport(t, server, nil)).(*Client)
}

func pdq(n int) string { return fmt.Sprintf("%064x", n) }

func image(modified, n int, status string, feedback ...string) string {
	var said []map[string]any
	for _, value := range feedback {
		said = append(said, map[string]any{"source": "a platform", "feedbackValue": value, "tags": []string{}})
	}
	text, _ := json.Marshal(said)
	return fmt.Sprintf(`{"lastModtimestamp":%d,"signalType":"ImagePDQ","hashValue":%q,"hashStatus":%q,"caseNumbers":{"u":"Active"},"CSPFeedbacks":%s}`,
		modified, pdq(n), status, text)
}

func TestContract(t *testing.T) {
	exchangetest.Run(t, exchangetest.Case{
		Server: &fake{pageSize: 2, records: []string{
			image(5, 1, "Active"), image(9, 2, "Withdrawn"), image(7, 2, "Active"),
			image(7, 3, "Active", "Blocked"), image(8, 3, "Active", "NotBlocked", "Blocked"), image(9, 4, "Received", "NotBlocked"),
		}},
		Client: client, Secrets: []string{"subscription", "fetch-key"},
		Want: []string{
			"pdq:" + pdq(1) + " pdq:" + pdq(1) + " unverified",
			"pdq:" + pdq(3) + " pdq:" + pdq(3) + " blocked",
			"pdq:" + pdq(4) + " pdq:" + pdq(4) + " disputed",
		},
	})
}

// Withdrawn and deleted hashes go, whatever the order of pages; a record that
// can't be read is passed over.
func TestRecords(t *testing.T) {
	f := &fake{pageSize: 3, records: []string{
		image(9, 1, "Withdrawn"), image(9, 2, "Deleted"), image(3, 1, "Active"),
		`{"lastModtimestamp":1,"signalType":"VideoMD5","hashValue":"ABCDEF00112233445566778899aabbcc","hashStatus":"Active"}`,
		`{"lastModtimestamp":"2","signalType":"URL","hashValue":"https://example.org/x","hashStatus":"New Status"}`,
		`{"lastModtimestamp":1,"signalType":"VideoTMK","hashValue":"x","hashStatus":"Active"}`,
		`{"lastModtimestamp":1,"signalType":"ImagePDQ","hashValue":"too short","hashStatus":"Active"}`,
		`{"lastModtimestamp":[],"signalType":"ImagePDQ"}`, `7`, `null`,
	}}
	c := start(t, f)
	before := []hashlist.Entry{{ID: "pdq:" + pdq(1)}, {ID: "pdq:" + pdq(2)}, {ID: "pdq:" + pdq(7)}}
	bank, kept, err := exchangetest.Pull(t.Context(), c, "1600000000", before)
	want := []string{
		"md5:abcdef00112233445566778899aabbcc md5:abcdef00112233445566778899aabbcc unverified",
		"pdq:" + pdq(7),
		"url:https://example.org/x url:https://example.org/x unverified",
	}
	if err != nil || !cmp.Equal(want, exchangetest.Lines(bank)) {
		t.Errorf("%v %s", err, cmp.Diff(want, exchangetest.Lines(bank)))
	}
	if kept != "1700000010" || f.since[0] != "1600000000" {
		t.Errorf("checkpoint %s after %v", kept, f.since)
	}
}

func TestOnlyTheLastPageIsACheckpoint(t *testing.T) {
	c := start(t, &fake{pageSize: 1, records: []string{image(1, 1, "Active"), image(2, 2, "Active")}})
	var checkpoints []string
	for page, err := range c.Pull(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		checkpoints = append(checkpoints, page.Checkpoint)
	}
	if want := []string{"", "1700000002"}; !cmp.Equal(want, checkpoints) {
		t.Error(cmp.Diff(want, checkpoints))
	}
}

func TestPagesThatLeadNowhere(t *testing.T) {
	for name, body := range map[string]string{
		"a circle":       `{"hasMoreRecords":true,"nextSetTimestamp":11,"nextPageToken":"same","hashRecords":[]}`,
		"no token":       `{"hasMoreRecords":true,"nextSetTimestamp":11,"hashRecords":[]}`,
		"a wrong type":   `{"hasMoreRecords":"yes","nextSetTimestamp":11,"hashRecords":[]}`,
		"a wrong value":  `{"hasMoreRecords":false,"nextSetTimestamp":"soon","hashRecords":[]}`,
		"another object": `{"error":"quota"}`,
		"trailing data":  `{"nextSetTimestamp":11,"hashRecords":[]} {`,
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) }))
			defer server.Close()
			_, kept, err := exchangetest.Pull(t.Context(), client(exchangetest.Transport(t, server, nil)), "", nil)
			if err == nil || kept != "" {
				t.Errorf("error %v, checkpoint %q", err, kept)
			}
		})
	}
}

func TestFeedback(t *testing.T) {
	f := &fake{}
	c := start(t, f)
	e := hashlist.Entry{ID: "pdq:" + pdq(1), Hashes: hashlist.Hashes{PDQ: pdq(1)}}
	for _, verdict := range []hashlist.Verdict{hashlist.Confirmed, hashlist.Denied} {
		if err := c.Send(t.Context(), hashlist.Opinion{Entry: e, Feedback: hashlist.Feedback{Verdict: verdict}}); err != nil {
			t.Error(err)
		}
	}
	want := []string{
		`{"count":1,"hashFeedbacks":[{"feedbackValue":"Blocked","hashValue":"` + pdq(1) + `","tags":[]}]}` + "\n",
		`{"count":1,"hashFeedbacks":[{"feedbackValue":"NotBlocked","hashValue":"` + pdq(1) + `","tags":[]}]}` + "\n",
	}
	if diff := cmp.Diff(want, f.sent); diff != "" {
		t.Errorf("sent (-want +got):\n%s", diff)
	}
}

// FuzzRecords holds that whatever is read can be kept.
func FuzzRecords(f *testing.F) {
	f.Add([]byte(image(1, 1, "Active", "Blocked")))
	f.Add([]byte(`{"signalType":"URL","hashValue":" ","lastModtimestamp":1e400}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		states, skipped := read([]json.RawMessage{data})
		if len(states)+skipped != 1 {
			t.Fatalf("%d states, %d skipped", len(states), skipped)
		}
		for _, s := range states {
			if s.Entry.ID == "" || s.Entry.Hashes == (hashlist.Hashes{}) {
				t.Errorf("an entry that can't be kept: %+v", s.Entry)
			}
		}
	})
}
