package sdjwt

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
)

// jwt is a JWS in compact form (RFC 7515 §7.1) whose payload is claims.
type jwt struct {
	header    map[string]any
	claims    map[string]any
	signed    string // header and payload as they came
	signature []byte
}

func parseJWT(text string) (*jwt, error) {
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		return nil, errors.New("not three parts with dots between them")
	}
	var t jwt
	var err error
	if t.header, err = decodePart(parts[0]); err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	if t.claims, err = decodePart(parts[1]); err != nil {
		return nil, fmt.Errorf("payload: %w", err)
	}
	if t.signature, err = decodeBase64(parts[2]); err != nil {
		return nil, fmt.Errorf("signature: %w", err)
	}
	t.signed = parts[0] + "." + parts[1]
	return &t, nil
}

func decodePart(text string) (map[string]any, error) {
	data, err := decodeBase64(text)
	if err != nil {
		return nil, err
	}
	return decodeObject(data)
}

// check checks the signature. The algorithm is the key's: a header that names
// another, "none" and HMAC among them, is refused before anything is computed.
func (t *jwt) check(key *Key) error {
	if !key.has(t.header["alg"]) {
		return errors.New("alg is not the key's algorithm")
	}
	if _, given := t.header["crit"]; given {
		return errors.New("crit asks for an extension that is not known")
	}
	if !key.verify([]byte(t.signed), t.signature) {
		return errors.New("the signature is not the key's")
	}
	return nil
}

// timeClaim is a NumericDate (RFC 7519 §2), seconds since 1970.
func timeClaim(claims map[string]any, name string) (at time.Time, given bool, err error) {
	value, given := claims[name]
	if !given {
		return time.Time{}, false, nil
	}
	number, ok := value.(json.Number)
	if !ok {
		return time.Time{}, true, fmt.Errorf("%s is not a number", name)
	}
	seconds, err := number.Float64()
	if err != nil || seconds < 0 || seconds > maxSeconds {
		return time.Time{}, true, fmt.Errorf("%s is no time", name)
	}
	whole, fraction := math.Modf(seconds)
	return time.Unix(int64(whole), int64(fraction*1e9)).UTC(), true, nil
}

const maxSeconds = 1 << 38 // after the year 10000
