package compat

import (
	"strings"

	uax29 "github.com/clipperhouse/uax29/v2/sentences"
)

// span is a part of a text, in UTF-16 code units as Perspective counts.
type span struct{ begin, end int }

// sentence is one of a text's.
type sentence struct {
	span
	text string
}

// maxSentences bounds how many parts of a comment are scored by themselves; the
// last one is all the rest.
const maxSentences = 200

// sentences are those of a text (UAX #29), without the space around them.
func sentences(of string) []sentence {
	var all []sentence
	at := 0 // of what has not been looked at, in UTF-16
	rest := of
	for next := uax29.FromString(of); next.Next(); {
		one := next.Value()
		if len(all) == maxSentences-1 {
			one = rest
		}
		rest = rest[len(one):]
		trimmed := strings.TrimSpace(one)
		if before, _, _ := strings.Cut(one, trimmed); trimmed != "" {
			begin := at + utf16Length(before)
			all = append(all, sentence{span{begin, begin + utf16Length(trimmed)}, trimmed})
		}
		at += utf16Length(one)
		if rest == "" {
			break
		}
	}
	return all
}

// utf16Length is how many UTF-16 code units s has.
func utf16Length(s string) (n int) {
	for _, r := range s {
		if r > 0xFFFF {
			n++
		}
		n++
	}
	return n
}
