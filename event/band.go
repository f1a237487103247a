package event

import "fmt"

// Band is a stage of childhood (the ICO's and Ofcom's five groups), adult, or
// unknown. The zero value is unknown, so a forgotten band protects.
type Band uint8

// The bands, youngest first after unknown.
const (
	BandUnknown Band = iota
	Band0to5
	Band6to9
	Band10to12
	Band13to15
	Band16to17
	Band18Plus
)

// MaxAge is the exclusive end of an open interval of ages, in years.
const MaxAge = 150

var bandNames = [...]string{"unknown", "0-5", "6-9", "10-12", "13-15", "16-17", "18+"}
var bandFrom = [...]int{0, 0, 6, 10, 13, 16, 18, MaxAge}

// Bands lists the six known bands, youngest first.
func Bands() []Band {
	return []Band{Band0to5, Band6to9, Band10to12, Band13to15, Band16to17, Band18Plus}
}

// Interval is the half-open range of ages [from, to) in years that b stands
// for; unknown is every age.
func (b Band) Interval() (from, to int) {
	if b == BandUnknown || b > Band18Plus {
		return 0, MaxAge
	}
	return bandFrom[b], bandFrom[b+1]
}

// BandOf is the band of an age in years; an age below 0 is unknown.
func BandOf(age int) Band {
	if age < 0 || age >= MaxAge {
		return BandUnknown
	}
	b := Band18Plus
	for bandFrom[b] > age {
		b--
	}
	return b
}

// String is the contract's name: "10-12", "18+", "unknown".
func (b Band) String() string {
	if int(b) >= len(bandNames) {
		return bandNames[BandUnknown]
	}
	return bandNames[b]
}

// MarshalText is the contract's name.
func (b Band) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// UnmarshalText reads the contract's name.
func (b *Band) UnmarshalText(text []byte) error {
	v, ok := ParseBand(string(text))
	if !ok {
		return fmt.Errorf("unknown age band: want one of 0-5, 6-9, 10-12, 13-15, 16-17, 18+, unknown")
	}
	*b = v
	return nil
}

// ParseBand reads the contract's name of a band.
func ParseBand(s string) (Band, bool) {
	for i, name := range bandNames {
		if s == name {
			return Band(i), true
		}
	}
	return BandUnknown, false
}

// Basis is how an age is known, weakest first.
type Basis uint8

// The bases. Only verified and estimated ones are highly effective age
// assurance candidates; a declaration never is (R25).
const (
	BasisNone Basis = iota
	BasisDeclared
	BasisInferred
	BasisGuardian
	BasisEstimated
	BasisVerified
)

var basisNames = [...]string{"none", "declared", "inferred", "guardian", "estimated", "verified"}

// String is the contract's name.
func (b Basis) String() string {
	if int(b) >= len(basisNames) {
		return basisNames[BasisNone]
	}
	return basisNames[b]
}

// MarshalText is the contract's name.
func (b Basis) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// UnmarshalText reads the contract's name.
func (b *Basis) UnmarshalText(text []byte) error {
	v, ok := ParseBasis(string(text))
	if !ok {
		return fmt.Errorf("unknown age basis: want one of verified, estimated, inferred, declared, guardian, none")
	}
	*b = v
	return nil
}

// ParseBasis reads the contract's name of a basis.
func ParseBasis(s string) (Basis, bool) {
	for i, name := range basisNames {
		if s == name {
			return Basis(i), true
		}
	}
	return BasisNone, false
}

// Age is a claim about an account's age: a band and how it is known. A birth
// date has no place here.
type Age struct {
	Band  Band  `json:"band" enum:"0-5,6-9,10-12,13-15,16-17,18+,unknown"`
	Basis Basis `json:"basis,omitempty" enum:"verified,estimated,inferred,declared,guardian,none"`
}
