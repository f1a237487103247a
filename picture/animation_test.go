package picture_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"image/color"
	"image/gif"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/breakwater-project/breakwater/picture"
)

var palette = color.Palette{color.Transparent, color.White, color.NRGBA{255, 0, 0, 255}, color.NRGBA{0, 0, 255, 255}}

// square is a cel of one colour of the palette.
func square(at image.Rectangle, colour uint8) *image.Paletted {
	m := image.NewPaletted(at, palette)
	for i := range m.Pix {
		m.Pix[i] = colour
	}
	return m
}

// animated is a GIF of 40 × 20 pixels: white, then its left half red, gone
// again, then its right half blue, which stays, then nothing.
func animated(t testing.TB) []byte {
	t.Helper()
	all := image.Rect(0, 0, 40, 20)
	left, right := image.Rect(0, 0, 20, 20), image.Rect(20, 0, 40, 20)
	var b bytes.Buffer
	err := gif.EncodeAll(&b, &gif.GIF{
		Image:    []*image.Paletted{square(all, 1), square(left, 2), square(right, 3), square(left, 0), square(left, 2), square(right, 0)},
		Delay:    make([]int, 6),
		Disposal: []byte{gif.DisposalNone, gif.DisposalPrevious, gif.DisposalNone, 0, gif.DisposalBackground, 0},
		Config:   image.Config{Width: 40, Height: 20},
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// halves names the colours of the two halves of each frame.
func halves(t *testing.T, data []byte, n int) (seen []string) {
	t.Helper()
	names := map[color.NRGBA]string{{}: "-", {255, 255, 255, 255}: "white", {255, 0, 0, 255}: "red", {0, 0, 255, 255}: "blue"}
	for m, err := range picture.Frames(t.Context(), data, n, picture.Limits{}) {
		if err != nil {
			t.Fatal(err)
		}
		if m.Bounds() != image.Rect(0, 0, 40, 20) {
			t.Errorf("%v", m.Bounds())
		}
		at := func(x int) string {
			c, ok := color.NRGBAModel.Convert(m.At(x, 10)).(color.NRGBA)
			if !ok || names[c] == "" {
				t.Errorf("%v", c)
			}
			return names[c]
		}
		seen = append(seen, at(5)+" "+at(35))
	}
	return seen
}

func TestFrames(t *testing.T) {
	data := animated(t)
	all := []string{"white white", "red white", "white blue", "white blue", "red blue", "- blue"}
	for n, want := range map[int][]string{
		0: nil, 1: all[:1], 2: {all[0], all[3]}, 3: {all[0], all[2], all[4]}, 5: {all[0], all[1], all[2], all[3], all[4]}, 6: all, 7: all, 1000: all,
	} {
		if diff := cmp.Diff(want, halves(t, data, n)); diff != "" {
			t.Errorf("%d frames (-want +got):\n%s", n, diff)
		}
	}
	hasher := new(picture.Hasher)
	hashed, err := hasher.Frames(t.Context(), data, 6)
	if err != nil || len(hashed) != 6 || hashed[0].Quality != 0 || hashed[1].Hash == hashed[2].Hash || hashed[2].Hash != hashed[3].Hash {
		t.Errorf("%+v, %v", hashed, err)
	}
	stop := 0
	for range picture.Frames(t.Context(), data, 6, picture.Limits{}) {
		if stop++; stop == 2 {
			break
		}
	}
}

// Frames before the damage are given, and then the error.
func TestFramesTorn(t *testing.T) {
	data := animated(t)
	hasher := new(picture.Hasher)
	all, err := hasher.Frames(t.Context(), data[:len(data)*2/3], 6)
	if !errors.Is(err, picture.ErrDamaged) || len(all) == 0 || len(all) > 5 {
		t.Errorf("behind whole frames: %d, %v", len(all), err)
	}
	whole := animated(t)
	if last := len(whole) - 1; whole[last] != 0x3b {
		t.Fatal("the file does not end with its trailer")
	} else if all, err := hasher.Frames(t.Context(), whole[:last], 6); err != nil || len(all) == 0 {
		t.Errorf("without the last byte, as many are: %d, %v", len(all), err)
	}
	data[len(data)/2-2] ^= 0xff
	all, err = hasher.Frames(t.Context(), data, 6)
	if err != nil && !errors.Is(err, picture.ErrDamaged) || len(all) == 0 {
		t.Errorf("in the middle: %d, %v", len(all), err)
	}
}

// A frame that does not lie on the canvas hides nothing: the frames before it
// are given, and that there is more, however few are asked for.
func TestFramesBehindABrokenOne(t *testing.T) {
	gif := animated(t)
	images := 0
	for i := 0; i+10 < len(gif); i++ {
		if gif[i] == 0x2c && gif[i-8] == 0x21 && gif[i-7] == 0xf9 { // behind its control block
			if images++; images == 2 {
				gif[i+2], gif[i+1] = 0xff, 0xff // its left edge
				break
			}
		}
	}
	if images != 2 {
		t.Fatalf("%d image blocks found", images)
	}
	webp := animatedWebP(t)
	second := bytes.LastIndex(webp, []byte("ANMF"))
	webp[second+8] = 0xff // its left edge
	for name, data := range map[string][]byte{"GIF": gif, "WebP": webp} {
		for _, n := range []int{2, 8} {
			all, err := new(picture.Hasher).Frames(t.Context(), data, n)
			if len(all) != 1 || !errors.Is(err, picture.ErrDamaged) {
				t.Errorf("%s, %d frames: %d, %v; want one and that it is damaged", name, n, len(all), err)
			}
		}
	}
}

// animatedWebP lays the picture of webp on a canvas, twice, with a gap of
// nothing between.
func animatedWebP(t testing.TB) []byte {
	t.Helper()
	still := unbase64(t, webp)[12:] // its one chunk
	var body bytes.Buffer
	chunk := func(id string, parts ...[]byte) {
		all := bytes.Join(parts, nil)
		body.WriteString(id)
		_ = binary.Write(&body, binary.LittleEndian, uint32(len(all)))
		body.Write(all)
		if len(all)%2 == 1 {
			body.WriteByte(0)
		}
	}
	frame := func(x, y, flags byte) []byte { return []byte{x, 0, 0, y, 0, 0, 23, 0, 0, 17, 0, 0, 40, 0, 0, flags} }
	chunk("VP8X", []byte{0x12, 0, 0, 0, 47, 0, 0, 35, 0, 0}) // 48 × 36
	chunk("ANIM", make([]byte, 6))
	chunk("ANMF", frame(0, 0, 1), still)
	chunk("ANMF", frame(12, 9, 2), still)
	file := append([]byte("RIFF"), binary.LittleEndian.AppendUint32(nil, uint32(body.Len()+4))...)
	return append(append(file, "WEBP"...), body.Bytes()...)
}

func TestFramesWebP(t *testing.T) {
	data := animatedWebP(t)
	var corners [][2]bool
	for m, err := range picture.Frames(t.Context(), data, 9, picture.Limits{}) {
		if err != nil {
			t.Fatal(err)
		}
		if m.Bounds() != image.Rect(0, 0, 48, 36) {
			t.Errorf("%v", m.Bounds())
		}
		drawn := func(x, y int) bool { _, _, _, a := m.At(x, y).RGBA(); return a != 0 }
		corners = append(corners, [2]bool{drawn(3, 3), drawn(40, 30)})
	}
	if want := [][2]bool{{true, false}, {false, true}}; !cmp.Equal(want, corners) {
		t.Errorf("%v, want %v", corners, want)
	}
	if m, err := picture.Decode(t.Context(), data[:len(data)-20], picture.Limits{}); err != nil || m.Bounds().Dx() != 48 {
		t.Errorf("the first frame of a torn file: %v", err)
	}
}
