package wallet

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// vector is a row of openid4vp/handover.json.
type vector struct {
	Name        string `json:"name"`
	Kind        string `json:"kind"`
	ClientID    string `json:"client_id"`
	Nonce       string `json:"nonce"`
	Thumbprint  string `json:"jwk_thumbprint_hex"`
	ResponseURI string `json:"response_uri"`
	Origin      string `json:"origin"`
	Transcript  string `json:"session_transcript_hex"`
}

// The SessionTranscript bytes of the OpenID4VP text.
func TestHandoverVectors(t *testing.T) {
	folder := os.Getenv("BREAKWATER_VECTORS")
	if folder == "" {
		folder = filepath.Join("..", "..", "..", "..", "shared", "vectors")
	}
	text, err := os.ReadFile(filepath.Join(folder, "openid4vp", "handover.json"))
	if err != nil {
		t.Skipf("no vectors: %v", err)
	}
	var vectors []vector
	if err := json.Unmarshal(text, &vectors); err != nil || len(vectors) < 2 {
		t.Fatalf("%d vectors: %v", len(vectors), err)
	}
	for _, v := range vectors {
		thumbprint, err := hex.DecodeString(v.Thumbprint)
		if err != nil {
			t.Fatal(err)
		}
		got := linkTranscript(v.ClientID, v.Nonce, thumbprint, v.ResponseURI)
		if v.Kind == "dcapi" {
			got = apiTranscript(v.Origin, v.Nonce, thumbprint)
		}
		if hex.EncodeToString(got) != v.Transcript {
			t.Errorf("%s: %x", v.Name, got)
		}
	}
}

// The same secret makes the same certificate, so that every process signs as
// the same client.
func TestOwnSignerIsTheSame(t *testing.T) {
	at := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	one, err1 := OwnSigner([32]byte{1}, "age.example", at)
	same, err2 := OwnSigner([32]byte{1}, "age.example", at.AddDate(0, 0, 20))
	other, err3 := OwnSigner([32]byte{2}, "age.example", at)
	if err1 != nil || err2 != nil || err3 != nil {
		t.Fatal(err1, err2, err3)
	}
	if one.ClientID != same.ClientID || one.ClientID == other.ClientID {
		t.Errorf("%s, %s, %s", one.ClientID, same.ClientID, other.ClientID)
	}
}
