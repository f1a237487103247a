package policy

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"cel.dev/cel-go/cel"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/policies"
)

// both compiles one condition twice: to closures (nil if it is not simple) and
// for CEL's interpreter.
func both(t testing.TB, lists map[string][]string, counters map[string]*counterSource, condition string) (in *inputs, quick, reference func(*state) tri) {
	t.Helper()
	l := &loader{lists: lists, countersByName: counters}
	in = newInputs()
	lang, err := l.newLanguage(in)
	if err != nil {
		t.Fatal(err)
	}
	parsed, issues := lang.env.Parse(condition)
	if issues.Err() != nil {
		return nil, nil, nil
	}
	if err := lang.declare(); err != nil {
		t.Fatal(err)
	}
	checked, issues := lang.env.Check(parsed)
	if issues.Err() != nil || !checked.OutputType().IsExactType(cel.BoolType) {
		return nil, nil, nil
	}
	tree := checked.NativeRep()
	f := fast{inputs: in, types: tree}
	reference, err = lang.interpret(tree, tree.Expr())
	if err != nil {
		return nil, nil, nil // too expensive
	}
	return in, f.bool(tree.Expr()), reference
}

// agree compares the two on many random inputs.
func agree(t *testing.T, r *rand.Rand, in *inputs, condition string, quick, reference func(*state) tri) {
	t.Helper()
	b := &Bundle{inputs: in, places: newPlaces(nil)}
	s := newState(in)
	for range 30 {
		input := randomInput(r, in)
		s.begin(context.Background(), b, &input)
		for class := range s.viewers {
			s.viewer, s.class = &s.viewers[class], class
			if got, want := quick(s), reference(s); got != want {
				t.Fatalf("%s\nis %v by closures and %v by CEL for %+v", condition, got, want, input)
			}
		}
	}
}

// randomInput fills in the inputs that a condition reads, or leaves them out.
func randomInput(r *rand.Rand, in *inputs) Input {
	input := Input{
		Type: pick(r, event.MessageSend, event.ContentCreate, event.SearchQuery), Scope: pick(r, event.Direct, event.Public, ""),
		Time: time.Unix(int64(r.IntN(2e9)), 0), Surface: pick(r, event.SurfaceDM, event.SurfaceFeed),
		Private: r.IntN(2) == 0, Reply: r.IntN(2) == 0, Actor: randomSubject(r), Protective: event.Band10to12,
		Content: Content{Length: r.IntN(3), Images: r.IntN(3), Videos: r.IntN(3), Links: r.IntN(3), Language: pick(r, "", "en", "de")},
		Counts:  map[string]float64{}, Conversation: pick(r, "", "0123456789abcdef"),
		Attributes: map[string]any{},
	}
	for range r.IntN(3) {
		m := Member{
			ID: fmt.Sprint(r.IntN(99)), Subject: randomSubject(r), Connected: r.IntN(2) == 0, Mutuals: r.IntN(4), Blocked: r.IntN(4) == 0, Muted: r.IntN(4) == 0,
			Counts: map[string]float64{},
		}
		for _, key := range in.tallies.names {
			if r.IntN(3) > 0 {
				m.Counts[key] = float64(r.IntN(6))
			}
		}
		input.Members = append(input.Members, m)
	}
	for _, name := range in.signals.names {
		switch r.IntN(4) {
		case 0:
			input.Missing = append(input.Missing, Missing{Input: "signal:" + name})
		case 1, 2:
			input.Signals = append(input.Signals, decision.Signal{Name: name, Score: pick(r, 0, 0.5, 0.8, 1, r.Float64())})
		}
	}
	for _, key := range in.counts.names {
		if r.IntN(3) > 0 {
			input.Counts[key] = float64(r.IntN(6))
		}
	}
	for _, name := range in.labels.names {
		if r.IntN(2) == 0 {
			input.Labels = append(input.Labels, name)
		}
	}
	for _, name := range in.attrs.names {
		switch r.IntN(4) {
		case 0:
			input.Attributes[name] = pick(r, "x", "undress", "romantic")
		case 1:
			input.Attributes[name] = r.Float64() * 100
		case 2:
			input.Attributes[name] = []any{"x", 1.0, nil}
		}
	}
	if r.IntN(4) == 0 {
		input.Missing = append(input.Missing, Missing{Input: "blocks:viewer"})
	}
	if r.IntN(4) == 0 {
		input.Missing = append(input.Missing, Missing{Input: "label:" + pick(r, "actor", "content")})
	}
	return input
}

func randomSubject(r *rand.Rand) Subject {
	s := Subject{Band: event.Band(r.IntN(7)), Basis: event.Basis(r.IntN(6)), Country: pick(r, "", "GB", "DE", "US"), Proven: r.IntN(2) == 0}
	if r.IntN(4) == 0 {
		s.From = r.IntN(20)
		s.To = s.From + 1 + r.IntN(10)
	}
	if days := r.IntN(100); days > 30 {
		s.AccountDays = &days
	}
	if hour := r.IntN(36); hour < 24 {
		s.LocalHour = &hour
	}
	return s
}

func pick[T any](r *rand.Rand, options ...T) T { return options[r.IntN(len(options))] }

// grammar makes up conditions of what fast compiles.
type grammar struct{ *rand.Rand }

