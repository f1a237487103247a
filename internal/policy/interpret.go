package policy

import (
	"fmt"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/cost"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/interpreter"
)

// Limits of what one part of a condition may cost, in CEL's units (about one
// per step).
const (
	cheapCost   = 2_000       // at most: evaluated without a meter
	maxCost     = 100_000     // metered: more is a missing input
	absurdCost  = 100_000_000 // at worst: refused when it is compiled
	maxMetered  = 256         // metered evaluations for one event
	interruptAt = 256         // steps between looks at the deadline
)

// interpret plans part for CEL's interpreter.
func (lang *language) interpret(tree *ast.AST, part ast.Expr) (func(*state) tri, error) {
	sub := ast.NewCheckedAST(ast.NewAST(part, tree.SourceInfo()), tree.TypeMap(), tree.ReferenceMap())
	estimate, err := cost.Cost(sub, sizes{})
	if err != nil {
		return nil, err
	}
	if estimate.Max > absurdCost {
		return nil, fmt.Errorf("too expensive: up to %d steps, at most %d are allowed", estimate.Max, absurdCost)
	}
	if estimate.Max <= cheapCost {
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
		if s.metered++; s.metered > maxMetered {
			return unsure
		}
		out, _, err := program.ContextEval(s.ctx, s)
		return s.verdict(out, err)
	}, nil
}

// sizes bounds what the estimator can't know: an event's attributes are at
// most 8 KiB of JSON, every other string an identifier.
type sizes struct{}

func (sizes) EstimateCallCost(_, _ string, _ *cost.AstNode, _ []cost.AstNode) *cost.CallEstimate {
	return nil
}

func (sizes) EstimateSize(n cost.AstNode) *cost.SizeEstimate {
	if n.Type().Kind() == types.StringKind && len(n.Path()) == 1 {
		return &cost.SizeEstimate{Min: 0, Max: 64}
	}
	return &cost.SizeEstimate{Min: 0, Max: 8 << 10}
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
