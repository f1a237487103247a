package sanction

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/breakwater-project/breakwater/internal/db"
	"github.com/breakwater-project/breakwater/internal/fault"
	"github.com/breakwater-project/breakwater/internal/keys"
	"github.com/breakwater-project/breakwater/internal/web"
)

func (s *Sanctions) restraintRoutes(api *web.API) {
	web.Register(api, web.Operation{
		Method: "GET", Path: "/v1/restraint", ID: "get-restraint", Tag: tag,
		Summary:     "Which rules sanction how many, and what waits for a person",
		Description: "A rule holds when it reaches its quota of a day: its strikes, restrictions, demonetisations, reports and labels wait from then on, until a person lets it go on. Its outcomes, reviews, preserved evidence and urgent pages stay in force.",
		Roles:       []keys.Role{keys.Reviewer, keys.Analyst, keys.Compliance}, Idempotent: true,
	}, s.getRestraint)
	web.Register(api, web.Operation{
		Method: "POST", Path: "/v1/restraint/{rule}", ID: "change-restraint", Tag: tag,
		Summary: "Have a rule's sanctions wait or go on; release, drop or undo them",
		Description: "release, drop and undo count first whom they would touch, and do nothing else without at_most. With it they begin, " +
			"unless they would touch more accounts and labels than that: then 409. hold and go_on are done at once. " +
			"The rule * is all rules together, for anything but undo.",
		Roles: []keys.Role{keys.Reviewer, keys.Compliance},
	}, s.postRestraint)
}

type restraintAnswer struct {
	Rules   []ruleAnswer   `json:"rules" nullable:"false" doc:"That hold, wait or sanctioned somebody today; those that hold first"`
	Actions []actionAnswer `json:"actions" nullable:"false" doc:"The latest 50 acts on many sanctions"`
}

type ruleAnswer struct {
	Rule    string       `json:"rule" doc:"* is all rules together"`
	Class   class        `json:"class" enum:"sanction,label" doc:"label: of content; all else is sanction"`
	Holds   bool         `json:"holds"`
	Since   time.Time    `json:"since,omitzero"`
	Why     string       `json:"why,omitempty"`
	By      string       `json:"by,omitempty" doc:"Id of the API key of whoever has it hold; absent: it does by itself"`
	Today   int          `json:"today" doc:"Accounts, or pieces of content, each once, since 00:00 UTC"`
	Usual   float64      `json:"usual" doc:"The same on a usual day"`
	Quota   int          `json:"quota" doc:"How many a day before it holds"`
	Left    int          `json:"left" doc:"How many more today"`
	Waiting waitingCount `json:"waiting"`
}

type waitingCount struct {
	Accounts  int64     `json:"accounts"`
	Decisions int64     `json:"decisions"`
	Effects   int64     `json:"effects"`
	Oldest    time.Time `json:"oldest,omitzero"`
}

type actionAnswer struct {
	ID       string    `json:"id"`
	Rule     string    `json:"rule"`
	Do       Act       `json:"do" enum:"release,drop,undo"`
	By       string    `json:"by"`
	Why      string    `json:"why"`
	At       time.Time `json:"at"`
	Ended    time.Time `json:"ended,omitzero" doc:"Absent while it is under way"`
	Accounts int64     `json:"accounts" doc:"As counted before"`
	Effects  int64     `json:"effects"`
}

func (s *Sanctions) getRestraint(ctx context.Context, _ *struct{}) (*struct{ Body restraintAnswer }, error) {
	if err := s.read(ctx); err != nil {
		return nil, problem(err)
	}
	waiting, err := s.waiting(ctx)
	if err != nil {
		return nil, problem(err)
	}
	actions, err := s.Actions(ctx, 50)
	if err != nil {
		return nil, problem(err)
	}
	a := restraintAnswer{Rules: s.rules(waiting), Actions: []actionAnswer{}}
	for i := range actions {
		act := &actions[i]
		a.Actions = append(a.Actions, actionAnswer{
			ID: act.ID, Rule: act.Rule, Do: act.Act, By: act.Person, Why: act.Why, At: act.Upto, Ended: act.Ended,
			Accounts: act.Radius.Accounts, Effects: act.Radius.Effects["all"],
		})
	}
	return &struct{ Body restraintAnswer }{a}, nil
}

