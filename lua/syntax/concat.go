package syntax

import (
	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/ast"
)

// concatMark stands for the function in the constants of a chunk until it is
// compiled. No name could: functions may have any environment.
const concatMark = "\x00concat"

// concat makes a call of a chain of "..": the instruction for it makes strings
// of any length, and writes numbers in a form of its own.
func (w *walk) concat(p *parts, slot *ast.Expr, e *ast.StringConcatOpExpr) {
	if !w.calls {
		p.expr(&e.Lhs, &e.Rhs)
		return
	}
	var operands []ast.Expr
	for {
		operands = append(operands, once(e.Lhs))
		next, ok := e.Rhs.(*ast.StringConcatOpExpr)
		if !ok {
			operands = append(operands, once(e.Rhs))
			break
		}
		e = next
	}
	line := (*slot).Line()
	made := call(at(&ast.StringExpr{Value: concatMark}, line), line, operands...)
	made.AdjustRet = true
	*slot = made
	w.constant(p.at.fn, literalKey{text: concatMark}, line)
	p.exprs(made.Args)
}

// link puts the function where its mark is.
func link(p *lua.FunctionProto, concat *lua.LFunction) {
	for i, c := range p.Constants {
		if c == lua.LString(concatMark) {
			p.Constants[i] = concat
		}
	}
}
