// Package token has others' software meet ours: the browser's client, which is
// built on @cloudflare/blindrsa-ts, at a running server; and the Go client at
// an issuer that is made of that library alone.
package token

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/breakwater-project/breakwater/agetoken"
	"github.com/breakwater-project/breakwater/internal/app"
	"github.com/breakwater-project/breakwater/internal/assurance/token"
	"github.com/breakwater-project/breakwater/internal/config"
)

const (
	host    = "age.example.org"
	says    = "over-18.strict"
	browser = "../../agetoken/browser"
)

var adult = token.Statement{Over: 18, Class: agetoken.Strict}

// needNode skips where the tools are missing, and names them.
func needNode(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("runs Node")
	}
	for tool, pkg := range map[string]string{"node": "nodejs", "npm": "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is missing: on Debian, apt-get install %s (or run `make test`, which installs it)", tool, pkg)
		}
	}
	if _, err := os.Stat(filepath.Join(browser, "node_modules")); err == nil {
		return
	}
	install := exec.CommandContext(t.Context(), "npm", "ci", "--no-audit", "--no-fund")
	install.Dir = browser
	if output, err := install.CombinedOutput(); err != nil {
		t.Fatalf("npm ci: %v\n%s", err, output)
	}
}

// issuer is a running server that issues.
type issuer struct {
	*app.Temporary
	cfg *config.Config
}

