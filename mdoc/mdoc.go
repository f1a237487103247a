// Package mdoc checks what a wallet presents by ISO/IEC 18013-5: a mobile
// driving licence, the European age attestation (eu.europa.ec.av.1) or another
// mobile document. It uses the standard library only, works offline, keeps
// nothing and reads no clock.
//
// A proof holds when a trusted issuer signed the document, the document is
// valid at the time, each disclosed item is one that the issuer signed, the
// device that the document was issued to signed this very session, and each
// required claim is disclosed and true. That last step matters: a response
// can be genuine and say nothing.
//
// What comes in is read strictly (RFC 8949 in its shortest form, bounded in
// size and depth), and signatures and digests are checked over the bytes as
// they were received. Not checked: revocation (asking the issuer would tell it
// who is asking), MACs of the device (they need the reader's secret), and
// whether more was disclosed than asked for, which the asker judges.
package mdoc

import (
	"crypto"
	"crypto/x509"
	"errors"
	"time"
)

// Request is what a response is held against.
type Request struct {
	// Transcript is the SessionTranscript in CBOR, an array of three, made by
	// the verifier from its own request and never taken from the wallet.
	Transcript []byte
	// DocType is the document that was asked for; empty accepts any.
	DocType string
	// Roots are trusted issuer authorities (IACA). The response must bring a
	// chain to one of them.
	Roots []*x509.Certificate
	// IssuerKey is trusted instead of Roots: an *ecdsa.PublicKey on P-256,
	// P-384 or P-521, or an ed25519.PublicKey. Certificates in the response are
	// then not looked at.
	IssuerKey crypto.PublicKey
	// At is the time at which everything must be valid.
	At time.Time
	// Require names elements, such as "age_over_18", that must be disclosed and
	// true. Disclosed in several namespaces, each must be true.
	Require []string
}

// Result is what a response proves.
type Result struct {
	// OK is true when everything was checked, and holds.
	OK bool
	// DocType is the document that the response says it is, also when nothing
	// is proven; empty when it could not be read.
	DocType string
	// Claims are the proven claims, by namespace and element; nil as long as
	// the document itself is not proven. Values are bool, int64, string, []byte,
	// nil, []any and map[string]any; times and days are strings.
	Claims map[string]map[string]any
	// Errors are all the defects that were found; some hide others.
	Errors []*Error
}

// Verify checks a DeviceResponse in CBOR, of at most MaxSize bytes, with one
// document. It never panics, and keeps nothing of response.
func Verify(response []byte, r Request) Result {
	d, err := parseResponse(response)
	if err != nil {
		return Result{Errors: named(err)}
	}
	result := Result{DocType: d.docType}
	claims, faults := d.prove(r)
	if len(faults) == 0 {
		result.Claims = claims
		faults = missing(claims, r.Require)
	}
	result.Errors = named(faults...)
	result.OK = len(result.Errors) == 0
	return result
}

// prove checks everything but the required claims.
func (d *document) prove(r Request) (map[string]map[string]any, []error) {
	var faults []error
	check := func(err error) {
		if err != nil {
			faults = append(faults, err)
		}
	}
	if r.DocType != "" && d.docType != r.DocType {
		check(fault(WrongDocType, "%q, not %q", d.docType, r.DocType))
	}
	signed, issuerFaults := d.issuerSigned(r)
	faults = append(faults, issuerFaults...)
	if signed == nil { // nothing of what follows can be believed
		return nil, faults
	}
	if signed.docType != d.docType {
		check(fault(WrongDocType, "the issuer signed %q, the response says %q", signed.docType, d.docType))
	}
	check(signed.validity.at(r.At))
	claims := map[string]map[string]any{}
	for _, one := range d.disclosed {
		check(signed.covers(one))
		check(one.addTo(claims))
	}
	check(d.deviceSigned(signed.deviceKey, r.Transcript))
	return claims, faults
}

// issuerSigned is what the issuer signed; nil when nobody to be believed did.
func (d *document) issuerSigned(r Request) (*mso, []error) {
	signature, err := parseSign1(d.issuerAuth)
	if err != nil {
		return nil, []error{within("issuerAuth", err)}
	}
	from, faults := findIssuer(r, signature.unprotected)
	if from.key == nil {
		return nil, faults
	}
	if signature.payload.kind != byteString {
		return nil, append(faults, fault(Malformed, "issuerAuth has no payload"))
	}
	if err := signature.verify(from.key, signature.payload.content, IssuerSignature); err != nil {
		return nil, append(faults, within("issuerAuth", err))
	}
	signed, err := parseMSO(signature.payload)
	if err != nil {
		return nil, append(faults, err)
	}
	if cert := from.cert; cert != nil && (signed.validity.signed.Before(cert.NotBefore) || signed.validity.signed.After(cert.NotAfter)) {
		faults = append(faults, fault(CertificateDates, "the signer's certificate was not valid when it signed"))
	}
	return signed, faults
}

// deviceSigned checks that the device signed this session (ISO 18013-5
// §9.1.3): DeviceAuthentication, made here of the verifier's own transcript.
func (d *document) deviceSigned(deviceKey item, transcript []byte) error {
	if it, err := decode(transcript); err != nil || it.kind != array || len(it.items) != 3 {
		return fault(BadTranscript, "not an array of three in strict CBOR")
	}
	names, err := d.deviceNames.embedded()
	switch {
	case err != nil:
		return within("DeviceNameSpaces", err)
	case names.kind != mapping:
		return fault(Malformed, "DeviceNameSpaces is no map")
	case len(names.items) > 0:
		return fault(DeviceClaims, "%d namespaces", len(names.items)/2)
	}
	auth, ok := d.deviceAuth.text("deviceSignature")
	if !ok || len(d.deviceAuth.items) != 2 {
		return fault(NoDeviceSignature, "deviceAuth is not one deviceSignature")
	}
	signature, err := parseSign1(auth)
	if err != nil {
		return within("deviceSignature", err)
	}
	if !signature.payload.isNull() {
		return fault(Malformed, "deviceSignature is not detached")
	}
	key, err := parseKey(deviceKey)
	if err != nil {
		return err
	}
	return within("deviceSignature", signature.verify(key, d.deviceAuthentication(transcript), DeviceSignature))
}

// deviceAuthentication is DeviceAuthenticationBytes.
func (d *document) deviceAuthentication(transcript []byte) []byte {
	b := appendHead(nil, array, 4)
	b = appendText(b, "DeviceAuthentication")
	b = append(b, transcript...)
	b = appendText(b, d.docType)
	b = append(b, d.deviceNames.raw...)
	return appendBytes(appendHead(nil, tag, tagEncoded), b)
}

// missing are the required elements that are not there or not true.
func missing(claims map[string]map[string]any, required []string) []error {
	var faults []error
	for _, element := range required {
		found, holds := false, true
		for _, disclosed := range claims {
			value, ok := disclosed[element]
			found = found || ok
			holds = holds && (!ok || value == true)
		}
		switch {
		case !found:
			faults = append(faults, fault(MissingClaim, "%q", element))
		case !holds:
			faults = append(faults, fault(ClaimNotTrue, "%q", element))
		}
	}
	return faults
}

func named(errs ...error) []*Error {
	var all []*Error
	for _, err := range errs {
		var e *Error
		if !errors.As(err, &e) {
			e = fault(Malformed, "%v", err)
		}
		all = append(all, e)
	}
	return all
}
