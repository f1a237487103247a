package mdoc

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// vector is a response of a real or test wallet, from
// github.com/google/longfellow-zk (Apache-2.0).
type vector struct {
	Index      int
	PKX, PKY   string
	Transcript string
	Now        time.Time
	DocType    string
	MDoc       string
}

// vectors are read from the folder that all working copies share.
func vectors(t testing.TB) []vector {
	t.Helper()
	dir := os.Getenv("BREAKWATER_VECTORS")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared", "vectors")
	}
	text, err := os.ReadFile(filepath.Join(dir, "mdoc", "device_responses.json"))
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("no vectors here: set BREAKWATER_VECTORS to their folder")
	}
	if err != nil {
		t.Fatal(err)
	}
	var all []vector
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	if len(all) < 12 {
		t.Fatalf("%d vectors, want 12", len(all))
	}
	return all
}

// byIndex is one vector and the request under which it verifies.
func byIndex(t testing.TB, index int) ([]byte, Request) {
	t.Helper()
	for _, v := range vectors(t) {
		if v.Index == index {
			return unhex(t, v.MDoc), v.request(t)
		}
	}
	t.Fatalf("no vector %d", index)
	return nil, Request{}
}

func (v vector) request(t testing.TB) Request {
	t.Helper()
	point := append([]byte{4}, unhex(t, v.PKX)...)
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), append(point, unhex(t, v.PKY)...))
	if err != nil {
		t.Fatal(err)
	}
	return Request{Transcript: unhex(t, v.Transcript), DocType: v.DocType, IssuerKey: key, At: v.Now}
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.TrimPrefix(s, "0x"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestVectors(t *testing.T) {
	for _, v := range vectors(t) {
		r := v.request(t)
		adult := strings.Contains(v.MDoc, hex.EncodeToString([]byte("age_over_18")))
		if adult {
			r.Require = []string{"age_over_18"}
		}
		got := Verify(unhex(t, v.MDoc), r)
		if !got.OK || got.DocType != v.DocType {
			t.Errorf("vector %d: %s: %v", v.Index, got.DocType, got.Errors)
		}
		if !adult && len(got.Claims) == 0 {
			t.Errorf("vector %d proves nothing", v.Index)
		}
	}
}
