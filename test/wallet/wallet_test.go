// Package wallet has wallets made by others answer the server's age checks:
// npm libraries for mdocs, SD-JWT VCs and OpenID4VP, over HTTP. The wallet is
// wallet.js; what it is to do, and what must come of it, is here.
package wallet

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/breakwater-project/breakwater/internal/app"
	"github.com/breakwater-project/breakwater/internal/assurance/wallet/wallettest"
	"github.com/breakwater-project/breakwater/internal/config"
)

// pid is the type of an SD-JWT VC that is believed by default.
const pid = "urn:eudi:pid:1"

// world is a running server that trusts an issuer, and that issuer.
type world struct {
	*app.Temporary
	issuer  *wallettest.Issuer
	log     *lines
	data    string   // its folder
	secrets [][]byte // what the wallet's answers had in them

	tasks io.Writer // of the wallet
	said  *json.Decoder
}

// lines is a log that many write.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func start(t *testing.T, change func(*config.Config)) *world {
	t.Helper()
	needs(t)
	w := &world{issuer: wallettest.NewIssuer(t, time.Now()), log: &lines{}}
	roots := filepath.Join(t.TempDir(), "roots.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: w.issuer.Root.Raw})
	if err := os.WriteFile(roots, text, 0o600); err != nil {
		t.Fatal(err)
	}
	server, err := app.StartTemporary(context.WithoutCancel(t.Context()), func(c *config.Config) {
		c.Age.AVRoots, c.Age.MDLRoots, c.Age.CredentialIssuers = []string{roots}, []string{roots}, []string{roots}
		c.Age.Origins = []string{"https://platform.example"}
		if err := c.Log.Level.UnmarshalText([]byte("DEBUG")); err != nil {
			t.Error(err)
		}
		w.data = c.Data
		if change != nil {
			change(c)
		}
	}, app.Options{Log: w.log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	w.Temporary = server
	w.openWallet(t)
	return w
}

// openWallet starts the wallet, until the test ends.
func (w *world) openWallet(t *testing.T) {
	t.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), "node", "wallet.js")
	cmd.Stderr = os.Stderr
	tasks, err1 := cmd.StdinPipe()
	said, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(tasks.Close(), cmd.Wait()); err != nil {
			t.Errorf("wallet: %v", err)
		}
	})
	w.tasks, w.said = tasks, json.NewDecoder(said)
}

// needs skips, with the name of what is missing, or installs the wallet's
// libraries.
func needs(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("starts node and servers")
	}
	for tool, pkg := range map[string]string{"node": "nodejs", "npm": "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is missing: on Debian, apt-get install %s (or run `make test`, which installs it)", tool, pkg)
		}
	}
	if _, err := os.Stat("node_modules/@owf/mdoc"); err != nil {
		// Not ci, which asks for native builds for other machines that a registry
		// may lack; versions and digests are those of the lock file all the same.
		output, err := exec.CommandContext(t.Context(), "npm", "install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund").CombinedOutput()
		if err != nil {
			t.Fatalf("npm install: %v\n%s", err, output)
		}
	}
}

type object = map[string]any

// call calls the API and wants the status; nil is any.
func (w *world) call(t *testing.T, method, path string, body any, status int) object {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	if body == nil {
		text = nil
	}
	r, err := http.NewRequestWithContext(t.Context(), method, w.URL()+path, bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+w.AdminKey)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != status {
		t.Fatalf("%s %s: %d %s", method, path, resp.StatusCode, answer)
	}
	var o object
	if err := json.Unmarshal(answer, &o); err != nil {
		t.Fatalf("%s: %v", answer, err)
	}
	return o
}

// session begins an age check of flow platform.
func (w *world) session(t *testing.T, account string) object {
	t.Helper()
	return w.call(t, "POST", "/v1/age/sessions", object{
		"account": account, "profile": "GB-HEAA-18", "flow": "platform", "return_url": "https://platform.example/back?a=1", "tokens": 3,
	}, http.StatusOK)
}

// link is the session's link for a kind of wallet.
func link(t *testing.T, session object, wallet string) string {
	t.Helper()
	for _, l := range session["wallets"].(object)["links"].([]any) {
		if l.(object)["wallet"] == wallet {
			return l.(object)["uri"].(string)
		}
	}
	t.Fatalf("no link for %s in %v", wallet, session)
	return ""
}

