package sdjwt_test

import (
	"bytes"
	"crypto"
	"crypto/elliptic"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"

	"github.com/breakwater-project/breakwater/sdjwt"
)

// vectors is the folder with the cases of others; see README there.
func vectors(t testing.TB) string {
	t.Helper()
	folder := os.Getenv("BREAKWATER_VECTORS")
	if folder == "" {
		folder = filepath.Join("..", "..", "shared", "vectors")
	}
	folder = filepath.Join(folder, "sdjwt")
	if _, err := os.Stat(folder); errors.Is(err, fs.ErrNotExist) {
		t.Skipf("no vectors at %s: set BREAKWATER_VECTORS", folder)
	}
	return folder
}

// settings are the keys and dates that all cases share.
type settings struct {
	Identifiers struct{ Issuer, Verifier string }
	Keys        struct {
		Issuers []map[string]string `yaml:"issuer_keys"`
		Holder  map[string]string   `yaml:"holder_key"`
	} `yaml:"key_settings"`
	Nonce    string `yaml:"key_binding_nonce"`
	Iat, Exp int64
}

// specification is one case. What is tagged !sd in the user's claims is
// disclosable.
type specification struct {
	Claims   yaml.Node      `yaml:"user_claims"`
	Chosen   any            `yaml:"holder_disclosed_claims"`
	Expected any            `yaml:"expect_verified_user_claims"`
	Header   map[string]any `yaml:"extra_header_parameters"`
	Bound    bool           `yaml:"key_binding"`
	Format   string         `yaml:"serialization_format"`
}

// Issuing has random salts, so the cases say what is issued, what is chosen
// and what must come out; an issuer and a holder in this test do the rest.
func TestVectors(t *testing.T) {
	folder := vectors(t)
	var all settings
	readYAML(t, filepath.Join(folder, "settings.yml"), &all)
	cases, err := filepath.Glob(filepath.Join(folder, "*", "specification.yml"))
	if err != nil || len(cases) < 10 {
		t.Fatalf("%d cases, %v", len(cases), err)
	}
	for _, path := range cases {
		var spec specification
		readYAML(t, path, &spec)
		for alg := range hashes {
			t.Run(filepath.Base(filepath.Dir(path))+"/"+alg, func(t *testing.T) {
				spec.run(t, all, alg)
			})
		}
	}
}

func (spec *specification) run(t *testing.T, all settings, alg string) {
	issuer, holder := vectorSigner(t, all.Keys.Issuers[0]), vectorSigner(t, all.Keys.Holder)
	c := concealer{t: t, alg: alg}.conceal(&spec.Claims)
	claims := c.value.(object)
	want := normal(t, spec.Expected).(object)
	registered := object{"iss": all.Identifiers.Issuer, "iat": all.Iat, "exp": all.Exp, "cnf": object{"jwk": holder.jwk}}
	for name, v := range registered {
		claims[name], want[name] = v, normal(t, v)
	}
	claims["_sd_alg"] = alg
	header := object{"typ": "example+sd-jwt"}
	for name, v := range spec.Header {
		header[name] = v
	}
	policy := sdjwt.Policy{At: time.Unix(all.Iat+60, 0)}
	binding := object{"nonce": all.Nonce, "aud": all.Identifiers.Verifier, "iat": all.Iat + 30}
	if spec.Bound {
		policy.Binding = &sdjwt.Binding{Nonce: all.Nonce, Audience: all.Identifiers.Verifier}
	} else {
		holder = nil
	}
	token, chosen := issuer.signed(t, header, claims), c.chosen(spec.Chosen)
	unbound := presentation(t, token, chosen, nil, nil)
	binding["sd_hash"] = digest(alg, unbound)
	text := presentation(t, token, chosen, holder, binding)
	if spec.Format == "json" {
		var err error
		if text, err = sdjwt.FromJSON(flattened(t, text)); err != nil {
			t.Fatal(err)
		}
	}
	got, err := sdjwt.Verify(text, issuer.key(t), policy)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got.Claims); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}
	if got.Bound != spec.Bound {
		t.Errorf("bound is %v, want %v", got.Bound, spec.Bound)
	}
}

// concealer issues what is tagged !sd as disclosures, and a decoy for each.
type concealer struct {
	t   testing.TB
	alg string
}

func (c concealer) conceal(node *yaml.Node) concealed {
	out := concealed{parts: map[string]part{}}
	switch node.Kind {
	case yaml.MappingNode:
		claims, digests := object{}, []any{}
		for i := 0; i < len(node.Content); i += 2 {
			name, inner := node.Content[i].Value, c.conceal(node.Content[i+1])
			p := part{concealed: inner}
			if node.Content[i].Tag == "!sd" {
				p.disclosure = disclosing(c.t, salt(node.Content[i]), name, inner.value)
				digests = append(digests, digest(c.alg, p.disclosure), digest(c.alg, "decoy"+p.disclosure))
			} else {
				claims[name] = inner.value
			}
			out.parts[name] = p
		}
		if len(digests) > 0 {
			claims["_sd"] = digests
		}
		out.value = claims
	case yaml.SequenceNode:
		elements := []any{}
		for i, element := range node.Content {
			inner := c.conceal(element)
			p := part{concealed: inner}
			v := inner.value
			if element.Tag == "!sd" {
				p.disclosure = disclosing(c.t, salt(element), inner.value)
				elements = append(elements, object{"...": digest(c.alg, "decoy"+p.disclosure)})
				v = object{"...": digest(c.alg, p.disclosure)}
			}
			elements = append(elements, v)
			out.parts[fmt.Sprint(i)] = p
		}
		out.value = elements
	default:
		plain := *node
		plain.Tag, plain.Style = "", node.Style&^yaml.TaggedStyle
		if err := plain.Decode(&out.value); err != nil {
			c.t.Fatal(err)
		}
	}
	return out
}

// salt is different for each place in a case.
func salt(node *yaml.Node) string { return fmt.Sprintf("salt of %d:%d", node.Line, node.Column) }

func vectorSigner(t *testing.T, jwk map[string]string) *signer {
	d, err := base64.RawURLEncoding.DecodeString(jwk["d"])
	if err != nil {
		t.Fatal(err)
	}
	s := ecSigner(t, elliptic.P256(), "ES256", crypto.SHA256, d)
	if s.jwk["x"] != jwk["x"] || s.jwk["y"] != jwk["y"] {
		t.Fatal("the public key is not the private key's")
	}
	return s
}

// flattened is a presentation in the JSON serialization (RFC 9901 §8.2).
func flattened(t *testing.T, text string) []byte {
	parts := strings.Split(text, "~")
	last := len(parts) - 1
	token := strings.Split(parts[0], ".")
	header := object{"disclosures": parts[1:last]}
	if parts[last] != "" {
		header["kb_jwt"] = parts[last]
	}
	return encode(t, object{"protected": token[0], "payload": token[1], "signature": token[2], "header": header})
}

// normal is a value as the package decodes it from JSON.
func normal(t *testing.T, v any) any {
	d := json.NewDecoder(bytes.NewReader(encode(t, v)))
	d.UseNumber()
	var out any
	if err := d.Decode(&out); err != nil {
		t.Fatal(err)
	}
	return out
}

func readYAML(t *testing.T, path string, v any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(data, v); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}
