package web_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/breakwater-project/breakwater/internal/web"
)

func TestCheckJSON(t *testing.T) {
	many := func(last string) string {
		var b strings.Builder
		b.WriteByte('{')
		for i := range 40 {
			fmt.Fprintf(&b, `"k%d":%d,`, i, i)
		}
		return b.String() + `"` + last + `":0}`
	}
	for _, text := range []string{
		`{}`, `[]`, `null`, ` true `, `false`, `"x"`, `0`, `-0.5e+10`, `1E3`, "\t[1 , 2]\r\n",
		`{"a":{"a":1},"b":{"a":2}}`, `[{"a":1},{"a":2}]`, `"\u00e9\ud83d\ude00\n"`, "\"\u00e9\U0001F600\"",
		`{"A":1,"a":2}`, many("k"), strings.Repeat("[", web.MaxDepth) + strings.Repeat("]", web.MaxDepth),
	} {
		if err := web.CheckJSON([]byte(text)); err != nil {
			t.Errorf("%.60s: %v", text, err)
		}
	}
	for text, want := range map[string]string{
		``:                            "unexpected end at byte 0",
		`  `:                          "unexpected end at byte 2",
		`{} {}`:                       "unexpected data after the value at byte 3",
		`{"a":1,"a":2}`:               "duplicate key at byte 7",
		`{"a":1,"\u0061":2}`:          "duplicate key at byte 7",
		`[{"x":[{"a":1,"b":2,"a":0}]`: "duplicate key at byte 20",
		many("k3"):                    "duplicate key at byte 341",
		"\"\xff\"":                    "invalid UTF-8 at byte 1",
		"{\"\xc3\x28\":1}":            "invalid UTF-8 at byte 2",
		"\"\xed\xa0\x80\"":            "invalid UTF-8 at byte 1",
		`"\ud800"`:                    "half of a surrogate pair at byte 7",
		`"\ud800\u0041"`:              "half of a surrogate pair at byte 13",
		`"\udc00"`:                    "half of a surrogate pair at byte 7",
		"\"a\nb\"":                    "control character in a string at byte 2",
		`"\x"`:                        "unknown escape at byte 2",
		`"\u12g4"`:                    "expected four hexadecimal digits at byte 5",
		`"abc`:                        "unexpected end in a string at byte 4",
		`{"a" 1}`:                     "expected ':' at byte 5",
		`{a:1}`:                       "expected a key in double quotes at byte 1",
		`{"a":1,}`:                    "expected a key in double quotes at byte 7",
		`[1,]`:                        "expected a value at byte 3",
		`[1 2]`:                       "expected ',' or ']' at byte 3",
		`{"a":1]`:                     "expected ',' or '}' at byte 6",
		`01`:                          "unexpected data after the value at byte 1",
		`1.`:                          "expected a digit at byte 2",
		`-`:                           "expected a digit at byte 1",
		`1e`:                          "expected a digit at byte 2",
		`tru`:                         "expected a value at byte 0",
		`NaN`:                         "expected a value at byte 0",
		"\xef\xbb\xbf{}":              "expected a value at byte 0",
		"{}\x00":                      "unexpected data after the value at byte 2",
		strings.Repeat("[", 33) + strings.Repeat("]", 33): "nested deeper than 32 at byte 32",
		strings.Repeat(`{"a":`, 1_000_000):                "nested deeper than 32 at byte 160",
	} {
		err := web.CheckJSON([]byte(text))
		var je *web.JSONError
		if !errors.As(err, &je) || err.Error() != want {
			t.Errorf("%.60q: %v, want %s", text, err, want)
		}
	}
}

// naive is CheckJSON by encoding/json's tokens: slow, and plain to see.
func naive(data []byte) bool {
	if !json.Valid(data) || !utf8.Valid(data) || loneSurrogate(data) {
		return false
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	return unique(d, 0) == nil
}

var errNaive = errors.New("no")

func unique(d *json.Decoder, depth int) error {
	token, err := d.Token()
	if err != nil {
		return err
	}
	open, ok := token.(json.Delim)
	if !ok {
		return nil
	}
	if depth++; depth > web.MaxDepth {
		return errNaive
	}
	seen := map[string]bool{}
	for d.More() {
		if open == '{' {
			key, err := d.Token()
			if err != nil || seen[key.(string)] {
				return errNaive
			}
			seen[key.(string)] = true
		}
		if err := unique(d, depth); err != nil {
			return err
		}
	}
	_, err = d.Token()
	return err
}

var (
	escaped = regexp.MustCompile(`\\(u[0-9a-fA-F]{4}|.)`)
	high    = regexp.MustCompile(`^\\u[dD][89abAB]`)
	low     = regexp.MustCompile(`^\\u[dD][c-fC-F]`)
)

func loneSurrogate(data []byte) bool {
	end := -1 // of the first half before
	for _, at := range escaped.FindAllIndex(data, -1) {
		text := data[at[0]:at[1]]
		if low.Match(text) != (end == at[0]) {
			return true
		}
		if end >= 0 && end != at[0] {
			return true
		}
		end = -1
		if high.Match(text) {
			end = at[1]
		}
	}
	return end >= 0
}

func FuzzCheckJSON(f *testing.F) {
	for _, seed := range []string{
		`{"a":[1,2.5e-3,{"b":null}],"c":"\ud83d\ude00\\"}`, `{"a":1,"\u0061":2}`, `"\ud800x\udc00"`, `[[[[]]]]`,
		"\"\xc3\xa9\"", `{"a":{"a":{}},"b":tru}`, `-0`, ` [ ] `, `{"":1,"":2}`, `"\\ud800"`, `{"\ud83d\ude00":1,"😀":2}`,
		`{"a":0,"b":0,"c":0,"d":0,"e":0,"f":0,"g":0,"h":0,"i":0,"j":0,"k":0,"l":0,"m":0,"n":0,"o":0,"p":0,"q":0,"a":0}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		err := web.CheckJSON(data)
		if want := naive(data); (err == nil) != want {
			t.Fatalf("%q: %v, the naive check says %v", data, err, want)
		}
	})
}

// event is about what a platform sends with each message.
const event = `{"id":"m-1001","type":"message.send","time":"2026-11-24T10:00:00Z","actor":{"id":"u-7","age":{"band":"18+","basis":"verified"},"country":"GB","created":"2026-11-01T00:00:00Z"},"audience":{"scope":"direct","members":[{"id":"u-9","age":{"band":"10-12","basis":"estimated"},"country":"GB","connected":false,"mutuals":0}]},"content":{"id":"m-1001","text":"hello, would you like to see the drawings that I made over the weekend?","language":"en"},"conversation":"c-3","surface":"dm","private":true}`

func TestCheckJSONAllocates(t *testing.T) {
	data := []byte(event)
	if n := testing.AllocsPerRun(100, func() {
		if web.CheckJSON(data) != nil {
			t.Fatal("refused")
		}
	}); n > 1 { // room for the keys
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkCheckJSON(b *testing.B) {
	data := []byte(event)
	b.Run("CheckJSON", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			if web.CheckJSON(data) != nil {
				b.Fatal("refused")
			}
		}
	})
	b.Run("encoding/json.Valid", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			if !json.Valid(data) {
				b.Fatal("refused")
			}
		}
	})
	b.Run("encoding/json.Decoder", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			var v any
			d := json.NewDecoder(bytes.NewReader(data))
			if err := d.Decode(&v); err != nil && err != io.EOF {
				b.Fatal(err)
			}
		}
	})
}
