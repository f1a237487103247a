package wellbeing

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
	"time"

	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/db"
)

// Fewest is how many people a count is of, at least. Of fewer nothing is
// written down, and nothing shown.
const Fewest = 10

// tally is counts of use by band and day, of no person.
type tally struct {
	mu    sync.Mutex
	cells map[cell]*sum
}

type cell struct {
	day  int64 // since 1970, each person's own
	band event.Band
}

// sum is what a cell has that is not written down yet, and of how many people
// it ever was.
type sum struct {
	usage
	people int64 // not written down yet
	ever   int64
}

// counted is what a person has been counted with, on one day.
type counted struct {
	cell
	usage
	any bool
}

func newTally() *tally { return &tally{cells: map[cell]*sum{}} }

// update makes the day's cell have u of the person, instead of what it has of
// them. A day that is over for them stays as it is.
func (t *tally) update(p *person, today day, band event.Band, u usage) {
	was, now := &p.counted, cell{today.number, band}
	if was.any && now.day < was.day {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if was.any && now.day == was.day {
		t.add(was.cell, was.usage, -1)
	}
	t.add(now, u, 1)
	*was = counted{cell: now, usage: u, any: true}
}

func (t *tally) add(c cell, u usage, sign int64) {
	s := t.cells[c]
	if s == nil {
		s = &sum{}
		t.cells[c] = s
	}
	s.usage = s.plus(u, sign)
	s.people += sign
	s.ever += sign
}

// take gives what is to be written down, which the tally then has no more, and
// lets go of the days that are long over.
func (t *tally) take(now time.Time) map[cell]sum {
	t.mu.Lock()
	defer t.mu.Unlock()
	due := map[cell]sum{}
	over := now.Add(-2*forgetAfter).Unix() / (24 * 60 * 60)
	for c, s := range t.cells {
		if s.ever >= Fewest && (s.usage != usage{} || s.people != 0) {
			due[c] = *s
			s.usage, s.people = usage{}, 0
		}
		if c.day < over {
			delete(t.cells, c)
		}
	}
	return due
}

// giveBack is for what could not be written down.
func (t *tally) giveBack(due map[cell]sum) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for c, d := range due {
		s := t.cells[c]
		if s == nil {
			s = &sum{ever: d.ever}
			t.cells[c] = s
		}
		s.usage, s.people = s.plus(d.usage, 1), s.people+d.people
	}
}

// Flush writes down the counts of groups that are large enough.
func (w *Wellbeing) Flush(ctx context.Context) error {
	due := w.tally.take(w.o.Now())
	if len(due) == 0 {
		return nil
	}
	err := w.o.DB.Tx(ctx, func(tx *sql.Tx) error {
		for c, s := range due {
			if _, err := tx.ExecContext(ctx, `
				INSERT INTO wellbeing_usage (day, band, people, sessions, seconds, night, breaks) VALUES ($1, $2, $3, $4, $5, $6, $7)
				ON CONFLICT (day, band) DO UPDATE SET
					people = wellbeing_usage.people + excluded.people, sessions = wellbeing_usage.sessions + excluded.sessions,
					seconds = wellbeing_usage.seconds + excluded.seconds, night = wellbeing_usage.night + excluded.night,
					breaks = wellbeing_usage.breaks + excluded.breaks`,
				c.day, int64(c.band), s.people, s.sessions, s.seconds, s.night, s.breaks); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		w.tally.giveBack(due)
		return fmt.Errorf("wellbeing: flush: %w", err)
	}
	return nil
}

// Day is how one band used the platform on one day, rounded.
type Day struct {
	Day      string     `json:"day" format:"date" doc:"By each person's own clock"`
	Band     event.Band `json:"band" enum:"0-5,6-9,10-12,13-15,16-17,18+,unknown"`
	People   int64      `json:"people" doc:"To the nearest 5"`
	Sessions int64      `json:"sessions" doc:"To the nearest 5"`
	Minutes  int64      `json:"minutes" doc:"To the nearest 10"`
	Night    int64      `json:"night_minutes" doc:"Between 22:00 and 07:00 by their clock, where it is known; to the nearest 10"`
	Breaks   int64      `json:"breaks" doc:"Pauses of less than an hour; to the nearest 5"`
}

// Days reads the counts of the days between two, both included, that are
// over wherever somebody may be.
func (w *Wellbeing) Days(ctx context.Context, from, to time.Time) ([]Day, error) {
	const dayLong = 24 * 60 * 60
	// The last place where a day ends is 12 hours behind UTC; another hour is for
	// what comes late.
	over := (w.o.Now().Unix()-13*60*60)/dayLong - 1
	days := []Day{}
	err := db.Query(ctx, w.o.DB.Read, `
		SELECT day, band, people, sessions, seconds, night, breaks FROM wellbeing_usage
		WHERE day >= $1 AND day <= $2 AND people >= $3 ORDER BY day, band`,
		[]any{from.Unix() / dayLong, min(to.Unix()/dayLong, over), Fewest}, func(rows *sql.Rows) error {
			var number, band int64
			var d Day
			var seconds, night int64
			if err := rows.Scan(&number, &band, &d.People, &d.Sessions, &seconds, &night, &d.Breaks); err != nil {
				return err
			}
			d.Day, d.Band = time.Unix(number*dayLong, 0).UTC().Format(time.DateOnly), event.Band(band)
			d.People, d.Sessions, d.Breaks = nearest(d.People, 5), nearest(d.Sessions, 5), nearest(d.Breaks, 5)
			d.Minutes, d.Night = nearest(seconds/60, 10), nearest(night/60, 10)
			days = append(days, d)
			return nil
		})
	if err != nil {
		return nil, fmt.Errorf("wellbeing: days: %w", err)
	}
	return days, nil
}

// nearest rounds n to a multiple of step.
func nearest(n, step int64) int64 { return (n + step/2) / step * step }
