package sdjwt

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"unicode/utf8"
)

const maxDepth = 32 // of one JSON document

// decodeJSON reads one JSON value: nil, bool, string, json.Number, []any or
// map[string]any. Two parties must not read one text differently, so what
// decoders disagree about is refused: a key given twice, text that is not
// UTF-8, anything after the value.
func decodeJSON(text []byte) (any, error) {
	if !utf8.Valid(text) {
		return nil, errors.New("not UTF-8")
	}
	if !json.Valid(text) { // the token reader below forgives some commas
		return nil, errors.New("not one JSON value")
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	return readValue(d, maxDepth)
}

// decodeObject is decodeJSON for a text that must be an object.
func decodeObject(text []byte) (map[string]any, error) {
	v, err := decodeJSON(text)
	if err != nil {
		return nil, err
	}
	object, ok := v.(map[string]any)
	if !ok {
		return nil, errors.New("not a JSON object")
	}
	return object, nil
}

func readValue(d *json.Decoder, depth int) (any, error) {
	if depth == 0 {
		return nil, errors.New("nested too deep")
	}
	token, err := d.Token()
	if err != nil {
		return nil, errors.New("not one JSON value")
	}
	switch token {
	case json.Delim('['):
		return readArray(d, depth)
	case json.Delim('{'):
		return readObject(d, depth)
	default:
		return token, nil
	}
}

func readArray(d *json.Decoder, depth int) (any, error) {
	array := []any{}
	for d.More() {
		v, err := readValue(d, depth-1)
		if err != nil {
			return nil, err
		}
		array = append(array, v)
	}
	_, err := d.Token()
	return array, err
}

func readObject(d *json.Decoder, depth int) (any, error) {
	object := map[string]any{}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, err
		}
		name := key.(string) // json.Valid has seen it
		if _, twice := object[name]; twice {
			return nil, errors.New("a key is given twice")
		}
		if object[name], err = readValue(d, depth-1); err != nil {
			return nil, err
		}
	}
	_, err := d.Token()
	return object, err
}

// decodeBase64 reads base64url without padding, of which each value has
// exactly one spelling: the decoder of the standard library skips line ends.
func decodeBase64(text string) ([]byte, error) {
	if strings.ContainsAny(text, "\r\n") {
		return nil, errors.New("not base64url")
	}
	data, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, errors.New("not base64url")
	}
	return data, nil
}
