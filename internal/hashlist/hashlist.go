// Package hashlist keeps banks of known hashes and finds what matches them:
// perceptual hashes of images and videos within a distance, digests of files
// and addresses exactly.
//
// The database is the truth. What a search needs of it is in memory: an index
// that follows the database by the number of its last change, whoever made it,
// and that a snapshot in the data folder brings back at once. So whatever is
// killed anywhere comes back as the database says.
package hashlist

import (
	"time"
)

// Kind is what a hash is of and how it is compared.
type Kind string

// The kinds of hashes. PDQ and the frames of VPDQ match within a distance, the
// others when they are the same. A URL is compared in its canonical form, of
// which only a keyed digest is kept.
const (
	PDQ    Kind = "pdq"
	VPDQ   Kind = "vpdq"
	MD5    Kind = "md5"
	SHA1   Kind = "sha1"
	SHA256 Kind = "sha256"
	URL    Kind = "url"
)

// Hashes are the hashes of one picture, video or address: at most one of each
// kind, "" where there is none.
type Hashes struct {
	PDQ    string `json:"pdq,omitempty" doc:"64 hexadecimal digits"`
	VPDQ   string `json:"vpdq,omitempty" doc:"JSON array of \"hash,quality,timestamp\" strings, one for each frame"`
	MD5    string `json:"md5,omitempty" doc:"32 hexadecimal digits"`
	SHA1   string `json:"sha1,omitempty" doc:"40 hexadecimal digits"`
	SHA256 string `json:"sha256,omitempty" doc:"64 hexadecimal digits"`
	URL    string `json:"url,omitempty" doc:"A link, or hmac-sha256: and the keyed digest that an export gives in its place"`
}

// BankKind is what the entries of a bank are known as.
type BankKind string

// The kinds of banks. Innocent banks hold what is known to be harmless: a
// match in one takes back a match in another (see Result).
const (
	CSAM      BankKind = "csam"      // child sexual abuse material
	IIA       BankKind = "iia"       // intimate images shared without consent
	Terrorism BankKind = "terrorism" // terrorist content
	Innocent  BankKind = "innocent"  // known to be harmless
	Other     BankKind = "other"     // whatever the operator says
)

// Bank is a named set of entries and how they are matched.
type Bank struct {
	// Name is as its maker wrote it. Banks are told apart by the name in
	// capitals with _ for . and -, which is what HMA calls them.
	Name           string
	Kind           BankKind
	Source         string  // who keeps the list: "ncmec", "our own"
	Classification string  // of entries that have none of their own
	Distance       int     // bits in which a PDQ hash, or a frame's, may differ
	Ratio          float64 // share of content, 0 to 1, that the bank is used for: 0 is off
	Note           string

	Version int64 // grows by one with each change of the bank or its entries
	Entries int64 // those that are there now
	Created time.Time
	Updated time.Time
}

// Entry is one known picture, video or address of a bank.
type Entry struct {
	// ID is what the source calls it: unique in the bank. An entry without is
	// called by its hash.
	ID             string
	Hashes         Hashes
	Quality        int    // of the PDQ hash, 1 to 100; 0 is not known. Under 50 the hash is dropped
	Classification string // the source's, such as A1
	Source         string // the bank's unless set
	Note           string

	// What people here say of it: in a Change this counts only for what is new.
	Verdict Verdict
	Until   time.Time // disabled until then; Forever is for good, zero is not

	// What the lists say of it: in a Change this is passed over.
	Bank        string
	Number      int64     // as HMA calls it; never used again
	Quarantined time.Time // since when it matches for review only; zero is not
	Matches     int64     // in the last 30 days, where outbreaks are watched for; of Banks.Entry only
	Added       time.Time
	Updated     time.Time
}

// Forever is the time until which an entry is disabled for good.
var Forever = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// Verdict is what people said of an entry.
type Verdict string

// The verdicts. A denied entry matches nothing, whatever its source goes on
// to say; a confirmed one is never put into quarantine.
const (
	Unseen    Verdict = ""
	Confirmed Verdict = "confirmed"
	Denied    Verdict = "denied"
)

// Change is what a source says is new: what an import or an exchange client
// applies. Applied again it changes nothing.
type Change struct {
	Upserts []Entry  // by ID: new, or in place of what had the ID
	Removed []string // IDs; one that is not there is passed over

	// Once has one of several entries with the same hashes and classification
	// match: the others are disabled for good, until it is Removed.
	Once bool

	// Exchange and Cursor, if Exchange is set, are kept in the transaction of
	// the entries: where the client goes on after a crash.
	Exchange string
	Cursor   string
}

// Applied is what a Change did.
type Applied struct {
	Added, Changed, Removed, Unchanged int
	Refused                            []Refusal // of Upserts, which the rest does not suffer from
	Version                            int64     // of the bank
}

// Refusal is an entry that cannot be kept, and why. Low quality is a reason.
type Refusal struct {
	Index  int // in Upserts
	ID     string
	Reason string // without the value
}

// Query is what is looked for: anything that is known of one picture, video
// or address.
type Query struct {
	Hashes
	Turned []string // more PDQ hashes of the picture: turned and mirrored

	MaxDistance *int     // bits, in place of each bank's own; at most MaxDistance
	Banks       []string // only these; all if none is named
	Seed        string   // of the choice by Ratio; what is looked for, unless set
	Everything  bool     // as if each bank's Ratio were 1
	Disabled    bool     // also entries that are denied or disabled
	Limit       int      // matches of each bank at most, the nearest; DefaultLimit unless set
}

const (
	// DefaultDistance is the distance at which PDQ's reference calls two
	// images the same.
	DefaultDistance = 31
	// MaxDistance is the greatest that a bank or a query may ask for.
	MaxDistance = 64
	// LeastQuality is the quality under which a PDQ hash says too little.
	LeastQuality = 50
	// DefaultLimit is how many matches of each bank a query gets at most.
	DefaultLimit = 100
)

// Match is an entry that is near enough.
type Match struct {
	Bank           string
	BankKind       BankKind
	Entry          string
	Number         int64
	Kind           Kind // of the hash that matched
	Distance       int  // bits; 0 for all kinds that are compared exactly
	Share          int  // VPDQ: percent of the query's frames that are in the entry
	Classification string
	Source         string
	Confirmed      bool

	// Review is set where the entry is in quarantine, since it suddenly
	// matched too much: a person decides, nothing is reported by itself, and
	// what matched is held until then.
	Review bool
}

// Result is what a Query found, nearest first.
type Result struct {
	Matches []Match
	// Suppressed are matches that an entry of an innocent bank takes back.
	// They are for people to see, not to act on.
	Suppressed []Suppressed
}

// Suppressed is a match and the innocent entry that took it back.
type Suppressed struct {
	Match
	By Match
}
