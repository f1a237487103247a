package age_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/quick"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/age"
)

var now = time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)

// says is a signal of a minute ago.
func says(band event.Band, basis event.Basis) age.Signal {
	return age.Signal{Interval: age.IntervalOf(band), Basis: basis, Confidence: 1, At: now.Add(-time.Minute), Source: "test"}
}

func unsure(band event.Band) age.Signal {
	s := says(band, event.BasisEstimated)
	s.Confidence = 0.7
	return s
}

func expired(band event.Band, basis event.Basis) age.Signal {
	s := says(band, basis)
	s.Expires = now
	return s
}

func old(band event.Band, years int) age.Signal {
	s := says(band, event.BasisVerified)
	s.At = now.AddDate(-years, 0, -1)
	return s
}

func TestMergeByTable(t *testing.T) {
	const (
		unknown, child, teen, older, adult                = event.BandUnknown, event.Band10to12, event.Band13to15, event.Band16to17, event.Band18Plus
		none, declared, inferred, guardian, est, verified = event.BasisNone, event.BasisDeclared, event.BasisInferred, event.BasisGuardian, event.BasisEstimated, event.BasisVerified
	)
	type known struct {
		from, to      int
		band          event.Band
		basis         event.Basis
		proven, doubt bool
	}
	tests := []struct {
		name    string
		signals []age.Signal
		want    known
	}{
		{"nothing", nil, known{13, 150, unknown, none, false, false}},
		{"says unknown", []age.Signal{says(unknown, verified)}, known{13, 150, unknown, none, false, false}},
		{"declared adult", []age.Signal{says(adult, declared)}, known{18, 150, adult, declared, false, false}},
		{"declared older child", []age.Signal{says(older, declared)}, known{16, 150, older, declared, false, false}},
		{"declared twice", []age.Signal{says(older, declared), says(adult, declared)}, known{16, 150, older, declared, false, false}},
		{"declared adult, inferred teen", []age.Signal{says(adult, declared), says(teen, inferred)}, known{13, 150, teen, inferred, false, false}},
		{"inferred adult", []age.Signal{says(adult, inferred)}, known{13, 150, unknown, inferred, false, false}},
		{"declared teen", []age.Signal{says(teen, declared)}, known{13, 150, teen, declared, false, false}},
		{"declared younger", []age.Signal{says(child, declared)}, known{10, 150, child, declared, false, false}},
		{"inferred younger", []age.Signal{says(child, inferred)}, known{10, 150, child, inferred, false, false}},
		{"guardian", []age.Signal{says(child, guardian)}, known{10, 150, child, guardian, false, false}},
		{"guardian says adult", []age.Signal{says(adult, guardian)}, known{18, 150, adult, guardian, false, false}},
		{"guardian confirms", []age.Signal{says(child, guardian), says(child, declared)}, known{10, 150, child, guardian, false, false}},
		{"guardian lowers an estimate", []age.Signal{says(child, guardian), says(older, est)}, known{10, 18, child, guardian, false, true}},
		{"verified adult", []age.Signal{says(adult, verified)}, known{18, 150, adult, verified, true, false}},
		{"estimated adult", []age.Signal{says(adult, est)}, known{18, 150, adult, est, true, false}},
		{"estimated adult, unsure", []age.Signal{unsure(adult)}, known{13, 150, unknown, inferred, false, false}},
		{"estimated child, unsure", []age.Signal{unsure(child)}, known{10, 150, child, inferred, false, false}},
		{"verified child", []age.Signal{says(child, verified)}, known{10, 13, child, verified, false, false}},
		{"verified child declares adult", []age.Signal{says(child, verified), says(adult, declared)}, known{10, 13, child, verified, false, false}},
		{"verified adult declares teen", []age.Signal{says(adult, verified), says(teen, declared)}, known{13, 150, teen, declared, false, true}},
		{"verified and estimated agree", []age.Signal{says(adult, est), says(adult, verified)}, known{18, 150, adult, verified, true, false}},
		{"proofs contradict", []age.Signal{says(adult, verified), says(child, verified)}, known{10, 150, child, verified, false, true}},
		{"expired adult", []age.Signal{expired(adult, verified)}, known{13, 150, unknown, none, false, false}},
		{"expired child", []age.Signal{expired(child, verified)}, known{10, 150, child, none, false, false}},
		{"child two years on", []age.Signal{old(child, 2)}, known{10, 15, child, verified, false, false}},
		{"nearly adult, a year on", []age.Signal{old(older, 1)}, known{16, 19, older, verified, false, false}},
		{"birthday between proofs", []age.Signal{says(older, verified), says(adult, verified)}, known{18, 19, adult, verified, true, false}},
		{"grown up since", []age.Signal{old(child, 9), says(adult, verified)}, known{18, 22, adult, verified, true, false}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			k := age.Merge(tt.signals, event.Band13to15, now)
			got := known{k.Interval.From, k.Interval.To, k.Band, k.Basis, k.Proven, k.Doubt}
			if got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

// anySignals makes signals of every sort, good and bad.
func anySignals(r *rand.Rand, n int) []age.Signal {
	signals := make([]age.Signal, n)
	for i := range signals {
		signals[i] = anySignal(r)
	}
	return signals
}

func anySignal(r *rand.Rand) age.Signal {
	s := says(event.Band(r.IntN(7)), event.Basis(r.IntN(6)))
	if r.IntN(3) == 0 {
		s.Interval = age.Interval{From: r.IntN(25) - 2, To: r.IntN(160)}
	}
	s.Confidence = []float64{0, 0.5, 0.9, 1}[r.IntN(4)]
	s.Method = []string{"", "document", "facial-estimation"}[r.IntN(3)]
	s.At = now.Add(-time.Duration(r.IntN(10*365*24)) * time.Hour)
	if r.IntN(3) == 0 {
		s.Expires = now.Add(time.Duration(r.IntN(5)-2) * time.Hour)
	}
	return s
}

// holds checks a property of many random cases.
func holds(t *testing.T, property func(r *rand.Rand, youngest event.Band) bool) {
	t.Helper()
	check := func(a, b uint64) bool {
		r := rand.New(rand.NewPCG(a, b))
		return property(r, event.Band(r.IntN(7)))
	}
	if err := quick.Check(check, &quick.Config{MaxCount: 20_000}); err != nil {
		t.Error(err)
	}
}

func TestOrderAndRepetitionDoNotMatter(t *testing.T) {
	holds(t, func(r *rand.Rand, youngest event.Band) bool {
		signals := anySignals(r, r.IntN(6))
		want := age.Merge(signals, youngest, now)
		again := slices.Concat(signals, signals[:r.IntN(len(signals)+1)])
		r.Shuffle(len(again), func(i, j int) { again[i], again[j] = again[j], again[i] })
		return cmp.Equal(want, age.Merge(again, youngest, now))
	})
}

// weaken makes a signal one that proves nothing.
func weaken(r *rand.Rand, s age.Signal) age.Signal {
	switch r.IntN(3) {
	case 0:
		s.Basis = event.Basis(r.IntN(int(event.BasisGuardian) + 1))
	case 1:
		s.Basis, s.Confidence = event.BasisEstimated, 0.89
	default:
		s.Expires = now.Add(-time.Second)
	}
	return s
}

// A declaration, an inference, a guardian, a weak estimate or an expired proof
// never makes an account older, more certain or proven (R25, R33).
func TestWeakSignalsOnlyProtect(t *testing.T) {
	holds(t, func(r *rand.Rand, youngest event.Band) bool {
		signals := anySignals(r, r.IntN(5))
		before := age.Merge(signals, youngest, now)
		after := age.Merge(append(signals, weaken(r, anySignal(r))), youngest, now)
		// A first claim says more than nothing; beside anything else that
		// says something it can only lower.
		raised := after.Interval.From > before.Interval.From && before.Band != event.BandUnknown
		return !raised && after.Interval.To == before.Interval.To &&
			(before.Proven || !after.Proven) && (after.Doubt || !before.Doubt)
	})
}

func TestWeakSignalsAloneProveNothing(t *testing.T) {
	holds(t, func(r *rand.Rand, youngest event.Band) bool {
		signals := anySignals(r, r.IntN(6))
		for i := range signals {
			signals[i] = weaken(r, signals[i])
		}
		k := age.Merge(signals, youngest, now)
		from, _ := youngest.Interval()
		for _, s := range signals {
			if s.Basis == event.BasisDeclared || s.Basis == event.BasisGuardian {
				from = max(from, s.Interval.From)
			}
		}
		return !k.Proven && k.Interval.From <= from && k.Interval.To == event.MaxAge
	})
}

func TestKnownIsConsistent(t *testing.T) {
	holds(t, func(r *rand.Rand, youngest event.Band) bool {
		k := age.Merge(anySignals(r, r.IntN(6)), youngest, now)
		return !k.Interval.Empty() && k.Interval.From >= 0 && k.Interval.To <= event.MaxAge &&
			(k.Band == event.BandUnknown || k.Band == event.BandOf(k.Interval.From)) &&
			(!k.Proven || k.Band == event.Band18Plus && !k.Interval.MayBeMinor()) &&
			(k.Expires.IsZero() || k.Expires.After(now))
	})
}

// Time alone makes no account provably older.
func TestTimeOnlyAddsDoubt(t *testing.T) {
	holds(t, func(r *rand.Rand, youngest event.Band) bool {
		signals := anySignals(r, 1)
		from, _ := youngest.Interval()
		before := age.Merge(signals, youngest, now)
		after := age.Merge(signals, youngest, now.AddDate(r.IntN(5), r.IntN(12), 0))
		return after.Interval.From <= max(from, before.Interval.From) && after.Interval.To >= before.Interval.To &&
			(before.Proven || !after.Proven)
	})
}

func TestInterval(t *testing.T) {
	child, adult := age.IntervalOf(event.Band10to12), age.IntervalOf(event.Band18Plus)
	if got := child.Join(adult); got != (age.Interval{From: 10, To: 150}) {
		t.Errorf("join: %v", got)
	}
	if got := child.Intersect(adult); !got.Empty() {
		t.Errorf("intersection: %v", got)
	}
	if got := (age.Interval{}).Join(child); got != child {
		t.Errorf("join with nothing: %v", got)
	}
	if !child.MayBeMinor() || child.MayBeAdult() || adult.MayBeMinor() || !adult.MayBeAdult() {
		t.Error("minors and adults are mistaken")
	}
	if all := age.IntervalOf(event.BandUnknown); !all.Contains(child) || child.Contains(all) || !all.MayBeMinor() || !all.MayBeAdult() {
		t.Error("unknown is not every age")
	}
}

func TestResolve(t *testing.T) {
	of := func(signals ...age.Signal) *age.Account {
		return &age.Account{Country: "GB", Region: "GB-SCT", Created: now.AddDate(-1, 0, 0), Signals: signals}
	}
	inline := func(band event.Band, basis event.Basis) *event.Age { return &event.Age{Band: band, Basis: basis} }
	tests := []struct {
		name    string
		account *age.Account
		inline  *event.Age
		from    int
		to      int
		basis   event.Basis
		proven  bool
	}{
		{"neither", nil, nil, 13, 150, event.BasisNone, false},
		{"first seen, verified adult", nil, inline(event.Band18Plus, event.BasisVerified), 18, 150, event.BasisVerified, true},
		{"first seen, declared adult", nil, inline(event.Band18Plus, event.BasisDeclared), 18, 150, event.BasisDeclared, false},
		{"first seen, estimated child", nil, inline(event.Band10to12, event.BasisEstimated), 10, 13, event.BasisEstimated, false},
		{"account of no age, verified adult", of(), inline(event.Band18Plus, event.BasisVerified), 18, 150, event.BasisVerified, true},
		{"declared, then inline verified", of(says(event.Band18Plus, event.BasisDeclared)), inline(event.Band18Plus, event.BasisVerified), 18, 150, event.BasisInferred, false},
		{"verified adult, inline child", of(says(event.Band18Plus, event.BasisVerified)), inline(event.Band10to12, event.BasisDeclared), 10, 150, event.BasisInferred, false},
		{"verified child, inline verified adult", of(says(event.Band10to12, event.BasisVerified)), inline(event.Band18Plus, event.BasisVerified), 10, 13, event.BasisVerified, false},
		{"verified child, inline unknown", of(says(event.Band10to12, event.BasisVerified)), inline(event.BandUnknown, event.BasisNone), 10, 13, event.BasisVerified, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := age.Resolve(tt.account, tt.inline, "", time.Time{}, event.Band13to15, now)
			if r.Interval != (age.Interval{From: tt.from, To: tt.to}) || r.Basis != tt.basis || r.Proven != tt.proven {
				t.Errorf("got %+v", r.Known)
			}
		})
	}
}

func TestResolveNeverTrustsInlineOverStored(t *testing.T) {
	holds(t, func(r *rand.Rand, youngest event.Band) bool {
		account := &age.Account{Signals: anySignals(r, 1+r.IntN(3))}
		inline := &event.Age{Band: event.Band(r.IntN(7)), Basis: event.Basis(r.IntN(6))}
		before := age.Resolve(account, nil, "", time.Time{}, youngest, now)
		after := age.Resolve(account, inline, "", time.Time{}, youngest, now)
		return after.Interval.From <= before.Interval.From && after.Interval.To >= before.Interval.To && (before.Proven || !after.Proven)
	})
}

func TestResolvePlaceAndCreation(t *testing.T) {
	made := now.AddDate(-1, 0, 0)
	account := &age.Account{Country: "US", Region: "US-CA", Created: made}
	tests := []struct {
		name                    string
		account                 *age.Account
		country                 string
		created                 time.Time
		wantCountry, wantRegion string
		wantCreated             time.Time
	}{
		{"unknown account", nil, "GB", made, "GB", "", made},
		{"account alone", account, "", time.Time{}, "US", "US-CA", made},
		{"at home", account, "US", time.Time{}, "US", "US-CA", made},
		{"abroad", account, "GB", time.Time{}, "GB", "", made},
		{"said to be older", account, "", made.AddDate(-5, 0, 0), "US", "US-CA", made},
		{"said to be newer", account, "", now, "US", "US-CA", now},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := age.Resolve(tt.account, nil, tt.country, tt.created, event.Band13to15, now)
			if r.Country != tt.wantCountry || r.Region != tt.wantRegion || !r.Created.Equal(tt.wantCreated) {
				t.Errorf("got %s %s %s", r.Country, r.Region, r.Created)
			}
		})
	}
}

