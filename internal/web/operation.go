package web

import (
	"context"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/breakwater-project/breakwater/internal/fault"
	"github.com/breakwater-project/breakwater/internal/keys"
)

// Operation is one method of one path, and what must hold before it is done.
type Operation struct {
	Method string // "POST"
	Path   string // "/v1/accounts/{id}"

	ID          string // unique, "put-account"; made of method and path unless set
	Summary     string // one line
	Description string // more, in plain text
	Tag         string // group in the documents

	Roles  []keys.Role // any of them may; an admin may as well
	Only   bool        // an admin may not, without one of the roles
	Public bool        // no key is asked for; an operation has roles or is public

	BodyLimit  int64         // bytes; Options.BodyLimit unless set
	Timeout    time.Duration // Options.Timeout unless set; below zero is none
	Idempotent bool          // may be repeated after a failure; said in the documents
	KeyInQuery bool          // the key may be in ?key= as well, for drop-in endpoints
	Status     int           // of success; 200 unless set

	Accepts []string // Raw: media types of the body; JSON unless set. "image/*" matches a family, "*/*" everything
	Answers string   // Raw, Handle: media type of the answer; JSON unless set
	Query   []Param  // Raw, Handle: query parameters, for the documents

	// Beside gives what a problem has as "error" besides its own members, for
	// drop-in endpoints, whose clients look there for what went wrong. It may
	// have a method MediaType() string, where its clients need another one.
	Beside func(*fault.Error) any

	Anywhere bool // pages of any site may call it: it is public, and no cookie counts
	Hidden   bool // left out of the documents

	optional bool // the body may be empty: a typed operation whose Body is a pointer
}

// Param is a query parameter.
type Param struct{ Name, Doc string }

// None is the request or response of a Raw operation that has none.
type None struct{}

// Register adds a typed operation. In and Out are structs as huma has them: a
// field Body is the body; fields tagged path, query or header are parameters.
// Bodies are checked against their type: what is unknown, missing or out of
// range is Invalid and named. The handler's error is shown as a problem by
// fault.From.
func Register[In, Out any](a *API, op Operation, handle func(context.Context, *In) (*Out, error)) {
	h := a.document(&op)
	huma.Register(a.huma, *h, func(ctx context.Context, in *In) (*Out, error) {
		out, err := handle(ctx, in)
		if err != nil {
			return nil, current(ctx).refusal(err)
		}
		return out, nil
	})
}

// Request is what a Raw operation is asked.
type Request struct {
	Body []byte // checked by CheckJSON if it is JSON; valid until the handler returns

	http *http.Request
}

// Path is the value of {name} in the path.
func (r Request) Path(name string) string { return r.http.PathValue(name) }

// Query is the query parameters.
func (r Request) Query() url.Values { return r.http.URL.Query() }

// Header is the request's header. It is not to be changed.
func (r Request) Header() http.Header { return r.http.Header }

// MediaType is the Content-Type as it was sent.
func (r Request) MediaType() string { return r.http.Header.Get("Content-Type") }

// Answer is what a Raw operation answers: encoded bytes.
type Answer struct {
	Status int // the operation's unless set
	Body   []byte
}

// Raw adds an operation that reads and writes its own bytes: for hot paths,
// and for media types other than JSON. In and Out are the types of the bodies,
// for the documents; None where there is none.
func Raw[In, Out any](a *API, op Operation, handle func(context.Context, Request) (Answer, error)) {
	h := a.document(&op)
	a.bodies(op, h, reflect.TypeFor[In](), reflect.TypeFor[Out]())
	a.describe(op, h)
	a.route(op, h.RequestBody != nil, func(q *request, r *http.Request) {
		answer, err := handle(r.Context(), Request{Body: q.body, http: r})
		if err != nil {
			q.refuse(err)
			return
		}
		if answer.Status == 0 {
			answer.Status = op.Status
		}
		q.write(answer.Status, op.Answers, answer.Body)
	})
}

// bodies describes what an operation reads and answers.
func (a *API) bodies(op Operation, h *huma.Operation, in, out reflect.Type) {
	if in != reflect.TypeFor[None]() {
		h.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{}}
		for _, mediaType := range op.Accepts {
			h.RequestBody.Content[mediaType] = a.content(mediaType, in, op.ID+"Request")
		}
	}
	if out != reflect.TypeFor[None]() {
		answer := h.Responses[strconv.Itoa(op.Status)]
		answer.Content = map[string]*huma.MediaType{op.Answers: a.content(op.Answers, out, op.ID+"Response")}
	}
}

// Stream is Handle with bodies that are described as Raw's are: for what is
// read while it comes, and so checked by the handler alone.
func Stream[In, Out any](a *API, op Operation, handle http.HandlerFunc) {
	h := a.document(&op)
	a.bodies(op, h, reflect.TypeFor[In](), reflect.TypeFor[Out]())
	a.describe(op, h)
	a.plain(op, handle)
}

