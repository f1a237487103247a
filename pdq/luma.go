package pdq

import (
	"image"
	"image/color"
)

// shades are the parts of red, green and blue in luma, for each of their 256
// values and rounded as the reference rounds them.
var shades = func() (s [3][256]float32) {
	for i := range 256 {
		s[0][i] = float32(0.299) * float32(i)
		s[1][i] = float32(0.587) * float32(i)
		s[2][i] = float32(0.114) * float32(i)
	}
	return s
}()

func luma(r, g, b uint8) float32 { return shades[0][r] + shades[1][g] + shades[2][b] }

// lumaRow gives the luma of the pixels of an image at y, in the image's own
// coordinates.
func lumaRow(out []float32, img image.Image, y int) {
	left := img.Bounds().Min.X
	switch m := img.(type) {
	case *image.Gray:
		for x, v := range m.Pix[m.PixOffset(left, y):][:len(out)] {
			out[x] = luma(v, v, v) // as Hasher-Matcher-Actioner does, which turns grey to colour
		}
	case *image.YCbCr:
		lumaYCbCr(out, m, left, y)
	case *image.NYCbCrA:
		lumaYCbCr(out, &m.YCbCr, left, y)
	case *image.NRGBA:
		pix := m.Pix[m.PixOffset(left, y):][:4*len(out)]
		for x := range out {
			p := pix[4*x : 4*x+4 : 4*x+4]
			out[x] = luma(p[0], p[1], p[2])
		}
	case *image.RGBA:
		pix := m.Pix[m.PixOffset(left, y):][:4*len(out)]
		for x := range out {
			p := pix[4*x : 4*x+4 : 4*x+4]
			if p[3] != 0xff {
				out[x] = lumaBeneath(color.RGBA{p[0], p[1], p[2], p[3]}.RGBA())
				continue
			}
			out[x] = luma(p[0], p[1], p[2])
		}
	case image.RGBA64Image:
		for x := range out {
			out[x] = lumaBeneath(m.RGBA64At(left+x, y).RGBA())
		}
	default:
		for x := range out {
			c := img.At(left+x, y)
			if n, ok := c.(color.NRGBA); ok {
				out[x] = luma(n.R, n.G, n.B)
				continue
			}
			out[x] = lumaBeneath(c.RGBA())
		}
	}
}

// lumaBeneath is the luma of a colour multiplied with its opacity, without the
// latter. What is wholly transparent is black.
func lumaBeneath(r, g, b, a uint32) float32 {
	if a == 0 {
		return 0
	}
	return luma(uint8(r*0xffff/a>>8), uint8(g*0xffff/a>>8), uint8(b*0xffff/a>>8))
}

// lumaYCbCr turns colour differences to red, green and blue as libjpeg does,
// which made the pixels that others hash. Where two pixels across share a
// difference (4:2:0 and 4:2:2, nearly every JPEG file), libjpeg draws it
// smoothly: three parts of the nearest one and one part of the next nearest,
// in each direction that is halved. Taking the nearest only, as Go's At does,
// moved 8 bits of a good hash and 22 of a poor one; so it moves 4 and 2.
func lumaYCbCr(out []float32, m *image.YCbCr, left, y int) {
	light := m.Y[m.YOffset(left, y):][:len(out)]
	halved := m.SubsampleRatio == image.YCbCrSubsampleRatio420 || m.SubsampleRatio == image.YCbCrSubsampleRatio422
	if !halved || (left|m.Rect.Min.Y)&1 != 0 || left < 0 || m.Rect.Min.Y < 0 {
		for x := range out {
			c := m.COffset(left+x, y)
			out[x] = lumaDifferences(light[x], int(m.Cb[c])-128, int(m.Cr[c])-128)
		}
		return
	}
	far, roundLeft, roundRight := y, 4, 8
	if m.SubsampleRatio == image.YCbCrSubsampleRatio420 {
		far, roundLeft, roundRight = min(max(y+2*(y&1*2-1), m.Rect.Min.Y), m.Rect.Max.Y-1), 8, 7
	}
	n := (len(out) + 1) / 2
	nearAt, farAt := m.COffset(left, y), m.COffset(left, far)
	nearB, nearR, farB, farR := m.Cb[nearAt:][:n], m.Cr[nearAt:][:n], m.Cb[farAt:][:n], m.Cr[farAt:][:n]
	sum := func(near, far uint8) int { return 3*int(near) + int(far) - 4*128 }
	b, r := sum(nearB[0], farB[0]), sum(nearR[0], farR[0])
	lastB, lastR := b, r
	for i := range n {
		nextB, nextR := b, r
		if i+1 < n {
			nextB, nextR = sum(nearB[i+1], farB[i+1]), sum(nearR[i+1], farR[i+1])
		}
		out[2*i] = lumaDifferences(light[2*i], (3*b+lastB+roundLeft)>>4, (3*r+lastR+roundLeft)>>4)
		if x := 2*i + 1; x < len(out) {
			out[x] = lumaDifferences(light[x], (3*b+nextB+roundRight)>>4, (3*r+nextR+roundRight)>>4)
		}
		lastB, lastR, b, r = b, r, nextB, nextR
	}
}

// lumaDifferences is the luma of a pixel of JPEG's colours: how light it is,
// and how much bluer and redder than grey, in libjpeg's 16 bits of fraction.
func lumaDifferences(light uint8, blue, red int) float32 {
	const half = 1 << 15
	y := int(light) + 256
	return clamped[0][y+(91881*red+half)>>16] +
		clamped[1][y+(-22554*blue-46802*red+half)>>16] +
		clamped[2][y+(116130*blue+half)>>16]
}

// clamped are shades from -256 to 511, where differences may lead: what is
// under 0 is 0, and what is above 255 is 255.
var clamped = func() (s [3][768]float32) {
	for i := range s {
		for v := range s[i] {
			s[i][v] = shades[i][min(max(v-256, 0), 255)]
		}
	}
	return s
}()
