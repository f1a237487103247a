package mdoc

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"slices"
	"testing"
	"time"
)

// The issuer of these tests, its signer and a device, as a wallet would show
// them.

var (
	noon       = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	transcript = []byte{0x83, 0xf6, 0xf6, 0x81, 0x61, 'x'}
)

const avType = "eu.europa.ec.av.1"

// presentation says how a response is made; good is one that verifies.
type presentation struct {
	issuerKey, deviceKey crypto.Signer
	chain                [][]byte // x5chain
	signed, from, until  time.Time
	random               int // bytes
	items                [][]byte
}

func claim(element string, value ...byte) []byte {
	return append(appendText(nil, element), value...)
}

func (p presentation) response() []byte {
	var list, digests []byte
	for i, it := range p.items {
		encoded := signedItem(i, p.random, it)
		list = append(list, encoded...)
		h := crypto.SHA256.New()
		h.Write(encoded)
		digests = appendBytes(appendHead(digests, unsigned, uint64(i)), h.Sum(nil))
	}
	n := uint64(len(p.items))
	list = append(appendHead(nil, array, n), list...)
	digests = append(appendHead(nil, mapping, n), digests...)

	object := encodeMap(
		"version", appendText(nil, "1.0"),
		"digestAlgorithm", appendText(nil, "SHA-256"),
		"docType", appendText(nil, avType),
		"valueDigests", encodeMap(avType, digests),
		"deviceKeyInfo", encodeMap("deviceKey", coseKey(p.deviceKey.Public())),
		"validityInfo", encodeMap("signed", tdate(p.signed), "validFrom", tdate(p.from), "validUntil", tdate(p.until)),
	)
	names := encode24([]byte{0xa0})
	d := document{docType: avType, deviceNames: item{raw: names}}
	return encodeMap(
		"version", appendText(nil, "1.0"),
		"documents", append(appendHead(nil, array, 1), encodeMap(
			"docType", appendText(nil, avType),
			"issuerSigned", encodeMap("nameSpaces", encodeMap(avType, list), "issuerAuth", encodeSign1(p.issuerKey, p.chain, encode24(object), false)),
			"deviceSigned", encodeMap("nameSpaces", names, "deviceAuth", encodeMap(
				"deviceSignature", encodeSign1(p.deviceKey, nil, d.deviceAuthentication(transcript), true))),
		)...),
		"status", []byte{0},
	)
}

func signedItem(id, random int, it []byte) []byte {
	b := appendHead(nil, mapping, 4)
	b = appendHead(appendText(b, "digestID"), unsigned, uint64(id))
	b = appendBytes(appendText(b, "random"), make([]byte, random))
	b = append(appendText(b, "elementIdentifier"), it[:1+it[0]&31]...)
	b = append(appendText(b, "elementValue"), it[1+it[0]&31:]...)
	return encode24(b)
}

// encodeMap takes text keys (string) and encoded values ([]byte) in turn.
func encodeMap(pairs ...any) []byte {
	b := appendHead(nil, mapping, uint64(len(pairs)/2))
	for i := 0; i < len(pairs); i += 2 {
		b = append(appendText(b, pairs[i].(string)), pairs[i+1].([]byte)...)
	}
	return b
}

func encode24(content []byte) []byte {
	return appendBytes(appendHead(nil, tag, tagEncoded), content)
}

func tdate(t time.Time) []byte {
	return appendText(appendHead(nil, tag, tagTime), t.UTC().Format(time.RFC3339Nano))
}

func encodeNumber(b []byte, n int64) []byte {
	if n < 0 {
		return appendHead(b, negative, uint64(-1-n))
	}
	return appendHead(b, unsigned, uint64(n))
}

