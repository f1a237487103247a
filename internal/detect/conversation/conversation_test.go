package conversation

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/event"
)

var (
	noon    = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	adult   = Person{18, event.MaxAge}
	child   = Person{10, 13}
	teen    = Person{13, 16}
	unknown = Person{0, event.MaxAge}
)

func memory(t testing.TB) *Memory {
	t.Helper()
	return New(Options{Secret: [32]byte{1}, Now: func() time.Time { return noon.Add(40 * 24 * time.Hour) }})
}

// a scene is people in a conversation, and a clock.
type scene struct {
	t      testing.TB
	m      *Memory
	age    map[string]Person
	linked int // mutuals of those who are connected; -1: nobody is
	at     time.Time
	n      int
	each   time.Duration
}

func between(t testing.TB, a, b Person) *scene {
	return &scene{t: t, m: memory(t), age: map[string]Person{"a": a, "b": b}, linked: -1, at: noon, each: time.Hour}
}

func (s *scene) known(mutuals int) *scene { s.linked = mutuals; return s }

// line is one of from's to others; names are of signals without "text.", "image" is a
// picture, and each scores 0.85.
func (s *scene) line(from, to, names string) *Line {
	s.n++
	s.at = s.at.Add(s.each)
	l := &Line{
		Type: event.MessageSend, Event: fmt.Sprint("m-", s.n), Conversation: "c", Actor: from, At: s.at,
		Private: true, Surface: event.SurfaceDM, Sender: s.age[from],
	}
	for id := range strings.SplitSeq(to, ",") {
		m := Member{ID: id, Person: s.age[id], Connected: s.linked >= 0, Mutuals: max(s.linked, 0)}
		l.Members = append(l.Members, m)
	}
	for name := range strings.FieldsSeq(names) {
		if name == "image" {
			l.Media = 1
			continue
		}
		l.Signals = append(l.Signals, decision.Signal{Name: "text." + name, Score: 0.85})
	}
	return l
}

func (s *scene) see(l *Line) map[string]decision.Signal {
	s.t.Helper()
	got, err := s.m.See(s.t.Context(), l)
	if err != nil {
		s.t.Fatal(err)
	}
	by := map[string]decision.Signal{}
	for _, g := range got {
		by[g.Name] = g
		if g.Score < weakest || g.Score > 1 || g.Detector == "" || len(g.Evidence) == 0 {
			s.t.Errorf("a signal lacks something: %+v", g)
		}
	}
	return by
}

// play sees lines "from>to: signals", and gives the signals of the last of a.
func (s *scene) play(lines ...string) map[string]decision.Signal {
	s.t.Helper()
	var last map[string]decision.Signal
	for _, text := range lines {
		who, names, _ := strings.Cut(text, ":")
		from, to, _ := strings.Cut(who, ">")
		if got := s.see(s.line(from, to, names)); from == "a" {
			last = got
		}
	}
	return last
}

