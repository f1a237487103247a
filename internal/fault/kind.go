package fault

import "net/http"

// Kind is what an error means to the caller. A Kind is itself an error, to be
// matched: errors.Is(err, fault.NotFound). The zero value is Internal, so that
// a forgotten kind blames the server.
type Kind uint8

// The kinds.
const (
	Internal     Kind = iota // 500: ours, and not explained
	Malformed                // 400: cannot be read at all
	Unauthorized             // 401: no key, or none that is known
	Forbidden                // 403: a known key without the role
	NotFound                 // 404
	NotAllowed               // 405: the path has other methods
	Conflict                 // 409: contradicts what is there
	TooLarge                 // 413: more bytes than the operation reads
	Unsupported              // 415: not a media type that is read here
	Invalid                  // 422: can be read, and says what it must not
	TooMany                  // 429: over the key's rate; has RetryAfter
	Unavailable              // 503: cannot be done durably now; has RetryAfter
)

// kinds is the one table from kind to status, name and title.
var kinds = [...]struct {
	status int
	name   string
	title  string
}{
	Internal:     {http.StatusInternalServerError, "internal", "Something failed on the server"},
	Malformed:    {http.StatusBadRequest, "malformed", "The request cannot be read"},
	Unauthorized: {http.StatusUnauthorized, "unauthorized", "An API key is needed"},
	Forbidden:    {http.StatusForbidden, "forbidden", "The API key does not allow this"},
	NotFound:     {http.StatusNotFound, "not-found", "There is no such thing"},
	NotAllowed:   {http.StatusMethodNotAllowed, "not-allowed", "Not with this method"},
	Conflict:     {http.StatusConflict, "conflict", "It contradicts what is there"},
	TooLarge:     {http.StatusRequestEntityTooLarge, "too-large", "The request is too large"},
	Unsupported:  {http.StatusUnsupportedMediaType, "unsupported", "The media type is not read here"},
	Invalid:      {http.StatusUnprocessableEntity, "invalid", "The request is not valid"},
	TooMany:      {http.StatusTooManyRequests, "too-many", "Too many requests"},
	Unavailable:  {http.StatusServiceUnavailable, "unavailable", "It cannot be done right now"},
}

// Kinds lists every kind, by status.
func Kinds() []Kind {
	return []Kind{
		Malformed, Unauthorized, Forbidden, NotFound, NotAllowed, Conflict,
		TooLarge, Unsupported, Invalid, TooMany, Internal, Unavailable,
	}
}

// OfStatus is the kind of an HTTP status; of one that no kind has, the nearest:
// Malformed for another 4xx, Internal for anything else.
func OfStatus(status int) Kind {
	for k, row := range kinds {
		if row.status == status {
			return Kind(k)
		}
	}
	if status >= 400 && status < 500 {
		return Malformed
	}
	return Internal
}

func (k Kind) known() Kind {
	if int(k) >= len(kinds) {
		return Internal
	}
	return k
}

// Status is the HTTP status.
func (k Kind) Status() int { return kinds[k.known()].status }

// String is the kind's short name: "not-found".
func (k Kind) String() string { return kinds[k.known()].name }

// Title is one line for people; it is the same for every error of the kind.
func (k Kind) Title() string { return kinds[k.known()].title }

// Type is the URI reference that names the kind (RFC 9457 §3.1.1). It leads to
// its paragraph in the server's own documentation.
func (k Kind) Type() string { return "/docs#problem-" + k.String() }

// Error makes a Kind a target of errors.Is.
func (k Kind) Error() string { return k.String() }
