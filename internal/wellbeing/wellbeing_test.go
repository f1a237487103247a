package wellbeing

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/counter"
	"github.com/breakwater-project/breakwater/internal/db"
	"github.com/breakwater-project/breakwater/internal/db/dbtest"
	"github.com/breakwater-project/breakwater/internal/decide"
)

// rig is a Wellbeing with a clock of the test's.
type rig struct {
	*Wellbeing
	now time.Time
}

func open(t *testing.T, d *db.DB) *rig {
	t.Helper()
	r := &rig{now: time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)}
	clock := func() time.Time { return r.now }
	counts, err := counter.OpenMemory(counter.MemoryOptions{Secret: counter.Secret{1}, Bytes: counter.LeastBytes, Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	r.Wellbeing = Open(Options{DB: d, Counts: counts, Keep: d != nil, Now: clock})
	t.Cleanup(func() {
		if err := errors.Join(r.Close(), counts.Close()); err != nil {
			t.Error(err)
		}
	})
	return r
}

// online is a session with a heartbeat every five minutes.
func (r *rig) online(account string, from, to time.Time) {
	for at := from; !at.After(to); at = at.Add(5 * time.Minute) {
		typ := event.SessionHeartbeat
		if at.Equal(from) {
			typ = event.SessionStart
		}
		r.Mark(&event.Event{Type: typ, Actor: event.Actor{ID: account}}, at)
	}
	r.Mark(&event.Event{Type: event.SessionEnd, Actor: event.Actor{ID: account}}, to)
}

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// A day begins at midnight by the person's own clock: on days of 23 and 25
// hours too, and where they travel.
func TestDays(t *testing.T) {
	berlin, auckland := zone(t, "Europe/Berlin"), zone(t, "Pacific/Auckland")
	utc := func(s string) time.Time {
		at, err := time.Parse("2006-01-02 15:04", s)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	for _, test := range []struct {
		name         string
		from, to, at string // UTC
		zone         *time.Location
		want         time.Duration
	}{
		{"by the clock of the place, yesterday's hour does not count", "2026-11-23 22:00", "2026-11-23 23:30", "2026-11-23 23:30", berlin, 30 * time.Minute},
		{"in another place it does", "2026-11-23 22:00", "2026-11-23 23:30", "2026-11-23 23:30", auckland, 90 * time.Minute},
		{"where nobody knows, the last 24 hours count", "2026-11-23 22:00", "2026-11-23 23:30", "2026-11-24 22:30", nil, time.Hour},
		{"the day that lasts 25 hours", "2026-10-24 22:00", "2026-10-25 22:30", "2026-10-25 22:30", berlin, 24*time.Hour + 30*time.Minute},
		{"the day that lasts 23 hours", "2026-03-28 23:00", "2026-03-29 21:30", "2026-03-29 21:30", berlin, 22*time.Hour + 30*time.Minute},
		{"after a flight to the east it is tomorrow", "2026-11-24 09:00", "2026-11-24 10:30", "2026-11-24 11:30", auckland, 0},
	} {
		r := open(t, nil)
		r.now = utc(test.at)
		r.online("u-1", utc(test.from), utc(test.to))
		if got := r.Use("u-1", utc(test.at), test.zone, event.Band10to12).Day; got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
}

// Each person has their own time, also where they share a device.
func TestSharedDevice(t *testing.T) {
	r := open(t, nil)
	noon := r.now
	for i, child := range []string{"u-1", "u-1", "u-1", "u-2", "u-2"} {
		r.Mark(&event.Event{
			Type: event.SessionHeartbeat, Actor: event.Actor{ID: child}, Attributes: map[string]any{"device": "the family's tablet"},
		}, noon.Add(time.Duration(i)*5*time.Minute))
	}
	r.now = noon.Add(20 * time.Minute)
	for child, want := range map[string]time.Duration{"u-1": 10 * time.Minute, "u-2": 5 * time.Minute, "u-3": 0} {
		if got := r.Use(child, r.now, time.UTC, event.Band6to9).Day; got != want {
			t.Errorf("%s: %s, want %s", child, got, want)
		}
	}
}

// What is too far ahead, or too long ago, changes nothing.
func TestOtherTimes(t *testing.T) {
	r := open(t, nil)
	for _, at := range []time.Time{r.now.Add(event.MaxSkew + time.Minute), r.now.Add(-49 * time.Hour), {}} {
		r.Mark(&event.Event{Type: event.SessionHeartbeat, Actor: event.Actor{ID: "u-1"}}, at)
	}
	if n := r.people.count(); n != 0 {
		t.Errorf("%d people are known by events of other times", n)
	}
	if use := r.Use("u-1", r.now, nil, event.Band6to9); use != (decide.Use{}) {
		t.Errorf("%v", use)
	}
}

// Over midnight (UTC) a session goes on, under another digest; after two days
// nothing is left by which a person could be found.
func TestDigestsChangeEveryDay(t *testing.T) {
	r := open(t, nil)
	r.now = time.Date(2026, 11, 24, 23, 50, 0, 0, time.UTC)
	first, _ := r.salts.of("u-1")
	r.online("u-1", r.now.Add(-30*time.Minute), r.now)
	r.now = r.now.Add(15 * time.Minute)
	r.Mark(&event.Event{Type: event.SessionHeartbeat, Actor: event.Actor{ID: "u-1"}}, r.now.Add(-6*time.Minute))
	if use := r.Use("u-1", r.now.Add(-6*time.Minute), nil, event.Band6to9); use.Session != 39*time.Minute || r.people.count() != 1 {
		t.Errorf("after midnight %v, of %d people", use, r.people.count())
	}
	second, yesterday := r.salts.of("u-1")
	if second == first || yesterday != first {
		t.Errorf("digests %x, then %x after %x", first, second, yesterday)
	}
	r.now = r.now.Add(24 * time.Hour)
	today, yesterday := r.salts.of("u-1")
	if today == first || yesterday == first || yesterday != second {
		t.Error("a digest is older than a day and can still be made")
	}
	r.now = r.now.Add(25 * time.Hour)
	r.people.tidy(r.now, r.gap())
	if n := r.people.count(); n != 0 {
		t.Errorf("%d people are known after two days", n)
	}
	r.now = r.now.Add(-72 * time.Hour) // a clock that was set back
	back, _ := r.salts.of("u-1")
	if back == first || back == second {
		t.Error("an old salt is back")
	}
}

// Memory is bounded: who was online least recently goes.
func TestPeopleAreBounded(t *testing.T) {
	r := open(t, nil)
	r.people = newPeople(r.salts, 640)
	for i := range 5000 {
		r.Mark(&event.Event{Type: event.SessionStart, Actor: event.Actor{ID: fmt.Sprint("u-", i)}}, r.now.Add(time.Duration(i)*time.Millisecond))
	}
	if n := r.people.count(); n > 640 {
		t.Errorf("%d people are kept, of at most 640", n)
	}
}

// Many at once, about the same and other people.
func TestConcurrentUse(t *testing.T) {
	r := open(t, nil)
	var wg sync.WaitGroup
	for n := range 8 {
		wg.Go(func() {
			for i := range 200 {
				account := fmt.Sprint("u-", (n+i)%5)
				r.Mark(&event.Event{Type: event.SessionHeartbeat, Actor: event.Actor{ID: account}}, r.now.Add(time.Duration(i-199)*time.Minute))
				r.Use(account, r.now, time.UTC, event.Band13to15)
			}
		})
	}
	wg.Wait()
	for i := range 5 {
		if got := r.Use(fmt.Sprint("u-", i), r.now, nil, event.Band13to15).Session; got < 190*time.Minute || got > 200*time.Minute {
			t.Errorf("u-%d: %s", i, got)
		}
	}
	if err := r.Forget(t.Context(), "u-1"); err != nil {
		t.Fatal(err)
	}
	if use := r.Use("u-1", r.now, nil, event.Band13to15); use != (decide.Use{}) {
		t.Errorf("after the erasure %v", use)
	}
}

// Counts are of groups: by band and day, once the day is over, of ten people at
// least, whatever the order in which their events came.
func TestCountsByBand(t *testing.T) {
	dbtest.Each(t, []db.Source{Migrations()}, func(t *testing.T, d *db.DB) {
		r := open(t, d)
		morning := time.Date(2026, 11, 24, 6, 40, 0, 0, time.UTC)
		use := func(account string, band event.Band) {
			r.online(account, morning, morning.Add(time.Hour))                           // 20 minutes of night
			r.online(account, morning.Add(70*time.Minute), morning.Add(100*time.Minute)) // after a break
			r.online(account, morning.Add(4*time.Hour), morning.Add(4*time.Hour+30*time.Minute))
			for range 2 {
				r.Use(account, r.now, time.UTC, band)
			}
		}
		for i := range 12 {
			use(fmt.Sprint("ten-", i), event.Band10to12)
		}
		for i := range 9 {
			use(fmt.Sprint("six-", i), event.Band6to9)
		}
		if err := r.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		use("ten-0", event.Band10to12) // again: nothing new
		if err := r.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		days, err := r.Days(t.Context(), morning, morning)
		if err != nil || len(days) != 0 {
			t.Errorf("a day that is not over has %v, %v", days, err)
		}
		r.now = morning.AddDate(0, 0, 2)
		days, err = r.Days(t.Context(), morning.AddDate(0, 0, -1), r.now)
		want := []Day{{Day: "2026-11-24", Band: event.Band10to12, People: 10, Sessions: 35, Minutes: 1440, Night: 240, Breaks: 10}}
		if diff := cmp.Diff(want, days); err != nil || diff != "" {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
		var rows int
		if err := d.Read.QueryRowContext(t.Context(), `SELECT count(*) FROM wellbeing_usage`).Scan(&rows); err != nil || rows != 1 {
			t.Errorf("%d rows are written, of a group that is large enough and one that is not (%v)", rows, err)
		}
	})
}

// A band that becomes another during the day counts a person once.
func TestCountsOfAnotherBand(t *testing.T) {
	d := dbtest.Open(t, dbtest.SQLite(t), Migrations())
	r := open(t, d)
	for _, band := range []event.Band{event.Band16to17, event.Band13to15} {
		for i := range 20 {
			account := fmt.Sprint("u-", i)
			r.online(account, r.now.Add(-time.Hour), r.now)
			r.Use(account, r.now, time.UTC, band)
		}
	}
	r.now = r.now.AddDate(0, 0, 2)
	if err := r.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	days, err := r.Days(t.Context(), r.now.AddDate(0, 0, -3), r.now)
	if err != nil || len(days) != 1 || days[0].Band != event.Band13to15 || days[0].People != 20 || days[0].Minutes != 1200 {
		t.Errorf("%v %v", days, err)
	}
}

// What could not be written down is written down later.
func TestCountsAreNotLost(t *testing.T) {
	d := dbtest.Open(t, dbtest.SQLite(t), Migrations())
	r := open(t, d)
	for i := range 10 {
		account := fmt.Sprint("u-", i)
		r.online(account, r.now.Add(-time.Hour), r.now)
		r.Use(account, r.now, time.UTC, event.Band13to15)
	}
	rename := func(from, to string) {
		if _, err := d.Write.ExecContext(t.Context(), `ALTER TABLE `+from+` RENAME TO `+to); err != nil {
			t.Fatal(err)
		}
	}
	rename("wellbeing_usage", "away")
	if err := r.Flush(t.Context()); err == nil {
		t.Error("counts were written into a table that is not there")
	}
	rename("away", "wellbeing_usage")
	if err := r.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.now = r.now.AddDate(0, 0, 2)
	days, err := r.Days(t.Context(), r.now.AddDate(0, 0, -3), r.now)
	if err != nil || len(days) != 1 || days[0].People != 10 || days[0].Minutes != 600 {
		t.Errorf("%v %v", days, err)
	}
}

// Items count once for each kind, for a day, and for nobody else.
func TestShown(t *testing.T) {
	r := open(t, nil)
	shown := []decide.Shown{
		{Item: "a", Kind: "ndc.depression", At: r.now}, {Item: "b", Kind: "ndc.depression", At: r.now.Add(-2 * time.Hour)},
		{Item: "a", Kind: "pc.stunts", At: r.now},
	}
	asked := []decide.Asked{
		{Kind: "ndc.depression", Window: 24 * time.Hour, At: r.now}, {Kind: "ndc.depression", Window: time.Hour, At: r.now},
		{Kind: "pc.stunts", Window: time.Hour, At: r.now}, {Kind: "pc.animal", Window: time.Hour, At: r.now},
	}
	ask := func(viewer string, shown []decide.Shown, want ...float64) {
		t.Helper()
		got, err := r.Shown(t.Context(), viewer, shown, asked)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v (%v)", viewer, got, want, err)
		}
	}
	ask("u-1", shown, 2, 1, 1, 0)
	ask("u-1", shown, 2, 1, 1, 0)
	ask("u-2", nil, 0, 0, 0, 0)
	r.now = r.now.Add(13 * time.Hour) // tomorrow, under another digest
	for i := range asked {
		asked[i].At = r.now
	}
	ask("u-1", nil, 2, 0, 0, 0)
	if err := r.Forget(t.Context(), "u-1"); err != nil {
		t.Fatal(err)
	}
	ask("u-1", nil, 0, 0, 0, 0)
}

// No digest can be read as a name.
func TestDigestsAreOpaque(t *testing.T) {
	r := open(t, nil)
	d, _ := r.salts.of("u-1")
	if strings.Contains(d.String(), "u-1") || bytes.Contains(d[:], []byte("u-1")) || len(d.String()) != 32 {
		t.Errorf("%s", d)
	}
}

func BenchmarkHeartbeat(b *testing.B) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	w := Open(Options{Now: func() time.Time { return now }})
	defer w.stopped.Wait()
	defer close(w.stop)
	events := make([]*event.Event, 10_000)
	for i := range events {
		events[i] = &event.Event{Type: event.SessionHeartbeat, Actor: event.Actor{ID: fmt.Sprint("u-", i)}}
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		at := now.Add(time.Duration(i/len(events)-60) * time.Minute)
		ev := events[i%len(events)]
		w.Mark(ev, at)
		w.Use(ev.Actor.ID, at, time.UTC, event.Band13to15)
		i++
	}
}

// BenchmarkPeople says how much memory somebody takes who is online, and who left.
func BenchmarkPeople(b *testing.B) {
	const many = 50_000
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	for b.Loop() {
		var empty, online, left runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&empty)
		p := newPeople(&salts{now: func() time.Time { return now }}, many*2)
		for i := range many {
			p.with(fmt.Sprint("u-", i), func(x *person) {
				for minute := range 90 {
					x.add(beat, now.Unix()+int64(minute*60), "")
					x.spans(gap, now.Add(24*time.Hour).Unix())
				}
			})
		}
		runtime.GC()
		runtime.ReadMemStats(&online)
		p.tidy(now.Add(3*time.Hour), gap)
		runtime.GC()
		runtime.ReadMemStats(&left)
		b.ReportMetric(float64(online.HeapAlloc-empty.HeapAlloc)/many, "B/online")
		b.ReportMetric(float64(left.HeapAlloc-empty.HeapAlloc)/many, "B/left")
		runtime.KeepAlive(p)
	}
}
