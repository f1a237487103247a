package app_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"github.com/breakwater-project/breakwater/internal/app"
)

// contract are the routes that the outside contract names and that there are.
var contract = []string{
	"POST /v1/decisions", "POST /v1/decisions/batch", "GET /v1/decisions/{id}",
	"PUT /v1/accounts/{id}", "GET /v1/accounts/{id}", "DELETE /v1/accounts/{id}", "GET /v1/accounts/{id}/safeguards",
	"POST /v1/feeds/filter", "POST /v1/feeds/feedback", "POST /v1/labels",
	"POST /v1/moderations", "POST /v1alpha1/comments:analyze", "POST /v1alpha1/comments:suggestscore",
	"POST /v1/age/sessions", "GET /v1/age/requests/{id}", "POST /v1/age/openid4vp/{id}", "POST /v1/age/dcapi/{id}", "POST /v1/age/appeals",
	"POST /v1/age/tokens/issue", "POST /v1/age/tokens/redeem", "GET /.well-known/private-token-issuer-directory",
	"GET /healthz", "GET /readyz", "GET /metrics",
}

// document is /openapi.json as a stranger reads it.
type document struct {
	OpenAPI    string
	Paths      map[string]map[string]operation
	Components struct{ Schemas map[string]map[string]any }
}

type operation struct {
	OperationID string
	Summary     string
	Security    []map[string][]string
	Parameters  []struct{ Name, In string }
	RequestBody *struct{ Content map[string]content }
	Responses   map[string]struct{ Content map[string]content }
}

type content struct{ Schema map[string]any }

func TestOpenAPI(t *testing.T) {
	s := start(t, nil, app.Options{})
	a := s.call(t, request{method: "GET", path: "/openapi.json"})
	var d document
	if err := json.Unmarshal(a.body, &d); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(d.OpenAPI, "3.1.") {
		t.Errorf("openapi %q", d.OpenAPI)
	}
	var names []string
	ids := map[string]bool{}
	for path, methods := range d.Paths {
		for method, op := range methods {
			name := strings.ToUpper(method) + " " + path
			names = append(names, name)
			if op.OperationID == "" || ids[op.OperationID] || op.Summary == "" {
				t.Errorf("%s: id %q, summary %q", name, op.OperationID, op.Summary)
			}
			ids[op.OperationID] = true
			described(t, name, &op)
		}
	}
	for _, want := range contract {
		if !slices.Contains(names, want) {
			t.Errorf("%s is not described", want)
		}
	}
	refs(t, &d, a.body)
	for name, schema := range d.Components.Schemas {
		if schema["type"] == "object" && schema["additionalProperties"] == nil {
			t.Errorf("schema %s does not say whether it admits other fields", name)
		}
	}
}

// described checks that an operation says what it takes and gives.
func described(t *testing.T, name string, op *operation) {
	t.Helper()
	method, path, _ := strings.Cut(name, " ")
	for part := range strings.SplitSeq(path, "/") {
		if param := strings.Trim(part, "{}"); param != part {
			if !slices.ContainsFunc(op.Parameters, func(p struct{ Name, In string }) bool { return p.Name == param && p.In == "path" }) {
				t.Errorf("%s: path parameter %s is not described", name, param)
			}
		}
	}
	if writes := method == "POST" || method == "PUT"; writes != (op.RequestBody != nil) {
		t.Errorf("%s: request body described: %t", name, op.RequestBody != nil)
	}
	if op.RequestBody != nil && !schematic(op.RequestBody.Content) {
		t.Errorf("%s: the body has no schema", name)
	}
	needsKey := len(op.Security) > 0
	for status, response := range op.Responses {
		switch {
		case status == "204":
		case status[0] == '2':
			if !schematic(response.Content) {
				t.Errorf("%s: the answer has no schema", name)
			}
		case response.Content["application/problem+json"].Schema == nil:
			t.Errorf("%s: %s is not a problem", name, status)
		}
	}
	for _, status := range []string{"401", "403", "429"} {
		if _, ok := op.Responses[status]; ok != needsKey {
			t.Errorf("%s: %s described: %t, needs a key: %t", name, status, ok, needsKey)
		}
	}
}

