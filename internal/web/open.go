package web

import (
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// openAnswers says in the documents that answers may have more fields one day,
// which clients must tolerate; requests may not. It is called once everything
// is registered.
func (a *API) openAnswers() {
	asked := map[string]bool{}
	for _, path := range a.OpenAPI().Paths {
		for _, op := range []*huma.Operation{path.Get, path.Put, path.Post, path.Delete, path.Patch} {
			if op == nil || op.RequestBody == nil {
				continue
			}
			for _, content := range op.RequestBody.Content {
				a.markAsked(content.Schema, asked)
			}
		}
	}
	for name, schema := range a.OpenAPI().Components.Schemas.Map() {
		if !asked[name] && schema.Type == huma.TypeObject {
			schema.AdditionalProperties = true
		}
	}
}

// markAsked notes the named schemas that a request's schema is made of.
func (a *API) markAsked(s *huma.Schema, asked map[string]bool) {
	if s == nil {
		return
	}
	if name := strings.TrimPrefix(s.Ref, "#/components/schemas/"); s.Ref != "" {
		if asked[name] {
			return
		}
		asked[name] = true
		a.markAsked(a.OpenAPI().Components.Schemas.SchemaFromRef(s.Ref), asked)
		return
	}
	a.markAsked(s.Items, asked)
	if of, ok := s.AdditionalProperties.(*huma.Schema); ok {
		a.markAsked(of, asked)
	}
	for _, form := range slices.Concat(s.AnyOf, s.OneOf, s.AllOf) {
		a.markAsked(form, asked)
	}
	for _, property := range s.Properties {
		a.markAsked(property, asked)
	}
}
