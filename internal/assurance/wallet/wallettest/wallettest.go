// Package wallettest is an issuer and a wallet of our own, for tests: it makes
// what an honest wallet presents, and everything that a dishonest one may.
// That wallets made by others are understood is for test/wallet to show.
package wallettest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"math/big"
	"slices"
	"testing"
	"time"
)

// Issuer issues documents beneath a root of its own.
type Issuer struct {
	Root      *x509.Certificate
	Authority *ecdsa.PrivateKey
	Signer    *ecdsa.PrivateKey
	Chain     *x509.Certificate // the signer's
}

// NewIssuer makes one whose certificates are valid around a time.
func NewIssuer(t testing.TB, at time.Time) *Issuer {
	t.Helper()
	i := &Issuer{Authority: newKey(t), Signer: newKey(t)}
	root := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Test authority", Country: []string{"UT"}},
		NotBefore: at.AddDate(-1, 0, 0), NotAfter: at.AddDate(5, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	i.Root = certificate(t, root, root, i.Authority.Public(), i.Authority)
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "Test signer", Country: []string{"UT"}},
		NotBefore: at.AddDate(0, -6, 0), NotAfter: at.AddDate(1, 0, 0), KeyUsage: x509.KeyUsageDigitalSignature,
		DNSNames:           []string{"issuer.example"},
		UnknownExtKeyUsage: []asn1.ObjectIdentifier{{1, 3, 130, 2, 0, 0, 1, 2}, {1, 0, 18013, 5, 1, 2}},
	}
	i.Chain = certificate(t, leaf, i.Root, i.Signer.Public(), i.Authority)
	return i
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func certificate(t testing.TB, c, parent *x509.Certificate, public any, by *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, c, parent, public, by)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// Claim is one element of a document.
type Claim struct {
	Name  string
	Value any // bool, string or int
}

// MDoc is a document as it is presented. Fields may be changed before Present.
type MDoc struct {
	Issuer              *Issuer
	Device              *ecdsa.PrivateKey
	Type, Namespace     string
	Claims              []Claim
	Signed, From, Until time.Time
	Alg                 int // of the device's signature: -7
}

// NewMDoc is a document of an issuer, valid around a time.
func NewMDoc(t testing.TB, i *Issuer, docType, namespace string, at time.Time, claims ...Claim) *MDoc {
	t.Helper()
	at = at.UTC().Truncate(time.Second)
	return &MDoc{
		Issuer: i, Device: newKey(t), Type: docType, Namespace: namespace, Claims: claims,
		Signed: at.AddDate(0, 0, -1), From: at.AddDate(0, 0, -1), Until: at.AddDate(0, 1, 0), Alg: -7,
	}
}

// Present is a DeviceResponse (ISO/IEC 18013-5 §8.3.2.1.2.2) for a
// SessionTranscript.
func (m *MDoc) Present(t testing.TB, transcript []byte) []byte {
	t.Helper()
	var items, digests []byte
	for n, c := range m.Claims {
		salt := make([]byte, 32)
		rand.Read(salt)
		item := encoded(mapOf("digestID", head(0, n), "random", str(0x40, string(salt)),
			"elementIdentifier", str(0x60, c.Name), "elementValue", value(c.Value)))
		items = append(items, item...)
		hash := sha256.Sum256(item)
		digests = append(append(digests, head(0, n)...), str(0x40, string(hash[:]))...)
	}
	object := mapOf(
		"version", str(0x60, "1.0"), "digestAlgorithm", str(0x60, "SHA-256"), "docType", str(0x60, m.Type),
		"valueDigests", mapOf(m.Namespace, append(head(0xa0, len(m.Claims)), digests...)),
		"deviceKeyInfo", mapOf("deviceKey", coseKey(t, &m.Device.PublicKey)),
		"validityInfo", mapOf("signed", date(m.Signed), "validFrom", date(m.From), "validUntil", date(m.Until)),
	)
	issuerAuth := sign1(t, m.Issuer.Signer, -7, append(head(0xa0, 1), append(head(0, 33), str(0x40, string(m.Issuer.Chain.Raw))...)...), encoded(object), false)
	names := encoded(head(0xa0, 0))
	authentication := append(append(append(append(head(0x80, 4), str(0x60, "DeviceAuthentication")...), transcript...), str(0x60, m.Type)...), names...)
	deviceAuth := sign1(t, m.Device, m.Alg, head(0xa0, 0), encoded(authentication), true)
	return mapOf(
		"version", str(0x60, "1.0"),
		"documents", append(head(0x80, 1), mapOf(
			"docType", str(0x60, m.Type),
			"issuerSigned", mapOf("nameSpaces", mapOf(m.Namespace, append(head(0x80, len(m.Claims)), items...)), "issuerAuth", issuerAuth),
			"deviceSigned", mapOf("nameSpaces", names, "deviceAuth", mapOf("deviceSignature", deviceAuth)),
		)...),
		"status", head(0, 0),
	)
}

// head is a head of CBOR (RFC 8949 §3).
func head(major byte, n int) []byte {
	switch {
	case n < 24:
		return []byte{major | byte(n)}
	case n < 256:
		return []byte{major | 24, byte(n)}
	}
	return binary.BigEndian.AppendUint16([]byte{major | 25}, uint16(n))
}

func str(major byte, s string) []byte { return append(head(major, len(s)), s...) }