// TestPatterns has each pattern and its innocent twins: the highest or lowest score that
// the last line of a may have.
func TestPatterns(t *testing.T) {
	insults := []string{"a>b: insult", "a>b: insult", "a>b: harassment", "a>b: insult", "a>b: harassment"}
	for _, tc := range []struct {
		name   string
		scene  *scene
		lines  []string
		signal string
		from   float64 // at least; 0: at most to
		to     float64
	}{
		{"age, then secrecy", between(t, adult, child), []string{"a>b: age_probe", "b>a:", "a>b: secrecy"}, Grooming, 0.5, 1},
		{"before anything sexual", between(t, adult, child), []string{"a>b: affection", "b>a:", "a>b: age_probe", "b>a:", "a>b: gift", "a>b: isolation"}, Grooming, 0.5, 1},
		{"nobody's age is known", between(t, unknown, unknown), []string{"a>b: age_probe", "a>b: affection", "a>b: isolation", "a>b: secrecy"}, Grooming, 0.5, 1},
		{"to an adult", between(t, adult, adult), []string{"a>b: age_probe", "a>b: affection", "a>b: isolation", "a>b: secrecy"}, Grooming, 0, 0},
		{"another app and a picture", between(t, adult, child), []string{"a>b: age_probe", "a>b: move contact_move", "a>b: image_request"}, Grooming, 0.5, 1},
		{"coach", between(t, adult, child).known(0), []string{"a>b: meeting", "b>a:", "a>b: image_request", "b>a: image", "a>b: age_probe", "a>b: contact_move"}, Grooming, 0, 0.45},
		{"surprise party", between(t, teen, child).known(5), []string{"a>b: secrecy", "b>a:", "a>b: gift", "b>a:", "a>b: meeting"}, Grooming, 0, 0.4},
		{"mother", between(t, adult, child).known(9), []string{"a>b: location_demand", "b>a:", "a>b: meeting", "a>b: secrecy", "a>b: gift"}, Grooming, 0, 0.5},
		{"school friends", between(t, teen, teen).known(4), []string{"a>b: age_probe", "b>a: age_probe", "a>b: contact_move", "b>a:", "a>b: image_request", "a>b: affection meeting"}, Grooming, 0, 0.3},

		{"pictures and threats", between(t, unknown, teen), []string{"a>b: affection", "a>b: image_request", "b>a: image", "a>b: share_threat", "a>b: payment_demand deadline"}, Sextortion, 0.9, 1},
		{"before a demand", between(t, unknown, teen), []string{"a>b: affection", "a>b: image_request", "b>a: image", "a>b: share_threat"}, Sextortion, 0.6, 1},
		{"before a demand", between(t, unknown, teen), []string{"a>b: image_request", "b>a: image", "a>b: share_threat"}, ThreatToShare, 0.6, 1},
		{"a teacher's deadline", between(t, adult, teen).known(0), []string{"a>b: deadline", "b>a:", "a>b: deadline", "a>b: image_request", "b>a: image"}, Sextortion, 0, 0.2},
		{"money among siblings", between(t, teen, child).known(6), []string{"a>b: payment_demand", "b>a: payment_demand", "a>b: payment_demand"}, Sextortion, 0, 0.2},

		{"partner", weeks(between(t, teen, teen).known(3)), []string{"a>b: monitoring", "a>b: location_demand", "b>a:", "a>b: isolation", "a>b: coercive_control"}, Coercion, 0.7, 1},
		{"mother", weeks(between(t, adult, teen).known(9)), []string{"a>b: monitoring", "a>b: location_demand", "b>a:", "a>b: location_demand", "a>b: coercive_control"}, Coercion, 0, 0.2},
		{"worried friend", between(t, teen, teen).known(3), []string{"a>b: location_demand", "b>a:", "a>b: monitoring", "a>b: location_demand"}, Coercion, 0, 0.2},

		{"one-sided", between(t, teen, child), insults, Bullying, 0.6, 1},
		{"a first rough word", between(t, teen, child), insults[:1], Bullying, 0, 0.3},
		{"shut out", between(t, teen, teen), []string{"a>b: exclusion", "a>b: exclusion", "a>b: exclusion"}, Exclusion, 0.5, 1},
		{"easy money", between(t, adult, teen), []string{"a>b: recruitment", "a>b: secrecy", "a>b: contact_move"}, Recruitment, 0.6, 1},
		{"training at the club", between(t, adult, teen).known(0), []string{"a>b: recruitment", "b>a:", "a>b: meeting"}, Recruitment, 0, 0.4},
		{"an address given away", between(t, teen, teen), []string{"a>b: doxxing", "a>b: threat"}, Doxxing, 0.6, 1},
	} {
		t.Run(tc.name+" "+tc.signal, func(t *testing.T) {
			tc.scene.t = t
			got := tc.scene.play(tc.lines...)[tc.signal]
			if got.Score < tc.from || got.Score > tc.to {
				t.Errorf("%s = %.2f, want %.2f to %.2f: %q", tc.signal, got.Score, tc.from, tc.to, got.Evidence)
			}
		})
	}
}

func weeks(s *scene) *scene { s.each = 5 * 24 * time.Hour; return s }

func TestBanterLowersBullying(t *testing.T) {
	one, both := between(t, teen, teen), between(t, teen, teen)
	var alone, inKind map[string]decision.Signal
	for range 5 {
		alone = one.play("a>b: insult")
		inKind = both.play("b>a: insult", "a>b: insult")
	}
	if inKind[Banter].Score < 0.5 || alone[Banter].Score > 0 {
		t.Errorf("banter: in kind %.2f, alone %.2f", inKind[Banter].Score, alone[Banter].Score)
	}
	if inKind[Bullying].Score > 0.2 || alone[Bullying].Score < 0.4 {
		t.Errorf("bullying: in kind %.2f, alone %.2f", inKind[Bullying].Score, alone[Bullying].Score)
	}
}

