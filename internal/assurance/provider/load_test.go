package provider

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func load(t *testing.T, text string) ([]Configured, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "providers.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return Load(t.Context(), path, NewClient(), time.Now)
}

func TestLoad(t *testing.T) {
	t.Setenv("TEST_KEY", "a key of the tests")
	t.Setenv("TEST_SECRET", "a secret of the tests, long enough")
	got, err := load(t, `
providers:
  - {name: yoti, protocol: yoti, methods: [facial_estimation, photo_id], level: standard, api: "https://age.yoti.example", key: {env: TEST_KEY}, sdk: sdk-1}
  - {name: k-id, protocol: k-id, methods: [photo_id], level: standard, api: "https://game-api.k-id.example/api/v1", key: {env: TEST_KEY}, secret: {env: TEST_SECRET}, estimate_age: 25}
  - {name: ours, protocol: webhook, methods: [mobile_operator], level: enhanced, page: "http://127.0.0.1:9/check", secret: {env: TEST_SECRET}}
  - {name: agekey, protocol: oidc, methods: [agekey], level: standard, page: "https://api.agekey.example/v1/oidc/use", client_id: c, issuer: "https://agekey.example", keys: "https://api.agekey.example/jwks"}
`)
	if err != nil {
		t.Fatal(err)
	}
	hosts := ""
	for _, c := range got {
		if c.Remote == nil || c.Returns != (c.Name == "agekey") || c.Signed != c.Returns {
			t.Errorf("%+v", c)
		}
		hosts += c.Host + " "
	}
	if want := "age.yoti.example *.k-id.example 127.0.0.1:9 api.agekey.example "; hosts != want {
		t.Errorf("hosts %q, want %q", hosts, want)
	}
}

func TestLoadNamesEachFault(t *testing.T) {
	t.Setenv("TEST_SHORT", "short")
	_, err := load(t, `
providers:
  - {name: Yoti Ltd, protocol: carrier-pigeon, methods: [self_declaration], level: asserted}
  - {name: hook, protocol: webhook, methods: [photo_id], level: standard, page: "http://ages.example/", secret: {env: TEST_SHORT}}
  - {name: hook, protocol: webhook, methods: [photo_id], level: standard, page: "https://u:p@ages.example/"}
  - {name: kid, protocol: k-id, methods: [photo_id], level: standard, api: "ftp://x", key: {file: /nowhere/key}, secret: {env: TEST_NONE}}
  - {name: oidc, protocol: oidc, methods: [agekey, digital_id], level: standard, page: "https://a.example", keys: "x"}
  - {name: yoti, protocol: yoti, methods: [], level: standard, api: "https://a.example", key: {env: TEST_SHORT}}
`)
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		"provider 1 (Yoti Ltd): name must be", `"self_declaration" is none of`, `level "asserted"`, `protocol "carrier-pigeon"`,
		"provider 2 (hook): page must be an https address", "secret has fewer than 24 bytes", "provider 3 (hook): page must be", "secret must say where it stands", "name is there twice",
		"provider 4 (kid): api must be", "/nowhere/key", "secret has fewer than 16", "estimate_age",
		"provider 5 (oidc): keys must be", "client_id or issuer is missing", "stands for one",
		"provider 6 (yoti): methods is empty", "sdk is missing",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %q:\n%v", want, err)
		}
	}
	if _, err := load(t, "providers: [{name: x, key: abc}]"); err == nil {
		t.Error("a secret in the file itself was read")
	}
	if _, err := load(t, "providers: [{name: x, colour: red}]"); err == nil || !strings.Contains(err.Error(), "colour") {
		t.Errorf("an unknown key: %v", err)
	}
	if _, err := Load(t.Context(), "/nowhere/providers.yaml", nil, nil); err == nil {
		t.Error("no file")
	}
}
