package compat_test

import (
	"encoding/json"
	"net/http/httptest"
	"testing"
)

// The description leads Google's clients to the operations that there are.
func TestDiscovery(t *testing.T) {
	f := start(t)
	for host, root := range map[string]string{"127.0.0.1:8420": "http://127.0.0.1:8420/", "bw.example": "https://bw.example/", "[::1]:8420": "http://[::1]:8420/"} {
		r := httptest.NewRequest("GET", "/$discovery/rest?version=v1alpha1", nil)
		r.Host = host
		if root[:5] == "https" {
			r.Header.Set("X-Forwarded-Proto", "https")
		}
		w := httptest.NewRecorder()
		f.api.ServeHTTP(w, r)
		var got struct {
			RootURL     string
			ServicePath string
			Schemas     map[string]json.RawMessage
			Resources   struct {
				Comments struct {
					Methods map[string]struct {
						HTTPMethod, Path  string
						Request, Response struct {
							Ref string `json:"$ref"`
						}
					}
				}
			}
		}
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		if got.RootURL != root || got.ServicePath != "" || len(got.Resources.Comments.Methods) != 2 {
			t.Errorf("%s: root %q, %d methods", host, got.RootURL, len(got.Resources.Comments.Methods))
		}
		for name, m := range got.Resources.Comments.Methods {
			if item := f.api.OpenAPI().Paths["/"+m.Path]; m.HTTPMethod != "POST" || item == nil || item.Post == nil {
				t.Errorf("%s leads to %s %s, which there is not", name, m.HTTPMethod, m.Path)
			}
			if got.Schemas[m.Request.Ref] == nil || got.Schemas[m.Response.Ref] == nil {
				t.Errorf("%s is of %q and %q", name, m.Request.Ref, m.Response.Ref)
			}
		}
	}
	r := httptest.NewRequest("GET", "/$discovery/rest", nil)
	r.Host = `a/","x`
	w := httptest.NewRecorder()
	f.api.ServeHTTP(w, r)
	if w.Code != 400 {
		t.Errorf("a host that is none: %d", w.Code)
	}
}
