package jpeg

// zigzag is where in a block each coefficient lies, row by row.
var zigzag = [64]uint8{
	0, 1, 8, 16, 9, 2, 3, 10,
	17, 24, 32, 25, 18, 11, 4, 5,
	12, 19, 26, 33, 40, 48, 41, 34,
	27, 20, 13, 6, 7, 14, 21, 28,
	35, 42, 49, 56, 57, 50, 43, 36,
	29, 22, 15, 23, 30, 37, 44, 51,
	58, 59, 52, 45, 38, 31, 39, 46,
	53, 60, 61, 54, 47, 55, 62, 63,
}

// The three loops here are where a file's time goes. They differ in what they
// do with a coefficient, and keep the state of bits in registers.

// coefficients reads the AC coefficients of a block, quantized no more, and
// says which was the last in zigzag order.
func (b *bits) coefficients(block *[64]int32, t *table, factors *[64]int32) (last int, err error) {
	data, end, acc, n, at := b.data, b.end, b.acc, b.n, b.at
	for k := 1; k < 64; k++ {
		if n < 32 {
			acc, n, at = refilled(data, end, acc, n, at)
		}
		entry := t.entries[acc>>(64-look)]
		if entry == 0 {
			if entry = t.long(acc); entry == 0 {
				return 0, errData
			}
		}
		value := int32(entry) >> 16
		if entry&beyond != 0 {
			value = number(acc, entry)
		}
		acc <<= entry & lengthOf
		n -= uint(entry & lengthOf)
		k += int(entry >> 12 & 15)
		if entry>>8&15 == 0 {
			if entry>>12&15 == 15 {
				continue
			}
			break
		}
		if k > 63 {
			return 0, errData
		}
		block[zigzag[k]&63] = value * factors[k]
		last = k
	}
	b.acc, b.n, b.at = acc, n, at
	return last, nil
}

// means is coefficients for a block of means.
func (b *bits) means(block *[16]float32, t *table, factors *[64]float32, places *[64]uint8) (last int, err error) {
	data, end, acc, n, at := b.data, b.end, b.acc, b.n, b.at
	for k := 1; k < 64; k++ {
		if n < 32 {
			acc, n, at = refilled(data, end, acc, n, at)
		}
		entry := t.entries[acc>>(64-look)]
		if entry == 0 {
			if entry = t.long(acc); entry == 0 {
				return 0, errData
			}
		}
		value := int32(entry) >> 16
		if entry&beyond != 0 {
			value = number(acc, entry)
		}
		acc <<= entry & lengthOf
		n -= uint(entry & lengthOf)
		k += int(entry >> 12 & 15)
		if entry>>8&15 == 0 {
			if entry>>12&15 == 15 {
				continue
			}
			break
		}
		if k > 63 {
			return 0, errData
		}
		block[places[k]&15] += float32(float32(value) * factors[k])
		last = k
	}
	b.acc, b.n, b.at = acc, n, at
	return last, nil
}

// pass passes over the AC coefficients of a block.
func (b *bits) pass(t *table) error {
	data, end, acc, n, at := b.data, b.end, b.acc, b.n, b.at
	for k := 1; k < 64; k++ {
		if n < 32 {
			acc, n, at = refilled(data, end, acc, n, at)
		}
		entry := t.entries[acc>>(64-look)]
		if entry == 0 {
			if entry = t.long(acc); entry == 0 {
				return errData
			}
		}
		acc <<= entry & lengthOf
		n -= uint(entry & lengthOf)
		k += int(entry >> 12 & 15)
		if entry>>8&15 == 0 && entry>>12&15 != 15 {
			break
		}
		if k > 63 {
			return errData
		}
	}
	b.acc, b.n, b.at = acc, n, at
	return nil
}
