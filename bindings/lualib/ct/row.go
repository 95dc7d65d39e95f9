package ct

import (
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/engine/output"
	"github.com/ctsh/ctsh/lua/escape"
	"github.com/ctsh/ctsh/lua/registry"
)

// row is a row that a query computed, as a script holds it.
type row struct {
	r   *field.Row // held
	set *field.Set
}

var rowType = registry.NewType[*row]("row", "a row that a query computed: a field for every column. One that the row lacks is nil, another name raises").
	Example(`ct> r = flows:by("proto"):count():top(1):first()
ct> r.proto, r.n
udp
2`).
	Method("table() -> table", "a plain table of what it has", func(x *row, c *registry.Call) int {
		return c.Return(tableOf(c.L, x.set.Fields(), x.r))
	}).
	Example(`ct> flows:where("tcp"):by("proto"):count():first():table().n
1`).
	Method("json() -> text", "the same as a JSON object", func(x *row, c *registry.Call) int {
		return c.Return(lua.LString(output.AppendJSON(nil, x.set.Fields(), x.r)))
	}).
	Example(`ct> flows:where("tcp"):by("proto"):count():first():json()
{"proto":"tcp","n":1}`).
	More(func(L *lua.LState, x *row, name string) (lua.LValue, bool) {
		f, ok := x.set.Lookup(name)
		if !ok {
			return nil, false
		}
		return fieldOf(L, f, x.r), true
	}, func(x *row) []string { return x.set.Names() }).
	Text(func(x *row) string {
		var parts []string
		for _, f := range x.set.Fields() {
			if v, ok := f.Of(x.r); ok {
				parts = append(parts, f.Name+"="+escape.Terminal(f.Format(v)))
			}
		}
		return strings.Join(parts, " ")
	})

// object makes a Lua object of a row that was held.
func (q *selection) object(L *lua.LState, r *field.Row) lua.LValue {
	if q.q.IsFlows() {
		return flowType.New(L, &flow{q.h.of(r), r, q.q.Fields()})
	}
	if x, ok := r.About().(*expectation); ok {
		return expectType.New(L, x)
	}
	return rowType.New(L, &row{r, q.q.Fields()})
}
