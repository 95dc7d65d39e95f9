package syntax

import (
	"fmt"
	"strconv"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/ast"
)

const (
	maxFlushes = 511 // of the items of a constructor: the bits of an operand
	maxMoved   = 100 // values that move into a function
)

// table repairs a constructor. The compiler stores items a number at once,
// "flushes" them, and goes wrong where
//
//   - a named field follows a full flush: it flushes again, with the registers
//     that the field was worked out in,
//   - a call or ... with all of its values follows a full flush: they are
//     stored over the items,
//   - the last field is named and its value a call or ...: as many registers
//     as happen to be in use become items,
//   - there are more items than it can count flushes: the rest is lost.
func (w *walk) table(p *parts, slot *ast.Expr, e *ast.TableExpr) {
	full := lua.FieldsPerFlush
	items, split := 0, 0
	for i, f := range e.Fields {
		if f.Key != nil {
			once(f.Value)
			if split == 0 && items > 0 && items%full == 0 {
				split = i
			}
		} else {
			items++
		}
	}
	last := len(e.Fields) - 1
	switch {
	case items > maxFlushes*full:
		w.fail(e.Line(), tooMuch, "a table with %d items, at most %d are possible", items, maxFlushes*full)
	case split > 0:
		w.moved(p, slot, e, split)
		return
	case items > full && items%full == 1 && e.Fields[last].Key == nil && many(e.Fields[last].Value):
		// As arguments of one call the last two are stored together.
		joined := call(varargs(e.Line()), e.Line(), e.Fields[last-1].Value, e.Fields[last].Value)
		e.Fields = append(e.Fields[:last-1], &ast.Field{Value: joined})
	}
	for _, f := range e.Fields {
		p.expr(&f.Key, &f.Value)
	}
}

// varargs is function(...) return ... end.
func varargs(line int) *ast.FunctionExpr {
	return at(&ast.FunctionExpr{ParList: &ast.ParList{HasVargs: true}, Stmts: []ast.Stmt{
		at(&ast.ReturnStmt{Exprs: []ast.Expr{at(&ast.Comma3Expr{}, line)}}, line)}}, line)
}

func call(fn ast.Expr, line int, args ...ast.Expr) *ast.FuncCallExpr {
	return at(&ast.FuncCallExpr{Func: fn, Args: args}, line)
}

// moved makes {head, rest} of a constructor into
//
//	(function(t, v1, v2) t.k = v1; t[51] = v2; return t end)({head}, v1, v2)
//
// where all is worked out in the old order.
func (w *walk) moved(p *parts, slot *ast.Expr, e *ast.TableExpr, split int) {
	line := e.Line()
	head := at(&ast.TableExpr{Fields: e.Fields[:split:split]}, line)
	once(head.Fields[split-1].Value)
	items := 0
	for _, f := range head.Fields {
		if f.Key == nil {
			items++
		}
	}
	m := &mover{line: line, args: []ast.Expr{head}, params: []string{"(table)"}}
	rest := e.Fields[split:]
	for i, f := range rest {
		switch {
		case f.Key != nil:
			key := f.Key
			if !constant(key) {
				key = m.param(key)
			}
			m.stores = append(m.stores, m.store(key, m.param(f.Value)))
		case i == len(rest)-1 && many(f.Value):
			m.remaining(f.Value, items)
		default:
			items++
			m.item(items, m.param(f.Value))
		}
	}
	if len(m.params) > maxMoved {
		w.fail(line, "put the named fields before the items", "a table with %d fields behind a named field that follows %d items", len(rest), items)
		return
	}
	made := m.call()
	*slot = made
	p.expr(&made.Func)
	p.exprs(made.Args)
}

// mover writes the function that gets the fields behind the split.
type mover struct {
	line    int
	args    []ast.Expr
	params  []string
	vararg  bool
	stores  []ast.Stmt
	pending []ast.Stmt // items, which Lua stores later than named fields
}

// param passes an expression as an argument, and returns the parameter.
func (m *mover) param(e ast.Expr) ast.Expr {
	name := fmt.Sprintf("(%d)", len(m.params))
	m.params, m.args = append(m.params, name), append(m.args, e)
	return m.ident(name)
}

func (m *mover) ident(name string) ast.Expr { return at(&ast.IdentExpr{Value: name}, m.line) }

func (m *mover) store(key, value ast.Expr) ast.Stmt {
	target := at(&ast.AttrGetExpr{Object: m.ident("(table)"), Key: key}, m.line)
	return at(&ast.AssignStmt{Lhs: []ast.Expr{target}, Rhs: []ast.Expr{value}}, m.line)
}

func (m *mover) number(n int) ast.Expr {
	return at(&ast.NumberExpr{Value: strconv.Itoa(n)}, m.line)
}

func (m *mover) item(n int, value ast.Expr) {
	if len(m.pending) == lua.FieldsPerFlush {
		m.flush()
	}
	m.pending = append(m.pending, m.store(m.number(n), value))
}

func (m *mover) flush() {
	m.stores, m.pending = append(m.stores, m.pending...), nil
}

// remaining stores all values of the last item behind the n before it.
func (m *mover) remaining(e ast.Expr, n int) {
	m.args, m.vararg = append(m.args, e), true
	all := &ast.TableExpr{Fields: []*ast.Field{{Value: at(&ast.Comma3Expr{}, m.line)}}}
	index := at(&ast.ArithmeticOpExpr{Operator: "+", Lhs: m.number(n), Rhs: m.ident("(index)")}, m.line)
	value := at(&ast.AttrGetExpr{Object: m.ident("(all)"), Key: m.ident("(index)")}, m.line)
	m.pending = append(m.pending,
		at(&ast.LocalAssignStmt{Names: []string{"(all)"}, Exprs: []ast.Expr{at(all, m.line)}}, m.line),
		at(&ast.NumberForStmt{Name: "(index)", Init: m.number(1), Limit: at(&ast.UnaryLenOpExpr{Expr: m.ident("(all)")}, m.line),
			Stmts: []ast.Stmt{m.store(index, value)}}, m.line))
}

func (m *mover) call() *ast.FuncCallExpr {
	m.flush()
	m.stores = append(m.stores, at(&ast.ReturnStmt{Exprs: []ast.Expr{m.ident("(table)")}}, m.line))
	fn := at(&ast.FunctionExpr{ParList: &ast.ParList{HasVargs: m.vararg, Names: m.params}, Stmts: m.stores}, m.line)
	made := call(fn, m.line, m.args...)
	made.AdjustRet = true
	return made
}