func TestResolveLeavesTheAccountAlone(t *testing.T) {
	signals := make([]age.Signal, 1, 4)
	signals[0] = says(event.Band10to12, event.BasisVerified)
	account := &age.Account{Signals: signals}
	age.Resolve(account, &event.Age{Band: event.Band6to9, Basis: event.BasisDeclared}, "", time.Time{}, event.Band13to15, now)
	if spare := signals[:2][1]; spare != (age.Signal{}) {
		t.Error("the inline age was written into the account's own signals")
	}
}

func TestResolveAllocations(t *testing.T) {
	account := &age.Account{Signals: []age.Signal{says(event.Band18Plus, event.BasisVerified)}}
	if n := testing.AllocsPerRun(100, func() {
		age.Resolve(account, nil, "GB", now, event.Band13to15, now)
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func ExampleMerge() {
	known := age.Merge([]age.Signal{
		{Interval: age.IntervalOf(event.Band18Plus), Basis: event.BasisVerified, Source: "check"},
		{Interval: age.IntervalOf(event.Band13to15), Basis: event.BasisInferred, Confidence: 0.8, Source: "behaviour"},
	}, event.Band13to15, time.Now())
	fmt.Printf("%s, possible ages %v, proven adult %v, check again %v\n", known.Band, known.Interval, known.Proven, known.Doubt)
	// Output: 13-15, possible ages {13 150}, proven adult false, check again true
}
