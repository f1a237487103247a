package decision

import (
	"strconv"
	"time"
	"unicode/utf8"
)

// AppendJSON appends the decision's JSON: what encoding/json makes of it, at a
// fraction of the cost, since every event is answered with one.
func (d *Decision) AppendJSON(b []byte) []byte {
	b = appendText(append(b, `{"id":`...), d.ID)
	b = appendText(append(b, `,"event":`...), d.Event)
	b = appendText(append(b, `,"type":`...), string(d.Type))
	b = appendTime(append(b, `,"time":`...), d.Time)
	b = appendText(append(b, `,"outcome":`...), d.Outcome.String())
	if d.Apparent != nil {
		b = appendText(append(b, `,"apparent":`...), d.Apparent.String())
	}
	if len(d.Bands) > 0 {
		b = appendList(append(b, `,"bands":`...), d.Bands, appendBand)
	}
	if len(d.Members) > 0 {
		b = appendList(append(b, `,"members":`...), d.Members, appendMember)
	}
	b = appendList(append(b, `,"reasons":`...), d.Reasons, appendReason)
	b = appendList(append(b, `,"effects":`...), d.Effects, appendEffect)
	b = AppendSignals(append(b, `,"signals":`...), d.Signals)
	if d.Notice != nil {
		b = appendNotice(append(b, `,"notice":`...), d.Notice)
	}
	b = appendList(append(b, `,"degraded":`...), d.Degraded, appendDegraded)
	b = appendText(append(b, `,"policy":{"bundle":`...), d.Policy.Bundle)
	b = appendText(append(b, `,"digest":`...), d.Policy.Digest)
	b = appendTexts(append(b, `},"jurisdictions":`...), d.Jurisdictions)
	return append(b, '}')
}

func appendBand(b []byte, v *Band) []byte {
	b = appendText(append(b, `{"band":`...), v.Band.String())
	b = appendText(append(b, `,"outcome":`...), v.Outcome.String())
	return append(b, '}')
}

func appendMember(b []byte, v *Member) []byte {
	b = appendText(append(b, `{"id":`...), v.ID)
	b = appendText(append(b, `,"band":`...), v.Band.String())
	b = appendText(append(b, `,"outcome":`...), v.Outcome.String())
	b = appendTexts(append(b, `,"rules":`...), v.Rules)
	return append(b, '}')
}

func appendReason(b []byte, v *Reason) []byte {
	b = appendText(append(b, `{"rule":`...), v.Rule)
	b = appendOptional(b, "kind", string(v.Kind))
	b = appendText(append(b, `,"outcome":`...), v.Outcome.String())
	b = appendText(append(b, `,"text":`...), v.Text)
	b = appendTexts(append(b, `,"measures":`...), v.Measures)
	b = appendTexts(append(b, `,"jurisdictions":`...), v.Jurisdictions)
	if v.Doubt {
		b = append(b, `,"doubt":true`...)
	}
	if v.Covert {
		b = append(b, `,"covert":true`...)
	}
	return append(b, '}')
}

func appendEffect(b []byte, v *Effect) []byte {
	b = appendText(append(b, `{"kind":`...), string(v.Kind))
	b = appendOptional(b, "rule", v.Rule)
	b = appendOptional(b, "queue", v.Queue)
	b = appendNumber(b, "priority", v.Priority)
	b = appendOptional(b, "label", v.Label)
	b = appendOptional(b, "target", v.Target)
	b = appendNumber(b, "points", v.Points)
	b = appendOptional(b, "feature", v.Feature)
	b = appendNumber(b, "hours", v.Hours)
	b = appendOptional(b, "to", v.To)
	b = appendOptional(b, "waits", v.Waits)
	return append(b, '}')
}

// AppendSignals appends the signals' JSON.
func AppendSignals(b []byte, signals []Signal) []byte { return appendList(b, signals, appendSignal) }

