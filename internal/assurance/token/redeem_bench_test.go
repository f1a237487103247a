package token_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha512"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/breakwater-project/breakwater/agetoken"
	"github.com/breakwater-project/breakwater/internal/assurance"
	"github.com/breakwater-project/breakwater/internal/assurance/token"
	"github.com/breakwater-project/breakwater/internal/db"
	"github.com/breakwater-project/breakwater/internal/db/dbtest"
)

// signed are n tokens of a new key, and its directory. They are not blinded,
// which nobody can tell, and which is quicker.
func signed(b *testing.B, n int) ([]agetoken.Token, []byte) {
	b.Helper()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		b.Fatal(err)
	}
	key, err := agetoken.NewKey(&private.PublicKey)
	if err != nil {
		b.Fatal(err)
	}
	name := agetoken.KeyName{Over: 18, Class: agetoken.Strict, Epoch: agetoken.EpochOf(time.Now())}
	directory, err := json.Marshal(agetoken.Directory{RequestURI: "/", Keys: []agetoken.NamedKey{{Key: key, Name: name}}})
	if err != nil {
		b.Fatal(err)
	}
	tokens := make([]agetoken.Token, n)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
				t := agetoken.Token{Challenge: challenge(b, nil).Digest(), KeyID: key.ID()}
				rand.Read(t.Nonce[:])
				digest := sha512.Sum384(t.Bytes()[:98])
				signature, err := rsa.SignPSS(rand.Reader, private, crypto.SHA384, digest[:], &rsa.PSSOptions{SaltLength: 48})
				if err != nil {
					b.Error(err)
					return
				}
				t.Signature = [agetoken.SignatureSize]byte(signature)
				tokens[i] = t
			}
		})
	}
	wg.Wait()
	return tokens, directory
}

// BenchmarkRedeem is whole redemptions: verified, and durable before they are
// answered, for 512 callers at a time. The aim is 10,000 a second on two cores.
func BenchmarkRedeem(b *testing.B) {
	tokens, directory := signed(b, 8000)
	file := filepath.Join(b.TempDir(), "issuer.json")
	if err := os.WriteFile(file, directory, 0o600); err != nil {
		b.Fatal(err)
	}
	for engine, dsn := range map[string]func(testing.TB) string{"sqlite": dbtest.SQLite, "postgres": dbtest.Postgres} {
		b.Run("engine="+engine, func(b *testing.B) {
			n, used := 0, time.Duration(0)
			for range b.N {
				b.StopTimer()
				d := dbtest.Open(b, dsn(b), token.Migrations(), assurance.Migrations())
				r := newRedeemer(b, d, file)
				before := cpu(b)
				b.StartTimer()
				n += redeemAll(b, r, tokens)
				used += cpu(b) - before
			}
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "tokens/s")
			b.ReportMetric(float64(n)/used.Seconds(), "tokens/s/core")
		})
	}
}

func newRedeemer(b *testing.B, d *db.DB, file string) *token.Redeemer {
	b.Helper()
	keys, err := token.NewKeys(d, token.KeyOptions{})
	if err != nil {
		b.Fatal(err)
	}
	trust, err := token.NewTrust(b.Context(), d, keys, token.TrustOptions{Sources: []token.Source{{Host: host, Location: file}}})
	if err != nil {
		b.Fatal(err)
	}
	return token.NewRedeemer(trust, openLedger(b, d, token.LedgerOptions{}), nil)
}

func redeemAll(b *testing.B, r *token.Redeemer, tokens []agetoken.Token) int {
	b.Helper()
	var next atomic.Int64
	var wg sync.WaitGroup
	for range 512 {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(tokens)); i = next.Add(1) - 1 {
				if _, err := r.Redeem(context.Background(), tokens[i], token.Want{}); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	return len(tokens)
}

// BenchmarkIssue is tokens that are signed for a grant, the grant's row
// included; the aim is 120 a second on a core.
func BenchmarkIssue(b *testing.B) {
	p := newPlace(b, nil, adult)
	requests, _, err := agetoken.BlindBatch(rand.Reader, p.key(b, adult), challenge(b, nil), agetoken.MaxBatch)
	if err != nil {
		b.Fatal(err)
	}
	n, before := 0, cpu(b)
	for b.Loop() {
		responses, err := p.issuer.Issue(b.Context(), p.grant(b, adult, agetoken.MaxBatch), requests)
		if err != nil {
			b.Fatal(err)
		}
		n += len(responses)
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "tokens/s")
	b.ReportMetric(float64(n)/(cpu(b)-before).Seconds(), "tokens/s/core")
}

// cpu is what this process has used, the database in it and PostgreSQL not.
// Per core, it says what a machine could do that does nothing else.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
