package web

import (
	"encoding/json"
	"net/http"

	"github.com/breakwater-project/breakwater/internal/fault"
)

// refuse answers with a problem.
func (q *request) refuse(err error) {
	refusal := q.refusal(err)
	body, encodeErr := json.Marshal(refusal)
	if encodeErr != nil { // strings and numbers: cannot be
		panic(encodeErr)
	}
	q.write(refusal.problem.Status, refusal.ContentType(""), body)
}

// Refuse answers a request of a Handle operation with a problem, if nothing was
// answered yet.
func Refuse(r *http.Request, err error) { current(r.Context()).refuse(err) }

// refusal prepares to answer with a problem: it sets the headers that the kind
// asks for, and logs what is our fault, since nobody else will.
func (q *request) refusal(err error) *refusal {
	f := fault.From(err)
	if after := f.RetryHeader(); after != "" {
		q.Header().Set("Retry-After", after)
	}
	log := q.route.api.options.Log.With("operation", q.route.op.ID, "request", q.id, "error", f.Error())
	switch f.Kind {
	case fault.Unauthorized:
		q.Header().Set("WWW-Authenticate", "Bearer")
	case fault.Internal:
		log.Error("request failed")
	case fault.Unavailable:
		q.route.warn.Do(func() { log.Warn("request refused for now") })
	default: // the caller's own
	}
	return q.shown(f)
}

// shown is f as the caller of the operation reads it.
func (q *request) shown(f *fault.Error) *refusal {
	r := &refusal{problem: f.Problem()}
	if beside := q.route.op.Beside; beside != nil {
		r.beside = beside(f)
	}
	return r
}

// refusal is a problem that huma writes.
type refusal struct {
	problem fault.Problem
	beside  any // nil if there is nothing
}

// Error is the title.
func (r *refusal) Error() string { return r.problem.Title }

// GetStatus is the HTTP status.
func (r *refusal) GetStatus() int { return r.problem.Status }

// ContentType is that of problems, unless what stands beside it has its own.
func (r *refusal) ContentType(string) string {
	if own, ok := r.beside.(interface{ MediaType() string }); ok {
		return own.MediaType()
	}
	return fault.ProblemType
}

// MarshalJSON is the problem, with what stands beside it.
func (r *refusal) MarshalJSON() ([]byte, error) {
	if r.beside == nil {
		return json.Marshal(r.problem)
	}
	return json.Marshal(struct {
		fault.Problem
		Error any `json:"error"`
	}{r.problem, r.beside})
}

// fallback answers what no operation does: another method of a path that there
// is (405), or nothing (404).
func (a *API) fallback() {
	op := Operation{Path: "/", ID: "none", Public: true, Hidden: true}
	a.complete(&op)
	a.route(op, false, func(q *request, r *http.Request) {
		allowed := a.allowed(r)
		if allowed == "" {
			q.refuse(fault.New(fault.NotFound, "There is nothing at this path."))
			return
		}
		q.Header().Set("Allow", allowed)
		q.refuse(fault.New(fault.NotAllowed, "The path has other methods: "+allowed+"."))
	})
}

// allowed lists the methods of a path, "" if there are none.
func (a *API) allowed(r *http.Request) string {
	list := ""
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"} {
		if !a.methods[method] && method != "HEAD" {
			continue
		}
		probe := &http.Request{Method: method, URL: r.URL, Host: r.Host}
		if _, pattern := a.mux.Handler(probe); pattern == "" || pattern == "/" {
			continue
		}
		if list != "" {
			list += ", "
		}
		list += method
	}
	return list
}
