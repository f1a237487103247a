package event

import (
	"bytes"
	"errors"
	"math"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// Limits of one event's JSON.
const (
	MaxDepth  = 16 // nested objects and arrays
	maxFaults = 20 // reported at once; more help nobody
)

// errStop ends reading: the bytes are malformed.
var errStop = errors.New("stop")

// reader is a strict JSON reader over bytes that remembers where it is, so
// that every fault names its field. It goes on after a fault of meaning, to
// report them all, and stops at one of syntax.
type reader struct {
	data      []byte
	pos       int
	depth     int
	path      []step
	fields    []Field
	malformed bool
}

// step is one part of a location: a key, or an index where key is nil.
type step struct {
	key   []byte
	index int
}

func (r *reader) location() string {
	var b []byte
	for _, s := range r.path {
		if s.key == nil {
			b = append(b, '[')
			b = strconv.AppendInt(b, int64(s.index), 10)
			b = append(b, ']')
			continue
		}
		if len(b) > 0 {
			b = append(b, '.')
		}
		b = append(b, s.key...)
	}
	return string(b)
}

// fault records a fault of meaning at the current place.
func (r *reader) fault(message string) {
	if len(r.fields) < maxFaults {
		r.fields = append(r.fields, Field{Location: r.location(), Message: message})
	}
}

// syntax records that the bytes are not acceptable JSON.
func (r *reader) syntax(message string) error {
	r.malformed = true
	r.fields = []Field{{Location: r.location(), Message: message + " at byte " + strconv.Itoa(r.pos)}}
	return errStop
}

// refuse ends reading at the current place: going on helps nobody.
func (r *reader) refuse(message string) error {
	r.fields = []Field{{Location: r.location(), Message: message}}
	return errStop
}

func (r *reader) space() {
	for r.pos < len(r.data) {
		switch r.data[r.pos] {
		case ' ', '\t', '\n', '\r':
			r.pos++
		default:
			return
		}
	}
}

// peek is the first byte of the next token, 0 at the end.
func (r *reader) peek() byte {
	r.space()
	if r.pos >= len(r.data) {
		return 0
	}
	return r.data[r.pos]
}

func (r *reader) open() error {
	r.pos++
	if r.depth++; r.depth > MaxDepth {
		return r.syntax("nested deeper than " + strconv.Itoa(MaxDepth))
	}
	return nil
}

// object reads an object and calls field with each key; field reads the value.
// The key is a part of the input wherever it can be.
func (r *reader) object(field func(key []byte) error) error {
	if r.peek() != '{' {
		return r.mismatch("an object")
	}
	if err := r.open(); err != nil {
		return err
	}
	var seenArray [16][]byte
	seen := seenArray[:0]
	for r.peek() != '}' {
		if len(seen) > 0 {
			if r.peek() != ',' {
				return r.syntax("expected ',' or '}'")
			}
			r.pos++
		}
		if r.peek() != '"' {
			return r.syntax("expected a key in double quotes")
		}
		key, err := r.bytes()
		if err != nil {
			return err
		}
		for _, other := range seen {
			if bytes.Equal(key, other) {
				r.path = append(r.path, step{key: key})
				return r.syntax("duplicate key")
			}
		}
		if len(seen) == 256 {
			return r.syntax("more than 256 keys in one object")
		}
		seen = append(seen, key)
		if r.peek() != ':' {
			return r.syntax("expected ':'")
		}
		r.pos++
		r.path = append(r.path, step{key: key})
		if err := field(key); err != nil {
			return err
		}
		r.path = r.path[:len(r.path)-1]
	}
	r.pos++
	r.depth--
	return nil
}

// array reads an array and calls item with each index; item reads the value.
func (r *reader) array(item func(i int) error) error {
	if r.peek() != '[' {
		return r.mismatch("an array")
	}
	if err := r.open(); err != nil {
		return err
	}
	for i := 0; r.peek() != ']'; i++ {
		if i > 0 {
			if r.peek() != ',' {
				return r.syntax("expected ',' or ']'")
			}
			r.pos++
		}
		r.path = append(r.path, step{index: i})
		if err := item(i); err != nil {
			return err
		}
		r.path = r.path[:len(r.path)-1]
	}
	r.pos++
	r.depth--
	return nil
}

// mismatch reports that the value is not of the wanted kind and passes over it.
func (r *reader) mismatch(want string) error {
	r.fault("must be " + want)
	_, err := r.any()
	return err
}

func (r *reader) unknown() error {
	r.fault("unknown field")
	_, err := r.any()
	return err
}

// stringInto reads a string of at most limit bytes.
func (r *reader) stringInto(dst *string, limit int) error {
	if r.peek() != '"' {
		return r.mismatch("a string")
	}
	s, err := r.text()
	if err != nil {
		return err
	}
	if len(s) > limit {
		r.fault("longer than " + strconv.Itoa(limit) + " bytes")
		return nil
	}
	*dst = s
	return nil
}

func (r *reader) boolInto(dst *bool) error {
	if c := r.peek(); c != 't' && c != 'f' {
		return r.mismatch("true or false")
	}
	v, err := r.any()
	if err == nil {
		*dst = v.(bool)
	}
	return err
}

func (r *reader) intInto(dst *int, limit int) error {
	if c := r.peek(); c != '-' && (c < '0' || c > '9') {
		return r.mismatch("a whole number")
	}
	v, err := r.any()
	if err != nil {
		return err
	}
	f := v.(float64)
	if f != math.Trunc(f) || f < 0 || f > float64(limit) {
		r.fault("must be a whole number from 0 to " + strconv.Itoa(limit))
		return nil
	}
	*dst = int(f)
	return nil
}

// null passes over a null and reports whether there was one.
func (r *reader) null() (bool, error) {
	if r.peek() != 'n' {
		return false, nil
	}
	_, err := r.any()
	return true, err
}

// any reads one value of any kind.
func (r *reader) any() (any, error) {
	switch c := r.peek(); {
	case c == '{':
		m := map[string]any{}
		err := r.object(func(key []byte) error {
			v, err := r.any()
			m[string(key)] = v
			return err
		})
		return m, err
	case c == '[':
		list := []any{}
		err := r.array(func(int) error {
			v, err := r.any()
			list = append(list, v)
			return err
		})
		return list, err
	case c == '"':
		return r.text()
	case c == 't':
		return true, r.word("true")
	case c == 'f':
		return false, r.word("false")
	case c == 'n':
		return nil, r.word("null")
	case c == '-' || c >= '0' && c <= '9':
		return r.number()
	case r.pos >= len(r.data):
		return nil, r.syntax("unexpected end")
	default:
		return nil, r.syntax("unexpected character")
	}
}

func (r *reader) word(w string) error {
	if len(r.data)-r.pos < len(w) || string(r.data[r.pos:r.pos+len(w)]) != w {
		return r.syntax("unexpected word")
	}
	r.pos += len(w)
	return nil
}

// number reads a JSON number (RFC 8259 §6) that fits a float64.
func (r *reader) number() (float64, error) {
	start := r.pos
	if r.data[r.pos] == '-' {
		r.pos++
	}
	whole := r.digits()
	if whole == 0 || whole > 1 && r.data[r.pos-whole] == '0' {
		return 0, r.syntax("not a number")
	}
	if r.at('.') {
		r.pos++
		if r.digits() == 0 {
			return 0, r.syntax("not a number")
		}
	}
	if r.at('e') || r.at('E') {
		r.pos++
		if r.at('+') || r.at('-') {
			r.pos++
		}
		if r.digits() == 0 {
			return 0, r.syntax("not a number")
		}
	}
	f, err := strconv.ParseFloat(string(r.data[start:r.pos]), 64)
	if err != nil {
		return 0, r.syntax("number out of range")
	}
	return f, nil
}

func (r *reader) at(c byte) bool { return r.pos < len(r.data) && r.data[r.pos] == c }

func (r *reader) digits() int {
	start := r.pos
	for r.pos < len(r.data) && r.data[r.pos] >= '0' && r.data[r.pos] <= '9' {
		r.pos++
	}
	return r.pos - start
}

// text reads a string token.
func (r *reader) text() (string, error) {
	b, err := r.bytes()
	return string(b), err
}

// bytes reads a string token; the common case, no escapes, is no copy.
func (r *reader) bytes() ([]byte, error) {
	start := r.pos + 1
	for i := start; i < len(r.data); i++ {
		switch c := r.data[i]; {
		case c == '"':
			if !utf8.Valid(r.data[start:i]) {
				return nil, r.syntax("invalid UTF-8")
			}
			r.pos = i + 1
			return r.data[start:i:i], nil
		case c == '\\':
			return r.escaped(start, i)
		case c < 0x20:
			r.pos = i
			return nil, r.syntax("control character in a string")
		}
	}
	r.pos = len(r.data)
	return nil, r.syntax("unexpected end")
}

// escaped reads a string that has its first escape at i.
func (r *reader) escaped(start, i int) ([]byte, error) {
	buf := make([]byte, 0, i-start+32)
	buf = append(buf, r.data[start:i]...)
	for i < len(r.data) {
		c := r.data[i]
		switch {
		case c == '"':
			if !utf8.Valid(buf) {
				return nil, r.syntax("invalid UTF-8")
			}
			r.pos = i + 1
			return buf, nil
		case c < 0x20:
			r.pos = i
			return nil, r.syntax("control character in a string")
		case c != '\\':
			buf = append(buf, c)
			i++
		default:
			var n int
			if buf, n = unescape(buf, r.data[i:]); n == 0 {
				r.pos = i
				return nil, r.syntax("bad escape in a string")
			}
			i += n
		}
	}
	r.pos = len(r.data)
	return nil, r.syntax("unexpected end")
}

// unescape appends the character of the escape at the start of s and returns
// the escape's length, 0 where it is bad. A lone surrogate is bad: it has no
// UTF-8 form.
func unescape(buf, s []byte) ([]byte, int) {
	if len(s) < 2 {
		return buf, 0
	}
	switch s[1] {
	case '"', '\\', '/':
		return append(buf, s[1]), 2
	case 'b':
		return append(buf, '\b'), 2
	case 'f':
		return append(buf, '\f'), 2
	case 'n':
		return append(buf, '\n'), 2
	case 'r':
		return append(buf, '\r'), 2
	case 't':
		return append(buf, '\t'), 2
	case 'u':
		c, ok := hex4(s)
		if !ok {
			return buf, 0
		}
		if !utf16.IsSurrogate(c) {
			return utf8.AppendRune(buf, c), 6
		}
		low, ok := hex4(s[6:])
		if c = utf16.DecodeRune(c, low); !ok || c == utf8.RuneError {
			return buf, 0
		}
		return utf8.AppendRune(buf, c), 12
	}
	return buf, 0
}

// hex4 reads \uXXXX.
func hex4(s []byte) (rune, bool) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	v, err := strconv.ParseUint(string(s[2:6]), 16, 16)
	return rune(v), err == nil
}
