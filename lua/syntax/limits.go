package syntax

import "github.com/yuin/gopher-lua/ast"

// Limits of one chunk. The compiler looks every constant up in a list and
// every name in the lists of all functions around it, so that a hostile text
// of the size that is allowed would keep it busy for minutes.
const (
	maxWork   = 150e6 // names and constants looked at: about a second
	maxLabels = 1000  // labels and gotos of a function
)

const tooMuch = "split it into more functions, or read its data from a file"

// spend counts what the compiler will have to look at.
func (w *walk) spend(n, line int) {
	if w.work += n; w.work > maxWork {
		w.fail(line, tooMuch, "too many names and constants to compile")
	}
}

// literalKey is a constant of a function.
type literalKey struct {
	text   string
	number float64
}

// constant counts a use of a constant. The zero one is none, or costs nothing.
func (w *walk) constant(fn *function, value literalKey, line int) {
	if value == (literalKey{}) {
		return
	}
	at, known := fn.consts[value]
	if !known {
		at = len(fn.consts) + fn.folded
		fn.consts[value] = at
	}
	w.spend(at, line)
}

// ident counts a use of a name, which is that of a variable or a constant.
func (w *walk) ident(fn *function, name string, line int) {
	w.spend(fn.outer+fn.names, line)
	w.constant(fn, literalKey{text: name}, line)
}

// folding counts an operation. The compiler looks anew at each part of a chain
// for constants, and makes one of two.
func (w *walk) folding(at place, line int, operands ...ast.Expr) {
	w.spend(at.depth, line)
	for _, e := range operands {
		switch e.(type) {
		case *ast.NumberExpr, *ast.ArithmeticOpExpr, *ast.UnaryMinusOpExpr:
		default:
			return
		}
	}
	at.fn.folded++
	w.spend(len(at.fn.consts)+at.fn.folded, line)
}

// label counts a label or goto.
func (w *walk) label(fn *function, line int) {
	if fn.labels++; fn.labels > maxLabels {
		w.fail(line, "", "more than %d labels and gotos in a function", maxLabels)
	}
}
