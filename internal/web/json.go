package web

import (
	"bytes"
	"encoding/json"
	"strconv"
	"unicode/utf8"
)

// MaxDepth is how deep objects and arrays of a request may be nested.
const MaxDepth = 32

// JSONError says why bytes are not acceptable JSON.
type JSONError struct {
	Offset  int // bytes from the start
	Message string
}

// Error is the message and the place.
func (e *JSONError) Error() string { return e.Message + " at byte " + strconv.Itoa(e.Offset) }

// CheckJSON accepts exactly one JSON value (RFC 8259) that every reader takes
// for the same (I-JSON, RFC 7493): valid UTF-8, no lone surrogates, no key
// twice in an object, nothing after the value, no deeper than MaxDepth. The
// error is a *JSONError.
func CheckJSON(data []byte) error {
	var space [24]span
	s := scanner{data: data, keys: space[:0]}
	s.blank()
	if !s.value() {
		return s.err
	}
	if s.blank(); s.pos < len(data) {
		s.fail("unexpected data after the value")
		return s.err
	}
	return nil
}

// scanner walks over the bytes once. Its methods report success; on failure
// err is set.
type scanner struct {
	data  []byte
	pos   int
	depth int
	keys  []span // of the objects that are open, outermost first
	err   *JSONError
}

// span is where a string stands, with its quotes.
type span struct {
	from, to int
	escaped  bool
}

func (s *scanner) fail(message string) bool {
	s.err = &JSONError{Offset: s.pos, Message: message}
	return false
}

// byte is the next byte, 0 at the end; 0 is nowhere acceptable.
func (s *scanner) byte() byte {
	if s.pos < len(s.data) {
		return s.data[s.pos]
	}
	return 0
}

func (s *scanner) blank() {
	for s.pos < len(s.data) {
		switch s.data[s.pos] {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return
		}
	}
}

func (s *scanner) value() bool {
	switch c := s.byte(); {
	case c == '"':
		_, ok := s.text()
		return ok
	case c == '{':
		return s.enter() && s.object()
	case c == '[':
		return s.enter() && s.array()
	case c == '-' || c >= '0' && c <= '9':
		return s.number()
	case c == 't':
		return s.literal("true")
	case c == 'f':
		return s.literal("false")
	case c == 'n':
		return s.literal("null")
	}
	if s.pos >= len(s.data) {
		return s.fail("unexpected end")
	}
	return s.fail("expected a value")
}

func (s *scanner) enter() bool {
	if s.depth++; s.depth > MaxDepth {
		return s.fail("nested deeper than " + strconv.Itoa(MaxDepth))
	}
	s.pos++
	s.blank()
	return true
}

func (s *scanner) leave() bool {
	s.pos++
	s.depth--
	return true
}

// next moves past a comma to the next member, or says that close is there.
func (s *scanner) next(end byte) (more, ok bool) {
	s.blank()
	switch s.byte() {
	case end:
		return false, s.leave()
	case ',':
		s.pos++
		s.blank()
		return true, true
	}
	return false, s.fail("expected ',' or '" + string(rune(end)) + "'")
}

func (s *scanner) array() bool {
	if s.byte() == ']' {
		return s.leave()
	}
	for {
		if !s.value() {
			return false
		}
		if more, ok := s.next(']'); !more {
			return ok
		}
	}
}

// fewKeys is up to how many keys are compared one by one, if none has escapes.
const fewKeys = 16

func (s *scanner) object() bool {
	if s.byte() == '}' {
		return s.leave()
	}
	first := len(s.keys)
	var many map[string]bool // the keys, once they are more than a few
	for {
		if s.byte() != '"' {
			return s.fail("expected a key in double quotes")
		}
		key, ok := s.text()
		if !ok {
			return false
		}
		if many, ok = s.add(key, first, many); !ok {
			s.pos = key.from
			return s.fail("duplicate key")
		}
		if s.blank(); s.byte() != ':' {
			return s.fail("expected ':'")
		}
		s.pos++
		if s.blank(); !s.value() {
			return false
		}
		if more, ok := s.next('}'); !more {
			s.keys = s.keys[:first]
			return ok
		}
	}
}