// api is the session's request by the Digital Credentials API in a protocol,
// the nth of them.
func api(t *testing.T, session object, protocol string, nth int) object {
	t.Helper()
	call := session["wallets"].(object)["dcapi"].(object)
	for _, r := range call["requests"].([]any) {
		if r.(object)["protocol"] == protocol {
			if nth == 0 {
				return object{"protocol": protocol, "data": r.(object)["data"], "answer": call["answer"], "origin": "https://platform.example"}
			}
			nth--
		}
	}
	t.Fatalf("no request for %s in %v", protocol, session)
	return nil
}

func av(over object) object {
	return object{"format": "mso_mdoc", "id": "av", "type": "eu.europa.ec.av.1", "namespace": "eu.europa.ec.av.1", "over": over}
}

func mdl(over object) object {
	return object{"format": "mso_mdoc", "id": "mdl", "type": "org.iso.18013.5.1.mDL", "namespace": "org.iso.18013.5.1", "over": over}
}

func vc(over object) object {
	return object{"format": "dc+sd-jwt", "id": "vc", "type": pid, "over": over}
}

var (
	yes = object{"18": true}
	no  = object{"18": false}
)

// wallet has the wallet do a task, and gives the status and JSON of what the
// server said to it.
func (w *world) wallet(t *testing.T, task object) (int, object) {
	t.Helper()
	task["issuer"] = object{"key": privateJWK(t, w.issuer.Signer), "certificate": base64.StdEncoding.EncodeToString(w.issuer.Chain.Raw)}
	text, err := json.Marshal(task)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.tasks.Write(append(text, '\n')); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Status  int
		Body    string
		Secrets []string
		Error   string
	}
	if err := w.said.Decode(&got); err != nil || got.Error != "" {
		t.Fatalf("wallet: %v %s", err, got.Error)
	}
	for _, text := range got.Secrets {
		b, err := hex.DecodeString(text)
		if err != nil || len(b) < 16 {
			t.Fatalf("secret %q: %v", text, err)
		}
		w.secrets = append(w.secrets, b)
	}
	var o object
	if err := json.Unmarshal([]byte(got.Body), &o); err != nil {
		t.Fatalf("the server said %d %s", got.Status, got.Body)
	}
	return got.Status, o
}

func privateJWK(t *testing.T, key *ecdsa.PrivateKey) object {
	t.Helper()
	point, err := key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	d, err := key.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	b64 := base64.RawURLEncoding.EncodeToString
	return object{"kty": "EC", "crv": "P-256", "x": b64(point[1:33]), "y": b64(point[33:]), "d": b64(d)}
}

// band is what the server says of an account's age.
func (w *world) band(t *testing.T, account string) (band string, proven bool) {
	t.Helper()
	age := w.call(t, "GET", "/v1/accounts/"+account, nil, http.StatusOK)["age"].(object)
	return age["band"].(string), age["proven"].(bool)
}

// complete has the browser come back, and the platform complete the session.
func (w *world) complete(t *testing.T, session, answer object) object {
	t.Helper()
	back, err := url.Parse(answer["redirect_uri"].(string))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(back.String(), "https://platform.example/back?a=1&") || back.Query().Get("session") != session["id"] {
		t.Errorf("the browser is sent to %s", back)
	}
	return w.call(t, "POST", "/v1/age/sessions/"+session["id"].(string)+"/complete", object{"response_code": back.Query().Get("response_code")}, http.StatusOK)
}

