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
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/parser"
)

// macros are the functions that conditions have besides CEL's own. Each is
// rewritten while parsing, to a variable or a list of literals, so that what a
// condition needs is known before any event.
func (lang *language) macros() []cel.Macro {
	var macros []cel.Macro
	for name, expand := range map[string]func(call) (ast.Expr, *common.Error){
		"signal": lang.signal, "count": lang.count, "label": lang.label,
		"list": lang.list, "attr": lang.attr, "has_attr": lang.hasAttr,
	} {
		macros = append(macros, parser.NewGlobalVarArgMacro(name, func(eh parser.ExprHelper, _ ast.Expr, args []ast.Expr) (ast.Expr, *common.Error) {
			return expand(call{ExprHelper: eh, name: name, args: args})
		}))
	}
	return macros
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

// one reads a call whose only argument is a literal name.
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
	counter, known := lang.loader.countersByName[name]
	switch {
	case lang.counting:
		return nil, c.fault(0, "a counter's condition can't read counts")
	case !known:
		return nil, c.fault(0, "there is no counter %q%s", name, suggestion(name, lang.loader.counterNames()))
	}
	of, err := c.target(1, owners()...)
	switch {
	case err != nil:
		return nil, err
	case counter.Of != "" && of != counter.Of:
		return nil, c.fault(1, "the counter %s is of the %s, not of the %s", name, counter.Of, of)
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
