package sdjwt

import (
	"bytes"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
)

// Status is what an issuer says of a credential after issuing it.
type Status uint8

// The statuses that draft-ietf-oauth-status-list §7.1 gives a meaning.
const (
	StatusValid     Status = 0
	StatusInvalid   Status = 1 // for good
	StatusSuspended Status = 2 // for now
)

const (
	maxStatusBytes = 16 << 20 // of a list, unpacked
	maxStatuses    = maxStatusBytes * 8
)

// StatusList is a Token Status List (draft-ietf-oauth-status-list §4): the
// statuses of many credentials, side by side.
type StatusList struct {
	bits int // of one status
	list []byte
}

// DecodeStatusList unpacks a list: bits (1, 2, 4 or 8) of each status, and
// lst, which is base64url of zlib (RFC 1950). It knows nothing of the token
// that the list came in: its signature is the caller's to check. A list that
// unpacks to more than 16 MiB is an error, as is anything after its end.
func DecodeStatusList(bits int, lst string) (*StatusList, error) {
	list, err := unpack(bits, lst)
	if err != nil {
		return nil, fmt.Errorf("sdjwt: status list: %w", err)
	}
	return &StatusList{bits, list}, nil
}

func unpack(bits int, lst string) ([]byte, error) {
	switch bits {
	case 1, 2, 4, 8:
	default:
		return nil, errors.New("bits is none of 1, 2, 4, 8")
	}
	packed, err := decodeBase64(lst)
	if err != nil {
		return nil, err
	}
	rest := bytes.NewReader(packed) // a ByteReader, of which zlib takes no byte too many
	z, err := zlib.NewReader(rest)
	if err != nil {
		return nil, errors.New("not zlib")
	}
	list, err := io.ReadAll(io.LimitReader(z, maxStatusBytes+1))
	switch {
	case err != nil:
		return nil, errors.New("not zlib")
	case len(list) > maxStatusBytes:
		return nil, fmt.Errorf("longer than %d bytes", maxStatusBytes)
	case rest.Len() > 0:
		return nil, errors.New("something follows the list")
	}
	return list, nil
}

// Len is how many statuses the list has; as it is whole bytes, the last ones
// may be of nothing.
func (l *StatusList) Len() int { return len(l.list) * 8 / l.bits }

// At gives the status at an index from 0. An index outside of the list is an
// error: the credential isn't of this list.
func (l *StatusList) At(index int) (Status, error) {
	if index < 0 || index >= l.Len() {
		return 0, fmt.Errorf("sdjwt: status list: no status %d among %d", index, l.Len())
	}
	each := 8 / l.bits // in a byte, the first in its lowest bits
	shift := index % each * l.bits
	return Status(int(l.list[index/each]) >> shift & (1<<l.bits - 1)), nil
}
