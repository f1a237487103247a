package jpeg

import (
	"encoding/binary"
	"fmt"
	"image"
)

// frame reads the size of the image and the shape of its components, and takes
// the memory that they need.
func (d *Decoder) frame(segment []byte, rgb, jfif bool) error {
	if len(segment) < 6 || len(segment) != 6+3*int(segment[5]) {
		return fmt.Errorf("%w: frame", errData)
	}
	d.height, d.width = int(binary.BigEndian.Uint16(segment[1:])), int(binary.BigEndian.Uint16(segment[3:]))
	count := int(segment[5])
	if segment[0] != 8 || d.height == 0 || rgb || count != 1 && count != 3 {
		return ErrUnsupported
	}
	if d.width == 0 {
		return fmt.Errorf("%w: no width", errData)
	}
	if err := d.limits.Admit(d.width, d.height); err != nil {
		return err
	}
	d.scale = 1
	switch side := min(d.width, d.height); {
	case side < 512: // where every pixel counts, and there are few
		d.fast = false
	case d.fast && side >= 3000:
		d.scale = 4
	case d.fast && side >= 1000:
		d.scale = 2
	}
	d.components = d.hold[:count]
	for i := range d.components {
		c, from := &d.components[i], segment[6+3*i:]
		*c = component{
			id: from[0], h: int(from[1] >> 4), v: int(from[1] & 15), quantizer: from[2],
			wanted: i == 0 || !d.fast, plane: c.plane, coefficients: c.coefficients,
		}
		if c.quantizer > 3 || c.h == 0 || c.v == 0 || c.h > 4 || c.v > 4 {
			return fmt.Errorf("%w: component", errData)
		}
	}
	c := d.components
	if count == 3 && !jfif && c[0].id == 'R' && c[1].id == 'G' && c[2].id == 'B' {
		return ErrUnsupported
	}
	if !d.shape() {
		if c[1].h > c[0].h || c[2].h > c[0].h || c[1].v > c[0].v || c[2].v > c[0].v {
			return ErrUnsupported
		}
		d.fast, c[1].wanted, c[2].wanted = true, false, false // colours that lie oddly are left out
	}
	return d.allocate()
}

// shape says how the components lie on one another, if that is one of the ways
// of image.YCbCr.
func (d *Decoder) shape() bool {
	c := d.components
	if len(c) == 1 {
		c[0].h, c[0].v = 1, 1
		return true
	}
	if c[1].h != c[2].h || c[1].v != c[2].v || c[0].h%c[1].h != 0 || c[0].v%c[1].v != 0 {
		return false
	}
	switch [2]int{c[0].h / c[1].h, c[0].v / c[1].v} {
	case [2]int{1, 1}:
		d.ycbcr.SubsampleRatio = image.YCbCrSubsampleRatio444
	case [2]int{2, 1}:
		d.ycbcr.SubsampleRatio = image.YCbCrSubsampleRatio422
	case [2]int{2, 2}:
		d.ycbcr.SubsampleRatio = image.YCbCrSubsampleRatio420
	case [2]int{1, 2}:
		d.ycbcr.SubsampleRatio = image.YCbCrSubsampleRatio440
	case [2]int{4, 1}:
		d.ycbcr.SubsampleRatio = image.YCbCrSubsampleRatio411
	case [2]int{4, 2}:
		d.ycbcr.SubsampleRatio = image.YCbCrSubsampleRatio410
	default:
		return false
	}
	return true
}

func (d *Decoder) allocate() error {
	h, v := d.components[0].h, d.components[0].v
	d.across, d.down = ceil(d.width, 8*h), ceil(d.height, 8*v)
	blocks := 0
	for _, c := range d.components {
		blocks += d.across * d.down * c.h * c.v
	}
	// A block's DC has a bit at least. What claims more than it can hold is
	// cut off, or made to take memory.
	if blocks/8 > len(d.file) {
		return ErrShort
	}
	for i := range d.components {
		c := &d.components[i]
		c.blocks = d.across * c.h
		c.wide = ceil(ceil(d.width*c.h, h), 8)
		c.high = ceil(ceil(d.height*c.v, v), 8)
		if !c.wanted {
			continue
		}
		side := 8 / d.scale
		c.stride = c.blocks * side
		c.plane = resized(c.plane, c.stride*d.down*c.v*side)
		if d.progressive {
			c.coefficients = resized(c.coefficients, 64*c.blocks*d.down*c.v)
			clear(c.coefficients)
		}
	}
	return nil
}

// quantize readies the factors of a component, by the table that holds when
// its first scan begins.
func (d *Decoder) quantize(c *component) {
	if c.quantized {
		return
	}
	c.quantized = true
	for i, q := range d.quantizers[c.quantizer] {
		c.factors[i] = int32(q)
		c.means[i] = float32(q) * meanFactor(i, d.scale)
	}
}

// image is what was decoded.
func (d *Decoder) image() image.Image {
	c := &d.components[0]
	if len(d.components) == 1 || d.fast {
		size := image.Rect(0, 0, max(1, d.width/d.scale), max(1, d.height/d.scale))
		d.gray = image.Gray{Pix: c.plane, Stride: c.stride, Rect: size}
		return &d.gray
	}
	d.ycbcr.Rect = image.Rect(0, 0, d.width, d.height)
	d.ycbcr.Y, d.ycbcr.YStride = c.plane, c.stride
	d.ycbcr.Cb, d.ycbcr.Cr = d.components[1].plane, d.components[2].plane
	d.ycbcr.CStride = d.components[1].stride
	return &d.ycbcr
}

func ceil(a, b int) int { return (a + b - 1) / b }

// resized is a slice of n values, in the memory of s if that is enough.
func resized[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}