// rules is how each rule stands that has anything to show.
func (s *Sanctions) rules(waiting map[key]waitingCount) []ruleAnswer {
	r := &s.restraint
	r.mu.Lock()
	defer r.mu.Unlock()
	for k := range waiting {
		r.of(k)
	}
	list := []ruleAnswer{}
	for k, t := range r.rules {
		today := len(t.marks)
		if k.rule == allRules {
			today = r.total
		}
		if t.holds == nil && today == 0 && waiting[k].Effects == 0 {
			continue
		}
		quota := s.opt.Quota.limit(k, t.usual)
		a := ruleAnswer{
			Rule: k.rule, Class: k.class, Today: today, Usual: t.usual, Quota: quota,
			Left: max(quota-r.spent(k, t), 0), Waiting: waiting[k],
		}
		if h := t.holds; h != nil {
			a.Holds, a.Since, a.Why, a.By, a.Left = true, h.since, h.why, h.person, 0
		}
		list = append(list, a)
	}
	slices.SortFunc(list, func(a, b ruleAnswer) int {
		if a.Holds != b.Holds {
			if a.Holds {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Class, b.Class))
	})
	return list
}

// waiting counts what waits of each rule.
func (s *Sanctions) waiting(ctx context.Context) (map[key]waitingCount, error) {
	counts := map[key]waitingCount{}
	err := db.Query(ctx, s.opt.DB.Read, `
		SELECT rule, class, count(DISTINCT account), count(DISTINCT decision), count(*), min(at)
		FROM sanction_waiting WHERE state = 'waiting' GROUP BY rule, class`, nil, func(rows *sql.Rows) error {
		var k key
		var c waitingCount
		var oldest int64
		err := rows.Scan(&k.rule, &k.class, &c.Accounts, &c.Decisions, &c.Effects, &oldest)
		c.Oldest = time.UnixMicro(oldest).UTC()
		counts[k] = c
		return err
	})
	return counts, err
}

type changeBody struct {
	Why    string    `json:"why" minLength:"3" maxLength:"500" pattern:"^\\P{Cc}*$" patternDescription:"no control characters" doc:"For the record; name nobody"`
	Do     string    `json:"do" enum:"hold,go_on,release,drop,undo" doc:"release: carry out what waits, and go on; drop: never carry it out; undo: take back what was carried out"`
	Since  time.Time `json:"since,omitzero" doc:"undo, which needs it: of what was done from then on"`
	AtMost *int64    `json:"at_most,omitempty" minimum:"0" doc:"How many accounts and labels may be touched; without it they are only counted"`
}

type changeAnswer struct {
	Rule   string  `json:"rule"`
	Do     string  `json:"do"`
	DryRun bool    `json:"dry_run" doc:"It was counted, and nothing was done"`
	Action string  `json:"action,omitempty" doc:"Id of what has begun: GET /v1/restraint says when it has ended"`
	Radius *Radius `json:"radius,omitempty" doc:"Whom it touches"`
}

func (s *Sanctions) postRestraint(ctx context.Context, in *struct {
	Rule string `path:"rule" maxLength:"100" pattern:"^([a-z0-9][a-z0-9_.-]*|\\*)$" patternDescription:"a rule's id, or *"`
	Body changeBody
}) (*struct{ Body changeAnswer }, error) {
	b := &in.Body
	out := &struct{ Body changeAnswer }{changeAnswer{Rule: in.Rule, Do: b.Do}}
	if b.Do == "hold" || b.Do == "go_on" {
		return out, problemOrNil(s.Keep(ctx, in.Rule, b.Do == "hold", caller(ctx), b.Why))
	}
	if (Act(b.Do) == Undo) != !b.Since.IsZero() {
		return nil, fault.Fieldwise(fault.Field{Location: "since", Message: "undo needs it, and the others have none"})
	}
	a := Action{Rule: in.Rule, Act: Act(b.Do), Since: b.Since, Person: caller(ctx), Why: b.Why}
	if a.Act == Undo && a.Rule == allRules {
		return nil, problem(ErrNoRule)
	}
	if b.AtMost == nil {
		r, err := s.Count(ctx, &a)
		if err != nil {
			return nil, problem(err)
		}
		out.Body.DryRun, out.Body.Radius = true, &r
		return out, nil
	}
	err := s.Begin(ctx, &a, *b.AtMost)
	if wide, ok := errors.AsType[*TooWideError](err); ok {
		return nil, fault.New(fault.Conflict, fmt.Sprintf("It would touch %d accounts and %d labels, more than at_most.", wide.Radius.Accounts, wide.Radius.Labels))
	}
	if err != nil {
		return nil, problem(err)
	}
	out.Body.Action, out.Body.Radius = a.ID, &a.Radius
	return out, nil
}

func problemOrNil(err error) error {
	if err == nil {
		return nil
	}
	return problem(err)
}