func TestManyAgainstOne(t *testing.T) {
	for _, published := range []bool{false, true} {
		s := between(t, teen, child)
		s.each = time.Minute
		var score float64
		for i := range 6 {
			l := s.line(fmt.Sprint("s", i), "b", "insult")
			l.Sender = teen
			if published {
				l.Members, l.Parent, l.Private = nil, "post", false
			}
			score = s.see(l)[Bullying].Score
		}
		if score < 0.5 {
			t.Errorf("published %v: the sixth sender on one child gives %.2f", published, score)
		}
	}
}

// TestGroup has whom a line in a group is aimed at: who is named, who is answered, or
// who spoke before; and that jokes that go round are nobody's bullying.
func TestGroup(t *testing.T) {
	s := between(t, teen, teen)
	s.each = time.Minute
	for _, id := range []string{"c", "d", "e"} {
		s.age[id] = teen
	}
	everyone := func(from, names string) *Line {
		var to []string
		for _, id := range []string{"a", "b", "c", "d", "e"} {
			if id != from {
				to = append(to, id)
			}
		}
		return s.line(from, strings.Join(to, ","), names)
	}
	first := everyone("b", "")
	s.see(first)
	var score float64
	for _, from := range []string{"a", "c", "d", "e", "a", "c"} {
		l := everyone(from, "insult")
		l.Parent = first.Event
		score = max(score, s.see(l)[Bullying].Score)
	}
	if score < 0.5 {
		t.Errorf("four against one in a group: %.2f", score)
	}
	jokes := between(t, teen, teen)
	jokes.each, jokes.age, s = time.Minute, s.age, jokes
	score = 0
	for range 4 {
		for _, from := range []string{"a", "b", "c", "d", "e"} {
			score = max(score, s.see(everyone(from, "insult"))[Bullying].Score)
		}
	}
	if score > 0.5 {
		t.Errorf("jokes that go round: %.2f", score)
	}
}

func TestStalking(t *testing.T) {
	fan, blocked := between(t, unknown, adult), between(t, unknown, adult)
	fan.each, blocked.each = 12*time.Hour, 12*time.Hour
	var of, after decision.Signal
	for i := range 10 {
		of = fan.play("a>b: affection")[Stalking]
		l := blocked.line("a", "b", "")
		l.Members[0].Blocked = i > 4
		l.Surface = []event.Surface{event.SurfaceDM, event.SurfaceComments, event.SurfaceProfile}[i%3]
		after = blocked.see(l)[Stalking]
	}
	if of.Score > 0.4 {
		t.Errorf("fan mail: %.2f %q", of.Score, of.Evidence)
	}
	if after.Score < 0.6 {
		t.Errorf("after a block, in three places: %.2f %q", after.Score, after.Evidence)
	}
	if got := fan.play("b>a:", "a>b:")[Stalking]; got.Score > 0 {
		t.Errorf("with an answer: %.2f", got.Score)
	}
}

// TestOneLineIsNoPattern: no single mark of any kind is more than a weak signal, and
// nearly none is any.
func TestOneLineIsNoPattern(t *testing.T) {
	for name := range stageOf {
		for signal, got := range between(t, adult, child).play("a>b: " + strings.TrimPrefix(name, "text.")) {
			most := 0.45
			if signal == ThreatToShare || signal == Doxxing {
				most = 0.6 // one is a harm by itself
			}
			if got.Score > most {
				t.Errorf("one line of %s gives %s %.2f", name, signal, got.Score)
			}
		}
	}
	for _, benign := range []string{"", "age_probe", "affection", "meeting", "gift", "deadline", "location_demand", "monitoring", "payment_demand", "image_request", "image", "contact_move", "recruitment"} {
		for _, sender := range []Person{adult, teen, unknown} {
			if got := between(t, sender, child).play("a>b: " + benign); len(got) > 0 {
				t.Errorf("one benign line (%s) gives %v", benign, got)
			}
		}
	}
}

