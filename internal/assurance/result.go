package assurance

import (
	"errors"
	"time"

	"github.com/breakwater-project/breakwater/agetoken"
	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/age"
)

// Result is what a check found, whatever made it. It has no room for who the
// person is: no birth date, name, number, face or address, and no time finer
// than a day.
type Result struct {
	// Ages are the ages that the result leaves possible: over 18 is [18, 150),
	// not over 18 is [0, 18), a band of 13 to 15 is [13, 16).
	Ages age.Interval
	// Basis says how the age is known.
	Basis event.Basis
	// Method says what was done, Provider who did it: its configured name, or
	// empty for this server.
	Method   Method
	Provider string
	// Level is how well the age was assured (IEEE 2089.1-2024).
	Level agetoken.Class
	// Confidence is that the age lies in Ages, 0 to 1. What is verified has 1.
	Confidence float64
	// Integrity is why the result is believed to be the method's.
	Integrity Integrity
	// CheckedOn is the day of the check, the time within it is dropped. Expires
	// is when the result ends to hold, rounded down to the day; zero leaves it
	// to the profile.
	CheckedOn time.Time
	Expires   time.Time
}

// Integrity is what keeps a result from being made up on the way.
type Integrity uint8

// The kinds of integrity, weakest first.
const (
	Unattested     Integrity = iota // a client said so
	AttestedClient                  // a client said so, and its platform vouches for the client
	HMAC                            // the sender has a shared secret
	Signed                          // whoever checked signed it
)

// Day is the day of t in UTC, as results have it.
func Day(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.UTC().Truncate(24 * time.Hour)
}

// check refuses a result that says nothing, or what no result may say.
func (r *Result) check() error {
	switch {
	case r.Ages.Empty() || r.Ages.From < 0 || r.Ages.To > event.MaxAge:
		return errors.New("assurance: a result with no age that people have")
	case r.Ages == age.IntervalOf(event.BandUnknown):
		return errors.New("assurance: a result that says nothing of the age")
	case r.Method == "" || r.CheckedOn.IsZero():
		return errors.New("assurance: a result without a method or a day")
	}
	return nil
}

// checkSource begins the source of what is highly effective.
const checkSource = "check:"

// source is who said it, as internal/age keeps statements: the latest of each
// stands. What is not highly effective never takes the place of what is.
func (r *Result) source() string {
	if r.HighlyEffective() {
		return checkSource + string(r.Method)
	}
	return "claim:" + string(r.Method) + ":" + r.Provider
}

// signal is the result as the account keeps it. What is not highly effective
// can lower an age and never raise or prove one.
func (r *Result) signal(expires time.Time) age.Signal {
	basis := r.Basis
	if !r.HighlyEffective() && (basis == event.BasisVerified || basis == event.BasisEstimated) {
		basis = event.BasisInferred
	}
	return age.Signal{
		Interval: r.Ages, Basis: basis, Method: string(r.Method), Confidence: r.Confidence,
		At: Day(r.CheckedOn), Expires: expires, Source: r.source(),
	}
}
