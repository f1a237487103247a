package wallet

import (
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"github.com/breakwater-project/breakwater/agetoken"
	"github.com/breakwater-project/breakwater/internal/config"
)

const (
	issuerHost = "age.example"
	person     = "person-canary" // the account's id at the first server
	elsewhere  = "elsewhere-canary"
	family     = "CanaryFamilyName"
)

// A wallet made by others proves to be over 18 to a running server; the
// account's band changes and content that was shut opens; the tokens that it
// got are spent on a second server that shares nothing with the first but the
// public keys; and neither has anything about the person, in a table, a file, a
// log or an export.
func TestOverEighteenAndNobodyKnowsWho(t *testing.T) {
	first := start(t, func(c *config.Config) {
		c.Tokens.Issuer, c.Tokens.Issue = issuerHost, []string{"over-18.enhanced"}
	})
	second := start(t, func(c *config.Config) {
		c.Age.AVRoots, c.Age.MDLRoots, c.Age.CredentialIssuers = nil, nil, nil // it checks nobody itself
		c.Tokens.Trust = []string{issuerHost + "=" + published(t, first)}
	})
	for server, account := range map[*world]string{first: person, second: elsewhere} {
		server.call(t, "PUT", "/v1/accounts/"+account, object{"country": "GB", "age": object{"band": "16-17", "basis": "declared"}}, http.StatusOK)
		server.call(t, "POST", "/v1/labels", object{"content": "adults-only", "kind": "ppc.porn", "source": "test"}, http.StatusOK)
		server.shut(t, account)
	}

	session := first.session(t, person)
	chatty := mdl(yes)
	chatty["also"] = object{"family_name": family}
	if status, problem := first.wallet(t, object{"link": link(t, session, "openid4vp"), "document": chatty}); status != http.StatusUnprocessableEntity {
		t.Fatalf("who tells too much: %d %v", status, problem)
	}
	first.shut(t, person)
	_, answer := first.wallet(t, object{"link": link(t, session, "eu-av"), "document": av(yes)})
	done := first.complete(t, session, answer)
	if band, proven := first.band(t, person); band != "18+" || !proven {
		t.Errorf("band %s, proven %t", band, proven)
	}
	first.opens(t, person)

	tokens := first.tokens(t, done["grant"].(string), 3)
	redeemed := second.call(t, "POST", "/v1/age/tokens/redeem", object{"token": text(tokens[0]), "over": 18, "class": "standard", "account": elsewhere}, http.StatusOK)
	if redeemed["issuer"] != issuerHost || redeemed["over"] != float64(18) {
		t.Errorf("%v", redeemed)
	}
	second.call(t, "POST", "/v1/age/tokens/redeem", object{"token": text(tokens[0])}, http.StatusConflict)
	second.opens(t, elsewhere)

	secrets := append(slices.Clone(first.secrets), []byte(family), []byte(done["grant"].(string)))
	for _, token := range tokens {
		secrets = append(secrets, token.Nonce[:], token.Signature[:32])
	}
	if len(secrets) < 10 {
		t.Fatalf("%d secrets: the test does not look", len(secrets))
	}
	for name, w := range map[string]*world{"first": first, "second": second} {
		w.hasNone(t, name, secrets)
	}
	first.namesOnly(t, person, "age_account", "age_signal")
	second.namesOnly(t, elsewhere, "age_account", "age_signal")
	second.hasNone(t, "second", [][]byte{[]byte(person)})
	first.hasNone(t, "first", [][]byte{[]byte(elsewhere)})
}

// published is a file with the public keys of a server's tokens, once it has
// made them.
func published(t *testing.T, w *world) string {
	t.Helper()
	for range time.Tick(20 * time.Millisecond) {
		body := w.get(t, agetoken.DirectoryPath)
		d, err := agetoken.ParseDirectory([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		if len(d.Keys) > 0 {
			file := filepath.Join(t.TempDir(), "issuer.json")
			if err := os.WriteFile(file, []byte(body), 0o600); err != nil {
				t.Fatal(err)
			}
			return file
		}
	}
	panic("the ticks do not end")
}

// get is what a path says to somebody with the admin's key.
func (w *world) get(t *testing.T, path string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", w.URL()+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+w.AdminKey)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d %v", path, resp.StatusCode, err)
	}
	return string(body)
}