func encodeSign1(key crypto.Signer, chain [][]byte, payload []byte, detached bool) []byte {
	alg := int64(algEdDSA)
	var hash crypto.Hash
	if k, ok := key.(*ecdsa.PrivateKey); ok {
		a, _ := algorithmOf(k.Curve)
		alg, hash = a.cose, a.hash
	}
	protected := encodeNumber([]byte{0xa1, labelAlgorithm}, alg)
	message := appendBytes(appendBytes(appendBytes(appendText([]byte{0x84}, "Signature1"), protected), nil), payload)

	b := appendBytes([]byte{0x84}, protected)
	b = append(b, encodeChain(chain)...)
	if detached {
		b = append(b, 0xf6)
	} else {
		b = appendBytes(b, payload)
	}
	return appendBytes(b, signRaw(key, hash, message))
}

func encodeChain(chain [][]byte) []byte {
	switch len(chain) {
	case 0:
		return []byte{0xa0}
	case 1:
		return appendBytes([]byte{0xa1, 0x18, labelX5Chain}, chain[0])
	}
	b := appendHead([]byte{0xa1, 0x18, labelX5Chain}, array, uint64(len(chain)))
	for _, cert := range chain {
		b = appendBytes(b, cert)
	}
	return b
}

func signRaw(key crypto.Signer, hash crypto.Hash, message []byte) []byte {
	k, ok := key.(*ecdsa.PrivateKey)
	if !ok {
		return ed25519.Sign(key.(ed25519.PrivateKey), message)
	}
	h := hash.New()
	h.Write(message)
	r, s, err := ecdsa.Sign(rand.Reader, k, h.Sum(nil))
	if err != nil {
		panic(err)
	}
	size := (k.Params().BitSize + 7) / 8
	return append(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))...)
}

func coseKey(key crypto.PublicKey) []byte {
	k, ok := key.(*ecdsa.PublicKey)
	if !ok {
		return appendBytes([]byte{0xa3, 1, typeOKP, 0x20, crvEd25519, 0x21}, key.(ed25519.PublicKey))
	}
	alg, _ := algorithmOf(k.Curve)
	point, err := k.Bytes()
	if err != nil {
		panic(err)
	}
	size := len(point) / 2
	b := appendBytes([]byte{0xa4, 1, typeEC2, 0x20, byte(alg.coseName), 0x21}, point[1:1+size])
	return appendBytes(append(b, 0x22), point[1+size:])
}

