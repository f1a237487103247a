package event

import (
	"encoding/base64"
	"strconv"
	"time"
)

// Size limits of one event's parts, in bytes unless said otherwise.
const (
	MaxID         = 256
	MaxText       = 128 << 10
	MaxURL        = 2048
	MaxMembers    = 1000 // members
	MaxMedia      = 32   // items
	MaxLinks      = 100  // links
	MaxAttributes = 8 << 10
	MaxBatch      = 1000 // events
)

// Decode reads one event from JSON and validates it against now. The error,
// if any, is an *Error that names every faulty field.
func Decode(data []byte, now time.Time) (Event, error) {
	r := reader{data: data}
	var ev Event
	if r.end(ev.read(&r)) != nil || len(r.fields) > 0 {
		return Event{}, &Error{Malformed: r.malformed, Fields: r.fields}
	}
	return ev, ev.Validate(now)
}

// Decoded is one event of a batch, or what is wrong with it.
type Decoded struct {
	Event Event
	Err   error // nil or an *Error
}

// DecodeBatch reads {"events":[…]}. An event that is not valid has its error
// in its place; bytes that are not acceptable JSON, and a batch that is not of
// that form or longer than MaxBatch, are an *Error for the whole.
func DecodeBatch(data []byte, now time.Time) ([]Decoded, error) {
	r := reader{data: data}
	var batch []Decoded
	present := false
	err := r.object(func(key []byte) error {
		if string(key) != "events" {
			return r.unknown()
		}
		present = true
		faults := r.fields
		err := r.array(func(i int) error {
			if i == MaxBatch {
				return r.refuse("more than " + strconv.Itoa(MaxBatch) + " events")
			}
			one, err := r.eventOfBatch(now)
			batch = append(batch, one)
			return err
		})
		r.fields = append(faults, r.fields...)
		return err
	})
	if err == nil && !present {
		r.fields = append(r.fields, Field{Location: "events", Message: "required"})
	}
	if r.end(err) != nil || len(r.fields) > 0 {
		return nil, &Error{Malformed: r.malformed, Fields: r.fields}
	}
	return batch, nil
}

// eventOfBatch reads one event and keeps its faults apart from the others'.
// Locations are within the event, as they are for a single one.
func (r *reader) eventOfBatch(now time.Time) (Decoded, error) {
	outer := r.path
	r.path, r.fields = nil, nil
	var one Decoded
	if err := one.Event.read(r); err != nil {
		return one, err
	}
	if len(r.fields) > 0 {
		one = Decoded{Err: &Error{Fields: r.fields}}
	} else {
		one.Err = one.Event.Validate(now)
	}
	r.path, r.fields = outer, nil
	return one, nil
}

// end checks, unless reading failed, that nothing comes after the value.
func (r *reader) end(err error) error {
	if err == nil && (r.peek() != 0 || r.pos < len(r.data)) {
		return r.syntax("unexpected data after the value")
	}
	return err
}

func (e *Event) read(r *reader) error {
	return r.object(func(key []byte) error {
		switch string(key) {
		case "id":
			return r.stringInto(&e.ID, MaxID)
		case "type":
			return r.stringInto((*string)(&e.Type), 64)
		case "time":
			return r.timeInto(&e.Time)
		case "actor":
			return e.Actor.read(r)
		case "audience":
			return e.Audience.read(r)
		case "content":
			return e.Content.read(r)
		case "conversation":
			return r.stringInto(&e.Conversation, MaxID)
		case "parent":
			return r.stringInto(&e.Parent, MaxID)
		case "surface":
			return r.stringInto((*string)(&e.Surface), 16)
		case "private":
			return r.boolInto(&e.Private)
		case "attributes":
			return r.attributesInto(&e.Attributes)
		}
		return r.unknown()
	})
}

func (a *Actor) read(r *reader) error {
	return r.object(func(key []byte) error {
		switch string(key) {
		case "id":
			return r.stringInto(&a.ID, MaxID)
		case "age":
			return r.ageInto(&a.Age)
		case "country":
			return r.stringInto(&a.Country, 2)
		case "created":
			return r.timeInto(&a.Created)
		}
		return r.unknown()
	})
}

