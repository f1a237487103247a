package exchange_test

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/breakwater-project/breakwater/internal/hashlist/exchange"
	"github.com/breakwater-project/breakwater/internal/keys"
	"github.com/breakwater-project/breakwater/internal/web"
)

func TestExchangesOverHTTP(t *testing.T) {
	each(t, func(t *testing.T, x *fixture) {
		api := web.New(web.Options{Authenticate: func(context.Context, string) (keys.Principal, error) {
			return keys.Principal{ID: "k", Roles: []keys.Role{keys.Compliance}}, nil
		}})
		x.exchanges(exchange.Options{}).Routes(api)
		ask := func(method, path string) (int, string) {
			body := ""
			if method == "POST" {
				body = "{}"
			}
			r := httptest.NewRequest(method, path, strings.NewReader(body))
			r.Header.Set("Authorization", "Bearer k")
			w := httptest.NewRecorder()
			api.ServeHTTP(w, r)
			return w.Code, w.Body.String()
		}
		x.client.pages = []exchange.Page{{Upserts: entries(0, 2), Checkpoint: "one"}}
		x.client.err = &exchange.StatusError{Status: 500}
		if _, err := x.sync(t); err == nil {
			t.Fatal("no error")
		}
		status, body := ask("GET", "/v1/exchanges")
		var list struct{ Exchanges []exchange.Status }
		if err := json.Unmarshal([]byte(body), &list); err != nil || status != 200 || len(list.Exchanges) != 1 {
			t.Fatalf("%d %s: %v", status, body, err)
		}
		s := list.Exchanges[0]
		if s.Name != "hotline" || s.Protocol != "ncmec" || s.Bank != "known" || s.Cursor != "one" || !strings.Contains(s.Error, "500") || s.Counts.Added != 2 {
			t.Errorf("%+v", s)
		}
		if status, body := ask("GET", "/v1/exchanges/hotline"); status != 200 || !strings.Contains(body, `"cursor":"one"`) {
			t.Errorf("%d %s", status, body)
		}
		if status, body := ask("POST", "/v1/exchanges/hotline/sync"); status != 202 || !strings.Contains(body, `"due":"2026-11-24T10:00:00Z"`) {
			t.Errorf("%d %s", status, body)
		}
		for _, path := range []string{"/v1/exchanges/other", "/v1/exchanges/other/sync"} {
			method := "GET"
			if strings.HasSuffix(path, "/sync") {
				method = "POST"
			}
			if status, _ := ask(method, path); status != 404 {
				t.Errorf("%s: %d", path, status)
			}
		}
	})
}
