package policy

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/parser"
)

// condition is a rule's `when`, split at its top-level &&: what depends on the
// event alone is evaluated once, the rest once for each class of viewers.
type condition struct {
	event  []*conjunct
	viewer []*conjunct
}

// conjunct is one part of a condition that must hold.
type conjunct struct {
	text  string // as CEL
	reads []*variable
	eval  func(*state) tri
}

// language is the CEL that conditions are written in.
type language struct {
	loader *loader
	inputs *inputs
	env    *cel.Env
}

// newLanguage is CEL's standard library with signal, count, label, list, attr
// and has_attr, each rewritten while parsing to a variable of in's.
func (l *loader) newLanguage(in *inputs) (*language, error) {
	lang := &language{loader: l, inputs: in}
	var macros []cel.Macro
	for name, expand := range map[string]func(call) (ast.Expr, *common.Error){
		"signal": lang.signal, "count": lang.count, "label": lang.label,
		"list": lang.list, "attr": lang.attr, "has_attr": lang.hasAttr,
	} {
		macros = append(macros, parser.NewGlobalVarArgMacro(name, func(eh parser.ExprHelper, _ ast.Expr, args []ast.Expr) (ast.Expr, *common.Error) {
			return expand(call{ExprHelper: eh, name: name, args: args})
		}))
	}
	env, err := cel.NewEnv(
		cel.CrossTypeNumericComparisons(true),
		cel.EnableMacroCallTracking(),
		cel.ParserRecursionLimit(64),
		cel.ParserExpressionSizeLimit(maxWhen),
		cel.RegexProgramSizeLimit(1000),
		cel.Macros(macros...),
	)
	lang.env = env
	return lang, err
}

// declare makes the inputs that parsing found known to the checker.
func (lang *language) declare() error {
	var options []cel.EnvOption
	for _, v := range lang.inputs.variables {
		options = append(options, cel.Variable(v.name, v.celType()))
	}
	env, err := lang.env.Extend(options...)
	lang.env = env
	return err
}

// call is one use of a macro.
type call struct {
	parser.ExprHelper
	name string
	args []ast.Expr
}

func (c call) fault(i int, format string, args ...any) *common.Error {
	if i >= len(c.args) {
		return common.NewError(0, fmt.Sprintf(format, args...), common.NoLocation)
	}
	return c.NewError(c.args[i].ID(), fmt.Sprintf(format, args...))
}

// literal is the i-th argument, which must be a string of the right form.
func (c call) literal(i int, form *regexp.Regexp) (string, *common.Error) {
	if c.args[i].Kind() == ast.LiteralKind {
		if s, ok := c.args[i].AsLiteral().Value().(string); ok && form.MatchString(s) {
			return s, nil
		}
	}
	return "", c.fault(i, "%s needs a name here, as a literal string", c.name)
}

// names reads a call whose arguments are all literal names.
func (c call) one() (string, *common.Error) {
	if len(c.args) != 1 {
		return "", c.fault(0, "%s takes one name", c.name)
	}
	return c.literal(0, wordPattern)
}

// target reads the i-th argument, which must be one of the words allowed.
func (c call) target(i int, allowed ...string) (string, *common.Error) {
	if c.args[i].Kind() == ast.IdentKind && slices.Contains(allowed, c.args[i].AsIdent()) {
		return c.args[i].AsIdent(), nil
	}
	return "", c.fault(i, "%s needs %s here", c.name, strings.Join(allowed, " or "))
}

func (lang *language) signal(c call) (ast.Expr, *common.Error) {
	name, err := c.one()
	if err != nil {
		return nil, err
	}
	if known := lang.loader.options.Signals; known != nil && !slices.Contains(known, name) {
		return nil, c.fault(0, "no detector gives the signal %q%s", name, suggestion(name, known))
	}
	return c.NewIdent(lang.inputs.signal(name)), nil
}

func (lang *language) count(c call) (ast.Expr, *common.Error) {
	if len(c.args) != 3 {
		return nil, c.fault(0, `count takes a name, whose it is, and a window, as count("dm.sent", actor, "24h")`)
	}
	name, err := c.literal(0, wordPattern)
	if err != nil {
		return nil, err
	}
	of, err := c.target(1, "actor", "content", "conversation")
	if err != nil {
		return nil, err
	}
	text, err := c.literal(2, wordPattern)
	if err != nil {
		return nil, err
	}
	w, bad := parseWindow(text)
	if bad != nil {
		return nil, c.fault(2, "%v", bad)
	}
	return c.NewIdent(lang.inputs.count(Count{Name: name, Of: of, Window: w})), nil
}

// parseWindow reads a window: "30s", "10m", "24h", "7d".
func parseWindow(s string) (time.Duration, error) {
	hours := s
	if days, ok := strings.CutSuffix(s, "d"); ok {
		hours = days + "h"
	}
	d, err := time.ParseDuration(hours)
	if hours != s {
		d *= 24
	}
	if err != nil || d < time.Second || d > 366*24*time.Hour || d%time.Second != 0 {
		return 0, fmt.Errorf(`%q must be a window from 1s to 366d, for example "10m", "24h" or "7d"`, s)
	}
	return d, nil
}