func startIssuer(t *testing.T) issuer {
	t.Helper()
	var cfg *config.Config
	var made error
	s, err := app.StartTemporary(context.WithoutCancel(t.Context()), func(c *config.Config) {
		c.Tokens.Issuer, c.Tokens.Issue = host, []string{says}
		cfg, made = c, makeKeys(t.Context(), c)
	}, app.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if made != nil {
		t.Fatal(made)
	}
	return issuer{s, cfg}
}

// makeKeys makes the issuer's keys before the server would.
func makeKeys(ctx context.Context, cfg *config.Config) error {
	keys, closeKeys, err := app.OpenTokenKeys(ctx, cfg)
	if err != nil {
		return err
	}
	return errors.Join(keys.Ready(ctx), closeKeys())
}

func (i issuer) grant(t *testing.T, n int) string {
	t.Helper()
	grant, err := app.GrantTokens(t.Context(), i.cfg, adult, n)
	if err != nil {
		t.Fatal(err)
	}
	return grant
}

// redeem spends a token at the server, with what else the body has.
func (i issuer) redeem(t *testing.T, tok, more string, want int) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, i.URL()+"/v1/age/tokens/redeem", strings.NewReader(`{"token":"`+tok+`"`+more+`}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+i.AdminKey)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != want {
		t.Errorf("redeem: %d %s, %v, want %d", resp.StatusCode, body, err, want)
	}
}

// node runs a script of this folder with variables, and gives what it prints.
func node(t *testing.T, script string, variables ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "node", script)
	cmd.Env = append(os.Environ(), variables...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if stderr.Len() > 0 {
		t.Logf("%s: %s", script, stderr.Bytes())
	}
	return strings.TrimSpace(string(out)), err
}

func (i issuer) variables(grant string, count int, more ...string) []string {
	return append([]string{"ISSUER=" + i.URL(), "HOST=" + host, "GRANT=" + grant, "SAYS=" + says, fmt.Sprintf("COUNT=%d", count)}, more...)
}

// genuine checks tokens offline, with public keys alone.
func (i issuer) genuine(t *testing.T, c agetoken.Challenge, lines []string) {
	t.Helper()
	d, err := (&agetoken.Client{URL: i.URL()}).Directory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := agetoken.NewVerifier(c, d.Keys...)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, line := range lines {
		b, err1 := base64.RawURLEncoding.DecodeString(line)
		tok, err2 := agetoken.ParseToken(b)
		name, err3 := verifier.Verify(tok)
		if err := errors.Join(err1, err2, err3); err != nil || name.Over != 18 || name.Class != agetoken.Strict || seen[line] {
			t.Errorf("%v %v, there already: %t", name, err, seen[line])
		}
		seen[line] = true
	}
}

func challenge(t *testing.T, context []byte, origins ...string) agetoken.Challenge {
	t.Helper()
	c, err := agetoken.NewChallenge(host, context, origins...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestBrowserClient(t *testing.T) {
	needNode(t)
	i := startIssuer(t)
	grant := i.grant(t, 5)
	out, err := node(t, "device.js", i.variables(grant, 3)...)
	lines := strings.Fields(out)
	if err != nil || len(lines) != 3 {
		t.Fatalf("%v\n%s", err, out)
	}
	i.genuine(t, challenge(t, nil), lines)
	i.redeem(t, lines[0], "", 200)
	i.redeem(t, lines[0], "", 409)
	if out, err := node(t, "device.js", i.variables(grant, 1, "SAYS=over-18")...); err != nil {
		t.Errorf("of whatever class: %v %s", err, out)
	}

	// Bound to a session of one site.
	session := strings.Repeat("s", 32)
	out, err = node(t, "device.js", i.variables(grant, 1, "CONTEXT="+session, "ORIGIN=site.example")...)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	i.genuine(t, challenge(t, []byte(session), "site.example"), strings.Fields(out))
	i.redeem(t, out, "", 422)
	i.redeem(t, out, `,"context":"`+base64.RawURLEncoding.EncodeToString([]byte(session))+`","origins":["site.example"]`, 200)
}

// What the browser's client refuses, and what it is told when it is refused.
func TestBrowserClientRefuses(t *testing.T) {
	needNode(t)
	i := startIssuer(t)
	resp, err := http.Get(i.URL() + agetoken.DirectoryPath)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	directory, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256(directory)
	js := startJavaScriptIssuer(t)
	for name, tc := range map[string]struct {
		variables []string
		says      string
	}{
		"no grant":          {i.variables("none", 1), "There is no such grant"},
		"too few left":      {i.variables(i.grant(t, 2), 3), "fewer tokens left"},
		"too many":          {i.variables(i.grant(t, 2), 31), "Between 1 and 30"},
		"another age":       {i.variables(i.grant(t, 2), 1, "SAYS=over-21.strict"), "no key over-21.strict for"},
		"another directory": {i.variables(i.grant(t, 2), 1, "PIN="+strings.Repeat("0", 64)), "other keys than it should"},
		"another key":       {i.variables("another", 1, "ISSUER="+js), "invalid signature"},
	} {
		out, err := node(t, "device.js", tc.variables...)
		var answer struct{ Error string }
		if err == nil || json.Unmarshal([]byte(out), &answer) != nil || !strings.Contains(answer.Error, tc.says) {
			t.Errorf("%s: %s, want %q", name, out, tc.says)
		}
	}
	if out, err := node(t, "device.js", i.variables(i.grant(t, 1), 1, "PIN="+hex.EncodeToString(digest[:]))...); err != nil {
		t.Errorf("with the right pin: %v %s", err, out)
	}
}

// startJavaScriptIssuer is the address of an issuer made of the npm library.
func startJavaScriptIssuer(t *testing.T) string {
	t.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), "node", "issuer.js") // the cleanup ends it
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(stdin.Close(), cmd.Wait()); err != nil {
			t.Error(err)
		}
	})
	line := bufio.NewScanner(stdout)
	if !line.Scan() {
		t.Fatal("the issuer ended before it listened")
	}
	return line.Text()
}

// The Go client, at an issuer that others' software makes.
func TestGoClient(t *testing.T) {
	needNode(t)
	url := startJavaScriptIssuer(t)
	client := &agetoken.Client{URL: url, Host: host}
	tokens, err := client.Tokens(t.Context(), "any", 18, agetoken.Strict, 2)
	if err != nil {
		t.Fatal(err)
	}
	d, err := client.Directory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := agetoken.NewVerifier(challenge(t, nil), d.Keys...)
	if err != nil {
		t.Fatal(err)
	}
	for _, tok := range tokens {
		if name, err := verifier.Verify(tok); err != nil || name.Over != 18 {
			t.Errorf("%v, %v", name, err)
		}
	}
	if _, err := client.Tokens(t.Context(), "another", 18, agetoken.Strict, 1); !errors.Is(err, agetoken.ErrSignature) {
		t.Errorf("signed with a key that is not published: %v", err)
	}
}

// The page of a platform, in a browser, at an issuer of another origin.
func TestInChromium(t *testing.T) {
	needNode(t)
	chromium := os.Getenv("CHROMIUM")
	if chromium == "" {
		chromium = "/usr/bin/chromium"
	}
	if _, err := os.Stat(chromium); err != nil {
		t.Skipf("Chromium is missing at %s: on Debian, apt-get install chromium (or run `make test`), elsewhere set CHROMIUM", chromium)
	}
	if _, err := os.Stat("../browser/node_modules/playwright-core"); err != nil {
		t.Skip("test/browser has no node_modules: run scripts/browser.sh")
	}
	i := startIssuer(t)
	out, err := node(t, "chromium.js", i.variables(i.grant(t, 2), 2, "CHROMIUM="+chromium)...)
	lines := strings.Fields(out)
	if err != nil || len(lines) != 2 {
		t.Fatalf("%v\n%s", err, out)
	}
	i.genuine(t, challenge(t, nil), lines)
	i.redeem(t, lines[1], "", 200)
}
