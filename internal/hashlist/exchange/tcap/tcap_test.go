package tcap

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/breakwater-project/breakwater/internal/hashlist"
	"github.com/breakwater-project/breakwater/internal/hashlist/exchange"
	"github.com/breakwater-project/breakwater/internal/hashlist/exchange/exchangetest"
)

// fake is a server of the protocol: pages by the checkpoint that leads to
// them, each with the one after it.
type fake map[string]page

type page struct {
	checkpoint string
	last       bool
	results    []string
}

func (f fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method == http.MethodPost && r.URL.Path == "/token-auth/tcap/":
		if r.PostFormValue("username") != "somebody" || r.PostFormValue("password") != "se/cret" {
			http.Error(w, `{"error":"who are you"}`, http.StatusUnauthorized)
			return
		}
		fmt.Fprint(w, `{"token":"t0ken","user":{}}`)
	case r.Header.Get("Authorization") != "Bearer t0ken" || r.URL.Query().Get("order") != "asc":
		http.Error(w, `{"error":"who are you"}`, http.StatusUnauthorized)
	default:
		p, next := f[r.URL.Query().Get("after")], "null"
		if !p.last {
			next = `"limit=1&offset=1"`
		}
		fmt.Fprintf(w, `{"count":9,"next":%s,"previous":null,"checkpoint":%q,"results":[%s]}`, next, p.checkpoint, strings.Join(p.results, ","))
	}
}

func client(way *exchange.Transport) exchange.Client {
	return &Client{Transport: way, User: "somebody", Password: "se/cret"}
}

func start(t *testing.T, h http.Handler) *Client {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return client(exchangetest.Transport(t, server, nil)).(*Client)
}

func pdq(n int) string { return fmt.Sprintf("%064x", n) }

func said(updated float64, id int, hash string, deleted bool) string {
	return fmt.Sprintf(`{"id":%d,"hash_digest":%q,"algorithm":"PDQ","ideology":"far-right","file_type":"jpg","deleted":%v,"updated_on":%v,"created_on":"x"}`, id, hash, deleted, updated)
}

func TestContract(t *testing.T) {
	exchangetest.Run(t, exchangetest.Case{
		Server: fake{
			"":    {checkpoint: "2,2", results: []string{said(1, 1, pdq(1), false), said(2, 2, pdq(2), false)}},
			"2,2": {checkpoint: "4,2", last: true, results: []string{said(3, 3, pdq(3), false), said(4, 2, pdq(2), true)}},
		},
		Client: client, Secrets: []string{"se/cret", "somebody", "t0ken"},
		Want: []string{"1 pdq:" + pdq(1) + " far-right", "3 pdq:" + pdq(3) + " far-right"},
	})
}

// Pages out of order: the later state counts, and no page leads back.
func TestOutOfOrder(t *testing.T) {
	c := start(t, fake{
		"5,1": {checkpoint: "9,9", results: []string{said(9.5, 2, "", true)}},
		"9,9": {checkpoint: "7,7", results: []string{said(7, 2, pdq(2), false), `{"id":null}`, `"x"`}},
		"7,7": {checkpoint: "9,10", last: true, results: []string{
			`{"id":4,"hash_digest":"` + pdq(4)[:32] + `","algorithm":"MD5","file_type":"mp4"}`,
			`{"id":5,"hash_digest":"?","algorithm":"TMK","file_type":"mp4"}`,
		}},
	})
	bank, kept, err := exchangetest.Pull(t.Context(), c, "5,1", []hashlist.Entry{{ID: "2"}, {ID: "5"}, {ID: "6"}})
	want := []string{"4 md5:" + pdq(4)[:32], "6"}
	if err != nil || kept != "9,10" || !cmp.Equal(want, exchangetest.Lines(bank)) {
		t.Errorf("%v %q %s", err, kept, cmp.Diff(want, exchangetest.Lines(bank)))
	}
}

func TestPagesThatLeadNowhere(t *testing.T) {
	for name, f := range map[string]fake{
		"a circle":      {"": {checkpoint: "1,1"}, "1,1": {checkpoint: "1,1"}},
		"no checkpoint": {"": {}},
	} {
		if _, _, err := exchangetest.Pull(t.Context(), start(t, f), "", nil); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// FuzzRead holds that whatever is read can be kept.
func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"next":null,"checkpoint":"1,2","results":[` + said(1, 1, pdq(1), false) + `,7,null]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := read(strings.NewReader(string(data)))
		if err != nil {
			return
		}
		states, skipped := statesOf(a.Results)
		if len(states)+skipped != len(a.Results) {
			t.Errorf("%d states and %d skipped of %d", len(states), skipped, len(a.Results))
		}
		for _, e := range (exchange.Fold{}).Page(states).Upserts {
			if e.ID == "" || e.Hashes == (hashlist.Hashes{}) {
				t.Errorf("an entry that can't be kept: %+v", e)
			}
		}
	})
}
