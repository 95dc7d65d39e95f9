package library

import (
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// NewConcat returns the function that the operator ".." is: it gets the
// operands of a chain, joins strings and numbers, and asks __concat for the
// rest, from the right to the left. The result is no longer than MaxString.
func NewConcat(L *lua.LState) *lua.LFunction { return L.NewFunction(concat) }

func concat(L *lua.LState) int {
	n := L.GetTop()
	if first := joinable(L, n); first == 1 {
		L.Push(join(L, 1, n))
		return 1
	}
	right := L.Get(n)
	for i := n - 1; i > 0; {
		if first := joinable(L, i); first <= i && isText(right) {
			L.SetTop(i)
			L.Push(right)
			right = join(L, first, i+1)
			i = first - 1
			continue
		}
		right = joinObjects(L, L.Get(i), right)
		i--
	}
	L.Push(right)
	return 1
}

func isText(v lua.LValue) bool {
	switch v.(type) {
	case lua.LString, lua.LNumber:
		return true
	}
	return false
}

// joinable returns where the strings and numbers that end at the n-th argument
// begin, n+1 if that is none.
func joinable(L *lua.LState, n int) int {
	for n > 0 && isText(L.Get(n)) {
		n--
	}
	return n + 1
}

// join makes one string of the arguments from first to last.
func join(L *lua.LState, first, last int) lua.LString {
	var known [8]string
	parts, size := known[:0], 0
	for i := first; i <= last; i++ {
		var s string
		switch v := L.Get(i).(type) {
		case lua.LString:
			s = string(v)
		case lua.LNumber:
			s = FormatNumber(float64(v))
		}
		if size += len(s); size > MaxString {
			stringArgs{L, ".."}.tooLong()
		}
		parts = append(parts, s)
	}
	if len(parts) == 2 {
		return lua.LString(parts[0] + parts[1])
	}
	return lua.LString(strings.Join(parts, ""))
}

// joinObjects joins two operands of which one is no text.
func joinObjects(L *lua.LState, left, right lua.LValue) lua.LValue {
	fn := L.GetMetaField(left, "__concat")
	if fn == lua.LNil {
		fn = L.GetMetaField(right, "__concat")
	}
	if fn.Type() != lua.LTFunction {
		if isText(left) {
			left = right
		}
		L.RaiseError("attempt to concatenate a %s value", left.Type())
	}
	L.Push(fn)
	L.Push(left)
	L.Push(right)
	L.Call(2, 1)
	result := L.Get(-1)
	L.Pop(1)
	return result
}