func (a *Audience) read(r *reader) error {
	return r.object(func(key []byte) error {
		switch string(key) {
		case "scope":
			return r.stringInto((*string)(&a.Scope), 16)
		case "members":
			return r.array(func(i int) error {
				if i == MaxMembers {
					return r.refuse("more than " + strconv.Itoa(MaxMembers) + " members")
				}
				a.Members = append(a.Members, Member{})
				return a.Members[i].read(r)
			})
		}
		return r.unknown()
	})
}

func (m *Member) read(r *reader) error {
	return r.object(func(key []byte) error {
		switch string(key) {
		case "id":
			return r.stringInto(&m.ID, MaxID)
		case "age":
			return r.ageInto(&m.Age)
		case "country":
			return r.stringInto(&m.Country, 2)
		case "connected":
			return r.boolInto(&m.Connected)
		case "mutuals":
			return r.intInto(&m.Mutuals, 1<<31-1)
		}
		return r.unknown()
	})
}

func (c *Content) read(r *reader) error {
	return r.object(func(key []byte) error {
		switch string(key) {
		case "id":
			return r.stringInto(&c.ID, MaxID)
		case "text":
			return r.stringInto(&c.Text, MaxText)
		case "language":
			return r.stringInto(&c.Language, 35)
		case "media":
			return r.array(func(i int) error {
				if i == MaxMedia {
					return r.refuse("more than " + strconv.Itoa(MaxMedia) + " media items")
				}
				c.Media = append(c.Media, Media{})
				return c.Media[i].read(r)
			})
		case "links":
			return r.array(func(i int) error {
				if i == MaxLinks {
					return r.refuse("more than " + strconv.Itoa(MaxLinks) + " links")
				}
				c.Links = append(c.Links, "")
				return r.stringInto(&c.Links[i], MaxURL)
			})
		}
		return r.unknown()
	})
}

func (m *Media) read(r *reader) error {
	return r.object(func(key []byte) error {
		switch string(key) {
		case "kind":
			return r.stringInto((*string)(&m.Kind), 16)
		case "data":
			return r.base64Into(&m.Data)
		case "url":
			return r.stringInto(&m.URL, MaxURL)
		case "sha256":
			return r.stringInto(&m.SHA256, 64)
		case "pdq":
			return r.stringInto(&m.PDQ, 64)
		case "mime":
			return r.stringInto(&m.MIME, 127)
		}
		return r.unknown()
	})
}

func (r *reader) ageInto(dst **Age) error {
	if null, err := r.null(); null {
		return err
	}
	age := &Age{}
	*dst = age
	return r.object(func(key []byte) error {
		var name string
		switch string(key) {
		case "band":
			if err := r.stringInto(&name, 16); err != nil {
				return err
			}
			if err := age.Band.UnmarshalText([]byte(name)); err != nil {
				r.fault(err.Error())
			}
			return nil
		case "basis":
			if err := r.stringInto(&name, 16); err != nil {
				return err
			}
			if err := age.Basis.UnmarshalText([]byte(name)); err != nil {
				r.fault(err.Error())
			}
			return nil
		}
		return r.unknown()
	})
}

func (r *reader) timeInto(dst *time.Time) error {
	var s string
	if err := r.stringInto(&s, 40); err != nil || s == "" {
		return err
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		r.fault("must be an RFC 3339 time, for example 2026-11-24T10:00:00Z")
		return nil
	}
	*dst = t.UTC()
	return nil
}

func (r *reader) base64Into(dst *[]byte) error {
	var s string
	if err := r.stringInto(&s, len(r.data)); err != nil || s == "" {
		return err
	}
	data, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil {
		r.fault("must be base64 (RFC 4648 §4, with padding)")
		return nil
	}
	*dst = data
	return nil
}

func (r *reader) attributesInto(dst *map[string]any) error {
	if r.peek() != '{' {
		return r.mismatch("an object")
	}
	start := r.pos
	v, err := r.any()
	if err != nil {
		return err
	}
	if r.pos-start > MaxAttributes {
		r.fault("longer than " + strconv.Itoa(MaxAttributes) + " bytes")
		return nil
	}
	*dst = v.(map[string]any)
	return nil
}
