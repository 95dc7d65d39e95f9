package library

import (
	"math"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/lua/value"
)

// OpenNumber makes tonumber, tostring and arithmetic on strings mean what Lua
// 5.1 says. It comes after OpenString: the operators are methods of strings.
func OpenNumber(L *lua.LState) {
	L.G.Global.RawSetString("tonumber", L.NewFunction(toNumber))
	L.G.Global.RawSetString("tostring", L.NewFunction(toString))
	openArithmetic(L)
}

// FormatNumber writes a number as Lua 5.1 does: 14 digits, and an exponent
// where there would be more before the point. Neither NaN nor 0 has a sign:
// that of NaN means nothing, and the interpreter has -4 % 2 be -0.
func FormatNumber(f float64) string {
	const digits, most = 14, 1e14
	switch {
	case f > -most && f < most && float64(int64(f)) == f:
		return strconv.FormatInt(int64(f), 10)
	case f != f:
		return "nan"
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	}
	return strconv.FormatFloat(f, 'g', digits, 64)
}

// ParseNumber reads a number as Lua 5.1 does: decimal or hexadecimal, with
// space around it, and nothing else.
func ParseNumber(s string) (float64, bool) { return readNumber(s) }

// ToString is what tostring returns, and print prints: a string or number as
// it is, the result of __tostring where there is one.
func ToString(L *lua.LState, v lua.LValue) string {
	if n, ok := v.(lua.LNumber); ok {
		return FormatNumber(float64(n))
	}
	return stringArgs{L, "tostring"}.textOf(v)
}

func toString(L *lua.LState) int {
	a := stringArgs{L, "tostring"}
	if L.GetTop() == 0 {
		a.bad(1, "value", "a value is missing")
	}
	if s, ok := L.Get(1).(lua.LString); ok {
		L.Push(s)
	} else {
		L.Push(lua.LString(ToString(L, L.Get(1))))
	}
	return 1
}

// toNumber is tonumber: nil for what is no number.
func toNumber(L *lua.LState) int {
	a := stringArgs{L, "tonumber"}
	if L.GetTop() == 0 {
		a.bad(1, "value", "a value is missing")
	}
	base := 10
	if L.Get(2) != lua.LNil {
		if base = a.integer(2, "base"); base < 2 || base > 36 {
			a.bad(2, "base", "%d is out of range 2 to 36", base)
		}
	}
	f, ok := 0.0, false
	switch v := L.Get(1).(type) {
	case lua.LNumber:
		if f, ok = float64(v), true; base != 10 {
			f, ok = readDigits(FormatNumber(f), base)
		}
	case lua.LString:
		if base == 10 {
			f, ok = readNumber(string(v))
		} else {
			f, ok = readDigits(string(v), base)
		}
	default:
		if base != 10 {
			a.bad(1, "value", "want a string, got %s", value.Describe(v))
		}
	}
	if ok {
		L.Push(lua.LNumber(f))
	} else {
		L.Push(lua.LNil)
	}
	return 1
}

// readDigits reads a whole number in a base other than 10. What does not fit
// 64 bits is the largest that does.
func readDigits(s string, base int) (float64, bool) {
	s = strings.Trim(s, blanks)
	negative := strings.HasPrefix(s, "-")
	if negative || strings.HasPrefix(s, "+") {
		s = s[1:]
	}
	if base == 16 && len(s) > 2 && s[0] == '0' && s[1]|0x20 == 'x' {
		s = s[2:]
	}
	if strings.ContainsAny(s, "+-_") {
		return 0, false
	}
	n, err := strconv.ParseUint(s, base, 64)
	if err != nil && n != math.MaxUint64 {
		return 0, false
	}
	if negative {
		return -float64(n), true
	}
	return float64(n), true
}

// blanks are what C calls space.
const blanks = " \t\n\v\f\r"
