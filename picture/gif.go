package picture

import (
	"encoding/binary"
	"errors"
	"image"
	"image/gif"
	"io"
)

var errGIF = errors.New("broken block")

// gif finds the cels of a GIF without decoding them: image/gif would take
// memory for all.
func (j *job) gif(n int) (*animation, error) {
	config, err := gif.DecodeConfig(j.open(j.data))
	if err != nil {
		return nil, err
	}
	if err := j.Admit(config.Width, config.Height); err != nil {
		return nil, err
	}
	j.size = image.Pt(config.Width, config.Height)
	head := 13
	if flags := j.data[10]; flags&0x80 != 0 {
		head += 3 << (flags&7 + 1)
	}
	if head > len(j.data) {
		return nil, io.ErrUnexpectedEOF
	}
	a := &animation{job: j, count: 1, frames: n, size: j.size}
	if n > 1 {
		a.count = 0
		count := gifBlocks{job: j, head: j.data[:head], rest: j.data[head:]}
		for {
			if _, err := count.cel(); err != nil {
				if !errors.Is(err, io.EOF) && len(count.rest) > 0 { // many files lack the last byte
					a.broken = err
				}
				break
			}
			a.count++
			if a.count%1024 == 0 {
				if err := j.Proceed(); err != nil {
					return nil, err
				}
			}
		}
		a.count = max(a.count, 1)
	}
	blocks := &gifBlocks{job: j, head: j.data[:head], rest: j.data[head:]}
	a.cel = blocks.cel
	return a, nil
}

// gifBlocks reads the blocks of a GIF.
type gifBlocks struct {
	job        *job
	head, rest []byte // logical screen with its colours, and what follows
}

func (g *gifBlocks) cel() (cel, error) {
	var control []byte
	for {
		if len(g.rest) == 0 {
			return cel{}, io.ErrUnexpectedEOF
		}
		switch g.rest[0] {
		case 0x21: // an extension
			block, err := g.take(2)
			if err != nil {
				return cel{}, err
			}
			if block[1] == 0xf9 {
				control = block
			}
		case 0x2c:
			return g.image(control)
		case 0x3b:
			return cel{}, io.EOF
		default:
			return cel{}, errGIF
		}
	}
}

// image is the cel of an image block.
func (g *gifBlocks) image(control []byte) (cel, error) {
	if len(g.rest) < 11 {
		return cel{}, io.ErrUnexpectedEOF
	}
	at := func(i int) int { return int(binary.LittleEndian.Uint16(g.rest[i:])) }
	c := cel{at: image.Rect(at(1), at(3), at(1)+at(5), at(3)+at(7))}
	if !c.at.In(image.Rectangle{Max: g.job.size}) {
		return cel{}, errGIF
	}
	fixed := 11 // with the size of codes
	if g.rest[9]&0x80 != 0 {
		fixed += 3 << (g.rest[9]&7 + 1)
	}
	block, err := g.take(fixed)
	if err != nil {
		return cel{}, err
	}
	if len(control) > 3 {
		switch control[3] >> 2 & 7 {
		case 2:
			c.after = erase
		case 3:
			c.after = restore
		}
	}
	c.decode = func() (image.Image, error) { return g.decode(control, block) }
	return c, nil
}

// decode decodes one image as a file of its own.
func (g *gifBlocks) decode(control, block []byte) (image.Image, error) {
	file := make([]byte, 0, len(g.head)+len(control)+len(block)+1)
	file = append(file, g.head...)
	file = append(file, control...)
	file = append(file, block...)
	return gif.Decode(g.job.open(append(file, 0x3b)))
}

// take takes a block: a part of fixed length, and sub-blocks up to an empty one.
func (g *gifBlocks) take(fixed int) ([]byte, error) {
	n := fixed
	for {
		if n >= len(g.rest) {
			return nil, io.ErrUnexpectedEOF
		}
		size := int(g.rest[n])
		n += 1 + size
		if size == 0 {
			break
		}
	}
	block := g.rest[:n]
	g.rest = g.rest[n:]
	return block, nil
}
