package agetoken_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/breakwater-project/breakwater/agetoken"
)

// sameKeys has cmp compare keys by their bytes.
var sameKeys = cmp.Options{
	cmp.Comparer(func(a, b *agetoken.Key) bool {
		return a == b || (a != nil && b != nil && a.ID() == b.ID())
	}),
	cmp.Comparer(func(a, b agetoken.Challenge) bool { return bytes.Equal(a.Bytes(), b.Bytes()) }),
}

func TestDirectory(t *testing.T) {
	first, second := newIssuer(t, 0).Key(), newIssuer(t, 1).Key()
	want := agetoken.Directory{RequestURI: "/v1/age/tokens/issue", Keys: []agetoken.NamedKey{
		{Key: first, Name: november, NotBefore: november.Epoch.Begin()},
		{Key: second},
	}}
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.URLEncoding.EncodeToString
	expected := fmt.Sprintf(`{"issuer-request-uri":"/v1/age/tokens/issue","token-keys":[`+
		`{"token-type":2,"token-key":"%s","not-before":1793491200,"name":"over-18.strict.2026-11"},`+
		`{"token-type":2,"token-key":"%s"}]}`, encode(first.Bytes()), encode(second.Bytes()))
	if diff := cmp.Diff(expected, string(text)); diff != "" {
		t.Errorf("published (-want +got):\n%s", diff)
	}
	got, err := agetoken.ParseDirectory(text)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, sameKeys); diff != "" {
		t.Errorf("read again (-want +got):\n%s", diff)
	}
}

