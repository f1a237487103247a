package policy

import (
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/parser"
	"go.yaml.in/yaml/v4"
)

// condition is a rule's `when`, split at its top-level &&: what depends on the
// event alone is evaluated once, the rest once for each class of viewers.
type condition struct {
	event  []*conjunct
	viewer []*conjunct
}

// written is a condition as it stands in a file.
type written struct {
	text string
	file *file
	node *yaml.Node
	mild bool // of a rule that only allows or informs: doubt may do what it likes
}

// conjunct is one part of a condition that must hold.
type conjunct struct {
	text  string // as CEL
	reads []*variable
	eval  func(*state) tri
}

// private reports whether it reads whom the viewer blocked or muted, itself or
// in one of those counters.
func (c *condition) private(counters map[string]bool) bool {
	return slices.ContainsFunc(slices.Concat(c.event, c.viewer), func(part *conjunct) bool {
		return slices.ContainsFunc(part.reads, func(v *variable) bool {
			count, _, _ := strings.Cut(strings.TrimPrefix(v.name, "count "), "/")
			return v.name == "viewer.blocked" || v.name == "viewer.muted" || v.name != count && counters[count]
		})
	})
}

// language is the CEL that conditions are written in.
type language struct {
	loader   *loader
	inputs   *inputs
	env      *cel.Env
	counting bool // the condition being parsed is a counter's
}

// newLanguage is CEL's standard library with the macros.
func (l *loader) newLanguage(in *inputs) (*language, error) {
	lang := &language{loader: l, inputs: in}
	env, err := cel.NewEnv(
		cel.CrossTypeNumericComparisons(true),
		cel.EnableMacroCallTracking(),
		cel.ParserRecursionLimit(64),
		cel.ParserExpressionSizeLimit(maxWhen),
		cel.RegexProgramSizeLimit(1000),
		cel.Macros(lang.macros()...),
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

// compile turns every rule's and counter's source into one that can be
// evaluated.
func (l *loader) compile(b *Bundle) *inputs {
	in := newInputs()
	lang, err := l.newLanguage(in)
	if err != nil {
		l.errors.add(position{file: Manifest}, "CEL: %v", err)
		return in
	}
	lang.counting = true
	counters := make([]*cel.Ast, len(l.counters))
	for i, c := range l.counters {
		counters[i] = lang.parse(c.written())
	}
	lang.counting = false
	rules := make([]*cel.Ast, len(l.rules))
	for i, r := range l.rules {
		rules[i] = lang.parse(r.written())
	}
	if err := lang.declare(); err != nil {
		l.errors.add(position{file: Manifest}, "CEL: %v", err)
		return in
	}
	private := map[string]bool{} // counters of what people decided in private
	for i, c := range l.counters {
		compiled := &counter{Counter: c.Counter, condition: lang.check(c.written(), counters[i])}
		private[c.Name] = compiled.private(nil)
		b.counters = append(b.counters, compiled)
	}
	for i, r := range l.rules {
		compiled := newRule(r, b)
		compiled.condition = lang.check(r.written(), rules[i])
		if !r.Covert && compiled.private(private) {
			r.file.fault(r.when, "when: whom the viewer blocked or muted is nobody else's business: the rule needs covert: true")
		}
		b.rules = append(b.rules, compiled)
	}
	return in
}

// parse reads a condition; nil if there is none, or it has a fault.
func (lang *language) parse(w written) *cel.Ast {
	if w.text == "" || len(lang.loader.errors) >= maxErrors {
		return nil
	}
	tree, issues := lang.env.Parse(w.text)
	if !w.report(issues) {
		return nil
	}
	return tree
}

// report adds CEL's issues at their places in the file; true if there are none.
func (w written) report(issues *cel.Issues) bool {
	if issues.Err() == nil {
		return true
	}
	for _, e := range issues.Errors() {
		at := w.file.within(w.node, e.Location.Line(), e.Location.Column())
		w.file.errors.add(at, "when: %s", shorten(e.Message))
	}
	return false
}

// shorten drops the list of every token that the parser would have liked.
func shorten(message string) string {
	message, _, _ = strings.Cut(message, " expecting {")
	return strings.ReplaceAll(message, "\n", " ")
}

// check types a condition and compiles it.
func (lang *language) check(w written, parsed *cel.Ast) condition {
	if parsed == nil || len(lang.loader.errors) >= maxErrors {
		return condition{}
	}
	checked, issues := lang.env.Check(parsed)
	if !w.report(issues) {
		return condition{}
	}
	if t := checked.OutputType(); !t.IsExactType(cel.BoolType) {
		w.file.fault(w.node, "when: must be true or false, this is %s", cel.FormatCELType(t))
		return condition{}
	}
	tree := checked.NativeRep()
	lang.lint(w, tree)
	var c condition
	for _, part := range conjuncts(tree.Expr()) {
		compiled, err := lang.conjunct(tree, part)
		if err != nil {
			start := tree.SourceInfo().GetStartLocation(part.ID())
			w.file.errors.add(w.file.within(w.node, start.Line(), start.Column()), "when: %v", err)
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
