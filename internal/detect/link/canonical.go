package link

import (
	"errors"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// ErrNotLink is returned for text that is no link to a host on the web.
var ErrNotLink = errors.New("link: not a link to a host")

// maxLink is the longest link, in bytes, that is looked at.
const maxLink = 8192

// Canonical gives the one spelling of a link by which it is compared with others:
//
//   - scheme and host in lower case, internationalised names in punycode, no trailing
//     dot, IPv4 addresses in any of their odd forms (WHATWG URL §3.5) as dotted decimals
//   - no user name, password, default port or fragment
//   - dot segments resolved, percent-encoding only where needed and in upper case
//   - no tracking parameters; the others in their order
//
// A link without a scheme is taken for http. Canonical(Canonical(s)) is Canonical(s).
func Canonical(s string) (string, error) {
	u, err := parse(s)
	if err != nil {
		return "", err
	}
	return u.String(), nil
}

// parse gives the canonical parts of a link.
func parse(s string) (*url.URL, error) {
	s = strings.Map(func(r rune) rune {
		if r <= ' ' || r == 0x7f {
			return -1 // browsers drop line breaks and tabs inside links, and trim the rest
		}
		return r
	}, s)
	if s == "" || len(s) > maxLink {
		return nil, ErrNotLink
	}
	scheme, rest := cutScheme(strings.ReplaceAll(s, "\\", "/"))
	if scheme != "http" && scheme != "https" && scheme != "ftp" {
		return nil, ErrNotLink
	}
	rest, _, _ = strings.Cut(rest, "#")
	end := strings.IndexAny(rest, "/?")
	if end < 0 {
		end = len(rest)
	}
	host, port, err := authority(rest[:end], scheme)
	if err != nil {
		return nil, err
	}
	path, query, _ := strings.Cut(rest[end:], "?")
	u := &url.URL{Scheme: scheme, Host: host}
	if port != "" {
		u.Host += ":" + port
	}
	raw := resolve(encode(path, isPathByte))
	if u.Path, err = url.PathUnescape(raw); err != nil {
		return nil, ErrNotLink // cannot happen: encode leaves only well-formed escapes
	}
	u.RawPath = raw
	u.RawQuery = withoutTracking(encode(query, isQueryByte))
	return u, nil
}

// cutScheme splits "scheme://rest". Spellings that keep a link from being clicked
// ("hxxp") are undone.
func cutScheme(s string) (scheme, rest string) {
	scheme, rest, found := strings.Cut(s, ":")
	scheme = strings.ToLower(scheme)
	switch scheme {
	case "hxxp", "h**p", "htxp", "hxtp", "meow":
		scheme = "http"
	case "hxxps", "h**ps", "htxps", "hxtps":
		scheme = "https"
	}
	switch {
	case found && (scheme == "http" || scheme == "https" || scheme == "ftp"):
		return scheme, strings.TrimLeft(rest, "/")
	case strings.HasPrefix(s, "//"):
		return "http", strings.TrimLeft(s, "/")
	case found && !isPort(rest):
		return scheme, rest
	}
	return "http", s
}

// isPort reports whether s, which follows a colon, begins with a port: "example.org:80/".
func isPort(s string) bool {
	end := strings.IndexAny(s, "/?#")
	if end < 0 {
		end = len(s)
	}
	_, err := strconv.ParseUint(s[:end], 10, 16)
	return err == nil
}

// authority gives the canonical host and, unless it is the default, port.
func authority(s, scheme string) (host, port string, err error) {
	if at := strings.LastIndexByte(s, '@'); at >= 0 {
		s = s[at+1:]
	}
	host = s
	if i := strings.LastIndexByte(s, ':'); i >= 0 && !strings.HasSuffix(s, "]") {
		host, port = s[:i], s[i+1:]
	}
	if port != "" {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil {
			return "", "", ErrNotLink
		}
		port = strconv.FormatUint(n, 10)
		if port == map[string]string{"http": "80", "https": "443", "ftp": "21"}[scheme] {
			port = ""
		}
	}
	host, err = Host(host)
	return host, port, err
}

// Host gives the canonical name of a host: lower case, punycode, no trailing dot; an
// IPv4 address as dotted decimals, an IPv6 address in brackets and shortest form.
func Host(s string) (string, error) {
	if strings.HasPrefix(s, "[") && strings.HasSuffix(s, "]") {
		address, err := netip.ParseAddr(s[1 : len(s)-1])
		if err != nil || !address.Is6() || address.Zone() != "" {
			return "", ErrNotLink
		}
		return "[" + address.String() + "]", nil
	}
	s, err := url.PathUnescape(s)
	if err != nil || !utf8.ValidString(s) {
		return "", ErrNotLink
	}
	s, err = idna.Lookup.ToASCII(strings.TrimRight(undot(s), "."))
	if err != nil || s == "" {
		return "", ErrNotLink
	}
	if again, err := idna.Lookup.ToASCII(s); err != nil || again != s {
		return "", ErrNotLink // punycode that stands for no valid name
	}
	for i := range len(s) {
		if !isHostByte(s[i]) {
			return "", ErrNotLink
		}
	}
	if address, ok := ipv4(s); ok {
		return address, nil
	}
	labels := strings.Split(s, ".")
	for _, label := range labels {
		if label == "" || len(label) > 63 {
			return "", ErrNotLink
		}
	}
	if last := labels[len(labels)-1]; last[0] >= '0' && last[0] <= '9' {
		return "", ErrNotLink // ends in a number, but is no address
	}
	return s, nil
}

// undot writes the full stops of other scripts as ".".
func undot(s string) string {
	return strings.NewReplacer("。", ".", "．", ".", "｡", ".", "․", ".").Replace(s)
}

// ipv4 reads one to four numbers, each decimal, octal (0…) or hexadecimal (0x…), of
// which the last fills what is left of the 32 bits.
func ipv4(s string) (string, bool) {
	parts := strings.Split(s, ".")
	if len(parts) > 4 {
		return "", false
	}
	var address uint64
	for i, part := range parts {
		n, ok := number(part)
		if !ok {
			return "", false
		}
		if i < len(parts)-1 {
			if n > 255 {
				return "", false
			}
			address |= n << (8 * (3 - i))
			continue
		}
		if n >= 1<<(8*(5-len(parts))) {
			return "", false
		}
		address |= n
	}
	return netip.AddrFrom4([4]byte{byte(address >> 24), byte(address >> 16), byte(address >> 8), byte(address)}).String(), true
}

func number(s string) (uint64, bool) {
	base, digits := 10, s
	switch {
	case strings.HasPrefix(s, "0x"):
		base, digits = 16, s[2:]
		if digits == "" {
			return 0, true
		}
	case len(s) > 1 && s[0] == '0':
		base, digits = 8, s[1:]
	}
	if digits == "" || digits[0] == '+' || digits[0] == '-' || strings.Contains(digits, "_") {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, base, 33)
	return n, err == nil
}

// encode gives s with exactly the escapes that it needs.
func encode(s string, plain func(byte) bool) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '%' && i+2 < len(s) {
			high, low := unhex(s[i+1]), unhex(s[i+2])
			if high < 16 && low < 16 {
				decoded := high<<4 | low
				i += 2
				if isUnreserved(decoded) {
					b.WriteByte(decoded)
				} else {
					b.WriteString("%" + string(hex[decoded>>4]) + string(hex[decoded&15]))
				}
				continue
			}
		}
		if c != '%' && plain(c) {
			b.WriteByte(c)
		} else {
			b.WriteString("%" + string(hex[c>>4]) + string(hex[c&15]))
		}
	}
	return b.String()
}

