package fault

import (
	"strconv"
	"time"
)

// ProblemType is the media type of a Problem.
const ProblemType = "application/problem+json"

// Problem is an error as clients see it (RFC 9457).
type Problem struct {
	Type   string  `json:"type" format:"uri-reference" doc:"Names the kind of problem" example:"/docs#problem-invalid"`
	Title  string  `json:"title" doc:"The kind in words" example:"The request is not valid"`
	Status int     `json:"status" doc:"The HTTP status" example:"422"`
	Detail string  `json:"detail,omitempty" doc:"What is wrong this time"`
	Errors []Field `json:"errors" nullable:"false" doc:"Each faulty part of the request"`
}

// Problem is e without its cause.
func (e *Error) Problem() Problem {
	fields := e.Fields
	if fields == nil {
		fields = []Field{}
	}
	return Problem{
		Type:   e.Kind.Type(),
		Title:  e.Kind.Title(),
		Status: e.Kind.Status(),
		Detail: e.Detail,
		Errors: fields,
	}
}

// RetryHeader is the value of Retry-After in whole seconds, rounded up and at
// least 1; "" for kinds that do not ask to come again.
func (e *Error) RetryHeader() string {
	if e.Kind != TooMany && e.Kind != Unavailable {
		return ""
	}
	seconds := (e.RetryAfter + time.Second - 1) / time.Second
	return strconv.Itoa(int(max(seconds, 1)))
}
