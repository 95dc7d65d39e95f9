package library

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/lua/luaerr"
	"github.com/ctsh/ctsh/lua/pattern"
	"github.com/ctsh/ctsh/lua/value"
)

// stringArgs are the arguments of a call. Unlike those of a declared function they are lenient as
// Lua's own are: a number is a string as well, and a string that reads as a
// number is one.
type stringArgs struct {
	L  *lua.LState
	op string
}

// bad raises an error about the n-th argument; one without a name is "#n".
func (a stringArgs) bad(n int, name, format string, args ...any) {
	if name == "" {
		name = "#" + strconv.Itoa(n)
	}
	a.raise(luaerr.ETYPE, "bad argument %q of %s: %s", name, a.op, fmt.Sprintf(format, args...))
}

func (a stringArgs) raise(code luaerr.Code, format string, args ...any) {
	luaerr.Raise(a.L, luaerr.New(code, a.op, format, args...))
}

func (a stringArgs) tooLong() {
	a.raise(luaerr.ETYPE, "the result would be longer than %d bytes", MaxString)
}

// failed raises what a match ended with.
func (a stringArgs) failed(err error) {
	var syntax *pattern.SyntaxError
	switch {
	case errors.As(err, &syntax):
		a.raise(luaerr.EPARSE, "bad argument %q of %s: %w", "pattern", a.op, err)
	case errors.Is(err, pattern.ErrTooComplex):
		a.raise(luaerr.ETYPE, "%w: it takes too many steps", err)
	}
	luaerr.Raise(a.L, err)
}

// text returns a string, or a number as a string.
func (a stringArgs) text(n int, name string) string {
	switch v := a.L.Get(n).(type) {
	case lua.LString:
		return string(v)
	case lua.LNumber:
		return FormatNumber(float64(v))
	default:
		a.bad(n, name, "want a string, got %s", value.Describe(v))
		return ""
	}
}

// need refuses an argument that is nil or was left out.
func (a stringArgs) need(n int, name string) {
	if a.L.Get(n) == lua.LNil {
		a.bad(n, name, "want a number, got nil")
	}
}

// float returns a number, also infinite ones.
func (a stringArgs) float(n int, name string) float64 {
	switch v := a.L.Get(n).(type) {
	case lua.LNumber:
		return float64(v)
	case lua.LString:
		if f, ok := readNumber(string(v)); ok {
			return f
		}
	}
	a.bad(n, name, "want a number, got %s", value.Describe(a.L.Get(n)))
	return 0
}

// integer returns a number without its fraction; one beyond the range of int
// is the last in the range.
func (a stringArgs) integer(n int, name string) int {
	f := a.float(n, name)
	switch {
	case f != f:
		a.bad(n, name, "want a number, got NaN")
	case f >= math.MaxInt:
		return math.MaxInt
	case f <= math.MinInt:
		return math.MinInt
	}
	return int(f)
}

// position returns an index from 1 into a string of a length; a negative one
// counts from the end, and 0 is before the start. Where it was left out it is
// fallback.
func (a stringArgs) position(n int, name string, fallback, length int) int {
	if a.L.Get(n) == lua.LNil {
		return fallback
	}
	i := a.integer(n, name)
	if i < 0 {
		return max(0, i+length+1)
	}
	return i
}

// readNumber reads a number as Lua 5.1 does: decimal or hexadecimal, with space
// around it, and nothing else.
func readNumber(s string) (float64, bool) {
	s = strings.Trim(s, blanks)
	digits := strings.TrimLeft(s, "+-")
	if len(s)-len(digits) > 1 || digits == "" || strings.Contains(s, "_") || digits[0] != '.' && (digits[0] < '0' || digits[0] > '9') {
		return 0, false
	}
	if len(digits) > 1 && digits[1]|0x20 == 'x' && !strings.ContainsAny(digits, "pP") {
		s += "p0" // Go wants an exponent
	}
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil || errors.Is(err, strconv.ErrRange)
}

// textOf is what tostring returns.
func (a stringArgs) textOf(v lua.LValue) string {
	switch v := v.(type) {
	case lua.LString:
		return string(v)
	case lua.LNumber:
		return FormatNumber(float64(v))
	case *lua.LTable, *lua.LUserData:
		switch text := a.L.ToStringMeta(v).(type) {
		case lua.LString:
			return string(text)
		case lua.LNumber:
			return FormatNumber(float64(text))
		default:
			a.raise(luaerr.ETYPE, "__tostring returned %s, not a string", value.Describe(text))
		}
	}
	return v.String()
}
