package wallet

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/breakwater-project/breakwater/mdoc"
	"github.com/breakwater-project/breakwater/sdjwt"
)

// anyMdoc checks a DeviceResponse of whichever mdoc was asked for.
func (q *Question) anyMdoc(response, transcript []byte, trust Trust, at time.Time) (Finding, error) {
	said := mdoc.Verify(response, mdoc.Request{}).DocType // proves nothing: only which it claims to be
	for _, d := range q.Documents {
		if d.Format == MDoc && d.Types[0] == said {
			return q.mdoc(d, response, transcript, trust, at)
		}
	}
	return Finding{}, refuse(NotAsked, "a document that was not asked for")
}

// mdoc verifies a DeviceResponse in full, then that it says one age.
func (q *Question) mdoc(d Document, response, transcript []byte, trust Trust, at time.Time) (Finding, error) {
	issuers, err := trust(d, at)
	if err != nil {
		return Finding{}, refuse(NoTrust, "no issuers: %w", err)
	}
	result := mdoc.Verify(response, mdoc.Request{Transcript: transcript, DocType: d.Types[0], Roots: issuers.Roots, At: at})
	if !result.OK {
		return Finding{}, refuseMdoc(result.Errors)
	}
	names := result.Claims[d.Path[0]]
	if len(names) == 0 && len(result.Claims) == 0 {
		return Finding{}, refuse(SaysNothing, "it discloses nothing")
	}
	if len(result.Claims) != 1 || len(names) != 1 {
		return Finding{}, refuse(OverDisclosed, "more than one claim, or of another namespace")
	}
	for name, value := range names {
		return q.finding(d, name, value)
	}
	panic("unreachable: there is one")
}

// refuseMdoc says that dates are wrong only if nothing else is.
func refuseMdoc(faults []*mdoc.Error) *Refusal {
	defect := Expired
	var causes []error
	for _, f := range faults {
		if f.Name != mdoc.Expired {
			defect = Unproven
		}
		causes = append(causes, f)
	}
	return &Refusal{Defect: defect, cause: errors.Join(causes...)}
}

// finding says what one claim answers: the age that was asked for, or the
// nearest (ISO/IEC 18013-5 §7.2.5): to have reached a higher one, or not a
// lower one, answers as well.
func (q *Question) finding(d Document, name string, value any) (Finding, error) {
	age, ok := d.ageOf(name)
	if !ok {
		return Finding{}, refuse(OverDisclosed, "a claim that is no age")
	}
	reached, ok := value.(bool)
	switch {
	case !ok:
		return Finding{}, refuse(SaysNothing, "the age's claim is not true or false")
	case reached && age >= q.Over, !reached && age <= q.Over:
		return Finding{Document: d.ID, Reached: reached}, nil
	}
	return Finding{}, refuse(SaysNothing, "another age than was asked for")
}

// technical are the claims of an SD-JWT VC that say nothing of its subject.
var technical = []string{
	"iss", "iat", "nbf", "exp", "cnf", "vct", "vct#integrity", "status",
	"issuing_authority", "issuing_country", "date_of_issuance", "date_of_expiry",
}

// leeway is by how much a wallet's clock may be wrong; window is how old its
// signature may be, the life of a request and a little more.
const (
	leeway = time.Minute
	window = 6 * time.Minute
)

// sdjwt verifies an SD-JWT VC with key binding, then that it says one age.
func (q *Question) sdjwt(d Document, presented, audience string, trust Trust, at time.Time) (Finding, error) {
	p, err := sdjwt.Parse(presented)
	if err != nil {
		return Finding{}, refuse(Malformed, "%w", err)
	}
	issuers, err := trust(d, at)
	if err != nil {
		return Finding{}, refuse(NoTrust, "no issuers: %w", err)
	}
	keys, err := issuers.keysOf(presented, at)
	if err != nil {
		return Finding{}, refuse(Unproven, "issuer: %w", err)
	}
	policy := sdjwt.Policy{At: at, Leeway: leeway, Types: []string{"dc+sd-jwt", "vc+sd-jwt"}, Binding: &sdjwt.Binding{Nonce: q.Nonce, Audience: audience, Window: window}}
	var c *sdjwt.Credential
	for _, key := range keys {
		if c, err = p.Verify(key, policy); err == nil {
			break
		}
	}
	switch {
	case err != nil:
		return Finding{}, refuse(Unproven, "%w", err)
	case !slices.Contains(d.Types, c.Type):
		return Finding{}, refuse(NotAsked, "a credential of another type")
	}
	return q.sdjwtFinding(d, c.Claims)
}