func appendSignal(b []byte, v *Signal) []byte {
	b = appendText(append(b, `{"name":`...), v.Name)
	b = strconv.AppendFloat(append(b, `,"score":`...), v.Score, 'g', -1, 64)
	b = appendText(append(b, `,"detector":`...), v.Detector)
	if len(v.Matches) > 0 {
		b = appendList(append(b, `,"matches":`...), v.Matches, appendMatch)
	}
	if len(v.Evidence) > 0 {
		b = appendTexts(append(b, `,"evidence":`...), v.Evidence)
	}
	return append(b, '}')
}

func appendMatch(b []byte, v *Match) []byte {
	b = appendText(append(b, `{"bank":`...), v.Bank)
	b = appendText(append(b, `,"entry":`...), v.Entry)
	b = appendText(append(b, `,"hash":`...), v.Hash)
	b = strconv.AppendInt(append(b, `,"distance":`...), int64(v.Distance), 10)
	b = appendText(append(b, `,"place":`...), v.Place)
	if v.Review {
		b = append(b, `,"review":true`...)
	}
	return append(b, '}')
}

func appendDegraded(b []byte, v *Degraded) []byte {
	b = appendText(append(b, `{"input":`...), v.Input)
	b = appendOptional(b, "why", v.Why)
	if len(v.Rules) > 0 {
		b = appendTexts(append(b, `,"rules":`...), v.Rules)
	}
	return append(b, '}')
}

func appendNotice(b []byte, v *Notice) []byte {
	b = appendText(append(b, `{"audience":`...), v.Audience)
	b = appendText(append(b, `,"title":`...), v.Title)
	b = appendText(append(b, `,"body":`...), v.Body)
	b = appendOptional(b, "language", v.Language)
	b = appendList(append(b, `,"resources":`...), v.Resources, appendResource)
	return append(b, '}')
}

func appendResource(b []byte, v *Resource) []byte {
	b = appendText(append(b, `{"name":`...), v.Name)
	b = appendOptional(b, "url", v.URL)
	b = appendOptional(b, "phone", v.Phone)
	return append(b, '}')
}

func appendList[T any](b []byte, list []T, item func([]byte, *T) []byte) []byte {
	if list == nil {
		return append(b, "null"...)
	}
	b = append(b, '[')
	for i := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = item(b, &list[i])
	}
	return append(b, ']')
}

func appendTexts(b []byte, list []string) []byte {
	return appendList(b, list, func(b []byte, s *string) []byte { return appendText(b, *s) })
}

func appendOptional(b []byte, key, s string) []byte {
	if s == "" {
		return b
	}
	return appendText(append(append(append(b, `,"`...), key...), `":`...), s)
}

func appendNumber(b []byte, key string, n int) []byte {
	if n == 0 {
		return b
	}
	return strconv.AppendInt(append(append(append(b, `,"`...), key...), `":`...), int64(n), 10)
}

func appendTime(b []byte, t time.Time) []byte {
	return append(t.AppendFormat(append(b, '"'), time.RFC3339Nano), '"')
}

// appendText appends a JSON string. What is no UTF-8 becomes U+FFFD.
func appendText(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	plain := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			// U+2028 and U+2029 end lines in JavaScript, though not in JSON.
			if r != utf8.RuneError && r != '\u2028' && r != '\u2029' || r == utf8.RuneError && size > 1 {
				i += size
				continue
			}
			b = appendEscaped(append(b, s[plain:i]...), r)
			i += size
			plain = i
			continue
		}
		b = append(b, s[plain:i]...)
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, `\n`...)
		default:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
		i++
		plain = i
	}
	return append(append(b, s[plain:]...), '"')
}

// appendEscaped appends what stands for a rune that must not stand as it is.
func appendEscaped(b []byte, r rune) []byte {
	switch r {
	case '\u2028':
		return append(b, `\u2028`...)
	case '\u2029':
		return append(b, `\u2029`...)
	}
	return append(b, `\ufffd`...)
}
