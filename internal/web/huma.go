package web

import (
	"encoding/json"
	"errors"
	"io"
	"path"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/validation"

	"github.com/breakwater-project/breakwater/internal/fault"
)

// strictNames makes huma tell "ID" from "id". It can't be set for one API
// only; otherwise a body could be checked by one of the two and read by the
// other.
var strictNames = sync.OnceFunc(func() { huma.ValidateStrictCasing = true })

func humaConfig(version string) huma.Config {
	registry := huma.NewMapRegistry("#/components/schemas/", schemaName)
	registry.RegisterTypeAlias(reflect.TypeFor[huma.ErrorModel](), reflect.TypeFor[fault.Problem]())
	format := huma.Format{Marshal: encode, Unmarshal: decode}
	return huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title:       "Breakwater",
				Version:     version,
				Description: "For every event on a platform, what a child of each age may meet here.",
				License:     &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"},
			},
			Components: &huma.Components{
				Schemas: registry,
				SecuritySchemes: map[string]*huma.SecurityScheme{
					"key":   {Type: "http", Scheme: "bearer", Description: "An API key, bw_…"},
					"query": {Type: "apiKey", In: "query", Name: "key", Description: "An API key, for drop-in endpoints"},
				},
			},
		},
		Formats:                      map[string]huma.Format{jsonType: format, "json": format},
		DefaultFormat:                jsonType,
		RejectUnknownQueryParameters: true,
		Transformers:                 []huma.Transformer{transform},
	}
}

// schemaName is a type's name with its package before it (review.Case is
// ReviewCase, event.Event is Event), since two packages may have a Case.
func schemaName(t reflect.Type, hint string) string {
	name := huma.DefaultSchemaNamer(t, hint)
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	pkg := strings.TrimSuffix(path.Base(t.PkgPath()), "_test")
	if t.Name() == "" || pkg == "." || pkg == "fault" || pkg == "web" {
		return name
	}
	pkg = strings.ToUpper(pkg[:1]) + pkg[1:]
	return pkg + strings.TrimPrefix(name, pkg)
}

func encode(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// decode reads a body that CheckJSON has accepted.
func decode(data []byte, v any) error {
	err := json.Unmarshal(data, v)
	var mismatch *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &mismatch) && mismatch.Field != "":
		return errors.New(mismatch.Field + " does not fit its type")
	}
	return errors.New("a value does not fit its type")
}

// transform turns what huma refuses into a problem.
func transform(ctx huma.Context, _ string, v any) (any, error) {
	if e, ok := v.(*huma.ErrorModel); ok {
		return current(ctx.Context()).shown(faultOf(e)), nil
	}
	return v, nil
}

const (
	maxFields   = 20  // shown at once; more help nobody
	maxLocation = 200 // bytes
)

func faultOf(e *huma.ErrorModel) *fault.Error {
	kind := fault.OfStatus(e.Status)
	f := fault.New(kind, strings.ToUpper(e.Detail[:min(1, len(e.Detail))])+e.Detail[min(1, len(e.Detail)):]+".")
	if kind == fault.Invalid {
		f = fault.Fieldwise()
	}
	for _, d := range e.Errors {
		if d != nil {
			f.Fields = append(f.Fields, field(d))
		}
	}
	slices.SortFunc(f.Fields, func(a, b fault.Field) int { return strings.Compare(a.Location, b.Location) })
	f.Fields = f.Fields[:min(len(f.Fields), maxFields)]
	return f
}

// field says what huma says without the value, and at the field itself. Places
// in the body are named as the caller wrote them, without "body.".
func field(d *huma.ErrorDetail) fault.Field {
	location, message := d.Location, d.Message
	if name, ok := strings.CutPrefix(message, "expected required property "); ok {
		location += "." + strings.TrimSuffix(name, " to be present")
		message = "required"
	}
	if message == validation.MsgUnexpectedProperty {
		message = "unknown field"
	}
	location = strings.TrimPrefix(location, "body.")
	if len(location) > maxLocation {
		location = strings.ToValidUTF8(location[:maxLocation], "") + "…"
	}
	return fault.Field{Location: location, Message: message}
}