// sdjwtFinding looks for the one age beneath the document's path, and for
// anything beside it.
func (q *Question) sdjwtFinding(d Document, claims map[string]any) (Finding, error) {
	for name := range claims {
		if name != d.Path[0] && !slices.Contains(technical, name) {
			return Finding{}, refuse(OverDisclosed, "a claim that was not asked for")
		}
	}
	for i, name := range d.Path {
		inner, ok := claims[name].(map[string]any)
		switch {
		case !ok:
			return Finding{}, refuse(SaysNothing, "it discloses no age")
		case i > 0 && len(claims) > 1:
			return Finding{}, refuse(OverDisclosed, "a claim that was not asked for")
		}
		claims = inner
	}
	if len(claims) > 1 {
		return Finding{}, refuse(OverDisclosed, "more than one age")
	}
	for name, value := range claims {
		return q.finding(d, name, value)
	}
	return Finding{}, refuse(SaysNothing, "it discloses no age")
}

// keysOf finds the keys that may have signed an SD-JWT VC: by its certificate
// (x5c), or by who it says issued it. Until one of them verifies it, nothing
// of this can be believed.
func (i *Issuers) keysOf(presented string, at time.Time) ([]*sdjwt.Key, error) {
	token, _, _ := strings.Cut(presented, "~")
	parts := strings.Split(token, ".")
	var header struct {
		Chain []string `json:"x5c"`
	}
	var payload struct {
		Issuer string `json:"iss"`
	}
	if len(parts) != 3 || unmarshalPart(parts[0], &header) != nil || unmarshalPart(parts[1], &payload) != nil {
		return nil, errors.New("not a JWT")
	}
	if len(header.Chain) > 0 {
		key, err := i.byChain(header.Chain, payload.Issuer, at)
		return []*sdjwt.Key{key}, err
	}
	keys := i.Keys[payload.Issuer]
	if payload.Issuer == "" || len(keys) == 0 {
		return nil, errors.New("unknown")
	}
	return keys, nil
}

func unmarshalPart(part string, v any) error {
	text, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, v)
}

const (
	maxChain       = 6
	maxCertificate = 4096 // bytes
)

// byChain is the key of a certificate that leads to a trusted root, and that
// may sign for iss, if the credential names one.
func (i *Issuers) byChain(chain []string, iss string, at time.Time) (*sdjwt.Key, error) {
	if len(chain) > maxChain {
		return nil, errors.New("too many certificates")
	}
	options := x509.VerifyOptions{
		Roots: x509.NewCertPool(), Intermediates: x509.NewCertPool(), CurrentTime: at,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	}
	for _, root := range i.Roots {
		options.Roots.AddCert(root)
	}
	var leaf *x509.Certificate
	for n, text := range chain {
		der, err := base64.StdEncoding.DecodeString(text)
		if err != nil || len(der) > maxCertificate {
			return nil, errors.New("a certificate that can't be read")
		}
		cert, err := x509.ParseCertificate(der)
		switch {
		case err != nil:
			return nil, err
		case n == 0:
			leaf = cert
		default:
			options.Intermediates.AddCert(cert)
		}
	}
	if _, err := leaf.Verify(options); err != nil {
		return nil, err
	}
	if leaf.IsCA || leaf.KeyUsage&x509.KeyUsageDigitalSignature == 0 || !signsFor(leaf, iss) {
		return nil, errors.New("the certificate is not for signing this issuer's credentials")
	}
	return keyOf(leaf)
}

// signsFor reports whether a certificate names the issuer, where there is one
// to be named.
func signsFor(cert *x509.Certificate, iss string) bool {
	u, err := url.Parse(iss)
	switch {
	case iss == "":
		return true
	case err != nil:
		return false
	}
	return slices.ContainsFunc(cert.URIs, func(named *url.URL) bool { return named.String() == iss }) ||
		u.Scheme == "https" && slices.Contains(cert.DNSNames, u.Hostname())
}

// keyOf is a certificate's key; ECDSA on P-256 or P-384.
func keyOf(cert *x509.Certificate) (*sdjwt.Key, error) {
	public, ok := cert.PublicKey.(*ecdsa.PublicKey)
	if !ok || public.Curve != elliptic.P256() && public.Curve != elliptic.P384() {
		return nil, errors.New("the certificate's key is of a kind that is not accepted")
	}
	point, err := public.Bytes()
	if err != nil {
		return nil, err
	}
	size := len(point) / 2
	text, err := json.Marshal(map[string]string{
		"kty": "EC", "crv": public.Params().Name,
		"x": base64.RawURLEncoding.EncodeToString(point[1 : 1+size]),
		"y": base64.RawURLEncoding.EncodeToString(point[1+size:]),
	})
	if err != nil {
		return nil, err
	}
	return sdjwt.ParseKey(text)
}
