// Package jpeg decodes JPEG files to the pixels that libjpeg-turbo gives, bit
// for bit, or much faster to their brightness at a half or a quarter of their
// size, where each pixel is the mean of those it stands for.
//
// It decodes 8 bits, Huffman coded, baseline and progressive, grey and YCbCr:
// nearly every file there is. Of others it says ErrUnsupported.
package jpeg

import (
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"io"
)

// ErrUnsupported is of a file that may be well, and that only image/jpeg can
// decode.
var ErrUnsupported = errors.New("unsupported JPEG feature")

// ErrShort is of a file that is too short for the size that it claims.
var ErrShort = fmt.Errorf("%w: too short for its size", io.ErrUnexpectedEOF)

var errData = errors.New("bad JPEG data")

// Limits end the work with an error of their own, which Decode returns as it
// is.
type Limits interface {
	Admit(width, height int) error // asked before memory is taken
	Proceed() error                // asked for every row
}

// Decoder decodes one image after another in the same memory. It is not for
// concurrent use.
type Decoder struct {
	limits Limits
	fast   bool
	file   []byte // what is left of it

	width, height int
	progressive   bool
	scale         int // 1, 2 or 4
	components    []component
	across, down  int // MCUs
	interval      int // MCUs between restarts, or 0

	quantizers [4][64]uint16 // in zigzag order
	dc, ac     [4]table
	bits       bits
	run        int32 // of blocks that end early

	hold  [3]component
	ycbcr image.YCbCr
	gray  image.Gray
}

// component is a plane of the image.
type component struct {
	id, quantizer byte
	wanted        bool // its pixels are given
	seen          bool // there was a scan of it
	h, v          int  // blocks in an MCU
	wide, high    int  // blocks that hold pixels
	blocks        int  // in a row, with those that fill up the last MCU
	plane         []byte
	stride        int
	coefficients  []int16 // of a progressive file, in zigzag order
	dc, ac        *table  // of this scan
	previous      int32   // DC
	quantized     bool
	factors       [64]int32   // in zigzag order
	means         [64]float32 // factors of means
}

// Decode decodes a file. The image is overwritten by the next one. Where fast,
// and both sides have 512 pixels and more, it is the brightness only; where
// they have 1000 or 3000, at a half or a quarter of the size. It is the
// brightness also where colours are subsampled in a way that image.YCbCr does
// not have, and that hardly a program writes.
func (d *Decoder) Decode(file []byte, limits Limits, fast bool) (m image.Image, size image.Point, err error) {
	d.limits, d.fast = limits, fast
	d.width, d.height, d.interval = 0, 0, 0
	d.components = nil
	for i := range 4 {
		d.dc[i].known, d.ac[i].known = false, false
		d.quantizers[i] = [64]uint16{}
	}
	if len(file) < 2 || file[0] != 0xff || file[1] != soi {
		return nil, size, errData
	}
	d.file = file[2:]
	if err := d.segments(); err != nil {
		return nil, size, err
	}
	for i := range d.components {
		if c := &d.components[i]; c.wanted && !c.seen {
			return nil, size, fmt.Errorf("%w: no data of a component", errData)
		}
	}
	if d.progressive {
		if err := d.finish(); err != nil {
			return nil, size, err
		}
	}
	return d.image(), image.Pt(d.width, d.height), nil
}

// Markers.
const (
	sof0  = 0xc0
	sof2  = 0xc2
	dht   = 0xc4
	jpg   = 0xc8
	dac   = 0xcc
	sof15 = 0xcf
	rst0  = 0xd0
	rst7  = 0xd7
	soi   = 0xd8
	eoi   = 0xd9
	sos   = 0xda
	dqt   = 0xdb
	dnl   = 0xdc
	dri   = 0xdd
	app0  = 0xe0
	app14 = 0xee
)

// segments reads all that comes before the end of the image. That the end is
// marked is not asked for: viewers show a file without it.
func (d *Decoder) segments() error {
	frame, jfif, rgb := false, false, false
	for {
		marker, err := d.marker()
		if errors.Is(err, io.EOF) && frame {
			return nil
		}
		if err != nil {
			return err
		}
		if marker == eoi {
			return nil
		}
		if marker >= rst0 && marker <= rst7 || marker == 1 { // stray ones, without a length
			continue
		}
		segment, err := d.segment()
		if err != nil {
			return err
		}
		switch {
		case marker == app0:
			jfif = jfif || len(segment) >= 5 && string(segment[:5]) == "JFIF\x00"
		case marker == app14:
			if len(segment) >= 12 && string(segment[:5]) == "Adobe" {
				rgb = segment[11] == 0
			}
		case marker == dqt:
			err = d.defineQuantizers(segment)
		case marker == dht:
			err = d.defineTables(segment)
		case marker == dri:
			if len(segment) != 2 {
				return errData
			}
			d.interval = int(binary.BigEndian.Uint16(segment))
		case marker == sof0 || marker == sof0+1 || marker == sof2:
			if frame {
				return fmt.Errorf("%w: a second frame", errData)
			}
			d.progressive, frame = marker == sof2, true
			err = d.frame(segment, rgb && !jfif, jfif)
		case marker > sof2 && marker <= sof15 && marker != jpg, marker == dnl:
			return ErrUnsupported
		case marker == sos:
			if !frame {
				return fmt.Errorf("%w: a scan before the frame", errData)
			}
			err = d.scan(segment)
		}
		if err != nil {
			return err
		}
	}
}

// marker finds the next marker. Bytes before it are passed over, as libjpeg
// does.
func (d *Decoder) marker() (byte, error) {
	for i := 0; i+1 < len(d.file); i++ {
		if d.file[i] == 0xff && d.file[i+1] != 0xff && d.file[i+1] != 0 {
			m := d.file[i+1]
			d.file = d.file[i+2:]
			return m, nil
		}
	}
	return 0, io.EOF
}

func (d *Decoder) segment() ([]byte, error) {
	if len(d.file) < 2 {
		return nil, io.ErrUnexpectedEOF
	}
	n := int(binary.BigEndian.Uint16(d.file))
	if n < 2 {
		return nil, fmt.Errorf("%w: a segment shorter than its length", errData)
	}
	if n > len(d.file) {
		return nil, io.ErrUnexpectedEOF
	}
	segment := d.file[2:n]
	d.file = d.file[n:]
	return segment, nil
}

func (d *Decoder) defineQuantizers(segment []byte) error {
	for len(segment) > 0 {
		id, wide := segment[0]&15, segment[0]>>4
		segment = segment[1:]
		if id > 3 || wide > 1 || len(segment) < 64<<wide {
			return fmt.Errorf("%w: quantization table", errData)
		}
		for i := range 64 {
			if wide == 1 {
				d.quantizers[id][i] = binary.BigEndian.Uint16(segment[2*i:])
			} else {
				d.quantizers[id][i] = uint16(segment[i])
			}
		}
		segment = segment[64<<wide:]
	}
	return nil
}

func (d *Decoder) defineTables(segment []byte) error {
	for len(segment) > 0 {
		if len(segment) < 17 || segment[0]&15 > 3 || segment[0]>>4 > 1 {
			return errCodes
		}
		total := 0
		for _, n := range segment[1:17] {
			total += int(n)
		}
		if total > 256 || len(segment) < 17+total {
			return errCodes
		}
		t := &d.dc[segment[0]&15]
		if segment[0]>>4 == 1 {
			t = &d.ac[segment[0]&15]
		}
		if err := t.define(segment[1:17], segment[17:17+total]); err != nil {
			return err
		}
		segment = segment[17+total:]
	}
	return nil
}