func (g grammar) bool(depth int) string {
	if depth == 0 {
		return pick(g.Rand, "true", "false", "viewer.minor", "actor.adult", "viewer.connected", "event.private",
			`label(actor, "trusted")`, `label(content, "x")`, `has_attr("a")`, "content.text_present", "viewer.proven_adult", "viewer.blocked", "viewer.muted")
	}
	switch g.IntN(11) {
	case 0:
		return "!(" + g.bool(depth-1) + ")"
	case 1, 2:
		return "(" + g.bool(depth-1) + " && " + g.bool(depth-1) + ")"
	case 3, 4:
		return "(" + g.bool(depth-1) + " || " + g.bool(depth-1) + ")"
	case 5:
		return "(" + g.bool(depth-1) + " ? " + g.bool(depth-1) + " : " + g.bool(depth-1) + ")"
	case 6:
		return g.int(depth-1) + g.relation() + g.int(depth-1)
	case 7:
		return g.double() + pick(g.Rand, " < ", " <= ", " > ", " >= ") + pick(g.Rand, g.double(), g.int(depth-1))
	case 8:
		return g.string() + g.relation() + g.string()
	case 9:
		return g.string() + " in " + pick(g.Rand, `["en", "GB"]`, `list("long")`, `list("short")`, `[]`, `["unknown", viewer.band]`)
	default:
		return pick(g.Rand, g.int(0)+" in [0, 1, 2, 18]", "("+g.bool(0)+") == ("+g.bool(0)+")", "("+g.bool(0)+") != ("+g.bool(0)+")")
	}
}

func (g grammar) relation() string { return pick(g.Rand, " < ", " <= ", " > ", " >= ", " == ", " != ") }

func (g grammar) int(depth int) string {
	if depth > 0 && g.IntN(3) == 0 {
		return "(" + g.int(depth-1) + pick(g.Rand, " + ", " - ") + g.int(depth-1) + ")"
	}
	return pick(g.Rand, "0", "13", "18", "-1", "9223372036854775807", "viewer.age_from", "viewer.age_to", "actor.age_from", "viewer.mutuals",
		"actor.account_days", "viewer.local_hour", "content.length", "content.links")
}

func (g grammar) double() string {
	return pick(g.Rand, "0.5", "0.8", "-1.5", "1e300", `signal("text.insult")`, `signal("text.hate")`, `count("dm.sent", actor, "24h")`,
		`count("dm.pair", pair, "24h")`, `count("received", viewer, "1h")`, `count("thread", conversation, "7d")`)
}

func (g grammar) string() string {
	return pick(g.Rand, `"en"`, `"GB"`, `""`, "viewer.band", "actor.basis", "viewer.country", "content.language", "event.scope", "event.surface")
}

var testLists = map[string][]string{
	"short": {"GB", "unknown"},
	"long":  {"a", "b", "c", "d", "e", "f", "g", "h", "18+", "en", "GB", "direct"},
}

func testCounters() map[string]*counterSource {
	return map[string]*counterSource{
		"dm.sent": {Counter: Counter{Of: OfActor}}, "dm.pair": {Counter: Counter{Of: OfPair}},
		"received": {Counter: Counter{Of: OfViewer}}, "thread": {Counter: Counter{Of: OfConversation}},
	}
}

func TestFastAgreesWithCEL(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	g := grammar{r}
	compiled := 0
	for i := range 1500 {
		condition := g.bool(i % 4)
		in, quick, reference := both(t, testLists, testCounters(), condition)
		if in == nil {
			t.Fatalf("does not compile: %s", condition)
		}
		if quick == nil {
			if !strings.Contains(condition, ", viewer.band]") {
				t.Fatalf("is not compiled to closures: %s", condition)
			}
			continue
		}
		compiled++
		agree(t, r, in, condition, quick, reference)
	}
	t.Logf("%d conditions agree", compiled)
}

// Every part of every shipped condition: most are fast, all agree.
func TestShippedConditionsAgreeWithCEL(t *testing.T) {
	b, err := Load(nil, Options{Shipped: policies.FS, Parts: policies.Parts()})
	if err != nil {
		t.Fatal(err)
	}
	counters := map[string]*counterSource{}
	for _, c := range b.declared() {
		counters[c.Name] = &counterSource{Counter: c}
	}
	r := rand.New(rand.NewPCG(5, 6))
	quickly, all := 0, 0
	for _, rule := range b.Rules() {
		in, quick, reference := both(t, b.lists, counters, rule.When)
		if in == nil {
			t.Fatalf("%s does not compile alone", rule.ID)
		}
		all++
		if quick != nil {
			quickly++
			agree(t, r, in, rule.When, quick, reference)
		}
	}
	t.Logf("%d of %d shipped conditions are wholly compiled to closures", quickly, all)
	if quickly*10 < all*8 {
		t.Errorf("only %d of %d shipped conditions are compiled to closures", quickly, all)
	}
}

func FuzzFastAgreesWithCEL(f *testing.F) {
	r := rand.New(rand.NewPCG(7, 8))
	g := grammar{r}
	for i := range 20 {
		f.Add(g.bool(i%4), uint64(i))
	}
	f.Add(`viewer.age_from < 13 && signal("text.insult") >= 0.8`, uint64(1))
	f.Add(`[1, 2].exists(x, x == viewer.mutuals)`, uint64(1))
	f.Add(`attr("a") == "x" || attr("b").size() > 2`, uint64(1))
	f.Fuzz(func(t *testing.T, condition string, seed uint64) {
		in, quick, reference := both(t, testLists, testCounters(), condition)
		if quick == nil {
			if in != nil {
				r := rand.New(rand.NewPCG(seed, 1))
				agree(t, r, in, condition, reference, reference) // does not panic
			}
			return
		}
		agree(t, rand.New(rand.NewPCG(seed, 1)), in, condition, quick, reference)
	})
}