func (lang *language) label(c call) (ast.Expr, *common.Error) {
	if len(c.args) != 2 {
		return nil, c.fault(0, `label takes whose it is and its name, as label(actor, "trusted")`)
	}
	target, err := c.target(0, "actor", "content")
	if err != nil {
		return nil, err
	}
	kind, err := c.literal(1, wordPattern)
	if err != nil {
		return nil, err
	}
	return c.NewIdent(lang.inputs.label(target, kind)), nil
}

func (lang *language) list(c call) (ast.Expr, *common.Error) {
	name, err := c.one()
	if err != nil {
		return nil, err
	}
	items, ok := lang.loader.lists[name]
	if !ok {
		return nil, c.fault(0, "there is no list %q", name)
	}
	exprs := make([]ast.Expr, len(items))
	for i, item := range items {
		exprs[i] = c.NewLiteral(types.String(item))
	}
	return c.NewList(exprs...), nil
}

func (lang *language) attr(c call) (ast.Expr, *common.Error) {
	name, err := c.one()
	if err != nil {
		return nil, err
	}
	return c.NewIdent(lang.inputs.attr(name)), nil
}

func (lang *language) hasAttr(c call) (ast.Expr, *common.Error) {
	name, err := c.one()
	if err != nil {
		return nil, err
	}
	return c.NewIdent("has_" + lang.inputs.attr(name)), nil
}

// compile turns every rule's source into a rule.
func (l *loader) compile(b *Bundle) ([]*rule, *inputs) {
	in := newInputs()
	lang, err := l.newLanguage(in)
	if err != nil {
		l.errors.add(position{file: Manifest}, "CEL: %v", err)
		return nil, in
	}
	parsed := make([]*cel.Ast, len(l.rules))
	for i, r := range l.rules {
		if r.When == "" || len(l.errors) >= maxErrors {
			continue
		}
		tree, issues := lang.env.Parse(r.When)
		if r.report(issues) {
			parsed[i] = tree
		}
	}
	if err := lang.declare(); err != nil {
		l.errors.add(position{file: Manifest}, "CEL: %v", err)
		return nil, in
	}
	var rules []*rule
	for i, r := range l.rules {
		compiled := newRule(r, b)
		if parsed[i] != nil && len(l.errors) < maxErrors {
			compiled.condition = lang.check(r, parsed[i])
		}
		rules = append(rules, compiled)
	}
	return rules, in
}

// report adds CEL's issues at their places in the file; true if there are none.
func (r *ruleSource) report(issues *cel.Issues) bool {
	if issues.Err() == nil {
		return true
	}
	for _, e := range issues.Errors() {
		at := r.file.within(r.when, e.Location.Line(), e.Location.Column())
		r.file.errors.add(at, "when: %s", shorten(e.Message))
	}
	return false
}

// shorten drops the list of every token that the parser would have liked.
func shorten(message string) string {
	message, _, _ = strings.Cut(message, " expecting {")
	return strings.ReplaceAll(message, "\n", " ")
}

// check types the condition of r and compiles it.
func (lang *language) check(r *ruleSource, parsed *cel.Ast) condition {
	checked, issues := lang.env.Check(parsed)
	if !r.report(issues) {
		return condition{}
	}
	if t := checked.OutputType(); !t.IsExactType(cel.BoolType) {
		r.file.fault(r.when, "when: must be true or false, this is %s", cel.FormatCELType(t))
		return condition{}
	}
	tree := checked.NativeRep()
	lang.lint(r, tree)
	var c condition
	for _, part := range conjuncts(tree.Expr()) {
		compiled, err := lang.conjunct(tree, part)
		if err != nil {
			start := tree.SourceInfo().GetStartLocation(part.ID())
			r.file.errors.add(r.file.within(r.when, start.Line(), start.Column()), "when: %v", err)
			continue
		}
		if slices.ContainsFunc(compiled.reads, func(v *variable) bool { return v.viewer }) {
			c.viewer = append(c.viewer, compiled)
		} else {
			c.event = append(c.event, compiled)
		}
	}
	return c
}

// conjuncts splits e at its top-level &&.
func conjuncts(e ast.Expr) []ast.Expr {
	if e.Kind() == ast.CallKind && e.AsCall().FunctionName() == operators.LogicalAnd {
		var parts []ast.Expr
		for _, arg := range e.AsCall().Args() {
			parts = append(parts, conjuncts(arg)...)
		}
		return parts
	}
	return []ast.Expr{e}
}

// conjunct compiles one part: to a closure if it is simple, or for CEL's own
// interpreter.
func (lang *language) conjunct(tree *ast.AST, part ast.Expr) (*conjunct, error) {
	text, err := parser.Unparse(part, tree.SourceInfo())
	if err != nil {
		return nil, err
	}
	c := &conjunct{text: text, reads: lang.reads(part)}
	f := fast{inputs: lang.inputs, types: tree}
	if c.eval = f.bool(part); c.eval != nil {
		return c, nil
	}
	c.eval, err = lang.interpret(tree, part)
	return c, err
}

// reads lists the variables that e mentions.
func (lang *language) reads(e ast.Expr) []*variable {
	var found []*variable
	ast.PostOrderVisit(e, ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() != ast.IdentKind {
			return
		}
		v := lang.inputs.byName[strings.TrimPrefix(e.AsIdent(), ".")]
		if v != nil && !slices.Contains(found, v) {
			found = append(found, v)
		}
	}))
	return found
}
