package wallet

import (
	"crypto"
	"crypto/ecdh"
	"crypto/sha256"
	"encoding/base64"

	"github.com/go-jose/go-jose/v4"
)

// The SessionTranscript is what a device signs, so that its answer is for this
// question only: [null, null, handover].

// linkTranscript is that of an answer by direct_post (OpenID4VP 1.0, appendix
// B.2.6.1). The thumbprint is nil where the answer is not encrypted.
func linkTranscript(clientID, nonce string, thumbprint []byte, responseURI string) []byte {
	var info encoder
	info.head(cborArray, 4).text(clientID).text(nonce)
	info.thumbprint(thumbprint).text(responseURI)
	return transcript("OpenID4VPHandover", info)
}

// apiTranscript is that of an answer by the Digital Credentials API
// (appendix B.2.6.2). The origin has no prefix.
func apiTranscript(origin, nonce string, thumbprint []byte) []byte {
	var info encoder
	info.head(cborArray, 3).text(origin).text(nonce)
	info.thumbprint(thumbprint)
	return transcript("OpenID4VPDCAPIHandover", info)
}

// isoTranscript is that of org-iso-mdoc (ISO/IEC TS 18013-7:2024, annex C.5).
func isoTranscript(encryptionInfo, origin string) []byte {
	var info encoder
	info.head(cborArray, 2).text(encryptionInfo).text(origin)
	return transcript("dcapi", info)
}

func (e *encoder) thumbprint(t []byte) *encoder {
	if t == nil {
		return e.raw(cborNull)
	}
	return e.bytes(t)
}

func transcript(name string, info []byte) []byte {
	hash := sha256.Sum256(info)
	var t encoder
	t.head(cborArray, 3).raw(cborNull, cborNull).head(cborArray, 2).text(name).bytes(hash[:])
	return t
}

// jwk is the public half of an encryption key as requests carry it.
type jwk struct {
	KeyType string `json:"kty"`
	Curve   string `json:"crv"`
	X       string `json:"x"`
	Y       string `json:"y"`
	Use     string `json:"use"`
	Alg     string `json:"alg"`
	KeyID   string `json:"kid"`
}

func publicJWK(key *ecdh.PublicKey) jwk {
	x, y := coordinates(key)
	return jwk{
		KeyType: "EC", Curve: "P-256", Use: "enc", Alg: string(jose.ECDH_ES), KeyID: "1",
		X: base64.RawURLEncoding.EncodeToString(x), Y: base64.RawURLEncoding.EncodeToString(y),
	}
}

// coordinates are those of a point on P-256.
func coordinates(key *ecdh.PublicKey) (x, y []byte) {
	point := key.Bytes() // 04, x, y
	return point[1:33], point[33:65]
}

// thumbprint is the JWK thumbprint (RFC 7638) of the question's key, or nil.
func (q *Question) thumbprint() []byte {
	if q.Key == nil {
		return nil
	}
	k := publicJWK(q.Key.PublicKey())
	h := crypto.SHA256.New()
	h.Write([]byte(`{"crv":"` + k.Curve + `","kty":"` + k.KeyType + `","x":"` + k.X + `","y":"` + k.Y + `"}`))
	return h.Sum(nil)
}
