package hashlist

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/breakwater-project/breakwater/hamming"
)

// exactKinds are compared as a whole, from the one that says most to the one
// that says least. Their place is their number in packed hashes, which never
// changes, less one.
var exactKinds = [...]Kind{SHA256, SHA1, MD5, URL}

// sums is the length of each exact kind's digest in bytes.
var sums = [...]int{32, 20, 16, 32}

const (
	packedPDQ  = 16
	packedVPDQ = 17
)

// known are hashes as they are compared.
type known struct {
	exact  [len(exactKinds)][]byte // nil where there is none
	pdq    *hamming.Code
	frames []frame
}

// frame is one frame of a video: no other of the video has its code.
type frame struct {
	code    hamming.Code
	quality uint8
	at      float32 // seconds
}

// maxFrames bounds the frames of a video: five hours at one a second.
const maxFrames = 18_000

var errNoHash = errors.New("there is no hash")

// reader reads hashes as people and exchanges write them.
type reader struct {
	key       [32]byte // of the digests of URLs
	canonical func(string) (string, error)
}

// read checks each hash. An error names the kind and does not repeat the value.
func (r *reader) read(h Hashes) (known, error) {
	var k known
	for i, text := range [...]string{h.SHA256, h.SHA1, h.MD5} {
		if text == "" {
			continue
		}
		b, err := digits(text, sums[i])
		if err != nil {
			return known{}, fmt.Errorf("%s: %w", exactKinds[i], err)
		}
		k.exact[i] = b
	}
	if h.URL != "" {
		b, err := r.url(h.URL)
		if err != nil {
			return known{}, fmt.Errorf("%s: %w", URL, err)
		}
		k.exact[len(exactKinds)-1] = b
	}
	if h.PDQ != "" {
		code, err := parsePDQ(h.PDQ)
		if err != nil {
			return known{}, err
		}
		k.pdq = &code
	}
	if h.VPDQ != "" {
		frames, err := parseFrames(h.VPDQ)
		if err != nil {
			return known{}, fmt.Errorf("%s: %w", VPDQ, err)
		}
		k.frames = frames
	}
	return k, nil
}

func parsePDQ(s string) (hamming.Code, error) {
	code, err := hamming.Parse(s)
	if err != nil {
		return code, fmt.Errorf("%s: must be 64 hexadecimal digits", PDQ)
	}
	return code, nil
}

func digits(s string, size int) ([]byte, error) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != size {
		return nil, fmt.Errorf("must be %d hexadecimal digits", 2*size)
	}
	return b, nil
}

// keyed begins the keyed digest of a URL in exports.
const keyed = "hmac-sha256:"

// url is the keyed digest of a link's canonical form.
func (r *reader) url(s string) ([]byte, error) {
	if text, ok := strings.CutPrefix(s, keyed); ok {
		return digits(text, sha256.Size)
	}
	if r.canonical == nil {
		return nil, errors.New("links are not compared here")
	}
	canonical, err := r.canonical(s)
	if err != nil {
		return nil, errors.New("must be a link to a host")
	}
	mac := hmac.New(sha256.New, r.key[:])
	mac.Write([]byte(canonical))
	return mac.Sum(nil), nil
}

// parseFrames reads a vPDQ signal as python-threatexchange writes it: a JSON
// array of "hash,quality,timestamp". Frames of low quality, and such as were
// there before, are left out.
func parseFrames(s string) ([]frame, error) {
	var texts []string
	if err := json.Unmarshal([]byte(s), &texts); err != nil {
		return nil, errors.New("must be a JSON array of strings")
	}
	if len(texts) > maxFrames {
		return nil, fmt.Errorf("has more than %d frames", maxFrames)
	}
	var frames []frame
	seen := make(map[hamming.Code]bool, len(texts))
	for i, text := range texts {
		f, err := parseFrame(text)
		if err != nil {
			return nil, fmt.Errorf("frame %d: %w", i, err)
		}
		if f.quality >= LeastQuality && !seen[f.code] {
			seen[f.code] = true
			frames = append(frames, f)
		}
	}
	if len(frames) == 0 {
		return nil, fmt.Errorf("no frame has a quality of %d or more", LeastQuality)
	}
	return frames, nil
}