func TestWalletsByLink(t *testing.T) {
	w := start(t, nil)
	for name, tt := range map[string]struct {
		wallet   string
		document object
		state    string
		band     string
	}{
		"age attestation, direct_post":     {"eu-av", av(yes), "passed", "18+"},
		"age attestation, direct_post.jwt": {"openid4vp", av(yes), "passed", "18+"},
		"driving licence, direct_post.jwt": {"openid4vp", mdl(yes), "passed", "18+"},
		"SD-JWT VC, direct_post.jwt":       {"openid4vp", vc(yes), "passed", "18+"},
		"not over 18, direct_post":         {"eu-av", av(no), "under", "0-5"},
		"not over 18, SD-JWT VC":           {"openid4vp", vc(no), "under", "0-5"},
		"over 21":                          {"openid4vp", mdl(object{"21": true}), "passed", "18+"},
	} {
		t.Run(name, func(t *testing.T) {
			account := strings.NewReplacer(" ", "-", ",", "").Replace(name)
			session := w.session(t, account)
			status, answer := w.wallet(t, object{"link": link(t, session, tt.wallet), "document": tt.document})
			if status != http.StatusOK {
				t.Fatalf("%d %v", status, answer)
			}
			if before := w.call(t, "GET", "/v1/age/sessions/"+session["id"].(string), nil, http.StatusOK); before["state"] != "open" {
				t.Errorf("before the browser came back: %v", before)
			}
			done := w.complete(t, session, answer)
			if done["state"] != tt.state || (done["grant"] != nil) != (tt.state == "passed") {
				t.Errorf("%v", done)
			}
			if band, proven := w.band(t, account); band != tt.band || proven != (tt.state == "passed") {
				t.Errorf("band %s, proven %t", band, proven)
			}
		})
	}
}

func TestWalletsByDigitalCredentialsAPI(t *testing.T) {
	w := start(t, nil)
	for name, tt := range map[string]struct {
		protocol string
		nth      int
		document object
	}{
		"age attestation, openid4vp":    {"openid4vp-v1-unsigned", 0, av(yes)},
		"driving licence, openid4vp":    {"openid4vp-v1-unsigned", 0, mdl(yes)},
		"SD-JWT VC, openid4vp":          {"openid4vp-v1-unsigned", 0, vc(yes)},
		"age attestation, org-iso-mdoc": {"org-iso-mdoc", 0, av(yes)},
		"driving licence, org-iso-mdoc": {"org-iso-mdoc", 1, mdl(yes)},
	} {
		t.Run(name, func(t *testing.T) {
			account := strings.NewReplacer(" ", "-", ",", "").Replace(name)
			session := w.session(t, account)
			status, done := w.wallet(t, object{"api": api(t, session, tt.protocol, tt.nth), "document": tt.document})
			if status != http.StatusOK || done["state"] != "passed" || done["grant"] == nil {
				t.Fatalf("%d %v", status, done)
			}
			if band, proven := w.band(t, account); band != "18+" || !proven {
				t.Errorf("band %s, proven %t", band, proven)
			}
		})
	}
}

// What wallets made by others may do wrong.
func TestWalletsRefused(t *testing.T) {
	w := start(t, nil)
	also := func(document object) object {
		document["also"] = object{"family_name": "Doe"}
		return document
	}
	for name, task := range map[string]func(session object) object{
		"over-disclosed": func(s object) object {
			return object{"link": link(t, s, "openid4vp"), "document": also(mdl(yes))}
		},
		"over-disclosed SD-JWT VC": func(s object) object {
			return object{"link": link(t, s, "openid4vp"), "document": also(vc(yes))}
		},
		"two ages": func(s object) object {
			return object{"link": link(t, s, "eu-av"), "document": av(object{"18": true, "21": true})}
		},
		"over 16 is not over 18": func(s object) object {
			return object{"link": link(t, s, "eu-av"), "document": av(object{"16": true})}
		},
		"from another origin": func(s object) object {
			a := api(t, s, "openid4vp-v1-unsigned", 0)
			a["signed_for"] = "https://elsewhere.example"
			return object{"api": a, "document": av(yes)}
		},
		"from another origin, org-iso-mdoc": func(s object) object {
			a := api(t, s, "org-iso-mdoc", 0)
			a["signed_for"] = "https://elsewhere.example"
			return object{"api": a, "document": av(yes)}
		},
	} {
		t.Run(name, func(t *testing.T) {
			account := strings.ReplaceAll(name, " ", "-")
			session := w.session(t, account)
			status, problem := w.wallet(t, task(session))
			if status != http.StatusUnprocessableEntity || problem["detail"] == "" {
				t.Fatalf("%d %v", status, problem)
			}
			if after := w.call(t, "GET", "/v1/age/sessions/"+session["id"].(string), nil, http.StatusOK); after["state"] != "open" {
				t.Errorf("%v", after)
			}
			w.call(t, "GET", "/v1/accounts/"+account, nil, http.StatusNotFound)
		})
	}
}
