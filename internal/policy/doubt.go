package policy

import (
	"cel.dev/cel-go/common/ast"
)

func (lang *language) lint(r *ruleSource, tree *ast.AST) {}
