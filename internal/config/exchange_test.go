package config_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/breakwater-project/breakwater/internal/config"
)

const exchanges = `
exchanges:
  ncmec-csam:
    protocol: ncmec
    bank: known
    user: somebody
    password: "s3cret: with # signs"
  ours:
    protocol: file
    bank: ours
    url: /var/lib/lists/ours.txt
    kind: pdq
    every: 1h
`

func TestExchanges(t *testing.T) {
	want := config.Exchanges{
		"ncmec-csam": {Protocol: "ncmec", Bank: "known", User: "somebody", Password: "s3cret: with # signs", Every: 15 * time.Minute},
		"ours":       {Protocol: "file", Bank: "ours", URL: "/var/lib/lists/ours.txt", Kind: "pdq", Every: time.Hour},
	}
	c := load(t, config.Source{File: write(t, exchanges)})
	if diff := cmp.Diff(want, c.Exchanges); diff != "" {
		t.Errorf("from a file (-want +got):\n%s", diff)
	}
	c = load(t, config.Source{Environ: []string{
		`BREAKWATER_EXCHANGES={"ours":{"protocol":"file","bank":"ours","url":"/var/lib/lists/ours.txt","kind":"pdq","every":"1h"}}`,
	}})
	if diff := cmp.Diff(config.Exchanges{"ours": want["ours"]}, c.Exchanges); diff != "" {
		t.Errorf("from a variable (-want +got):\n%s", diff)
	}
	if c := load(t, config.Source{File: write(t, "exchanges: {}\n")}); len(c.Exchanges) != 0 {
		t.Errorf("none: %v", c.Exchanges)
	}
}

func TestExchangesShowNoSecret(t *testing.T) {
	c := load(t, config.Source{File: write(t, exchanges)})
	var out bytes.Buffer
	if _, err := c.WriteTo(&out); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&out, "%v %+v %#v %s", c.Exchanges, c.Exchanges, c.Exchanges, c.Exchanges["ncmec-csam"].Password)
	if strings.Contains(out.String(), "s3cret") || !strings.Contains(out.String(), "********") {
		t.Errorf("a secret, or no mask:\n%s", out.String())
	}
	again := load(t, config.Source{File: write(t, "exchanges: "+c.Exchanges.String()+"\n")})
	if again.Exchanges["ours"] != c.Exchanges["ours"] {
		t.Errorf("what is printed is not read again: %v", again.Exchanges)
	}
}

func TestWrongExchanges(t *testing.T) {
	for text, want := range map[string]string{
		`exchanges: [a]`:                  "must be",
		`exchanges: {a: b}`:               "a (line 1): must be settings by name",
		`exchanges: {a: {protocol: ftp}}`: "protocol must be one of",
		`exchanges: {a: {protocol: ncmec, bank: b, user: s3cret}}`:                                  "ncmec needs password",
		`exchanges: {a: {protocol: file, bank: b, url: /x, every: 1s}}`:                             "every must be",
		`exchanges: {a: {protocol: file, bank: b, url: /x, colour: s3cret}}`:                        "unknown key colour",
		`exchanges: {a: {protocol: file, bank: b, url: [s3cret]}}`:                                  "url must be one value",
		`exchanges: {"A b": {protocol: file, bank: b, url: /x}}`:                                    "a name must be",
		`exchanges: {a: {protocol: file, bank: b, url: /x}, a: {protocol: file, bank: b, url: /x}}`: "twice",
	} {
		_, err := config.Load(config.Source{File: write(t, text)})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}
