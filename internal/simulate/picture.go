package simulate

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"math/rand/v2"
)

// Size of a picture, in pixels.
const (
	pictureWidth  = 320
	pictureHeight = 200
	shades        = 64
)

// picture draws a benign PNG of two or three thousand bytes: a sky that fades,
// with discs and hills.
func picture(rnd *rand.Rand) []byte {
	img := image.NewPaletted(image.Rect(0, 0, pictureWidth, pictureHeight), palette(rnd))
	for y := range pictureHeight {
		for x := range pictureWidth {
			img.SetColorIndex(x, y, uint8(y*shades/pictureHeight))
		}
	}
	for range 1 + rnd.IntN(4) {
		disc(img, rnd.IntN(pictureWidth), rnd.IntN(pictureHeight), 10+rnd.IntN(34), uint8(shades+rnd.IntN(3)))
	}
	for hill := range 2 {
		disc(img, rnd.IntN(pictureWidth), pictureHeight+150-hill*34, 180+rnd.IntN(50), uint8(shades+3+hill))
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		panic(err) // a paletted image in memory always encodes
	}
	return b.Bytes()
}

// palette has the shades of a sky, then three bright colours and two dark ones.
func palette(rnd *rand.Rand) color.Palette {
	top, bottom := soft(rnd), soft(rnd)
	var p color.Palette
	for i := range shades {
		mix := func(a, b uint8) uint8 { return uint8((int(a)*(shades-1-i) + int(b)*i) / (shades - 1)) }
		p = append(p, color.RGBA{mix(top.R, bottom.R), mix(top.G, bottom.G), mix(top.B, bottom.B), 255})
	}
	for range 3 {
		p = append(p, soft(rnd))
	}
	return append(p, color.RGBA{36, 62, 74, 255}, color.RGBA{52, 92, 92, 255})
}

func soft(rnd *rand.Rand) color.RGBA {
	return color.RGBA{uint8(110 + rnd.IntN(146)), uint8(110 + rnd.IntN(146)), uint8(120 + rnd.IntN(136)), 255}
}

func disc(img *image.Paletted, cx, cy, radius int, c uint8) {
	for y := max(0, cy-radius); y < min(pictureHeight, cy+radius); y++ {
		for x := max(0, cx-radius); x < min(pictureWidth, cx+radius); x++ {
			if (x-cx)*(x-cx)+(y-cy)*(y-cy) < radius*radius {
				img.SetColorIndex(x, y, c)
			}
		}
	}
}
