package assurance

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/breakwater-project/breakwater/internal/db"
	"github.com/breakwater-project/breakwater/internal/fault"
)

// Count is how often something happened on a day.
type Count struct {
	Day     string `json:"day" doc:"In UTC"`
	Profile string `json:"profile" doc:"Empty where none was asked for"`
	Method  string `json:"method" doc:"Empty where none was chosen"`
	Outcome string `json:"outcome" doc:"begun, passed, under, undecided, merged, appealed, or why an answer was refused"`
	N       int    `json:"n"`
}

// count adds one to what happened today.
func (a *Assurance) count(ctx context.Context, tx *sql.Tx, profile, method, outcome string) error {
	_, err := tx.ExecContext(ctx, `
		INSERT INTO assurance_count (day, profile, method, outcome, n) VALUES ($1, $2, $3, $4, 1)
		ON CONFLICT (day, profile, method, outcome) DO UPDATE SET n = assurance_count.n + 1`,
		a.opt.Now().UTC().Format(time.DateOnly), profile, method, outcome)
	return err
}

// Counts are those of the days from the first to the last, both included.
func (a *Assurance) Counts(ctx context.Context, first, last time.Time) ([]Count, error) {
	all := []Count{}
	err := db.Query(ctx, a.opt.DB.Read, `
		SELECT day, profile, method, outcome, n FROM assurance_count WHERE day >= $1 AND day <= $2 ORDER BY day, profile, method, outcome`,
		[]any{first.UTC().Format(time.DateOnly), last.UTC().Format(time.DateOnly)}, func(rows *sql.Rows) error {
			var c Count
			err := rows.Scan(&c.Day, &c.Profile, &c.Method, &c.Outcome, &c.N)
			all = append(all, c)
			return err
		})
	if err != nil {
		return nil, fmt.Errorf("assurance: counts: %w", err)
	}
	return all, nil
}

type (
	countsRequest struct {
		First string `query:"first" format:"date" doc:"A day; 30 days ago unless given"`
		Last  string `query:"last" format:"date" doc:"A day; today unless given"`
	}
	countsResponse struct{ Body countsAnswer }
)

type countsAnswer struct {
	Counts []Count `json:"counts" nullable:"false"`
}

// maxDays is how many days are counted at once.
const maxDays = 400

func (a *Assurance) getCounts(ctx context.Context, in *countsRequest) (*countsResponse, error) {
	last, err := day(in.Last)
	if err != nil {
		return nil, fault.Fieldwise(fault.Field{Location: "query.last", Message: "must be a day like 2026-11-24"})
	}
	if last.IsZero() {
		last = Day(a.opt.Now())
	}
	first, err := day(in.First)
	if err != nil {
		return nil, fault.Fieldwise(fault.Field{Location: "query.first", Message: "must be a day like 2026-11-24"})
	}
	if first.IsZero() {
		first = last.AddDate(0, 0, -30)
	}
	if last.Before(first) || last.Sub(first) > maxDays*24*time.Hour {
		return nil, fault.Fieldwise(fault.Field{Location: "query.first", Message: "must be no later than last, and no more than 400 days before it"})
	}
	all, err := a.Counts(ctx, first, last)
	if err != nil {
		return nil, problem(err)
	}
	return &countsResponse{countsAnswer{all}}, nil
}
