package agetoken

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Scheme is the HTTP authentication scheme (RFC 9577 §2).
const Scheme = "PrivateToken"

// maxHeader bounds a header's value, in bytes.
const maxHeader = 16 << 10

// Offer is one challenge of a WWW-Authenticate header: a token of this key that
// answers this challenge opens the way.
type Offer struct {
	Challenge Challenge
	// Key is nil where the header does not give it and the client knows it.
	Key *Key
	// MaxAge is for how long the offer stands, in whole seconds; zero means it
	// is not said.
	MaxAge time.Duration
}

// WWWAuthenticate is the value of a WWW-Authenticate header with the offers, the
// preferred one first.
func WWWAuthenticate(offers ...Offer) string {
	var b strings.Builder
	for i, o := range offers {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, `%s challenge="%s"`, Scheme, base64.URLEncoding.EncodeToString(o.Challenge.Bytes()))
		if o.Key != nil {
			fmt.Fprintf(&b, `, token-key="%s"`, base64.URLEncoding.EncodeToString(o.Key.der))
		}
		if o.MaxAge > 0 {
			fmt.Fprintf(&b, `, max-age="%d"`, int64(o.MaxAge/time.Second))
		}
	}
	return b.String()
}

// ParseWWWAuthenticate reads the offers of a WWW-Authenticate header. Other
// schemes and unknown parameters are passed over, and so are offers of other
// token types. Its errors are ErrFormat.
func ParseWWWAuthenticate(value string) ([]Offer, error) {
	credentials, err := scan(value)
	if err != nil {
		return nil, err
	}
	var offers []Offer
	for _, c := range credentials {
		if !strings.EqualFold(c.scheme, Scheme) {
			continue
		}
		o, ours, err := parseOffer(c.params)
		if err != nil {
			return nil, err
		}
		if ours {
			offers = append(offers, o)
		}
	}
	return offers, nil
}

func parseOffer(params map[string]string) (o Offer, ours bool, err error) {
	challenge, err := decodeBase64(params["challenge"])
	if err != nil {
		return Offer{}, false, err
	}
	if len(challenge) >= 2 && typed(challenge) != nil {
		return Offer{}, false, nil
	}
	if o.Challenge, err = ParseChallenge(challenge); err != nil {
		return Offer{}, false, err
	}
	if text, given := params["token-key"]; given {
		der, err := decodeBase64(text)
		if err != nil {
			return Offer{}, false, err
		}
		if o.Key, err = ParseKey(der); err != nil {
			return Offer{}, false, err
		}
	}
	if text, given := params["max-age"]; given {
		seconds, err := strconv.ParseUint(text, 10, 31)
		if err != nil {
			return Offer{}, false, fmt.Errorf("agetoken: %w: max-age is not a number of seconds: %.64q", ErrFormat, text)
		}
		o.MaxAge = time.Duration(seconds) * time.Second
	}
	return o, true, nil
}

// Authorization is the value of an Authorization header that spends t.
func Authorization(t Token) string {
	return fmt.Sprintf(`%s token="%s"`, Scheme, base64.URLEncoding.EncodeToString(t.Bytes()))
}

// ParseAuthorization reads the token of an Authorization header. Unknown
// parameters are passed over. It verifies nothing. Its errors are ErrFormat.
func ParseAuthorization(value string) (Token, error) {
	credentials, err := scan(value)
	if err != nil {
		return Token{}, err
	}
	if len(credentials) != 1 || !strings.EqualFold(credentials[0].scheme, Scheme) {
		return Token{}, fmt.Errorf("agetoken: %w: the header is not of the scheme %s alone", ErrFormat, Scheme)
	}
	b, err := decodeBase64(credentials[0].params["token"])
	if err != nil {
		return Token{}, err
	}
	return ParseToken(b)
}

// credential is a scheme with its parameters (RFC 9110 §11), names in lower
// case. A token68, which PrivateToken has none of, is dropped.
type credential struct {
	scheme string
	params map[string]string
}

// scan reads a list of challenges or one set of credentials. The comma between
// two parameters is also the comma between two schemes: what an equals sign
// follows is a parameter.
func scan(value string) ([]credential, error) {
	if len(value) > maxHeader {
		return nil, fmt.Errorf("agetoken: %w: a header of %d bytes, more than %d", ErrFormat, len(value), maxHeader)
	}
	var list []credential
	rest, _ := skipCommas(value)
	separate := true // the first scheme needs no comma
	for rest != "" {
		name, after := cutRun(rest, isTokenChar)
		assigned, isParam := strings.CutPrefix(strings.TrimLeft(after, " \t"), "=")
		switch {
		case name == "", isParam && len(list) == 0, !isParam && !separate:
			return nil, headerError(value, rest)
		case isParam:
			text, tail, ok := cutValue(strings.TrimLeft(assigned, " \t"))
			params, key := list[len(list)-1].params, strings.ToLower(name)
			if _, twice := params[key]; twice || !ok {
				return nil, headerError(value, rest)
			}
			params[key] = text
			after = tail
		default:
			list = append(list, credential{name, map[string]string{}})
			after = skipToken68(after)
		}
		if after != "" && strings.IndexByte(" \t,", after[0]) < 0 {
			return nil, headerError(value, after)
		}
		rest, separate = skipCommas(after)
		if isParam && rest != "" && !separate {
			return nil, headerError(value, rest)
		}
	}
	return list, nil
}

// skipCommas passes over blanks and commas, and reports whether there was a
// comma. Lists may have empty elements (RFC 9110 §5.6.1.2).
func skipCommas(s string) (rest string, found bool) {
	rest = strings.TrimLeft(s, " \t,")
	return rest, strings.Contains(s[:len(s)-len(rest)], ",")
}

// headerError names the place, not the text: it may be a secret of another
// scheme.
func headerError(value, rest string) error {
	return fmt.Errorf("agetoken: %w: header, at byte %d", ErrFormat, len(value)-len(rest))
}

// skipToken68 passes over the token68 after a scheme's name, if there is one.
func skipToken68(s string) string {
	blank := strings.TrimLeft(s, " ")
	run, rest := cutRun(blank, func(c byte) bool { return isTokenChar(c) || c == '/' })
	rest = strings.TrimLeft(strings.TrimLeft(rest, "="), " \t")
	if blank == s || run == "" || (rest != "" && rest[0] != ',') {
		return s
	}
	return rest
}

// cutValue splits a token or a quoted string off s.
func cutValue(s string) (value, rest string, ok bool) {
	if !strings.HasPrefix(s, `"`) {
		value, rest = cutRun(s, func(c byte) bool { return isTokenChar(c) || c == '=' })
		return value, rest, value != ""
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			return b.String(), s[i+1:], true
		case c == '\\' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", "", false
}

func cutRun(s string, in func(byte) bool) (run, rest string) {
	for i := range len(s) {
		if !in(s[i]) {
			return s[:i], s[i:]
		}
	}
	return s, ""
}

// isTokenChar reports whether c stands in a token (RFC 9110 §5.6.2).
func isTokenChar(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}
