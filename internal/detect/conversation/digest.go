package conversation

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"

	"github.com/dchest/siphash"
)

// keys are those of SipHash-2-4 (Aumasson and Bernstein, 2012), one for each kind of
// name: nobody without the secret can choose ids that collide, or find out from what is
// kept whose it is.
type keys struct {
	accounts, events, pairs, print sip
}

type sip struct{ k0, k1 uint64 }

func keysOf(secret [32]byte) keys {
	derive := func(use string) sip {
		mac := hmac.New(sha256.New, secret[:])
		mac.Write([]byte("breakwater conversation " + use))
		sum := mac.Sum(nil)
		return sip{binary.LittleEndian.Uint64(sum), binary.LittleEndian.Uint64(sum[8:])}
	}
	return keys{derive("account"), derive("event"), derive("pair"), derive("fingerprint")}
}

// short is the length up to which a name is digested without an allocation.
const short = 600

func (k sip) of(kind byte, name string) uint64 {
	var b [short]byte
	return siphash.Hash(k.k0, k.k1, append(append(b[:0], kind), name...))
}

func (k *keys) account(id string) uint64 { return k.accounts.of('a', id) }

// group stands for all members of a conversation.
func (k *keys) group(conversation string) uint64 { return k.accounts.of('g', conversation) }

// author stands for whoever wrote a content, where it is not known who that is.
func (k *keys) author(content string) uint64 { return k.accounts.of('c', content) }

// content is what a line is replied to by.
func (k *keys) content(id string) uint32 { return uint32(k.events.of('c', id)) }

func (k *keys) event(l *Line) uint32 {
	var b [short]byte
	return uint32(siphash.Hash(k.events.k0, k.events.k1, append(append(append(b[:0], l.Type...), 0), l.Event...)))
}

// pair is the same for both.
func (k *keys) pair(x, y uint64) uint64 {
	var b [16]byte
	binary.LittleEndian.PutUint64(b[:], min(x, y))
	binary.LittleEndian.PutUint64(b[8:], max(x, y))
	return siphash.Hash(k.pairs.k0, k.pairs.k1, b[:])
}

// fingerprint tells snapshots of one secret from those of another.
func (k *keys) fingerprint() uint64 { return k.print.of('f', "") }
