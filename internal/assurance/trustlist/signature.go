package trustlist

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	_ "crypto/sha256" // the digests that signatures may use
	_ "crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"
	"github.com/russellhaering/goxmldsig/etreeutils"
)

// Identifiers of XML Signature (W3C xmldsig-core1, RFC 9231) and XAdES.
const (
	dsigNamespace    = dsig.Namespace
	exclusiveC14N    = "http://www.w3.org/2001/10/xml-exc-c14n#"
	enveloped        = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
	filter2          = "http://www.w3.org/2002/06/xmldsig-filter2"
	signedProperties = "http://uri.etsi.org/01903#SignedProperties"
)

// allSignatures is the one filter that is understood: it takes out what an
// enveloped-signature transform takes out, in the words of the EU's signer.
const allSignatures = "/descendant::ds:Signature"

var digests = map[string]crypto.Hash{
	"http://www.w3.org/2001/04/xmlenc#sha256": crypto.SHA256,
	"http://www.w3.org/2001/04/xmlenc#sha512": crypto.SHA512,
}

// algorithm checks a signature over a digest with one kind of key.
type algorithm struct {
	hash  crypto.Hash
	check func(key any, hash crypto.Hash, digest, signature []byte) error
}

var algorithms = map[string]algorithm{
	"http://www.w3.org/2001/04/xmldsig-more#rsa-sha256":      {crypto.SHA256, checkPKCS1},
	"http://www.w3.org/2001/04/xmldsig-more#rsa-sha512":      {crypto.SHA512, checkPKCS1},
	"http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1": {crypto.SHA256, checkPSS},
	"http://www.w3.org/2007/05/xmldsig-more#sha512-rsa-MGF1": {crypto.SHA512, checkPSS},
	"http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256":    {crypto.SHA256, checkECDSA},
	"http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha512":    {crypto.SHA512, checkECDSA},
}

// verify checks the one signature of a document over the whole of it, and
// returns the bytes that were signed: the document in canonical form, without
// the signature.
func verify(text []byte, signers []*x509.Certificate, at time.Time) ([]byte, error) {
	root, err := read(text)
	if err != nil {
		return nil, err
	}
	signature, err := only(root)
	if err != nil {
		return nil, err
	}
	info, err := one(signature, "SignedInfo")
	if err != nil {
		return nil, err
	}
	if err := checkSigner(signature, info, signers, at); err != nil {
		return nil, err
	}
	var signed []byte
	for _, reference := range children(info, "Reference") {
		switch uri := reference.SelectAttrValue("URI", "-"); {
		case uri == "" && signed == nil:
			signed, err = wholeDocument(root, signature, reference)
		case reference.SelectAttrValue("Type", "") == signedProperties:
			err = checkProperties(signature, reference, strings.TrimPrefix(uri, "#"))
		default:
			err = fmt.Errorf("a reference to %q is not understood", uri)
		}
		if err != nil {
			return nil, err
		}
	}
	if signed == nil {
		return nil, errors.New("it does not cover the document")
	}
	return signed, nil
}

// read parses XML without a document type, which has no business here and could
// change what the text means.
func read(text []byte) (*etree.Element, error) {
	document := etree.NewDocument()
	if err := document.ReadFromBytes(text); err != nil {
		return nil, err
	}
	for _, token := range document.Child {
		if _, is := token.(*etree.Directive); is {
			return nil, errors.New("a document type is not allowed")
		}
	}
	root := document.Root()
	if root == nil {
		return nil, errors.New("there is no document")
	}
	return root, nil
}

// only is the one signature that the document has, a child of its root.
func only(root *etree.Element) (*etree.Element, error) {
	var found []*etree.Element
	for _, e := range root.FindElements(".//Signature") {
		if e.NamespaceURI() == dsigNamespace {
			found = append(found, e)
		}
	}
	if len(found) != 1 || found[0].Parent() != root {
		return nil, fmt.Errorf("the document has %d, not one beneath its root", len(found))
	}
	return found[0], nil
}

// checkSigner checks the signature's value with the keys of the signers. What
// the signature says of its own key is not asked.
func checkSigner(signature, info *etree.Element, signers []*x509.Certificate, at time.Time) error {
	if a := attribute(info, "CanonicalizationMethod"); a != exclusiveC14N {
		return fmt.Errorf("canonical form %q is not understood", a)
	}
	name := attribute(info, "SignatureMethod")
	alg, ok := algorithms[name]
	if !ok {
		return fmt.Errorf("algorithm %q is not accepted", name)
	}
	value, err := decoded(signature, "SignatureValue")
	if err != nil {
		return err
	}
	canonical, err := canonicalize(info)
	if err != nil {
		return err
	}
	h := alg.hash.New()
	h.Write(canonical)
	digest := h.Sum(nil)
	lapsed := false
	for _, signer := range signers {
		if alg.check(signer.PublicKey, alg.hash, digest, value) != nil {
			continue
		}
		if !at.Before(signer.NotBefore) && !at.After(signer.NotAfter) {
			return nil
		}
		lapsed = true
	}
	if lapsed {
		return errors.New("the signer's certificate is not valid at this time")
	}
	return errors.New("it is not by a signer that is trusted, or the list was altered")
}

