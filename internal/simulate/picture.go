package simulate

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"math"
	"math/rand/v2"
)

// Size of a picture, in pixels.
const (
	pictureWidth  = 256
	pictureHeight = 160
	shades        = 64
)

// albumSize is how many different pictures a world has: people repost.
const albumSize = 96

// album is the pictures that were drawn so far.
type album struct {
	seed  uint64
	drawn [albumSize][]byte
}

// pick is one of the album's pictures.
func (a *album) pick(rnd *rand.Rand) []byte {
	i := rnd.IntN(albumSize)
	if a.drawn[i] == nil {
		a.drawn[i] = picture(rand.New(rand.NewPCG(a.seed, 100+uint64(i))))
	}
	return a.drawn[i]
}

// picture draws a benign PNG of two or three thousand bytes: a sky that fades,
// with discs and hills.
func picture(rnd *rand.Rand) []byte {
	img := image.NewPaletted(image.Rect(0, 0, pictureWidth, pictureHeight), palette(rnd))
	for y := range pictureHeight {
		row := img.Pix[y*img.Stride:][:pictureWidth]
		for x := range row {
			row[x] = uint8(y * shades / pictureHeight)
		}
	}
	for range 1 + rnd.IntN(4) {
		disc(img, rnd.IntN(pictureWidth), rnd.IntN(pictureHeight), 10+rnd.IntN(34), uint8(shades+rnd.IntN(3)))
	}
	for hill := range 2 {
		disc(img, rnd.IntN(pictureWidth), pictureHeight+150-hill*34, 180+rnd.IntN(50), uint8(shades+3+hill))
	}
	var b bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestSpeed}
	if err := encoder.Encode(&b, img); err != nil {
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

// disc fills a circle, row by row.
func disc(img *image.Paletted, cx, cy, radius int, c uint8) {
	for y := max(0, cy-radius); y < min(pictureHeight, cy+radius); y++ {
		half := int(math.Sqrt(float64(radius*radius - (y-cy)*(y-cy))))
		from, to := max(0, cx-half), min(pictureWidth, cx+half)
		for x := from; x < to; x++ {
			img.Pix[y*img.Stride+x] = c
		}
	}
}
