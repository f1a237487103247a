package picture

import (
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"io"

	"golang.org/x/image/webp"
)

// animated is a flag of the extended header.
const animated = 1 << 1

var errWebP = errors.New("broken chunk")

// webp finds the cels of a WebP file: of one without animation, itself.
func (j *job) webp(n int) (*animation, error) {
	config, err := webp.DecodeConfig(j.open(j.data))
	if err != nil {
		return nil, err
	}
	if err := j.Admit(config.Width, config.Height); err != nil {
		return nil, err
	}
	j.size = image.Pt(config.Width, config.Height)
	a := &animation{job: j, count: 1, frames: n, size: j.size}
	chunks := riffChunks{j.data[12:]}
	id, extended, err := chunks.next()
	if err != nil {
		return nil, err
	}
	if id != "VP8X" || extended[0]&animated == 0 {
		a.frames = 1
		a.cel = func() (cel, error) {
			return cel{at: image.Rectangle{Max: j.size}, decode: func() (image.Image, error) {
				return j.webpImage(j.data, j.size)
			}}, nil
		}
		return a, nil
	}
	a.count = 0
	for counted := chunks; ; {
		if _, err := j.webpCel(&counted); err != nil {
			if len(counted.rest) >= 8 || errors.Is(err, errWebP) { // less is no chunk
				a.broken = err
			}
			break
		}
		a.count++
	}
	a.count = max(a.count, 1)
	a.cel = func() (cel, error) { return j.webpCel(&chunks) }
	return a, nil
}

// webpCel is the next frame of an animation.
func (j *job) webpCel(chunks *riffChunks) (cel, error) {
	id, body, err := chunks.next()
	for err == nil && id != "ANMF" {
		id, body, err = chunks.next()
	}
	if err != nil {
		return cel{}, err
	}
	if len(body) < 16 {
		return cel{}, errWebP
	}
	at := func(i int) int { return int(body[i]) | int(body[i+1])<<8 | int(body[i+2])<<16 }
	corner := image.Pt(2*at(0), 2*at(3))
	c := cel{at: image.Rectangle{corner, corner.Add(image.Pt(at(6)+1, at(9)+1))}, replace: body[15]&2 != 0}
	if !c.at.In(image.Rectangle{Max: j.size}) {
		return cel{}, errWebP
	}
	if body[15]&1 != 0 {
		c.after = erase
	}
	c.decode = func() (image.Image, error) {
		file, err := standalone(body[16:], c.at.Size())
		if err != nil {
			return nil, err
		}
		return j.webpImage(file, c.at.Size())
	}
	return c, nil
}

// webpImage decodes a file of one image whose size is known. What is coded may
// claim another size than what frames it, and memory is taken for what is coded.
func (j *job) webpImage(file []byte, size image.Point) (image.Image, error) {
	for chunks := (riffChunks{file[12:]}); ; {
		id, body, err := chunks.next()
		if err != nil {
			return nil, err
		}
		if id != "VP8 " && id != "VP8L" {
			continue
		}
		if coded, err := codedSize(id, body); err != nil || coded != size {
			return nil, errors.Join(errWebP, err)
		}
		return webp.Decode(j.open(file))
	}
}

// codedSize is the size that a coded image begins with (RFC 6386, 9.1; RFC
// 9649, 3.4).
func codedSize(id string, body []byte) (image.Point, error) {
	lossless := id == "VP8L"
	if len(body) < 5 || !lossless && len(body) < 10 {
		return image.Point{}, io.ErrUnexpectedEOF
	}
	if lossless {
		bits := binary.LittleEndian.Uint32(body[1:])
		return image.Pt(int(bits&0x3fff)+1, int(bits>>14&0x3fff)+1), nil
	}
	return image.Pt(int(binary.LittleEndian.Uint16(body[6:])&0x3fff), int(binary.LittleEndian.Uint16(body[8:])&0x3fff)), nil
}

// standalone makes a file of a frame's chunks: its transparency, if it has
// some, and its colours.
func standalone(frame []byte, size image.Point) ([]byte, error) {
	w, h := size.X-1, size.Y-1
	extended := []byte{0x10, 0, 0, 0, byte(w), byte(w >> 8), byte(w >> 16), byte(h), byte(h >> 8), byte(h >> 16)}
	file := append(make([]byte, 0, len(frame)+64), "RIFF\x00\x00\x00\x00WEBP"...)
	chunk := func(id string, body []byte) {
		file = append(file, id...)
		file = binary.LittleEndian.AppendUint32(file, uint32(len(body)))
		file = append(file, body...)
		if len(body)%2 == 1 {
			file = append(file, 0)
		}
	}
	for chunks := (riffChunks{frame}); ; {
		id, body, err := chunks.next()
		if err != nil {
			return nil, err
		}
		switch id {
		case "ALPH":
			chunk("VP8X", extended)
			chunk(id, body)
		case "VP8 ", "VP8L":
			chunk(id, body)
			binary.LittleEndian.PutUint32(file[4:], uint32(len(file)-8))
			return file, nil
		}
	}
}

// riffChunks reads chunks.
type riffChunks struct{ rest []byte }

func (r *riffChunks) next() (id string, body []byte, err error) {
	if len(r.rest) < 8 {
		return "", nil, io.ErrUnexpectedEOF
	}
	id = string(r.rest[:4])
	n := int64(binary.LittleEndian.Uint32(r.rest[4:]))
	if n > int64(len(r.rest)-8) {
		return "", nil, fmt.Errorf("%w: %w", errWebP, io.ErrUnexpectedEOF)
	}
	body = r.rest[8 : 8+n]
	r.rest = r.rest[min(8+n+n%2, int64(len(r.rest))):]
	return id, body, nil
}
