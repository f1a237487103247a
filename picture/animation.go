package picture

import (
	"image"
	"image/color"
	"image/draw"
)

// cel is a picture laid on the canvas of an animation. It is decoded only
// when it is drawn.
type cel struct {
	at      image.Rectangle
	decode  func() (image.Image, error)
	after   disposal
	replace bool // also by what is transparent
}

// disposal is what becomes of a cel before the next one is drawn.
type disposal uint8

const (
	keep disposal = iota
	erase
	restore
)

// animation draws cels on one another.
type animation struct {
	job    *job
	cel    func() (cel, error) // the next one
	count  int                 // of cels
	frames int                 // to give of them
	size   image.Point
	broken error // where counting ended before the file did: told after the frames

	drawn, given int
	canvas       *image.NRGBA
	beneath      *image.NRGBA // what the last cel lies on, if that is to be restored
	last         cel
}

// next gives the next of the frames that are spread over the animation.
func (a *animation) next() (image.Image, error) {
	if a.given == min(a.frames, a.count) {
		if a.broken != nil {
			return nil, a.broken
		}
		return nil, errEnd
	}
	until := a.given
	if a.frames < a.count {
		until = a.given * a.count / a.frames
	}
	a.given++
	for {
		c, err := a.cel()
		if err != nil {
			return nil, err
		}
		if err := a.job.Proceed(); err != nil {
			return nil, err
		}
		m, err := c.decode()
		if err != nil {
			return nil, err
		}
		a.drawn++
		if a.frames == 1 && c.at == (image.Rectangle{Max: a.size}) {
			return m, nil // nothing lies beneath, and nothing will on top
		}
		a.draw(c, m)
		if a.drawn > until {
			return a.canvas, nil
		}
	}
}

func (a *animation) draw(c cel, m image.Image) {
	if a.canvas == nil {
		a.canvas = image.NewNRGBA(image.Rectangle{Max: a.size})
	}
	switch a.last.after {
	case erase:
		draw.Draw(a.canvas, a.last.at, image.Transparent, image.Point{}, draw.Src)
	case restore:
		draw.Draw(a.canvas, a.last.at, a.beneath, a.last.at.Min, draw.Src)
	}
	a.last = c
	if c.after == restore {
		if a.beneath == nil {
			a.beneath = image.NewNRGBA(a.canvas.Rect)
		}
		copy(a.beneath.Pix, a.canvas.Pix)
	}
	p, ok := m.(*image.Paletted)
	switch {
	case ok:
		overlay(a.canvas, p, c.at)
	case c.replace:
		draw.Draw(a.canvas, c.at, m, m.Bounds().Min, draw.Src)
	default:
		draw.Draw(a.canvas, c.at, m, m.Bounds().Min, draw.Over)
	}
}

// overlay draws the colours of a palette, each wholly there or not at all.
func overlay(canvas *image.NRGBA, m *image.Paletted, at image.Rectangle) {
	var colours [256]color.NRGBA
	for i, c := range m.Palette {
		colours[i], _ = color.NRGBAModel.Convert(c).(color.NRGBA)
	}
	for y := range at.Dy() {
		row := m.Pix[y*m.Stride:][:at.Dx()]
		to := canvas.Pix[canvas.PixOffset(at.Min.X, at.Min.Y+y):][:4*len(row)]
		for x, i := range row {
			if c := colours[i]; c.A != 0 {
				to[4*x], to[4*x+1], to[4*x+2], to[4*x+3] = c.R, c.G, c.B, c.A
			}
		}
	}
}
