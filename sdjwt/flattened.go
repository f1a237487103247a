package sdjwt

import (
	"errors"
	"fmt"
	"strings"
)

// FromJSON gives the presentation that a flattened JWS JSON serialization
// (RFC 9901 §8.2) is another spelling of. Nothing of it is verified. Unknown
// members of the unprotected header, which nobody signed, are left out; the
// general serialization, of several signatures, is an error.
func FromJSON(text []byte) (string, error) {
	presentation, err := fromJSON(text)
	if err != nil {
		return "", fmt.Errorf("sdjwt: JSON serialization: %w", err)
	}
	return presentation, nil
}

func fromJSON(text []byte) (string, error) {
	if len(text) > maxSize {
		return "", fmt.Errorf("longer than %d bytes", maxSize)
	}
	jws, err := decodeObject(text)
	if err != nil {
		return "", err
	}
	header, ok := jws["header"].(map[string]any)
	if !ok {
		return "", errors.New("header is not an object")
	}
	list, ok := header["disclosures"].([]any)
	if !ok {
		return "", errors.New("header.disclosures is not an array")
	}
	parts := make([]string, 0, 3+len(list)+1)
	for _, v := range append([]any{jws["protected"], jws["payload"], jws["signature"]}, list...) {
		part, ok := v.(string)
		if !ok || strings.ContainsAny(part, ".~") {
			return "", errors.New("a part of it is not base64url")
		}
		parts = append(parts, part)
	}
	binding := ""
	if v, given := header["kb_jwt"]; given {
		if binding, ok = v.(string); !ok || binding == "" || strings.Contains(binding, "~") {
			return "", errors.New("header.kb_jwt is not a JWT")
		}
	}
	token := strings.Join(parts[:3], ".")
	return strings.Join(append([]string{token}, append(parts[3:], binding)...), "~"), nil
}
