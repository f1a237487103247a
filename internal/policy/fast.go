package policy

import (
	"cmp"
	"slices"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
)

// fast compiles the simple part of CEL, which is nearly all that rules use, to
// closures over the evaluation's state: logic, comparisons, sums of ints and
// membership in a literal list. What it does not know it answers with nil, and
// CEL's own interpreter does it. Both agree on everything that fast compiles,
// also on missing inputs (TestFastAgreesWithCEL, FuzzFastAgreesWithCEL).
type fast struct {
	inputs *inputs
	types  *ast.AST
}

// operand is a value that is read from the state; false is missing.
type operand[T any] struct {
	read     func(*state) (T, bool)
	constant *T
}

func constant[T any](v T) *operand[T] {
	return &operand[T]{read: func(*state) (T, bool) { return v, true }, constant: &v}
}

func (f *fast) variable(e ast.Expr) *variable {
	if e.Kind() != ast.IdentKind {
		return nil
	}
	return f.inputs.byName[e.AsIdent()]
}

func (f *fast) bool(e ast.Expr) func(*state) tri {
	switch e.Kind() {
	case ast.LiteralKind:
		if b, ok := e.AsLiteral().(types.Bool); ok {
			t := truth(bool(b))
			return func(*state) tri { return t }
		}
	case ast.IdentKind:
		if v := f.variable(e); v != nil {
			return v.bool
		}
	case ast.CallKind:
		return f.call(e.AsCall().FunctionName(), e.AsCall().Args())
	}
	return nil
}

func (f *fast) call(function string, args []ast.Expr) func(*state) tri {
	switch function {
	case operators.LogicalNot:
		return not(f.bool(args[0]))
	case operators.LogicalAnd:
		return f.logic(function, args, no)
	case operators.LogicalOr:
		return f.logic(function, args, yes)
	case operators.Conditional:
		return choose(f.bool(args[0]), f.bool(args[1]), f.bool(args[2]))
	case operators.In:
		return f.in(args[0], args[1])
	}
	if r, ok := relations[function]; ok {
		return f.compare(r, args[0], args[1])
	}
	return nil
}

func not(p func(*state) tri) func(*state) tri {
	if p == nil {
		return nil
	}
	return func(s *state) tri {
		switch p(s) {
		case no:
			return yes
		case yes:
			return no
		}
		return unsure
	}
}

// logic is && (settled by no) or || (settled by yes) of all args.
func (f *fast) logic(function string, args []ast.Expr, settles tri) func(*state) tri {
	var parts []func(*state) tri
	for _, arg := range flatten(function, args) {
		p := f.bool(arg)
		if p == nil {
			return nil
		}
		parts = append(parts, p)
	}
	otherwise := yes
	if settles == yes {
		otherwise = no
	}
	return func(s *state) tri {
		result := otherwise
		for _, p := range parts {
			switch p(s) {
			case settles:
				return settles
			case unsure:
				result = unsure
			}
		}
		return result
	}
}

func flatten(function string, args []ast.Expr) []ast.Expr {
	var flat []ast.Expr
	for _, arg := range args {
		if arg.Kind() == ast.CallKind && arg.AsCall().FunctionName() == function {
			flat = append(flat, flatten(function, arg.AsCall().Args())...)
		} else {
			flat = append(flat, arg)
		}
	}
	return flat
}

func choose(p, a, b func(*state) tri) func(*state) tri {
	if p == nil || a == nil || b == nil {
		return nil
	}
	return func(s *state) tri {
		switch p(s) {
		case yes:
			return a(s)
		case no:
			return b(s)
		}
		return unsure
	}
}

// relation is a set of the ways in which two values may compare.
type relation uint8

const (
	less relation = 1 << iota
	equal
	greater
)

var relations = map[string]relation{
	operators.Less: less, operators.LessEquals: less | equal, operators.Equals: equal,
	operators.GreaterEquals: greater | equal, operators.Greater: greater, operators.NotEquals: less | greater,
}

func (r relation) holds(c relation) tri { return truth(r&c != 0) }

func order[T cmp.Ordered](x, y T) relation {
	switch {
	case x < y:
		return less
	case x > y:
		return greater
	}
	return equal
}

func (f *fast) compare(r relation, a, b ast.Expr) func(*state) tri {
	x, y := f.types.GetType(a.ID()).Kind(), f.types.GetType(b.ID()).Kind()
	switch {
	case x == types.IntKind && y == types.IntKind:
		return compare(r, f.int(a), f.int(b))
	case isNumber(x) && isNumber(y):
		return compare(r, f.double(a), f.double(b))
	case x == types.StringKind && y == types.StringKind:
		return compare(r, f.string(a), f.string(b))
	case x == types.BoolKind && y == types.BoolKind:
		return compareTruth(r, f.bool(a), f.bool(b))
	}
	return nil
}

