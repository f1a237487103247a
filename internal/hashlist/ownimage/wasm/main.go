//go:build js && wasm

package main

import (
	"image"
	"syscall/js"

	"github.com/breakwater-project/breakwater/pdq"
)

// maxPixels bounds a picture: memory grows with it.
const maxPixels = 64 << 20

// main waits for the page to hand it the pixels of a picture, and hands back
// the hash. It has no way out of the page.
func main() {
	var hasher pdq.Hasher
	js.Global().Set("breakwaterPDQ", js.FuncOf(func(_ js.Value, args []js.Value) any {
		return hash(&hasher, args)
	}))
	select {} // as long as the page is open
}

// hash takes pixels (RGBA, a Uint8ClampedArray as a canvas gives it), width and
// height, and gives the hash and its quality, or nothing.
func hash(hasher *pdq.Hasher, args []js.Value) any {
	if len(args) != 3 {
		return js.Null()
	}
	width, height := args[1].Int(), args[2].Int()
	if width < 1 || height < 1 || width > maxPixels/height || args[0].Length() != 4*width*height {
		return js.Null()
	}
	pixels := make([]byte, 4*width*height)
	js.CopyBytesToGo(pixels, args[0])
	f := hasher.FromImage(&image.NRGBA{Pix: pixels, Stride: 4 * width, Rect: image.Rect(0, 0, width, height)})
	return map[string]any{"hash": f.Hash.String(), "quality": f.Quality}
}