func unhex(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	}
	return 255
}

// isUnreserved follows RFC 3986 §2.3.
func isUnreserved(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0
}

func isPathByte(c byte) bool {
	return isUnreserved(c) || c < 0x80 && strings.IndexByte("/!$&'()*+,;=:@", c) >= 0
}

func isQueryByte(c byte) bool { return isPathByte(c) || c == '?' }

func isHostByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '.' || c == '_'
}

// resolve removes dot segments (RFC 3986 §5.2.4). The result begins with "/".
func resolve(path string) string {
	var out []string
	segments := strings.Split(strings.TrimPrefix(path, "/"), "/")
	for i, segment := range segments {
		last := i == len(segments)-1
		switch segment {
		case ".", "..":
			if segment == ".." && len(out) > 0 {
				out = out[:len(out)-1]
			}
			if last {
				out = append(out, "")
			}
		default:
			out = append(out, segment)
		}
	}
	return "/" + strings.Join(out, "/")
}

// withoutTracking removes parameters that say where a reader came from.
func withoutTracking(query string) string {
	if query == "" {
		return ""
	}
	var kept []string
	for _, p := range strings.Split(query, "&") {
		name, _, _ := strings.Cut(p, "=")
		if p != "" && !isTracking(strings.ToLower(name)) {
			kept = append(kept, p)
		}
	}
	return strings.Join(kept, "&")
}

func isTracking(name string) bool {
	switch name {
	case "fbclid", "gclid", "gclsrc", "dclid", "msclkid", "yclid", "twclid", "ttclid", "igshid", "igsh", "mc_cid", "mc_eid", "mkt_tok", "_hsenc", "_hsmi", "ref_src", "si":
		return true
	}
	return strings.HasPrefix(name, "utm_")
}
