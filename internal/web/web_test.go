package web_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/breakwater-project/breakwater/internal/fault"
	"github.com/breakwater-project/breakwater/internal/keys"
	"github.com/breakwater-project/breakwater/internal/telemetry"
	"github.com/breakwater-project/breakwater/internal/web"
)

// authenticate knows a key for each role, "key-platform-canary" and so on.
func authenticate(_ context.Context, credential string) (keys.Principal, error) {
	for _, role := range keys.Roles() {
		if credential == "key-"+string(role)+"-canary" {
			return keys.Principal{ID: string(role), Roles: []keys.Role{role}}, nil
		}
	}
	if credential == "key-while-down-canary" {
		return keys.Principal{}, errors.New("database of canary is down")
	}
	return keys.Principal{}, keys.ErrUnknown
}

type note struct {
	ID    string   `json:"id" maxLength:"8"`
	Level int      `json:"level,omitempty" minimum:"1" maximum:"5"`
	Tags  []string `json:"tags,omitempty" maxItems:"2"`
	Inner struct {
		Kind string `json:"kind" enum:"a,b"`
	} `json:"inner"`
}

type (
	putNote struct {
		ID   string `path:"id"`
		Dry  bool   `query:"dry"`
		Body note
	}
	noteBody struct{ Body note }
	byID     struct {
		ID string `path:"id"`
	}
)

// fixture is an API with an operation of every kind.
type fixture struct {
	*web.API
	log     bytes.Buffer
	metrics *telemetry.Metrics
	now     time.Time
}

func newAPI(t testing.TB, change func(*web.Options)) *fixture {
	t.Helper()
	f := &fixture{metrics: telemetry.NewMetrics(), now: time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)}
	o := web.Options{
		Authenticate: authenticate, Version: "test", Metrics: f.metrics,
		BodyLimit: 4 << 10, Rate: 10, Burst: 20,
		Log: slog.New(slog.NewJSONHandler(&f.log, nil)),
		Now: func() time.Time { return f.now },
	}
	if change != nil {
		change(&o)
	}
	f.API = web.New(o)

	web.Register(f.API, web.Operation{Method: "PUT", Path: "/v1/notes/{id}", Summary: "Keep a note", Tag: "Notes",
		Roles: []keys.Role{keys.Platform}, Idempotent: true},
		func(_ context.Context, in *putNote) (*noteBody, error) {
			in.Body.Tags = append(in.Body.Tags, in.ID, fmt.Sprint(in.Dry))
			return &noteBody{in.Body}, nil
		})
	web.Register(f.API, web.Operation{Method: "GET", Path: "/v1/notes/{id}", Tag: "Notes",
		Roles: []keys.Role{keys.Analyst, keys.Reviewer}},
		func(_ context.Context, in *byID) (*noteBody, error) { return nil, failure(in.ID) })
	web.Raw[note, note](f.API, web.Operation{Method: "POST", Path: "/v1/raw/{id}", Roles: []keys.Role{keys.Platform}, Tag: "Raw"},
		func(ctx context.Context, r web.Request) (web.Answer, error) {
			if err := failure(r.Path("id")); err != nil {
				return web.Answer{}, err
			}
			if err := web.Charge(ctx, bytes.Count(r.Body, []byte(","))); err != nil {
				return web.Answer{}, err
			}
			return web.Answer{Status: http.StatusCreated, Body: slices.Clone(r.Body)}, nil
		})
	web.Raw[[]byte, web.None](f.API, web.Operation{Method: "POST", Path: "/v1/images", Roles: []keys.Role{keys.Platform},
		Accepts: []string{"image/*"}, Status: http.StatusNoContent},
		func(context.Context, web.Request) (web.Answer, error) { return web.Answer{}, nil })
	web.Raw[web.None, note](f.API, web.Operation{Method: "GET", Path: "/v1/dropin", Roles: []keys.Role{keys.Platform}, KeyInQuery: true},
		func(ctx context.Context, r web.Request) (web.Answer, error) {
			p, _ := keys.From(ctx)
			return web.Answer{Body: fmt.Appendf(nil, `{"id":%q,"query":%q}`, p.ID, r.Query().Encode())}, nil
		})
	web.Raw[web.None, note](f.API, web.Operation{Method: "GET", Path: "/v1/sealed", Roles: []keys.Role{keys.Compliance}, Only: true},
		func(context.Context, web.Request) (web.Answer, error) { return web.Answer{Body: []byte(`{}`)}, nil })
	web.Handle(f.API, web.Operation{Method: "GET", Path: "/page", Public: true, Answers: "text/plain"},
		func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Has("refuse") {
				web.Refuse(r, fault.New(fault.NotFound, "There is no such page."))
				return
			}
			fmt.Fprint(w, web.RequestID(r.Context()))
			if r.URL.Query().Has("break") {
				panic("canary, half way")
			}
		})
	return f
}

