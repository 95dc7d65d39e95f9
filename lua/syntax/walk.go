package syntax

import (
	"slices"

	"github.com/yuin/gopher-lua/ast"
)

// maxDepth bounds chains such as a.b.c.d or 1+1+1, which nest in the tree
// without a bracket: the compiler recurses into them.
const maxDepth = 1000

// walk visits each statement and expression of a chunk once, in the order of
// the text, on a stack of its own. A node is repaired before its parts are
// visited, and what a repair made is visited like the rest.
type walk struct {
	name  string
	calls bool // make calls of ".."
	stack []task
	work  int
	err   error
}

// task is one thing to visit, or to do after all that was pushed later.
type task struct {
	expr  *ast.Expr
	stmts *[]ast.Stmt
	after func()
	at    place
}

// place is where in a chunk something stands.
type place struct {
	fn     *function
	loop   *loop // nil outside of loops
	nested bool  // in a block inside of the loop
	depth  int
}

// function is one that is being visited.
type function struct {
	outer  int                // names of variables in the functions around it
	names  int                // names declared so far
	consts map[literalKey]int // where each one stands in the list of them
	folded int                // constants that the compiler works out
	labels int
}

// repair changes what the compiler would translate wrongly, in place as far as
// that goes, and returns the chunk; or an error with the position in Where for
// what it cannot change, for numbers that are malformed, and for what would
// take long to compile.
func repair(chunk []ast.Stmt, name string, calls bool) ([]ast.Stmt, error) {
	w := &walk{name: name, calls: calls}
	w.push(task{stmts: &chunk, at: place{fn: &function{consts: map[literalKey]int{}}}})
	for len(w.stack) > 0 && w.err == nil {
		t := w.stack[len(w.stack)-1]
		w.stack = w.stack[:len(w.stack)-1]
		switch {
		case t.after != nil:
			t.after()
		case t.stmts != nil:
			*t.stmts = apart(*t.stmts)
			w.statements(*t.stmts, t.at)
		default:
			w.expression(t.expr, t.at)
		}
	}
	return chunk, w.err
}

func (w *walk) push(t task) {
	t.at.depth++
	w.stack = append(w.stack, t)
}

// fail keeps the first error, which ends the walk.
func (w *walk) fail(line int, hint, format string, args ...any) {
	if w.err == nil {
		w.err = refusal(w.name, line, format, args...).WithHint(hint)
	}
}

// parts pushes the tasks for the parts of a node, in the order of the text
// until visit turns them round, so that the first is done first.
type parts struct {
	w    *walk
	at   place
	from int // where they begin
}

func (w *walk) parts(at place) parts { return parts{w, at, len(w.stack)} }

func (p *parts) visit() { slices.Reverse(p.w.stack[p.from:]) }

func (p *parts) expr(slots ...*ast.Expr) {
	for _, s := range slots {
		if *s != nil {
			p.w.push(task{expr: s, at: p.at})
		}
	}
}

func (p *parts) exprs(list []ast.Expr) {
	for i := range list {
		p.expr(&list[i])
	}
}

func (p *parts) block(stmts *[]ast.Stmt, at place) {
	p.w.push(task{stmts: stmts, at: at})
}

func (p *parts) done(after func()) {
	p.w.push(task{after: after, at: p.at})
}

// deeper refuses what is nested too deep. line is that of the node.
func (w *walk) deeper(at place, line int) bool {
	if at.depth > maxDepth {
		w.fail(line, "use local variables for parts of it", "an expression or a chain of elseif with more than %d links", maxDepth)
		return true
	}
	return false
}

func (w *walk) statements(list []ast.Stmt, at place) {
	p := w.parts(at)
	for i := range list {
		if w.deeper(at, list[i].Line()) {
			return
		}
		list[i] = repaired(list[i])
		w.statement(&p, list[i], at)
		if jump, ok := list[i].(*ast.GotoStmt); ok {
			list[i] = left(jump)
		}
	}
	p.visit()
}