// schematic reports whether there is content, and a schema of all of it.
func schematic(all map[string]content) bool {
	for _, c := range all {
		if c.Schema == nil {
			return false
		}
	}
	return len(all) > 0
}

// refs checks that everything that is referred to is there.
func refs(t *testing.T, d *document, raw []byte) {
	t.Helper()
	found := 0
	for _, part := range strings.Split(string(raw), `"$ref":"`)[1:] {
		ref, _, _ := strings.Cut(part, `"`)
		name, ok := strings.CutPrefix(ref, "#/components/schemas/")
		if _, there := d.Components.Schemas[name]; !ok || !there {
			t.Errorf("%s leads nowhere", ref)
		}
		found++
	}
	if found == 0 {
		t.Error("nothing refers to a schema")
	}
}

// The routes that read and write bytes of their own keep to the schemas that
// the documents have of them.
func TestBytesKeepToTheirSchemas(t *testing.T) {
	s := start(t, nil, app.Options{Now: inNovember})
	paths := s.API().OpenAPI().Paths
	one, batch, get := paths["/v1/decisions"].Post, paths["/v1/decisions/batch"].Post, paths["/v1/decisions/{id}"].Get
	decided := s.call(t, request{method: "POST", path: "/v1/decisions", key: s.AdminKey, body: example}).body
	published := s.call(t, request{method: "POST", path: "/v1/decisions", key: s.AdminKey, body: post("p-1", "one")}).body
	events := `{"events":[` + example + `,` + post("p-2", "two") + `]}`
	many := s.call(t, request{method: "POST", path: "/v1/decisions/batch", key: s.AdminKey, body: events}).body
	id := s.ok(t, "POST", "/v1/decisions", example)["id"].(string)
	read := s.call(t, request{method: "GET", path: "/v1/decisions/" + id, key: s.AdminKey}).body
	for name, c := range map[string]struct {
		schema *huma.Schema
		mode   huma.ValidateMode
		body   []byte
	}{
		"event":                 {one.RequestBody.Content["application/json"].Schema, huma.ModeWriteToServer, []byte(example)},
		"batch":                 {batch.RequestBody.Content["application/json"].Schema, huma.ModeWriteToServer, []byte(events)},
		"decision":              {one.Responses["200"].Content["application/json"].Schema, huma.ModeReadFromServer, decided},
		"published decision":    {one.Responses["200"].Content["application/json"].Schema, huma.ModeReadFromServer, published},
		"batch of decisions":    {batch.Responses["200"].Content["application/json"].Schema, huma.ModeReadFromServer, many},
		"an event that is none": {one.RequestBody.Content["application/json"].Schema, huma.ModeWriteToServer, []byte(`{"id":"m-1","unheard_of":1}`)},
		"earlier decision":      {get.Responses["200"].Content["application/json"].Schema, huma.ModeReadFromServer, read},
	} {
		var value any
		if err := json.Unmarshal(c.body, &value); err != nil {
			t.Fatal(err)
		}
		result := &huma.ValidateResult{}
		huma.Validate(s.API().OpenAPI().Components.Schemas, c.schema, huma.NewPathBuffer(nil, 0), c.mode, value, result)
		if invalid := name == "an event that is none"; invalid != (len(result.Errors) > 0) {
			t.Errorf("%s: %v", name, result.Errors)
		}
	}
}

// Every operation has its place on the page.
func TestDocs(t *testing.T) {
	s := start(t, nil, app.Options{})
	page := string(s.call(t, request{method: "GET", path: "/docs"}).body)
	for name := range s.operations() {
		_, path, _ := strings.Cut(name, " ")
		if !strings.Contains(page, path) {
			t.Errorf("%s is not on the page", name)
		}
	}
	for _, kind := range []string{"malformed", "unauthorized", "forbidden", "not-found", "conflict", "too-large", "unsupported", "invalid", "too-many", "unavailable"} {
		if !strings.Contains(page, `id="problem-`+kind+`"`) {
			t.Errorf("problems of type /docs#problem-%s lead nowhere", kind)
		}
	}
}
