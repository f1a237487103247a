package jpeg

import (
	"fmt"
	"io"
)

// scan reads one scan: all of the image, or of a progressive one a few bits of
// a few coefficients.
func (d *Decoder) scan(segment []byte) error {
	if len(segment) < 1 || len(segment) != 4+2*int(segment[0]) || segment[0] == 0 || segment[0] > 4 {
		return fmt.Errorf("%w: scan", errData)
	}
	var parts [3]*component
	count := int(segment[0])
	if count > len(d.components) {
		return fmt.Errorf("%w: scan", errData)
	}
	wanted := false
	for i := range count {
		c := d.component(segment[1+2*i])
		tables := segment[2+2*i]
		if c == nil || tables&15 > 3 || tables>>4 > 3 {
			return fmt.Errorf("%w: component of a scan", errData)
		}
		for _, other := range parts[:i] {
			if other == c {
				return fmt.Errorf("%w: component of a scan", errData)
			}
		}
		c.dc, c.ac = &d.dc[tables>>4], &d.ac[tables&15]
		c.seen = true
		d.quantize(c)
		parts[i] = c
		wanted = wanted || c.wanted
	}
	if !wanted {
		for {
			d.file = d.file[skip(d.file):]
			if len(d.file) < 2 || d.file[1] < rst0 || d.file[1] > rst7 {
				return nil
			}
			d.file = d.file[2:]
		}
	}
	s := scan{d: d, parts: parts[:count]}
	if d.progressive {
		rest := segment[1+2*count:]
		s.from, s.to, s.high, s.low = int(rest[0]), int(rest[1]), uint(rest[2]>>4), uint(rest[2]&15)
	}
	if err := s.check(); err != nil {
		return err
	}
	return s.run()
}

func (d *Decoder) component(id byte) *component {
	for i := range d.components {
		if d.components[i].id == id {
			return &d.components[i]
		}
	}
	return nil
}

// scan is what is read at once.
type scan struct {
	d         *Decoder
	parts     []*component
	from, to  int  // coefficients, of a progressive one
	high, low uint // bits
}

func (s *scan) check() error {
	d := s.d
	if d.progressive {
		if s.from > s.to || s.to > 63 || s.from == 0 && s.to != 0 || s.from > 0 && len(s.parts) > 1 ||
			s.low > 13 || s.high != 0 && s.high != s.low+1 {
			return fmt.Errorf("%w: part of a progressive scan", errData)
		}
	}
	for _, c := range s.parts {
		needsDC := !d.progressive || s.from == 0 && s.high == 0
		needsAC := !d.progressive || s.from > 0
		if needsDC && !c.dc.known || needsAC && !c.ac.known {
			return fmt.Errorf("%w: no Huffman table", errData)
		}
	}
	return nil
}

// run reads the scan row by row and from restart to restart.
func (s *scan) run() error {
	d := s.d
	across, down := d.across, d.down
	if len(s.parts) == 1 {
		across, down = s.parts[0].wide, s.parts[0].high
	}
	s.restart()
	left := d.interval
	for y := range down {
		if err := d.limits.Proceed(); err != nil {
			return err
		}
		for x := range across {
			if d.interval > 0 {
				if left == 0 {
					if err := s.next(); err != nil {
						return err
					}
					left = d.interval
				}
				left--
			}
			if err := s.unit(x, y); err != nil {
				return err
			}
		}
		if d.bits.overrun() {
			return io.ErrUnexpectedEOF
		}
	}
	return nil
}

// next goes on behind a restart marker.
func (s *scan) next() error {
	d := s.d
	if d.bits.overrun() {
		return io.ErrUnexpectedEOF
	}
	marker, err := d.marker()
	if err != nil {
		return io.ErrUnexpectedEOF
	}
	if marker < rst0 || marker > rst7 {
		return fmt.Errorf("%w: no restart marker", errData)
	}
	s.restart()
	return nil
}

func (s *scan) restart() {
	s.d.file = s.d.file[s.d.bits.load(s.d.file):]
	s.d.run = 0
	for _, c := range s.parts {
		c.previous = 0
	}
}

// unit reads one MCU, which of a single component is one block.
func (s *scan) unit(x, y int) error {
	if len(s.parts) == 1 {
		return s.block(s.parts[0], x, y)
	}
	for _, c := range s.parts {
		for v := range c.v {
			for h := range c.h {
				if err := s.block(c, x*c.h+h, y*c.v+v); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (s *scan) block(c *component, x, y int) error {
	d := s.d
	if d.progressive {
		if !c.wanted {
			return s.passOver(c)
		}
		at := 64 * (y*c.blocks + x)
		return s.refine(c, (*[64]int16)(c.coefficients[at:at+64]))
	}
	difference, err := d.bits.difference(c.dc)
	if err != nil {
		return err
	}
	c.previous += difference
	if !c.wanted {
		return d.bits.pass(c.ac)
	}
	out := d.pixels(c, x, y)
	if d.scale == 1 {
		var block [64]int32
		block[0] = c.previous * c.factors[0]
		last, err := d.bits.coefficients(&block, c.ac, &c.factors)
		if err != nil {
			return err
		}
		inverse(&block, last, out, c.stride)
		return nil
	}
	var block [16]float32
	block[0] = float32(float32(c.previous) * c.means[0])
	last, err := d.bits.means(&block, c.ac, &c.means, &places[d.scale/4])
	if err != nil {
		return err
	}
	inverseMeans(&block, last, d.scale, out, c.stride)
	return nil
}

// pixels are those of a block and all that follow.
func (d *Decoder) pixels(c *component, x, y int) []byte {
	side := 8 / d.scale
	return c.plane[y*side*c.stride+x*side:]
}
