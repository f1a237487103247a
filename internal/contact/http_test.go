package contact_test

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/breakwater-project/breakwater/internal/contact"
	"github.com/breakwater-project/breakwater/internal/db"
	"github.com/breakwater-project/breakwater/internal/keys"
	"github.com/breakwater-project/breakwater/internal/web"
)

func TestBlocksOverHTTP(t *testing.T) {
	each(t, func(t *testing.T, _ *db.DB, b *contact.Blocks, _ *time.Time) {
		role := keys.Platform
		api := web.New(web.Options{Authenticate: func(context.Context, string) (keys.Principal, error) {
			return keys.Principal{ID: "k", Roles: []keys.Role{role}}, nil
		}})
		b.Routes(api)
		call := func(method, path, body string) (int, string) {
			r := httptest.NewRequest(method, path, strings.NewReader(body))
			r.Header.Set("Authorization", "Bearer k")
			w := httptest.NewRecorder()
			api.ServeHTTP(w, r)
			return w.Code, strings.TrimSpace(w.Body.String())
		}
		for _, step := range []struct{ method, path, body, want string }{
			{"GET", "/v1/accounts/u-1/blocks", "", `{"unknown":"off","accounts":[]}`},
			{"PUT", "/v1/accounts/u-1/blocks/u-7", `{"mode":"block"}`, `{"id":"u-7","mode":"block","since":"2026-11-24T10:00:00Z"}`},
			{"PUT", "/v1/accounts/u-1/blocks/u-7", `{"mode":"mute"}`, `{"id":"u-7","mode":"mute","since":"2026-11-24T10:00:00Z"}`},
			{"PUT", "/v1/accounts/u-1/blocks", `{"unknown":"mute"}`, `{"unknown":"mute","accounts":[{"id":"u-7","mode":"mute","since":"2026-11-24T10:00:00Z"}]}`},
			{"GET", "/v1/accounts/u-7/blocks", "", `{"unknown":"off","accounts":[]}`},
			{"DELETE", "/v1/accounts/u-1/blocks/u-7", "", `{"id":"u-7","mode":"off","since":"2026-11-24T10:00:00Z"}`},
			{"DELETE", "/v1/accounts/u-1/blocks/u-7", "", `{"id":"u-7","mode":"off","since":"2026-11-24T10:00:00Z"}`},
			{"GET", "/v1/accounts/u-1/blocks", "", `{"unknown":"mute","accounts":[]}`},
			{"PUT", "/v1/accounts/u%2F1/blocks/u%2F7", `{"mode":"block"}`, `{"id":"u/7","mode":"block","since":"2026-11-24T10:00:00Z"}`},
		} {
			if status, got := call(step.method, step.path, step.body); status != 200 || got != step.want {
				t.Errorf("%s %s %s: %d %s, want %s", step.method, step.path, step.body, status, got, step.want)
			}
		}
		for _, refused := range []struct{ path, body, location string }{
			{"/v1/accounts/u-1/blocks/u-1", `{"mode":"block"}`, "other"},
			{"/v1/accounts/u-1/blocks/u-7", `{"mode":"off"}`, "mode"},
			{"/v1/accounts/u-1/blocks/u-7", `{}`, "mode"},
			{"/v1/accounts/u-1/blocks/u-7", `{"mode":"block","why":"x"}`, "why"},
			{"/v1/accounts/u-1/blocks", `{"unknown":"yes"}`, "unknown"},
			{"/v1/accounts/u-1/blocks/u%007", `{"mode":"block"}`, "other"},
		} {
			if status, got := call("PUT", refused.path, refused.body); status != 422 || !strings.Contains(got, refused.location) {
				t.Errorf("%s %s: %d %s, want 422 and %q named", refused.path, refused.body, status, got, refused.location)
			}
		}
		for _, role = range keys.Roles() {
			status, _ := call("GET", "/v1/accounts/u-1/blocks", "")
			if may := role == keys.Platform || role == keys.Admin; (status == 200) != may {
				t.Errorf("%s: %d", role, status)
			}
		}
	})
}
