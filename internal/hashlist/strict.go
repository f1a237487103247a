package hashlist

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"

	"github.com/breakwater-project/breakwater/internal/fault"
)

// readRequest reads an object that web.CheckJSON has accepted. Unlike package
// json it takes a field only by its very name; a fault names the field.
func readRequest(body []byte, to any) error {
	var value any
	if err := json.Unmarshal(body, &value); err != nil { // a number beyond all numbers
		return fault.New(fault.Malformed, "The body is not acceptable JSON.")
	}
	if err := onlyKnown(body, reflect.TypeOf(to).Elem(), ""); err != nil {
		return err
	}
	err := json.Unmarshal(body, to)
	var mismatch *json.UnmarshalTypeError
	if errors.As(err, &mismatch) {
		return misfit(orElse(mismatch.Field, "body"), "does not fit its type")
	}
	return err
}

// onlyKnown refuses fields of an object that a struct, or a struct in it, does
// not have.
func onlyKnown(body []byte, t reflect.Type, within string) error {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(body, &fields); err != nil || fields == nil {
		return misfit(orElse(strings.TrimSuffix(within, "."), "body"), "must be an object")
	}
	known := map[string]reflect.Type{}
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		known[name] = t.Field(i).Type
	}
	for name, value := range fields {
		of, ok := known[name]
		if !ok {
			return misfit(within+name[:min(len(name), 64)], "unknown field")
		}
		if of.Kind() == reflect.Struct {
			if err := onlyKnown(value, of, within+name+"."); err != nil {
				return err
			}
		}
	}
	return nil
}

func misfit(where, message string) error {
	return fault.Fieldwise(fault.Field{Location: where, Message: message})
}
