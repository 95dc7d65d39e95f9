package library

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/lua/luaerr"
	"github.com/ctsh/ctsh/lua/value"
)

// sorting is one call of table.sort.
type sorting struct {
	L     *lua.LState
	order *lua.LFunction // nil for <
	steps int
}

// tableSort sorts a list with at most n log n comparisons, whatever the order
// says of two items. It changes the table only when all went well.
func tableSort(L *lua.LState) int {
	a := tableArgs{stringArgs{L, "table.sort"}}
	t := a.table(1)
	s := &sorting{L: L}
	if v := L.Get(2); v != lua.LNil {
		fn, ok := v.(*lua.LFunction)
		if !ok {
			a.bad(2, "order", "want a function, got %s", value.Describe(v))
		}
		s.order = fn
	}
	items := make([]lua.LValue, t.Len())
	for i := range items {
		pause(L, i)
		items[i] = t.RawGetInt(i + 1)
	}
	s.sort(items)
	if s.order != nil && !s.sorted(items) {
		a.raise(luaerr.ETYPE, "invalid order function for sorting: it contradicts itself, or is true for equal items, as <= is")
	}
	for i, v := range items {
		pause(L, i)
		t.RawSetInt(i+1, v)
	}
	return 0
}

// less tells whether x is before y.
func (s *sorting) less(x, y lua.LValue) bool {
	pause(s.L, s.steps)
	s.steps++
	if s.order == nil {
		if x, ok := x.(lua.LNumber); ok {
			if y, ok := y.(lua.LNumber); ok {
				return x < y
			}
		}
		return s.L.LessThan(x, y)
	}
	s.L.Push(s.order)
	s.L.Push(x)
	s.L.Push(y)
	s.L.Call(2, 1)
	before := lua.LVAsBool(s.L.Get(-1))
	s.L.Pop(1)
	return before
}

// sort merges runs of twice the length each time.
func (s *sorting) sort(items []lua.LValue) {
	from, to := items, make([]lua.LValue, len(items))
	for width := 1; width < len(items); width *= 2 {
		for lo := 0; lo < len(items); lo += 2 * width {
			mid, hi := min(lo+width, len(items)), min(lo+2*width, len(items))
			s.merge(to[lo:hi], from[lo:mid], from[mid:hi])
		}
		from, to = to, from
	}
	copy(items, from)
}

func (s *sorting) merge(to, left, right []lua.LValue) {
	for i := range to {
		if len(left) == 0 || len(right) > 0 && s.less(right[0], left[0]) {
			to[i], right = right[0], right[1:]
		} else {
			to[i], left = left[0], left[1:]
		}
	}
}

// sorted checks neighbours. An order that calls one of two equal items the
// first, as <= does, is invalid in Lua, which finds out less often.
func (s *sorting) sorted(items []lua.LValue) bool {
	for i := 1; i < len(items); i++ {
		if s.less(items[i], items[i-1]) {
			return false
		}
	}
	return true
}
