package web_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/breakwater-project/breakwater/internal/fault"
	"github.com/breakwater-project/breakwater/internal/keys"
	"github.com/breakwater-project/breakwater/internal/web"
)

type openAPI struct {
	OpenAPI string `json:"openapi"`
	Paths   map[string]map[string]struct {
		OperationID string   `json:"operationId"`
		Roles       []string `json:"x-roles"`
		Idempotent  bool     `json:"x-idempotent"`
		Security    []map[string][]string
		Parameters  []struct{ Name, In string }
		RequestBody struct {
			Content map[string]struct{ Schema schema }
		} `json:"requestBody"`
		Responses map[string]struct {
			Content map[string]struct{ Schema schema }
		}
	}
	Components struct {
		Schemas map[string]struct {
			Properties           map[string]schema
			Required             []string
			AdditionalProperties any
		}
	}
}

type schema struct {
	Ref    string `json:"$ref"`
	Format string
	Enum   []string
}

func get(t *testing.T, f *fixture, path, mediaType string) string {
	t.Helper()
	w := call{method: "GET", path: path}.do(t, f)
	if w.Code != 200 || w.Header().Get("Content-Type") != mediaType {
		t.Fatalf("%s: %d %s", path, w.Code, w.Header().Get("Content-Type"))
	}
	return w.Body.String()
}

func TestOpenAPI(t *testing.T) {
	var doc openAPI
	if err := json.Unmarshal([]byte(get(t, newAPI(t, nil), "/openapi.json", "application/json")), &doc); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(doc.OpenAPI, "3.1") {
		t.Errorf("OpenAPI %s", doc.OpenAPI)
	}
	put, raw := doc.Paths["/v1/notes/{id}"]["put"], doc.Paths["/v1/raw/{id}"]["post"]
	for name, op := range map[string]struct{ in, out, id string }{
		"typed": {put.RequestBody.Content["application/json"].Schema.Ref, put.Responses["200"].Content["application/json"].Schema.Ref, put.Parameters[0].Name},
		"raw":   {raw.RequestBody.Content["application/json"].Schema.Ref, raw.Responses["200"].Content["application/json"].Schema.Ref, raw.Parameters[0].Name},
	} {
		if note := "#/components/schemas/Note"; op.in != note || op.out != note || op.id != "id" {
			t.Errorf("the %s operation is described as %+v", name, op)
		}
	}
	if !put.Idempotent || !slices.Equal(put.Roles, []string{"platform"}) || len(put.Security) != 1 {
		t.Errorf("%+v", put)
	}
	if image := doc.Paths["/v1/images"]["post"].RequestBody.Content["image/*"].Schema; image.Format != "binary" {
		t.Errorf("an image is described as %+v", image)
	}
	if dropin := doc.Paths["/v1/dropin"]["get"]; len(dropin.Security) != 2 {
		t.Errorf("the key in the query is not described: %v", dropin.Security)
	}
	if page := doc.Paths["/page"]["get"]; len(page.Security) != 0 || page.Security == nil {
		t.Errorf("a public operation asks for %v", page.Security)
	}
	for path, item := range doc.Paths {
		for method, op := range item {
			for status, response := range op.Responses {
				if ref := response.Content[fault.ProblemType].Schema.Ref; status >= "400" && ref != "#/components/schemas/Problem" {
					t.Errorf("%s %s %s is described as %q", method, path, status, ref)
				}
			}
		}
	}
	schemas := doc.Components.Schemas
	if _, ok := schemas["ErrorModel"]; ok || schemas["Note"].AdditionalProperties != false {
		t.Errorf("schemas: %v", schemas)
	}
	for _, hidden := range []string{"/docs", "/", "/openapi.json"} {
		if _, ok := doc.Paths[hidden]; ok {
			t.Errorf("%s is in the document", hidden)
		}
	}
}

func TestDocs(t *testing.T) {
	f := newAPI(t, nil)
	page := get(t, f, "/docs", "text/html; charset=utf-8")
	for _, want := range []string{
		`<article id="put-v1-notes-id">`, `<b class="PUT">PUT</b> <code>/v1/notes/{id}</code>`, "Keep a note",
		"Key of role <code>analyst</code> or <code>reviewer</code>.", "May be repeated safely.", "No key needed.",
		`<article id="schema-Note">`, `<a href="#schema-Note">Note</a>`, "a · b", `<tr id="problem-too-many">`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("misses %s", want)
		}
	}
	for _, unwanted := range []string{"<script", "style=", "<style", "http://", "https://"} {
		if strings.Contains(page, unwanted) {
			t.Errorf("holds %s", unwanted)
		}
	}
	ids := map[string]bool{}
	for _, id := range regexp.MustCompile(` id="([^"]+)"`).FindAllStringSubmatch(page, -1) {
		if ids[id[1]] {
			t.Errorf("id %s stands twice", id[1])
		}
		ids[id[1]] = true
	}
	for _, link := range regexp.MustCompile(` href="#([^"]+)"`).FindAllStringSubmatch(page, -1) {
		if !ids[link[1]] {
			t.Errorf("#%s leads nowhere", link[1])
		}
	}
	for _, kind := range fault.Kinds() {
		if _, id, _ := strings.Cut(kind.Type(), "#"); !ids[id] {
			t.Errorf("%s leads nowhere", kind.Type())
		}
	}
	get(t, f, "/docs.css", "text/css; charset=utf-8")
	w := httptest.NewRecorder()
	f.ServeHTTP(w, httptest.NewRequest("GET", "/docs", nil))
	if policy := w.Header().Get("Content-Security-Policy"); !strings.Contains(policy, "style-src 'self'") || strings.Contains(policy, "unsafe") {
		t.Errorf("policy %s", policy)
	}
}

// Requests may hold nothing unknown, answers may one day hold more.
func TestAnswersAreOpen(t *testing.T) {
	type part struct {
		Name string `json:"name"`
	}
	type asked struct {
		Part part `json:"part"`
	}
	type answered struct {
		Detail struct {
			Count int `json:"count"`
		} `json:"detail"`
	}
	a := web.New(web.Options{Authenticate: func(context.Context, string) (keys.Principal, error) { return keys.Principal{}, keys.ErrUnknown }})
	web.Raw[asked, answered](a, web.Operation{Method: "POST", Path: "/x", Public: true},
		func(context.Context, web.Request) (web.Answer, error) { return web.Answer{}, nil })
	w := httptest.NewRecorder()
	a.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/openapi.json", nil))
	var doc struct {
		Components struct {
			Schemas map[string]struct {
				AdditionalProperties any `json:"additionalProperties"`
			} `json:"schemas"`
		} `json:"components"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	for name, schema := range doc.Components.Schemas {
		request := strings.Contains(strings.ToLower(name), "asked") || strings.Contains(strings.ToLower(name), "part")
		if schema.AdditionalProperties != !request {
			t.Errorf("%s: additionalProperties %v", name, schema.AdditionalProperties)
		}
	}
	if len(doc.Components.Schemas) < 4 {
		t.Errorf("only %d schemas", len(doc.Components.Schemas))
	}
}
