package syntax

import (
	"fmt"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/ast"
)

// repaired returns a statement that means the same and is compiled rightly:
// st itself where it is already, or where only parts of it had to change.
func repaired(st ast.Stmt) ast.Stmt {
	switch s := st.(type) {
	case *ast.AssignStmt:
		if len(s.Lhs) > 1 || len(s.Rhs) > 1 || early(s) {
			return assigned(s)
		}
	case *ast.LocalAssignStmt:
		// The compiler takes this for "local function f", where f is known
		// inside of the function. Only that has a last line.
		if len(s.Names) == 1 && len(s.Exprs) == 1 && s.LastLine() == 0 {
			if _, ok := s.Exprs[0].(*ast.FunctionExpr); ok {
				s.Exprs = append(s.Exprs, at(&ast.NilExpr{}, s.Line()))
			}
		}
	case *ast.GenericForStmt:
		padded(s)
	case *ast.WhileStmt:
		inside(s)
	}
	return st
}

// early tells whether the compiler would store into the variable before the
// expression is done with the old value: parts of "and" and "or", and calls
// with one result, are worked out in the register of a local variable.
func early(s *ast.AssignStmt) bool {
	if _, ok := s.Lhs[0].(*ast.IdentExpr); !ok {
		return false
	}
	switch e := s.Rhs[0].(type) {
	case *ast.LogicalOpExpr, *ast.StringConcatOpExpr: // the latter becomes a call
		return true
	case *ast.FuncCallExpr:
		return e.AdjustRet
	case *ast.TableExpr:
		return len(e.Fields) >= lua.FieldsPerFlush // may become a call
	}
	return false
}

// assigned makes a block of an assignment: all parts go into new local
// variables first, then from the last to the first to where they belong. The
// compiler stores into local variables one by one, so that a, b = b, a loses
// a value, and miscounts where some values are variables themselves.
func assigned(s *ast.AssignStmt) ast.Stmt {
	line := s.Line()
	parts := at(&ast.LocalAssignStmt{}, line)
	keep := func(e ast.Expr) ast.Expr {
		name := fmt.Sprintf("(%d)", len(parts.Names)+1)
		parts.Names = append(parts.Names, name)
		if e != nil {
			parts.Exprs = append(parts.Exprs, once(e))
		}
		return at(&ast.IdentExpr{Value: name}, line)
	}
	targets := make([]ast.Expr, len(s.Lhs))
	for i, target := range s.Lhs {
		if get, ok := target.(*ast.AttrGetExpr); ok {
			copied := at(&ast.AttrGetExpr{Object: keep(get.Object), Key: get.Key}, get.Line())
			if !constant(get.Key) {
				copied.Key = keep(get.Key)
			}
			target = copied
		}
		targets[i] = target
	}
	stores := make([]ast.Stmt, len(s.Lhs))
	for i, target := range targets {
		stores[len(stores)-1-i] = at(&ast.AssignStmt{Lhs: []ast.Expr{target}, Rhs: []ast.Expr{keep(nil)}}, line)
	}
	parts.Exprs = append(parts.Exprs, s.Rhs...)
	return at(&ast.DoBlockStmt{Stmts: append([]ast.Stmt{parts}, stores...)}, line)
}

// constant tells whether an expression is a value in the text.
func constant(e ast.Expr) bool {
	switch e.(type) {
	case *ast.StringExpr, *ast.NumberExpr, *ast.TrueExpr, *ast.FalseExpr, *ast.NilExpr:
		return true
	}
	return false
}

// once makes an expression that may have many values one that has one.
func once(e ast.Expr) ast.Expr {
	switch e := e.(type) {
	case *ast.FuncCallExpr:
		e.AdjustRet = true
	case *ast.Comma3Expr:
		e.AdjustRet = true
	}
	return e
}

// at gives a new node its line.
func at[N ast.PositionHolder](n N, line int) N {
	n.SetLine(line)
	n.SetLastLine(line)
	return n
}
