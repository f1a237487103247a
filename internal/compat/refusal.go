package compat

import (
	"errors"
	"slices"

	"github.com/breakwater-project/breakwater/internal/fault"
)

// openAIError is what OpenAI's clients read of an error.
func openAIError(f *fault.Error) any {
	e := struct {
		Message string  `json:"message"`
		Type    string  `json:"type"`
		Param   *string `json:"param"`
		Code    *string `json:"code"`
	}{Message: f.Detail, Type: "invalid_request_error"}
	code := func(c string) { e.Code = &c }
	switch f.Kind {
	case fault.Unauthorized:
		code("invalid_api_key")
	case fault.Forbidden:
		code("insufficient_permissions")
	case fault.TooMany:
		e.Type = "requests"
		code("rate_limit_exceeded")
	case fault.Internal, fault.Unavailable:
		e.Type = "server_error"
	default: // the request itself
	}
	if e.Message == "" {
		e.Message = f.Kind.Title() + "."
	}
	if len(f.Fields) > 0 {
		e.Param = &f.Fields[0].Location
		e.Message += " " + f.Fields[0].Location + ": " + f.Fields[0].Message + "."
	}
	return e
}

// errorType says what is wrong with a comment, in Perspective's words.
type errorType string

const (
	commentEmpty           errorType = "COMMENT_EMPTY"
	commentTooLong         errorType = "COMMENT_TOO_LONG"
	noRequestedAttributes  errorType = "NO_REQUESTED_ATTRIBUTES"
	languageNotSupported   errorType = "LANGUAGE_NOT_SUPPORTED_BY_ATTRIBUTE"
	invalidRequest         errorType = "INVALID_REQUEST"
	perspectiveErrorDetail           = "type.googleapis.com/google.commentanalyzer.v1alpha1.Error"
	fieldsDetail                     = "type.googleapis.com/google.rpc.BadRequest"
)

// unfit is why a comment is not scored.
type unfit struct {
	kind     errorType
	language *unsupported
}

// unsupported is a language that an attribute can't be scored in.
type unsupported struct {
	Detected  []string `json:"detectedLanguages,omitempty"`
	Requested []string `json:"requestedLanguages,omitempty"`
	Attribute string   `json:"attribute"`
}

// Error is the kind of the error.
func (u *unfit) Error() string { return string(u.kind) }

// refuse is an error of Perspective's kind. Its status is 400 as there, since
// clients look for it.
func refuse(kind errorType, message string) error {
	return fault.Wrap(fault.Malformed, &unfit{kind: kind}, message)
}

// googleDetail is what more there is to say of an error.
type googleDetail struct {
	At        string       `json:"@type"`
	ErrorType errorType    `json:"errorType,omitempty"`
	Language  *unsupported `json:"languageNotSupportedByAttributeError,omitempty"`
	Fields    []violation  `json:"fieldViolations,omitempty"`
}

type violation struct {
	Field       string `json:"field"`
	Description string `json:"description"`
}

// googleRefusal is an error as Google's APIs write it.
type googleRefusal struct {
	Code    int            `json:"code"`
	Message string         `json:"message"`
	Status  string         `json:"status"`
	Details []googleDetail `json:"details,omitempty"`

	mediaType string
}

// MediaType is plain JSON where a comment is not scored: Google's own clients
// for Node read details from nothing else.
func (g googleRefusal) MediaType() string { return g.mediaType }

// googleError is what clients of Google's APIs read of an error.
func googleError(f *fault.Error) any {
	e := googleRefusal{Code: f.Kind.Status(), Message: f.Detail, Status: "INVALID_ARGUMENT", mediaType: fault.ProblemType}
	if _, ok := errors.AsType[*unfit](f); ok {
		e.mediaType = "application/json"
	}
	switch f.Kind {
	case fault.Unauthorized:
		e.Status = "UNAUTHENTICATED"
	case fault.Forbidden:
		e.Status = "PERMISSION_DENIED"
	case fault.NotFound:
		e.Status = "NOT_FOUND"
	case fault.TooMany:
		e.Status = "RESOURCE_EXHAUSTED"
	case fault.Internal:
		e.Status = "INTERNAL"
	case fault.Unavailable:
		e.Status = "UNAVAILABLE"
	default: // the request itself
		e.Details = detailsOf(f)
	}
	if e.Message == "" {
		e.Message = f.Kind.Title() + "."
	}
	return e
}

func detailsOf(f *fault.Error) []googleDetail {
	detail := googleDetail{At: perspectiveErrorDetail, ErrorType: invalidRequest}
	if u, ok := errors.AsType[*unfit](f); ok {
		detail.ErrorType, detail.Language = u.kind, u.language
	}
	details := []googleDetail{detail}
	if len(f.Fields) > 0 {
		fields := googleDetail{At: fieldsDetail}
		for _, field := range f.Fields {
			fields.Fields = append(fields.Fields, violation{field.Location, field.Message})
		}
		details = append(details, fields)
	}
	return slices.Clip(details)
}
