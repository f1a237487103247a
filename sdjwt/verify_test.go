package sdjwt_test

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/breakwater-project/breakwater/sdjwt"
)

// now is the moment of all these tests.
var now = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

var asked = &sdjwt.Binding{Nonce: "n-1", Audience: "https://platform.example"}

// sample is a presentation that verifies, in parts that a test can spoil.
type sample struct {
	issuer, holder *signer
	header, claims object
	disclosures    []string
	binding        object // nil without key binding
	policy         sdjwt.Policy
}

func newSample(t testing.TB) *sample {
	holder := p256(t, 2)
	over18 := disclosing(t, "s1", "18", true)
	ages := disclosing(t, "s2", "age_equal_or_over", object{"_sd": []any{digest("sha-256", over18), digest("sha-256", "decoy")}})
	german := disclosing(t, "s3", "DE")
	return &sample{
		issuer: p256(t, 1), holder: holder,
		header: object{"typ": "dc+sd-jwt"},
		claims: object{
			"vct": "urn:example:age:1", "iss": "https://issuer.example",
			"iat": now.Unix() - 3600, "nbf": now.Unix() - 3600, "exp": now.Unix() + 3600,
			"cnf":           object{"jwk": holder.jwk},
			"status":        object{"status_list": object{"idx": 7, "uri": "https://issuer.example/status/1"}},
			"_sd":           []any{digest("sha-256", ages), digest("sha-256", "another decoy")},
			"nationalities": []any{object{"...": digest("sha-256", german)}, object{"...": digest("sha-256", "FR")}},
		},
		disclosures: []string{ages, over18, german},
		binding:     object{"nonce": "n-1", "aud": "https://platform.example", "iat": now.Unix()},
		policy:      sdjwt.Policy{At: now, Binding: asked},
	}
}

func (s *sample) text(t testing.TB) string {
	holder := s.holder
	if s.binding == nil {
		holder = nil
	}
	return presentation(t, s.issuer.signed(t, s.header, s.claims), s.disclosures, holder, s.binding)
}

// disclose adds a disclosure, and its digest to the signed claims.
func (s *sample) disclose(t testing.TB, of ...any) {
	d := disclosing(t, of...)
	s.disclosures = append(s.disclosures, d)
	s.claims["_sd"] = append(s.claims["_sd"].([]any), digest("sha-256", d))
}

func TestVerify(t *testing.T) {
	s := newSample(t)
	c, err := sdjwt.Verify(s.text(t), s.issuer.key(t), s.policy)
	if err != nil {
		t.Fatal(err)
	}
	if c.Type != "urn:example:age:1" || c.Issuer != "https://issuer.example" || !c.Bound {
		t.Errorf("type %q, issuer %q, bound %v", c.Type, c.Issuer, c.Bound)
	}
	if !c.Expires.Equal(now.Add(time.Hour)) {
		t.Errorf("expires %v", c.Expires)
	}
	if c.Status == nil || *c.Status != (sdjwt.StatusReference{URI: "https://issuer.example/status/1", Index: 7}) {
		t.Errorf("status %v", c.Status)
	}
	if !c.True("age_equal_or_over", "18") {
		t.Error("over 18 is not true")
	}
	for _, path := range [][]string{nil, {"age_equal_or_over"}, {"age_equal_or_over", "21"}, {"vct"}, {"vct", "18"}, {"nationalities", "0"}} {
		if c.True(path...) {
			t.Errorf("%v is true", path)
		}
	}
}

