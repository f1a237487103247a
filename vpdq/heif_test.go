package vpdq

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/breakwater-project/breakwater/pdq"
	"github.com/breakwater-project/breakwater/picture"
)

func number(size, n int) []byte {
	return binary.BigEndian.AppendUint64(nil, uint64(n))[8-size:]
}

func makeBox(name string, parts ...[]byte) []byte {
	body := bytes.Join(parts, nil)
	return append(append(number(4, 8+len(body)), name...), body...)
}

func fullBox(name string, version int, parts ...[]byte) []byte {
	return makeBox(name, append([][]byte{number(4, version<<24)}, parts...)...)
}

// makeHEIF writes a grid of images of HEVC, as a phone does: item 1 is the
// grid, the tiles follow. sets are the units that a decoder must know.
func makeHEIF(columns, rows, width, height, tileWidth, tileHeight int, sets [][]byte, tiles [][]byte) []byte {
	config := append(make([]byte, 21), 3, byte(len(sets)))
	for _, set := range sets {
		config = append(append(append(config, 0, 0, 1), number(2, len(set))...), set...)
	}
	grid := append([]byte{0, 0, byte(rows - 1), byte(columns - 1)}, append(number(2, width), number(2, height)...)...)
	infos := [][]byte{number(2, 1+len(tiles)), fullBox("infe", 2, number(2, 1), number(2, 0), []byte("grid\x00"))}
	references := [][]byte{number(2, 1), number(2, len(tiles))}
	owners := [][]byte{number(4, 1+len(tiles)), number(2, 1), {1, 3}}
	places := [][]byte{{0x44, 0}, number(2, 1+len(tiles)), number(2, 1), number(2, 1), number(2, 0), number(2, 1), number(4, 0), number(4, len(grid))}
	data := []byte("")
	for i, tile := range tiles {
		id := number(2, 2+i)
		infos = append(infos, fullBox("infe", 2, id, number(2, 0), []byte("hvc1\x00")))
		references = append(references, id)
		owners = append(owners, id, []byte{2, 1, 2})
		places = append(places, id, number(2, 0), number(2, 0), number(2, 1), number(4, len(data)), number(4, 4+len(tile)))
		data = append(append(data, number(4, len(tile))...), tile...)
	}
	build := func(start int) []byte {
		moved := bytes.Clone(bytes.Join(places, nil))
		for i := range tiles { // offsets count from the beginning of the file
			at := 4 + 16 + 16*i + 8
			binary.BigEndian.PutUint32(moved[at:], binary.BigEndian.Uint32(moved[at:])+uint32(start))
		}
		return append(makeBox("ftyp", []byte("heic"), number(4, 0), []byte("mif1heic")), fullBox("meta", 0,
			fullBox("hdlr", 0, make([]byte, 4), []byte("pict"), make([]byte, 13)),
			fullBox("pitm", 0, number(2, 1)),
			fullBox("iloc", 1, moved),
			fullBox("iinf", 0, infos...),
			fullBox("iref", 0, makeBox("dimg", references...)),
			makeBox("iprp",
				makeBox("ipco", makeBox("hvcC", config), fullBox("ispe", 0, number(4, tileWidth), number(4, tileHeight)), fullBox("ispe", 0, number(4, width), number(4, height))),
				fullBox("ipma", 0, owners...)),
			makeBox("idat", grid))...)
	}
	start := len(build(0)) + 8
	return append(build(start), makeBox("mdat", data)...)
}

var twoTiles = makeHEIF(2, 1, 70, 30, 40, 32, [][]byte{{0x40, 1}, {0x42, 2}}, [][]byte{{0x26, 3, 4}, {0x26, 5}})

