package syntax

import (
	"math"
	"strconv"
	"strings"

	"github.com/yuin/gopher-lua/ast"
)

// number gives a literal the form in which the compiler reads its value: that
// takes 010 for octal, and anything it cannot read for NaN.
func (w *walk) number(e *ast.NumberExpr) float64 {
	v, ok := literal(e.Value)
	if !ok {
		w.fail(e.Line(), "", "malformed number %q", strings.TrimRight(e.Value, " \t\r\n"))
	}
	e.Value = strconv.FormatFloat(v, 'g', -1, 64)
	return v
}

// literal is the value of a decimal or hexadecimal numeral of Lua 5.1. What is
// too large is infinite.
func literal(s string) (v float64, ok bool) {
	if s == "+Inf" { // the form of one that was visited before
		return math.Inf(1), true
	}
	if strings.HasPrefix(s, "0x") || strings.HasPrefix(s, "0X") {
		s += "p0"
	} else if strings.Trim(s, "0123456789.eE+-") != "" {
		return 0, false
	}
	v, err := strconv.ParseFloat(s, 64)
	return v, err == nil || math.IsInf(v, 0)
}
