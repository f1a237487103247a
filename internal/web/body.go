package web

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/breakwater-project/breakwater/internal/fault"
)

const jsonType = "application/json"

// read fills q.body, and checks it if it is JSON.
func (q *request) read(r *http.Request, buffer *bytes.Buffer) error {
	op := &q.route.op
	mediaType := r.Header.Get("Content-Type")
	if !accepted(mediaType, op.Accepts) {
		return fault.Newf(fault.Unsupported, "Send the body as %s.", strings.Join(op.Accepts, " or "))
	}
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return fault.New(fault.Unsupported, "Send the body without Content-Encoding.")
	}
	if r.ContentLength > op.BodyLimit {
		drain(r)
		return tooLarge(op.BodyLimit)
	}
	if r.ContentLength > 0 {
		buffer.Grow(int(r.ContentLength) + bytes.MinRead) // ReadFrom wants room to see the end
	}
	if _, err := buffer.ReadFrom(http.MaxBytesReader(q, r.Body, op.BodyLimit)); err != nil {
		var over *http.MaxBytesError
		if errors.As(err, &over) {
			drain(r)
			return tooLarge(op.BodyLimit)
		}
		return fault.Wrap(fault.Malformed, err, "The body could not be read to its end.")
	}
	q.body = buffer.Bytes()
	if len(q.body) == 0 && op.optional {
		return nil
	}
	if len(q.body) == 0 {
		return fault.New(fault.Malformed, "A body is needed.")
	}
	if mediaType == "" || isJSON(mediaType) {
		if err := CheckJSON(q.body); err != nil {
			return fault.Wrap(fault.Malformed, err, "The body is not acceptable JSON: "+err.Error()+".")
		}
	}
	return nil
}

// maxDrain is how much of a body that is too large is read to no use.
const maxDrain = 32 << 20

// drain reads on, for a while: many clients hear an answer only once they have
// sent everything, and would see a broken connection instead of a 413.
func drain(r *http.Request) {
	_, _ = io.CopyN(io.Discard, r.Body, maxDrain)
}

func tooLarge(limit int64) error {
	return fault.Newf(fault.TooLarge, "The body may have at most %d bytes.", limit)
}

func isJSON(mediaType string) bool {
	if mediaType == jsonType {
		return true
	}
	name, _, _ := strings.Cut(mediaType, ";")
	name = strings.ToLower(strings.TrimSpace(name))
	return name == jsonType || strings.HasPrefix(name, "application/") && strings.HasSuffix(name, "+json")
}

// accepted is whether a body of mediaType, none being JSON, is of one of the
// types of an operation.
func accepted(mediaType string, types []string) bool {
	if mediaType == "" {
		mediaType = jsonType
	}
	name, parameters, err := jsonType, map[string]string(nil), error(nil)
	if mediaType != jsonType {
		name, parameters, err = mime.ParseMediaType(mediaType)
	}
	if err != nil {
		return false
	}
	if charset := parameters["charset"]; charset != "" && isJSON(name) && !strings.EqualFold(charset, "utf-8") {
		return false
	}
	family, _, _ := strings.Cut(name, "/")
	for _, t := range types {
		if t == name || t == "*/*" || t == family+"/*" || t == jsonType && isJSON(name) {
			return true
		}
	}
	return false
}
