// Package fault is the error that a feature shows at its edge: what kind it
// is, what the caller may read of it, and the cause, which only logs see.
package fault

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Error is a refusal or a failure with a face for the client.
type Error struct {
	Kind       Kind
	Detail     string        // one sentence for the client; no secrets, no content
	Fields     []Field       // what is wrong where, for Malformed and Invalid
	RetryAfter time.Duration // for TooMany and Unavailable; a second unless set

	cause error
}

// Field is one faulty part of a request: "audience.members[3].age.band",
// "query.limit", "path.id".
type Field struct {
	Location string `json:"location" doc:"Where it is: a path into the body, or query., path. or header. and a name"`
	Message  string `json:"message" doc:"What is wrong with it"`
}

// New is an error of the kind; detail is for the client to read.
func New(kind Kind, detail string) *Error {
	return &Error{Kind: kind, Detail: detail}
}

// Newf is New with a formatted detail.
func Newf(kind Kind, format string, args ...any) *Error {
	return New(kind, fmt.Sprintf(format, args...))
}

// Wrap is an error of the kind with a cause that the client never sees.
func Wrap(kind Kind, cause error, detail string) *Error {
	return &Error{Kind: kind, Detail: detail, cause: cause}
}

// Busy is Unavailable with the time after which to come again.
func Busy(cause error, after time.Duration, detail string) *Error {
	return &Error{Kind: Unavailable, Detail: detail, RetryAfter: after, cause: cause}
}

// Fieldwise is an Invalid error with its fields.
func Fieldwise(fields ...Field) *Error {
	return &Error{Kind: Invalid, Detail: "The request does not say what it must.", Fields: fields}
}

// From is err as an *Error: itself or the one it wraps. A deadline that passed
// is Unavailable; anything else is Internal, with err as its cause.
func From(err error) *Error {
	var e *Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &e):
		return e
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return Busy(err, time.Second, "The request took too long.")
	default:
		return Wrap(Internal, err, "")
	}
}

// Error is for logs: the kind, the detail, the fields and the cause.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Kind.String())
	if e.Detail != "" {
		b.WriteString(": " + e.Detail)
	}
	for _, f := range e.Fields {
		b.WriteString("; " + f.Location + ": " + f.Message)
	}
	if e.cause != nil {
		b.WriteString(": " + e.cause.Error())
	}
	return b.String()
}

// Unwrap is the cause.
func (e *Error) Unwrap() error { return e.cause }

// Is matches a Kind: errors.Is(err, fault.NotFound).
func (e *Error) Is(target error) bool {
	kind, ok := target.(Kind)
	return ok && kind == e.Kind
}
