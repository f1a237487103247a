package compat

import (
	"unicode"
	"unicode/utf8"

	"github.com/abadojack/whatlanggo"
)

const (
	// likely and certain are confidences. A language that is only likely is
	// worth saying; one that is certain is worth refusing a comment for. Of the
	// 12,000 English texts for tuning, one in a thousand is certain to be in a
	// language that is not scored, and most of these are.
	likely  = 0.8
	certain = 0.99

	// enough is how many characters it takes to be certain of a language that
	// shares its script with many.
	enough = 60

	// most is how many bytes are looked at.
	most = 2 << 10
)

// Language detects the language of a text, "" if it can't be told.
func Language(text string) (code string, sure bool) {
	info := whatlanggo.Detect(text[:min(len(text), most)])
	if info.Confidence <= likely {
		return "", false
	}
	shared := info.Script == unicode.Latin || info.Script == unicode.Cyrillic || info.Script == unicode.Arabic
	return info.Lang.Iso6391(), info.Confidence >= certain && (!shared || utf8.RuneCountInString(text) >= enough)
}
