package vpdq

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/breakwater-project/breakwater/picture"
)

// heif is the picture of a HEIF file (ISO/IEC 23008-12) that is coded as HEVC:
// one image, or tiles row by row, which is what phones write. It is cut into
// what ffmpeg decodes, because of its versions some don't know the format and
// others give one tile of it.
type heif struct {
	width, height         int
	columns, rows         int
	tileWidth, tileHeight int
	stream                []byte // the tiles as a stream of HEVC, one frame each
	config                []byte // what the last of them told its decoder
}

var errHEIF = fmt.Errorf("%w: broken box", picture.ErrDamaged)

// parseHEIF reads a file. Only what its tiles need is taken in memory.
func parseHEIF(file []byte, pixels int64) (*heif, error) {
	meta, err := readMeta(file)
	if err != nil {
		return nil, err
	}
	h := &heif{columns: 1, rows: 1}
	tiles := []uint32{meta.primary}
	switch kind := meta.kinds[meta.primary]; kind {
	case "hvc1":
		if h.width, h.height, err = meta.size(meta.primary); err != nil {
			return nil, err
		}
	case "grid":
		tiles = meta.tiles[meta.primary]
		if err := h.grid(meta, len(tiles)); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("%w: a HEIF image of kind %q", picture.ErrFormat, kind)
	}
	if h.tileWidth, h.tileHeight, err = meta.size(tiles[0]); err != nil {
		return nil, err
	}
	if h.columns*h.tileWidth < h.width || h.rows*h.tileHeight < h.height {
		return nil, fmt.Errorf("%w: tiles that do not cover it", picture.ErrDamaged)
	}
	for _, most := range [][2]int{{h.width, h.height}, {h.columns * h.tileWidth, (h.rows*h.tileHeight + 1) / 2}} {
		if int64(most[0]) > pixels/int64(most[1]) {
			return nil, fmt.Errorf("%w: %d × %d pixels, and %d are allowed", picture.ErrLimit, h.width, h.height, pixels)
		}
	}
	for _, id := range tiles {
		if width, height, err := meta.size(id); err != nil || width != h.tileWidth || height != h.tileHeight {
			return nil, errors.Join(err, fmt.Errorf("%w: tiles of several sizes", picture.ErrDamaged))
		}
		if err := h.append(meta, id); err != nil {
			return nil, err
		}
	}
	return h, nil
}

// grid reads how tiles are laid.
func (h *heif) grid(meta *meta, tiles int) error {
	data, err := meta.data(meta.primary)
	if err != nil {
		return err
	}
	b := boxes{rest: data}
	b.number(1)
	size := 2 << (b.number(1) & 1)
	h.rows, h.columns = int(b.number(1))+1, int(b.number(1))+1
	h.width, h.height = int(b.number(size)), int(b.number(size))
	if b.broken || tiles != h.rows*h.columns || !sensible(h.width, h.height) {
		return errHEIF
	}
	return nil
}

// append adds an image to the stream: what its decoder must know, and then its
// units, each behind a start code instead of its length.
func (h *heif) append(meta *meta, id uint32) error {
	config := boxes{rest: meta.property(id, "hvcC")}
	known := bytes.Equal(h.config, config.rest)
	h.config = config.rest
	config.take(21)
	lengthSize := int(config.number(1)&3) + 1
	for range config.number(1) {
		config.take(1)
		for range config.count(2, 2) {
			if u := config.take(int(config.number(2))); !known {
				h.unit(u)
			}
		}
	}
	data, err := meta.data(id)
	if err != nil {
		return err
	}
	units := boxes{rest: data}
	for len(units.rest) > 0 && !units.broken {
		h.unit(units.take(int(units.number(lengthSize))))
	}
	if config.broken || units.broken || len(h.stream) > 2*len(meta.file) { // tiles may not share their data
		return errHEIF
	}
	return nil
}

func (h *heif) unit(u []byte) {
	if len(u) > 0 {
		h.stream = append(h.stream, 0, 0, 0, 1)
		h.stream = append(h.stream, u...)
	}
}

// mostMeta bounds what is read of items; phones write some thousand bytes.
const mostMeta = 1 << 20

// meta is what a HEIF file says of its items.
type meta struct {
	file, inner []byte // where data lies: in the file, or in a box of meta
	primary     uint32
	kinds       map[uint32]string
	places      map[uint32][]extent
	properties  []property
	owns        map[uint32][]int // places in properties
	tiles       map[uint32][]uint32
}

type property struct {
	name string
	body []byte
}

// extent is a piece of an item's data.
type extent struct {
	inner      bool
	at, length uint64
}

func readMeta(file []byte) (*meta, error) {
	m := &meta{file: file, kinds: map[uint32]string{}, places: map[uint32][]extent{}, owns: map[uint32][]int{}, tiles: map[uint32][]uint32{}}
	top := boxes{rest: file}
	for len(top.rest) > 0 && !top.broken {
		name, body := top.box()
		if name != "meta" {
			continue
		}
		if len(body) > mostMeta {
			return nil, fmt.Errorf("%w: a meta box of %d bytes", picture.ErrLimit, len(body))
		}
		inside := boxes{rest: body}
		inside.version()
		for len(inside.rest) > 0 && !inside.broken {
			name, body := inside.box()
			if !m.read(name, &boxes{rest: body}) {
				return nil, fmt.Errorf("%w %q", errHEIF, name)
			}
		}
		if inside.broken || len(m.kinds) == 0 {
			return nil, errHEIF
		}
		return m, nil
	}
	return nil, errHEIF
}

