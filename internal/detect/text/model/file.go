package model

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/breakwater-project/breakwater/internal/detect/text/normal"
)

// A model file is, little-endian:
//
//	"BWTEXT01"
//	the digest of the term banks that it was trained beside    12 bytes
//	Width, Hidden, LabelCount, TermCount, number of features   uint32 each
//	length of the lexicon in bytes                             uint32
//	the lexicon                                                normal.Lexicon
//	the features, in ascending order                           uint32 each
//	their numbers                                              Width bytes each, 128 is 0
//	what one step of each of the Width numbers is worth        float32 each
//	the Head, the Curves, the flags, trust in terms, Points    float32 each
//	SHA-256 of all before it                                   32 bytes
//
// A file that differs in any bit is refused.
const magic = "BWTEXT01"

// A Trained model is what a model file holds.
type Trained struct {
	Lexicon  *normal.Lexicon
	Features []uint32 // ascending
	Rows     []byte   // Width for each feature
	Scale    [Width]float32
	Head     Head
	Curves   [LabelCount]Curve
	Flags    [LabelCount]float32
	Trust    [LabelCount]float32
	Points   [LabelCount]Points
	Banks    string // digest of the term banks, digestSize long
}

const digestSize = 12

// maxFeatures is what a slot can number, and leaves a third of the slots empty.
const maxFeatures = 1<<rowBits - 2

// New makes a model of what was trained. The version is the digest of its file.
func New(t *Trained) (*Model, error) {
	var b bytes.Buffer
	if err := t.Write(&b); err != nil {
		return nil, err
	}
	return Read(b.Bytes())
}

// Write writes a model file. The same Trained gives the same bytes.
func (t *Trained) Write(w io.Writer) error {
	lexicon, err := t.Lexicon.MarshalBinary()
	if err != nil {
		return err
	}
	if len(t.Banks) != digestSize {
		return fmt.Errorf("model: the digest of the term banks is %q", t.Banks)
	}
	b := []byte(magic + t.Banks)
	for _, n := range []int{Width, Hidden, LabelCount, TermCount, len(t.Features), len(lexicon)} {
		b = binary.LittleEndian.AppendUint32(b, uint32(n))
	}
	b = append(b, lexicon...)
	for _, f := range t.Features {
		b = binary.LittleEndian.AppendUint32(b, f)
	}
	b = append(b, t.Rows...)
	for _, part := range []any{t.Scale, t.Head, t.Curves, t.Flags, t.Trust, t.Points} {
		if b, err = binary.Append(b, binary.LittleEndian, part); err != nil {
			return err
		}
	}
	sum := sha256.Sum256(b)
	_, err = w.Write(append(b, sum[:]...))
	return err
}

// ErrCorrupt is the error for a file whose checksum is not that of its content.
var ErrCorrupt = errors.New("model: the file is damaged: its checksum does not match")

// Read reads a model file whole. It is refused unless its checksum matches and every
// size and number is sound; data is kept and must not change.
func Read(data []byte) (*Model, error) {
	const header = len(magic) + digestSize + 6*4
	if len(data) < header+sha256.Size || string(data[:len(magic)]) != magic {
		return nil, errors.New("model: not a model file of this version")
	}
	body, want := data[:len(data)-sha256.Size], data[len(data)-sha256.Size:]
	sum := sha256.Sum256(body)
	if !bytes.Equal(sum[:], want) {
		return nil, ErrCorrupt
	}
	m := &Model{version: hex.EncodeToString(sum[:])[:12], banks: string(data[len(magic) : len(magic)+digestSize]), size: len(data)}
	if err := m.decode(body, header); err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	return m, nil
}

func (m *Model) decode(body []byte, header int) error {
	var sizes [6]uint32
	for i := range sizes {
		sizes[i] = binary.LittleEndian.Uint32(body[len(magic)+digestSize+4*i:])
	}
	if [4]uint32(sizes[:4]) != [4]uint32{Width, Hidden, LabelCount, TermCount} {
		return fmt.Errorf("made for a network of other sizes: %v", sizes[:4])
	}
	features, lexicon := int(sizes[4]), int(sizes[5])
	rest := body[header:]
	tail := binary.Size(m.scale) + binary.Size(m.head) + binary.Size(m.curves) + binary.Size(m.flags) + binary.Size(m.trust) + binary.Size(m.points)
	if features > maxFeatures || lexicon > len(rest) || len(rest) != lexicon+features*(4+Width)+tail {
		return fmt.Errorf("%d features and a lexicon of %d bytes don't fit %d bytes", features, lexicon, len(rest))
	}
	m.lexicon = new(normal.Lexicon)
	if err := m.lexicon.UnmarshalBinary(rest[:lexicon]); err != nil {
		return err
	}
	rest = rest[lexicon:]
	if err := m.index(rest[:4*features]); err != nil {
		return err
	}
	rest = rest[4*features:]
	m.rows, rest = rest[:features*Width:features*Width], rest[features*Width:]
	for _, part := range []any{&m.scale, &m.head, &m.curves, &m.flags, &m.trust, &m.points} {
		n, err := binary.Decode(rest, binary.LittleEndian, part)
		if err != nil {
			return err
		}
		if err := finite(rest[:n]); err != nil {
			return err
		}
		rest = rest[n:]
	}
	return nil
}

// index fills the slots with the features in b.
func (m *Model) index(b []byte) error {
	m.slots = make([]uint32, 1<<slotBits)
	last := int64(-1)
	for row := uint32(1); len(b) > 0; row, b = row+1, b[4:] {
		feature := binary.LittleEndian.Uint32(b)
		if int64(feature) <= last {
			return errors.New("features are not in ascending order")
		}
		last = int64(feature)
		i := feature >> tagBits
		for m.slots[i] != 0 {
			i = (i + 1) & (1<<slotBits - 1)
		}
		m.slots[i] = feature&(1<<tagBits-1)<<rowBits | row
	}
	return nil
}

func finite(b []byte) error {
	for ; len(b) > 0; b = b[4:] {
		if v := math.Float32frombits(binary.LittleEndian.Uint32(b)); v != v || math.Abs(float64(v)) > 1e6 {
			return fmt.Errorf("a number is %v", v)
		}
	}
	return nil
}

// Features is how many features the model knows.
func (m *Model) Features() int { return len(m.rows) / Width }

// Size is the length of the model file in bytes.
func (m *Model) Size() int { return m.size }
