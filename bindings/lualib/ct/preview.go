package ct

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/bindings/engine/plan"
	"github.com/ctsh/ctsh/lua/registry"
)

// foreseen is a preview as a script holds it.
type foreseen struct {
	p    *planned
	view *plan.Preview
}

var previewType = registry.NewType[*foreseen]("preview", "what a plan would do now").
	Example(`ct> flows:where("udp"):delete():preview(1)
plan: delete flows:where("udp")
2 flows, 67% of the 3 in the table
  udp domain  1
  udp mdns    1
of 2 flows it is not known when a packet passed last
udp 10.0.0...`).
	Field("n: int", "flows it would touch, and requests it would send", func(_ *lua.LState, f *foreseen) lua.LValue { return lua.LNumber(f.view.Matched()) }).
	Field("table: int", "flows in the table", func(_ *lua.LState, f *foreseen) lua.LValue { return lua.LNumber(f.view.Table) }).
	Field("share: percent", "the part of the table that it would touch, 0 to 1", func(_ *lua.LState, f *foreseen) lua.LValue { return lua.LNumber(f.view.Share()) }).
	Field("protected: int", "flows it would leave out, such as your own session", func(_ *lua.LState, f *foreseen) lua.LValue { return lua.LNumber(f.view.Protected) }).
	Field("active: int", "of the flows, those that moved a packet in the last 10 s", func(_ *lua.LState, f *foreseen) lua.LValue { return lua.LNumber(f.view.Active) }).
	Field("unsure: int", "of the flows, those of which that is not known", func(_ *lua.LState, f *foreseen) lua.LValue { return lua.LNumber(f.view.Unsure) }).
	Field("groups: table[]", "the five largest groups by protocol, service and state: {name, n}", func(L *lua.LState, f *foreseen) lua.LValue {
		list := L.NewTable()
		for _, g := range f.view.Groups {
			t := L.NewTable()
			t.RawSetString("name", lua.LString(g.Name))
			t.RawSetString("n", lua.LNumber(g.N))
			list.Append(t)
		}
		return list
	}).
	Text(func(f *foreseen) string {
		s := f.p.described(f.view)
		for i := range f.view.Flows {
			s += "\n" + textOf(&f.view.Flows[i])
		}
		return s
	})

// A flow makes plans, so its list is added after those types are there.
func init() {
	previewType.Field("damage?: text", "of an undo: where its journal is damaged. What stands before that is taken back", func(_ *lua.LState, f *foreseen) lua.LValue {
		if f.view.Damage == nil {
			return lua.LNil
		}
		return lua.LString(f.view.Damage.Error())
	}).Field("flows: flow[]", "some of the flows", func(L *lua.LState, f *foreseen) lua.LValue {
		list := L.NewTable()
		host := f.p.h.hosting(f.p.space)
		for i := range f.view.Flows {
			list.Append(flowType.New(L, host.newFlow(&f.view.Flows[i])))
		}
		return list
	})
}

// preview looks at what the plan would do.
func (p *planned) preview(c *registry.Call) int {
	p.used()
	view, err := p.look(c, c.Int(1))
	c.Raise(fail(err))
	return c.Return(previewType.New(c.L, &foreseen{p, view}))
}