// read reads a box of meta.
func (m *meta) read(name string, b *boxes) bool {
	switch name {
	case "pitm":
		m.primary = b.id(b.version() > 0)
	case "iinf":
		b.number(2 + 2*min(1, b.version()))
		for len(b.rest) > 0 && !b.broken {
			_, body := b.box()
			item := boxes{rest: body}
			version := item.version()
			id := item.id(version > 2)
			item.take(2)
			m.kinds[id] = string(item.take(4))
		}
	case "iloc":
		m.readPlaces(b)
	case "idat":
		m.inner = b.rest
	case "iref":
		wide := b.version() > 0
		for len(b.rest) > 0 && !b.broken {
			name, body := b.box()
			refs := boxes{rest: body}
			from := refs.id(wide)
			var to []uint32
			for range refs.count(2, 2) {
				to = append(to, refs.id(wide))
			}
			if name == "dimg" && !refs.broken {
				m.tiles[from] = to
			}
		}
	case "iprp":
		for len(b.rest) > 0 && !b.broken {
			switch name, body := b.box(); name {
			case "ipco":
				for all := (&boxes{rest: body}); len(all.rest) > 0 && !all.broken; {
					name, body := all.box()
					m.properties = append(m.properties, property{name, body})
				}
			case "ipma":
				m.readOwners(&boxes{rest: body})
			}
		}
	}
	return !b.broken
}

// readPlaces reads where the data of items lies.
func (m *meta) readPlaces(b *boxes) {
	version := b.version()
	sizes := b.number(2)
	offsetSize, lengthSize, baseSize, indexSize := int(sizes>>12), int(sizes>>8&15), int(sizes>>4&15), int(sizes&15)
	if offsetSize+lengthSize == 0 || version > 2 {
		b.broken = true
	}
	for range b.count(2+2*(version/2), 6) {
		id, inner := b.id(version > 1), false
		if version > 0 {
			inner = b.number(2)&15 == 1
		}
		b.take(2)
		base := b.number(baseSize)
		for range b.count(2, offsetSize+lengthSize) {
			if version > 0 {
				b.number(indexSize)
			}
			at := base + b.number(offsetSize)
			m.places[id] = append(m.places[id], extent{inner, at, b.number(lengthSize)})
		}
		if b.broken {
			return
		}
	}
}

// readOwners reads which properties an item has.
func (m *meta) readOwners(b *boxes) {
	wideID, wide := b.version() > 0, b.flags&1
	for range b.count(4, 3) {
		id := b.id(wideID)
		for range b.count(1, 1) {
			at := b.number(1 + int(wide))
			m.owns[id] = append(m.owns[id], int(at&(1<<(7+8*wide)-1))-1)
		}
		if b.broken {
			return
		}
	}
}

// property is the first of its name that an item has.
func (m *meta) property(id uint32, name string) []byte {
	for _, at := range m.owns[id] {
		if at >= 0 && at < len(m.properties) && m.properties[at].name == name {
			return m.properties[at].body
		}
	}
	return nil
}

// size is that of an image in pixels.
func (m *meta) size(id uint32) (width, height int, err error) {
	b := boxes{rest: m.property(id, "ispe")}
	b.version()
	width, height = int(b.number(4)), int(b.number(4))
	if b.broken || !sensible(width, height) {
		return 0, 0, fmt.Errorf("%w: no size", picture.ErrDamaged)
	}
	return width, height, nil
}

func sensible(width, height int) bool {
	return width > 0 && height > 0 && width <= 1<<16 && height <= 1<<16
}

// data is that of an item, which lies in one piece or in some.
func (m *meta) data(id uint32) ([]byte, error) {
	var all []byte
	for _, e := range m.places[id] {
		in := m.file
		if e.inner {
			in = m.inner
		}
		if e.at > uint64(len(in)) || e.length > uint64(len(in))-e.at || len(all)+int(e.length) > len(m.file) {
			return nil, fmt.Errorf("%w: data outside the file", picture.ErrDamaged)
		}
		all = append(all, in[e.at:e.at+e.length]...)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%w: no data", picture.ErrDamaged)
	}
	return all, nil
}

// boxes reads numbers and boxes. Once something is missing it is broken, and
// all that it gives is zero.
type boxes struct {
	rest   []byte
	flags  uint64
	broken bool
}

func (b *boxes) take(n int) []byte {
	if n < 0 || n > len(b.rest) {
		b.rest, b.broken = nil, true
		return nil
	}
	taken := b.rest[:n]
	b.rest = b.rest[n:]
	return taken
}

// number reads a number of so many bytes.
func (b *boxes) number(size int) (n uint64) {
	for _, v := range b.take(size) {
		n = n<<8 | uint64(v)
	}
	return n
}

// count reads how many things follow, each of so many bytes at least.
func (b *boxes) count(size, each int) uint64 {
	n := b.number(size)
	if b.broken || n > uint64(len(b.rest)/each) {
		b.rest, b.broken = nil, true
		return 0
	}
	return n
}

func (b *boxes) id(wide bool) uint32 {
	if wide {
		return uint32(b.number(4))
	}
	return uint32(b.number(2))
}

// version reads the version and flags of a full box.
func (b *boxes) version() int {
	both := b.number(4)
	b.flags = both & 0xffffff
	return int(both >> 24)
}

func (b *boxes) box() (name string, body []byte) {
	head := b.take(8)
	if b.broken {
		return "", nil
	}
	size, name := uint64(binary.BigEndian.Uint32(head)), string(head[4:])
	switch size {
	case 0:
		return name, b.take(len(b.rest))
	case 1:
		size = b.number(8)
		if size < 16 || b.broken {
			b.rest, b.broken = nil, true
			return name, nil
		}
		size -= 8
	}
	if size < 8 || size-8 > uint64(len(b.rest)) {
		b.rest, b.broken = nil, true
		return name, nil
	}
	return name, b.take(int(size - 8))
}
