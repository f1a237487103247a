package trustlist

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var today = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// signer is a key and its certificate, valid for two years around today.
type signer struct {
	key         crypto.Signer
	certificate *x509.Certificate
}

func newSigner(t testing.TB, key crypto.Signer) signer {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "List signer of the tests"},
		NotBefore: today.AddDate(-1, 0, 0), NotAfter: today.AddDate(1, 0, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return signer{key, certificate}
}

func rsaSigner(t testing.TB) signer {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return newSigner(t, key)
}

func ecdsaSigner(t testing.TB) signer {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return newSigner(t, key)
}

// The transforms that take the signature out of what is signed.
const (
	byFilter    = `<ds:Transform Algorithm="http://www.w3.org/2002/06/xmldsig-filter2"><f:XPath xmlns:f="http://www.w3.org/2002/06/xmldsig-filter2" Filter="subtract">/descendant::ds:Signature</f:XPath></ds:Transform>`
	byEnveloped = `<ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/>`
	canonical   = `<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>`
	withRSA     = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
	withECDSA   = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"
)

// unsigned is a list with one provider of age attestations for each anchor, and
// a signature that is still to be filled in. Comments, white space, prefixes and
// attributes in another order are what canonical form is for.
func unsigned(method, transforms string, anchors ...*x509.Certificate) string {
	var providers strings.Builder
	for _, a := range anchors {
		providers.WriteString(`
  <TrustServiceProvider>
    <TSPInformation><TSPName><Name xml:lang="en">Ministry of Tests</Name></TSPName></TSPInformation>
    <TSPServices><TSPService><ServiceInformation>
      <ServiceTypeIdentifier>
        http://ec.europa.eu/tools/lotl/av/TrstSvc/Svctype/PAA</ServiceTypeIdentifier>
      <ServiceName><Name xml:lang="en">Proof of age &amp; more</Name></ServiceName>
      <ServiceDigitalIdentity><DigitalId><X509Certificate>` + base64.StdEncoding.EncodeToString(a.Raw) + `</X509Certificate></DigitalId></ServiceDigitalIdentity>
      <ServiceStatus>http://uri.etsi.org/TrstSvc/TrustedList/Svcstatus/granted</ServiceStatus>
      <StatusStartingTime>2026-01-01T00:00:00Z</StatusStartingTime>
    </ServiceInformation></TSPService></TSPServices>
  </TrustServiceProvider>`)
	}
	return `<?xml version="1.0" encoding="UTF-8" standalone="no"?>
<!-- outside --><TrustServiceStatusList xmlns="http://uri.etsi.org/02231/v2#" xmlns:unused="urn:x" TSLTag="http://uri.etsi.org/19612/TSLTag" Id="list">
 <SchemeInformation>
  <TSLVersionIdentifier>6</TSLVersionIdentifier><TSLSequenceNumber>7</TSLSequenceNumber>
  <TSLType>` + TypeAgeVerification + `</TSLType>
  <SchemeOperatorName><Name xml:lang="en">Commission of Tests</Name></SchemeOperatorName>
  <ListIssueDateTime>2026-10-01T00:00:00Z</ListIssueDateTime>
  <NextUpdate><dateTime>2027-03-01T00:00:00Z</dateTime></NextUpdate>
 </SchemeInformation><!-- inside -->
 <TrustServiceProviderList>` + providers.String() + `</TrustServiceProviderList>
<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#" Id="sig"><ds:SignedInfo><ds:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/><ds:SignatureMethod Algorithm="` + method + `"/><ds:Reference URI=""><ds:Transforms>` + transforms + `</ds:Transforms><ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><ds:DigestValue/></ds:Reference><ds:Reference Type="http://uri.etsi.org/01903#SignedProperties" URI="#props"><ds:Transforms>` + canonical + `</ds:Transforms><ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><ds:DigestValue/></ds:Reference></ds:SignedInfo><ds:SignatureValue/><ds:Object><xades:QualifyingProperties xmlns:xades="http://uri.etsi.org/01903/v1.3.2#" Target="#sig"><xades:SignedProperties Id="props"><xades:SignedSignatureProperties><xades:SigningTime>2026-10-01T00:00:00Z</xades:SigningTime></xades:SignedSignatureProperties></xades:SignedProperties></xades:QualifyingProperties></ds:Object></ds:Signature></TrustServiceStatusList>`
}

