package decision_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"testing/quick"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/event"
)

// fill gives every field of v a value, so that a field which is forgotten by
// AppendJSON shows.
func fill(v reflect.Value, r *rand.Rand) {
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(time.Unix(r.Int64N(4e9), r.Int64N(1e9)).UTC()))
		return
	case decision.Outcome:
		v.SetUint(r.Uint64N(8))
		return
	case event.Band:
		v.SetUint(r.Uint64N(7))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), r)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), r)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1+r.IntN(2), 2))
		for i := range v.Len() {
			fill(v.Index(i), r)
		}
	case reflect.String:
		v.SetString(fmt.Sprintf("a%d \"\\\n\x01é☂\U0001F600 \xff<&> %s", r.IntN(9), " "))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int:
		v.SetInt(r.Int64N(99) + 1)
	case reflect.Float64:
		v.SetFloat([]float64{0, 1, 0.5, 1e-9, r.Float64()}[r.IntN(5)])
	default:
		panic("a field of a kind that the test does not know: " + v.Kind().String())
	}
}

// same compares what AppendJSON makes with what encoding/json makes.
func same(t testing.TB, d *decision.Decision) {
	t.Helper()
	want, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	got := d.AppendJSON(nil)
	var a, b any
	if err := json.Unmarshal(want, &a); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(got, &b); err != nil {
		t.Fatalf("not JSON: %v\n%s", err, got)
	}
	if !cmp.Equal(a, b) {
		t.Fatal(cmp.Diff(a, b))
	}
}

func TestAppendJSONIsEncodingJSON(t *testing.T) {
	same(t, &decision.Decision{})
	for seed := range uint64(200) {
		d := &decision.Decision{}
		fill(reflect.ValueOf(d).Elem(), rand.New(rand.NewPCG(seed, 0)))
		same(t, d)
	}
}

func TestAppendJSONOfAnyText(t *testing.T) {
	if err := quick.Check(func(text string, raw []byte) bool {
		same(t, &decision.Decision{ID: text, Event: string(raw)})
		return true
	}, nil); err != nil {
		t.Error(err)
	}
}

func BenchmarkAppendJSON(b *testing.B) {
	d := &decision.Decision{ID: "d_0", Event: "m-1", Type: event.ContentCreate, Time: time.Now().UTC(),
		Reasons: []decision.Reason{}, Effects: []decision.Effect{}, Signals: []decision.Signal{}, Degraded: []decision.Degraded{},
		Policy: decision.Policy{Bundle: "default", Digest: "sha256:0123456789abcdef"}, Jurisdictions: []string{"GB"}}
	for _, band := range event.Bands() {
		d.Bands = append(d.Bands, decision.Band{Band: band})
	}
	b.Run("append", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			d.AppendJSON(make([]byte, 0, 1024))
		}
	})
	b.Run("encoding/json", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := json.Marshal(d); err != nil {
				b.Fatal(err)
			}
		}
	})
}
