package event

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"time"
)

// Digest is a SHA-256 over every field of the event: two requests that say the
// same thing have the same digest, whatever their white space and key order.
func (e *Event) Digest() [32]byte {
	var buf [512]byte
	d := digest(buf[:0])
	d.text(e.ID).text(string(e.Type)).time(e.Time)
	d.text(e.Actor.ID).age(e.Actor.Age).text(e.Actor.Country).time(e.Actor.Created)
	d.text(string(e.Audience.Scope)).number(len(e.Audience.Members))
	for i := range e.Audience.Members {
		m := &e.Audience.Members[i]
		d.text(m.ID).age(m.Age).text(m.Country).flag(m.Connected).number(m.Mutuals)
	}
	d.text(e.Content.ID).text(e.Content.Text).text(e.Content.Language).number(len(e.Content.Media))
	for i := range e.Content.Media {
		m := &e.Content.Media[i]
		data := sha256.Sum256(m.Data)
		d.text(string(m.Kind)).text(string(data[:])).text(m.URL).text(m.SHA256).text(m.PDQ).text(m.MIME)
	}
	d.number(len(e.Content.Links))
	for _, link := range e.Content.Links {
		d.text(link)
	}
	d.text(e.Conversation).text(e.Parent).text(string(e.Surface)).flag(e.Private)
	if len(e.Attributes) > 0 {
		// Sorted by key. What Decode admits always has an encoding; a caller's
		// own value that has none (a channel, a NaN) makes no difference here.
		data, _ := json.Marshal(e.Attributes)
		d.text(string(data))
	}
	return sha256.Sum256(d)
}

// digest is the bytes that are hashed: every part has its length before it, so
// that no two events have the same.
type digest []byte

func (d *digest) number(n int) *digest {
	*d = binary.AppendUvarint(*d, uint64(n))
	return d
}

func (d *digest) text(s string) *digest {
	*d = append(*d.number(len(s)), s...)
	return d
}

func (d *digest) flag(b bool) *digest {
	if b {
		return d.number(1)
	}
	return d.number(0)
}

func (d *digest) time(t time.Time) {
	if t.IsZero() {
		d.number(0)
		return
	}
	*d = binary.BigEndian.AppendUint64(*d.number(1), uint64(t.UnixNano()))
}

func (d *digest) age(a *Age) *digest {
	if a == nil {
		return d.number(0)
	}
	*d = append(*d.number(1), byte(a.Band), byte(a.Basis))
	return d
}