// signed is the list signed by xmlsec1, the program of Debian's package of that
// name: made by others, it canonicalises, digests and signs by its own lights.
func signed(t testing.TB, list string, by signer) []byte {
	t.Helper()
	program, err := exec.LookPath("xmlsec1")
	if err != nil {
		t.Skip("xmlsec1 is not installed: `make setup` does it")
	}
	der, err := x509.MarshalPKCS8PrivateKey(by.key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	key := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	for name, text := range map[string][]byte{"list.xml": []byte(list), "key.pem": key} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	command := exec.CommandContext(t.Context(), program, "--sign", "--privkey-pem", "key.pem", "--id-attr:Id", "SignedProperties", "list.xml")
	command.Dir = dir // it reads a comma in a path as the end of it
	var out, faults bytes.Buffer
	command.Stdout, command.Stderr = &out, &faults
	if err := command.Run(); err != nil {
		t.Fatalf("xmlsec1: %v\n%s", err, faults.String())
	}
	return out.Bytes()
}

func TestRead(t *testing.T) {
	anchor := ecdsaSigner(t).certificate
	for name, c := range map[string]struct {
		by                 signer
		method, transforms string
	}{
		"RSA, the EU's filter":   {rsaSigner(t), withRSA, byFilter + canonical},
		"RSA, enveloped":         {rsaSigner(t), withRSA, byEnveloped + canonical},
		"ECDSA, the EU's filter": {ecdsaSigner(t), withECDSA, byFilter + canonical},
	} {
		t.Run(name, func(t *testing.T) {
			text := signed(t, unsigned(c.method, c.transforms, anchor), c.by)
			other := rsaSigner(t).certificate
			list, err := Read(text, []*x509.Certificate{other, c.by.certificate}, today)
			if err != nil {
				t.Fatal(err)
			}
			if list.Type != TypeAgeVerification || list.Sequence != 7 || list.Operator != "Commission of Tests" {
				t.Errorf("list: %+v", list)
			}
			anchors := list.Anchors(ServiceProofOfAge, today)
			if len(anchors) != 1 || !anchors[0].Equal(anchor) {
				t.Errorf("anchors: %v", anchors)
			}
			if list.Services[0].Provider != "Ministry of Tests" || list.Services[0].Name != "Proof of age & more" {
				t.Errorf("service: %+v", list.Services[0])
			}
			if n := len(list.Anchors("http://uri.etsi.org/TrstSvc/Svctype/CA/QC", today)); n != 0 {
				t.Errorf("%d anchors of another service", n)
			}
			if n := len(list.Anchors(ServiceProofOfAge, time.Date(2025, 12, 31, 0, 0, 0, 0, time.UTC))); n != 0 {
				t.Errorf("%d anchors before the status began", n)
			}
		})
	}
}

// Each list is right but for one defect, and refused for it.
func TestReadRefuses(t *testing.T) {
	by := rsaSigner(t)
	trust := []*x509.Certificate{by.certificate}
	anchor := ecdsaSigner(t).certificate
	text := string(signed(t, unsigned(withRSA, byFilter+canonical, anchor), by))
	replaced := func(old, with string) []byte {
		if !strings.Contains(text, old) {
			t.Fatalf("nothing to replace: %s", old)
		}
		return []byte(strings.Replace(text, old, with, 1))
	}
	signature := text[strings.Index(text, "<ds:Signature "):strings.Index(text, "</TrustServiceStatusList>")]
	for name, c := range map[string]struct {
		text    []byte
		signers []*x509.Certificate
		at      time.Time
		want    string
	}{
		"by another":                   {[]byte(text), []*x509.Certificate{rsaSigner(t).certificate}, today, "not by a signer that is trusted"},
		"by nobody":                    {[]byte(text), nil, today, "not by a signer that is trusted"},
		"out of date":                  {[]byte(text), trust, time.Date(2027, 3, 1, 0, 0, 0, 0, time.UTC), "out of date"},
		"of the future":                {[]byte(text), trust, time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC), "in the future"},
		"signer lapsed":                {[]byte(text), trust, today.AddDate(2, 0, 0), "certificate is not valid at this time"},
		"text altered":                 {replaced("Ministry", "Mystery"), trust, today, "not what was signed"},
		"date moved":                   {replaced("2027-03-01", "2037-03-01"), trust, today, "not what was signed"},
		"attribute altered":            {replaced(`Id="list"`, `Id="lisp"`), trust, today, "not what was signed"},
		"properties altered":           {replaced("<xades:SigningTime>2026", "<xades:SigningTime>2036"), trust, today, "not what was signed"},
		"signature dropped":            {replaced(signature, ""), trust, today, "has 0, not one"},
		"signed twice":                 {replaced(signature, signature+signature), trust, today, "has 2, not one"},
		"signature moved inside":       {replaced(signature+"</TrustServiceStatusList>", "<x>"+signature+"</x></TrustServiceStatusList>"), trust, today, "not one beneath its root"},
		"wrapped":                      {[]byte("<wrap>" + text[strings.Index(text, "<TrustService"):] + "</wrap>"), trust, today, "not one beneath its root"},
		"weak algorithm":               {replaced("2001/04/xmldsig-more#rsa-sha256", "2000/09/xmldsig#rsa-sha1"), trust, today, "is not accepted"},
		"keyed with the public key":    {replaced("2001/04/xmldsig-more#rsa-sha256", "2001/04/xmldsig-more#hmac-sha256"), trust, today, "is not accepted"},
		"another filter":               {replaced("/descendant::ds:Signature", "/descendant::TrustServiceProvider"), trust, today, "not by a signer"},
		"reference to a part":          {replaced(`Reference URI=""`, `Reference URI="#list"`), trust, today, "not by a signer"},
		"document type":                {replaced("<!-- outside -->", `<!DOCTYPE x [<!ENTITY a "b">]>`), trust, today, "document type"},
		"another kind of key":          {[]byte(text), []*x509.Certificate{anchor}, today, "not by a signer"},
		"no document":                  {[]byte("  "), trust, today, "no document"},
		"not XML":                      {[]byte("<a><b></a>"), trust, today, "signature"},
		"cut off":                      {[]byte(text[:len(text)/2]), trust, today, "signature"},
		"larger than a list can be":    {make([]byte, MaxSize+1), trust, today, "larger than"},
		"two elements with the one id": {replaced(`<xades:QualifyingProperties `, `<xades:QualifyingProperties Id="props" `), trust, today, "2 elements with the id"},
	} {
		t.Run(name, func(t *testing.T) {
			list, err := Read(c.text, c.signers, c.at)
			if list != nil || err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, %v; want an error that says %q", list, err, c.want)
			}
			if stale := errors.Is(err, ErrStale); stale != (name == "out of date") {
				t.Errorf("stale: %v", stale)
			}
		})
	}
}

