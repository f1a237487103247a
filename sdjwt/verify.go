package sdjwt

import (
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// DefaultWindow is for how long a key binding JWT counts when Policy sets no
// window.
const DefaultWindow = 10 * time.Minute

// Policy is what one verification asks for.
type Policy struct {
	At     time.Time     // the moment that dates are judged at; required
	Leeway time.Duration // by how much clocks may differ; none by default

	// Types are the values of the header typ that count; the prefix
	// "application/" is not one of them. By default they are "sd-jwt" and
	// whatever ends in "+sd-jwt"; a credential with a vct must have
	// "dc+sd-jwt" or, as drafts called it, "vc+sd-jwt".
	Types []string

	// Binding asks for a key binding JWT. Without, one that is there must be
	// of the holder's key and of this presentation, and counts for nothing.
	Binding *Binding
}

// Binding is what the key binding JWT must say: that the presentation was made
// now, for this verifier. Nonce and Audience are required.
type Binding struct {
	Nonce    string
	Audience string
	Window   time.Duration // its greatest age; DefaultWindow if 0
}

// Credential is what a presentation proves.
type Credential struct {
	Type    string           // vct, "" if it has none
	Issuer  string           // iss, "" if it has none; that the key is this issuer's, the caller knows
	Expires time.Time        // exp, zero if it has none
	Status  *StatusReference // where to learn that it was withdrawn; nil if it doesn't say. Verify doesn't ask
	Bound   bool             // the holder proved to have its key, for the policy's Binding

	// Claims are the processed claims (RFC 9901 §7.1): the issuer's and the
	// disclosed ones, as nil, bool, string, json.Number, []any, map[string]any.
	Claims map[string]any
}

// True reports whether the claim at a path of names is there and is the JSON
// value true: True("age_equal_or_over", "18").
func (c *Credential) True(path ...string) bool {
	var v any = c.Claims
	for _, name := range path {
		object, _ := v.(map[string]any)
		v = object[name]
	}
	return v == true
}

// Verify parses a presentation and verifies it; see Presentation.Verify.
func Verify(presentation string, issuer *Key, policy Policy) (*Credential, error) {
	p, err := Parse(presentation)
	if err != nil {
		return nil, err
	}
	return p.Verify(issuer, policy)
}

// Verify checks the issuer's signature, that each disclosure belongs to
// exactly one digest, the dates, and the key binding (RFC 9901 §7.3). An error
// says what the first defect is.
func (p *Presentation) Verify(issuer *Key, policy Policy) (*Credential, error) {
	c, err := p.verify(issuer, policy)
	if err != nil {
		return nil, fmt.Errorf("sdjwt: %w", err)
	}
	return c, nil
}

func (p *Presentation) verify(issuer *Key, policy Policy) (*Credential, error) {
	if policy.At.IsZero() || issuer == nil {
		return nil, errors.New("the policy needs a time, and the issuer a key")
	}
	if err := p.token.check(issuer); err != nil {
		return nil, fmt.Errorf("issuer-signed JWT: %w", err)
	}
	claims, err := p.disclose()
	if err != nil {
		return nil, err
	}
	if err := p.inTheOpen(claims); err != nil {
		return nil, err
	}
	c, err := describe(claims)
	if err != nil {
		return nil, err
	}
	if err := p.checkType(c, policy.Types); err != nil {
		return nil, err
	}
	if err := checkDates(claims, policy.At, policy.Leeway); err != nil {
		return nil, err
	}
	if err := checkAudience(claims, policy.Binding); err != nil {
		return nil, err
	}
	if err := p.checkBinding(claims, policy); err != nil {
		return nil, fmt.Errorf("key binding: %w", err)
	}
	c.Bound = policy.Binding != nil
	return c, nil
}

// guarding are the claims that decide whether a credential counts. Were one
// of them disclosable, the holder could keep it back (RFC 9901 §9.7).
var guarding = [...]string{"iss", "aud", "exp", "nbf", "cnf", "vct", "vct#integrity", "status"}

func (p *Presentation) inTheOpen(claims map[string]any) error {
	for _, name := range guarding {
		_, signed := p.token.claims[name]
		if _, given := claims[name]; given && !signed {
			return fmt.Errorf("%s is a disclosure, and may not be", name)
		}
	}
	return nil
}

// describe gives the claims that this package knows a place for.
func describe(claims map[string]any) (*Credential, error) {
	c := &Credential{Claims: claims}
	var ok bool
	if v, given := claims["vct"]; given {
		if c.Type, ok = v.(string); !ok || c.Type == "" {
			return nil, errors.New("vct is not a name")
		}
	}
	if v, given := claims["iss"]; given {
		if c.Issuer, ok = v.(string); !ok {
			return nil, errors.New("iss is not a string")
		}
	}
	var err error
	if c.Expires, _, err = timeClaim(claims, "exp"); err != nil {
		return nil, err
	}
	c.Status, err = statusReference(claims)
	return c, err
}

func (p *Presentation) checkType(c *Credential, types []string) error {
	typ, _ := p.token.header["typ"].(string)
	typ = strings.TrimPrefix(typ, "application/")
	var counts bool
	switch {
	case types != nil:
		counts = slices.Contains(types, typ)
	case c.Type != "":
		counts = typ == "dc+sd-jwt" || typ == "vc+sd-jwt"
	default:
		counts = typ == "sd-jwt" || strings.HasSuffix(typ, "+sd-jwt")
	}
	if !counts {
		return errors.New("issuer-signed JWT: its typ is not one of a credential")
	}
	return nil
}

func checkDates(claims map[string]any, at time.Time, leeway time.Duration) error {
	expires, given, err := timeClaim(claims, "exp")
	if err == nil && given && !at.Before(expires.Add(leeway)) {
		err = errors.New("it has expired (exp)")
	}
	if err != nil {
		return err
	}
	for _, name := range [...]string{"nbf", "iat"} {
		from, given, err := timeClaim(claims, name)
		if err == nil && given && at.Before(from.Add(-leeway)) {
			err = fmt.Errorf("it is not valid yet (%s)", name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// checkAudience refuses a credential that its issuer made for somebody else
// (RFC 7519 §4.1.3).
func checkAudience(claims map[string]any, binding *Binding) error {
	audience, given := claims["aud"]
	if !given {
		return nil
	}
	all, several := audience.([]any)
	if !several {
		all = []any{audience}
	}
	if binding == nil || !slices.Contains(all, any(binding.Audience)) {
		return errors.New("it is for another audience (aud)")
	}
	return nil
}

func (p *Presentation) checkBinding(claims map[string]any, policy Policy) error {
	asked := policy.Binding
	if p.binding == nil {
		if asked != nil {
			return errors.New("there is none, and one was asked for")
		}
		return nil
	}
	holder, err := holderKey(claims)
	if err != nil {
		return err
	}
	if p.binding.header["typ"] != "kb+jwt" {
		return errors.New("its typ is not kb+jwt")
	}
	if err := p.binding.check(holder); err != nil {
		return err
	}
	sum, err := digestOf(p.token.claims)
	if err != nil {
		return err
	}
	hash := base64.RawURLEncoding.EncodeToString(sum([]byte(p.bound)))
	if !same(p.binding.claims["sd_hash"], hash) {
		return errors.New("its sd_hash is of another presentation")
	}
	if asked == nil {
		return nil
	}
	return p.binding.answers(asked, policy.At, policy.Leeway)
}

// answers checks that a key binding JWT was made now, for this verifier.
func (t *jwt) answers(asked *Binding, at time.Time, leeway time.Duration) error {
	if asked.Nonce == "" || asked.Audience == "" {
		return errors.New("the policy needs a nonce and an audience")
	}
	if !same(t.claims["nonce"], asked.Nonce) {
		return errors.New("its nonce is another")
	}
	if !same(t.claims["aud"], asked.Audience) {
		return errors.New("its aud is another")
	}
	if err := checkDates(t.claims, at, leeway); err != nil {
		return err
	}
	window := asked.Window
	if window == 0 {
		window = DefaultWindow
	}
	made, given, err := timeClaim(t.claims, "iat")
	if err != nil || !given {
		return errors.New("it has no iat")
	}
	if at.After(made.Add(window + leeway)) {
		return errors.New("it was made too long ago (iat)")
	}
	return nil
}

// holderKey is the key that the credential is bound to (RFC 7800 §3.2).
func holderKey(claims map[string]any) (*Key, error) {
	cnf, _ := claims["cnf"].(map[string]any)
	jwk, ok := cnf["jwk"].(map[string]any)
	if !ok {
		return nil, errors.New("the credential has no key for it (cnf.jwk)")
	}
	if _, leaked := jwk["d"]; leaked {
		return nil, errors.New("the credential gives the holder's private key away (cnf.jwk.d)")
	}
	key, err := keyOf(jwk)
	if err != nil {
		return nil, fmt.Errorf("cnf.jwk: %w", err)
	}
	return key, nil
}

// same compares what came with what was expected in constant time.
func same(came any, expected string) bool {
	text, ok := came.(string)
	return ok && subtle.ConstantTimeCompare([]byte(text), []byte(expected)) == 1
}

// StatusReference is the place of a credential in a Token Status List
// (draft-ietf-oauth-status-list §6).
type StatusReference struct {
	URI   string // of the list
	Index int    // in it, from 0
}

func statusReference(claims map[string]any) (*StatusReference, error) {
	status, given := claims["status"]
	if !given {
		return nil, nil
	}
	object, ok := status.(map[string]any)
	if !ok {
		return nil, errors.New("status is not an object")
	}
	list, given := object["status_list"]
	if !given {
		return nil, nil // another way of telling; Claims has it
	}
	reference, _ := list.(map[string]any)
	uri, _ := reference["uri"].(string)
	number, _ := reference["idx"].(json.Number)
	index, err := number.Int64()
	if err != nil || index < 0 || index >= maxStatuses || uri == "" {
		return nil, errors.New("status.status_list is not an idx and a uri")
	}
	return &StatusReference{uri, int(index)}, nil
}
