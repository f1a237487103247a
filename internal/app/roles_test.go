package app_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"github.com/breakwater-project/breakwater/internal/app"
	"github.com/breakwater-project/breakwater/internal/keys"
	"github.com/breakwater-project/breakwater/internal/web"
)

// operations are all that the documents describe, by "METHOD /path".
func (s *server) operations() map[string]*huma.Operation {
	all := map[string]*huma.Operation{}
	for path, item := range s.API().OpenAPI().Paths {
		for method, op := range map[string]*huma.Operation{
			"GET": item.Get, "POST": item.Post, "PUT": item.Put, "PATCH": item.Patch, "DELETE": item.Delete,
		} {
			if op != nil {
				all[method+" "+path] = op
			}
		}
	}
	return all
}

// public are the operations that need no key.
var public = []string{
	"GET /.well-known/private-token-issuer-directory", "GET /healthz", "GET /metrics", "GET /readyz",
	"GET /v1/age/practice-statement", "POST /v1/age/webhooks/{provider}", // providers sign
	"GET /v1/age/requests/{id}", "POST /v1/age/dcapi/{id}", "POST /v1/age/openid4vp/{id}", // for wallets: the id is the authority
	"GET /v1/support",           // who needs help may not be logged in
	"POST /v1/age/tokens/issue", // the grant in the body is the authority
}

// Who may do what, for every operation that is registered: nobody without a
// key, nobody with another role, everybody with a role of the operation, and
// admins everything but what is kept from them.
func TestRolesOfEveryRoute(t *testing.T) {
	s := start(t, nil, app.Options{})
	byRole := map[keys.Role]string{}
	for _, role := range keys.Roles() {
		byRole[role] = s.key(t, role)
	}
	revoked, key, err := s.Keys.Create(t.Context(), "revoked", []keys.Role{keys.Admin})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Keys.Revoke(t.Context(), revoked.ID); err != nil {
		t.Fatal(err)
	}
	var open []string
	for name, op := range s.operations() {
		method, path, _ := strings.Cut(name, " ")
		r := request{method: method, path: strings.NewReplacer("{id}", "x", "{", "", "}", "").Replace(path)}
		if op.RequestBody != nil {
			r.body = `{}`
		}
		status := func(key string) int {
			r.key = key
			return s.call(t, r).status
		}
		roles, _ := op.Extensions["x-roles"].([]keys.Role)
		own, _ := op.Metadata["breakwater"].(web.Operation)
		if len(op.Security) == 0 {
			open = append(open, name)
			if got := status(""); got == http.StatusUnauthorized || got == http.StatusForbidden || got >= 500 {
				t.Errorf("%s is public and answers %d", name, got)
			}
			continue
		}
		for what, key := range map[string]string{"no key": "", "an unknown key": "bw_00000000_" + strings.Repeat("0", 43), "a revoked key": key, "nonsense": "x"} {
			if got := status(key); got != http.StatusUnauthorized {
				t.Errorf("%s with %s: %d, want 401", name, what, got)
			}
		}
		for role, key := range byRole {
			may := slices.Contains(roles, role) || role == keys.Admin && !own.Only
			got := status(key)
			if refused := got == http.StatusForbidden; refused == may || got == http.StatusUnauthorized || got >= 500 {
				t.Errorf("%s as %s: %d, and the role may: %t", name, role, got, may)
			}
		}
	}
	slices.Sort(open)
	slices.Sort(public)
	if !slices.Equal(open, public) {
		t.Errorf("without a key are %v, want %v", open, public)
	}
}

// The key is taken from the Authorization header only, however it is written.
func TestKeyInHeaderOnly(t *testing.T) {
	s := start(t, nil, app.Options{})
	const path = "/v1/decisions/d_0000000000000"
	for _, r := range []request{
		{path: path + "?key=" + s.AdminKey},
		{path: path, header: map[string]string{"X-Api-Key": s.AdminKey}},
		{path: path, header: map[string]string{"Cookie": "key=" + s.AdminKey}},
		{path: path, header: map[string]string{"Authorization": s.AdminKey}},
		{path: path, header: map[string]string{"Authorization": "Basic " + s.AdminKey}},
	} {
		r.method = "GET"
		a := s.call(t, r)
		a.problem(t, http.StatusUnauthorized)
		if a.header.Get("WWW-Authenticate") != "Bearer" {
			t.Errorf("WWW-Authenticate %q", a.header.Get("WWW-Authenticate"))
		}
	}
	a := s.call(t, request{method: "GET", path: path, header: map[string]string{"Authorization": "bearer  " + s.AdminKey}})
	a.problem(t, http.StatusNotFound)
}
