package agetoken

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// Where an issuer's directory is, and what it is (RFC 9578 §4).
const (
	DirectoryPath      = "/.well-known/private-token-issuer-directory"
	DirectoryMediaType = "application/private-token-issuer-directory"
)

// maxDirectory bounds a directory, in bytes: some thousand keys.
const maxDirectory = 1 << 20

// NamedKey is a key and what its tokens say.
type NamedKey struct {
	Key *Key
	// Name is zero where the directory of another issuer does not give it.
	Name KeyName
	// NotBefore is when the key begins to sign, in whole seconds; zero means it
	// has begun.
	NotBefore time.Time
}

// Directory is how an issuer makes its keys known (RFC 9578 §4). Everybody must
// see the same one, or a key could single somebody out: keep a digest of it and
// compare.
type Directory struct {
	// RequestURI is where tokens are asked for: absolute, or relative to the
	// directory's own address.
	RequestURI string
	// Keys are in the issuer's order of preference.
	Keys []NamedKey
}

// directoryJSON has the member name beside those of the RFC, which lets others
// ignore it.
type directoryJSON struct {
	RequestURI string         `json:"issuer-request-uri"`
	Keys       []namedKeyJSON `json:"token-keys"`
}

type namedKeyJSON struct {
	Type      int      `json:"token-type"`
	Key       string   `json:"token-key"`
	NotBefore int64    `json:"not-before,omitempty"`
	Name      *KeyName `json:"name,omitempty"`
}

// MarshalJSON is the directory as it is published.
func (d Directory) MarshalJSON() ([]byte, error) {
	out := directoryJSON{RequestURI: d.RequestURI, Keys: make([]namedKeyJSON, len(d.Keys))}
	for i, k := range d.Keys {
		out.Keys[i] = namedKeyJSON{Type: TokenType, Key: base64.URLEncoding.EncodeToString(k.Key.der)}
		if !k.NotBefore.IsZero() {
			out.Keys[i].NotBefore = k.NotBefore.Unix()
		}
		if k.Name != (KeyName{}) {
			out.Keys[i].Name = &k.Name
		}
	}
	return json.Marshal(out)
}

// Named is the key of a name. Tokens are signed by the key of the epoch in
// which they are asked for: EpochOf(time.Now()).
func (d Directory) Named(n KeyName) (NamedKey, bool) {
	for _, k := range d.Keys {
		if k.Name == n {
			return k, true
		}
	}
	return NamedKey{}, false
}

// ParseDirectory reads a directory of at most one MiB. Keys of other token
// types and members that it does not know are left out, as the RFC asks; a
// faulty key or one that occurs twice spoils the directory. Its errors are
// ErrFormat.
func ParseDirectory(b []byte) (Directory, error) {
	if len(b) > maxDirectory {
		return Directory{}, fmt.Errorf("agetoken: %w: a directory of %d bytes, more than %d", ErrFormat, len(b), maxDirectory)
	}
	var in directoryJSON
	if err := json.Unmarshal(b, &in); err != nil {
		return Directory{}, fmt.Errorf("agetoken: %w: directory: %w", ErrFormat, err)
	}
	if uri, err := url.Parse(in.RequestURI); err != nil || in.RequestURI == "" || (uri.Scheme != "" && uri.Scheme != "https" && uri.Scheme != "http") {
		return Directory{}, fmt.Errorf("agetoken: %w: directory: issuer-request-uri: %.64q", ErrFormat, in.RequestURI)
	}
	d := Directory{RequestURI: in.RequestURI}
	seen := map[KeyID]bool{}
	for i, k := range in.Keys {
		if k.Type != TokenType {
			continue
		}
		named, err := k.parse()
		if err == nil && seen[named.Key.id] {
			err = fmt.Errorf("agetoken: %w: occurs twice", ErrFormat)
		}
		if err != nil {
			return Directory{}, fmt.Errorf("agetoken: directory: token-keys[%d]: %w", i, err)
		}
		seen[named.Key.id] = true
		d.Keys = append(d.Keys, named)
	}
	return d, nil
}

func (k namedKeyJSON) parse() (NamedKey, error) {
	der, err := decodeBase64(k.Key)
	if err != nil {
		return NamedKey{}, err
	}
	named := NamedKey{}
	if named.Key, err = ParseKey(der); err != nil {
		return NamedKey{}, err
	}
	if k.Name != nil {
		named.Name = *k.Name
	}
	if k.NotBefore < 0 {
		return NamedKey{}, fmt.Errorf("agetoken: %w: not-before: %d", ErrFormat, k.NotBefore)
	}
	if k.NotBefore > 0 {
		named.NotBefore = time.Unix(k.NotBefore, 0).UTC()
	}
	return named, nil
}

// decodeBase64 reads base64url. The RFCs ask for padding; many leave it away,
// and both are read.
func decodeBase64(s string) ([]byte, error) {
	encoding := base64.RawURLEncoding
	if strings.HasSuffix(s, "=") {
		encoding = base64.URLEncoding
	}
	if strings.ContainsAny(s, "\r\n") { // which encoding/base64 passes over
		return nil, fmt.Errorf("agetoken: %w: base64url with a line break", ErrFormat)
	}
	b, err := encoding.Strict().DecodeString(s)
	if err != nil {
		return nil, fmt.Errorf("agetoken: %w: not base64url", ErrFormat)
	}
	return b, nil
}