func TestEvidence(t *testing.T) {
	s := between(t, adult, child)
	s.each = 47 * time.Hour
	got := s.play("a>b: age_probe", "a>b: secrecy")[Grooming]
	want := []string{
		"The sender asked the other's age, then asked to keep it secret, within 2 days.",
		"The sender is an adult and the other is a child.",
		"They are not connected, and the sender wrote first.",
	}
	if diff := cmp.Diff(want, got.Evidence); diff != "" {
		t.Error(diff)
	}
	peers := between(t, teen, teen).play("a>b: sexual", "a>b: image_request secrecy", "a>b: isolation sexual")[Grooming]
	if !slices.Contains(peers.Evidence, "Both are minors: to be handled proportionately, and reported by a person only.") {
		t.Errorf("between minors: %q", peers.Evidence)
	}
	maybe := between(t, unknown, unknown).play("a>b: age_probe", "a>b: isolation", "a>b: secrecy")[Grooming]
	if !slices.ContainsFunc(maybe.Evidence, func(e string) bool { return strings.Contains(e, "Neither age is known") }) {
		t.Errorf("unknown ages: %q", maybe.Evidence)
	}
}

// lines is a conversation with everything in it.
func (s *scene) lines(r *rand.Rand, n int) []*Line {
	var all []*Line
	kinds := Reads()
	for range n {
		who := [][2]string{{"a", "b"}, {"b", "a"}, {"a", "b,c"}, {"c", "a,b,d,e"}, {"a", "b,c,d,e"}}[r.IntN(5)]
		names := ""
		for range r.IntN(3) {
			names += " " + strings.TrimPrefix(kinds[r.IntN(len(kinds))], "text.")
		}
		l := s.line(who[0], who[1], names)
		l.To = "b" // whom a line is aimed at is not guessed from an order then
		for i := range l.Signals {
			l.Signals[i].Score = 0.4 + 0.6*r.Float64()
		}
		all = append(all, l)
	}
	return all
}

// state is what is kept, as a snapshot without its time.
func (s *scene) state() string {
	var b strings.Builder
	if err := s.m.Snapshot(&b); err != nil {
		s.t.Fatal(err)
	}
	return b.String()
}

// TestOrderAndRepetition: whatever the order, and however often a line comes, the same is
// known in the end.
func TestOrderAndRepetition(t *testing.T) {
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 1))
		s := between(t, adult, child)
		lines := s.lines(r, 120)
		for _, l := range lines {
			s.see(l)
		}
		want := s.state()
		mixed := between(t, adult, child)
		again := slices.Concat(lines, lines[:40], lines[20:60])
		r.Shuffle(len(again), func(i, j int) { again[i], again[j] = again[j], again[i] })
		for _, l := range again {
			mixed.see(l)
		}
		if mixed.state() != want {
			t.Fatalf("seed %d: the order matters", seed)
		}
		final := s.line("a", "b", "")
		if diff := cmp.Diff(s.see(final), mixed.see(final)); diff != "" {
			t.Fatalf("seed %d: %s", seed, diff)
		}
		once := s.state()
		s.see(final)
		if s.state() != once {
			t.Fatalf("seed %d: seen twice, it changes something", seed)
		}
	}
}

// TestMonotone: one more mark never lowers a signal, but for what it says of both.
func TestMonotone(t *testing.T) {
	kinds := Reads()
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 2))
		people := []Person{adult, child, teen, unknown}
		less := between(t, people[r.IntN(4)], people[r.IntN(4)])
		more := &scene{t: t, m: memory(t), age: less.age, linked: -1, at: noon, each: time.Hour}
		for range 1 + r.IntN(6) {
			names := strings.TrimPrefix(kinds[r.IntN(len(kinds))], "text.")
			extra := names + " " + strings.TrimPrefix(kinds[r.IntN(len(kinds))], "text.")
			was, is := less.play("a>b: "+names), more.play("a>b: "+extra)
			for name, w := range was {
				if is[name].Score < w.Score-1e-9 {
					t.Fatalf("seed %d: with more marks %s falls from %.3f to %.3f", seed, name, w.Score, is[name].Score)
				}
			}
		}
	}
}

