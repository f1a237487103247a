package picture_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"runtime"
	"testing"
	"time"

	"github.com/breakwater-project/breakwater/picture"
)

// segment is one of a JPEG file.
func segment(marker byte, body ...byte) []byte {
	return append(binary.BigEndian.AppendUint16([]byte{0xff, marker}, uint16(len(body)+2)), body...)
}

// claimed are short files that claim to be large.
func claimed(width, height int) map[string][]byte {
	w, h := uint16(width), uint16(height)
	jpeg := append([]byte{0xff, 0xd8}, segment(0xc2, 8, byte(h>>8), byte(h), byte(w>>8), byte(w), 1, 1, 0x11, 0)...)
	png := append([]byte("\x89PNG\r\n\x1a\n"), chunk("IHDR", 0, 0, byte(w>>8), byte(w), 0, 0, byte(h>>8), byte(h), 16, 6, 0, 0, 0)...)
	png = append(append(png, chunk("IDAT", 0x78, 0x9c)...), chunk("IEND")...)
	gif := append([]byte("GIF89a"), byte(w), byte(w>>8), byte(h), byte(h>>8), 0, 0, 0)
	gif = append(gif, 0x2c, 0, 0, 0, 0, byte(w), byte(w>>8), byte(h), byte(h>>8), 0x80, 0, 0, 0, 255, 255, 255, 2, 0)
	webp := append([]byte("RIFF\x1a\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x00\x00\x00\x00"), byte(w-1), byte((w-1)>>8), 0, byte(h-1), byte((h-1)>>8), 0)
	webp = append(webp, "VP8L\x06\x00\x00\x00"...)
	webp = append(webp, 0x2f, byte(w-1), byte((w-1)>>8&0x3f)|byte((h-1)<<6), byte((h-1)>>2), byte((h-1)>>10&0xf), 0)
	return map[string][]byte{picture.JPEG: jpeg, picture.PNG: png, picture.GIF: gif, picture.WebP: webp}
}

func chunk(id string, body ...byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
	b = append(append(b, id...), body...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[4:]))
}

// A short file that claims to be large takes no memory for it: it is refused
// by its size, or because so little can't hold so much.
func TestClaims(t *testing.T) {
	for _, test := range []struct {
		width, height int
		want          error
	}{{16000, 16000, picture.ErrLimit}, {9000, 9000, picture.ErrDamaged}} {
		for mime, data := range claimed(test.width, test.height) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := picture.Decode(t.Context(), data, picture.Limits{})
			runtime.ReadMemStats(&after)
			if !errors.Is(err, test.want) {
				t.Errorf("%s of %d × %d: %v", mime, test.width, test.height, err)
			}
			most := uint64(1 << 20)
			if test.width == 9000 && mime != picture.JPEG && mime != picture.PNG {
				most = 9000 * 9000 * 5 // one canvas, and its indices
			}
			if took := after.TotalAlloc - before.TotalAlloc; took > most {
				t.Errorf("%s of %d × %d: %d bytes of memory for %d", mime, test.width, test.height, took, len(data))
			}
		}
	}
}

// A progressive JPEG file whose many scans say nothing of many blocks ends
// when its time does.
func TestEndlessScans(t *testing.T) {
	counts := func(of ...byte) []byte { return append(of, make([]byte, 16-len(of))...) }
	file := []byte{0xff, 0xd8}
	file = append(file, segment(0xdb, append([]byte{0}, bytes.Repeat([]byte{1}, 64)...)...)...)
	file = append(file, segment(0xc2, 8, 0x1f, 0x40, 0x1f, 0x40, 1, 1, 0x11, 0)...)            // 8000 × 8000, a million blocks
	file = append(file, segment(0xc4, append(append([]byte{0x00}, counts(1)...), 0)...)...)    // DC: 0 is no difference
	file = append(file, segment(0xc4, append(append([]byte{0x10}, counts(1)...), 0xe0)...)...) // AC: 0 ends up to 32767 blocks
	file = append(file, segment(0xda, 1, 1, 0x00, 0, 0, 0)...)
	file = append(file, make([]byte, 1_000_000/8)...)
	scan := append(segment(0xda, 1, 1, 0x00, 1, 63, 0), bytes.Repeat([]byte{0x7f, 0xfe}, 31)...) // runs of the longest kind
	file = append(file, bytes.Repeat(scan, 100_000)...)
	_, err := picture.Decode(t.Context(), file, picture.Limits{Time: 200 * time.Millisecond})
	if !errors.Is(err, picture.ErrLimit) {
		t.Errorf("%d bytes: %v", len(file), err)
	}
}
