package embed

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // for the shipped heads
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math"

	"github.com/breakwater-project/breakwater/internal/detect/text"
)

// Head says how probable one label is, by a text's vector and by what the first
// tier said of it.
type Head struct {
	First   float32       // what the first tier's log odds count
	Bias    float32       // in log odds
	Weights [Size]float32 // of the vector; all zero where the label has no head
}

// Heads are one for each label.
type Heads struct {
	Of [text.LabelCount]Head
	// Model is the version of the first tier's model that they were trained over,
	// 12 characters; over another their scores mean nothing.
	Model string

	version string // a part of the file's checksum, if they were read from one
}

//go:embed heads.bin
var shipped []byte

// Shipped are the heads in the program, trained by scripts/heads.
func Shipped() (*Heads, error) { return ReadHeads(shipped) }

// magic begins a file of heads and names its layout.
const magic = "BWH2"

const modelSize = 12 // characters of a model's version

// Refine gives each label that has a head the probability by both tiers.
func (h *Heads) Refine(s *text.Scores, v *Vector) {
	for l := range h.Of {
		head := &h.Of[l]
		if head.First == 0 {
			continue
		}
		z := head.First*logOdds(s.Of[l]) + head.Bias
		for i, w := range head.Weights {
			z += w * v[i]
		}
		s.Of[l] = 1 / (1 + math.Exp(-float64(z)))
	}
}

// logOdds is the natural logarithm of p's odds, bounded.
func logOdds(p float64) float32 {
	const least = 1e-4
	p = min(max(p, least), 1-least)
	return float32(math.Log(p / (1 - p)))
}

// LogOdds is logOdds, for training.
func LogOdds(p float64) float32 { return logOdds(p) }

// Bytes is the heads as a file: the magic, the model, the labels that have one, in eight
// bits a weight, and a checksum.
func (h *Heads) Bytes() []byte {
	var b bytes.Buffer
	b.WriteString(magic)
	b.WriteByte(text.LabelCount)
	var model [modelSize]byte
	copy(model[:], h.Model)
	b.Write(model[:])
	number := func(f float32) {
		_ = binary.Write(&b, binary.LittleEndian, f) // to memory: cannot fail
	}
	for l := range h.Of {
		head := &h.Of[l]
		number(head.First)
		number(head.Bias)
		if head.First == 0 {
			continue
		}
		var highest float32
		for _, w := range head.Weights {
			highest = max(highest, float32(math.Abs(float64(w))))
		}
		scale := highest / 127
		number(scale)
		for _, w := range head.Weights {
			q := int8(0)
			if scale > 0 {
				q = int8(math.Round(float64(w / scale)))
			}
			b.WriteByte(byte(q))
		}
	}
	sum := sha256.Sum256(b.Bytes())
	b.Write(sum[:])
	return b.Bytes()
}

var errHeads = errors.New("embed: the file does not hold heads, or is damaged")

// ReadHeads reads what Bytes wrote. Anything else is refused.
func ReadHeads(file []byte) (*Heads, error) {
	body := len(file) - sha256.Size
	if body < len(magic)+1+modelSize || string(file[:len(magic)]) != magic || file[len(magic)] != text.LabelCount {
		return nil, errHeads
	}
	if sum := sha256.Sum256(file[:body]); !bytes.Equal(sum[:], file[body:]) {
		return nil, errHeads
	}
	h := &Heads{version: hex.EncodeToString(file[body : body+4])}
	rest := file[len(magic)+1 : body]
	h.Model = string(bytes.TrimRight(rest[:modelSize], "\x00"))
	rest = rest[modelSize:]
	number := func() float32 {
		if len(rest) < 4 {
			rest = nil
			return float32(math.NaN())
		}
		f := math.Float32frombits(binary.LittleEndian.Uint32(rest))
		rest = rest[4:]
		return f
	}
	for l := range h.Of {
		head := &h.Of[l]
		head.First, head.Bias = number(), number()
		if head.First == 0 {
			continue
		}
		scale := number()
		if len(rest) < Size || !finite(head.First) || !finite(head.Bias) || !finite(scale) {
			return nil, errHeads
		}
		for i, q := range rest[:Size] {
			head.Weights[i] = float32(int8(q)) * scale
		}
		rest = rest[Size:]
	}
	if len(rest) > 0 {
		return nil, errHeads
	}
	return h, nil
}

func finite(f float32) bool { return !math.IsNaN(float64(f)) && !math.IsInf(float64(f), 0) }
