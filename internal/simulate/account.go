package simulate

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/breakwater-project/breakwater/event"
)

// Account is one person of the simulated platform.
type Account struct {
	ID       string
	Age      *event.Age // what the platform believes; nil if it knows nothing
	Years    int        // the true age, which only the ground truth knows
	Country  string     // ISO 3166-1 alpha-2
	Region   string     // ISO 3166-2, where law differs inside the country
	Language string     // of what the person writes
	Created  time.Time

	bent    Role  // what the person is up to, if it is no good
	hours   int   // ahead of UTC
	friends []int // indices into World.Accounts, ascending
	groups  []int // indices into World.groups
}

// group is people who talk to each other: a class, a team, a family.
type group struct {
	id       string
	language string
	members  []int
}

// place is a country with the language its people write here. Weights are out
// of placeWeights; hours are ahead of UTC in winter, to the nearest hour.
type place struct {
	country, region, language string
	weight, hours             int
}

var places = []place{
	{"GB", "", "en", 16, 0}, {"US", "US-CA", "en", 8, -8}, {"US", "US-NY", "en", 7, -5},
	{"AU", "", "en", 8, 10}, {"IE", "", "en", 3, 0}, {"DE", "", "de", 8, 1}, {"AT", "", "de", 2, 1},
	{"FR", "", "fr", 8, 1}, {"ES", "", "es", 5, 1}, {"MX", "", "es", 3, -6}, {"IT", "", "it", 5, 1},
	{"BR", "", "pt", 8, -3}, {"PT", "", "pt", 1, 0}, {"TR", "", "tr", 5, 3}, {"PL", "", "pl", 5, 1},
	{"AE", "", "ar", 4, 4}, {"IN", "", "hi", 4, 5}, {"IN", "", "en", 3, 5}, {"", "", "en", 2, 0},
}

// bandWeights is how many of a hundred accounts are believed to be of each
// band, unknown first.
var bandWeights = []int{7, 2, 9, 18, 24, 14, 26}

var handleFirst = []string{
	"amber", "brave", "clever", "dusty", "early", "fuzzy", "gentle", "happy", "indigo", "jolly",
	"kind", "lucky", "misty", "noble", "orange", "paper", "quiet", "rapid", "silver", "tiny",
	"violet", "windy", "yellow", "cosmic", "frosty", "mellow", "sunny", "velvet",
}

var handleSecond = []string{
	"acorn", "badger", "comet", "dolphin", "ember", "falcon", "gecko", "harbor", "iris", "juniper",
	"kite", "lantern", "maple", "nutmeg", "otter", "pebble", "quokka", "robin", "sparrow", "thistle",
	"urchin", "violin", "walnut", "yak", "zebra", "beacon", "clover", "dune", "fern",
}

// handle names account i: 812 pairs of words, then pairs with a number. The
// lists' lengths share no divisor, so every pair occurs.
func handle(i int) string {
	first, second := len(handleFirst), len(handleSecond)
	name := handleFirst[i%first] + "-" + handleSecond[i%second]
	if round := i / (first * second); round > 0 {
		name = fmt.Sprintf("%s-%d", name, round+1)
	}
	return name
}

func weighted[T any](rnd *rand.Rand, items []T, weight func(T) int) T {
	total := 0
	for _, item := range items {
		total += weight(item)
	}
	n := rnd.IntN(total)
	for _, item := range items {
		if n -= weight(item); n < 0 {
			return item
		}
	}
	panic("simulate: weights changed while picking")
}

// newAccount makes person i. The first ones are one of each band, unknown
// included, and the next ones what hostile scenes need, so that even a tiny
// world has everything.
func newAccount(rnd *rand.Rand, i int, start time.Time) Account {
	at := weighted(rnd, places, func(p place) int { return p.weight })
	bands := append([]event.Band{event.BandUnknown}, event.Bands()...)
	band := weighted(rnd, bands, func(b event.Band) int { return bandWeights[b] })
	if i < len(bands) {
		band = bands[i]
	}
	a := Account{
		ID: handle(i), Country: at.country, Region: at.region, Language: at.language, hours: at.hours,
		Years: yearsWithin(rnd, band),
		Age:   &event.Age{Band: band, Basis: basisFor(rnd, band)},
		// Most accounts are old, some were made this week.
		Created: start.Add(-time.Duration(1+rnd.IntN(40)*rnd.IntN(40)) * 24 * time.Hour),
	}
	if band == event.BandUnknown {
		a.Age = nil
	}
	a.bend(rnd, i, start)
	return a
}

