package mdoc

import "time"

// Contents are what a response says, whether or not it is true.
type Contents struct {
	DocType string
	// Claims are as in Result.
	Claims map[string]map[string]any
	// Issuer is the subject of the first certificate; empty without one.
	Issuer string
	// Signed, From and Until are what the issuer's part says of itself.
	Signed, From, Until time.Time
}

// Inspect reads a DeviceResponse without checking anything but its form: for
// people who look for what is wrong with it. Nothing of the contents is proven.
func Inspect(response []byte) (Contents, error) {
	d, err := parseResponse(response)
	if err != nil {
		return Contents{}, err
	}
	c := Contents{DocType: d.docType, Claims: map[string]map[string]any{}}
	for _, one := range d.disclosed {
		if err := one.addTo(c.Claims); err != nil {
			return Contents{}, err
		}
	}
	signature, err := parseSign1(d.issuerAuth)
	if err != nil {
		return Contents{}, within("issuerAuth", err)
	}
	if chain, err := parseChain(signature.unprotected); err == nil && len(chain) > 0 {
		c.Issuer = chain[0].Subject.String()
	}
	signed, err := parseMSO(signature.payload)
	if err != nil {
		return Contents{}, err
	}
	c.Signed, c.From, c.Until = signed.validity.signed, signed.validity.from, signed.validity.until
	return c, nil
}
