package wallet

import (
	"encoding/base64"
	"encoding/json"
	"net/url"

	"github.com/go-jose/go-jose/v4"
)

// query is a DCQL query (OpenID4VP 1.0 §6).
type query struct {
	Credentials []credentialQuery `json:"credentials"`
	Sets        []credentialSet   `json:"credential_sets,omitempty"`
}

type credentialQuery struct {
	ID     string         `json:"id"`
	Format Format         `json:"format"`
	Meta   map[string]any `json:"meta"`
	Claims []claimQuery   `json:"claims"`
}

type claimQuery struct {
	Path []string `json:"path"`
	// Retain is for mdocs, of which nothing is retained.
	Retain *bool `json:"intent_to_retain,omitempty"`
}

type credentialSet struct {
	Options [][]string `json:"options"`
}

// dcql asks for one claim of any one of the documents.
func (q *Question) dcql() query {
	var asked query
	var set credentialSet
	for _, d := range q.Documents {
		c := credentialQuery{ID: d.ID, Format: d.Format, Claims: []claimQuery{{Path: d.claim(q.Over)}}}
		if d.Format == MDoc {
			c.Meta = map[string]any{"doctype_value": d.Types[0]}
			c.Claims[0].Retain = new(bool)
		} else {
			c.Meta = map[string]any{"vct_values": d.Types}
		}
		asked.Credentials = append(asked.Credentials, c)
		set.Options = append(set.Options, []string{d.ID})
	}
	if len(set.Options) > 1 {
		asked.Sets = []credentialSet{set}
	}
	return asked
}

// Parameters are those of an authorization request (OpenID4VP 1.0 §5).
type Parameters struct {
	ResponseType   string    `json:"response_type"`
	ResponseMode   string    `json:"response_mode"`
	ClientID       string    `json:"client_id,omitempty"`
	ResponseURI    string    `json:"response_uri,omitempty"`
	Nonce          string    `json:"nonce"`
	Query          query     `json:"dcql_query"`
	ClientMetadata *metadata `json:"client_metadata,omitempty"`
	Audience       string    `json:"aud,omitempty"` // of a signed request
}

// metadata is what a wallet must know of the verifier (§5.1).
type metadata struct {
	Keys    *keySet        `json:"jwks,omitempty"`
	Enc     []string       `json:"encrypted_response_enc_values_supported,omitempty"`
	Formats map[string]any `json:"vp_formats_supported"`
}

type keySet struct {
	Keys []jwk `json:"keys"`
}

// contentEncryption is what answers may be encrypted with.
func contentEncryption() []jose.ContentEncryption {
	return []jose.ContentEncryption{jose.A128GCM, jose.A256GCM}
}

func (q *Question) metadata() *metadata {
	m := &metadata{Formats: map[string]any{}}
	for _, d := range q.Documents {
		if d.Format == MDoc { // COSE: ES256, ES384, ES512, EdDSA
			m.Formats[string(MDoc)] = map[string]any{"issuerauth_alg_values": []int{-7, -35, -36, -8}, "deviceauth_alg_values": []int{-7, -35, -36, -8}}
		} else {
			algs := []string{"ES256", "ES384", "EdDSA"}
			m.Formats[string(SDJWT)] = map[string]any{"sd-jwt_alg_values": algs, "kb-jwt_alg_values": algs}
		}
	}
	if q.Key != nil {
		m.Keys = &keySet{[]jwk{publicJWK(q.Key.PublicKey())}}
		for _, enc := range contentEncryption() {
			m.Enc = append(m.Enc, string(enc))
		}
	}
	return m
}

// LinkParameters are those of a request by a link.
func (q *Question) LinkParameters() Parameters {
	return Parameters{
		ResponseType: "vp_token", ResponseMode: q.mode("direct_post"), ClientID: q.ClientID, ResponseURI: q.ResponseURI,
		Nonce: q.Nonce, Query: q.dcql(), ClientMetadata: q.metadata(),
	}
}

// APIParameters are the data of a request by the Digital Credentials API,
// protocol openid4vp-v1-unsigned (appendix A.2).
func (q *Question) APIParameters() Parameters {
	return Parameters{
		ResponseType: "vp_token", ResponseMode: q.mode("dc_api"),
		Nonce: q.Nonce, Query: q.dcql(), ClientMetadata: q.metadata(),
	}
}

func (q *Question) mode(plain string) string {
	if q.Key != nil {
		return plain + ".jwt"
	}
	return plain
}

// Link is the whole request as a link to a wallet, such as av://?….
func (q *Question) Link(scheme string) (string, error) {
	p := q.LinkParameters()
	values := url.Values{
		"response_type": {p.ResponseType}, "response_mode": {p.ResponseMode}, "client_id": {p.ClientID},
		"response_uri": {p.ResponseURI}, "nonce": {p.Nonce},
	}
	for name, part := range map[string]any{"dcql_query": p.Query, "client_metadata": p.ClientMetadata} {
		text, err := json.Marshal(part)
		if err != nil {
			return "", err
		}
		values.Set(name, string(text))
	}
	return scheme + "://?" + values.Encode(), nil
}

// LinkTo is a link to a wallet with the address of the request in its place:
// short enough for a code that is scanned.
func LinkTo(scheme, clientID, requestURI string) string {
	return scheme + "://?" + url.Values{"client_id": {clientID}, "request_uri": {requestURI}}.Encode()
}

// ISORequest is the data of a request by the Digital Credentials API, protocol
// org-iso-mdoc (ISO/IEC TS 18013-7:2024, annex C.2): base64url of CBOR.
type ISORequest struct {
	DeviceRequest  string `json:"deviceRequest"`
	EncryptionInfo string `json:"encryptionInfo"`
}

// ISORequest asks for one document, which must be an mdoc.
func (q *Question) ISORequest(d Document) ISORequest {
	names := d.claim(q.Over)
	var items encoder
	items.head(cborMap, 2).text("docType").text(d.Types[0])
	items.text("nameSpaces").head(cborMap, 1).text(names[0]).head(cborMap, 1).text(names[1]).raw(cborFalse) // retains nothing
	var request encoder
	request.head(cborMap, 2).text("version").text("1.0")
	request.text("docRequests").head(cborArray, 1).head(cborMap, 1).text("itemsRequest").head(cborTag, tagEncoded).bytes(items)
	return ISORequest{
		DeviceRequest:  base64.RawURLEncoding.EncodeToString(request),
		EncryptionInfo: q.encryptionInfo(),
	}
}

// encryptionInfo is ["dcapi", {nonce, recipientPublicKey}], in base64url.
func (q *Question) encryptionInfo() string {
	x, y := coordinates(q.Key.PublicKey())
	var info encoder
	info.head(cborArray, 2).text("dcapi").head(cborMap, 2).text("nonce").bytes([]byte(q.Nonce))
	info.text("recipientPublicKey").head(cborMap, 4) // COSE_Key (RFC 9052 §7): EC2 on P-256
	info.raw(1, 2, cborNegative, 1, cborNegative|1).bytes(x).raw(cborNegative | 2).bytes(y)
	return base64.RawURLEncoding.EncodeToString(info)
}
