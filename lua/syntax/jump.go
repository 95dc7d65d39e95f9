package syntax

import "github.com/yuin/gopher-lua/ast"

// The compiler shortens jumps to jumps, and takes what it made of an earlier
// one for a name of its own. So nothing that is jumped back to may begin with a
// jump: not the body of a loop, nor its condition, nor what follows a label.
// Only constants in front of "and" and "or" are compiled to one.

// apart puts something between a label and a statement that may begin with a
// jump.
func apart(list []ast.Stmt) []ast.Stmt {
	for i := len(list) - 2; i >= 0; i-- {
		_, label := list[i].(*ast.LabelStmt)
		if _, next := list[i+1].(*ast.LabelStmt); label && !next && !calm(list[i+1:]) {
			list = append(list[:i+1:i+1], append([]ast.Stmt{nothing(list[i].Line())}, list[i+1:]...)...)
		}
	}
	return list
}

// nothing is a statement that does nothing, and is no jump.
func nothing(line int) ast.Stmt {
	return at(&ast.DoBlockStmt{Stmts: []ast.Stmt{at(&ast.LocalAssignStmt{Names: []string{"(none)"}}, line)}}, line)
}

// inside makes a loop with its condition in the body, where that may begin as
// it likes.
func inside(s *ast.WhileStmt) {
	if constant(s.Condition) || calmExpr(s.Condition, 0) {
		return
	}
	line := s.Line()
	test := at(&ast.IfStmt{Condition: s.Condition, Then: s.Stmts, Else: []ast.Stmt{at(&ast.BreakStmt{}, line)}}, line)
	s.Condition, s.Stmts = at(&ast.TrueExpr{}, line), []ast.Stmt{test}
}

// calm tells whether a list of statements is sure to begin with something
// other than a jump.
func calm(list []ast.Stmt) bool {
	if len(list) == 0 {
		return true // the end of the loop is no such jump
	}
	switch s := list[0].(type) {
	case *ast.AssignStmt:
		return calmExpr(s.Lhs[0], 0) && calmExpr(s.Rhs[0], 0)
	case *ast.LocalAssignStmt:
		return len(s.Exprs) == 0 || calmExpr(s.Exprs[0], 0)
	case *ast.FuncCallStmt:
		return calmExpr(s.Expr, 0)
	case *ast.ReturnStmt:
		return len(s.Exprs) == 0 || calmExpr(s.Exprs[0], 0)
	case *ast.IfStmt:
		return !constant(s.Condition) && calmExpr(s.Condition, 0)
	case *ast.NumberForStmt:
		return calmExpr(s.Init, 0)
	case *ast.GenericForStmt:
		return calmExpr(s.Exprs[0], 0)
	case *ast.FuncDefStmt, *ast.GotoStmt: // the latter begins with a variable
		return true
	}
	return false
}

// calmExpr tells whether an expression is sure to begin with something other
// than a jump. Deep ones are not looked into.
func calmExpr(e ast.Expr, depth int) bool {
	const deep = 8
	if depth++; depth > deep {
		return false
	}
	switch e := e.(type) {
	case *ast.LogicalOpExpr:
		return !constant(e.Lhs) && calmExpr(e.Lhs, depth)
	case *ast.RelationalOpExpr:
		return calmExpr(e.Lhs, depth) && calmExpr(e.Rhs, depth)
	case *ast.ArithmeticOpExpr:
		return calmExpr(e.Lhs, depth) && calmExpr(e.Rhs, depth)
	case *ast.StringConcatOpExpr:
		return calmExpr(e.Lhs, depth)
	case *ast.UnaryNotOpExpr:
		return !constant(e.Expr) && calmExpr(e.Expr, depth)
	case *ast.UnaryMinusOpExpr:
		return calmExpr(e.Expr, depth)
	case *ast.UnaryLenOpExpr:
		return calmExpr(e.Expr, depth)
	case *ast.AttrGetExpr:
		return calmExpr(e.Object, depth) && calmExpr(e.Key, depth)
	case *ast.FuncCallExpr:
		if e.Func == nil {
			return calmExpr(e.Receiver, depth)
		}
		return calmExpr(e.Func, depth)
	}
	return true
}