// failure is what the ids of the fixture's things make happen.
func failure(id string) error {
	switch id {
	case "panic":
		panic("canary, what a person wrote")
	case "bounds":
		_ = []int{}[len(id)]
	case "missing":
		return fault.New(fault.NotFound, "There is no such note.")
	case "taken":
		return fmt.Errorf("store: %w", fault.New(fault.Conflict, "Another body has this id."))
	case "broken":
		return errors.New("disk canary is full")
	case "busy":
		return fault.Busy(errors.New("canary"), 3*time.Second, "The journal cannot be written.")
	case "slow":
		return fmt.Errorf("query: %w", context.DeadlineExceeded)
	}
	return nil
}

// call is one request; a key names a role or is sent as it is.
type call struct {
	method, path, key, body string
	header                  map[string]string
	chunked                 bool
}

func (c call) do(t testing.TB, h http.Handler) *httptest.ResponseRecorder {
	t.Helper()
	var body io.Reader
	if c.body != "" {
		body = strings.NewReader(c.body)
		if c.chunked {
			body = io.MultiReader(body)
		}
	}
	r := httptest.NewRequest(c.method, c.path, body)
	switch {
	case slices.Contains(keys.Roles(), keys.Role(c.key)):
		r.Header.Set("Authorization", "Bearer key-"+c.key+"-canary")
	case c.key != "":
		r.Header.Set("Authorization", c.key)
	}
	if c.body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for name, value := range c.header {
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

const good = `{"id":"n","inner":{"kind":"a"}}`

func TestRoles(t *testing.T) {
	routes := []struct {
		call    call
		ok      int
		allowed []keys.Role // nil is everybody
	}{
		{call{method: "PUT", path: "/v1/notes/x", body: good}, 200, []keys.Role{keys.Platform, keys.Admin}},
		{call{method: "GET", path: "/v1/notes/missing"}, 404, []keys.Role{keys.Reviewer, keys.Analyst, keys.Admin}},
		{call{method: "POST", path: "/v1/raw/x", body: good}, 201, []keys.Role{keys.Platform, keys.Admin}},
		{call{method: "POST", path: "/v1/images", body: "x", header: map[string]string{"Content-Type": "image/png"}}, 204, []keys.Role{keys.Platform, keys.Admin}},
		{call{method: "GET", path: "/v1/dropin"}, 200, []keys.Role{keys.Platform, keys.Admin}},
		{call{method: "GET", path: "/v1/sealed"}, 200, []keys.Role{keys.Compliance}},
		{call{method: "GET", path: "/page"}, 200, nil},
		{call{method: "GET", path: "/docs"}, 200, nil},
		{call{method: "GET", path: "/openapi.json"}, 200, nil},
		{call{method: "GET", path: "/nowhere"}, 404, nil},
	}
	f := newAPI(t, func(o *web.Options) { o.Rate, o.Burst = 1000, 1000 })
	for _, route := range routes {
		for _, who := range append([]keys.Role{"", "Bearer nonsense", "Basic a2V5LWFkbWluLWNhbmFyeQ=="}, keys.Roles()...) {
			want := http.StatusForbidden
			switch {
			case route.allowed == nil || slices.Contains(route.allowed, who):
				want = route.ok
			case !slices.Contains(keys.Roles(), who):
				want = http.StatusUnauthorized
			}
			c := route.call
			c.key = string(who)
			if w := c.do(t, f); w.Code != want {
				t.Errorf("%s %s as %q: %d, want %d: %s", c.method, c.path, who, w.Code, want, w.Body)
			}
		}
	}
}

func TestOperationsAreNotOpenByMistake(t *testing.T) {
	for name, op := range map[string]web.Operation{
		"neither": {Method: "GET", Path: "/a"},
		"both":    {Method: "GET", Path: "/a", Public: true, Roles: []keys.Role{keys.Admin}},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("an operation with %s roles and public was registered", name)
				}
			}()
			web.Handle(newAPI(t, nil).API, op, nil)
		}()
	}
}

