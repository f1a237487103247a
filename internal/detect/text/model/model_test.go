package model

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/breakwater-project/breakwater/internal/detect/text/normal"
)

// small is a model with random numbers.
func small(t testing.TB) *Trained {
	t.Helper()
	m := &Trained{
		Lexicon: normal.NewLexicon([]normal.LexiconWord{
			{Word: "hello", Entry: normal.Entry{Cost: 9}},
			{Word: "muslims", Entry: normal.Entry{Cost: 9, Class: uint8(Group)}},
			{Word: "jews", Entry: normal.Entry{Cost: 9, Class: uint8(Group)}},
			{Word: "black", Entry: normal.Entry{Cost: 9, Class: uint8(Trait)}},
			{Word: "people", Entry: normal.Entry{Cost: 9, Class: uint8(Person)}},
		}),
		Banks: "0123456789ab",
	}
	seed := uint64(1)
	next := func() uint64 { seed = normal.Mix(seed + 1); return seed }
	last := uint32(0)
	for range 5000 {
		last += uint32(next()%800_000) + 1
		m.Features = append(m.Features, last)
		for range Width {
			m.Rows = append(m.Rows, byte(next()))
		}
	}
	for d := range m.Scale {
		m.Scale[d] = 0.01
	}
	for l := range m.Curves {
		m.Curves[l] = Curve{Slope: 1}
		m.Points[l] = Points{Likely: 0.6, Clear: 0.9}
	}
	return m
}

func file(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := small(t).Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestFileIsRefusedWhenDamaged(t *testing.T) {
	good := file(t)
	if _, err := Read(good); err != nil {
		t.Fatal(err)
	}
	for _, at := range []int{8, 30, 60, len(good) / 2, len(good) - 1} {
		bad := bytes.Clone(good)
		bad[at] ^= 1
		if _, err := Read(bad); !errors.Is(err, ErrCorrupt) {
			t.Errorf("byte %d changed: error %v, want %v", at, err, ErrCorrupt)
		}
	}
	for _, bad := range [][]byte{nil, good[:10], good[:len(good)-1], append(bytes.Clone(good), 0)} {
		if _, err := Read(bad); err == nil {
			t.Errorf("%d bytes of %d are taken", len(bad), len(good))
		}
	}
}

// TestFileIsRefusedWhenUnsound has files whose checksum is right and whose content is not.
func TestFileIsRefusedWhenUnsound(t *testing.T) {
	sealed := func(body []byte) []byte {
		sum := sha256.Sum256(body)
		return append(body, sum[:]...)
	}
	good := file(t)
	body := good[:len(good)-sha256.Size]
	change := func(at int, to ...byte) []byte {
		b := bytes.Clone(body)
		copy(b[at:], to)
		return sealed(b)
	}
	sizes := len(magic) + digestSize
	for name, bad := range map[string][]byte{
		"another width":         change(sizes, 33),
		"more features":         change(sizes+16, 0xff, 0xff),
		"huge features":         change(sizes+16, 0xff, 0xff, 0xff, 0xff),
		"a longer lexicon":      change(sizes+20, 0xff, 0xff, 0xff),
		"a full lexicon":        change(sizes+28, bytes.Repeat([]byte{1}, 60)...),
		"a number that is none": change(len(body)-4, 0, 0, 0xc0, 0x7f),
		"an endless number":     change(len(body)-4, 0, 0, 0x80, 0x7f),
	} {
		if _, err := Read(bad); err == nil || errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	unordered := small(t)
	unordered.Features[3], unordered.Features[4] = unordered.Features[4], unordered.Features[3]
	if _, err := New(unordered); err == nil {
		t.Error("features out of order are taken")
	}
}

func FuzzRead(f *testing.F) {
	good := file(f)
	f.Add(good[:100])
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, b []byte) {
		sum := sha256.Sum256(b)
		m, err := Read(append(bytes.Clone(b), sum[:]...)) // as if its writer meant it
		if err == nil && m.Features() > maxFeatures {
			t.Error("more features than there are slots")
		}
	})
}

