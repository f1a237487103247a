package policy

import (
	"errors"
	"fmt"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/cost"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/interpreter"

	"github.com/breakwater-project/breakwater/event"
)

// Limits of what one part of a condition may cost, in CEL's units (about one
// per step).
const (
	cheapCost   = 2_000             // at most: evaluated without a meter
	maxCost     = 100_000           // metered: more is a missing input
	absurdCost  = 1_000_000_000_000 // at worst: refused when it is compiled
	maxBudget   = 400_000           // all that is metered for one event, together
	interruptAt = 256               // steps between looks at the deadline
)

// interpret plans part for CEL's interpreter.
func (lang *language) interpret(tree *ast.AST, part ast.Expr) (func(*state) tri, error) {
	sub := ast.NewCheckedAST(ast.NewAST(part, tree.SourceInfo()), tree.TypeMap(), tree.ReferenceMap())
	worst, err := bound(sub)
	if err != nil {
		return nil, err
	}
	if worst <= cheapCost {
		program, err := lang.env.PlanProgram(sub, cel.EvalOptions(cel.OptOptimize))
		if err != nil {
			return nil, err
		}
		return func(s *state) tri {
			out, _, err := program.Eval(s)
			return s.verdict(out, err)
		}, nil
	}
	program, err := lang.env.PlanProgram(sub, cel.EvalOptions(cel.OptOptimize), cel.CostLimit(maxCost), cel.InterruptCheckFrequency(interruptAt))
	if err != nil {
		return nil, err
	}
	return func(s *state) tri {
		if s.spent >= maxBudget {
			return unsure
		}
		out, details, err := program.ContextEval(s.ctx, s)
		s.spent++
		if details != nil && details.ActualCost() != nil {
			s.spent += *details.ActualCost()
		}
		return s.verdict(out, err)
	}, nil
}

// bound is what tree costs at worst. What would cost too much for every event,
// or beyond all measure for some, is an error.
func bound(tree *ast.AST) (uint64, error) {
	least, err := cost.Cost(tree, sizes{attribute: 1})
	if err != nil {
		return 0, err
	}
	if least.Max > maxCost {
		return 0, fmt.Errorf("too expensive: %d steps, at most %d are allowed", least.Max, maxCost)
	}
	worst, err := cost.Cost(tree, sizes{attribute: event.MaxAttributes})
	if err != nil {
		return 0, err
	}
	if worst.Max > absurdCost {
		return 0, errors.New("too expensive: nested loops over attributes")
	}
	return worst.Max, nil
}

// sizes bounds what CEL's estimator can't know: how much there is in an
// attribute. Every other string is an identifier.
type sizes struct{ attribute uint64 }

func (sizes) EstimateCallCost(_, _ string, _ *cost.AstNode, _ []cost.AstNode) *cost.CallEstimate {
	return nil
}

func (z sizes) EstimateSize(n cost.AstNode) *cost.SizeEstimate {
	if n.Type().Kind() == types.StringKind && len(n.Path()) == 1 {
		return &cost.SizeEstimate{Min: 0, Max: 64}
	}
	return &cost.SizeEstimate{Min: 0, Max: z.attribute}
}

// ResolveName is the variable's value, boxed at most once for an event or viewer.
func (s *state) ResolveName(name string) (any, bool) {
	v := s.inputs.byName[name]
	if v == nil {
		return nil, false
	}
	box := &s.boxes[v.index]
	epoch := s.epoch
	if v.viewer {
		epoch += 1 + uint64(s.class)
	}
	if box.epoch != epoch {
		box.value, box.ok = v.value(s)
		box.epoch = epoch
		s.boxed = true
	}
	return box.value, box.ok
}

// Parent is nil: there is nothing else to see.
func (s *state) Parent() interpreter.Activation { return nil }