func TestProblems(t *testing.T) {
	put := func(body string) call { return call{method: "PUT", path: "/v1/notes/x", key: "platform", body: body} }
	raw := func(id string) call { return call{method: "POST", path: "/v1/raw/" + id, key: "platform", body: good} }
	get := func(id string) call { return call{method: "GET", path: "/v1/notes/" + id, key: "reviewer"} }
	with := func(c call, name, value string) call { c.header = map[string]string{name: value}; return c }
	chunked := put(`{"id":"` + strings.Repeat("x", 5000) + `"}`)
	chunked.chunked = true

	type fields = []fault.Field
	for _, tc := range []struct {
		name   string
		call   call
		kind   fault.Kind
		detail string
		fields fields
		header [2]string
	}{
		{name: "no such path", call: call{method: "GET", path: "/v2"}, kind: fault.NotFound, detail: "There is nothing at this path."},
		{name: "another method", call: call{method: "DELETE", path: "/v1/notes/x"}, kind: fault.NotAllowed,
			detail: "The path has other methods: GET, HEAD, PUT.", header: [2]string{"Allow", "GET, HEAD, PUT"}},
		{name: "no key", call: call{method: "GET", path: "/v1/sealed"}, kind: fault.Unauthorized,
			detail: "Send an API key: Authorization: Bearer KEY.", header: [2]string{"WWW-Authenticate", "Bearer"}},
		{name: "an unknown key", call: call{method: "GET", path: "/v1/sealed", key: "Bearer bw_nonsense"}, kind: fault.Unauthorized,
			detail: "The API key is unknown or revoked."},
		{name: "a key in the query where it may not be", call: call{method: "GET", path: "/v1/sealed?key=key-admin-canary"}, kind: fault.Unauthorized,
			detail: "Send an API key: Authorization: Bearer KEY."},
		{name: "the wrong role", call: call{method: "GET", path: "/v1/notes/x", key: "platform"}, kind: fault.Forbidden,
			detail: "This needs a key of role analyst or reviewer."},
		{name: "keys cannot be checked", call: call{method: "GET", path: "/v1/sealed", key: "Bearer key-while-down-canary"}, kind: fault.Unavailable,
			detail: "API keys cannot be checked right now.", header: [2]string{"Retry-After", "1"}},

		{name: "no body", call: put(""), kind: fault.Malformed, detail: "A body is needed."},
		{name: "no JSON", call: put("{"), kind: fault.Malformed, detail: "The body is not acceptable JSON: expected a key in double quotes at byte 1."},
		{name: "a key twice", call: put(`{"id":"n","id":"m"}`), kind: fault.Malformed, detail: "The body is not acceptable JSON: duplicate key at byte 10."},
		{name: "a key twice, raw", call: call{method: "POST", path: "/v1/raw/x", key: "platform", body: `{"id":"n","id":"m"}`},
			kind: fault.Malformed, detail: "The body is not acceptable JSON: duplicate key at byte 10."},
		{name: "invalid UTF-8", call: put("{\"id\":\"\xff\"}"), kind: fault.Malformed, detail: "The body is not acceptable JSON: invalid UTF-8 at byte 7."},
		{name: "trailing data", call: put(good + "1"), kind: fault.Malformed, detail: "The body is not acceptable JSON: unexpected data after the value at byte 31."},
		{name: "depth", call: put(strings.Repeat("[", 40)), kind: fault.Malformed, detail: "The body is not acceptable JSON: nested deeper than 32 at byte 32."},
		{name: "too large", call: put(`{"id":"` + strings.Repeat("x", 5000) + `"}`), kind: fault.TooLarge, detail: "The body may have at most 4096 bytes."},
		{name: "too large, chunked", call: chunked, kind: fault.TooLarge, detail: "The body may have at most 4096 bytes."},
		{name: "another media type", call: with(put(good), "Content-Type", "application/x-www-form-urlencoded"), kind: fault.Unsupported,
			detail: "Send the body as application/json."},
		{name: "another charset", call: with(put(good), "Content-Type", "application/json; charset=utf-16"), kind: fault.Unsupported,
			detail: "Send the body as application/json."},
		{name: "a broken media type", call: with(put(good), "Content-Type", "application/json; ="), kind: fault.Unsupported,
			detail: "Send the body as application/json."},
		{name: "not an image", call: with(call{method: "POST", path: "/v1/images", key: "platform", body: good}, "Content-Type", "text/html"),
			kind: fault.Unsupported, detail: "Send the body as image/*."},
		{name: "compressed", call: with(put(good), "Content-Encoding", "gzip"), kind: fault.Unsupported, detail: "Send the body without Content-Encoding."},

		{name: "an unknown field", call: put(`{"id":"n","inner":{"kind":"a","knid":1},"x":2}`), kind: fault.Invalid,
			fields: fields{{Location: "inner.knid", Message: "unknown field"}, {Location: "x", Message: "unknown field"}}},
		{name: "another case", call: put(`{"ID":"n","inner":{"kind":"a"}}`), kind: fault.Invalid,
			fields: fields{{Location: "ID", Message: "unknown field"}, {Location: "id", Message: "required"}}},
		{name: "both cases", call: put(`{"id":"n","ID":"m","inner":{"kind":"a"}}`), kind: fault.Invalid,
			fields: fields{{Location: "ID", Message: "unknown field"}}},
		{name: "missing and out of range", call: put(`{"level":7,"tags":["a",3],"inner":{"kind":"c"}}`), kind: fault.Invalid,
			fields: fields{{Location: "id", Message: "required"}, {Location: "inner.kind", Message: `expected value to be one of "a, b"`},
				{Location: "level", Message: "expected number <= 5"}, {Location: "tags[1]", Message: "expected string"}}},
		{name: "not an object", call: put(`[]`), kind: fault.Invalid, fields: fields{{Location: "body", Message: "expected object"}}},
		{name: "a number too large", call: put(`{"id":"n","inner":{"kind":"a"},"level":1e400}`), kind: fault.Malformed, detail: "Validation failed.",
			fields: fields{{Location: "body", Message: "a value does not fit its type"}}},
		{name: "an unknown query parameter", call: call{method: "GET", path: "/v1/notes/x?y=1", key: "reviewer"}, kind: fault.Invalid,
			fields: fields{{Location: "query.y", Message: "unknown query parameter"}}},
		{name: "a query parameter of another type", call: call{method: "PUT", path: "/v1/notes/x?dry=perhaps", key: "platform", body: good}, kind: fault.Invalid,
			fields: fields{{Location: "query.dry", Message: "invalid boolean"}}},

		{name: "not found", call: get("missing"), kind: fault.NotFound, detail: "There is no such note."},
		{name: "conflict", call: raw("taken"), kind: fault.Conflict, detail: "Another body has this id."},
		{name: "ours, typed", call: get("broken"), kind: fault.Internal},
		{name: "ours, raw", call: raw("broken"), kind: fault.Internal},
		{name: "a panic, typed", call: get("panic"), kind: fault.Internal},
		{name: "a panic, raw", call: raw("bounds"), kind: fault.Internal},
		{name: "busy", call: get("busy"), kind: fault.Unavailable, detail: "The journal cannot be written.", header: [2]string{"Retry-After", "3"}},
		{name: "too slow", call: raw("slow"), kind: fault.Unavailable, detail: "The request took too long.", header: [2]string{"Retry-After", "1"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := newAPI(t, nil)
			w := tc.call.do(t, f)
			want := fault.Error{Kind: tc.kind, Detail: tc.detail, Fields: tc.fields}
			if tc.kind == fault.Invalid {
				want.Detail = "The request does not say what it must."
			}
			var got fault.Problem
			d := json.NewDecoder(w.Body)
			d.DisallowUnknownFields()
			if err := d.Decode(&got); err != nil {
				t.Fatalf("not a problem: %v", err)
			}
			if diff := cmp.Diff(want.Problem(), got); diff != "" {
				t.Errorf("problem (-want +got):\n%s", diff)
			}
			if w.Code != tc.kind.Status() || w.Header().Get("Content-Type") != "application/problem+json" {
				t.Errorf("%d %s", w.Code, w.Header().Get("Content-Type"))
			}
			if tc.header[0] != "" && w.Header().Get(tc.header[0]) != tc.header[1] {
				t.Errorf("%s: %q, want %q", tc.header[0], w.Header().Get(tc.header[0]), tc.header[1])
			}
			ours := tc.kind == fault.Internal || tc.kind == fault.Unavailable
			if logged := f.log.Len() > 0; logged != ours {
				t.Errorf("logged: %s", f.log.String())
			}
		})
	}
}