// TestSumIsThatOfRows compares the sum in lanes with a plain one.
func TestSumIsThatOfRows(t *testing.T) {
	trained := small(t)
	m, err := New(trained)
	if err != nil {
		t.Fatal(err)
	}
	var features []uint32
	var want [Width]float32
	for i := range 900 {
		features = append(features, trained.Features[i])
		for d := range want {
			want[d] += float32(int(trained.Rows[i*Width+d])-128) * trained.Scale[d]
		}
	}
	var got [Width]float32
	if n := m.sum(features, &got); n != len(features) {
		t.Fatalf("%d features known of %d", n, len(features))
	}
	for d := range want {
		if math.Abs(float64(got[d]-want[d])) > 1e-3 {
			t.Errorf("sum %d is %v, want %v", d, got[d], want[d])
		}
	}
}

func TestLogistic(t *testing.T) {
	for x := float32(-90); x <= 90; x += 0.37 {
		want := 1 / (1 + math.Exp(-float64(x)))
		if got := float64(Logistic(x)); math.Abs(got-want) > 2e-6 {
			t.Fatalf("Logistic(%v) = %v, want %v", x, got, want)
		}
	}
}

// features gives those of a text.
func features(t testing.TB, lexicon *normal.Lexicon, text string) []uint32 {
	t.Helper()
	var forms normal.Forms
	normal.New().Normalise(text, &forms)
	var x Extractor
	x.Read(lexicon, &forms.Raw)
	x.Window(&forms.Raw, 0)
	return x.Features
}

// TestGroupsLookAlike holds features to show that a group is meant, and not which.
func TestGroupsLookAlike(t *testing.T) {
	lexicon := small(t).Lexicon
	same := func(a, b string) bool {
		return bytes.Equal(raw(features(t, lexicon, a)), raw(features(t, lexicon, b)))
	}
	if !same("I like muslims very much", "I like jews very much") {
		t.Error("the features tell one group from another")
	}
	if same("I like muslims very much", "I like hello very much") {
		t.Error("the features don't tell a group from another word")
	}
	if !same("those jews over there", "those muslims over there") || same("black people sing", "black cats sing") {
		t.Error("a trait is not told from a colour")
	}
}

func raw(f []uint32) []byte {
	var b []byte
	for _, v := range f {
		b = append(b, byte(v), byte(v>>8), byte(v>>16), byte(v>>24))
	}
	return b
}

func TestYoung(t *testing.T) {
	lexicon := normal.NewLexicon([]normal.LexiconWord{{Word: "child", Entry: normal.Entry{Cost: 1, Class: uint8(Child)}}})
	young := func(text string) float32 {
		var forms normal.Forms
		normal.New().Normalise(text, &forms)
		var x Extractor
		x.Read(lexicon, &forms.Raw)
		return x.young(&forms.Raw, 0)
	}
	for text, want := range map[string]float32{
		"i am 14": sureYoung, "she is 9 years old": sureYoung, "a 15yo": sureYoung, "a child": childYoung,
		"at 10 o'clock": 0, "i am 34": 0, "room 14": 0, "12 eggs": 0, "": 0,
	} {
		if got := young(text); math.Abs(float64(got-want)) > 1e-6 {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

func FuzzExtract(f *testing.F) {
	for _, s := range []string{"hello black people", "", "\xff\xfe", strings.Repeat("a", 300), "привет 你好 🥔", strings.Repeat("x y ", 200)} {
		f.Add(s)
	}
	m, err := New(small(f))
	if err != nil {
		f.Fatal(err)
	}
	n := normal.New()
	f.Fuzz(func(t *testing.T, s string) {
		var forms normal.Forms
		var x Extractor
		n.Normalise(s, &forms)
		answer := Start()
		if err := m.Score(t.Context(), &forms.Raw, new(Terms), &x, &answer); err != nil {
			t.Fatal(err)
		}
		for l, v := range answer.Raw {
			if v != v || v == -math.MaxFloat32 {
				t.Fatalf("%s is %v", Label(l), v)
			}
			if p := m.Probability(Label(l), &answer); !(p >= 0 && p <= 1) {
				t.Fatalf("%s has probability %v", Label(l), p)
			}
		}
	})
}

func TestSignal(t *testing.T) {
	m, err := New(small(t))
	if err != nil {
		t.Fatal(err)
	}
	for p, want := range map[float32]float32{0: 0, 0.3: 0.25, 0.6: 0.5, 0.75: 0.65, 0.9: 0.8, 0.95: 0.9, 1: 1} {
		if got := m.Signal(Toxic, p); math.Abs(float64(got-want)) > 1e-6 {
			t.Errorf("probability %v is the signal %v, want %v", p, got, want)
		}
	}
}