// A signature that is right, over things that say too little to trust a list.
func TestSignedButUnfit(t *testing.T) {
	by := rsaSigner(t)
	whole := unsigned(withRSA, byFilter+canonical, ecdsaSigner(t).certificate)
	for name, c := range map[string]struct{ old, new, want string }{
		"closed":                    {"<dateTime>2027-03-01T00:00:00Z</dateTime>", "", "closed"},
		"another document":          {"02231/v2#", "02231/v9#", "not a TrustServiceStatusList"},
		"certificate cut off":       {"<X509Certificate>MII", "<X509Certificate>", "certificate of service"},
		"only canonical form":       {byFilter + canonical, canonical, "transforms other than"},
		"comments are signed":       {byFilter + canonical, byFilter + strings.Replace(canonical, `#"`, `#WithComments"`, 1), "transforms other than"},
		"filter takes more out":     {"/descendant::ds:Signature", "/descendant::*[local-name()='NextUpdate' or local-name()='Signature']", "transforms other than"},
		"filter meets":              {`Filter="subtract"`, `Filter="intersect"`, "transforms other than"},
		"signs only its properties": {`<ds:Reference URI=""><ds:Transforms>` + byFilter + canonical, `<ds:Reference Type="http://uri.etsi.org/01903#SignedProperties" URI="#props"><ds:Transforms>` + canonical, "does not cover the document"},
	} {
		t.Run(name, func(t *testing.T) {
			text := signed(t, strings.ReplaceAll(whole, c.old, c.new), by)
			list, err := Read(text, []*x509.Certificate{by.certificate}, today)
			if list != nil || err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, %v; want an error that says %q", list, err, c.want)
			}
		})
	}
	withdrawn := signed(t, strings.Replace(whole, "Svcstatus/granted", "Svcstatus/withdrawn", 1), by)
	list, err := Read(withdrawn, []*x509.Certificate{by.certificate}, today)
	if err != nil || len(list.Anchors(ServiceProofOfAge, today)) != 0 {
		t.Errorf("a service that was withdrawn: %v, %v", list, err)
	}
}

// Whatever the bytes, what is not signed by the one signer is not a list.
func FuzzRead(f *testing.F) {
	by := rsaSigner(f)
	f.Add([]byte(unsigned(withRSA, byFilter+canonical, by.certificate)))
	f.Add([]byte(`<a xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:Signature><ds:SignedInfo/></ds:Signature></a>`))
	f.Add(signed(f, unsigned(withRSA, byEnveloped+canonical, by.certificate), by))
	never := ecdsaSigner(f).certificate
	f.Fuzz(func(t *testing.T, text []byte) {
		if list, err := Read(text, []*x509.Certificate{never}, today); err == nil {
			t.Errorf("a list that nobody signed: %+v", list)
		}
	})
}
