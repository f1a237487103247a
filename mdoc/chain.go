package mdoc

import (
	"crypto"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"slices"
	"time"
)

// Limits of what a stranger can have checked: a certificate with a key of a
// million bits would keep a processor busy for minutes.
const (
	maxChain       = 6    // certificates
	maxCertificate = 4096 // bytes; real ones have under 1000
)

// signerPurposes are the extended key usages of a document signer, of which
// its certificate must have one: without, whoever got any other certificate
// under the root could sign documents.
var signerPurposes = []string{
	"1.0.18013.5.1.2",   // ISO 18013-5 annex B, mdlDS
	"1.3.130.2.0.0.1.2", // EU age verification profile, annex A
}

// parseChain reads x5chain from the unprotected header: one certificate, or
// several with the signer's first.
func parseChain(header item) ([]*x509.Certificate, error) {
	value, _ := header.label(labelX5Chain)
	encoded := []item{value}
	if value.kind == array {
		encoded = value.items
	}
	if len(encoded) == 0 || len(encoded) > maxChain {
		return nil, fault(BadCertificate, "%d certificates, there must be 1 to %d", len(encoded), maxChain)
	}
	var chain []*x509.Certificate
	for i, it := range encoded {
		if it.kind != byteString || it.raw == nil {
			return nil, fault(BadCertificate, "no x5chain")
		}
		if len(it.content) > maxCertificate {
			return nil, fault(BadCertificate, "number %d has %d bytes, at most %d are read", i+1, len(it.content), maxCertificate)
		}
		cert, err := x509.ParseCertificate(slices.Clone(it.content))
		if err != nil {
			return nil, fault(BadCertificate, "number %d can't be read: %v", i+1, err)
		}
		chain = append(chain, cert)
	}
	return chain, nil
}

// checkChain says whether the chain leads to one of roots at the time at.
func checkChain(chain []*x509.Certificate, roots []*x509.Certificate, at time.Time) error {
	options := x509.VerifyOptions{
		Roots:         x509.NewCertPool(), // never nil, which would mean the system's
		Intermediates: x509.NewCertPool(),
		CurrentTime:   at,
		KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageAny}, // checkSigner knows better
	}
	for _, root := range roots {
		options.Roots.AddCert(root)
	}
	for _, cert := range chain[1:] {
		options.Intermediates.AddCert(cert)
	}
	_, err := chain[0].Verify(options)
	var invalid x509.CertificateInvalidError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return fault(CertificateDates, "a certificate of the chain is not valid at %s", at.UTC().Format(time.RFC3339))
	}
	return fault(UntrustedIssuer, "%v", err)
}

// checkSigner says whether a certificate is a document signer's.
func checkSigner(cert *x509.Certificate) error {
	switch {
	case cert.IsCA:
		return fault(BadCertificate, "the signer's is a certificate authority's")
	case cert.KeyUsage&x509.KeyUsageDigitalSignature == 0:
		return fault(BadCertificate, "the signer's is not for signatures")
	case !slices.ContainsFunc(cert.UnknownExtKeyUsage, func(id asn1.ObjectIdentifier) bool {
		return slices.Contains(signerPurposes, id.String())
	}):
		return fault(BadCertificate, "the signer's is not for documents (extended key usage)")
	}
	return nil
}

// issuer is who must have signed, and, when that came by a certificate, the
// certificate.
type issuer struct {
	key  crypto.PublicKey
	cert *x509.Certificate
}

// findIssuer takes the key from the request or from the response's chain. The
// errors are what is wrong with the chain; a key may come with them, so that
// what else is wrong can be said too.
func findIssuer(r Request, header item) (issuer, []error) {
	if (r.IssuerKey != nil) == (len(r.Roots) > 0) {
		return issuer{}, []error{fault(NoTrust, "there must be either an issuer's key or trusted roots")}
	}
	if r.IssuerKey != nil {
		return issuer{key: r.IssuerKey}, nil
	}
	chain, err := parseChain(header)
	if err != nil {
		return issuer{}, []error{err}
	}
	var faults []error
	for _, err := range []error{checkChain(chain, r.Roots, r.At), checkSigner(chain[0])} {
		if err != nil {
			faults = append(faults, err)
		}
	}
	return issuer{key: chain[0].PublicKey, cert: chain[0]}, faults
}