func encoded(b []byte) []byte { return append(head(0xc0, 24), str(0x40, string(b))...) }

func date(at time.Time) []byte { return append([]byte{0xc0}, str(0x60, at.Format(time.RFC3339))...) }

func value(v any) []byte {
	switch v := v.(type) {
	case bool:
		if v {
			return []byte{0xf5}
		}
		return []byte{0xf4}
	case int:
		return head(0, v)
	case string:
		return str(0x60, v)
	}
	return []byte{0xf6}
}

// mapOf takes text keys (string) and encoded values ([]byte) in turn.
func mapOf(pairs ...any) []byte {
	b := head(0xa0, len(pairs)/2)
	for pair := range slices.Chunk(pairs, 2) {
		b = append(append(b, str(0x60, pair[0].(string))...), pair[1].([]byte)...)
	}
	return b
}

func coseKey(t testing.TB, key *ecdsa.PublicKey) []byte {
	t.Helper()
	point, err := key.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	b := append([]byte{0xa4, 1, 2, 0x20, 1, 0x21}, str(0x40, string(point[1:33]))...)
	return append(append(b, 0x22), str(0x40, string(point[33:]))...)
}

func sign1(t testing.TB, key *ecdsa.PrivateKey, alg int, unprotected, payload []byte, detached bool) []byte {
	t.Helper()
	protected := append([]byte{0xa1, 1}, head(0x20, -1-alg)...)
	message := append(append(head(0x80, 4), str(0x60, "Signature1")...), str(0x40, string(protected))...)
	message = append(append(message, str(0x40, "")...), str(0x40, string(payload))...)
	b := append(append(head(0x80, 4), str(0x40, string(protected))...), unprotected...)
	if detached {
		b = append(b, 0xf6)
	} else {
		b = append(b, str(0x40, string(payload))...)
	}
	return append(b, str(0x40, string(sign(t, key, message)))...)
}

// sign is r and s, of 32 bytes each.
func sign(t testing.TB, key *ecdsa.PrivateKey, message []byte) []byte {
	t.Helper()
	hash := sha256.Sum256(message)
	r, s, err := ecdsa.Sign(rand.Reader, key, hash[:])
	if err != nil {
		t.Fatal(err)
	}
	return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
}

// SDJWT is an SD-JWT VC as it is presented, with an age beneath
// age_equal_or_over. Fields may be changed before Present.
type SDJWT struct {
	Issuer *Issuer
	Holder *ecdsa.PrivateKey
	Type   string
	Over   map[string]any // disclosed ages
	Also   map[string]any // other claims that are disclosed
	From   time.Time
	Until  time.Time
	Typ    string // of the key binding JWT
}

// NewSDJWT is a credential of an issuer, valid around a time.
func NewSDJWT(t testing.TB, i *Issuer, vct string, at time.Time, over map[string]any) *SDJWT {
	t.Helper()
	return &SDJWT{Issuer: i, Holder: newKey(t), Type: vct, Over: over, From: at.AddDate(0, 0, -1), Until: at.AddDate(0, 1, 0), Typ: "kb+jwt"}
}

// Present is the presentation for an audience and a nonce, signed at a time.
func (s *SDJWT) Present(t testing.TB, audience, nonce string, at time.Time) string {
	t.Helper()
	ages := []string{}
	var others, disclosures []string
	disclose := func(name string, v any) string {
		d := b64(encodeJSON(t, []any{b64([]byte(rand.Text())), name, v}))
		disclosures = append(disclosures, d)
		hash := sha256.Sum256([]byte(d))
		return b64(hash[:])
	}
	for name, v := range s.Over {
		ages = append(ages, disclose(name, v))
	}
	for name, v := range s.Also {
		others = append(others, disclose(name, v))
	}
	claims := map[string]any{
		"iss": "https://issuer.example", "vct": s.Type, "iat": s.From.Unix(), "exp": s.Until.Unix(), "_sd_alg": "sha-256",
		"cnf": map[string]any{"jwk": jwkOf(t, &s.Holder.PublicKey)}, "age_equal_or_over": map[string]any{"_sd": ages},
	}
	if len(others) > 0 {
		claims["_sd"] = others
	}
	header := map[string]any{"alg": "ES256", "typ": "dc+sd-jwt", "x5c": []string{base64.StdEncoding.EncodeToString(s.Issuer.Chain.Raw)}}
	text := jwt(t, s.Issuer.Signer, header, claims) + "~"
	for _, d := range disclosures {
		text += d + "~"
	}
	hash := sha256.Sum256([]byte(text))
	return text + jwt(t, s.Holder, map[string]any{"alg": "ES256", "typ": s.Typ},
		map[string]any{"iat": at.Unix(), "aud": audience, "nonce": nonce, "sd_hash": b64(hash[:])})
}

func jwkOf(t testing.TB, key *ecdsa.PublicKey) map[string]any {
	t.Helper()
	point, err := key.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return map[string]any{"kty": "EC", "crv": "P-256", "x": b64(point[1:33]), "y": b64(point[33:])}
}

func jwt(t testing.TB, key *ecdsa.PrivateKey, header, claims map[string]any) string {
	t.Helper()
	text := b64(encodeJSON(t, header)) + "." + b64(encodeJSON(t, claims))
	return text + "." + b64(sign(t, key, []byte(text)))
}

func encodeJSON(t testing.TB, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