func newKey(t testing.TB, curve elliptic.Curve) crypto.Signer {
	t.Helper()
	var key crypto.Signer
	var err error
	if curve == nil {
		_, key, err = ed25519.GenerateKey(rand.Reader)
	} else {
		key, err = ecdsa.GenerateKey(curve, rand.Reader)
	}
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// newCert is a certificate for key by parent, or by itself; change alters it
// before it is signed.
func newCert(t testing.TB, key, by crypto.Signer, parent *x509.Certificate, change func(*x509.Certificate)) *x509.Certificate {
	t.Helper()
	c := &x509.Certificate{
		SerialNumber: big.NewInt(7),
		Subject:      pkix.Name{CommonName: "Signer"},
		NotBefore:    noon.AddDate(0, -1, 0),
		NotAfter:     noon.AddDate(0, 6, 0),
		KeyUsage:     x509.KeyUsageDigitalSignature,
	}
	if parent == nil {
		c.Subject.CommonName, c.IsCA, c.BasicConstraintsValid, c.KeyUsage = "Authority", true, true, x509.KeyUsageCertSign
		parent = c
	} else {
		c.UnknownExtKeyUsage = []asn1.ObjectIdentifier{{1, 3, 130, 2, 0, 0, 1, 2}}
	}
	if change != nil {
		change(c)
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), by)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// good is a presentation that verifies, on one curve (nil is Ed25519), and
// its request.
func good(t testing.TB, curve elliptic.Curve) (presentation, Request) {
	t.Helper()
	authority := newKey(t, curve)
	root := newCert(t, authority, authority, nil, nil)
	p := presentation{
		issuerKey: newKey(t, curve),
		deviceKey: newKey(t, curve),
		signed:    noon.AddDate(0, 0, -1), from: noon.AddDate(0, 0, -1), until: noon.AddDate(0, 1, 0),
		random: 16,
		items:  [][]byte{claim("age_over_18", 0xf5)},
	}
	p.chain = [][]byte{newCert(t, p.issuerKey, authority, root, nil).Raw}
	return p, Request{Transcript: transcript, DocType: avType, Roots: []*x509.Certificate{root}, At: noon, Require: []string{"age_over_18"}}
}

func TestAlgorithms(t *testing.T) {
	for name, curve := range map[string]elliptic.Curve{"ES256": elliptic.P256(), "ES384": elliptic.P384(), "ES512": elliptic.P521(), "EdDSA": nil} {
		p, r := good(t, curve)
		response := p.response()
		if got := Verify(response, r); !got.OK {
			t.Errorf("%s by its chain: %v", name, got.Errors)
		}
		r.Roots, r.IssuerKey = nil, p.issuerKey.Public()
		if got := Verify(response, r); !got.OK {
			t.Errorf("%s by its key: %v", name, got.Errors)
		}
		response[len(response)-len("fstatus0")-1] ^= 1
		refused(t, Verify(response, r), DeviceSignature)
	}
}

// What an issuer, a wallet or a certificate can have wrong although its
// signatures hold.
func TestChainAndClaims(t *testing.T) {
	authority := newKey(t, elliptic.P256())
	root := newCert(t, authority, authority, nil, nil)
	signer := func(change func(*x509.Certificate)) func(*presentation, *Request) {
		return func(p *presentation, r *Request) {
			p.chain, r.Roots = [][]byte{newCert(t, p.issuerKey, authority, root, change).Raw}, []*x509.Certificate{root}
		}
	}
	for name, c := range map[string]struct {
		change func(*presentation, *Request)
		want   []Name
	}{
		"untrusted root":                         {func(_ *presentation, r *Request) { r.Roots = []*x509.Certificate{root} }, []Name{UntrustedIssuer}},
		"no certificate":                         {func(p *presentation, _ *Request) { p.chain = nil }, []Name{BadCertificate}},
		"unreadable certificate":                 {func(p *presentation, _ *Request) { p.chain = [][]byte{{0x30}} }, []Name{BadCertificate}},
		"huge certificate":                       {signer(func(c *x509.Certificate) { c.DNSNames = slices.Repeat([]string{"a.example"}, maxCertificate/9) }), []Name{BadCertificate}},
		"too many certificates":                  {func(p *presentation, _ *Request) { p.chain = slices.Repeat(p.chain, maxChain+1) }, []Name{BadCertificate}},
		"certificate of another key":             {func(p *presentation, _ *Request) { p.issuerKey = newKey(t, elliptic.P256()) }, []Name{IssuerSignature}},
		"lapsed certificate":                     {signer(func(c *x509.Certificate) { c.NotAfter = noon.Add(-time.Hour) }), []Name{CertificateDates}},
		"certificate younger than the signature": {signer(func(c *x509.Certificate) { c.NotBefore = noon.Add(-time.Hour) }), []Name{CertificateDates}},
		"certificate for something else":         {signer(func(c *x509.Certificate) { c.UnknownExtKeyUsage = nil }), []Name{BadCertificate}},
		"certificate not for signatures":         {signer(func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyAgreement }), []Name{BadCertificate}},
		"authority that signs itself":            {signer(func(c *x509.Certificate) { c.IsCA, c.BasicConstraintsValid = true, true }), []Name{BadCertificate}},
		"expired":                                {func(p *presentation, _ *Request) { p.until = noon.Add(-time.Second) }, []Name{Expired}},
		"not yet valid":                          {func(p *presentation, _ *Request) { p.from = noon.Add(time.Second) }, []Name{NotYetValid}},
		"dates in disorder":                      {func(p *presentation, _ *Request) { p.signed = noon }, []Name{BadValidity}},
		"date with fraction":                     {func(p *presentation, _ *Request) { p.until = p.until.Add(time.Millisecond) }, []Name{BadValidity}},
		"short salt":                             {func(p *presentation, _ *Request) { p.random = 15 }, []Name{ShortRandom}},
		"claim false":                            {func(p *presentation, _ *Request) { p.items[0] = claim("age_over_18", 0xf4) }, []Name{ClaimNotTrue}},
		"claim one":                              {func(p *presentation, _ *Request) { p.items[0] = claim("age_over_18", 1) }, []Name{ClaimNotTrue}},
		"claim null":                             {func(p *presentation, _ *Request) { p.items[0] = claim("age_over_18", 0xf6) }, []Name{ClaimNotTrue}},
		"claim the text true":                    {func(p *presentation, _ *Request) { p.items[0] = claim("age_over_18", 0x64, 't', 'r', 'u', 'e') }, []Name{ClaimNotTrue}},
		"claim bytes":                            {func(p *presentation, _ *Request) { p.items[0] = claim("age_over_18", 0x41, 1) }, []Name{ClaimNotTrue}},
		"claim another":                          {func(p *presentation, _ *Request) { p.items[0] = claim("age_over_16", 0xf5) }, []Name{MissingClaim}},
		"claim missing":                          {func(p *presentation, _ *Request) { p.items = nil }, []Name{MissingClaim}},
		"claim twice": {func(p *presentation, _ *Request) {
			p.items = [][]byte{claim("age_over_18", 0xf4), claim("age_over_18", 0xf5)}
		}, []Name{DuplicateClaim}},
		"claim of a float":    {func(p *presentation, _ *Request) { p.items[0] = claim("age_over_18", 0xf9, 0x3c, 0) }, []Name{Float}},
		"at its first second": {func(p *presentation, r *Request) { r.At = p.from }, nil},
		"at its last second":  {func(p *presentation, r *Request) { r.At = p.until }, nil},
		"root in the chain":   {func(p *presentation, r *Request) { p.chain = append(p.chain, r.Roots[0].Raw) }, nil},
		"another root beside": {func(_ *presentation, r *Request) { r.Roots = append(r.Roots, root) }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			p, r := good(t, elliptic.P256())
			c.change(&p, &r)
			got := Verify(p.response(), r)
			if len(c.want) > 0 {
				refused(t, got, c.want...)
			} else if !got.OK {
				t.Error(got.Errors)
			}
		})
	}
}

