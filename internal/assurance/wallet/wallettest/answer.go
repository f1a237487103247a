package wallettest

import (
	"crypto"
	"crypto/ecdh"
	"crypto/hpke"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Request is what an OpenID4VP wallet reads of a request.
type Request struct {
	ClientID     string `json:"client_id"`
	ResponseURI  string `json:"response_uri"`
	ResponseMode string `json:"response_mode"`
	Nonce        string `json:"nonce"`
	Metadata     struct {
		Keys struct {
			Keys []jose.JSONWebKey `json:"keys"`
		} `json:"jwks"`
	} `json:"client_metadata"`
}

// ReadLink reads a request that is in a link by value.
func ReadLink(t testing.TB, link string) Request {
	t.Helper()
	u, err := url.Parse(link)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	r := Request{ClientID: q.Get("client_id"), ResponseURI: q.Get("response_uri"), ResponseMode: q.Get("response_mode"), Nonce: q.Get("nonce")}
	if err := json.Unmarshal([]byte(q.Get("client_metadata")), &r.Metadata); err != nil {
		t.Fatal(err)
	}
	return r
}

// ReadObject reads a signed request object, with the key of its certificate.
func ReadObject(t testing.TB, object string) Request {
	t.Helper()
	signed, err := jose.ParseSignedCompact(object, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	header, err := base64.RawURLEncoding.DecodeString(strings.Split(object, ".")[0])
	if err != nil {
		t.Fatal(err)
	}
	var fields struct{ X5C [][]byte }
	if err := json.Unmarshal(header, &fields); err != nil || len(fields.X5C) == 0 {
		t.Fatalf("no certificate: %v", err)
	}
	cert, err := x509.ParseCertificate(fields.X5C[0])
	if err != nil {
		t.Fatal(err)
	}
	payload, err := signed.Verify(cert.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	hash := sha256.Sum256(cert.Raw)
	var r Request
	if err := json.Unmarshal(payload, &r); err != nil || r.ClientID != "x509_hash:"+b64(hash[:]) {
		t.Fatalf("%v, client %s", err, r.ClientID)
	}
	return r
}

func (r *Request) thumbprint(t testing.TB) []byte {
	t.Helper()
	if len(r.Metadata.Keys.Keys) == 0 {
		return nil
	}
	sum, err := r.Metadata.Keys.Keys[0].Thumbprint(crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

// LinkTranscript is what a device signs that answers by a link (OpenID4VP 1.0
// B.2.6.1).
func (r *Request) LinkTranscript(t testing.TB) []byte {
	t.Helper()
	info := append(append(head(0x80, 4), str(0x60, r.ClientID)...), str(0x60, r.Nonce)...)
	info = append(append(info, orNull(r.thumbprint(t))...), str(0x60, r.ResponseURI)...)
	return handover("OpenID4VPHandover", info)
}

// APITranscript is what a device signs that answers by the Digital Credentials
// API (B.2.6.2).
func (r *Request) APITranscript(t testing.TB, origin string) []byte {
	t.Helper()
	info := append(append(head(0x80, 3), str(0x60, origin)...), str(0x60, r.Nonce)...)
	return handover("OpenID4VPDCAPIHandover", append(info, orNull(r.thumbprint(t))...))
}

// ISOTranscript is what a device signs that answers by org-iso-mdoc.
func ISOTranscript(encryptionInfo, origin string) []byte {
	return handover("dcapi", append(append(head(0x80, 2), str(0x60, encryptionInfo)...), str(0x60, origin)...))
}

func orNull(b []byte) []byte {
	if b == nil {
		return []byte{0xf6}
	}
	return str(0x40, string(b))
}

func handover(name string, info []byte) []byte {
	hash := sha256.Sum256(info)
	return append(append([]byte{0x83, 0xf6, 0xf6, 0x82}, str(0x60, name)...), str(0x40, string(hash[:]))...)
}

// Form is the answer to a request by a link, encrypted if that asks for it.
func (r *Request) Form(t testing.TB, document, presentation string) url.Values {
	t.Helper()
	token := encodeJSON(t, map[string][]string{document: {presentation}})
	if r.ResponseMode == "direct_post" {
		return url.Values{"vp_token": {string(token)}}
	}
	return url.Values{"response": {r.encrypt(t, token)}}
}

// Data is the answer to a request by the Digital Credentials API.
func (r *Request) Data(t testing.TB, document, presentation string) []byte {
	t.Helper()
	token := encodeJSON(t, map[string][]string{document: {presentation}})
	if r.ResponseMode == "dc_api" {
		return encodeJSON(t, map[string]any{"vp_token": json.RawMessage(token)})
	}
	return encodeJSON(t, map[string]string{"response": r.encrypt(t, token)})
}

func (r *Request) encrypt(t testing.TB, token []byte) string {
	t.Helper()
	key := r.Metadata.Keys.Keys[0]
	e, err := jose.NewEncrypter(jose.A128GCM, jose.Recipient{Algorithm: jose.ECDH_ES, Key: key.Key, KeyID: key.KeyID}, nil)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := e.Encrypt(encodeJSON(t, map[string]any{"vp_token": json.RawMessage(token)}))
	if err != nil {
		t.Fatal(err)
	}
	text, err := sealed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// ByLink, ByAPI and ByISO are a document's whole answers.
func (m *MDoc) ByLink(t testing.TB, r Request, document string) url.Values {
	t.Helper()
	return r.Form(t, document, b64(m.Present(t, r.LinkTranscript(t))))
}

// ByAPI is the document's answer by the Digital Credentials API.
func (m *MDoc) ByAPI(t testing.TB, r Request, document, origin string) []byte {
	t.Helper()
	return r.Data(t, document, b64(m.Present(t, r.APITranscript(t, origin))))
}

// ByISO is the document's answer by org-iso-mdoc.
func (m *MDoc) ByISO(t testing.TB, encryptionInfo, origin string) []byte {
	t.Helper()
	transcript := ISOTranscript(encryptionInfo, origin)
	return encodeJSON(t, map[string]string{"response": SealISO(t, encryptionInfo, transcript, m.Present(t, transcript))})
}

// SealISO seals a DeviceResponse for the key in an encryptionInfo.
func SealISO(t testing.TB, encryptionInfo string, transcript, response []byte) string {
	t.Helper()
	info, err := base64.RawURLEncoding.DecodeString(encryptionInfo)
	if err != nil {
		t.Fatal(err)
	}
	tail := info[len(info)-67:] // x: 32 bytes, 22 58 20, y: 32 bytes
	point := append(append([]byte{4}, tail[:32]...), tail[35:]...)
	public, err := ecdh.P256().NewPublicKey(point)
	if err != nil {
		t.Fatal(err)
	}
	key, err := hpke.NewDHKEMPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	enc, sender, err := hpke.NewSender(key, hpke.HKDFSHA256(), hpke.AES128GCM(), transcript)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := sender.Seal(nil, response)
	if err != nil {
		t.Fatal(err)
	}
	return b64(append(append(head(0x80, 2), str(0x60, "dcapi")...), mapOf("enc", str(0x40, string(enc)), "cipherText", str(0x40, string(sealed)))...))
}

// ByLink is a credential's answer to a request by a link.
func (s *SDJWT) ByLink(t testing.TB, r Request, document string, at time.Time) url.Values {
	t.Helper()
	return r.Form(t, document, s.Present(t, r.ClientID, r.Nonce, at))
}

// ByAPI is a credential's answer by the Digital Credentials API.
func (s *SDJWT) ByAPI(t testing.TB, r Request, document, origin string, at time.Time) []byte {
	t.Helper()
	return r.Data(t, document, s.Present(t, "origin:"+origin, r.Nonce, at))
}
