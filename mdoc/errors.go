package mdoc

import (
	"errors"
	"fmt"
)

// Name names a defect. Names are stable: programs may switch on them.
type Name string

// Defects of the encoding.
const (
	Malformed        Name = "malformed"         // not the structure that the standard describes
	Truncated        Name = "truncated"         // ends before what it announces
	TrailingBytes    Name = "trailing_bytes"    // goes on after its end
	IndefiniteLength Name = "indefinite_length" // a length that is not told in advance
	NotShortest      Name = "not_shortest"      // a number in more bytes than it needs
	DuplicateKey     Name = "duplicate_key"     // a map with a key twice
	Float            Name = "float"             // a floating-point number
	NotUTF8          Name = "not_utf8"          // text that is none
	TooDeep          Name = "too_deep"          // nested beyond the limit
	TooLarge         Name = "too_large"         // beyond the limit of bytes or items
)

// Defects of what is presented.
const (
	ResponseStatus    Name = "response_status"     // the wallet reports a failure
	ResponseVersion   Name = "response_version"    // a version that this package does not know
	DocumentCount     Name = "document_count"      // not exactly one document
	WrongDocType      Name = "wrong_doctype"       // another document than asked for, or than the issuer signed
	NoTrust           Name = "no_trust"            // the request names no issuer to trust, or both a key and roots
	BadTranscript     Name = "bad_transcript"      // the request's SessionTranscript is none
	BadCertificate    Name = "bad_certificate"     // a certificate that can't be read or may not sign documents
	UntrustedIssuer   Name = "untrusted_issuer"    // no chain to a trusted root
	CertificateDates  Name = "certificate_dates"   // a certificate that is not valid at the time, or was not at signing
	WrongAlgorithm    Name = "wrong_algorithm"     // an algorithm that is missing, unknown or not the key's
	IssuerSignature   Name = "issuer_signature"    // the issuer did not sign this
	BadValidity       Name = "bad_validity"        // dates that can't be read or contradict each other
	NotYetValid       Name = "not_yet_valid"       // before validFrom
	Expired           Name = "expired"             // after validUntil
	DigestMismatch    Name = "digest_mismatch"     // a disclosed item that the issuer did not sign
	ShortRandom       Name = "short_random"        // an item whose salt can be guessed
	DuplicateClaim    Name = "duplicate_claim"     // an element disclosed twice
	BadDeviceKey      Name = "bad_device_key"      // no usable key in the signed object
	NoDeviceSignature Name = "no_device_signature" // the device did not sign (a MAC proves nothing to this verifier)
	DeviceSignature   Name = "device_signature"    // the device did not sign this session
	DeviceClaims      Name = "device_claims"       // claims that only the device vouches for
	MissingClaim      Name = "missing_claim"       // a required claim is not disclosed
	ClaimNotTrue      Name = "claim_not_true"      // a required claim is anything but true
)

// Error is one defect. Detail says where, and never holds a disclosed value.
type Error struct {
	Name   Name   `json:"name"`
	Detail string `json:"detail"`
}

// Error is the name and the detail.
func (e *Error) Error() string { return string(e.Name) + ": " + e.Detail }

func fault(name Name, format string, args ...any) *Error {
	return &Error{Name: name, Detail: fmt.Sprintf(format, args...)}
}

// within says where a defect of the encoding lies.
func within(place string, err error) error {
	var e *Error
	if errors.As(err, &e) {
		return &Error{Name: e.Name, Detail: place + ": " + e.Detail}
	}
	return err
}