func TestTyped(t *testing.T) {
	w := call{method: "PUT", path: "/v1/notes/x?dry=true", key: "platform", body: `{"id":"<é>","inner":{"kind":"b"},"tags":["a"]}`}.do(t, newAPI(t, nil))
	want := `{"id":"<é>","tags":["a","x","true"],"inner":{"kind":"b"}}` + "\n"
	if w.Body.String() != want || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("%s %s", w.Header().Get("Content-Type"), w.Body)
	}
}

func TestOptionalBody(t *testing.T) {
	f := newAPI(t, nil)
	web.Register(f.API, web.Operation{Method: "POST", Path: "/v1/maybe", Roles: []keys.Role{keys.Platform}},
		func(_ context.Context, in *struct{ Body *note }) (*struct{ Body bool }, error) {
			return &struct{ Body bool }{in.Body != nil}, nil
		})
	for body, want := range map[string]string{"": "200 false\n", good: "200 true\n"} {
		w := call{method: "POST", path: "/v1/maybe", key: "platform", body: body}.do(t, f)
		if got := fmt.Sprint(w.Code, " ", w.Body); got != want {
			t.Errorf("%q: %q, want %q", body, got, want)
		}
	}
	if w := (call{method: "POST", path: "/v1/maybe", key: "platform", body: "{"}).do(t, f); w.Code != 400 {
		t.Errorf("half a body: %d", w.Code)
	}
}