// wholeDocument checks a reference to the document and returns its canonical
// form without the signature.
func wholeDocument(root, signature, reference *etree.Element) ([]byte, error) {
	transforms, err := one(reference, "Transforms")
	if err != nil {
		return nil, err
	}
	steps := children(transforms, "Transform")
	if len(steps) != 2 || !takesSignatureOut(steps[0]) || !plainC14N(steps[1]) {
		return nil, errors.New("transforms other than: without the signature, then exclusive canonical form")
	}
	without := root.Copy()
	at := signature.Index()
	without.RemoveChildAt(at)
	canonical, err := dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList("").Canonicalize(without)
	if err != nil {
		return nil, err
	}
	return canonical, checkDigest(reference, canonical)
}

// checkProperties checks a reference to the signature's own XAdES properties.
func checkProperties(signature, reference *etree.Element, id string) error {
	transforms, err := one(reference, "Transforms")
	if err != nil {
		return err
	}
	steps := children(transforms, "Transform")
	if len(steps) != 1 || !plainC14N(steps[0]) {
		return errors.New("transforms of the signed properties other than exclusive canonical form")
	}
	var found []*etree.Element
	for _, e := range signature.FindElements(".//*") {
		if id != "" && e.SelectAttrValue("Id", "") == id {
			found = append(found, e)
		}
	}
	if len(found) != 1 {
		return fmt.Errorf("there are %d elements with the id of the signed properties", len(found))
	}
	canonical, err := canonicalize(found[0])
	if err != nil {
		return err
	}
	return checkDigest(reference, canonical)
}

func takesSignatureOut(step *etree.Element) bool {
	switch step.SelectAttrValue("Algorithm", "") {
	case enveloped:
		return len(step.ChildElements()) == 0
	case filter2:
		path := step.ChildElements()
		return len(path) == 1 && path[0].NamespaceURI() == filter2 && path[0].Tag == "XPath" &&
			path[0].SelectAttrValue("Filter", "") == "subtract" && strings.TrimSpace(path[0].Text()) == allSignatures &&
			prefix(path[0], "ds") == dsigNamespace
	}
	return false
}

func plainC14N(step *etree.Element) bool {
	return step.SelectAttrValue("Algorithm", "") == exclusiveC14N && len(step.ChildElements()) == 0
}

func checkDigest(reference *etree.Element, canonical []byte) error {
	name := attribute(reference, "DigestMethod")
	hash, ok := digests[name]
	if !ok {
		return fmt.Errorf("digest %q is not accepted", name)
	}
	want, err := decoded(reference, "DigestValue")
	if err != nil {
		return err
	}
	h := hash.New()
	h.Write(canonical)
	if !bytes.Equal(h.Sum(nil), want) {
		return errors.New("the document is not what was signed")
	}
	return nil
}

// canonicalize is the exclusive canonical form of an element where it stands.
func canonicalize(e *etree.Element) ([]byte, error) {
	scope, err := etreeutils.NSBuildParentContext(e)
	if err != nil {
		return nil, err
	}
	alone, err := etreeutils.NSDetatch(scope, e)
	if err != nil {
		return nil, err
	}
	return dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList("").Canonicalize(alone)
}

// prefix is the namespace that a prefix stands for at an element.
func prefix(e *etree.Element, name string) string {
	for ; e != nil; e = e.Parent() {
		for _, a := range e.Attr {
			if a.Space == "xmlns" && a.Key == name {
				return a.Value
			}
		}
	}
	return ""
}

// children are an element's children of a name, in the namespace of signatures.
func children(e *etree.Element, name string) []*etree.Element {
	var found []*etree.Element
	for _, c := range e.ChildElements() {
		if c.Tag == name && c.NamespaceURI() == dsigNamespace {
			found = append(found, c)
		}
	}
	return found
}

func one(e *etree.Element, name string) (*etree.Element, error) {
	found := children(e, name)
	if len(found) != 1 {
		return nil, fmt.Errorf("%s has %d elements %s, not one", e.Tag, len(found), name)
	}
	return found[0], nil
}

// attribute is the algorithm that a child of a name gives; "" if there is not
// one child.
func attribute(e *etree.Element, name string) string {
	c, err := one(e, name)
	if err != nil {
		return ""
	}
	return c.SelectAttrValue("Algorithm", "")
}

func decoded(e *etree.Element, name string) ([]byte, error) {
	c, err := one(e, name)
	if err != nil {
		return nil, err
	}
	value, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(c.Text()), ""))
	if err != nil {
		return nil, fmt.Errorf("%s is not base64", name)
	}
	return value, nil
}

var errKind = errors.New("another kind of key")

func checkPKCS1(key any, hash crypto.Hash, digest, signature []byte) error {
	public, ok := key.(*rsa.PublicKey)
	if !ok {
		return errKind
	}
	return rsa.VerifyPKCS1v15(public, hash, digest, signature)
}

func checkPSS(key any, hash crypto.Hash, digest, signature []byte) error {
	public, ok := key.(*rsa.PublicKey)
	if !ok {
		return errKind
	}
	return rsa.VerifyPSS(public, hash, digest, signature, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
}

// checkECDSA takes r and s beside each other, each as long as the curve (RFC
// 4050, 3.3).
func checkECDSA(key any, _ crypto.Hash, digest, signature []byte) error {
	public, ok := key.(*ecdsa.PublicKey)
	if !ok {
		return errKind
	}
	half := (public.Curve.Params().BitSize + 7) / 8
	if len(signature) != 2*half {
		return errors.New("signature of another length")
	}
	r, s := new(big.Int).SetBytes(signature[:half]), new(big.Int).SetBytes(signature[half:])
	if !ecdsa.Verify(public, digest, r, s) {
		return errors.New("signature does not verify")
	}
	return nil
}
