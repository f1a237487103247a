package app_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/internal/app"
	"github.com/breakwater-project/breakwater/internal/config"
	"github.com/breakwater-project/breakwater/internal/hashlist"
	"github.com/breakwater-project/breakwater/internal/hashlist/exchange"
)

// safeBuffer is a log that is read while it is written.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// From a list that somebody else keeps to a decision here, and back: an entry
// is fetched, a copy of its picture is stopped, a person confirms it, and the
// list hears of it. No key is in a log.
func TestFromAnExchangeToADecision(t *testing.T) {
	m := pattern(31)
	hash := matching(t).pdq(t, m)
	heard := make(chan string, 1)
	list := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("x-functions-key") == "" || r.Header.Get("Ocp-Apim-Subscription-Key") != "s3cret-subscription" {
			http.Error(w, "", http.StatusUnauthorized)
			return
		}
		if r.Method == http.MethodPost {
			var b bytes.Buffer
			_, _ = b.ReadFrom(r.Body)
			heard <- b.String()
			fmt.Fprint(w, `{}`)
			return
		}
		fmt.Fprintf(w, `{"count":1,"nextPageToken":null,"nextSetTimestamp":1700000000,"hasMoreRecords":false,"hashRecords":[
			{"lastModtimestamp":1699999999,"signalType":"ImagePDQ","hashValue":%q,"hashStatus":"Active","caseNumbers":{},"CSPFeedbacks":[]}]}`, hash)
	}))
	defer list.Close()
	log := &safeBuffer{}
	s := start(t, func(c *config.Config) {
		c.Media.Deadline = c.Limits.RequestTimeout
		c.Exchanges = config.Exchanges{
			"stopncii": {Protocol: "stopncii", Bank: "ncii", URL: list.URL, Every: time.Hour,
				SubscriptionKey: "s3cret-subscription", FetchKey: "s3cret-fetch", FeedbackKey: "s3cret-feedback"},
			"broken": {Protocol: "tcap", Bank: "ncii", URL: list.URL, Every: time.Hour, User: "s3cret-user", Password: "s3cret-password"},
		}
	}, app.Options{Log: log})
	s.bank(t, "ncii", hashlist.IIA)
	status := func(name string) (st exchange.Status) {
		a := s.call(t, request{method: "GET", path: "/v1/exchanges/" + name, key: s.AdminKey})
		if err := json.Unmarshal(a.body, &st); err != nil || a.status != 200 {
			t.Fatalf("%d %s", a.status, a.body)
		}
		return st
	}
	synced := func(after time.Time) {
		t.Helper()
		if a := s.call(t, request{method: "POST", path: "/v1/exchanges/stopncii/sync", key: s.AdminKey, body: `{}`}); a.status != 202 {
			t.Fatalf("%d %s", a.status, a.body)
		}
		for !status("stopncii").Succeeded.After(after) {
			if t.Context().Err() != nil {
				t.Fatal("it is not synced")
			}
		}
	}
	synced(time.Time{})
	d := s.upload(t, "m-1", picture(copyOf(t, m)))
	if d.Outcome != decision.Hold || !slices.Contains(rules(d), "known.intimate-doubted") {
		t.Errorf("fetched: %s by %v", d.Outcome, rules(d))
	}
	path := "/v1/banks/ncii/entries/pdq:" + hash + "/feedback"
	if a := s.call(t, request{method: "POST", path: path, key: s.AdminKey, body: `{"verdict":"confirmed"}`}); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if d := s.upload(t, "m-2", picture(copyOf(t, m))); d.Outcome != decision.Block {
		t.Errorf("confirmed: %s by %v", d.Outcome, rules(d))
	}
	synced(status("stopncii").Succeeded)
	if got := <-heard; !strings.Contains(got, `"feedbackValue":"Blocked"`) || !strings.Contains(got, hash) {
		t.Errorf("heard %s", got)
	}
	for status("broken").Failed.IsZero() {
		if t.Context().Err() != nil {
			t.Fatal("it does not fail")
		}
	}
	broken := status("broken")
	all := s.call(t, request{method: "GET", path: "/v1/exchanges", key: s.AdminKey})
	if !strings.Contains(broken.Error, "401") || strings.Contains(string(all.body)+log.String(), "s3cret") || strings.Contains(string(all.body)+log.String(), list.URL) {
		t.Errorf("error %q, or a secret in %s or in the log", broken.Error, all.body)
	}
	scraped := string(s.call(t, request{method: "GET", path: "/metrics"}).body)
	for _, want := range []string{`breakwater_exchange_failures_total{exchange="broken"}`, `breakwater_exchange_synced_seconds{exchange="stopncii"}`} {
		if !strings.Contains(scraped, want) {
			t.Errorf("no metric %s", want)
		}
	}
	if !strings.Contains(log.String(), "broken") {
		t.Error("the log says nothing of the one that fails")
	}
}
