package library

import (
	"math"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/lua/value"
)

// operators are the arithmetic ones of Lua.
var operators = map[string]func(x, y float64) float64{
	"__add": func(x, y float64) float64 { return x + y },
	"__sub": func(x, y float64) float64 { return x - y },
	"__mul": func(x, y float64) float64 { return x * y },
	"__div": func(x, y float64) float64 { return x / y },
	"__mod": modulo,
	"__pow": math.Pow,
}

// modulo is the % of the interpreter: its sign is that of the divisor.
func modulo(x, y float64) float64 {
	m := math.Mod(x, y)
	if m < 0 && y > 0 || m > 0 && y < 0 {
		m += y
	}
	return m
}

// openArithmetic gives strings the operators. Without, the interpreter would
// read "010" as octal.
func openArithmetic(L *lua.LState) {
	mt := L.GetMetatable(lua.LString("")).(*lua.LTable)
	for event, op := range operators {
		mt.RawSetString(event, L.NewFunction(func(L *lua.LState) int { return arithmetic(L, event, op) }))
	}
	mt.RawSetString("__unm", L.NewFunction(func(L *lua.LState) int {
		L.Push(lua.LNumber(-operand(L, L.Get(1))))
		return 1
	}))
}

// arithmetic is an operation with a string on one side. An operator of the
// other side comes first.
func arithmetic(L *lua.LState, event string, op func(x, y float64) float64) int {
	x, y := L.Get(1), L.Get(2)
	for _, v := range []lua.LValue{x, y} {
		if _, ok := v.(lua.LString); ok {
			continue
		}
		if fn, ok := L.GetMetaField(v, event).(*lua.LFunction); ok {
			L.Push(fn)
			L.Push(x)
			L.Push(y)
			L.Call(2, 1)
			return 1
		}
	}
	L.Push(lua.LNumber(op(operand(L, x), operand(L, y))))
	return 1
}

// operand is the number that a value is or reads as.
func operand(L *lua.LState, v lua.LValue) float64 {
	switch v := v.(type) {
	case lua.LNumber:
		return float64(v)
	case lua.LString:
		f, ok := readNumber(string(v))
		if !ok {
			L.RaiseError("attempt to perform arithmetic on a string value, %s is no number", value.Describe(v))
		}
		return f
	}
	L.RaiseError("attempt to perform arithmetic on a %s value", v.Type())
	return 0
}
