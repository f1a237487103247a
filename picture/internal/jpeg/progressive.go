package jpeg

// refine reads what a progressive scan tells of a block.
func (s *scan) refine(c *component, block *[64]int16) error {
	switch b := &s.d.bits; {
	case s.from == 0 && s.high == 0:
		difference, err := b.difference(c.dc)
		if err != nil {
			return err
		}
		c.previous += difference
		return s.set(&block[0], c.previous)
	case s.from == 0:
		block[0] |= int16(b.take(1) << s.low)
		return nil
	case s.high == 0:
		return s.firstAC(c, block)
	default:
		return s.nextAC(c, block)
	}
}

// passOver reads what refine would, of a component that is not wanted. Its AC
// has scans of its own, which are skipped whole.
func (s *scan) passOver(c *component) error {
	if s.high != 0 {
		s.d.bits.take(1)
		return nil
	}
	_, err := s.d.bits.difference(c.dc)
	return err
}

// ends reads how many blocks, this one too, end at a symbol of size 0.
func (s *scan) ends(run uint) {
	s.d.run = 1 << run
	if run > 0 {
		s.d.run += s.d.bits.take(run)
	}
}

func (s *scan) firstAC(c *component, block *[64]int16) error {
	d := s.d
	if d.run > 0 {
		d.run--
		return nil
	}
	for k := s.from; k <= s.to; k++ {
		symbol, err := d.bits.symbol(c.ac)
		if err != nil {
			return err
		}
		run, size := int(symbol>>4), uint(symbol&15)
		if size == 0 {
			if run < 15 {
				s.ends(uint(run))
				d.run--
				break
			}
			k += 15
			continue
		}
		value := signed(d.bits.take(size), size)
		if k += run; k > s.to {
			return errData
		}
		if err := s.set(&block[k&63], value); err != nil {
			return err
		}
	}
	return nil
}

// set gives a coefficient its first bits.
func (s *scan) set(coefficient *int16, value int32) error {
	value <<= s.low
	*coefficient = int16(value)
	if int32(*coefficient) != value {
		return errData
	}
	return nil
}

// nextAC reads one more bit of the coefficients that are not zero, among them
// those that become so: one or minus one in this bit.
func (s *scan) nextAC(c *component, block *[64]int16) error {
	d := s.d
	one := int16(1) << s.low
	k := s.from
	for d.run == 0 && k <= s.to {
		symbol, err := d.bits.symbol(c.ac)
		if err != nil {
			return err
		}
		run, value := int(symbol>>4), int16(0)
		switch symbol & 15 {
		case 0:
			if run < 15 {
				s.ends(uint(run))
				continue
			}
		case 1:
			value = -one
			if d.bits.take(1) == 1 {
				value = one
			}
		default:
			return errData
		}
		k = s.correct(block, k, run)
		if value != 0 {
			if k > s.to {
				return errData
			}
			block[k&63] = value
		}
		k++
	}
	if d.run > 0 {
		d.run--
		s.correct(block, k, 64)
	}
	return nil
}

// correct reads a bit for each coefficient that is not zero, until it has
// passed so many that are, and gives the place of the next zero.
func (s *scan) correct(block *[64]int16, k, zeros int) int {
	one := int16(1) << s.low
	for ; k <= s.to; k++ {
		v := block[k&63]
		if v == 0 {
			if zeros == 0 {
				break
			}
			zeros--
			continue
		}
		if s.d.bits.take(1) == 0 || v&one != 0 && v > 0 || -v&one != 0 && v < 0 {
			continue
		}
		if v > 0 {
			block[k&63] = v + one
		} else {
			block[k&63] = v - one
		}
	}
	return k
}

// finish turns the coefficients of a progressive file to pixels.
func (d *Decoder) finish() error {
	for i := range d.components {
		c := &d.components[i]
		if !c.wanted {
			continue
		}
		for y := range len(c.coefficients) / 64 / c.blocks {
			if err := d.limits.Proceed(); err != nil {
				return err
			}
			for x := range c.blocks {
				at := 64 * (y*c.blocks + x)
				d.draw(c, x, y, (*[64]int16)(c.coefficients[at:at+64]))
			}
		}
	}
	return nil
}

// draw turns the coefficients of a block to pixels.
func (d *Decoder) draw(c *component, x, y int, from *[64]int16) {
	out, last := d.pixels(c, x, y), 0
	if d.scale == 1 {
		var block [64]int32
		for k, v := range from {
			if v != 0 {
				block[zigzag[k]&63], last = int32(v)*c.factors[k], k
			}
		}
		inverse(&block, last, out, c.stride)
		return
	}
	var block [16]float32
	places := &places[d.scale/4]
	for k, v := range from {
		if v != 0 {
			block[places[k]&15] += float32(float32(v) * c.means[k])
			last = k
		}
	}
	inverseMeans(&block, last, d.scale, out, c.stride)
}
