package value

import (
	"fmt"

	lua "github.com/yuin/gopher-lua"
)

// maxDepth bounds nested tables, which may hold themselves.
const maxDepth = 16

// ToGo turns a Lua value into string, float64, bool, nil, []any (a table with
// items only) or map[string]any. It refuses functions, objects, mixed tables
// and tables that are nested too deep.
func ToGo(v lua.LValue) (any, error) { return toGo(v, 0) }

func toGo(v lua.LValue, depth int) (any, error) {
	switch v := v.(type) {
	case *lua.LNilType:
		return nil, nil
	case lua.LString:
		return string(v), nil
	case lua.LNumber:
		return float64(v), nil
	case lua.LBool:
		return bool(v), nil
	case *lua.LTable:
		if depth == maxDepth {
			return nil, fmt.Errorf("table nested deeper than %d", maxDepth)
		}
		return tableToGo(v, depth+1)
	}
	return nil, fmt.Errorf("cannot use %s here", Describe(v))
}

func tableToGo(t *lua.LTable, depth int) (any, error) {
	n := t.Len()
	list := make([]any, 0, n)
	fields := map[string]any{}
	var err error
	t.ForEach(func(k, v lua.LValue) {
		if err != nil {
			return
		}
		var x any
		if x, err = toGo(v, depth); err != nil {
			return
		}
		switch k := k.(type) {
		case lua.LString:
			fields[string(k)] = x
		case lua.LNumber:
			if int(k) != len(list)+1 || float64(k) != float64(int(k)) {
				err = fmt.Errorf("a list with a gap at %d", len(list)+1)
				return
			}
			list = append(list, x)
		default:
			err = fmt.Errorf("cannot use %s as a key", Describe(k))
		}
	})
	switch {
	case err != nil:
		return nil, err
	case len(list) > 0 && len(fields) > 0:
		return nil, fmt.Errorf("a table with both items and named fields")
	case len(fields) > 0:
		return fields, nil
	}
	return list, nil
}

// ToLua turns what ToGo returns, and ints, back into Lua.
func ToLua(L *lua.LState, x any) lua.LValue {
	switch x := x.(type) {
	case string:
		return lua.LString(x)
	case float64:
		return lua.LNumber(x)
	case int:
		return lua.LNumber(x)
	case bool:
		return lua.LBool(x)
	case []any:
		t := L.CreateTable(len(x), 0)
		for i, v := range x {
			t.RawSetInt(i+1, ToLua(L, v))
		}
		return t
	case map[string]any:
		t := L.CreateTable(0, len(x))
		for k, v := range x {
			t.RawSetString(k, ToLua(L, v))
		}
		return t
	}
	return lua.LNil
}