// statement adds the parts of a statement.
func (w *walk) statement(p *parts, s ast.Stmt, at place) {
	inner := at
	inner.nested = true
	switch s := s.(type) {
	case *ast.AssignStmt:
		p.exprs(s.Lhs)
		p.exprs(s.Rhs)
	case *ast.LocalAssignStmt:
		at.fn.names += len(s.Names)
		p.exprs(s.Exprs)
	case *ast.FuncCallStmt:
		p.expr(&s.Expr)
	case *ast.DoBlockStmt:
		p.block(&s.Stmts, inner)
	case *ast.IfStmt:
		p.expr(&s.Condition)
		p.block(&s.Then, inner)
		p.block(&s.Else, inner)
	case *ast.WhileStmt:
		p.expr(&s.Condition)
		w.loop(p, &s.Stmts, at)
	case *ast.RepeatStmt:
		w.loop(p, &s.Stmts, at)
		p.expr(&s.Condition)
	case *ast.NumberForStmt:
		at.fn.names += 4
		p.expr(&s.Init, &s.Limit, &s.Step)
		w.loop(p, &s.Stmts, at)
	case *ast.GenericForStmt:
		at.fn.names += 3 + len(s.Names)
		p.exprs(s.Exprs)
		w.loop(p, &s.Stmts, at)
	case *ast.FuncDefStmt:
		p.expr(&s.Name.Func, &s.Name.Receiver)
		w.constant(at.fn, literalKey{text: s.Name.Method}, s.Line())
		w.function(p, s.Func, at)
	case *ast.ReturnStmt:
		p.exprs(s.Exprs)
	case *ast.BreakStmt:
		if at.loop != nil && at.nested {
			at.loop.leaves = true
		}
	case *ast.LabelStmt, *ast.GotoStmt:
		w.label(at.fn, s.Line())
	}
}

// expression visits one expression.
func (w *walk) expression(slot *ast.Expr, at place) {
	line := (*slot).Line()
	if w.deeper(at, line) {
		return
	}
	p := w.parts(at)
	switch e := (*slot).(type) {
	case *ast.NumberExpr:
		w.constant(at.fn, literalKey{number: w.number(e)}, line)
	case *ast.StringExpr:
		if e.Value == concatMark {
			w.fail(line, "", "a string that stands for something else: %q", e.Value)
		}
		w.constant(at.fn, literalKey{text: e.Value}, line)
	case *ast.IdentExpr:
		w.ident(at.fn, e.Value, line)
	case *ast.AttrGetExpr:
		p.expr(&e.Object, &e.Key)
	case *ast.TableExpr:
		w.table(&p, slot, e)
	case *ast.FuncCallExpr:
		given(e)
		p.expr(&e.Func, &e.Receiver)
		w.constant(at.fn, literalKey{text: e.Method}, line)
		p.exprs(e.Args)
	case *ast.LogicalOpExpr:
		p.expr(&e.Lhs, &e.Rhs)
	case *ast.RelationalOpExpr:
		p.expr(&e.Lhs, &e.Rhs)
	case *ast.StringConcatOpExpr:
		w.concat(&p, slot, e)
	case *ast.ArithmeticOpExpr:
		w.folding(at, line, e.Lhs, e.Rhs)
		p.expr(&e.Lhs, &e.Rhs)
	case *ast.UnaryMinusOpExpr:
		w.folding(at, line, e.Expr)
		p.expr(&e.Expr)
	case *ast.UnaryNotOpExpr:
		p.expr(&e.Expr)
	case *ast.UnaryLenOpExpr:
		p.expr(&e.Expr)
	case *ast.FunctionExpr:
		w.function(&p, e, at)
	}
	p.visit()
}

// function adds the body of a function.
func (w *walk) function(p *parts, e *ast.FunctionExpr, at place) {
	for l := at.loop; l != nil && !l.closures; l = l.outer {
		l.closures = true
	}
	fn := &function{outer: at.fn.outer + at.fn.names, names: len(e.ParList.Names) + 2, consts: map[literalKey]int{}}
	p.block(&e.Stmts, place{fn: fn, depth: at.depth})
}
