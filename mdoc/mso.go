package mdoc

import (
	"bytes"
	"crypto"
	"time"
)

// mso is the MobileSecurityObject, what the issuer signs (ISO 18013-5
// §9.1.2.4). It may hold more, such as where its revocation is published.
type mso struct {
	docType   string
	hash      crypto.Hash
	digests   item // namespace → digestID → digest
	deviceKey item
	validity  validity
}

type validity struct{ signed, from, until time.Time }

func parseMSO(payload item) (*mso, error) {
	encoded, err := decode(payload.content)
	if err != nil {
		return nil, within("MobileSecurityObjectBytes", err)
	}
	it, err := encoded.embedded()
	if err != nil {
		return nil, within("MobileSecurityObject", err)
	}
	if version, _ := it.text("version"); !isText(version, "1.0") {
		return nil, fault(ResponseVersion, "of MobileSecurityObject is not 1.0")
	}
	m := &mso{}
	docType, _ := it.text("docType")
	if m.docType, err = shortText(docType, "docType of MobileSecurityObject"); err != nil {
		return nil, err
	}
	algorithm, _ := it.text("digestAlgorithm")
	switch {
	case isText(algorithm, "SHA-256"):
		m.hash = crypto.SHA256
	case isText(algorithm, "SHA-384"):
		m.hash = crypto.SHA384
	case isText(algorithm, "SHA-512"):
		m.hash = crypto.SHA512
	default:
		return nil, fault(WrongAlgorithm, "of digests")
	}
	m.digests, _ = it.text("valueDigests")
	keyInfo, _ := it.text("deviceKeyInfo")
	m.deviceKey, _ = keyInfo.text("deviceKey")
	info, _ := it.text("validityInfo")
	m.validity, err = parseValidity(info)
	return m, err
}

func parseValidity(info item) (validity, error) {
	var v validity
	for _, field := range []struct {
		name string
		time *time.Time
	}{{"signed", &v.signed}, {"validFrom", &v.from}, {"validUntil", &v.until}} {
		it, _ := info.text(field.name)
		t, ok := parseTime(it)
		if !ok {
			return v, fault(BadValidity, "%s is no time in whole seconds UTC", field.name)
		}
		*field.time = t
	}
	if v.from.Before(v.signed) || !v.until.After(v.from) {
		return v, fault(BadValidity, "signed, validFrom and validUntil are out of order")
	}
	return v, nil
}

// parseTime reads a tdate without fraction or offset, as the standard has it.
func parseTime(it item) (time.Time, bool) {
	const layout = "2006-01-02T15:04:05Z"
	if it.kind != tag || it.n != tagTime || it.items[0].kind != textString || len(it.items[0].content) != len(layout) {
		return time.Time{}, false
	}
	t, err := time.Parse(layout, string(it.items[0].content))
	return t, err == nil
}

// at says whether the object is valid then.
func (v validity) at(t time.Time) error {
	switch {
	case t.Before(v.from):
		return fault(NotYetValid, "before %s", v.from.Format(time.RFC3339))
	case t.After(v.until):
		return fault(Expired, "after %s", v.until.Format(time.RFC3339))
	}
	return nil
}

// covers says whether the issuer signed the digest of d.
func (m *mso) covers(d disclosed) error {
	if len(d.random) < 16 {
		return fault(ShortRandom, "%q in %q: %d bytes, the least is 16", d.element, d.namespace, len(d.random))
	}
	ids, _ := m.digests.text(d.namespace)
	for i := 0; ids.kind == mapping && i < len(ids.items); i += 2 {
		if id, digest := ids.items[i], ids.items[i+1]; id.kind == unsigned && id.n == d.digestID {
			h := m.hash.New()
			h.Write(d.signed)
			if digest.kind == byteString && bytes.Equal(digest.content, h.Sum(nil)) {
				return nil
			}
			return fault(DigestMismatch, "%q in %q", d.element, d.namespace)
		}
	}
	return fault(DigestMismatch, "%q in %q: the issuer signed no such item", d.element, d.namespace)
}