// Handle adds a plain handler: pages, streams. It gets the request with its
// body unread and unlimited but for BodyLimit, and writes all headers itself.
func Handle(a *API, op Operation, handle http.HandlerFunc) {
	h := a.document(&op)
	if !isJSON(op.Answers) {
		h.Responses[strconv.Itoa(op.Status)].Content = map[string]*huma.MediaType{op.Answers: a.content(op.Answers, reflect.TypeFor[None](), "")}
	}
	a.describe(op, h)
	a.plain(op, handle)
}

func (a *API) plain(op Operation, handle http.HandlerFunc) {
	a.route(op, false, func(q *request, r *http.Request) {
		r.Body = http.MaxBytesReader(q, r.Body, op.BodyLimit)
		handle(q, r)
	})
}

// metadata is where a huma operation keeps ours.
const metadata = "breakwater"

// document completes op and begins its description.
func (a *API) document(op *Operation) *huma.Operation {
	a.complete(op)
	h := &huma.Operation{
		Method: op.Method, Path: op.Path, OperationID: op.ID,
		Summary: op.Summary, Description: op.Description, Hidden: op.Hidden,
		DefaultStatus: op.Status, MaxBodyBytes: -1,
		Metadata:   map[string]any{metadata: *op},
		Extensions: map[string]any{},
		Responses:  a.problems(*op),
	}
	if op.Tag != "" {
		h.Tags = []string{op.Tag}
	}
	if op.Idempotent {
		h.Extensions["x-idempotent"] = true
	}
	h.Responses[strconv.Itoa(op.Status)] = &huma.Response{Description: http.StatusText(op.Status)}
	h.Security = []map[string][]string{}
	if op.Public {
		return h
	}
	h.Extensions["x-roles"] = op.Roles
	h.Security = append(h.Security, map[string][]string{"key": {}})
	if op.KeyInQuery {
		h.Security = append(h.Security, map[string][]string{"query": {}})
	}
	return h
}

// complete gives op its defaults, and refuses one that is open by mistake.
func (a *API) complete(op *Operation) {
	if (len(op.Roles) > 0) == op.Public {
		panic("web: " + op.Method + " " + op.Path + " must have roles or be public")
	}
	if op.Anywhere && !op.Public {
		panic("web: " + op.Method + " " + op.Path + " needs a key, which no page of another site must have")
	}
	if op.ID == "" {
		op.ID = strings.ToLower(op.Method) + strings.NewReplacer("/", "-", "{", "", "}", "", "$", "", "...", "").Replace(op.Path)
	}
	if op.BodyLimit == 0 {
		op.BodyLimit = a.options.BodyLimit
	}
	if op.Timeout == 0 {
		op.Timeout = a.options.Timeout
	}
	if op.Status == 0 {
		op.Status = http.StatusOK
	}
	if op.Accepts == nil {
		op.Accepts = []string{jsonType}
	}
	if op.Answers == "" {
		op.Answers = jsonType
	}
}

// problems describes what an operation may answer instead of a result.
func (a *API) problems(op Operation) map[string]*huma.Response {
	may := []fault.Kind{fault.Malformed, fault.Invalid, fault.Internal, fault.Unavailable}
	if !op.Public {
		may = append(may, fault.Unauthorized, fault.Forbidden, fault.TooMany)
	}
	switch op.Method {
	case http.MethodPost, http.MethodPut, http.MethodPatch:
		may = append(may, fault.TooLarge, fault.Unsupported)
	}
	schema := a.schema(reflect.TypeFor[fault.Problem](), "")
	all := map[string]*huma.Response{}
	for _, kind := range may {
		all[strconv.Itoa(kind.Status())] = &huma.Response{
			Description: kind.Title(),
			Content:     map[string]*huma.MediaType{fault.ProblemType: {Schema: schema}},
		}
	}
	return all
}

// describe adds an operation that huma does not register to the documents.
func (a *API) describe(op Operation, h *huma.Operation) {
	if op.Hidden {
		return
	}
	for rest := op.Path; ; {
		_, after, ok := strings.Cut(rest, "{")
		if !ok {
			break
		}
		name, after, _ := strings.Cut(after, "}")
		rest = after
		h.Parameters = append(h.Parameters, &huma.Param{Name: name, In: "path", Required: true, Schema: &huma.Schema{Type: huma.TypeString}})
	}
	for _, p := range op.Query {
		h.Parameters = append(h.Parameters, &huma.Param{Name: p.Name, In: "query", Description: p.Doc, Schema: &huma.Schema{Type: huma.TypeString}})
	}
	a.OpenAPI().AddOperation(h)
}

func (a *API) content(mediaType string, t reflect.Type, hint string) *huma.MediaType {
	if !isJSON(mediaType) {
		return &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}
	}
	return &huma.MediaType{Schema: a.schema(t, hint)}
}

func (a *API) schema(t reflect.Type, hint string) *huma.Schema {
	return a.OpenAPI().Components.Schemas.Schema(t, true, hint)
}
