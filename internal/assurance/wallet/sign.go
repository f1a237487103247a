package wallet

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Signer signs requests, for wallets that fetch them (RFC 9101). Wallets know
// it by the hash of its certificate (client id prefix x509_hash).
type Signer struct {
	ClientID string

	signer jose.Signer
}

// NewSigner signs with an ECDSA key on P-256 and the chain of its certificate,
// the signer's first.
func NewSigner(key crypto.Signer, chain []*x509.Certificate) (*Signer, error) {
	private, ok := key.(*ecdsa.PrivateKey)
	if !ok || private.Curve != elliptic.P256() {
		return nil, errors.New("wallet: requests are signed with an ECDSA key on P-256")
	}
	if len(chain) == 0 || !private.PublicKey.Equal(chain[0].PublicKey) {
		return nil, errors.New("wallet: the certificate is not the key's")
	}
	x5c := make([]string, len(chain))
	for i, cert := range chain {
		x5c[i] = base64.StdEncoding.EncodeToString(cert.Raw)
	}
	options := (&jose.SignerOptions{}).WithType("oauth-authz-req+jwt").WithHeader("x5c", x5c)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: private}, options)
	if err != nil {
		return nil, fmt.Errorf("wallet: signer: %w", err)
	}
	hash := sha256.Sum256(chain[0].Raw)
	return &Signer{ClientID: "x509_hash:" + base64.RawURLEncoding.EncodeToString(hash[:]), signer: signer}, nil
}

// OwnSigner signs with a key and a certificate of its own making, the same for
// the same secret and year: wallets see that a request is from who asked, not
// who that is. Those that want to know need a certificate that somebody they
// trust has issued.
func OwnSigner(secret [32]byte, host string, now time.Time) (*Signer, error) {
	key, err := DeriveKey(secret[:], nil, "request signer")
	if err != nil {
		return nil, err
	}
	private, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), key.Bytes())
	if err != nil {
		return nil, fmt.Errorf("wallet: signer: %w", err)
	}
	year := time.Date(now.UTC().Year(), 1, 1, 0, 0, 0, 0, time.UTC)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(int64(year.Year())), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		NotBefore: year, NotAfter: year.AddDate(2, 0, 0), KeyUsage: x509.KeyUsageDigitalSignature, BasicConstraintsValid: true,
	}
	// Without randomness ECDSA is deterministic (RFC 6979), and so is the hash.
	der, err := x509.CreateCertificate(nil, template, template, private.Public(), private)
	if err != nil {
		return nil, fmt.Errorf("wallet: signer: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("wallet: signer: %w", err)
	}
	return NewSigner(private, []*x509.Certificate{cert})
}

// Object is a request as a signed object (OpenID4VP 1.0 §5.2): a JWT.
func (s *Signer) Object(p Parameters) (string, error) {
	p.Audience = "https://self-issued.me/v2"
	text, err := json.Marshal(p)
	if err != nil {
		return "", fmt.Errorf("wallet: request object: %w", err)
	}
	signed, err := s.signer.Sign(text)
	if err != nil {
		return "", fmt.Errorf("wallet: request object: %w", err)
	}
	return signed.CompactSerialize()
}
