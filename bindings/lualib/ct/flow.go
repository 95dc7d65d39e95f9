package ct

import (
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/engine/output"
	"github.com/ctsh/ctsh/bindings/engine/plan"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/lua/escape"
	"github.com/ctsh/ctsh/lua/registry"
)

// flow is a flow as a script holds it: a copy of what the kernel said.
type flow struct {
	h   *Host
	r   *field.Row // held
	set *field.Set // what it has, columns that were added included
}

func (f *flow) entry() *wire.Entry { return f.r.Need(field.PartAll) }

// newFlow makes a flow of what was read outside a query.
func (h *Host) newFlow(e *wire.Entry) *flow {
	r := &field.Row{}
	r.ResetEntry(e)
	r.In(h.look())
	return &flow{h, r, field.Flow}
}

var flowType = registry.NewType[*flow]("flow", "a tracked flow as the kernel told it. Its fields do not change; get reads it again").
	Example(`ct> f = flows:where{dport = 53}:first()
ct> f.src, f.sport, f.mark
10.0.0.1
4001
1`)

// The methods make plans and flows, so they are added after those types are
// there.
func init() {
	for _, f := range field.Flow.Fields() {
		flowType.Field(fieldText(f), fieldDoc(f), func(L *lua.LState, fl *flow) lua.LValue { return fieldOf(L, f, fl.r) })
	}
	flowType.
		Method("delete() -> plan", "plans to delete it, by tuple, zone and id", func(f *flow, c *registry.Call) int {
			return f.h.plan(c, plan.DeleteFlow(f.entry().Flow), nil)
		}).
		Example(`ct> tostring(flows:where{dport = 53}:first():delete())
plan: delete udp 10.0.0.1:4001 > 192.0.2.53:53`).
		Method("update("+changeFields+") -> plan", "plans to change it", func(f *flow, c *registry.Call) int {
			p, err := plan.UpdateFlow(f.entry().Flow, changeFrom(c))
			return f.h.plan(c, p, err)
		}).
		Example(`ct> tostring(flows:where{dport = 53}:first():update{mark = 7})
plan: update mark=0x7 udp 10.0.0.1:4001 > 192.0.2.53:53`).
		Method("get() -> flow | nil", "reads it again, nil if it is gone", func(f *flow, c *registry.Call) int { return f.h.reread(c, f.entry().Key()) }).
		Example(`ct> f = flows:where{dport = 53}:first()
ct> r = f:delete():apply()
ct> f:get() == nil
true`).
		Method("table() -> table", "a plain table of the fields it has, those left out that are worked out of others", func(f *flow, c *registry.Call) int {
			return c.Return(tableOf(c.L, f.set.Whole(), f.r))
		}).
		Example(`ct> flows:where{dport = 53}:first():table().proto
udp`).
		Method("json() -> text", "the same as a JSON object", func(f *flow, c *registry.Call) int {
			return c.Return(lua.LString(output.AppendJSON(nil, f.set.Whole(), f.r)))
		}).
		Example(`ct> flows:where{dport = 53}:first():json()
{"src":"10.0.0.1","dst":"192.0.2.53","sport":4001,"dport":53,"proto":"udp",...}`).
		More(func(L *lua.LState, f *flow, name string) (lua.LValue, bool) {
			x, ok := f.set.Lookup(name)
			if !ok {
				return nil, false
			}
			return fieldOf(L, x, f.r), true
		}, func(f *flow) []string { return f.set.Names() }).
		Text(func(f *flow) string { return textOf(f.entry()) }).
		Equal(func(a, b *flow) bool { return a.entry().Orig == b.entry().Orig && a.entry().ID == b.entry().ID })
}

// fieldText is how a field is declared: its name and its type in scripts.
func fieldText(f *field.Field) string {
	kind := kindTexts[f.Kind]
	switch f.Unit {
	case "s":
		kind = "duration"
	case "bytes":
		kind = "size"
	}
	return f.Name + "?: " + kind
}

// kindTexts are the kinds of fields as types in scripts.
var kindTexts = [...]string{field.Text: "text", field.Number: "number", field.Flag: "bool",
	field.Address: "address", field.Labels: "table", field.Parent: "text"}

// fieldDoc is the documentation of a field, with what it needs to be there.
func fieldDoc(f *field.Field) string {
	if f.Needs == "" {
		return f.Doc
	}
	return f.Doc + ". It needs " + f.Needs + " = 1 from before the flow was born"
}

// fieldOf reads a field as Lua sees it, nil where the row lacks it.
func fieldOf(L *lua.LState, f *field.Field, r *field.Row) lua.LValue {
	v, ok := f.Of(r)
	if !ok {
		return lua.LNil
	}
	switch f.Kind {
	case field.Number:
		return lua.LNumber(v.Num)
	case field.Flag:
		return lua.LBool(v.On)
	case field.Labels:
		set := L.NewTable()
		for _, name := range field.LabelNames(v.Bits) {
			set.RawSetString(name, lua.LTrue)
		}
		return set
	}
	return lua.LString(f.Format(v))
}

func tableOf(L *lua.LState, fields []*field.Field, r *field.Row) *lua.LTable {
	t := L.NewTable()
	for _, f := range fields {
		if v := fieldOf(L, f, r); v != lua.LNil {
			t.RawSetString(f.Name, v)
		}
	}
	return t
}

// textOf renders a flow in one line: what it is, where it goes, and what is
// worth knowing besides.
func textOf(e *wire.Entry) string {
	var r field.Row
	r.ResetEntry(e)
	s := e.Orig.String()
	add := func(name string) {
		f, _ := field.Flow.Lookup(name)
		if v, ok := f.Of(&r); ok {
			s += " " + name + "=" + escape.Terminal(f.Format(v))
		}
	}
	if e.Has(wire.HasState) {
		s += " " + wire.StateName(e.Orig.Proto, e.State)
	}
	if e.Has(wire.HasStatus) && e.Status&wire.StatusSeenReply == 0 {
		s += " unreplied"
	}
	for _, name := range strings.Fields("nat_src nat_sport nat_dst nat_dport") {
		add(name)
	}
	if e.Mark != 0 {
		add("mark")
	}
	for _, name := range strings.Fields("helper bytes timeout") {
		add(name)
	}
	return s
}