func isNumber(k types.Kind) bool { return k == types.IntKind || k == types.DoubleKind }

func compare[T cmp.Ordered](r relation, a, b *operand[T]) func(*state) tri {
	switch {
	case a == nil || b == nil:
		return nil
	case b.constant != nil:
		read, y := a.read, *b.constant
		return func(s *state) tri {
			x, ok := read(s)
			if !ok {
				return unsure
			}
			return r.holds(order(x, y))
		}
	}
	return func(s *state) tri {
		x, okX := a.read(s)
		y, okY := b.read(s)
		if !okX || !okY {
			return unsure
		}
		return r.holds(order(x, y))
	}
}

func compareTruth(r relation, a, b func(*state) tri) func(*state) tri {
	if a == nil || b == nil {
		return nil
	}
	return func(s *state) tri {
		x, y := a(s), b(s)
		if x == unsure || y == unsure {
			return unsure
		}
		return r.holds(order(x, y))
	}
}

func (f *fast) int(e ast.Expr) *operand[int64] {
	switch e.Kind() {
	case ast.LiteralKind:
		if i, ok := e.AsLiteral().(types.Int); ok {
			return constant(int64(i))
		}
	case ast.IdentKind:
		if v := f.variable(e); v != nil && v.int != nil {
			return &operand[int64]{read: v.int}
		}
	case ast.CallKind:
		switch call := e.AsCall(); call.FunctionName() {
		case operators.Add:
			return sum(f.int(call.Args()[0]), f.int(call.Args()[1]), false)
		case operators.Subtract:
			return sum(f.int(call.Args()[0]), f.int(call.Args()[1]), true)
		}
	}
	return nil
}

// sum is a + b, or a - b. CEL's ints do not wrap: what does not fit is an error.
func sum(a, b *operand[int64], minus bool) *operand[int64] {
	if a == nil || b == nil {
		return nil
	}
	return &operand[int64]{read: func(s *state) (int64, bool) {
		x, okX := a.read(s)
		y, okY := b.read(s)
		z := x + y
		fits := (z > x) == (y > 0)
		if minus {
			z = x - y
			fits = (z < x) == (y > 0)
		}
		return z, okX && okY && fits
	}}
}

// double reads a number as a double, as CEL compares ints with doubles.
func (f *fast) double(e ast.Expr) *operand[float64] {
	if e.Kind() == ast.LiteralKind {
		if d, ok := e.AsLiteral().(types.Double); ok {
			return constant(float64(d))
		}
	}
	if v := f.variable(e); v != nil && v.double != nil {
		return &operand[float64]{read: v.double}
	}
	i := f.int(e)
	switch {
	case i == nil:
		return nil
	case i.constant != nil:
		return constant(float64(*i.constant))
	}
	return &operand[float64]{read: func(s *state) (float64, bool) {
		v, ok := i.read(s)
		return float64(v), ok
	}}
}

func (f *fast) string(e ast.Expr) *operand[string] {
	if e.Kind() == ast.LiteralKind {
		if s, ok := e.AsLiteral().(types.String); ok {
			return constant(string(s))
		}
	}
	if v := f.variable(e); v != nil && v.string != nil {
		read := v.string
		return &operand[string]{read: func(s *state) (string, bool) { return read(s), true }}
	}
	return nil
}

// in is membership of a string or an int in a list of literals.
func (f *fast) in(e, list ast.Expr) func(*state) tri {
	if list.Kind() != ast.ListKind || len(list.AsList().OptionalIndices()) > 0 {
		return nil
	}
	elements := list.AsList().Elements()
	switch f.types.GetType(e.ID()).Kind() {
	case types.StringKind:
		return member(f.string(e), literals(elements, f.string))
	case types.IntKind:
		return member(f.int(e), literals(elements, f.int))
	}
	return nil
}

// literals are the constant values of elements; nil if one is not.
func literals[T any](elements []ast.Expr, read func(ast.Expr) *operand[T]) []T {
	values := make([]T, 0, len(elements))
	for _, e := range elements {
		o := read(e)
		if o == nil || o.constant == nil {
			return nil
		}
		values = append(values, *o.constant)
	}
	return values
}

func member[T comparable](o *operand[T], values []T) func(*state) tri {
	if o == nil || values == nil {
		return nil
	}
	if len(values) <= 8 {
		return func(s *state) tri {
			v, ok := o.read(s)
			if !ok {
				return unsure
			}
			return truth(slices.Contains(values, v))
		}
	}
	set := map[T]bool{}
	for _, v := range values {
		set[v] = true
	}
	return func(s *state) tri {
		v, ok := o.read(s)
		if !ok {
			return unsure
		}
		return truth(set[v])
	}
}