// What need not be there, and what else is right.
func TestVerifyAccepts(t *testing.T) {
	for name, change := range map[string]func(*sample){
		"no key binding, none asked":       func(s *sample) { s.binding, s.policy.Binding = nil, nil },
		"a key binding, none asked":        func(s *sample) { s.policy.Binding, s.binding["nonce"] = nil, "other" },
		"no disclosure":                    func(s *sample) { s.disclosures = nil },
		"no dates":                         func(s *sample) { delete(s.claims, "exp"); delete(s.claims, "nbf"); delete(s.claims, "iat") },
		"a fraction of a second":           func(s *sample) { s.claims["exp"] = float64(now.Unix()) + 0.5 },
		"lapsed within the leeway":         func(s *sample) { s.claims["exp"], s.policy.Leeway = now.Unix()-10, time.Minute },
		"bound on a fast clock":            func(s *sample) { s.binding["iat"], s.policy.Leeway = now.Unix()+10, time.Minute },
		"vc+sd-jwt":                        func(s *sample) { s.header["typ"] = "vc+sd-jwt" },
		"a full media type":                func(s *sample) { s.header["typ"] = "application/dc+sd-jwt" },
		"no credential: any SD-JWT":        func(s *sample) { s.header["typ"] = "example+sd-jwt"; delete(s.claims, "vct") },
		"a type of the policy":             func(s *sample) { s.header["typ"], s.policy.Types = "JWT", []string{"JWT"} },
		"for this audience among others":   func(s *sample) { s.claims["aud"] = []any{"https://b.example", asked.Audience} },
		"a header that nobody understands": func(s *sample) { s.header["kid"] = 42 },
		"another way to tell the status":   func(s *sample) { s.claims["status"] = object{"other": true} },
		"an issuer on P-384":               func(s *sample) { s.issuer = p384(t, 1) },
		"an issuer with Ed25519":           func(s *sample) { s.issuer = ed25519Signer(1) },
		"a holder with Ed25519": func(s *sample) {
			s.holder = ed25519Signer(2)
			s.claims["cnf"] = object{"jwk": s.holder.jwk}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSample(t)
			change(s)
			if _, err := sdjwt.Verify(s.text(t), s.issuer.key(t), s.policy); err != nil {
				t.Error(err)
			}
		})
	}
}

