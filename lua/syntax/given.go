package syntax

import (
	"strconv"
	"strings"

	"github.com/yuin/gopher-lua/ast"
)

// GivenKey is a field that Compile adds to a table written as the argument of
// a method that selects: the names of the fields which stand there, with "#n"
// behind one that is a list of n items. Lua drops a field whose value is nil
// without a trace, and flows:where{proto = "udp", src = ip} with an empty ip
// would select every UDP flow; so whoever reads the table can tell.
const GivenKey = "(given)"

// selecting are the methods whose first argument is a filter, and the
// functions whose second one is.
var selecting = map[string]int{"where": 0, "unless": 0, "on": 1}

// given adds the field to the filter of a call, unless nothing in it could be
// nil.
func given(call *ast.FuncCallExpr) {
	name := call.Method
	if fn, ok := call.Func.(*ast.IdentExpr); ok {
		name = fn.Value
	}
	n, ok := selecting[name]
	if !ok || len(call.Args) <= n {
		return
	}
	table, ok := call.Args[n].(*ast.TableExpr)
	if !ok {
		return
	}
	var names []string
	open := false
	for _, f := range table.Fields {
		key, ok := f.Key.(*ast.StringExpr)
		if !ok || strings.ContainsAny(key.Value, " #") {
			return // no filter that anybody would accept
		}
		name := key.Value
		if list, ok := f.Value.(*ast.TableExpr); ok {
			if n, ok := itemCount(list); ok {
				name += "#" + strconv.Itoa(n)
			}
		}
		names = append(names, name)
		open = open || !neverNil(f.Value)
	}
	if open {
		line := table.Line()
		table.Fields = append([]*ast.Field{{Key: at(&ast.StringExpr{Value: GivenKey}, line),
			Value: at(&ast.StringExpr{Value: strings.Join(names, " ")}, line)}}, table.Fields...)
	}
}

// itemCount is the number of items of a list, where the text tells it.
func itemCount(list *ast.TableExpr) (n int, ok bool) {
	for _, f := range list.Fields {
		if f.Key != nil || many(f.Value) {
			return 0, false
		}
	}
	return len(list.Fields), true
}

// neverNil tells whether an expression is never nil.
func neverNil(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.StringExpr, *ast.NumberExpr, *ast.TrueExpr, *ast.FalseExpr:
		return true
	case *ast.TableExpr:
		for _, f := range e.Fields {
			if !neverNil(f.Value) {
				return false
			}
		}
		return true
	}
	return false
}
