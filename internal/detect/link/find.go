package link

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// A finder finds links in text, also such as are written so that they can't be clicked.
type finder struct {
	dot  *regexp.Regexp
	link *regexp.Regexp
}

func newFinder() *finder {
	return &finder{
		dot: regexp.MustCompile(`(?i)\s{0,2}[\[({<]\s?(?:\.|dot|punkt|punto|point)\s?[\])}>]\s{0,2}|\s{1,2}dot\s{1,2}`),
		link: regexp.MustCompile(`(?i)(?:h(?:tt|xx|\*\*|tx|xt)ps?|ftp)[\[({]?:[\])}]?\s?/{1,2}[^\s<>"'` + "`" + `]+` +
			`|(?:[\p{L}\p{N}_-]{1,63}[.。．｡])+[\p{L}][\p{L}\p{N}-]{1,62}(?::\d{1,5})?(?:[/?][^\s<>"'` + "`" + `]*)?`),
	}
}

// maxLinks bounds how many links of one text are looked at; a text with more has said
// enough.
const maxLinks = 200

// find gives what looks like links in text, as written but for defused dots.
func (f *finder) find(text string) []string {
	if !mayHaveLink(text) {
		return nil
	}
	if strings.ContainsAny(text, "[({<") || strings.Contains(strings.ToLower(text), "dot") {
		text = f.dot.ReplaceAllString(text, ".")
	}
	var links []string
	for _, m := range f.link.FindAllStringIndex(text, maxLinks) {
		if before, _ := utf8.DecodeLastRuneInString(text[:m[0]]); before == '@' {
			continue // the host of a mail address
		}
		s := strings.NewReplacer("[:]", ":", "(:)", ":").Replace(text[m[0]:m[1]])
		links = append(links, strings.TrimRight(s, ".,;:!?)]}'\""))
	}
	return links
}

// mayHaveLink is a quick look: every link has a dot of some kind between two letters, or
// a scheme.
func mayHaveLink(s string) bool {
	for i := range len(s) {
		switch s[i] {
		case '.':
			if i > 0 && i+1 < len(s) && s[i+1] > ' ' && s[i+1] != '.' && s[i-1] > ' ' {
				return true
			}
			if i > 0 && strings.IndexByte("[({<", s[i-1]) >= 0 {
				return true
			}
		case ':':
			if i+1 < len(s) && (s[i+1] == '/' || s[i+1] == ']' || s[i+1] == ')') {
				return true
			}
		case 't', 'T':
			if i > 1 && strings.EqualFold(s[i-2:i+1], "dot") {
				return true
			}
		case 0xe3, 0xef: // first byte of full stops of East Asian scripts
			return true
		}
	}
	return false
}
