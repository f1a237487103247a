// Package device reads what operating systems and app stores tell of an age:
// Apple's Declared Age Range, Google's Play Age Signals, Meta's age categories
// and the bracket of California's Digital Age Assurance Act.
//
// They come by way of an app on somebody's device, and most of them repeat what
// somebody typed, so they can protect and never prove. Their terms allow them
// to be used for the age experience in the app and for nothing else (R32): only
// the range and its kind are read, and an account keeps them apart from what
// exports and reports are made of.
package device

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/age"
)

// Source is who told.
type Source string

// Sources.
const (
	Apple      Source = "apple_declared_age_range"
	Google     Source = "google_play_age_signals"
	Meta       Source = "meta_age_category"
	California Source = "us_ca_age_bracket"
)

// Sources are all of them.
func Sources() []Source { return []Source{Apple, Google, Meta, California} }

// Store reports whether the source is an app store rather than the device's
// system.
func (s Source) Store() bool { return s == Google }

// Signal is what a source tells.
type Signal struct {
	Ages  age.Interval
	Basis event.Basis // declared, guardian, or inferred where the source checked and we can't
}

// ErrNothing says that the source tells nothing of an age: the person did not
// share it, or the law of their place does not ask for it. Nobody may be
// treated otherwise for it than one whose age is unknown.
var ErrNothing = errors.New("device: no age is told")

// Read reads what a source gave to the app, as JSON. What else stands in it is
// dropped, above all the identifiers of an installation.
func Read(source Source, text []byte) (Signal, error) {
	read := map[Source]func([]byte) (Signal, error){Apple: readApple, Google: readGoogle, Meta: readMeta, California: readCalifornia}[source]
	if read == nil {
		return Signal{}, fmt.Errorf("device: source must be one of %v", Sources())
	}
	signal, err := read(text)
	if err != nil {
		return Signal{}, err
	}
	if signal.Ages.Empty() || signal.Ages.From < 0 || signal.Ages.To > event.MaxAge {
		return Signal{}, errors.New("device: the range holds no age that people have")
	}
	if signal.Ages == (age.Interval{From: 0, To: event.MaxAge}) {
		return Signal{}, ErrNothing
	}
	return signal, nil
}

// Apple's AgeRangeService.Response (iOS 26): bounds are whole years, absent
// where the range is open.
func readApple(text []byte) (Signal, error) {
	var in struct {
		Response    string `json:"response"` // sharing or declinedSharing
		Lower       *int   `json:"lowerBound"`
		Upper       *int   `json:"upperBound"`
		Declaration string `json:"ageRangeDeclaration"`
	}
	if err := decode(text, &in); err != nil {
		return Signal{}, err
	}
	if in.Response == "declinedSharing" {
		return Signal{}, ErrNothing
	}
	s := Signal{Ages: bounds(in.Lower, in.Upper)}
	switch in.Declaration {
	case "selfDeclared":
		s.Basis = event.BasisDeclared
	case "guardianDeclared":
		s.Basis = event.BasisGuardian
	case "governmentIDChecked", "guardianGovernmentIDChecked", "paymentChecked", "guardianPaymentChecked",
		"checkedByOtherMethod", "guardianCheckedByOtherMethod", "confirmed":
		s.Basis = event.BasisInferred
	default: // a kind that is not known yet is somebody's word
		s.Basis = event.BasisDeclared
	}
	return s, nil
}

// Google's AgeSignalsResult: userStatus by name or number.
func readGoogle(text []byte) (Signal, error) {
	var in struct {
		Status json.RawMessage `json:"userStatus"`
		Lower  *int            `json:"ageLower"`
		Upper  *int            `json:"ageUpper"`
	}
	if err := decode(text, &in); err != nil {
		return Signal{}, err
	}
	s := Signal{Ages: bounds(in.Lower, in.Upper)}
	switch status := string(bytes.Trim(in.Status, `"`)); status {
	case "VERIFIED", "0":
		// Verified to be an adult; the bounds are absent then.
		s.Basis = event.BasisInferred
		if in.Lower == nil && in.Upper == nil {
			s.Ages.From = adult
		}
	case "SUPERVISED", "1", "SUPERVISED_APPROVAL_PENDING", "2", "SUPERVISED_APPROVAL_DENIED", "3":
		s.Basis = event.BasisGuardian
		if in.Lower == nil && in.Upper == nil {
			s.Ages.To = adult // a parent supervises the account
		}
	case "DECLARED":
		s.Basis = event.BasisDeclared
	case "UNKNOWN", "4", "", "null":
		return Signal{}, ErrNothing
	default:
		return Signal{}, fmt.Errorf("device: userStatus %.32q is not known", status)
	}
	return s, nil
}

// Meta Horizon's age categories: child (10 to 12), teen, adult.
func readMeta(text []byte) (Signal, error) {
	var in struct {
		Category string `json:"ageCategory"`
	}
	if err := decode(text, &in); err != nil {
		return Signal{}, err
	}
	s := Signal{Basis: event.BasisDeclared}
	switch in.Category {
	case "CH":
		s.Ages = age.Interval{From: 0, To: 13}
	case "TN":
		s.Ages = age.Interval{From: 13, To: adult}
	case "AD":
		s.Ages = age.Interval{From: adult, To: event.MaxAge}
	case "", "UNKNOWN":
		return Signal{}, ErrNothing
	default:
		return Signal{}, fmt.Errorf("device: ageCategory %.32q is not CH, TN or AD", in.Category)
	}
	return s, nil
}

// California's brackets (Civil Code 1798.501): what the account holder entered
// when the device was set up.
func readCalifornia(text []byte) (Signal, error) {
	var in struct {
		Bracket string `json:"ageBracket"`
	}
	if err := decode(text, &in); err != nil {
		return Signal{}, err
	}
	s := Signal{Basis: event.BasisDeclared}
	switch in.Bracket {
	case "under_13":
		s.Ages = age.Interval{From: 0, To: 13}
	case "13_to_15":
		s.Ages = age.Interval{From: 13, To: 16}
	case "16_to_17":
		s.Ages = age.Interval{From: 16, To: adult}
	case "18_or_over":
		s.Ages = age.Interval{From: adult, To: event.MaxAge}
	case "":
		return Signal{}, ErrNothing
	default:
		return Signal{}, fmt.Errorf("device: ageBracket %.32q is not under_13, 13_to_15, 16_to_17 or 18_or_over", in.Bracket)
	}
	return s, nil
}

const adult = 18

// bounds are ages from lower to upper years, both included.
func bounds(lower, upper *int) age.Interval {
	i := age.Interval{From: 0, To: event.MaxAge}
	if lower != nil {
		i.From = *lower
	}
	if upper != nil && *upper < event.MaxAge {
		i.To = *upper + 1
	}
	return i
}

func decode(text []byte, in any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	if err := decoder.Decode(in); err != nil {
		return errors.New("device: not a JSON object of this source's fields")
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("device: more than one JSON object")
	}
	return nil
}