// A directory of another issuer has keys and members that are not ours.
func TestDirectoryOfOthers(t *testing.T) {
	key := newIssuer(t, 0).Key()
	text := fmt.Sprintf(`{"issuer-request-uri":"https://issuer.example/request","token-keys":[
		{"token-type":1,"token-key":"AAAA"},
		{"token-type":2,"token-key":%q,"rate-limit":10}],"contact":"nobody"}`, base64.RawURLEncoding.EncodeToString(key.Bytes()))
	got, err := agetoken.ParseDirectory([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	want := agetoken.Directory{RequestURI: "https://issuer.example/request", Keys: []agetoken.NamedKey{{Key: key}}}
	if diff := cmp.Diff(want, got, sameKeys); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestParseDirectoryRefuses(t *testing.T) {
	key := base64.URLEncoding.EncodeToString(newIssuer(t, 0).Key().Bytes())
	of := func(keys ...string) []byte {
		return fmt.Appendf(nil, `{"issuer-request-uri":"/r","token-keys":[%s]}`, strings.Join(keys, ","))
	}
	good := fmt.Sprintf(`{"token-type":2,"token-key":"%s"}`, key)
	if _, err := agetoken.ParseDirectory(of(good)); err != nil {
		t.Fatal(err)
	}
	malformed(t, agetoken.ParseDirectory, map[string][]byte{
		"empty":                 nil,
		"not JSON":              []byte("<html>"),
		"a list":                []byte("[]"),
		"truncated":             of(good)[:50],
		"trailing text":         append(of(good), '{'),
		"no request URI":        []byte(`{"token-keys":[]}`),
		"request URI is script": []byte(`{"issuer-request-uri":"javascript:1","token-keys":[]}`),
		"key not base64url":     of(`{"token-type":2,"token-key":"+/"}`),
		"no key":                of(`{"token-type":2}`),
		"key with a line break": of(strings.Replace(good, key[:8], key[:8]+`\n`, 1)),
		"key not a key":         of(`{"token-type":2,"token-key":"AAAA"}`),
		"key twice":             of(good, good),
		"name that is none":     of(strings.Replace(good, "}", `,"name":"adult"}`, 1)),
		"begins before 1970":    of(strings.Replace(good, "}", `,"not-before":-1}`, 1)),
		"begins at a fraction":  of(strings.Replace(good, "}", `,"not-before":1.5}`, 1)),
		"larger than a MiB":     append(of(good), bytes.Repeat([]byte(" "), 1<<20)...),
	})
}

func TestScheme(t *testing.T) {
	issuer := newIssuer(t, 0)
	offers := []agetoken.Offer{
		{Challenge: newChallenge(t, nil), Key: issuer.Key(), MaxAge: 90 * time.Second},
		{Challenge: newChallenge(t, nil, "origin.example")},
	}
	header := agetoken.WWWAuthenticate(offers...)
	got, err := agetoken.ParseWWWAuthenticate(header)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(offers, got, sameKeys); diff != "" {
		t.Errorf("offers (-want +got):\n%s", diff)
	}
	token := newTokens(t, issuer, offers[0].Challenge, 1)[0]
	again, err := agetoken.ParseAuthorization(agetoken.Authorization(token))
	if err != nil {
		t.Fatal(err)
	}
	if token != again {
		t.Error("the token in the header is another one")
	}
}

// Headers as others write them.
func TestParseWWWAuthenticate(t *testing.T) {
	const bare = "AAIADmlzc3Vlci5leGFtcGxlAAAA" // issuer.example, nothing else
	for name, test := range map[string]struct {
		header string
		offers int
	}{
		"empty":                       {"", 0},
		"quoted":                      {`PrivateToken challenge="` + bare + `"`, 1},
		"not quoted":                  {`PrivateToken challenge=` + bare, 1},
		"in lower case":               {`privatetoken CHALLENGE=` + bare, 1},
		"blanks around equals signs":  {`PrivateToken challenge = "` + bare + `" , max-age	= 5`, 1},
		"empty elements":              {`, ,PrivateToken challenge=` + bare + `,,`, 1},
		"quoted pair":                 {`PrivateToken challenge="\` + bare + `"`, 1},
		"unknown parameter":           {`PrivateToken realm="a, b=\"c\"", challenge=` + bare, 1},
		"two of them":                 {`PrivateToken challenge=` + bare + `, PrivateToken challenge=` + bare, 2},
		"Basic before":                {`Basic realm="x", PrivateToken challenge=` + bare, 1},
		"Basic after":                 {`PrivateToken challenge=` + bare + `, Basic realm="PrivateToken challenge=x"`, 1},
		"scheme without parameters":   {`Negotiate, PrivateToken challenge=` + bare, 1},
		"scheme with a token68":       {`Negotiate abc/+==, PrivateToken challenge=` + bare, 1},
		"only other schemes":          {`Bearer realm="x"`, 0},
		"a challenge of another type": {`PrivateToken challenge=AAEADmlzc3Vlci5leGFtcGxlAAAA`, 0},
	} {
		offers, err := agetoken.ParseWWWAuthenticate(test.header)
		if err != nil || len(offers) != test.offers {
			t.Errorf("%s: %d offers, %v, want %d", name, len(offers), err, test.offers)
		}
	}
}

func TestParseWWWAuthenticateRefuses(t *testing.T) {
	const good = "PrivateToken challenge=AAIADmlzc3Vlci5leGFtcGxlAAAA"
	parse := func(b []byte) ([]agetoken.Offer, error) { return agetoken.ParseWWWAuthenticate(string(b)) }
	inputs := map[string][]byte{}
	for name, header := range map[string]string{
		"no challenge":               "PrivateToken",
		"challenge empty":            `PrivateToken challenge=""`,
		"challenge without value":    "PrivateToken challenge=",
		"challenge twice":            good + ", challenge=AAAA",
		"challenge not base64url":    `PrivateToken challenge="+/"`,
		"challenge with a line":      "PrivateToken challenge=\"AAIADmlzc3Vlci5leGFt\ncGxlAAAA\"",
		"bits beyond the last byte":  "PrivateToken challenge=AAIAD2lzc3Vlci5leGFtcGxlcwAAAB",
		"challenge truncated":        "PrivateToken challenge=AAIADmlzc3Vl",
		"challenge with a rest":      good + "AAAA",
		"parameter before a scheme":  "challenge=AAIADmlzc3Vlci5leGFtcGxlAAAA",
		"quotation not ended":        `PrivateToken challenge="AAIADmlz`,
		"quotation ends in a quote":  `PrivateToken challenge="AAIADmlz\`,
		"text after a quotation":     `PrivateToken challenge="AAAA"x`,
		"parameters without a comma": good + " max-age=5",
		"schemes without a comma":    "Negotiate " + good,
		"key not a key":              good + ", token-key=AAAA",
		"age negative":               good + ", max-age=-1",
		"age not a number":           good + ", max-age=soon",
		"age beyond all bounds":      good + ", max-age=99999999999999999999",
		"a NUL":                      good + "\x00",
		"longer than 16 KiB":         good + strings.Repeat(" ", 16<<10),
	} {
		inputs[name] = []byte(header)
	}
	malformed(t, parse, inputs)
}

func TestParseAuthorizationRefuses(t *testing.T) {
	good := agetoken.Authorization(agetoken.Token{Nonce: [32]byte{1}})
	if _, err := agetoken.ParseAuthorization(good); err != nil {
		t.Fatal(err)
	}
	parse := func(b []byte) (agetoken.Token, error) { return agetoken.ParseAuthorization(string(b)) }
	malformed(t, parse, map[string][]byte{
		"empty":              nil,
		"no token":           []byte("PrivateToken"),
		"another scheme":     []byte(strings.Replace(good, "PrivateToken", "Bearer", 1)),
		"bearer token":       []byte("Bearer abc"),
		"two sets":           []byte(good + ", " + good),
		"token twice":        []byte(good + `, token="AAAA"`),
		"token truncated":    []byte(good[:len(good)-5] + `"`),
		"trailing bytes":     []byte(strings.TrimSuffix(good, `"`) + `AAAA"`),
		"token as a token68": []byte(strings.Replace(good, `token="`, "", 1)),
	})
}

// A header that can't be read may hold another scheme's secret: an error
// repeats none of it.
func TestErrorsKeepSecrets(t *testing.T) {
	const secret = "c2VjcmV0OnNlY3JldA"
	for _, header := range []string{"Basic " + secret, "Basic " + secret + " x=\"", "PrivateToken token=" + secret} {
		_, err := agetoken.ParseAuthorization(header)
		if !errors.Is(err, agetoken.ErrFormat) || strings.Contains(err.Error(), secret) {
			t.Errorf("%q: %v", header, err)
		}
	}
}
