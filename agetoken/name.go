package agetoken

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Class is how well an age was assured (the levels of IEEE 2089.1-2024). The
// zero value is none: a forgotten class proves nothing.
type Class uint8

// The classes, weakest first.
const (
	ClassNone Class = iota
	Asserted
	Standard
	Enhanced
	Strict
)

var classNames = [...]string{"", "asserted", "standard", "enhanced", "strict"}

// String is the class in a key's name: "strict"; "" for ClassNone.
func (c Class) String() string {
	if int(c) >= len(classNames) {
		return ""
	}
	return classNames[c]
}

func parseClass(s string) (Class, bool) {
	for c := Asserted; c <= Strict; c++ {
		if c.String() == s {
			return c, true
		}
	}
	return ClassNone, false
}

// Epoch is the calendar month, in UTC, in which a key signs. Its tokens can be
// spent for Validity from its begin: whoever gets one on the month's last day
// has some two months, nobody has more than ninety days.
type Epoch struct {
	Year  int // 1 to 9999
	Month time.Month
}

// Validity is how long tokens can be spent, from the begin of their epoch.
const Validity = 90 * 24 * time.Hour

// EpochOf is the epoch of an instant.
func EpochOf(at time.Time) Epoch {
	year, month, _ := at.UTC().Date()
	return Epoch{year, month}
}

// Begin is when the key begins to sign and its tokens can be spent.
func (e Epoch) Begin() time.Time { return time.Date(e.Year, e.Month, 1, 0, 0, 0, 0, time.UTC) }

// End is when the key no longer signs, exclusive.
func (e Epoch) End() time.Time { return e.Begin().AddDate(0, 1, 0) }

// Lapse is when its tokens can no longer be spent, exclusive.
func (e Epoch) Lapse() time.Time { return e.Begin().Add(Validity) }

// String is the epoch in a key's name: "2026-11".
func (e Epoch) String() string { return fmt.Sprintf("%04d-%02d", e.Year, int(e.Month)) }

// maxOver is the highest age that a key can stand for, in years.
const maxOver = 120

// KeyName is what the tokens of a key say: that somebody has reached an age.
// An issuer has one key for each name, and the same for everybody.
type KeyName struct {
	Over  int // completed years of age, 1 to 120
	Class Class
	Epoch Epoch
}

// String is the name's text form: "over-18.strict.2026-11".
func (n KeyName) String() string { return fmt.Sprintf("over-%d.%s.%s", n.Over, n.Class, n.Epoch) }

// ParseKeyName reads the text form, which has one spelling. Its errors are
// ErrFormat.
func ParseKeyName(s string) (KeyName, error) {
	parts := strings.Split(s, ".")
	if len(parts) != 3 {
		return KeyName{}, nameError(s)
	}
	over, err := strconv.Atoi(strings.TrimPrefix(parts[0], "over-"))
	class, known := parseClass(parts[1])
	month, err2 := time.Parse("2006-01", parts[2])
	n := KeyName{Over: over, Class: class, Epoch: EpochOf(month)}
	if err != nil || !known || err2 != nil || !n.valid() || n.String() != s {
		return KeyName{}, nameError(s)
	}
	return n, nil
}

func nameError(s string) error {
	return fmt.Errorf("agetoken: %w: a key's name is like over-18.strict.2026-11, not %.64q", ErrFormat, s)
}

func (n KeyName) valid() bool {
	return 1 <= n.Over && n.Over <= maxOver && Asserted <= n.Class && n.Class <= Strict &&
		1 <= n.Epoch.Year && n.Epoch.Year <= 9999 && time.January <= n.Epoch.Month && n.Epoch.Month <= time.December
}

// MarshalText is the text form. The error is ErrFormat where n is no name.
func (n KeyName) MarshalText() ([]byte, error) {
	if !n.valid() {
		return nil, nameError(n.String())
	}
	return []byte(n.String()), nil
}

// UnmarshalText reads what ParseKeyName reads.
func (n *KeyName) UnmarshalText(text []byte) error {
	parsed, err := ParseKeyName(string(text))
	if err == nil {
		*n = parsed
	}
	return err
}