func TestBadLines(t *testing.T) {
	s := between(t, adult, child)
	for _, l := range []*Line{{}, {Actor: "a", Event: "e"}, {Actor: "a", At: noon}, {Event: "e", At: noon}} {
		if _, err := s.m.See(t.Context(), l); err == nil {
			t.Errorf("%+v is taken", l)
		}
	}
	self := s.line("a", "a", "secrecy grooming sexual")
	if got := s.see(self); len(got) != 0 {
		t.Errorf("to oneself: %v", got)
	}
	crowd := s.line("a", "b", "secrecy age_probe")
	crowd.Members = make([]Member, 1_000_000)
	for i := range crowd.Members {
		crowd.Members[i] = Member{ID: "x", Person: child}
	}
	s.see(crowd)
	if n, _ := s.m.Size(); n > 1 {
		t.Errorf("a million members are kept as %d pairs", n)
	}

	// Of the future: as far ahead as an event may be. Of long ago: nothing.
	s = between(t, adult, child)
	s.play("a>b: age_probe", "a>b: secrecy")
	want := s.state()
	late := s.line("a", "b", "isolation sexual")
	late.At = noon.Add(-2 * Keep)
	s.see(late)
	if s.state() != want {
		t.Error("a line of long ago is kept")
	}
	ahead := s.line("a", "b", "isolation")
	ahead.At = noon.AddDate(500, 0, 0)
	if got := s.see(ahead)[Grooming]; got.Score < 0.3 {
		t.Errorf("with a line of the future: %.2f", got.Score)
	}

	// The same account as child and as adult: each line by the age it has then.
	s = between(t, adult, child)
	s.play("a>b: age_probe", "a>b: secrecy")
	s.age["a"] = child
	asChild := s.play("a>b: gift")[Grooming].Score
	s.age["a"] = adult
	if asAdult := s.play("a>b: gift")[Grooming].Score; asAdult <= asChild {
		t.Errorf("as an adult %.2f, as a child %.2f", asAdult, asChild)
	}
}

func TestFadesAndExpires(t *testing.T) {
	s := between(t, adult, child)
	s.play("a>b: age_probe", "a>b: secrecy")
	s.at = s.at.Add(4 * 7 * 24 * time.Hour)
	if got := s.play("a>b:")[Grooming]; got.Score > 0.3 {
		t.Errorf("four weeks later: %.2f", got.Score)
	}
	s.m.o.Now = func() time.Time { return s.at.Add(Keep + time.Hour) }
	s.m.Sweep()
	if n, bytes := s.m.Size(); n != 0 || bytes != 0 {
		t.Errorf("after Keep there are %d pairs in %d bytes", n, bytes)
	}
}

func TestForget(t *testing.T) {
	s := between(t, adult, child)
	s.age["c"], s.age["d"], s.age["e"] = teen, teen, teen
	s.play("a>b: age_probe", "c>b: insult", "a>b,c,d,e: harassment")
	l := s.line("c", "d", "insult")
	s.see(l)
	s.m.Forget("a")
	s.m.Forget("c")
	if n, _ := s.m.Size(); n != 0 {
		t.Errorf("%d pairs are left of accounts that are forgotten", n)
	}
	s.m.targets.Load().each(func(_ uint64, v *target) {
		for _, h := range v.got {
			if h.who == s.m.keys.account("a") || h.who == s.m.keys.account("c") {
				t.Error("what a forgotten account did is left")
			}
		}
	})
}

// TestBounds floods the memory: it keeps to its bytes, and who was seen last stays.
func TestBounds(t *testing.T) {
	s := between(t, adult, child)
	s.m = New(Options{Secret: [32]byte{1}, Bytes: 1 << 20, Now: s.m.o.Now})
	s.each = time.Second
	for i := range 20_000 {
		l := s.line("a", "b", "age_probe insult")
		l.Members[0].ID = fmt.Sprint("b", i)
		s.see(l)
	}
	if n, bytes := s.m.Size(); bytes > 1<<20 || n < 100 {
		t.Errorf("%d pairs in %d bytes", n, bytes)
	}
	last := s.line("a", "b", "secrecy")
	last.Members[0].ID = "b19999"
	if got := s.see(last)[Grooming]; got.Score < 0.5 {
		t.Errorf("who was in touch last is forgotten: %.2f", got.Score)
	}
}

// TestMostOfAPair is how large a pair gets: what docs/conversation.md says.
func TestMostOfAPair(t *testing.T) {
	quiet, loud := between(t, teen, teen), between(t, adult, child)
	for range 20 {
		quiet.play("a>b:", "b>a:")
	}
	r := rand.New(rand.NewPCG(1, 1))
	for range 3000 {
		who := [2]string{"a>b:", "b>a:"}[r.IntN(2)]
		loud.play(who + " " + strings.TrimPrefix(Reads()[r.IntN(len(Reads()))], "text."))
	}
	_, ordinary := quiet.m.pairs.Load().size()
	_, most := loud.m.pairs.Load().size()
	t.Logf("bytes of a pair: %d after 40 ordinary lines, %d at most", ordinary, most)
	if ordinary > 800 || most > 7<<10 {
		t.Errorf("a pair takes %d bytes, at most %d", ordinary, most)
	}
}
