package counter

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"

	"github.com/dchest/siphash"
)

// Secret keys the digests. It must be the same as long as a snapshot is to be
// read, and in all processes that share a Redis.
type Secret [32]byte

// sip is a key of SipHash-2-4 (Aumasson and Bernstein, 2012): a hash that
// nobody without the key can steer.
type sip struct{ k0, k1 uint64 }

// derive is the key for one use of the secret.
func (s Secret) derive(use string) sip {
	mac := hmac.New(sha256.New, s[:])
	mac.Write([]byte("breakwater counter " + use))
	sum := mac.Sum(nil)
	return sip{binary.LittleEndian.Uint64(sum), binary.LittleEndian.Uint64(sum[8:])}
}

// short is the length up to which a name is digested without an allocation:
// longer than an id of an event may be.
const short = 600

func (k sip) digest(name string) uint64 {
	var b [short]byte
	return siphash.Hash(k.k0, k.k1, append(b[:0], name...))
}

func (k sip) digest128(name string) [16]byte {
	var out [16]byte
	var b [short]byte
	lo, hi := siphash.Hash128(k.k0, k.k1, append(b[:0], name...))
	binary.LittleEndian.PutUint64(out[:], lo)
	binary.LittleEndian.PutUint64(out[8:], hi)
	return out
}

// under is the key for names within name.
func (k sip) under(name string) sip {
	d := k.digest128(name)
	return sip{binary.LittleEndian.Uint64(d[:]), binary.LittleEndian.Uint64(d[8:])}
}
