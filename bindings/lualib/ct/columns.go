package ct

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/bindings/engine/field"
)

// Columns are up to n values of a flow, event or row, from its first column on,
// nil for a value that is none of these. One that it lacks is Lua's nil.
func Columns(L *lua.LState, v lua.LValue, n int) []lua.LValue {
	var r *field.Row
	var set *field.Set
	if f, ok := flowType.Is(v); ok {
		r, set = f.r, f.set
	} else if ev, ok := eventType.Is(v); ok {
		r, set = ev.r, ev.set
	} else if x, ok := rowType.Is(v); ok {
		r, set = x.r, x.set
	} else {
		return nil
	}
	fields := set.Fields()
	list := make([]lua.LValue, min(n, len(fields)))
	for i := range list {
		list[i] = fieldOf(L, fields[i], r)
	}
	return list
}