// rank is how prominently an account may be shown what only adults may see.
func (w *world) rank(t *testing.T, account string) float64 {
	t.Helper()
	feed := w.call(t, "POST", "/v1/feeds/filter", object{"viewer": object{"id": account}, "items": []string{"adults-only"}}, http.StatusOK)
	return feed["items"].([]any)[0].(object)["rank"].(float64)
}

func (w *world) shut(t *testing.T, account string) {
	t.Helper()
	if rank := w.rank(t, account); rank != 0 {
		t.Fatalf("%s is shown it already, at rank %v", account, rank)
	}
}

func (w *world) opens(t *testing.T, account string) {
	t.Helper()
	if w.rank(t, account) == 0 {
		t.Errorf("%s is not shown it", account)
	}
}

// tokens are what a device gets for a grant.
func (w *world) tokens(t *testing.T, grant string, n int) []agetoken.Token {
	t.Helper()
	c := agetoken.Client{URL: w.URL(), Host: issuerHost}
	tokens, err := c.Tokens(t.Context(), grant, 18, agetoken.Enhanced, n)
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}

func text(t agetoken.Token) string { return base64.RawURLEncoding.EncodeToString(t.Bytes()) }

// spellings are how bytes may stand in a text.
func spellings(b []byte) []string {
	unpadded := strings.TrimRight(base64.StdEncoding.EncodeToString(b), "=")
	return []string{string(b), hex.EncodeToString(b), strings.ToUpper(hex.EncodeToString(b)), unpadded[:len(unpadded)-1], base64.RawURLEncoding.EncodeToString(b)[:len(unpadded)-1]}
}

// hasNone looks for secrets in every table, every file of the data folder, the
// log, and everything that is exported.
func (w *world) hasNone(t *testing.T, name string, secrets [][]byte) {
	t.Helper()
	places := map[string]string{"log": w.log.String()}
	for _, path := range []string{"/metrics", "/readyz", "/openapi.json", "/v1/age/practice-statement", agetoken.DirectoryPath} {
		places[path] = w.get(t, path)
	}
	for table, rows := range w.tables(t) {
		places["table "+table] = strings.Join(rows, "\n")
	}
	err := filepath.WalkDir(w.data, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		places["file "+d.Name()] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(places) < 20 || places["log"] == "" {
		t.Fatalf("%d places: the test does not look", len(places))
	}
	for place, text := range places {
		for n, secret := range secrets {
			for _, s := range spellings(secret) {
				if strings.Contains(text, s) {
					t.Errorf("%s server: secret %d of %d is in %s", name, n, len(secrets), place)
				}
			}
		}
	}
}

// namesOnly checks that an account's name stands in the rows of some tables,
// and in no other.
func (w *world) namesOnly(t *testing.T, account string, allowed ...string) {
	t.Helper()
	var found []string
	for table, rows := range w.tables(t) {
		if strings.Contains(strings.Join(rows, "\n"), account) {
			found = append(found, table)
		}
	}
	slices.Sort(found)
	if !slices.Equal(found, allowed) {
		t.Errorf("%s stands in %v, want %v", account, found, allowed)
	}
}

// tables are the rows of every table, each as one text, blobs in hexadecimal.
func (w *world) tables(t *testing.T) map[string][]string {
	t.Helper()
	d, err := sql.Open("sqlite", "file:"+filepath.Join(w.data, "breakwater.db")+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	names := strings.Fields(strings.Join(column(t, d, `SELECT name FROM sqlite_master WHERE type = 'table'`), " "))
	all := map[string][]string{}
	for _, name := range names {
		all[name] = column(t, d, `SELECT * FROM "`+name+`"`)
	}
	return all
}

// column is the rows of a query.
func column(t *testing.T, d *sql.DB, query string) []string {
	t.Helper()
	rows, err := d.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for rows.Next() {
		values, into := make([]any, len(names)), make([]any, len(names))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		line := ""
		for _, v := range values {
			if b, ok := v.([]byte); ok {
				line += " " + string(b) + " " + hex.EncodeToString(b)
				continue
			}
			line += fmt.Sprintf(" %v", v)
		}
		all = append(all, strings.TrimSpace(line))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}