func TestRaw(t *testing.T) {
	f := newAPI(t, nil)
	for _, mediaType := range []string{"application/json", "application/json; charset=UTF-8", "application/ld+json", "Application/JSON", ""} {
		w := call{method: "POST", path: "/v1/raw/x", key: "platform", body: good, header: map[string]string{"Content-Type": mediaType}}.do(t, f)
		if w.Code != 201 || w.Body.String() != good || w.Header().Get("Content-Length") != fmt.Sprint(len(good)) {
			t.Errorf("%q: %d %v %s", mediaType, w.Code, w.Header(), w.Body)
		}
	}
}

func TestKeyInQuery(t *testing.T) {
	f := newAPI(t, nil)
	w := call{method: "GET", path: "/v1/dropin?a=1&key=key-platform-canary"}.do(t, f)
	if want := `{"id":"platform","query":"a=1"}`; w.Body.String() != want {
		t.Errorf("got %s, want %s: the handler must not see the key", w.Body, want)
	}
	w = call{method: "GET", path: "/v1/dropin?key=nonsense", key: "platform"}.do(t, f)
	if w.Code != 200 {
		t.Errorf("a key in the header yields to one in the query: %d", w.Code)
	}
}

// A plain handler refuses as every other operation does.
func TestRefuse(t *testing.T) {
	w := call{method: "GET", path: "/page?refuse"}.do(t, newAPI(t, nil))
	if w.Code != http.StatusNotFound || w.Header().Get("Content-Type") != fault.ProblemType || !strings.Contains(w.Body.String(), "There is no such page.") {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
}

// What stands beside a problem does so whoever refuses: the frame, the check of
// the body's type, or the operation.
func TestBesideProblem(t *testing.T) {
	f := newAPI(t, nil)
	beside := func(e *fault.Error) any { return map[string]int{"code": e.Kind.Status()} }
	web.Register(f.API, web.Operation{Method: "POST", Path: "/v1/beside", Roles: []keys.Role{keys.Platform}, Beside: beside},
		func(context.Context, *struct{ Body note }) (*struct{ Body note }, error) {
			return nil, fault.New(fault.Conflict, "taken")
		})
	for body, want := range map[string]int{good: 409, `{"id":`: 400, `{"colour":1}`: 422} {
		w := call{method: "POST", path: "/v1/beside", key: "platform", body: body}.do(t, f)
		var got struct {
			fault.Problem
			Error struct{ Code int }
		}
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		if w.Code != want || got.Status != want || got.Title == "" || got.Error.Code != want || w.Header().Get("Content-Type") != fault.ProblemType {
			t.Errorf("%s: %d %s, want %d", body, w.Code, w.Body, want)
		}
	}
	w := call{method: "POST", path: "/v1/beside", body: good}.do(t, f)
	if w.Code != 401 || !strings.Contains(w.Body.String(), `"error":{"code":401}`) {
		t.Errorf("without a key: %d %s", w.Code, w.Body)
	}
	if w := (call{method: "PUT", path: "/v1/notes/x", key: "platform", body: `{`}).do(t, f); strings.Contains(w.Body.String(), `"error"`) {
		t.Errorf("another operation: %s", w.Body)
	}
}

// Pages of other sites may call what is open to them, problems included, and
// nothing else; what needs a key can't be opened to them.
func TestAnywhere(t *testing.T) {
	f := newAPI(t, nil)
	web.Register(f.API, web.Operation{Method: "POST", Path: "/v1/anywhere", Public: true, Anywhere: true},
		func(context.Context, *struct{ Body note }) (*struct{ Body note }, error) {
			return nil, fault.New(fault.Conflict, "taken")
		})
	const origin = "Access-Control-Allow-Origin"
	for _, body := range []string{good, `{`, `{"colour":1}`} {
		if w := (call{method: "POST", path: "/v1/anywhere", body: body}).do(t, f); w.Code < 400 || w.Header().Get(origin) != "*" {
			t.Errorf("%s: %d, %v", body, w.Code, w.Header())
		}
	}
	w := call{method: "OPTIONS", path: "/v1/anywhere"}.do(t, f)
	if w.Code != 204 || w.Header().Get(origin) != "*" || !strings.Contains(w.Header().Get("Access-Control-Allow-Headers"), "Content-Type") {
		t.Errorf("preflight: %d %v", w.Code, w.Header())
	}
	for _, method := range []string{"PUT", "OPTIONS"} {
		if w := (call{method: method, path: "/v1/notes/x", key: "platform", body: good}).do(t, f); w.Header().Get(origin) != "" {
			t.Errorf("%s of another operation: %v", method, w.Header())
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("an operation with a key is open to pages of other sites")
		}
	}()
	web.Handle(f.API, web.Operation{Method: "GET", Path: "/v1/keyed", Roles: []keys.Role{keys.Platform}, Anywhere: true}, nil)
}

func TestRate(t *testing.T) {
	f := newAPI(t, nil) // 10 a second, 20 at once
	events := func(n int) call {
		return call{method: "POST", path: "/v1/raw/x", key: "platform", body: "[0" + strings.Repeat(",0", n) + "]"}
	}
	status := func(c call) (int, string) {
		w := c.do(t, f)
		return w.Code, w.Header().Get("Retry-After")
	}
	steps := []struct {
		name  string
		after time.Duration
		call  call
		code  int
		retry string
	}{
		{"a batch that has room", 0, events(15), 201, ""},
		{"one that has none", 0, events(10), 429, "1"},
		{"another key is not concerned", 0, call{method: "GET", path: "/v1/notes/missing", key: "reviewer"}, 404, ""},
		{"what was refused is not charged, but for the request", 0, events(4), 201, ""},
		{"nothing is left", 0, events(1), 429, "1"},
		{"the bucket fills again", time.Second, events(10), 201, ""},
		{"to wait is told in seconds", 0, events(20), 429, "1"},
		{"more than fits at once", time.Hour, events(30), 429, "1"},
	}
	for _, s := range steps {
		f.now = f.now.Add(s.after)
		if code, retry := status(s.call); code != s.code || retry != s.retry {
			t.Errorf("%s: %d, Retry-After %q; want %d, %q", s.name, code, retry, s.code, s.retry)
		}
	}
}

func TestHeaders(t *testing.T) {
	f := newAPI(t, nil)
	for sent, kept := range map[string]bool{"trace-1.a_B": true, "": false, "a b": false, "a\"b": false, strings.Repeat("x", 65): false} {
		w := call{method: "GET", path: "/page", header: map[string]string{"X-Request-Id": sent}}.do(t, f)
		id := w.Header().Get("X-Request-Id")
		if id == "" || (id == sent) != kept || w.Body.String() != id {
			t.Errorf("request id %q became %q, and %q in the handler", sent, id, w.Body)
		}
	}
	for _, path := range []string{"/page", "/nowhere", "/docs", "/v1/sealed"} {
		h := call{method: "GET", path: path}.do(t, f).Header()
		if h.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(h.Get("Content-Security-Policy"), "default-src 'none'") ||
			h.Get("Referrer-Policy") != "no-referrer" || h.Get("Cache-Control") == "" {
			t.Errorf("%s: %v", path, h)
		}
	}
}

// TestBrokenAnswer: an answer that has begun cannot become a problem, so the
// connection breaks and the client knows.
func TestBrokenAnswer(t *testing.T) {
	f := newAPI(t, nil)
	s := httptest.NewServer(f)
	defer s.Close()
	resp, err := s.Client().Get(s.URL + "/page?break")
	if err == nil {
		_, err = io.ReadAll(resp.Body)
		resp.Body.Close()
	}
	if err == nil {
		t.Error("the client cannot know that the answer is not whole")
	}
}

func TestTimeoutReachesTheHandler(t *testing.T) {
	f := newAPI(t, nil)
	web.Raw[web.None, note](f.API, web.Operation{Method: "GET", Path: "/v1/waits", Roles: []keys.Role{keys.Platform}, Timeout: time.Millisecond},
		func(ctx context.Context, _ web.Request) (web.Answer, error) {
			<-ctx.Done()
			return web.Answer{}, ctx.Err()
		})
	if w := (call{method: "GET", path: "/v1/waits", key: "platform"}).do(t, f); w.Code != 503 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