// bend makes a few accounts hostile. Strangers are adults; half of them say
// that they are children. The others are of any age.
func (a *Account) bend(rnd *rand.Rand, i int, start time.Time) {
	roll := rnd.IntN(100)
	switch {
	case i == 7 || i > 10 && roll < 3:
		a.bent, a.Years = Stranger, 24+rnd.IntN(30)
		a.Age = &event.Age{Band: event.Band18Plus, Basis: event.BasisDeclared}
		if i > 10 && rnd.IntN(2) == 0 {
			a.Age.Band = event.Band13to15
		}
		a.Created = start.Add(-time.Duration(2+rnd.IntN(9)) * 24 * time.Hour)
	case i == 8 || i > 10 && roll < 6:
		a.bent = Spammer
		a.Created = start.Add(-time.Duration(1+rnd.IntN(70)) * time.Hour)
	case i == 9 || i > 10 && roll < 14:
		a.bent, a.Years = Bully, 11+rnd.IntN(9)
		a.Age = &event.Age{Band: event.BandOf(a.Years), Basis: event.BasisDeclared}
	case i == 10 || i > 10 && roll < 18:
		a.bent, a.Years = Controller, 16+rnd.IntN(12)
		a.Age = &event.Age{Band: event.BandOf(a.Years), Basis: event.BasisDeclared}
	}
}

// yearsWithin draws a true age. Somebody of unknown band is most often young.
func yearsWithin(rnd *rand.Rand, band event.Band) int {
	if band == event.BandUnknown {
		return 9 + rnd.IntN(20)
	}
	from, to := band.Interval()
	from = max(from, 4)
	if band == event.Band18Plus {
		to = 60
	}
	return from + rnd.IntN(to-from)
}

func basisFor(rnd *rand.Rand, band event.Band) event.Basis {
	roll := rnd.IntN(10)
	switch {
	case band == event.BandUnknown:
		return event.BasisNone
	case band < event.Band10to12:
		return event.BasisGuardian
	case band == event.Band18Plus && roll < 4:
		return event.BasisVerified
	case roll < 6:
		return event.BasisDeclared
	case roll < 8:
		return event.BasisEstimated
	case roll < 9 && band < event.Band16to17:
		return event.BasisGuardian
	}
	return event.BasisInferred
}

func (a *Account) minor() bool { return a.Years < 18 }

// awake is how likely, out of ten, the person is online at a time.
func (a *Account) awake(at time.Time) int {
	hour := (at.UTC().Hour() + a.hours + 48) % 24
	switch {
	case hour < 6:
		return 0
	case hour < 8 || hour >= 22:
		return 2
	case hour < 15:
		return 4
	}
	return 10
}

// settle gives people their groups and friends: classes of about ten who share
// a language and a stage of school, teams that mix ages, families.
func (w *World) settle(rnd *rand.Rand) {
	stage := func(a *Account) int { return min(a.Years, 18) / 3 }
	for _, language := range languages {
		var speakers []int
		for i := range w.Accounts {
			if w.Accounts[i].Language == language && w.Accounts[i].bent != Spammer && w.Accounts[i].bent != Stranger {
				speakers = append(speakers, i)
			}
		}
		w.addGroups(rnd, "team", language, speakers, 7, 35)
		slices.SortStableFunc(speakers, func(i, j int) int { return stage(&w.Accounts[i]) - stage(&w.Accounts[j]) })
		w.addGroups(rnd, "class", language, speakers, 10, 65)
		w.addFamilies(rnd, speakers)
	}
	for i := range w.Accounts {
		slices.Sort(w.Accounts[i].friends)
	}
}

// addGroups cuts people into groups of a size and makes friends of so many
// out of a hundred pairs in each.
func (w *World) addGroups(rnd *rand.Rand, name, language string, people []int, size, percent int) {
	for members := range slices.Chunk(people, size) {
		if len(members) < 3 {
			continue
		}
		w.groups = append(w.groups, group{
			id:       fmt.Sprintf("g-%s-%s-%d", name, language, len(w.groups)),
			language: language, members: slices.Clone(members),
		})
		for i, a := range members {
			w.Accounts[a].groups = append(w.Accounts[a].groups, len(w.groups)-1)
			for _, b := range members[:i] {
				if rnd.IntN(100) < percent {
					w.befriend(a, b)
				}
			}
		}
	}
}

// addFamilies connects children among some people to adults among them.
func (w *World) addFamilies(rnd *rand.Rand, speakers []int) {
	var adults []int
	for _, i := range speakers {
		if w.Accounts[i].Years >= 28 {
			adults = append(adults, i)
		}
	}
	for _, i := range speakers {
		if len(adults) > 0 && w.Accounts[i].minor() {
			w.befriend(i, adults[rnd.IntN(len(adults))])
		}
	}
}

func (w *World) befriend(a, b int) {
	if a == b || slices.Contains(w.Accounts[a].friends, b) {
		return
	}
	w.Accounts[a].friends = append(w.Accounts[a].friends, b)
	w.Accounts[b].friends = append(w.Accounts[b].friends, a)
}

// connected reports whether two people have accepted each other.
func (w *World) connected(a, b int) bool {
	_, found := slices.BinarySearch(w.Accounts[a].friends, b)
	return found
}
