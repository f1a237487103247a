package sdjwt_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/breakwater-project/breakwater/sdjwt"
)

// The example of RFC 9901 §8.2 with two disclosures and a key binding, as
// published, line breaks within strings removed. Its issuer's key is in
// Appendix A.5; the holder's is in the credential.
func TestRFCExample(t *testing.T) {
	data, err := os.ReadFile("testdata/rfc9901_8.2.json")
	if err != nil {
		t.Fatal(err)
	}
	key, err := sdjwt.ParseKey([]byte(`{"kty": "EC", "crv": "P-256",
		"x": "b28d4MwZMjw8-00CG4xfnn9SLMVMM19SlqZpVb_uNtQ",
		"y": "Xv5zWwuoaTgdS6hV43yI6gBwTnjukmFQQnJ_kCxzqk8"}`))
	if err != nil {
		t.Fatal(err)
	}
	text, err := sdjwt.FromJSON(data)
	if err != nil {
		t.Fatal(err)
	}
	c, err := sdjwt.Verify(text, key, sdjwt.Policy{
		At:      time.Unix(1748537244, 0),
		Binding: &sdjwt.Binding{Nonce: "1234567890", Audience: "https://verifier.example.org"},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := normal(t, object{
		"iss": "https://issuer.example.com", "iat": 1683000000, "exp": 1883000000,
		"given_name": "John", "family_name": "Doe",
		"cnf": object{"jwk": object{
			"kty": "EC", "crv": "P-256",
			"x": "TCAER19Zvu3OHF4j4W4vfSVoHIP1ILilDls7vCeGemc",
			"y": "ZxjiWWbZMQGHVWKVQ4hbSIirsVfuecCE6t4jT9F2HZQ",
		}},
	})
	if diff := cmp.Diff(want, any(c.Claims)); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}
}

// What is malformed is refused before a key is looked at.
func TestParseRefuses(t *testing.T) {
	s := newSample(t)
	token := s.issuer.signed(t, s.header, s.claims)
	payload := func(text string) string { return s.issuer.raw([]byte(`{"alg":"ES256"}`), []byte(text)) + "~" }
	with := func(disclosure string) string { return token + "~" + base64url([]byte(disclosure)) + "~" }
	for name, c := range map[string]struct{ text, want string }{
		"empty":                      {"", "no ~"},
		"a JWT alone":                {token, "no ~"},
		"two parts":                  {token[:strings.LastIndex(token, ".")] + "~", "three parts"},
		"four parts":                 {token + ".~", "three parts"},
		"padding":                    {token + "=~", "not base64url"},
		"standard base64":            {token[:len(token)-2] + "+/~", "not base64url"},
		"a line break":               {token + "\n~", "not base64url"},
		"a space at the end":         {token + "~ ", "three parts"},
		"unused bits":                {"e30.e30.AB~", "not base64url"},
		"header not an object":       {"W10." + token[strings.Index(token, ".")+1:] + "~", "header: not a JSON object"},
		"payload not JSON":           {payload("{"), "not one JSON value"},
		"payload a string":           {payload(`"x"`), "not a JSON object"},
		"payload and more":           {payload("{} {}"), "not one JSON value"},
		"key twice":                  {payload(`{"age_over_18":false,"age_over_18":true}`), "key is given twice"},
		"key twice, spelt otherwise": {payload(`{"a":{"x":1,"\u0078":2}}`), "key is given twice"},
		"not UTF-8":                  {payload("{\"a\":\"\xff\"}"), "UTF-8"},
		"deep":                       {payload(`{"a":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + "}"), "nested too deep"},
		"disclosure empty":           {token + "~~", "disclosure 1: not one JSON value"},
		"disclosure an object":       {with(`{}`), "not an array"},
		"disclosure of one":          {with(`["s"]`), "not an array of two or three"},
		"disclosure of four":         {with(`["s","n",1,2]`), "not an array of two or three"},
		"salt a number":              {with(`[1,"n",true]`), "salt"},
		"name a number":              {with(`["s",1,true]`), "name"},
		"key twice in a disclosure":  {with(`["s","n",{"a":1,"a":2}]`), "key is given twice"},
		"key binding not a JWT":      {token + "~x", "key binding JWT: not three parts"},
		"too many disclosures":       {token + strings.Repeat("~W10", 513) + "~", "more than 512"},
		"too long":                   {strings.Repeat("~", 256<<10+1), "longer than"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := sdjwt.Parse(c.text)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

func TestFromJSONRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"not JSON":             `{`,
		"an array":             `[]`,
		"key twice":            `{"header":{"disclosures":[]},"protected":"a","payload":"b","signature":"c","payload":"d"}`,
		"general":              `{"payload":"b","signatures":[]}`,
		"no disclosures":       `{"header":{},"protected":"a","payload":"b","signature":"c"}`,
		"no signature":         `{"header":{"disclosures":[]},"protected":"a","payload":"b"}`,
		"two parts in one":     `{"header":{"disclosures":["a~b"]},"protected":"a","payload":"b","signature":"c"}`,
		"disclosure a number":  `{"header":{"disclosures":[1]},"protected":"a","payload":"b","signature":"c"}`,
		"key binding a number": `{"header":{"disclosures":[],"kb_jwt":1},"protected":"a","payload":"b","signature":"c"}`,
		"too long":             strings.Repeat(" ", 256<<10+1),
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := sdjwt.FromJSON([]byte(text)); err == nil {
				t.Errorf("%q", got)
			}
		})
	}
}

func TestParseKeyRefuses(t *testing.T) {
	x, y := p256(t, 1).jwk["x"], p256(t, 1).jwk["y"]
	for name, jwk := range map[string]any{
		"not an object":   []any{},
		"no kind":         object{"crv": "P-256", "x": x, "y": y},
		"kind an array":   object{"kty": []any{"EC"}, "crv": "P-256", "x": x, "y": y},
		"HMAC":            object{"kty": "oct", "k": x},
		"RSA":             object{"kty": "RSA", "n": x, "e": "AQAB"},
		"other curve":     object{"kty": "EC", "crv": "secp256k1", "x": x, "y": y},
		"wrong curve":     object{"kty": "EC", "crv": "P-384", "x": x, "y": y},
		"off the curve":   object{"kty": "EC", "crv": "P-256", "x": y, "y": x},
		"no y":            object{"kty": "EC", "crv": "P-256", "x": x},
		"short x":         object{"kty": "EC", "crv": "P-256", "x": "AA", "y": y},
		"infinity":        object{"kty": "EC", "crv": "P-256", "x": base64url(make([]byte, 32)), "y": base64url(make([]byte, 32))},
		"for encryption":  object{"kty": "EC", "crv": "P-256", "x": x, "y": y, "use": "enc"},
		"other algorithm": object{"kty": "EC", "crv": "P-256", "x": x, "y": y, "alg": "ECDH-ES"},
		"X25519":          object{"kty": "OKP", "crv": "X25519", "x": x},
		"short Ed25519":   object{"kty": "OKP", "crv": "Ed25519", "x": "AA"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := sdjwt.ParseKey(encode(t, jwk)); err == nil {
				t.Error("accepted")
			}
		})
	}
}

// The zero Key is nobody's.
func TestZeroKey(t *testing.T) {
	s := newSample(t)
	for _, key := range []*sdjwt.Key{nil, {}} {
		if _, err := sdjwt.Verify(s.text(t), key, s.policy); err == nil {
			t.Error("accepted")
		}
	}
}

// Whatever is presented ends in an error or a credential of the issuer's;
// what Parse reads, it reads the same again.
func FuzzVerify(f *testing.F) {
	s := newSample(f)
	text, key := s.text(f), s.issuer.key(f)
	f.Add(text)
	f.Add(text[:strings.LastIndex(text, "~")+1])
	f.Add("e30.e30.~W10~")
	f.Add("e30.eyJfc2QiOlsiYSJdLCJiIjpbeyIuLi4iOiJjIn1dfQ.~WyJzIix7Il9zZCI6W119XQ~")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := sdjwt.Parse(text)
		if err != nil {
			return
		}
		c, err := p.Verify(key, s.policy)
		if err == nil && c.Issuer != "https://issuer.example" {
			t.Errorf("a credential of %q", c.Issuer)
		}
	})
}

// The signature is the fuzzer's wall: here every claims set and disclosure is
// signed, so that it gets to what is behind.
func FuzzDisclose(f *testing.F) {
	s := newSample(f)
	key := s.issuer.key(f)
	d := `["s","a",{"_sd":["x"]}]`
	f.Add([]byte(`{"_sd":["`+digest("sha-256", base64url([]byte(d)))+`"]}`), []byte(d))
	f.Add([]byte(`{"a":[{"...":"`+digest("sha-256", base64url([]byte(`["s",1]`)))+`"}],"_sd_alg":"sha-256"}`), []byte(`["s",1]`))
	f.Add([]byte(`{"exp":1e9,"status":{"status_list":{"idx":1,"uri":"u"}},"cnf":{"jwk":{}}}`), []byte(`["s"]`))
	f.Fuzz(func(t *testing.T, claims, disclosure []byte) {
		text := s.issuer.raw([]byte(`{"alg":"ES256","typ":"dc+sd-jwt"}`), claims) + "~" + base64url(disclosure) + "~"
		c, err := sdjwt.Verify(text, key, sdjwt.Policy{At: now})
		if err != nil {
			return
		}
		if left := digestsLeft(c.Claims); left != "" {
			t.Errorf("%s is left in the claims", left)
		}
	})
}

// digestsLeft names what should have been taken out of processed claims.
func digestsLeft(v any) string {
	switch v := v.(type) {
	case map[string]any:
		for name, inner := range v {
			if name == "_sd" || name == "..." {
				return name
			}
			if left := digestsLeft(inner); left != "" {
				return left
			}
		}
	case []any:
		for _, inner := range v {
			if left := digestsLeft(inner); left != "" {
				return left
			}
		}
	}
	return ""
}

func FuzzParseKey(f *testing.F) {
	f.Add(encode(f, p256(f, 1).jwk))
	f.Add(encode(f, p384(f, 1).jwk))
	f.Add(encode(f, ed25519Signer(1).jwk))
	f.Fuzz(func(t *testing.T, jwk []byte) {
		key, err := sdjwt.ParseKey(jwk)
		if (key == nil) == (err == nil) {
			t.Errorf("key %v, error %v", key, err)
		}
	})
}

func FuzzFromJSON(f *testing.F) {
	f.Add([]byte(`{"header":{"disclosures":["d"],"kb_jwt":"k"},"protected":"a","payload":"b","signature":"c"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		presentation, err := sdjwt.FromJSON(text)
		if err == nil && !strings.Contains(presentation, "~") {
			t.Errorf("%q is no presentation", presentation)
		}
	})
}