// add notes a key of the object whose keys start at first, and says whether it
// is new to it.
func (s *scanner) add(key span, first int, many map[string]bool) (map[string]bool, bool) {
	text := s.unquote(key)
	if many != nil {
		twice := many[string(text)]
		many[string(text)] = true
		return many, !twice
	}
	for _, other := range s.keys[first:] {
		if bytes.Equal(text, s.unquote(other)) {
			return nil, false
		}
	}
	s.keys = append(s.keys, key)
	if len(s.keys)-first == fewKeys || key.escaped {
		many = make(map[string]bool, 2*fewKeys)
		for _, k := range s.keys[first:] {
			many[string(s.unquote(k))] = true
		}
	}
	return many, true
}

// unquote is the text of a string that text has passed over.
func (s *scanner) unquote(at span) []byte {
	if !at.escaped {
		return s.data[at.from+1 : at.to-1]
	}
	var text string
	if json.Unmarshal(s.data[at.from:at.to], &text) != nil {
		return s.data[at.from:at.to]
	}
	return []byte(text)
}

// text passes over a string.
func (s *scanner) text() (span, bool) {
	at := span{from: s.pos}
	s.pos++
	for s.pos < len(s.data) {
		switch c := s.data[s.pos]; {
		case c == '"':
			s.pos++
			at.to = s.pos
			return at, true
		case c == '\\':
			at.escaped = true
			if !s.escape() {
				return at, false
			}
		case c < ' ':
			return at, s.fail("control character in a string")
		case c < utf8.RuneSelf:
			s.pos++
		default:
			r, size := utf8.DecodeRune(s.data[s.pos:])
			if r == utf8.RuneError && size == 1 {
				return at, s.fail("invalid UTF-8")
			}
			s.pos += size
		}
	}
	return at, s.fail("unexpected end in a string")
}

func (s *scanner) escape() bool {
	s.pos++
	switch s.byte() {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		s.pos++
		return true
	case 'u':
		s.pos++
		return s.unicode()
	}
	return s.fail("unknown escape")
}

// unicode passes over the digits of \uXXXX and, if they are the first half of
// a pair, over the second.
func (s *scanner) unicode() bool {
	unit, ok := s.hex()
	switch {
	case !ok:
		return false
	case unit < 0xD800 || unit > 0xDFFF:
		return true
	case unit > 0xDBFF || !bytes.HasPrefix(s.data[s.pos:], []byte(`\u`)):
		return s.fail("half of a surrogate pair")
	}
	s.pos += 2
	if unit, ok = s.hex(); !ok {
		return false
	}
	if unit < 0xDC00 || unit > 0xDFFF {
		return s.fail("half of a surrogate pair")
	}
	return true
}

func (s *scanner) hex() (unit int, ok bool) {
	for range 4 {
		c := s.byte()
		switch {
		case c >= '0' && c <= '9':
			unit = unit<<4 | int(c-'0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			unit = unit<<4 | int(c|0x20-'a'+10)
		default:
			return 0, s.fail("expected four hexadecimal digits")
		}
		s.pos++
	}
	return unit, true
}

func (s *scanner) number() bool {
	if s.byte() == '-' {
		s.pos++
	}
	if s.byte() == '0' {
		s.pos++
	} else if !s.digits() {
		return false
	}
	if s.byte() == '.' {
		s.pos++
		if !s.digits() {
			return false
		}
	}
	if s.byte()|0x20 != 'e' {
		return true
	}
	s.pos++
	if c := s.byte(); c == '+' || c == '-' {
		s.pos++
	}
	return s.digits()
}

func (s *scanner) digits() bool {
	start := s.pos
	for s.pos < len(s.data) && s.data[s.pos] >= '0' && s.data[s.pos] <= '9' {
		s.pos++
	}
	return s.pos > start || s.fail("expected a digit")
}

func (s *scanner) literal(word string) bool {
	if !bytes.HasPrefix(s.data[s.pos:], []byte(word)) {
		return s.fail("expected a value")
	}
	s.pos += len(word)
	return true
}
