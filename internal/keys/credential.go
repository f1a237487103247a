package keys

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"strings"
)

// A credential is bw_<id>_<secret>: the id is public, the secret has 256 bits.
const (
	prefix     = "bw_"
	idLength   = 8
	secretSize = 43 // characters of base62: 43 × log2(62) > 256 bits

	base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

// maxCredential bounds what is hashed for a caller that nobody knows, in bytes.
const maxCredential = 512

func newCredential() (id, credential string) {
	id = random(idLength)
	return id, prefix + id + "_" + random(secretSize)
}

// random is n characters of base62, each as likely as any other.
func random(n int) string {
	const even = 256 - 256%len(base62)
	out := make([]byte, 0, n)
	buffer := make([]byte, 2*n)
	for len(out) < n {
		rand.Read(buffer) // never fails
		for _, b := range buffer {
			if int(b) < even && len(out) < n {
				out = append(out, base62[int(b)%len(base62)])
			}
		}
	}
	return string(out)
}

// idOf is the id that a credential names, "" if it is of another form.
func idOf(credential string) string {
	rest, ok := strings.CutPrefix(credential, prefix)
	if !ok || len(rest) <= idLength || rest[idLength] != '_' {
		return ""
	}
	return rest[:idLength]
}

// digest is all that is kept of a credential. A plain SHA-256 is enough for
// secrets that are random.
type digest [sha256.Size]byte

func digestOf(credential string) digest { return sha256.Sum256([]byte(credential)) }

func (d digest) equal(other digest) bool {
	return subtle.ConstantTimeCompare(d[:], other[:]) == 1
}
