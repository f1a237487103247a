package age

import (
	"time"

	"github.com/breakwater-project/breakwater/event"
)

// Resolved is an account as a decision sees it.
type Resolved struct {
	Known
	Country string // ISO 3166-1 alpha-2, or empty
	Region  string // ISO 3166-2, or empty
	Created time.Time
}

// Resolve is the account as it is known, which may be not at all (nil), with
// what the event itself says of it.
//
// Where the server has a signal of the account's age, the event's can only
// make it younger or more doubtful. Where it has none, the event's is taken
// at the face value of its basis, for this event: it is not stored. The
// event's country is where the person is now, so it goes before the account's;
// of two times of creation the later counts, as new accounts are less trusted.
func Resolve(account *Account, inline *event.Age, country string, created time.Time, youngest event.Band, now time.Time) Resolved {
	var signals []Signal
	r := Resolved{Country: country, Created: created}
	if account != nil {
		signals = account.Signals
		if r.Country == "" || r.Country == account.Country {
			r.Country, r.Region = account.Country, account.Region
		}
		if account.Created.After(r.Created) {
			r.Created = account.Created
		}
	}
	if inline != nil {
		claim := FromPlatform(*inline, now)
		if len(signals) > 0 {
			claim.Basis = event.BasisInferred // which only lowers
		}
		signals = append(signals[:len(signals):len(signals)], claim)
	}
	r.Known = Merge(signals, youngest, now)
	return r
}
