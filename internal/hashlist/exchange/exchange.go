// Package exchange keeps banks in step with the lists that hotlines and
// platforms share, and tells them what became of a match.
//
// Each exchange has its own protocol, and a package below this one that speaks
// it. All have in common: what is new comes page by page; a checkpoint says
// where to go on, and is kept in the transaction of the entries that lead up
// to it; what was deleted there is deleted here.
package exchange

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"iter"
	"strings"

	"github.com/breakwater-project/breakwater/internal/hashlist"
)

// Client speaks the protocol of one exchange. A client is used by one sync at
// a time.
type Client interface {
	// Pull gives what is new since a checkpoint, "" being everything, until
	// there is no more. An error is the last that it gives; what came before
	// it holds. Pages may repeat each other.
	Pull(ctx context.Context, checkpoint string) iter.Seq2[Page, error]
	// Send says what somebody who looked thinks of an entry, confirmed or
	// denied. ErrNotTaken says that it is no use to try again.
	Send(ctx context.Context, o hashlist.Opinion) error
}

// ErrNotTaken is of an opinion that an exchange will never take.
var ErrNotTaken = errors.New("the exchange takes no such feedback")

// Page is one step of a pull.
type Page struct {
	Upserts []hashlist.Entry // the ID is the exchange's own
	Removed []string         // IDs
	Kept    []string         // IDs of what is there and can't be read: as it was before, it stands
	// Checkpoint is where to go on once this page is kept; "" is where the
	// pull began, as the exchange may still give what is older than this page.
	Checkpoint string
	// Whole marks every page of a pull that gives the list anew from its
	// beginning: what it has not named when it ends is there no longer.
	Whole bool
	// Skipped counts what could not be read or is of a kind that nothing here
	// can match.
	Skipped int
	// Unreadable are those of Skipped that may name any entry. A list that
	// comes whole and has one takes nothing away.
	Unreadable int
}

// Classifications that clients give entries which the exchange's members do
// not vouch for. What matches one is for a person to look at.
const (
	Unverified = "unverified" // nobody has confirmed it
	Disputed   = "disputed"   // a member says that it is wrong
)

// Name is what an entry is called that its exchange has no id for. Of an
// address a bank keeps no name like that, only a keyed digest of it.
func Name(kind hashlist.Kind, value string) string {
	value = strings.TrimSpace(value)
	if kind != hashlist.URL {
		value = strings.ToLower(value)
	}
	return string(kind) + ":" + value
}

// Put takes a hash as an exchange writes it, and says whether it is one that
// can be kept. What it can't keep leaves h as it was.
func Put(h *hashlist.Hashes, kind hashlist.Kind, value string) bool {
	value = strings.TrimSpace(value)
	var field *string
	var digits int
	switch kind {
	case hashlist.PDQ:
		field, digits = &h.PDQ, 64
	case hashlist.MD5:
		field, digits = &h.MD5, 32
	case hashlist.SHA1:
		field, digits = &h.SHA1, 40
	case hashlist.SHA256:
		field, digits = &h.SHA256, 64
	case hashlist.URL:
		if value == "" || len(value) > maxURL {
			return false
		}
		h.URL = value
		return true
	case hashlist.VPDQ:
		if !json.Valid([]byte(value)) {
			return false
		}
		h.VPDQ = value
		return true
	default:
		return false
	}
	if raw, err := hex.DecodeString(value); err != nil || 2*len(raw) != digits {
		return false
	}
	*field = strings.ToLower(value)
	return true
}

// maxURL is the longest address that is kept, in bytes.
const maxURL = 8192

// State is what an exchange says of one entry as of a time.
type State struct {
	Entry hashlist.Entry
	At    int64 // in any unit, but one for all of an exchange; 0 is taken for old
	Gone  bool  // deleted there

	// Unreadable says that it has a hash of a kind that is kept here, which
	// can't be read: what it had before stands.
	Unreadable bool
}

// Fold makes pages of the states that one pull gives. The later state of an
// entry counts, whichever comes first.
type Fold map[[16]byte]int64

// Page takes the states that are new. An entry without a hash of a kind that
// can be matched is removed, for it may have had one before; one whose hash
// can't be read is left as it is.
func (f Fold) Page(states []State) Page {
	var p Page
	last := map[string]int{}
	for i := range states {
		if f.take(&states[i]) {
			last[states[i].Entry.ID] = i
		}
	}
	for i := range states {
		s := &states[i]
		if at, ok := last[s.Entry.ID]; !ok || at != i {
			continue
		}
		switch {
		case s.Gone:
			p.Removed = append(p.Removed, s.Entry.ID)
		case s.Unreadable && s.Entry.Hashes == hashlist.Hashes{}:
			p.Kept = append(p.Kept, s.Entry.ID)
			p.Skipped++
		case s.Entry.Hashes == hashlist.Hashes{}:
			p.Removed = append(p.Removed, s.Entry.ID)
			p.Skipped++
		default:
			p.Upserts = append(p.Upserts, s.Entry)
		}
	}
	return p
}

// take says whether a state is not older than those before it.
func (f Fold) take(s *State) bool {
	sum := sha256.Sum256([]byte(s.Entry.ID))
	key := [16]byte(sum[:16]) // an exchange has millions of entries with long ids
	if before, ok := f[key]; ok && s.At < before {
		return false
	}
	f[key] = s.At
	return true
}
