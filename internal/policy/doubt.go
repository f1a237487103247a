package policy

import (
	"fmt"
	"slices"
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
)

// lint refuses conditions that doubt about an age would turn off: for a person
// of unknown age `!viewer.minor` is false, so a rule that relies on it spares
// exactly those it should protect. It follows each variable's drift under
// doubt through the expression; what only allows or informs may do as it likes.
func (lang *language) lint(w written, tree *ast.AST) {
	if w.mild {
		return
	}
	l := linter{lang: lang, written: w, tree: tree}
	l.bool(tree.Expr(), up)
}

// drift is the way in which doubt may move a value: a condition from false to
// true, a number to a larger one (up), or the reverse.
type drift bool

const (
	up   drift = true
	down drift = false
)

type linter struct {
	lang    *language
	written written
	tree    *ast.AST
}

func (l *linter) report(list *Errors, e ast.Expr, format string, args ...any) {
	at := l.tree.SourceInfo().GetStartLocation(e.ID())
	list.add(l.written.file.within(l.written.node, at.Line(), at.Column()), "when: "+format, args...)
}

func (l *linter) fault(e ast.Expr, format string, args ...any) {
	l.report(l.written.file.errors, e, format, args...)
}

// bool checks that doubt moves e only in the direction want.
func (l *linter) bool(e ast.Expr, want drift) {
	switch e.Kind() {
	case ast.IdentKind:
		l.ident(e, want)
	case ast.CallKind:
		l.call(e, want)
	default:
		l.opaque(e)
	}
}

func (l *linter) ident(e ast.Expr, want drift) {
	who, field, _ := strings.Cut(e.AsIdent(), ".")
	switch {
	case (field == "minor" || field == "adult") && want == down:
		l.fault(e, "%s.%s means \"may be\", so that its negation leaves out everyone of unknown age: use %s.proven_adult, or say which ages you mean", who, field, who)
	case field == "proven_adult" && want == up:
		l.fault(e, "%s.proven_adult is false for everyone of unknown age, so that this leaves them out: use %s.adult, which means \"may be\"", who, who)
	}
}

func (l *linter) call(e ast.Expr, want drift) {
	args := e.AsCall().Args()
	switch function := e.AsCall().FunctionName(); function {
	case operators.LogicalNot:
		l.bool(args[0], !want)
	case operators.LogicalAnd, operators.LogicalOr:
		for _, arg := range args {
			l.bool(arg, want)
		}
	case operators.Conditional:
		l.opaque(args[0])
		l.bool(args[1], want)
		l.bool(args[2], want)
	case operators.Less, operators.LessEquals:
		l.number(args[0], !want)
		l.number(args[1], want)
	case operators.Greater, operators.GreaterEquals:
		l.number(args[0], want)
		l.number(args[1], !want)
	case operators.Equals:
		l.equal(e, args[0], args[1:], want)
	case operators.NotEquals:
		l.equal(e, args[0], args[1:], !want)
	case operators.In:
		if args[1].Kind() == ast.ListKind {
			l.equal(e, args[0], args[1].AsList().Elements(), want)
			return
		}
		l.opaque(e)
	default:
		l.opaque(e)
	}
}

// number checks that doubt moves e only in the direction want: age_from falls
// and age_to rises, the less is known.
func (l *linter) number(e ast.Expr, want drift) {
	if e.Kind() == ast.CallKind {
		switch args := e.AsCall().Args(); e.AsCall().FunctionName() {
		case operators.Add:
			l.number(args[0], want)
			l.number(args[1], want)
			return
		case operators.Subtract:
			l.number(args[0], want)
			l.number(args[1], !want)
			return
		}
	}
	if e.Kind() != ast.IdentKind {
		l.opaque(e)
		return
	}
	who, field, _ := strings.Cut(e.AsIdent(), ".")
	switch {
	case field == "age_from" && want == up:
		l.fault(e, "%s.age_from is low for everyone of unknown age, so that this leaves them out: use %s.age_to, or %s.proven_adult negated", who, who, who)
	case field == "age_to" && want == down:
		l.fault(e, "%s.age_to is high for everyone of unknown age, so that this leaves them out: use %s.age_from", who, who)
	}
}

// unknowns are what strings are when nothing is known.
var unknowns = map[string]string{"band": "unknown", "basis": "none", "country": ""}

// equal checks x == y or x in [y…]: that the set of ys has the unknown value
// in it when doubt must not make it false, and has not when it must not make it true.
func (l *linter) equal(e, x ast.Expr, ys []ast.Expr, want drift) {
	if len(ys) == 1 && x.Kind() == ast.LiteralKind {
		x, ys = ys[0], []ast.Expr{x}
	}
	field := ""
	who := ""
	if x.Kind() == ast.IdentKind {
		who, field, _ = strings.Cut(x.AsIdent(), ".")
	}
	unknown, known := unknowns[field]
	if !known || slices.ContainsFunc(ys, func(y ast.Expr) bool { return y.Kind() != ast.LiteralKind }) {
		l.opaque(e)
		return
	}
	has := slices.ContainsFunc(ys, func(y ast.Expr) bool { return y.AsLiteral() == types.String(unknown) })
	if drift(has) == want {
		return
	}
	name := who + "." + field
	switch {
	case field == "country":
		l.report(&l.lang.loader.warnings, e, "%s is \"\" where it is unknown, which this leaves out: use the rule's jurisdictions", name)
	case want == up:
		l.fault(e, "%s is %q for everyone of unknown age, which this leaves out: compare %s.age_from or age_to, or add %q", name, unknown, who, unknown)
	default:
		l.fault(e, "%s is %q for everyone of unknown age, which this exempts: leave %q out", name, unknown, unknown)
	}
}

// opaque warns where e reads an age in a way whose drift is not known.
func (l *linter) opaque(e ast.Expr) {
	for _, v := range l.lang.reads(e) {
		_, field, _ := strings.Cut(v.name, ".")
		switch field {
		case "minor", "adult", "proven_adult", "age_from", "age_to", "band", "basis":
			l.fault(e, "%s", fmt.Sprintf("what an unknown %s does here is not clear: compare it with <, <=, > or >=, or use it as it is", v.name))
			return
		}
	}
}
