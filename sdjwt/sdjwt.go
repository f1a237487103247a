// Package sdjwt verifies selectively disclosable JWTs (SD-JWT, RFC 9901) and
// the credentials made of them (SD-JWT VC, draft-ietf-oauth-sd-jwt-vc).
//
// A presentation is a JWT that an issuer signed, the disclosures that its
// holder chose, and optionally a JWT by which the holder proves to have the
// key that the credential is bound to:
//
//	<issuer-signed JWT>~<disclosure>~…~<disclosure>~[<key binding JWT>]
//
// Verify checks all of it for one moment and gives the claims that were
// disclosed. That a presentation verifies does not say that it proves
// anything: ask Credential.True for the claim that is needed.
//
// Signatures are ES256, ES384 and EdDSA. No error repeats what was presented.
package sdjwt

import (
	"errors"
	"fmt"
	"strings"
)

// What one presentation may be at most.
const (
	maxSize        = 256 << 10 // bytes
	maxDisclosures = 512
)

// Presentation is an SD-JWT that was read, and of which nothing is verified.
type Presentation struct {
	token       *jwt
	disclosures []disclosure
	bound       string // what the key binding signs: all up to and including the last ~
	binding     *jwt   // nil without
}

// disclosure is one claim of an object, or one element of an array.
type disclosure struct {
	encoded string // what its digest is of
	element bool
	name    string // of a claim
	value   any
}

// Parse reads a presentation: base64url without padding and JSON, both
// strictly (no key twice), with ~ after each part but the key binding JWT.
// An error says which part is malformed.
func Parse(presentation string) (*Presentation, error) {
	p, err := parse(presentation)
	if err != nil {
		return nil, fmt.Errorf("sdjwt: %w", err)
	}
	return p, nil
}

func parse(text string) (*Presentation, error) {
	if len(text) > maxSize {
		return nil, fmt.Errorf("longer than %d bytes", maxSize)
	}
	parts := strings.Split(text, "~")
	last := len(parts) - 1
	if last == 0 {
		return nil, errors.New("no ~: not an SD-JWT")
	}
	if last-1 > maxDisclosures {
		return nil, fmt.Errorf("more than %d disclosures", maxDisclosures)
	}
	p := &Presentation{bound: text[:len(text)-len(parts[last])]}
	var err error
	if p.token, err = parseJWT(parts[0]); err != nil {
		return nil, fmt.Errorf("issuer-signed JWT: %w", err)
	}
	for i, part := range parts[1:last] {
		d, err := parseDisclosure(part)
		if err != nil {
			return nil, fmt.Errorf("disclosure %d: %w", i+1, err)
		}
		p.disclosures = append(p.disclosures, d)
	}
	if parts[last] != "" {
		if p.binding, err = parseJWT(parts[last]); err != nil {
			return nil, fmt.Errorf("key binding JWT: %w", err)
		}
	}
	return p, nil
}

// parseDisclosure reads [salt, name, value] or, for an element, [salt, value].
func parseDisclosure(encoded string) (disclosure, error) {
	data, err := decodeBase64(encoded)
	if err != nil {
		return disclosure{}, err
	}
	v, err := decodeJSON(data)
	if err != nil {
		return disclosure{}, err
	}
	array, _ := v.([]any)
	if len(array) != 2 && len(array) != 3 {
		return disclosure{}, errors.New("not an array of two or three")
	}
	if _, ok := array[0].(string); !ok {
		return disclosure{}, errors.New("the salt is not a string")
	}
	if len(array) == 2 {
		return disclosure{encoded: encoded, element: true, value: array[1]}, nil
	}
	name, ok := array[1].(string)
	if !ok {
		return disclosure{}, errors.New("the name is not a string")
	}
	return disclosure{encoded: encoded, name: name, value: array[2]}, nil
}
