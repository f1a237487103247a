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
			out[x] = float32(v)
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
				out[x] = lumaOf(color.RGBA{p[0], p[1], p[2], p[3]})
				continue
			}
			out[x] = luma(p[0], p[1], p[2])
		}
	case image.RGBA64Image:
		for x := range out {
			out[x] = lumaOf(m.RGBA64At(left+x, y))
		}
	default:
		for x := range out {
			out[x] = lumaOf(img.At(left+x, y))
		}
	}
}

// lumaOf is the luma of a colour without its transparency. What is wholly
// transparent is black.
func lumaOf(c color.Color) float32 {
	n, ok := color.NRGBAModel.Convert(c).(color.NRGBA)
	if !ok {
		return 0 // NRGBAModel gives nothing else
	}
	return luma(n.R, n.G, n.B)
}

// lumaYCbCr turns colour differences to red, green and blue as libjpeg does,
// which made the pixels that others hash. Where two pixels across share a
// difference (4:2:0 and 4:2:2, nearly every JPEG file), libjpeg draws it
// smoothly: three parts of the nearest one and one part of the next nearest,
// in each direction that is halved. Nearest is enough for the eye, but moves
// up to ten bits of a hash.
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
	near, far, roundLeft, roundRight := y, y, 4, 8
	if m.SubsampleRatio == image.YCbCrSubsampleRatio420 {
		far, roundLeft, roundRight = min(max(y+2*(y&1*2-1), m.Rect.Min.Y), m.Rect.Max.Y-1), 8, 7
	}
	n := (len(out) + 1) / 2
	blue := [2][]uint8{m.Cb[m.COffset(left, near):][:n], m.Cb[m.COffset(left, far):][:n]}
	red := [2][]uint8{m.Cr[m.COffset(left, near):][:n], m.Cr[m.COffset(left, far):][:n]}
	sum := func(d *[2][]uint8, i int) int { return 3*int(d[0][i]) + int(d[1][i]) - 4*128 }
	b, r := sum(&blue, 0), sum(&red, 0)
	lastB, lastR := b, r
	for i := range n {
		nextB, nextR := b, r
		if i+1 < n {
			nextB, nextR = sum(&blue, i+1), sum(&red, i+1)
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
	y := int(light)
	return luma(
		clamp(y+(91881*red+half)>>16),
		clamp(y+(-22554*blue-46802*red+half)>>16),
		clamp(y+(116130*blue+half)>>16),
	)
}

func clamp(v int) uint8 { return uint8(min(max(v, 0), 255)) }
