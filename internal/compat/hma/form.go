package hma

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"

	"github.com/breakwater-project/breakwater/internal/web"
)

// maxForm is what a form has around its file, in bytes.
const maxForm = 64 << 10

// mostParts is how many fields and files a form may have.
const mostParts = 20

// form is an upload: one file, in a field that is called as its content type.
type form struct {
	contentType string
	file        []byte
	fields      map[string]string
}

func readForm(r web.Request) (*form, error) {
	mediaType, parameters, err := mime.ParseMediaType(r.MediaType())
	if err != nil || mediaType != "multipart/form-data" {
		return nil, bad("Missing multipart/form-data file upload")
	}
	f := &form{fields: map[string]string{}}
	parts := multipart.NewReader(bytes.NewReader(r.Body), parameters["boundary"])
	for read := 0; ; read++ {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil || read == mostParts {
			return nil, bad("the multipart/form-data cannot be read")
		}
		if err := f.take(part); err != nil {
			return nil, err
		}
	}
	if f.file == nil {
		return nil, bad("Missing multipart/form-data file upload")
	}
	return f, nil
}

func (f *form) take(part *multipart.Part) error {
	data, err := io.ReadAll(part) // bounded by the body
	switch {
	case err != nil:
		return bad("the multipart/form-data cannot be read")
	case part.FileName() == "":
		f.fields[part.FormName()] = string(data)
		return nil
	case f.file != nil:
		return bad("Only one file allowed per request")
	case contents[part.FormName()] == nil:
		return bad(fmt.Sprintf("no such content_type: '%s'", shortened(part.FormName())))
	}
	f.contentType, f.file = part.FormName(), data
	if f.file == nil {
		f.file = []byte{}
	}
	return nil
}

// decode reads a JSON object that the frame has checked.
func decode(body []byte, to any) error {
	if err := web.CheckJSON(body); err != nil {
		return err
	}
	return json.Unmarshal(body, to)
}
