package syntax

import "github.com/yuin/gopher-lua/ast"

// loop is one that is being visited.
type loop struct {
	outer    *loop // in the same function
	leaves   bool  // a break stands in a block inside of it
	closures bool  // a function is made inside of it
}

// loop adds the body of a loop. Where a break leaves a block whose variables a
// function may have captured, the compiler closes them only if some variable
// of the loop's own block is captured. So one is.
func (w *walk) loop(p *parts, stmts *[]ast.Stmt, where place) {
	l := &loop{outer: where.loop}
	if !calm(*stmts) {
		*stmts = append([]ast.Stmt{nothing((*stmts)[0].Line())}, *stmts...)
	}
	p.block(stmts, place{fn: where.fn, loop: l, depth: where.depth})
	p.done(func() {
		if l.leaves && l.closures {
			*stmts = append(captured((*stmts)[0].Line()), *stmts...)
		}
	})
}

// captured declares a variable and captures it in a function that is never
// made: the compiler then closes what belongs to the block where it is left.
func captured(line int) []ast.Stmt {
	const name = "(close)"
	fn := at(&ast.FunctionExpr{ParList: &ast.ParList{}, Stmts: []ast.Stmt{
		at(&ast.ReturnStmt{Exprs: []ast.Expr{at(&ast.IdentExpr{Value: name}, line)}}, line)}}, line)
	never := at(&ast.IfStmt{Condition: at(&ast.FalseExpr{}, line), Then: []ast.Stmt{
		at(&ast.LocalAssignStmt{Names: []string{"(never)"}, Exprs: []ast.Expr{fn}}, line)}}, line)
	return []ast.Stmt{at(&ast.LocalAssignStmt{Names: []string{name}}, line), never}
}

// left makes a block of a goto. The compiler has it close every captured
// variable of the function, also those that stay in scope, unless it leaves a
// block with one; then just those of the blocks it leaves.
func left(s *ast.GotoStmt) ast.Stmt {
	return at(&ast.DoBlockStmt{Stmts: append(captured(s.Line()), s)}, s.Line())
}

// padded gives a loop over an iterator its three expressions. The compiler
// looks only at as many as there are variables, and leaves registers as they
// are for the rest.
func padded(s *ast.GenericForStmt) {
	const control = 3
	if len(s.Exprs) == 1 && many(s.Exprs[0]) {
		return
	}
	for len(s.Exprs) < control && !many(s.Exprs[len(s.Exprs)-1]) {
		s.Exprs = append(s.Exprs, at(&ast.NilExpr{}, s.Line()))
	}
	for len(s.Names) < control {
		s.Names = append(s.Names, "(none)")
	}
}

// many tells whether an expression may have any number of values.
func many(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.FuncCallExpr:
		return !e.AdjustRet
	case *ast.Comma3Expr:
		return !e.AdjustRet
	}
	return false
}
