package event

import "strings"

// Error says what is wrong with an event, field by field. Its messages never
// repeat the value that was refused.
type Error struct {
	// Malformed is true where the bytes are not acceptable JSON at all
	// (HTTP 400), false where they are but do not make a valid event (422).
	Malformed bool
	Fields    []Field
}

// Field is one fault and where it is, for example "audience.members[3].age.band".
type Field struct{ Location, Message string }

// Error joins the fields, one clause each.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("event: ")
	for i, f := range e.Fields {
		if i > 0 {
			b.WriteString("; ")
		}
		if f.Location != "" {
			b.WriteString(f.Location + ": ")
		}
		b.WriteString(f.Message)
	}
	return b.String()
}
