package wallet

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hpke"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/breakwater-project/breakwater/internal/web"
)

// Protocols of the Digital Credentials API.
const (
	ProtocolOpenID4VP = "openid4vp-v1-unsigned"
	ProtocolISO       = "org-iso-mdoc"
)

// FromLink checks an answer by direct_post or direct_post.jwt: a form (OpenID4VP
// 1.0 §8.2, §8.3.1). The error is a *Refusal.
func (q *Question) FromLink(form url.Values, trust Trust, at time.Time) (Finding, error) {
	a := answer{question: q, audience: q.ClientID, transcript: linkTranscript(q.ClientID, q.Nonce, q.thumbprint(), q.ResponseURI)}
	for _, name := range []string{"vp_token", "response", "error"} {
		if len(form[name]) > 1 {
			return Finding{}, refuse(Malformed, "%s is there twice", name)
		}
	}
	if form.Has("error") {
		return Finding{}, refuse(Declined, "the wallet answers with an error")
	}
	return a.check(form.Get("vp_token"), form.Get("response"), trust, at)
}

// FromAPI checks an answer by the Digital Credentials API to a question of which
// Origin is set: the protocol and data of the credential. The error is a
// *Refusal.
func (q *Question) FromAPI(protocol string, data []byte, trust Trust, at time.Time) (Finding, error) {
	var fields struct {
		Token    json.RawMessage `json:"vp_token"`
		Response string          `json:"response"`
		Error    json.RawMessage `json:"error"`
	}
	if err := strictJSON(data, &fields); err != nil {
		return Finding{}, err
	}
	switch {
	case len(fields.Error) > 0:
		return Finding{}, refuse(Declined, "the wallet answers with an error")
	case protocol == ProtocolISO:
		return q.iso(fields.Response, trust, at)
	case protocol != ProtocolOpenID4VP:
		return Finding{}, refuse(Malformed, "an unknown protocol")
	}
	a := answer{question: q, audience: "origin:" + q.Origin, transcript: apiTranscript(q.Origin, q.Nonce, q.thumbprint())}
	return a.check(string(fields.Token), fields.Response, trust, at)
}

// answer is an OpenID4VP answer and what it must be bound to.
type answer struct {
	question   *Question
	audience   string // for SD-JWT
	transcript []byte // for mdocs
}

// check verifies a vp_token that came in the clear, or in an encrypted
// response: whichever was asked for.
func (a *answer) check(token, response string, trust Trust, at time.Time) (Finding, error) {
	encrypted := a.question.Key != nil
	if (response != "") != encrypted || (token != "") == encrypted {
		return Finding{}, refuse(Malformed, "it came in another response mode than was asked for")
	}
	if encrypted {
		plain, err := a.question.decrypt(response)
		if err != nil {
			return Finding{}, err
		}
		var fields struct {
			Token json.RawMessage `json:"vp_token"`
			Error json.RawMessage `json:"error"`
		}
		if err := strictJSON(plain, &fields); err != nil {
			return Finding{}, err
		}
		if len(fields.Error) > 0 {
			return Finding{}, refuse(Declined, "the wallet answers with an error")
		}
		token = string(fields.Token)
	}
	var presentations map[string][]string
	if err := strictJSON([]byte(token), &presentations); err != nil {
		return Finding{}, err
	}
	for _, d := range a.question.Documents {
		if of := presentations[d.ID]; len(presentations) == 1 && len(of) == 1 {
			return a.verify(d, of[0], trust, at)
		}
	}
	return Finding{}, refuse(NotAsked, "not one presentation of one document that was asked for")
}

func (a *answer) verify(d Document, presented string, trust Trust, at time.Time) (Finding, error) {
	if d.Format == SDJWT {
		return a.question.sdjwt(d, presented, a.audience, trust, at)
	}
	response, err := base64.RawURLEncoding.Strict().DecodeString(presented)
	if err != nil {
		return Finding{}, refuse(Malformed, "an mdoc that is not base64url")
	}
	return a.question.mdoc(d, response, a.transcript, trust, at)
}

// decrypt opens a JWE by ECDH-ES (RFC 7518 §4.6).
func (q *Question) decrypt(response string) ([]byte, error) {
	private, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), q.Key.Bytes())
	if err != nil {
		return nil, refuse(Undecryptable, "the question's key: %w", err)
	}
	e, err := jose.ParseEncryptedCompact(response, []jose.KeyAlgorithm{jose.ECDH_ES}, contentEncryption())
	if err != nil {
		return nil, refuse(Undecryptable, "%w", err)
	}
	plain, err := e.Decrypt(private)
	if err != nil {
		return nil, refuse(Undecryptable, "%w", err)
	}
	return plain, nil
}

// iso checks an answer by org-iso-mdoc (ISO/IEC TS 18013-7:2024, annex C.4):
// ["dcapi", {enc, cipherText}], by HPKE (RFC 9180) with the transcript as its
// info. Which document it is, the response says.
func (q *Question) iso(response string, trust Trust, at time.Time) (Finding, error) {
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(response)
	if err != nil {
		return Finding{}, refuse(Malformed, "a response that is not base64url")
	}
	enc, ciphertext, err := readSealed(sealed)
	if err != nil {
		return Finding{}, refuse(Malformed, "the sealed response: %w", err)
	}
	transcript := isoTranscript(q.encryptionInfo(), q.Origin)
	plain, err := q.open(enc, ciphertext, transcript)
	if err != nil {
		return Finding{}, refuse(Undecryptable, "%w", err)
	}
	return q.anyMdoc(plain, transcript, trust, at)
}

func (q *Question) open(enc, ciphertext, info []byte) ([]byte, error) {
	if q.Key == nil {
		return nil, errors.New("the question has no key")
	}
	key, err := hpke.NewDHKEMPrivateKey(q.Key)
	if err != nil {
		return nil, err
	}
	recipient, err := hpke.NewRecipient(enc, key, hpke.HKDFSHA256(), hpke.AES128GCM(), info)
	if err != nil {
		return nil, err
	}
	return recipient.Open(nil, ciphertext)
}

// readSealed reads the sealed response, whose two members come in any order.
func readSealed(data []byte) (enc, ciphertext []byte, err error) {
	d := decoder{data: data}
	if d.head(cborArray) != 2 || string(d.content(cborText)) != "dcapi" || d.head(cborMap) != 2 {
		return nil, nil, errCBOR
	}
	for range 2 {
		switch string(d.content(cborText)) {
		case "enc":
			enc = d.content(cborBytes)
		case "cipherText":
			ciphertext = d.content(cborBytes)
		default:
			return nil, nil, errCBOR
		}
	}
	if err := d.end(); err != nil || enc == nil || ciphertext == nil {
		return nil, nil, errCBOR
	}
	return enc, ciphertext, nil
}

// strictJSON reads JSON that every reader takes for the same.
func strictJSON(data []byte, v any) error {
	if err := web.CheckJSON(data); err != nil {
		return refuse(Malformed, "%w", err)
	}
	if err := json.Unmarshal(data, v); err != nil {
		return refuse(Malformed, "JSON of another shape")
	}
	return nil
}
