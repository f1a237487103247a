package token_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/breakwater-project/breakwater/agetoken"
	"github.com/breakwater-project/breakwater/internal/assurance"
	"github.com/breakwater-project/breakwater/internal/assurance/token"
	"github.com/breakwater-project/breakwater/internal/db"
	"github.com/breakwater-project/breakwater/internal/db/dbtest"
)

const host = "issuer.example"

var (
	today    = time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	adult    = token.Statement{Over: 18, Class: agetoken.Strict}
	teenager = token.Statement{Over: 13, Class: agetoken.Standard}
)

// place is a server's tokens, on a database of its own, with a clock to set.
type place struct {
	db       *db.DB
	now      time.Time
	log      strings.Builder
	keys     *token.Keys
	grants   *assurance.Grants
	issuer   *token.Issuer
	trust    *token.Trust
	redeemer *token.Redeemer
}

// open makes a place on a database; it issues what is stated, as host.
func open(t testing.TB, d *db.DB, sources []token.Source, statements ...token.Statement) *place {
	t.Helper()
	p := &place{db: d, now: today}
	clock := func() time.Time { return p.now }
	o := token.KeyOptions{Statements: statements, Secret: [32]byte{1}, Now: clock}
	if len(statements) > 0 {
		o.Host = host
	}
	var err error
	if p.keys, err = token.NewKeys(d, o); err != nil {
		t.Fatal(err)
	}
	if err := p.keys.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.grants = assurance.NewGrants(clock)
	p.issuer = token.NewIssuer(d, p.keys, p.grants, nil)
	p.trust, err = token.NewTrust(t.Context(), d, p.keys, token.TrustOptions{
		Sources: sources, Now: clock, Log: slog.New(slog.NewTextHandler(&p.log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	p.redeemer = token.NewRedeemer(p.trust, openLedger(t, d, token.LedgerOptions{}), nil)
	return p
}

func newDB(t testing.TB) *db.DB {
	t.Helper()
	return dbtest.Open(t, dbtest.SQLite(t), token.Migrations(), assurance.Migrations())
}

func newPlace(t testing.TB, sources []token.Source, statements ...token.Statement) *place {
	t.Helper()
	return open(t, newDB(t), sources, statements...)
}

// grant is leave to have n tokens.
func (p *place) grant(t testing.TB, s token.Statement, n int) (secret string) {
	t.Helper()
	err := p.db.Tx(t.Context(), func(tx *sql.Tx) (err error) {
		secret, err = p.grants.New(t.Context(), tx, s.Over, s.Class, n)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

func (p *place) directory(t testing.TB) agetoken.Directory {
	t.Helper()
	d, err := p.keys.Directory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// key is the one that signs a statement now.
func (p *place) key(t testing.TB, s token.Statement) *agetoken.Key {
	t.Helper()
	k, ok := p.directory(t).Named(agetoken.KeyName{Over: s.Over, Class: s.Class, Epoch: agetoken.EpochOf(p.now)})
	if !ok {
		t.Fatalf("no key says %s at %v", s, p.now)
	}
	return k.Key
}

func challenge(t testing.TB, context []byte, origins ...string) agetoken.Challenge {
	t.Helper()
	c, err := agetoken.NewChallenge(host, context, origins...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// tokens are what a device gets of p for a grant.
func (p *place) tokens(t testing.TB, s token.Statement, c agetoken.Challenge, n int) []agetoken.Token {
	t.Helper()
	requests, batch, err := agetoken.BlindBatch(rand.Reader, p.key(t, s), c, n)
	if err != nil {
		t.Fatal(err)
	}
	responses, err := p.issuer.Issue(t.Context(), p.grant(t, s, n), requests)
	if err != nil {
		t.Fatal(err)
	}
	tokens, err := batch.Finalize(responses)
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}

func (p *place) redeem(t testing.TB, tok agetoken.Token, want token.Want, fault error) token.Proof {
	t.Helper()
	proof, err := p.redeemer.Redeem(t.Context(), tok, want)
	if !errors.Is(err, fault) {
		t.Errorf("redeem: %v, want %v", err, fault)
	}
	if err != nil && proof != (token.Proof{}) {
		t.Errorf("refused, and yet it proves %v", proof)
	}
	return proof
}

// publish writes p's directory to a file, as it is handed to others.
func (p *place) publish(t testing.TB, file string) {
	t.Helper()
	body, err := json.Marshal(p.directory(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, body, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestIssueAndRedeem(t *testing.T) {
	p := newPlace(t, nil, adult, teenager)
	want := token.Proof{Statement: adult, Issuer: host, Until: agetoken.EpochOf(today).Lapse()}
	for _, tok := range p.tokens(t, adult, challenge(t, nil), 3) {
		if diff := cmp.Diff(want, p.redeem(t, tok, token.Want{Statement: teenager}, nil)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		p.redeem(t, tok, token.Want{}, agetoken.ErrSpent)
	}
}

func TestRedeemRefuses(t *testing.T) {
	p := newPlace(t, nil, teenager)
	stranger := newPlace(t, nil, adult)
	session := []byte(strings.Repeat("s", 32))
	kept, bound := p.tokens(t, teenager, challenge(t, nil), 1)[0], p.tokens(t, teenager, challenge(t, session, "site.example"), 1)[0]
	damaged := kept
	damaged.Signature[7] ^= 1

	p.redeem(t, stranger.tokens(t, adult, challenge(t, nil), 1)[0], token.Want{}, agetoken.ErrKey)
	p.redeem(t, damaged, token.Want{}, agetoken.ErrSignature)
	p.redeem(t, bound, token.Want{}, agetoken.ErrChallenge)
	p.redeem(t, bound, token.Want{Context: []byte(strings.Repeat("x", 32)), Origins: []string{"site.example"}}, agetoken.ErrChallenge)
	p.redeem(t, bound, token.Want{Context: session, Origins: []string{"other.example"}}, agetoken.ErrChallenge)
	p.redeem(t, kept, token.Want{Context: session}, agetoken.ErrChallenge)
	p.redeem(t, kept, token.Want{Statement: token.Statement{Over: 18}}, token.ErrWeak)
	p.redeem(t, kept, token.Want{Statement: token.Statement{Class: agetoken.Enhanced}}, token.ErrWeak)

	// None of that has spent them.
	p.redeem(t, bound, token.Want{Context: session, Origins: []string{"site.example"}}, nil)
	p.redeem(t, kept, token.Want{}, nil)
}

func TestIssueRefuses(t *testing.T) {
	p := newPlace(t, nil, adult, teenager)
	c := challenge(t, nil)
	blind := func(s token.Statement, n int) []agetoken.Request {
		requests, _, err := agetoken.BlindBatch(rand.Reader, p.key(t, s), c, n)
		if err != nil {
			t.Fatal(err)
		}
		return requests
	}
	grant, young := p.grant(t, adult, 5), p.grant(t, teenager, 5)
	unknown, above := blind(adult, 1), blind(adult, 1)
	for used := map[byte]bool{blind(adult, 1)[0].KeyID: true, blind(teenager, 1)[0].KeyID: true}; used[unknown[0].KeyID]; {
		unknown[0].KeyID++
	}
	for i := range above[0].Blinded {
		above[0].Blinded[i] = 255
	}
	for name, tc := range map[string]struct {
		grant    string
		requests []agetoken.Request
		want     error
	}{
		"no request":              {grant, nil, agetoken.ErrBatch},
		"thirty-one requests":     {grant, make([]agetoken.Request, 31), agetoken.ErrBatch},
		"no key":                  {grant, unknown, token.ErrNoKey},
		"not below the modulus":   {grant, above, agetoken.ErrFormat},
		"no grant":                {"", blind(adult, 1), assurance.ErrNoGrant},
		"a grant that is none":    {"nonsense", blind(adult, 1), assurance.ErrNoGrant},
		"more than the grant has": {grant, blind(adult, 6), assurance.ErrGrantSpent},
		"older than the grant":    {young, blind(adult, 1), token.ErrGrantWeak},
		"one that is older":       {young, append(blind(teenager, 1), blind(adult, 1)...), token.ErrGrantWeak},
	} {
		if responses, err := p.issuer.Issue(t.Context(), tc.grant, tc.requests); !errors.Is(err, tc.want) || responses != nil {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
	}
	// Nothing was taken off the grants; an older one is good for younger keys.
	for _, tc := range []struct {
		grant string
		s     token.Statement
	}{{grant, adult}, {grant, teenager}, {young, teenager}} {
		n := 3
		if tc.grant == grant && tc.s == teenager {
			n = 2
		}
		if _, err := p.issuer.Issue(t.Context(), tc.grant, blind(tc.s, n)); err != nil {
			t.Error(err)
		}
	}
	if _, err := p.issuer.Issue(t.Context(), grant, blind(adult, 1)); !errors.Is(err, assurance.ErrNoGrant) {
		t.Errorf("a grant that is used up: %v", err)
	}
}

// Keys turn by the month: the next is published a week before, the last
// month's tokens are good until they lapse, and no key of the past can sign.
func TestKeysTurnByTheMonth(t *testing.T) {
	p := newPlace(t, nil, adult)
	names := func() (list []string) {
		for _, k := range p.directory(t).Keys {
			list = append(list, k.Name.String())
		}
		return list
	}
	at := func(month time.Month, day int) {
		t.Helper()
		p.now = time.Date(2026, month, day, 0, 0, 0, 0, time.UTC)
		if err := p.keys.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	november := p.tokens(t, adult, challenge(t, nil), 2)
	request, _, err := agetoken.Blind(rand.Reader, p.key(t, adult), challenge(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		month time.Month
		day   int
		want  []string
	}{
		{11, 23, []string{"over-18.strict.2026-11"}},
		{11, 24, []string{"over-18.strict.2026-11", "over-18.strict.2026-12"}},
		{12, 1, []string{"over-18.strict.2026-12", "over-18.strict.2026-11"}},
		{13, 30, []string{"over-18.strict.2027-01", "over-18.strict.2027-02", "over-18.strict.2026-12"}},
	} {
		at(step.month, step.day)
		if diff := cmp.Diff(step.want, names()); diff != "" {
			t.Errorf("%d-%d (-want +got):\n%s", step.month, step.day, diff)
		}
		if step.month == 12 {
			p.redeem(t, november[0], token.Want{}, nil)
			if _, _, err := p.keys.Signer(t.Context(), request); !errors.Is(err, token.ErrNoKey) {
				t.Errorf("the key of the past: %v", err)
			}
			if n := count(t, p.db, `SELECT count(*) FROM token_key WHERE length(sealed) > 0`); n != 1 {
				t.Errorf("%d private keys are left, want that of December", n)
			}
		}
	}
	p.redeem(t, november[1], token.Want{}, agetoken.ErrKey) // lapsed, and its key forgotten
}

// A key that may have become known is withdrawn, and its tokens with it.
func TestRotate(t *testing.T) {
	p := newPlace(t, nil, adult)
	before, old := p.directory(t), p.tokens(t, adult, challenge(t, nil), 1)[0]
	if err := p.trust.Update(t.Context()); err != nil {
		t.Fatal(err)
	}
	name := before.Keys[0].Name
	if err := p.keys.Rotate(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	if err := p.trust.Update(t.Context()); err != nil {
		t.Fatal(err)
	}
	after := p.directory(t)
	if len(after.Keys) != 1 || after.Keys[0].Name != name || after.Keys[0].Key.ID() == before.Keys[0].Key.ID() {
		t.Errorf("after %v there is %v", before, after)
	}
	p.now = p.now.Add(time.Minute) // what is kept in memory is read again
	p.redeem(t, old, token.Want{}, agetoken.ErrKey)
	p.redeem(t, p.tokens(t, adult, challenge(t, nil), 1)[0], token.Want{}, nil)
	if !strings.Contains(p.log.String(), "another key under a name") {
		t.Errorf("nobody is told: %s", p.log.String())
	}
	for _, gone := range []agetoken.Epoch{{Year: 2026, Month: time.October}, {Year: 2027, Month: time.March}} {
		other := name
		other.Epoch = gone
		if err := p.keys.Rotate(t.Context(), other); !errors.Is(err, token.ErrNoKey) {
			t.Errorf("rotate %s: %v", other, err)
		}
	}
}

// Two servers with one database have the same keys, whoever made them.
func TestKeysOfTwoServers(t *testing.T) {
	dbtest.Each(t, []db.Source{token.Migrations(), assurance.Migrations()}, func(t *testing.T, d *db.DB) {
		a, b := open(t, d, nil, adult), open(t, d, nil, adult)
		if diff := cmp.Diff(a.key(t, adult).ID(), b.key(t, adult).ID()); diff != "" {
			t.Error(diff)
		}
		tok := a.tokens(t, adult, challenge(t, nil), 1)[0]
		b.redeem(t, tok, token.Want{}, nil)
		a.redeem(t, tok, token.Want{}, agetoken.ErrSpent)
	})
}

// A stolen database holds no key that works.
func TestKeysAreSealed(t *testing.T) {
	p := newPlace(t, nil, adult)
	var sealed []byte
	if err := p.db.Read.QueryRowContext(t.Context(), `SELECT sealed FROM token_key`).Scan(&sealed); err != nil {
		t.Fatal(err)
	}
	if len(sealed) < 1000 || strings.Contains(string(sealed), "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01") { // rsaEncryption
		t.Error("the private key is there in the clear")
	}
	thief, err := token.NewKeys(p.db, token.KeyOptions{Host: host, Secret: [32]byte{2}, Now: func() time.Time { return today }})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := thief.Named(t.Context(), p.directory(t).Keys[0].Name); err == nil {
		t.Error("the key opens with another secret")
	}
}

// The second instance shares nothing with the first but a file of public keys.
func TestVerifyOnly(t *testing.T) {
	file := filepath.Join(t.TempDir(), "issuer.json")
	issuer := newPlace(t, nil, adult)
	issuer.publish(t, file)
	platform := newPlace(t, []token.Source{{Host: host, Location: file}})
	tok := issuer.tokens(t, adult, challenge(t, nil), 1)[0]
	if p := platform.redeem(t, tok, token.Want{}, nil); p.Issuer != host || p.Statement != adult {
		t.Errorf("it proves %v", p)
	}
	platform.redeem(t, tok, token.Want{}, agetoken.ErrSpent)

	// A new month, a new file.
	issuer.now = time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	if err := issuer.keys.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	platform.now = issuer.now
	december := issuer.tokens(t, adult, challenge(t, nil), 1)[0]
	platform.redeem(t, december, token.Want{}, agetoken.ErrKey)
	issuer.publish(t, file)
	if err := platform.trust.Update(t.Context()); err != nil {
		t.Fatal(err)
	}
	platform.redeem(t, december, token.Want{}, nil)
}

// A directory that is fetched stays in force while it can't be had, and each
// change of it is logged with its digest.
func TestDirectoryByHTTP(t *testing.T) {
	issuer := newPlace(t, nil, adult)
	var answer func(http.ResponseWriter)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { answer(w) }))
	t.Cleanup(server.Close)
	source, err := token.ParseSource(host + "=" + server.URL + agetoken.DirectoryPath)
	if err != nil {
		t.Fatal(err)
	}
	platform := newPlace(t, []token.Source{source})
	tokens := issuer.tokens(t, adult, challenge(t, nil), 3)
	platform.redeem(t, tokens[0], token.Want{}, agetoken.ErrKey) // not fetched yet

	body, err := json.Marshal(issuer.directory(t))
	if err != nil {
		t.Fatal(err)
	}
	answer = func(w http.ResponseWriter) { _, _ = w.Write(body) }
	if err := platform.trust.Update(t.Context()); err != nil {
		t.Fatal(err)
	}
	platform.redeem(t, tokens[0], token.Want{}, nil)
	digest := sha256.Sum256(body)
	if want := agetoken.KeyID(digest).String(); strings.Count(platform.log.String(), want) != 1 {
		t.Errorf("the log lacks %s: %s", want, platform.log.String())
	}
	for what, broken := range map[string]func(http.ResponseWriter){
		"a redirect":    func(w http.ResponseWriter) { w.Header().Set("Location", "/"); w.WriteHeader(http.StatusFound) },
		"an error":      func(w http.ResponseWriter) { w.WriteHeader(http.StatusBadGateway) },
		"a page":        func(w http.ResponseWriter) { _, _ = w.Write([]byte("<html>")) },
		"half of it":    func(w http.ResponseWriter) { _, _ = w.Write(body[:len(body)/2]) },
		"something big": func(w http.ResponseWriter) { _, _ = w.Write(make([]byte, 2<<20)) },
	} {
		answer = broken
		if err := platform.trust.Update(t.Context()); err == nil {
			t.Errorf("%s passes for a directory", what)
		}
	}
	platform.now = platform.now.Add(time.Hour)
	platform.redeem(t, tokens[1], token.Want{}, nil)
	if n := count(t, platform.db, `SELECT count(*) FROM token_directory`); n != 1 {
		t.Errorf("%d directories are kept, want 1", n)
	}
}

func TestParseSource(t *testing.T) {
	for _, good := range []string{"a.example=keys.json", "a.example:8443=/etc/keys=1.json", "a.example=https://a.example/keys", "localhost=http://127.0.0.1:1/keys"} {
		if _, err := token.ParseSource(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{"", "a.example", "=keys.json", "a.example=", "a b=keys.json", "a.example=http://a.example/keys", "a.example=https://"} {
		if s, err := token.ParseSource(bad); err == nil {
			t.Errorf("%q is read as %v", bad, s)
		}
	}
	for _, bad := range []string{"", "over-18", "over-18.strict.2026-11", "over-0.strict", "over-18.sure", "18.strict"} {
		if s, err := token.ParseStatement(bad); err == nil {
			t.Errorf("%q is read as %v", bad, s)
		}
	}
	if s, err := token.ParseStatement("over-18.strict"); err != nil || s != adult || s.String() != "over-18.strict" {
		t.Errorf("%v, %v", s, err)
	}
}

func TestMissingDirectoryFile(t *testing.T) {
	d := newDB(t)
	keys, err := token.NewKeys(d, token.KeyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = token.NewTrust(t.Context(), d, keys, token.TrustOptions{Sources: []token.Source{{Host: host, Location: filepath.Join(t.TempDir(), "none")}}})
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

// Nothing in the tables stands for a person, and nothing that issuing writes
// is written by redeeming.
func TestTablesKnowNobody(t *testing.T) {
	d := newDB(t)
	got := map[string]string{}
	err := db.Query(t.Context(), d.Read, `SELECT m.name, group_concat(p.name, ' ') FROM sqlite_master m JOIN pragma_table_info(m.name) p
		WHERE m.type = 'table' AND m.name LIKE 'token%' GROUP BY m.name`, nil, func(rows *sql.Rows) error {
		var table, columns string
		err := rows.Scan(&table, &columns)
		got[table] = columns
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"token_key":       "name generation public sealed",
		"token_spent":     "epoch nullifier",
		"token_seal":      "id proof",
		"token_directory": "issuer at digest body",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("a column that was not thought about (-want +got):\n%s", diff)
	}
}

// Issuing leaves no trace but a smaller grant, redeeming none but a nullifier.
func TestNoTrace(t *testing.T) {
	p := newPlace(t, nil, adult)
	tok := p.tokens(t, adult, challenge(t, nil), 1)[0]
	tables := []string{"token_key", "token_spent", "token_seal", "token_directory", "assurance_grant", "assurance_session", "assurance_count"}
	rows := func() map[string]int {
		n := map[string]int{}
		for _, table := range tables {
			n[table] = count(t, p.db, `SELECT count(*) FROM `+table)
		}
		return n
	}
	before := rows()
	p.redeem(t, tok, token.Want{}, nil)
	before["token_spent"]++
	if diff := cmp.Diff(before, rows()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	before = rows()
	p.tokens(t, adult, challenge(t, nil), 3) // its grant is used up, and gone
	if diff := cmp.Diff(before, rows()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestSigningWaitsForNobodyWhoLeft(t *testing.T) {
	p := newPlace(t, nil, adult)
	request, _, err := agetoken.Blind(rand.Reader, p.key(t, adult), challenge(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	grant := p.grant(t, adult, 1)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.issuer.Issue(gone, grant, []agetoken.Request{request}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if _, err := p.issuer.Issue(t.Context(), grant, []agetoken.Request{request}); err != nil {
		t.Errorf("the grant is touched: %v", err)
	}
}