func TestParseHEIF(t *testing.T) {
	h, err := parseHEIF(twoTiles, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if h.width != 70 || h.height != 30 || h.columns != 2 || h.rows != 1 || h.tileWidth != 40 || h.tileHeight != 32 {
		t.Errorf("%+v", h)
	}
	want := []byte{0, 0, 0, 1, 0x40, 1, 0, 0, 0, 1, 0x42, 2, 0, 0, 0, 1, 0x26, 3, 4, 0, 0, 0, 1, 0x26, 5}
	if !bytes.Equal(h.stream, want) {
		t.Errorf("% x", h.stream)
	}
}

func TestParseHEIFRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		file   []byte
		pixels int64
		want   error
	}{
		"nothing":           {nil, 1 << 20, picture.ErrDamaged},
		"torn":              {twoTiles[:len(twoTiles)-3], 1 << 20, picture.ErrDamaged},
		"no meta":           {twoTiles[:24], 1 << 20, picture.ErrDamaged},
		"too large":         {twoTiles, 70*30 - 1, picture.ErrLimit},
		"a tile too few":    {makeHEIF(2, 1, 70, 30, 40, 32, nil, [][]byte{{1}}), 1 << 20, picture.ErrDamaged},
		"not covered":       {makeHEIF(2, 1, 90, 30, 40, 32, nil, [][]byte{{1}, {2}}), 1 << 20, picture.ErrDamaged},
		"no size":           {makeHEIF(1, 1, 0, 30, 40, 32, nil, [][]byte{{1}}), 1 << 20, picture.ErrDamaged},
		"of another format": {bytes.ReplaceAll(twoTiles, []byte("grid"), []byte("iovl")), 1 << 20, picture.ErrFormat},
	} {
		if _, err := parseHEIF(test.file, test.pixels); !errors.Is(err, test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for i := range twoTiles { // nothing is believed
		damaged := bytes.Clone(twoTiles)
		damaged[i] ^= 0xff
		_, _ = parseHEIF(damaged, 1<<20)
	}
}

// FuzzParseHEIF: what is parsed keeps to the limit, and is no larger than the
// file by more than start codes.
func FuzzParseHEIF(f *testing.F) {
	f.Add(twoTiles)
	f.Add(makeHEIF(1, 2, 40, 60, 40, 32, [][]byte{{0x40}}, [][]byte{{1, 2, 3}, {4}}))
	f.Fuzz(func(t *testing.T, file []byte) {
		h, err := parseHEIF(file, 1<<16)
		if err != nil {
			if !errors.Is(err, picture.ErrDamaged) && !errors.Is(err, picture.ErrFormat) && !errors.Is(err, picture.ErrLimit) {
				t.Error(err)
			}
			return
		}
		if h.width*h.height > 1<<16 || h.width < 1 || h.height < 1 || len(h.stream) > 2*len(file) || h.columns*h.rows < 1 {
			t.Errorf("%d × %d, %d bytes of %d", h.width, h.height, len(h.stream), len(file))
		}
	})
}

// encode has ffmpeg encode a test picture, or skips.
func encode(t *testing.T, name string, arguments ...string) []byte {
	t.Helper()
	if err := new(FFmpeg).Installed(); err != nil {
		t.Skip(err)
	}
	out := filepath.Join(t.TempDir(), name)
	all := append([]string{"-v", "error", "-f", "lavfi", "-i", "testsrc2=size=480x320:rate=1:duration=1"}, arguments...)
	if said, err := exec.CommandContext(t.Context(), "ffmpeg", append(all, out)...).CombinedOutput(); err != nil {
		t.Skipf("this ffmpeg does not encode %s: %s", name, said)
	}
	data, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// hevc gives the units of one image of HEVC, those that a decoder must know
// apart.
func hevc(t *testing.T, filter string) (sets [][]byte, tile []byte) {
	t.Helper()
	stream := encode(t, "tile.hevc", "-vf", filter, "-c:v", "libx265", "-x265-params", "log-level=none:info=0", "-pix_fmt", "yuv420p")
	for unit := range bytes.SplitSeq(stream, []byte{0, 0, 1}) {
		unit = bytes.TrimRight(unit, "\x00")
		switch {
		case len(unit) == 0:
		case unit[0]>>1&63 >= 32:
			sets = append(sets, unit)
		default:
			tile = unit
		}
	}
	return sets, tile
}

func near(t *testing.T, got image.Image, want []byte) {
	t.Helper()
	original, err := picture.Decode(t.Context(), want, picture.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if got.Bounds() != original.Bounds() {
		t.Errorf("%v, want %v", got.Bounds(), original.Bounds())
	}
	if d := pdq.FromImage(got).Hash.Distance(pdq.FromImage(original.Image).Hash); d > 12 {
		t.Errorf("distance %d", d)
	}
}

// Two tiles are laid side by side, and what the right one has beyond the
// picture is cut off.
func TestStillHEIC(t *testing.T) {
	sets, left := hevc(t, "crop=256:320:0:0")
	_, right := hevc(t, "pad=512:320,crop=256:320:256:0")
	data := makeHEIF(2, 1, 480, 320, 256, 320, sets, [][]byte{left, right})
	m, err := new(FFmpeg).Still(t.Context(), data, picture.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	near(t, m, encode(t, "want.png", "-frames:v", "1"))
	hasher := &picture.Hasher{Other: new(FFmpeg).Still}
	if got, err := hasher.Hash(t.Context(), data); err != nil || got.Type != picture.HEIC || got.Width != 480 || got.Height != 320 {
		t.Errorf("%s of %d × %d, %v", got.Type, got.Width, got.Height, err)
	}
	lies := makeHEIF(2, 1, 480, 320, 300, 320, sets, [][]byte{left, right})
	if _, err := new(FFmpeg).Still(t.Context(), lies, picture.Limits{}); !errors.Is(err, picture.ErrDamaged) {
		t.Errorf("tiles of another size than it says: %v", err)
	}
	less := makeHEIF(2, 1, 480, 320, 256, 320, sets, [][]byte{left, left[:20]})
	if _, err := new(FFmpeg).Still(t.Context(), less, picture.Limits{}); !errors.Is(err, picture.ErrDamaged) {
		t.Errorf("a tile that is torn: %v", err)
	}
}

func TestStillAVIF(t *testing.T) {
	data := encode(t, "picture.avif", "-frames:v", "1", "-c:v", "libaom-av1", "-cpu-used", "8", "-still-picture", "1")
	m, err := new(FFmpeg).Still(t.Context(), data, picture.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	near(t, m, encode(t, "want.png", "-frames:v", "1"))
	if _, err := new(FFmpeg).Still(t.Context(), data, picture.Limits{Pixels: 480*320 - 1}); !errors.Is(err, picture.ErrLimit) {
		t.Errorf("too large: %v", err)
	}
	if _, err := (&FFmpeg{Path: "no-such-program"}).Still(t.Context(), data, picture.Limits{}); !errors.Is(err, picture.ErrFormat) {
		t.Errorf("without ffmpeg: %v", err)
	}
	hasher := &picture.Hasher{}
	if _, err := hasher.Hash(t.Context(), data); !errors.Is(err, picture.ErrFormat) {
		t.Errorf("without Other: %v", err)
	}
}
