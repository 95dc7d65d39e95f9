package ct

import (
	"context"
	"fmt"
	"sort"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/engine/query"
	"github.com/ctsh/ctsh/lua/luaerr"
	"github.com/ctsh/ctsh/lua/registry"
	"github.com/ctsh/ctsh/lua/value"
)

// function is a function of a script that is called with the rows of a query:
// with the row, or with the fields that its parameters name, which costs no
// allocation.
type function struct {
	h      *Host
	fn     *lua.LFunction
	name   string
	fields []*field.Field // nil for the row itself
	of     query.Query
}

// function prepares fn for the rows of q.
func (h *Host) function(fn *lua.LFunction, q query.Query) *function {
	f := &function{h: h, fn: fn, name: "function", of: q}
	if !fn.IsG {
		f.name = fmt.Sprintf("function at %s:%d", fn.Proto.SourceName, fn.Proto.LineDefined)
	}
	for _, name := range value.Parameters(fn) {
		x, ok := q.Fields().Lookup(name)
		if !ok {
			f.fields = nil
			break
		}
		f.fields = append(f.fields, x)
	}
	return f
}

// parts is what the function asks of a row.
func (f *function) parts() field.Part {
	if f.fields == nil {
		return field.PartAll
	}
	var p field.Part
	for _, x := range f.fields {
		p |= x.Part
	}
	return p
}

// caller calls the function for the rows of one run.
type caller struct {
	*function
	L     *lua.LState
	boxes value.Boxes
	buf   []byte
}

func (f *function) start(L *lua.LState) *caller { return &caller{function: f, L: L} }

// push pushes the function and what it is called with.
func (x *caller) push(r *field.Row) (args int) {
	x.L.Push(x.fn)
	if x.fields == nil {
		held := r.Hold(field.PartAll)
		s := selection{x.h, x.of, false}
		x.L.Push(s.object(x.L, &held))
		return 1
	}
	for _, f := range x.fields {
		x.L.Push(x.value(f, r))
	}
	return len(x.fields)
}

// value is fieldOf without an allocation for what recurs.
func (x *caller) value(f *field.Field, r *field.Row) lua.LValue {
	switch f.Kind {
	case field.Number:
		v, ok := f.Of(r)
		if !ok {
			return lua.LNil
		}
		return x.boxes.Number(v.Num)
	case field.Text, field.Address:
		v, ok := f.Of(r)
		if !ok {
			return lua.LNil
		}
		x.buf = f.Append(x.buf[:0], v)
		return x.boxes.Text(x.buf)
	}
	return fieldOf(x.L, f, r)
}

// call calls the function and returns its first result.
func (x *caller) call(r *field.Row) lua.LValue {
	x.L.Call(x.push(r), 1)
	v := x.L.Get(-1)
	x.L.Pop(1)
	return v
}

// predicate makes what selects rows in one run.
func (f *function) predicate(ctx context.Context) func(*field.Row) (bool, error) {
	x := f.start(ctx.Value(luaKey{}).(*lua.LState))
	return func(r *field.Row) (bool, error) { return lua.LVAsBool(x.call(r)), nil }
}

// column makes what tells the value of a column in one run.
func (f *function) column(name string, kind field.Kind) func(context.Context) func(*field.Row) (field.Value, bool, error) {
	return func(ctx context.Context) func(*field.Row) (field.Value, bool, error) {
		x := f.start(ctx.Value(luaKey{}).(*lua.LState))
		return func(r *field.Row) (field.Value, bool, error) {
			switch v := x.call(r).(type) {
			case *lua.LNilType:
				return field.Value{}, false, nil
			case lua.LNumber:
				if kind == field.Number {
					return field.Value{Num: float64(v)}, true, nil
				}
				if kind == field.Text {
					return field.Value{Str: v.String()}, true, nil
				}
			case lua.LString:
				if kind == field.Text {
					return field.Value{Str: string(v)}, true, nil
				}
			case lua.LBool:
				if kind == field.Flag {
					return field.Value{On: bool(v)}, true, nil
				}
			default:
			}
			return field.Value{}, false, luaerr.New(luaerr.ETYPE, "query:with", "query:with: the function of %q returned what is no %s",
				name, map[field.Kind]string{field.Number: "number", field.Text: "text", field.Flag: "true or false"}[kind])
		}
	}
}

// sortedKeys are the names in a table, in order.
func sortedKeys(c *registry.Call, t *lua.LTable) (names []string) {
	t.ForEach(func(k, _ lua.LValue) {
		if s, ok := k.(lua.LString); ok {
			names = append(names, string(s))
		} else {
			c.Bad("columns", "want named columns, got an item %s", k)
		}
	})
	sort.Strings(names)
	return names
}
