// Package wallet asks wallets whether somebody has reached an age, and checks
// their answers: OpenID4VP 1.0 with DCQL, by a link (direct_post and
// direct_post.jwt) and by the Digital Credentials API (protocols openid4vp
// and org-iso-mdoc, ISO/IEC TS 18013-7 annex C). It keeps nothing, and reads
// no clock.
//
// A Question is everything that a request is made of, and everything that its
// answer is held against: the nonce, the key that answers are encrypted to,
// and for whom they are. Whoever asks stores what the question is made from,
// and lets it be answered once.
//
// An answer counts when it is one presentation of one of the documents that
// were asked for, verifies in full (packages mdoc and sdjwt), is bound to this
// very question, discloses one age and nothing else, and that age answers it.
// What discloses more is refused, so that nobody has it.
package wallet

import (
	"crypto/ecdh"
	"crypto/x509"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/breakwater-project/breakwater/sdjwt"
)

// Format is how a credential is made.
type Format string

// The formats, as DCQL names them.
const (
	MDoc  Format = "mso_mdoc"
	SDJWT Format = "dc+sd-jwt"
)

// Document is a kind of credential that says an age.
type Document struct {
	// ID names it in queries and answers: letters, digits, _ and -.
	ID     string
	Format Format
	// Types are its docType (one), or the values of vct.
	Types []string
	// Path is where ages are: the namespace, or the names above the claim.
	Path []string
}

// Types of the documents that standards describe.
const (
	avType   = "eu.europa.ec.av.1"
	mdlType  = "org.iso.18013.5.1.mDL"
	mdlNames = "org.iso.18013.5.1"
)

// AgeAttestation is the European proof of age (blueprint 1.0.8, annex A).
func AgeAttestation() Document {
	return Document{ID: "av", Format: MDoc, Types: []string{avType}, Path: []string{avType}}
}

// DrivingLicence is a mobile driving licence (ISO/IEC 18013-5 §7.2).
func DrivingLicence() Document {
	return Document{ID: "mdl", Format: MDoc, Types: []string{mdlType}, Path: []string{mdlNames}}
}

// Credential is an SD-JWT VC of one of the types, with claims such as
// age_equal_or_over.18.
func Credential(types ...string) Document {
	return Document{ID: "vc", Format: SDJWT, Types: types, Path: []string{"age_equal_or_over"}}
}

// agePrefix is what the name of an age has before its number.
func (d *Document) agePrefix() string {
	if d.Format == MDoc {
		return "age_over_"
	}
	return ""
}

// claim is the path of the claim that somebody has reached an age.
func (d *Document) claim(over int) []string {
	return append(append([]string{}, d.Path...), d.agePrefix()+fmt.Sprintf("%02d", over))
}

// ageOf reads the number of an age's name.
func (d *Document) ageOf(name string) (int, bool) {
	number, ok := strings.CutPrefix(name, d.agePrefix())
	n, err := strconv.Atoi(number)
	return n, ok && err == nil && n > 0 && n < 150 && len(number) >= 2 && len(number) <= 3 && number[0] != '+'
}

// Question is one request to a wallet.
type Question struct {
	Over int // completed years
	// Documents are those of which one is to answer.
	Documents []Document
	// Nonce is random, of one request: base64url of 16 bytes or more.
	Nonce string
	// Key is what the answer is encrypted to, on P-256. Nil asks for an answer
	// in the clear; org-iso-mdoc needs one.
	Key *ecdh.PrivateKey
	// ClientID and ResponseURI say who asks by a link, and where answers go.
	ClientID, ResponseURI string
	// Origin is the web origin from which the Digital Credentials API was
	// called: https://example.org.
	Origin string
}

// Issuers are whom to trust for one document.
type Issuers struct {
	Roots []*x509.Certificate
	// Keys of issuers by their iss, for SD-JWT VC without a certificate.
	Keys map[string][]*sdjwt.Key
}

// Trust says whom to trust for a document at a time. An error means nobody,
// for now.
type Trust func(d Document, at time.Time) (Issuers, error)

// Finding is what an answer proved, and all that is left of it.
type Finding struct {
	Document string // its ID
	Reached  bool   // the age that was asked for
}

// Defect is why an answer is refused. Names are stable, and say nothing of the
// person.
type Defect string

// The defects.
const (
	Malformed     Defect = "malformed"      // not what the protocol describes
	Undecryptable Defect = "undecryptable"  // not encrypted to the question's key
	Declined      Defect = "declined"       // the wallet says that it does not answer
	NotAsked      Defect = "not_asked"      // a document that was not asked for, or several
	Unproven      Defect = "unproven"       // does not verify, or not for this question
	Expired       Defect = "expired"        // verifies in all but the dates
	OverDisclosed Defect = "over_disclosed" // verifies, and says more than was asked
	SaysNothing   Defect = "says_nothing"   // verifies, and does not answer
	NoTrust       Defect = "no_trust"       // nobody is trusted for it now
)

// Refusal is an answer that does not count. Its text holds no disclosed value.
type Refusal struct {
	Defect Defect
	cause  error
}

// Error is for logs and tests; people are told less.
func (r *Refusal) Error() string {
	if r.cause == nil {
		return "wallet: " + string(r.Defect)
	}
	return "wallet: " + string(r.Defect) + ": " + r.cause.Error()
}

// Unwrap is what a verifier said.
func (r *Refusal) Unwrap() error { return r.cause }

func refuse(d Defect, format string, args ...any) *Refusal {
	return &Refusal{Defect: d, cause: fmt.Errorf(format, args...)}
}