// The chain of real signers, as far as a vector brings it: the signer's own
// certificate is the root, so that its purpose and dates are judged.
func TestVectorCertificates(t *testing.T) {
	for index, want := range map[int]Name{
		0: "", 1: "", 2: "", 5: "",
		3: BadCertificate, 7: BadCertificate, // for web servers
		9: BadCertificate, // refused by crypto/x509
	} {
		response, r := byIndex(t, index)
		d, err := parseResponse(response)
		if err != nil {
			t.Fatal(err)
		}
		chain, err := parseChain(d.issuerAuth.items[1])
		r.IssuerKey, r.Roots = nil, chain
		if err != nil {
			r.Roots = []*x509.Certificate{{}}
		}
		got := Verify(response, r)
		switch {
		case want == "" && !got.OK:
			t.Errorf("vector %d: %v", index, got.Errors)
		case want != "" && (len(got.Errors) == 0 || !slices.ContainsFunc(got.Errors, func(e *Error) bool { return e.Name == want })):
			t.Errorf("vector %d: %v, want %s", index, got.Errors, want)
		}
	}
}

// Every bit of one response, with its whole chain: refused, or it proves just
// what it proved before.
func TestFlippedBitsOfChain(t *testing.T) {
	t.Parallel()
	p, r := good(t, elliptic.P256())
	response := p.response()
	changed := 0
	for i := range len(response) * 8 {
		response[i/8] ^= 1 << (i % 8)
		if got := Verify(response, r); got.OK {
			changed++
			if got.Claims[avType]["age_over_18"] != true || got.DocType != avType {
				t.Errorf("bit %d: %v", i, got)
			}
		}
		response[i/8] ^= 1 << (i % 8)
	}
	if changed > 0 {
		t.Errorf("%d flipped bits change nothing", changed)
	}
}
