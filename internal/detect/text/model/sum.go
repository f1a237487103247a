package model

import (
	"encoding/binary"

	"github.com/breakwater-project/breakwater/internal/detect/text/normal"
)

// rowSum is the sum of rows of features. Eight numbers are added at a time, in the
// 16-bit lanes of two words.
type rowSum struct {
	even, odd [Width / 8]uint64
	rows      int
}

const (
	lanes    = 0x00ff00ff00ff00ff
	mostRows = 256 // that the lanes can hold
)

// add adds the rows of features that are known, from the first, as long as there is
// room, and gives the features that are left.
func (m *Model) add(features []uint32, to *rowSum) (left []uint32) {
	for i, h := range features {
		at := m.row(h)
		if at < 0 {
			continue
		}
		if to.rows == mostRows {
			return features[i:]
		}
		row := m.rows[at : at+Width : at+Width]
		for k := range to.even {
			v := binary.LittleEndian.Uint64(row[8*k:])
			to.even[k] += v & lanes
			to.odd[k] += v >> 8 & lanes
		}
		to.rows++
	}
	return nil
}

// total is the sum of more rows than lanes can hold.
type total struct {
	of   [Width]int32
	rows int
}

func (t *total) add(s *rowSum) {
	for k := range s.even {
		for lane := range 4 {
			t.of[8*k+2*lane] += int32(s.even[k] >> (16 * lane) & 0xffff)
			t.of[8*k+2*lane+1] += int32(s.odd[k] >> (16 * lane) & 0xffff)
		}
	}
	t.rows += s.rows
}

// addAll adds the rows of features that are known.
func (t *total) addAll(m *Model, features []uint32) {
	for len(features) > 0 {
		var s rowSum
		features = m.add(features, &s)
		t.add(&s)
	}
}

// value is what the sum is worth.
func (t *total) value(m *Model, into *[Width]float32) {
	for d := range into {
		into[d] = float32(t.of[d]-int32(128*t.rows)) * m.scale[d]
	}
}

// sum adds the numbers of the features that are known, and says how many are.
func (m *Model) sum(features []uint32, into *[Width]float32) int {
	var t total
	t.addAll(m, features)
	t.value(m, into)
	return t.rows
}

// window is sum for the features of window i of f, which x has read. The features of a
// word alone, most of all features, are added once for words that come again, as nearly
// all do in the other form of the text.
func (m *Model) window(f *normal.Form, i int, x *Extractor, into *[Width]float32) int {
	atoms := x.window(i)
	x.context(f, atoms)
	var t total
	t.addAll(m, x.Features)
	var batch rowSum
	for k := range atoms {
		s := m.word(f, &atoms[k], x)
		if batch.rows+s.rows > mostRows {
			t.add(&batch)
			batch = rowSum{}
		}
		for k := range batch.even {
			batch.even[k] += s.even[k]
			batch.odd[k] += s.odd[k]
		}
		batch.rows += s.rows
	}
	t.add(&batch)
	t.value(m, into)
	return t.rows
}

// A memo keeps the sums of words' own features, for one model. It keeps ordinary words
// only, those of the lexicon: of a text it keeps nothing that tells it from others.
type memo struct {
	model *Model
	words [memoWords]memoWord
	spare rowSum
}

type memoWord struct {
	sum    rowSum
	length uint8 // 0 where there is none
	word   [longestWord]byte
}

const memoWords = 1 << 9

// word gives the sum of the features of a word alone, until the next call. Words are
// compared, not only their hashes: nobody can make one pass for another.
func (m *Model) word(f *normal.Form, a *atom, x *Extractor) *rowSum {
	if x.memo.model != m {
		x.memo = memo{model: m}
	}
	letters := f.Bytes(f.Words[a.start])
	if !a.known || a.class.isHidden() || len(letters) > longestWord {
		x.memo.spare = rowSum{}
		m.addOwn(f, a, x, &x.memo.spare)
		return &x.memo.spare
	}
	at := &x.memo.words[a.hash%memoWords]
	if string(at.word[:at.length]) != string(letters) {
		at.sum = rowSum{}
		m.addOwn(f, a, x, &at.sum)
		at.length = uint8(copy(at.word[:], letters))
	}
	return &at.sum
}

// addOwn adds the rows of the features of a word alone, which are fewer than mostRows.
func (m *Model) addOwn(f *normal.Form, a *atom, x *Extractor, to *rowSum) {
	x.Features, x.origin = x.Features[:0], x.origin[:0]
	x.own(f, a)
	m.add(x.Features, to)
}
