package sdjwt

import (
	"encoding/base64"
	"errors"
)

// Names that a claim can't have.
const (
	digestsName   = "_sd"     // the digests of an object's claims
	elementName   = "..."     // the digest of an array's element
	algorithmName = "_sd_alg" // what the digests are made with
)

const maxNesting = 64 // of the claims, disclosures put into each other

// digestOf gives the hash that _sd_alg names (RFC 9901 §4.1.1).
func digestOf(claims map[string]any) (func([]byte) []byte, error) {
	algorithm, given := claims[algorithmName]
	if !given {
		return sum256, nil
	}
	switch algorithm {
	case "sha-256":
		return sum256, nil
	case "sha-384":
		return sum384, nil
	case "sha-512":
		return sum512, nil
	default:
		return nil, errors.New("_sd_alg is none of sha-256, sha-384, sha-512")
	}
}

// discloser puts disclosed values where their digests are (RFC 9901 §7.1).
type discloser struct {
	byDigest map[string]disclosure
	seen     map[string]bool // every digest met, those of nothing among them
	used     int
}

// disclose gives the issuer's claims with the disclosed ones among them, and
// without any digest.
func (p *Presentation) disclose() (map[string]any, error) {
	sum, err := digestOf(p.token.claims)
	if err != nil {
		return nil, err
	}
	d := discloser{byDigest: map[string]disclosure{}, seen: map[string]bool{}}
	for _, one := range p.disclosures {
		digest := base64.RawURLEncoding.EncodeToString(sum([]byte(one.encoded)))
		if _, twice := d.byDigest[digest]; twice {
			return nil, errors.New("a disclosure is given twice")
		}
		d.byDigest[digest] = one
	}
	claims, err := d.object(p.token.claims, maxNesting)
	if err != nil {
		return nil, err
	}
	if d.used < len(p.disclosures) {
		return nil, errors.New("a disclosure belongs to no digest")
	}
	delete(claims, algorithmName)
	return claims, nil
}

func (d *discloser) value(v any, depth int) (any, error) {
	if depth == 0 {
		return nil, errors.New("claims are nested too deep")
	}
	switch v := v.(type) {
	case map[string]any:
		return d.object(v, depth)
	case []any:
		return d.array(v, depth)
	default:
		return v, nil
	}
}

func (d *discloser) object(object map[string]any, depth int) (map[string]any, error) {
	if _, given := object[elementName]; given {
		return nil, errors.New("the digest of an element stands outside of an array, or beside a claim")
	}
	out := make(map[string]any, len(object))
	for name, v := range object {
		if name == digestsName {
			continue
		}
		var err error
		if out[name], err = d.value(v, depth-1); err != nil {
			return nil, err
		}
	}
	digests, given := object[digestsName]
	if !given {
		return out, nil
	}
	list, ok := digests.([]any)
	if !ok {
		return nil, errors.New("_sd is not an array")
	}
	for _, digest := range list {
		if err := d.claim(out, digest, depth); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// claim puts the claim with a digest, if it is disclosed, into an object.
func (d *discloser) claim(object map[string]any, digest any, depth int) error {
	one, disclosed, err := d.find(digest)
	if err != nil || !disclosed {
		return err
	}
	if one.element {
		return errors.New("an element is disclosed where a claim belongs")
	}
	switch one.name {
	case digestsName, elementName, algorithmName:
		return errors.New("a disclosed claim has a reserved name")
	}
	if _, clash := object[one.name]; clash {
		return errors.New("a disclosed claim has the name of one beside it")
	}
	object[one.name], err = d.value(one.value, depth-1)
	return err
}

func (d *discloser) array(array []any, depth int) ([]any, error) {
	out := make([]any, 0, len(array))
	for _, v := range array {
		if object, ok := v.(map[string]any); ok && len(object) == 1 {
			if digest, concealed := object[elementName]; concealed {
				one, disclosed, err := d.find(digest)
				if err != nil {
					return nil, err
				}
				if !disclosed {
					continue
				}
				if !one.element {
					return nil, errors.New("a claim is disclosed where an element belongs")
				}
				v = one.value
			}
		}
		v, err := d.value(v, depth-1)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

// find gives the disclosure with a digest. A digest without one is a claim
// that the holder kept back, or a decoy.
func (d *discloser) find(digest any) (one disclosure, disclosed bool, err error) {
	text, ok := digest.(string)
	if !ok {
		return disclosure{}, false, errors.New("a digest is not a string")
	}
	if d.seen[text] {
		return disclosure{}, false, errors.New("a digest is given twice")
	}
	d.seen[text] = true
	if one, disclosed = d.byDigest[text]; disclosed {
		d.used++
	}
	return one, disclosed, nil
}