// One defect each, named by its name; want is part of what is said of it.
func TestVerifyRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*sample)
		want  string
	}{
		"alg none":             {func(s *sample) { s.header["alg"] = "none" }, "alg is not"},
		"alg HS256":            {func(s *sample) { s.header["alg"] = "HS256" }, "alg is not"},
		"alg of another curve": {func(s *sample) { s.header["alg"] = "ES384" }, "alg is not"},
		"alg not a name":       {func(s *sample) { s.header["alg"] = []any{"ES256"} }, "alg is not"},
		"critical extension":   {func(s *sample) { s.header["crit"] = []any{"b64"} }, "crit"},
		"signed by another":    {func(s *sample) { s.issuer = &signer{"ES256", s.issuer.jwk, s.holder.sign} }, "issuer-signed JWT: the signature"},
		"empty signature":      {func(s *sample) { s.issuer = &signer{"ES256", s.issuer.jwk, func([]byte) []byte { return nil }} }, "the signature"},
		"signature of zeros": {func(s *sample) {
			s.issuer = &signer{"ES256", s.issuer.jwk, func([]byte) []byte { return make([]byte, 64) }}
		}, "the signature"},
		"no typ":                {func(s *sample) { delete(s.header, "typ") }, "typ"},
		"typ of another JWT":    {func(s *sample) { s.header["typ"] = "JWT" }, "typ"},
		"typ of a key binding":  {func(s *sample) { s.header["typ"] = "kb+jwt" }, "typ"},
		"vct with a plain typ":  {func(s *sample) { s.header["typ"] = "example+sd-jwt" }, "typ"},
		"lapsed":                {func(s *sample) { s.claims["exp"] = now.Unix() }, "expired"},
		"not valid yet":         {func(s *sample) { s.claims["nbf"] = now.Unix() + 1 }, "not valid yet (nbf)"},
		"issued in the future":  {func(s *sample) { s.claims["iat"] = now.Unix() + 1 }, "not valid yet (iat)"},
		"exp a string":          {func(s *sample) { s.claims["exp"] = "1883000000" }, "exp is not a number"},
		"exp beyond all time":   {func(s *sample) { s.claims["exp"] = 1e300 }, "exp is no time"},
		"exp before 1970":       {func(s *sample) { s.claims["exp"] = -1 }, "exp is no time"},
		"for another audience":  {func(s *sample) { s.claims["aud"] = "https://b.example" }, "another audience"},
		"vct not a name":        {func(s *sample) { s.claims["vct"] = 1 }, "vct"},
		"iss not a string":      {func(s *sample) { s.claims["iss"] = []any{} }, "iss"},
		"status not an object":  {func(s *sample) { s.claims["status"] = "ok" }, "status"},
		"status without an idx": {func(s *sample) { s.claims["status"] = object{"status_list": object{"uri": "u"}} }, "status"},
		"status idx negative":   {func(s *sample) { s.claims["status"] = object{"status_list": object{"uri": "u", "idx": -1}} }, "status"},

		"unknown hash":                  {func(s *sample) { s.claims["_sd_alg"] = "sha-1" }, "_sd_alg"},
		"another hash":                  {func(s *sample) { s.claims["_sd_alg"] = "sha-512" }, "belongs to no digest"},
		"hash not a name":               {func(s *sample) { s.claims["_sd_alg"] = nil }, "_sd_alg"},
		"disclosure twice":              {func(s *sample) { s.disclosures = append(s.disclosures, s.disclosures[0]) }, "given twice"},
		"disclosure of nothing":         {func(s *sample) { s.disclosures = append(s.disclosures, disclosing(t, "s", "age_over_18", true)) }, "no digest"},
		"disclosure without its parent": {func(s *sample) { s.disclosures = s.disclosures[1:] }, "no digest"},
		"digest twice":                  {func(s *sample) { s.claims["_sd"] = append(s.claims["_sd"].([]any), s.claims["_sd"].([]any)[0]) }, "a digest is given twice"},
		"decoy twice":                   {func(s *sample) { s.claims["_sd"] = []any{"x", "x"} }, "a digest is given twice"},
		"_sd not an array":              {func(s *sample) { s.claims["_sd"] = "x" }, "_sd is not an array"},
		"digest not a string":           {func(s *sample) { s.claims["_sd"] = []any{1} }, "a digest is not a string"},
		"element digest not a string":   {func(s *sample) { s.claims["nationalities"] = []any{object{"...": 1}} }, "a digest is not a string"},
		"element digest with a claim":   {func(s *sample) { s.claims["nationalities"] = []any{object{"...": "x", "a": 1}} }, "beside a claim"},
		"element digest outside":        {func(s *sample) { s.claims["a"] = object{"...": "x"} }, "outside of an array"},
		"claim where an element is": {func(s *sample) {
			d := disclosing(t, "s", "name", "value")
			s.disclosures = append(s.disclosures, d)
			s.claims["list"] = []any{object{"...": digest("sha-256", d)}}
		}, "where an element belongs"},
		"element where a claim is":     {func(s *sample) { s.disclose(t, "s", "value") }, "where a claim belongs"},
		"claim named _sd":              {func(s *sample) { s.disclose(t, "s", "_sd", []any{}) }, "reserved"},
		"claim named ...":              {func(s *sample) { s.disclose(t, "s", "...", "x") }, "reserved"},
		"claim named _sd_alg":          {func(s *sample) { s.disclose(t, "s", "_sd_alg", "sha-256") }, "reserved"},
		"claim over a signed one":      {func(s *sample) { s.disclose(t, "s", "vct", "urn:other") }, "name of one beside it"},
		"claim over a disclosed one":   {func(s *sample) { s.disclose(t, "s", "age_equal_or_over", object{"21": true}) }, "name of one beside it"},
		"claims in claims without end": {func(s *sample) { s.nest(t, 40) }, "nested too deep"},
		"exp that may be kept back": {func(s *sample) {
			delete(s.claims, "exp")
			s.disclose(t, "s", "exp", now.Unix()+3600)
		}, "exp is a disclosure"},
		"status that may be kept back": {func(s *sample) {
			delete(s.claims, "status")
			s.disclose(t, "s", "status", object{})
		}, "status is a disclosure"},
		"holder's key that may be kept back": {func(s *sample) {
			delete(s.claims, "cnf")
			s.disclose(t, "s", "cnf", object{"jwk": s.holder.jwk})
		}, "cnf is a disclosure"},

		"no key binding":           {func(s *sample) { s.binding = nil }, "there is none"},
		"no holder key":            {func(s *sample) { delete(s.claims, "cnf") }, "no key for it"},
		"holder key by reference":  {func(s *sample) { s.claims["cnf"] = object{"kid": "1"} }, "no key for it"},
		"holder key off its curve": {func(s *sample) { s.holderKey("x", base64url(make([]byte, 32))) }, "not on its curve"},
		"holder key given away":    {func(s *sample) { s.holderKey("d", base64url(scalar(32, 2))) }, "private key"},
		"bound by another":         {func(s *sample) { s.holder = p256(t, 3) }, "key binding: the signature"},
		"bound by HMAC":            {func(s *sample) { s.holder.alg = "HS256" }, "alg is not"},
		"another nonce":            {func(s *sample) { s.binding["nonce"] = "n-2" }, "nonce"},
		"no nonce":                 {func(s *sample) { delete(s.binding, "nonce") }, "nonce"},
		"another verifier":         {func(s *sample) { s.binding["aud"] = "https://b.example" }, "aud"},
		"several verifiers":        {func(s *sample) { s.binding["aud"] = []any{asked.Audience} }, "aud"},
		"bound without a time":     {func(s *sample) { delete(s.binding, "iat") }, "no iat"},
		"bound long ago":           {func(s *sample) { s.binding["iat"] = now.Add(-sdjwt.DefaultWindow).Unix() - 1 }, "too long ago"},
		"bound in the future":      {func(s *sample) { s.binding["iat"] = now.Unix() + 1 }, "not valid yet"},
		"binding lapsed":           {func(s *sample) { s.binding["exp"] = now.Unix() }, "expired"},
		"bound to other disclosures": {func(s *sample) {
			s.binding["sd_hash"] = digest("sha-256", s.issuer.signed(t, s.header, s.claims)+"~")
		}, "sd_hash"},
		"no sd_hash":                {func(s *sample) { s.binding["sd_hash"] = nil }, "sd_hash"},
		"policy without a time":     {func(s *sample) { s.policy.At = time.Time{} }, "needs a time"},
		"policy without a nonce":    {func(s *sample) { s.policy.Binding = &sdjwt.Binding{Audience: asked.Audience} }, "needs a nonce"},
		"bad binding, none asked":   {func(s *sample) { s.policy.Binding, s.holder = nil, p256(t, 3) }, "key binding: the signature"},
		"stray binding, none asked": {func(s *sample) { s.policy.Binding = nil; delete(s.claims, "cnf") }, "no key for it"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSample(t)
			c.spoil(s)
			got, err := sdjwt.Verify(s.text(t), s.issuer.key(t), s.policy)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
			if got != nil {
				t.Error("a credential all the same")
			}
		})
	}
}

