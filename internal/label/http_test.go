package label_test

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/breakwater-project/breakwater/internal/db"
	"github.com/breakwater-project/breakwater/internal/keys"
	"github.com/breakwater-project/breakwater/internal/label"
	"github.com/breakwater-project/breakwater/internal/web"
)

func TestLabelsOverHTTP(t *testing.T) {
	each(t, func(t *testing.T, _ *db.DB, l *label.Labels, now *time.Time) {
		role := keys.Platform
		api := web.New(web.Options{Authenticate: func(context.Context, string) (keys.Principal, error) {
			return keys.Principal{ID: "k", Roles: []keys.Role{role}}, nil
		}})
		l.Routes(api)
		post := func(body string) (int, string) {
			r := httptest.NewRequest("POST", "/v1/labels", strings.NewReader(body))
			r.Header.Set("Authorization", "Bearer k")
			w := httptest.NewRecorder()
			api.ServeHTTP(w, r)
			return w.Code, w.Body.String()
		}
		for _, body := range []string{
			`{"content":"p-1","kind":"news","source":"trust-team"}`,
			`{"content":"p-1","kind":"news","source":"trust-team"}`,
			`{"account":"u-1","kind":"verified-creator","source":"trust-team","expires":"2026-11-24T11:00:00Z"}`,
		} {
			if status, got := post(body); status != 200 || strings.TrimSpace(got) != body {
				t.Errorf("%s: %d %s", body, status, got)
			}
		}
		if got, want := of(t, l, "u-1", "p-1"), []string{"actor:verified-creator", "content:news"}; !cmp.Equal(want, got) {
			t.Error(cmp.Diff(want, got))
		}
		*now = start.Add(time.Hour)
		if got, want := of(t, l, "u-1", "p-1"), []string{"content:news"}; !cmp.Equal(want, got) {
			t.Error(cmp.Diff(want, got))
		}
		if status, _ := post(`{"content":"p-1","kind":"news","source":"trust-team","expires":"2026-11-24T10:00:00Z"}`); status != 200 || of(t, l, "", "p-1") != nil {
			t.Errorf("taken back: %d, %v", status, of(t, l, "", "p-1"))
		}
		for body, location := range map[string]string{
			`{"kind":"news","source":"team"}`:                               "content",
			`{"content":"p","account":"u","kind":"news","source":"team"}`:   "content",
			`{"content":"p","source":"team"}`:                               "kind",
			`{"content":"p","kind":"News!","source":"team"}`:                "kind",
			`{"content":"p","kind":"news"}`:                                 "source",
			`{"content":"p","kind":"news","source":"rule:a.b"}`:             "source",
			`{"content":"p","kind":"news","source":"team","expires":"no"}`:  "expires",
			`{"content":"p","kind":"news","source":"team","colour":"blue"}`: "colour",
			`{"content":"p\u0000","kind":"news","source":"team"}`:           "content",
		} {
			if status, got := post(body); status != 422 || !strings.Contains(got, `"location":"`+location+`"`) {
				t.Errorf("%s: %d %s, want 422 and %q named", body, status, got, location)
			}
		}
		for _, role = range keys.Roles() {
			status, _ := post(`{"content":"p-2","kind":"news","source":"team"}`)
			if may := role == keys.Platform || role == keys.Admin; (status == 200) != may {
				t.Errorf("%s: %d", role, status)
			}
		}
	})
}
