package web

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"

	"github.com/breakwater-project/breakwater/internal/fault"
	"github.com/breakwater-project/breakwater/internal/keys"
)

//go:embed docs.html docs.css
var docsFiles embed.FS

// documents adds /openapi.json and /docs, made once from what was registered
// by the time of the first request.
func (a *API) documents() {
	open := sync.OnceFunc(a.openAnswers)
	spec := sync.OnceValues(func() ([]byte, error) { open(); return json.Marshal(a.OpenAPI()) })
	page := sync.OnceValues(func() ([]byte, error) { open(); return a.docsPage() })
	style := func() ([]byte, error) { return docsFiles.ReadFile("docs.css") }
	a.file("/openapi.json", jsonType, spec)
	a.file("/docs", "text/html; charset=utf-8", page)
	a.file("/docs.css", "text/css; charset=utf-8", style)
}

func (a *API) file(path, mediaType string, content func() ([]byte, error)) {
	op := Operation{Method: http.MethodGet, Path: path, Public: true, Hidden: true, Answers: mediaType}
	a.complete(&op)
	a.route(op, false, func(q *request, _ *http.Request) {
		body, err := content()
		if err != nil {
			q.refuse(fmt.Errorf("web: %s: %w", path, err))
			return
		}
		q.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		q.Header().Set("Cache-Control", "max-age=60")
		q.write(http.StatusOK, mediaType, body)
	})
}

// docsView is what docs.html shows.
type docsView struct {
	Info     *huma.Info
	Groups   []docsGroup
	Schemas  []docsSchema
	Problems []fault.Kind
}

type docsGroup struct {
	Name       string
	Operations []docsOperation
}

type docsOperation struct {
	*huma.Operation
	Roles      []keys.Role
	Idempotent bool
	Request    []docsContent
	Answers    []docsAnswer
}

type docsAnswer struct {
	Status      string
	Description string
	Content     []docsContent
}

type docsContent struct {
	MediaType string
	Schema    *huma.Schema
}

type docsSchema struct {
	Name   string
	Fields []docsField
}

type docsField struct {
	Name     string
	Schema   *huma.Schema
	Required bool
}

func (a *API) docsPage() ([]byte, error) {
	page, err := template.New("docs.html").Funcs(template.FuncMap{
		"type": typeName, "link": schemaLink, "values": enumValues,
	}).ParseFS(docsFiles, "docs.html")
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = page.Execute(&b, docsView{
		Info: a.OpenAPI().Info, Groups: a.docsGroups(), Schemas: a.docsSchemas(), Problems: fault.Kinds(),
	})
	return b.Bytes(), err
}

func (a *API) docsGroups() []docsGroup {
	byTag := map[string][]docsOperation{}
	for _, item := range a.OpenAPI().Paths {
		for _, op := range []*huma.Operation{item.Get, item.Post, item.Put, item.Patch, item.Delete} {
			if op == nil {
				continue
			}
			tag := strings.Join(op.Tags, " ")
			byTag[tag] = append(byTag[tag], describeOperation(op))
		}
	}
	var groups []docsGroup
	for name, ops := range byTag {
		slices.SortFunc(ops, func(a, b docsOperation) int {
			return strings.Compare(a.Path+" "+a.Method, b.Path+" "+b.Method)
		})
		groups = append(groups, docsGroup{name, ops})
	}
	slices.SortFunc(groups, func(a, b docsGroup) int { return strings.Compare(a.Name, b.Name) })
	return groups
}

func describeOperation(op *huma.Operation) docsOperation {
	d := docsOperation{Operation: op}
	d.Roles, _ = op.Extensions["x-roles"].([]keys.Role)
	d.Idempotent, _ = op.Extensions["x-idempotent"].(bool)
	if op.RequestBody != nil {
		d.Request = contents(op.RequestBody.Content)
	}
	for status, answer := range op.Responses {
		d.Answers = append(d.Answers, docsAnswer{status, answer.Description, contents(answer.Content)})
	}
	slices.SortFunc(d.Answers, func(a, b docsAnswer) int { return strings.Compare(a.Status, b.Status) })
	return d
}

func contents(byType map[string]*huma.MediaType) []docsContent {
	var list []docsContent
	for mediaType, content := range byType {
		list = append(list, docsContent{mediaType, content.Schema})
	}
	slices.SortFunc(list, func(a, b docsContent) int { return strings.Compare(a.MediaType, b.MediaType) })
	return list
}

func (a *API) docsSchemas() []docsSchema {
	var list []docsSchema
	for name, schema := range a.OpenAPI().Components.Schemas.Map() {
		s := docsSchema{Name: name}
		for field, of := range schema.Properties {
			s.Fields = append(s.Fields, docsField{field, of, slices.Contains(schema.Required, field)})
		}
		slices.SortFunc(s.Fields, func(a, b docsField) int { return strings.Compare(a.Name, b.Name) })
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b docsSchema) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// typeName is a schema in a few words: "array of Media", "string (date-time)".
func typeName(s *huma.Schema) string {
	switch {
	case s == nil:
		return "anything"
	case s.Ref != "":
		return s.Ref[strings.LastIndexByte(s.Ref, '/')+1:]
	case s.Type == huma.TypeArray:
		return "array of " + typeName(s.Items)
	case s.Type == huma.TypeObject:
		if of, ok := s.AdditionalProperties.(*huma.Schema); ok {
			return "object of " + typeName(of)
		}
	case s.Type == "":
		return "anything"
	case s.Format != "":
		return s.Type + " (" + s.Format + ")"
	}
	return s.Type
}

// schemaLink is the schema that a type is made of, "" for a plain one.
func schemaLink(s *huma.Schema) string {
	for s != nil && s.Ref == "" {
		of, _ := s.AdditionalProperties.(*huma.Schema)
		if s = s.Items; s == nil {
			s = of
		}
	}
	if s == nil {
		return ""
	}
	return typeName(s)
}

func enumValues(s *huma.Schema) string {
	values := make([]string, len(s.Enum))
	for i, v := range s.Enum {
		values[i] = fmt.Sprint(v)
	}
	return strings.Join(values, " · ")
}