func parseFrame(s string) (frame, error) {
	parts := strings.Split(s, ",")
	if len(parts) != 3 {
		return frame{}, errors.New(`must be "hash,quality,timestamp"`)
	}
	code, err := hamming.Parse(strings.TrimSpace(parts[0]))
	if err != nil {
		return frame{}, errors.New("the hash must be 64 hexadecimal digits")
	}
	quality, err := strconv.ParseUint(strings.TrimSpace(parts[1]), 10, 8)
	if err != nil || quality > 100 {
		return frame{}, errors.New("the quality must be 0 to 100")
	}
	at, err := strconv.ParseFloat(strings.TrimSpace(parts[2]), 32)
	if err != nil || math.IsNaN(at) || math.IsInf(at, 0) {
		return frame{}, errors.New("the timestamp must be a number of seconds")
	}
	return frame{code, uint8(quality), float32(at)}, nil
}

// empty reports whether there is nothing to compare.
func (k *known) empty() bool {
	for _, sum := range k.exact {
		if sum != nil {
			return false
		}
	}
	return k.pdq == nil && k.frames == nil
}

// name is what an entry without an id is called: by the hash that says most.
func (k *known) name() string {
	for i, sum := range k.exact {
		if sum != nil {
			return string(exactKinds[i]) + ":" + hex.EncodeToString(sum)
		}
	}
	if k.pdq != nil {
		return string(PDQ) + ":" + k.pdq.String()
	}
	h := sha256.New()
	for _, f := range k.frames {
		h.Write(appendCode(nil, f.code))
	}
	return string(VPDQ) + ":" + hex.EncodeToString(h.Sum(nil)[:16])
}

// pack is the hashes in bytes: each begins with a byte for its kind.
func (k *known) pack() []byte {
	var b []byte
	for i, sum := range k.exact {
		if sum != nil {
			b = append(append(b, byte(i+1)), sum...)
		}
	}
	if k.pdq != nil {
		b = appendCode(append(b, packedPDQ), *k.pdq)
	}
	if k.frames != nil {
		b = binary.BigEndian.AppendUint16(append(b, packedVPDQ), uint16(len(k.frames)))
		for _, f := range k.frames {
			b = append(appendCode(b, f.code), f.quality)
			b = binary.BigEndian.AppendUint32(b, math.Float32bits(f.at))
		}
	}
	return b
}

func appendCode(b []byte, c hamming.Code) []byte {
	for _, word := range c {
		b = binary.BigEndian.AppendUint64(b, word)
	}
	return b
}

func codeOf(b []byte) hamming.Code {
	var c hamming.Code
	for i := range c {
		c[i] = binary.BigEndian.Uint64(b[8*i:])
	}
	return c
}

var errPacked = errors.New("hashlist: packed hashes are damaged")

// unpack reads what pack made. The digests are parts of b.
func unpack(b []byte) (known, error) {
	var k known
	for len(b) > 0 {
		kind, rest := b[0], b[1:]
		size := 0
		switch {
		case kind >= 1 && int(kind) <= len(sums):
			size = sums[kind-1]
		case kind == packedPDQ:
			size = hamming.Size / 8
		case kind == packedVPDQ && len(rest) >= 2:
			size = 2 + frameSize*int(binary.BigEndian.Uint16(rest))
		}
		if size == 0 || len(rest) < size {
			return known{}, errPacked
		}
		value := rest[:size]
		switch kind {
		case packedPDQ:
			code := codeOf(value)
			k.pdq = &code
		case packedVPDQ:
			k.frames = unpackFrames(value[2:])
		default:
			k.exact[kind-1] = value
		}
		b = rest[size:]
	}
	return k, nil
}

const frameSize = hamming.Size/8 + 1 + 4

func unpackFrames(b []byte) []frame {
	frames := make([]frame, 0, len(b)/frameSize)
	for ; len(b) > 0; b = b[frameSize:] {
		frames = append(frames, frame{
			code: codeOf(b), quality: b[32], at: math.Float32frombits(binary.BigEndian.Uint32(b[33:])),
		})
	}
	return frames
}

// text is the hashes as they are written; of a URL the keyed digest.
func (k *known) text() Hashes {
	var h Hashes
	for i, to := range [...]*string{&h.SHA256, &h.SHA1, &h.MD5, &h.URL} {
		if k.exact[i] == nil {
			continue
		}
		*to = hex.EncodeToString(k.exact[i])
		if exactKinds[i] == URL {
			*to = keyed + *to
		}
	}
	if k.pdq != nil {
		h.PDQ = k.pdq.String()
	}
	if k.frames != nil {
		texts := make([]string, len(k.frames))
		for i, f := range k.frames {
			texts[i] = fmt.Sprintf("%s,%d,%s", f.code, f.quality, strconv.FormatFloat(float64(f.at), 'g', -1, 32))
		}
		b, _ := json.Marshal(texts) // strings never fail
		h.VPDQ = string(b)
	}
	return h
}
