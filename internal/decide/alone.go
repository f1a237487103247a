package decide

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/journal"
	"github.com/breakwater-project/breakwater/internal/policy"
)

// alone reports whether events of a type are what somebody does for themselves
// and nobody else meets: being online, looking, searching. Their journal
// entries name nobody, as together they would be a diary of that person.
func alone(t event.Type) bool {
	switch t {
	case event.SessionStart, event.SessionHeartbeat, event.SessionEnd,
		event.ContentView, event.ProfileView, event.SearchQuery:
		return true
	default:
		return false
	}
}

// coarsen takes from what Eval sees of somebody alone what would tell them
// apart from others: to the day how old the account is, and what the platform
// says that no rule reads.
func (d *draft) coarsen() {
	if !alone(d.event.Type) {
		return
	}
	if days := d.input.Actor.AccountDays; days != nil && *days > month {
		coarse := min(*days-*days%month, 12*month)
		d.input.Actor.AccountDays = &coarse
	}
	read := d.rules.needs(d.event.Type).Attributes
	kept := make(map[string]any, len(d.input.Attributes))
	for name, value := range d.input.Attributes {
		if slices.Contains(read, name) {
			kept[name] = value
		}
	}
	d.input.Attributes = kept
}

// month is how many days are a step in the age of an account.
const month = 30

// unname takes the names out of an entry of somebody alone, and returns what
// is kept of what Eval saw. Where an effect is about a person, a review above
// all, the entry keeps them; its event's id is veiled all the same, so that the
// same event is known again whatever came of it.
func (e *Engine) unname(d *draft, entry *journal.Entry) *policy.Input {
	entry.Decision.Event = e.veil(entry.Decision.Event)
	in := d.input
	if !slices.ContainsFunc(entry.Decision.Effects, aboutSomebody) {
		entry.Actor, entry.Content, entry.ContentDigest = "", "", nil
		entry.Decision.Members = slices.Clone(entry.Decision.Members)
		for i := range entry.Decision.Members {
			entry.Decision.Members[i].ID = ""
		}
		in.Members = slices.Clone(in.Members)
		for i := range in.Members {
			in.Members[i].ID = ""
		}
		in.Content.ID, in.Conversation, in.Thread = "", "", ""
	}
	entry.Encoded = entry.Decision.AppendJSON(make([]byte, 0, 1024))
	return &in
}

// aboutSomebody reports whether an effect needs to know who acted.
func aboutSomebody(f decision.Effect) bool {
	return f.Kind != decision.Label || f.Target == "actor"
}

// again is the answer to an event that was decided before: with the names that
// the journal does not keep, and the caller just gave.
func (e *Engine) again(entry *journal.Entry, ev *event.Event) Answer {
	a := Answer{Decision: entry.Decision, Encoded: entry.Encoded}
	if !alone(ev.Type) {
		return a
	}
	a.Decision.Event = ev.ID
	a.Decision.Members = slices.Clone(a.Decision.Members)
	for i := range a.Decision.Members {
		if i < len(ev.Audience.Members) {
			a.Decision.Members[i].ID = ev.Audience.Members[i].ID
		}
	}
	a.Encoded = a.Decision.AppendJSON(make([]byte, 0, len(entry.Encoded)))
	return a
}

// told is an entry's decision as its caller was told it, as far as the journal
// knows.
func (e *Engine) told(entry *journal.Entry) []byte {
	if !alone(entry.Decision.Type) {
		return entry.Encoded
	}
	d := entry.Decision
	d.Event = e.eventID(entry)
	return d.AppendJSON(make([]byte, 0, len(entry.Encoded)))
}

// eventID is the id of an entry's event, as the platform gave it.
func (e *Engine) eventID(entry *journal.Entry) string {
	if id, ok := e.unveil(entry.Decision.Event); ok && alone(entry.Decision.Type) {
		return id
	}
	return entry.Decision.Event
}

// A veiled id begins with veilMark, and has its initial vector before it.
const (
	veilMark = "~"
	veilSize = 16
)

// veil hides an event's id from whoever has the database and not the key: many
// platforms have an account's id in it. The same id is always veiled alike, so
// that a repeated event is found. It is AES-CTR under an initial vector that is
// a digest of the id (as SIV, RFC 5297).
func (e *Engine) veil(id string) string {
	mac := hmac.New(sha256.New, e.ContentKey[:])
	mac.Write([]byte("veil vector\x00" + id))
	out := make([]byte, veilSize+len(id))
	copy(out, mac.Sum(nil)[:veilSize])
	e.veilStream(out[:veilSize]).XORKeyStream(out[veilSize:], []byte(id))
	return veilMark + base64.RawURLEncoding.EncodeToString(out)
}

// unveil gives the id back, false where it is not a veiled one of this key.
func (e *Engine) unveil(veiled string) (string, bool) {
	text, marked := strings.CutPrefix(veiled, veilMark)
	data, err := base64.RawURLEncoding.DecodeString(text)
	if !marked || err != nil || len(data) < veilSize {
		return "", false
	}
	id := make([]byte, len(data)-veilSize)
	e.veilStream(data[:veilSize]).XORKeyStream(id, data[veilSize:])
	return string(id), hmac.Equal([]byte(e.veil(string(id))), []byte(veiled))
}

func (e *Engine) veilStream(vector []byte) cipher.Stream {
	mac := hmac.New(sha256.New, e.ContentKey[:])
	mac.Write([]byte("veil key"))
	block, err := aes.NewCipher(mac.Sum(nil))
	if err != nil {
		panic(err) // only for a key of another length
	}
	return cipher.NewCTR(block, vector)
}
