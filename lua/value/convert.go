package value

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"time"

	lua "github.com/yuin/gopher-lua"
)

// maxDepth bounds nested tables, which may hold themselves.
const maxDepth = 16

// ToGo turns a Lua value into string, float64, bool, nil, []any (a table with
// items only) or map[string]any. It refuses functions, objects, mixed tables,
// and tables that are nested too deep or hold too much.
func ToGo(v lua.LValue) (any, error) { return (&reader{}).toGo(v, 0) }

// reader counts what it reads: tables that hold each other are read as often
// as there are ways to them.
type reader struct{ values int }

// maxValues bounds what one table may hold, all in all.
const maxValues = 4 << 20

func (r *reader) toGo(v lua.LValue, depth int) (any, error) {
	if r.values++; r.values > maxValues {
		return nil, fmt.Errorf("table of more than %d values", maxValues)
	}
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
		return r.table(v, depth+1)
	}
	return nil, fmt.Errorf("cannot use %s here", Describe(v))
}

func (r *reader) table(t *lua.LTable, depth int) (any, error) {
	items := 0
	t.ForEach(func(k, _ lua.LValue) {
		if k.Type() == lua.LTNumber {
			items++
		}
	})
	list := make([]any, items)
	fields := map[string]any{}
	var err error
	t.ForEach(func(k, v lua.LValue) {
		if err != nil {
			return
		}
		var x any
		if x, err = r.toGo(v, depth); err != nil {
			return
		}
		switch k := k.(type) {
		case lua.LString:
			fields[string(k)] = x
		case lua.LNumber:
			if k != lua.LNumber(int(k)) || k < 1 || int(k) > items {
				err = fmt.Errorf("a list of %d items with one at %s", items, k)
				return
			}
			list[int(k)-1] = x
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

// ToLua turns what ToGo returns, numbers of any kind, addresses, durations (as
// seconds) and lists of strings into Lua. A nil is nil; whole numbers beyond
// 2^53 lose their last digits. Any other type is a mistake of the caller, and
// panics.
func ToLua(L *lua.LState, x any) lua.LValue {
	switch x := x.(type) {
	case nil:
		return lua.LNil
	case lua.LValue:
		return x
	case string:
		return lua.LString(x)
	case bool:
		return lua.LBool(x)
	case float64:
		return lua.LNumber(x)
	case int:
		return lua.LNumber(x)
	case int64:
		return lua.LNumber(x)
	case uint8:
		return lua.LNumber(x)
	case uint16:
		return lua.LNumber(x)
	case uint32:
		return lua.LNumber(x)
	case uint64:
		return lua.LNumber(x)
	case time.Duration:
		return lua.LNumber(x.Seconds())
	case netip.Addr:
		return lua.LString(x.String())
	case netip.Prefix:
		return lua.LString(x.String())
	case []string:
		t := L.CreateTable(len(x), 0)
		for i, s := range x {
			t.RawSetInt(i+1, lua.LString(s))
		}
		return t
	case []any:
		t := L.CreateTable(len(x), 0)
		for i, v := range x {
			t.RawSetInt(i+1, ToLua(L, v))
		}
		return t
	case map[string]any:
		t := L.CreateTable(0, len(x))
		for _, k := range slices.Sorted(maps.Keys(x)) {
			t.RawSetString(k, ToLua(L, x[k]))
		}
		return t
	}
	panic(fmt.Sprintf("no Lua value for a %T", x))
}

// Describe says what a value is, for messages: `nil`, `"text"`, `number 5`.
func Describe(v lua.LValue) string {
	switch v := v.(type) {
	case *lua.LNilType:
		return "nil"
	case lua.LString:
		if len(v) > 40 {
			return strconv.Quote(string(v[:40])) + "..."
		}
		return strconv.Quote(string(v))
	case lua.LNumber:
		return "number " + v.String()
	case lua.LBool:
		return v.String()
	}
	return "a " + v.Type().String()
}