// holderKey changes the holder's key in the credential, not in the holder.
func (s *sample) holderKey(name, value string) {
	jwk := maps.Clone(s.holder.jwk)
	jwk[name] = value
	s.claims["cnf"] = object{"jwk": jwk}
}

// nest discloses objects in objects, each in its own disclosure.
func (s *sample) nest(t *testing.T, levels int) {
	inner := object{}
	for range levels {
		d := disclosing(t, "s", "a", object{"b": inner})
		s.disclosures = append(s.disclosures, d)
		inner = object{"_sd": []any{digest("sha-256", d)}}
	}
	s.claims["deep"] = inner
}

// A presentation with one bit flipped is refused, wherever the bit is.
func TestVerifyFlips(t *testing.T) {
	s := newSample(t)
	text, key := []byte(s.text(t)), s.issuer.key(t)
	for i := range text {
		for bit := range 8 {
			text[i] ^= 1 << bit
			if _, err := sdjwt.Verify(string(text), key, s.policy); err == nil {
				t.Errorf("accepted with bit %d of byte %d flipped", bit, i)
			}
			text[i] ^= 1 << bit
		}
	}
	if _, err := sdjwt.Verify(string(text), key, s.policy); err != nil {
		t.Error(err)
	}
}

// A presentation cut anywhere but after its last ~ is refused, and there too
// when a key binding is asked for.
func TestVerifyTruncated(t *testing.T) {
	s := newSample(t)
	text, key := s.text(t), s.issuer.key(t)
	for n := range len(text) {
		if _, err := sdjwt.Verify(text[:n], key, s.policy); err == nil {
			t.Errorf("accepted cut to %d of %d bytes", n, len(text))
		}
	}
}
