package ct

import (
	"encoding/json"
	"strconv"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/engine/plan"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/lua/escape"
	"github.com/ctsh/ctsh/lua/registry"
)

// flow is a flow as a script holds it: a copy of what the kernel said.
type flow struct {
	h *Host
	e *wire.Entry
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
	for _, f := range field.Fields() {
		flowType.Field(fieldText(&f), fieldDoc(&f), func(L *lua.LState, fl *flow) lua.LValue { return fieldOf(L, &f, fl.e) })
	}
	flowType.
		Method("delete() -> plan", "plans to delete it, by tuple, zone and id", func(f *flow, c *registry.Call) int {
			return f.h.plan(c, plan.DeleteFlow(f.e.Flow), nil)
		}).
		Example(`ct> flows:where{dport = 53}:first():delete()
plan: delete udp 10.0.0.1:4001 > 192.0.2.53:53`).
		Method("update("+changeFields+") -> plan", "plans to change it", func(f *flow, c *registry.Call) int {
			p, err := plan.UpdateFlow(f.e.Flow, changeFrom(c))
			return f.h.plan(c, p, err)
		}).
		Example(`ct> flows:where{dport = 53}:first():update{mark = 7}
plan: update mark=0x7 udp 10.0.0.1:4001 > 192.0.2.53:53`).
		Method("get() -> flow | nil", "reads it again, nil if it is gone", func(f *flow, c *registry.Call) int { return f.h.reread(c, f.e.Key()) }).
		Example(`ct> f = flows:where{dport = 53}:first()
ct> r = f:delete():apply()
ct> f:get() == nil
true`).
		Method("table() -> table", "a plain table of the fields it has", func(f *flow, c *registry.Call) int { return c.Return(tableOf(c.L, f.e)) }).
		Example(`ct> flows:where{dport = 53}:first():table().proto
udp`).
		Method("json() -> text", "the fields it has as a JSON object", func(f *flow, c *registry.Call) int { return c.Return(lua.LString(jsonOf(f.e))) }).
		Example(`ct> flows:where{dport = 53}:first():json()
{"src":"10.0.0.1","dst":"192.0.2.53","sport":4001,"dport":53,"proto":"udp",...}`).
		Text(func(f *flow) string { return textOf(f.e) }).
		Equal(func(a, b *flow) bool { return a.e.Orig == b.e.Orig && a.e.ID == b.e.ID })
}

// fieldText is how a field is declared: its name and its type in scripts.
func fieldText(f *field.Field) string {
	kind := map[field.Kind]string{field.Text: "text", field.Number: "number", field.Flag: "bool",
		field.Address: "address", field.Labels: "table", field.Parent: "text"}[f.Kind]
	switch f.Unit {
	case "s":
		kind = "duration"
	case "bytes":
		kind = "size"
	}
	return f.Name + "?: " + kind
}

// fieldDoc is the documentation of a field, with what it needs to be there.
func fieldDoc(f *field.Field) string {
	if f.Needs == "" {
		return f.Doc
	}
	return f.Doc + ". It needs " + f.Needs + " = 1 from before the flow was born"
}

// fieldOf reads a field as Lua sees it, nil where the flow lacks it.
func fieldOf(L *lua.LState, f *field.Field, e *wire.Entry) lua.LValue {
	v, ok := f.Get(e)
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

func tableOf(L *lua.LState, e *wire.Entry) *lua.LTable {
	t := L.NewTable()
	fields := field.Fields()
	for i := range fields {
		if v := fieldOf(L, &fields[i], e); v != lua.LNil {
			t.RawSetString(fields[i].Name, v)
		}
	}
	return t
}

// jsonOf renders the fields that the flow has, in the order of the field
// table. Numbers that do not fit 53 bits cannot occur: counters of more are
// not in any table.
func jsonOf(e *wire.Entry) string {
	b := []byte{'{'}
	fields := field.Fields()
	for i := range fields {
		f := &fields[i]
		v, ok := f.Get(e)
		if !ok {
			continue
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = strconv.AppendQuote(b, f.Name)
		b = append(b, ':')
		switch f.Kind {
		case field.Number, field.Flag:
			b = append(b, f.Format(v)...)
		case field.Labels:
			text, _ := json.Marshal(field.LabelNames(v.Bits)) // strings only
			b = append(b, text...)
		default:
			text, _ := json.Marshal(f.Format(v))
			b = append(b, text...)
		}
	}
	return string(escape.JSON(append(b, '}')))
}

// textOf renders a flow in one line: what it is, where it goes, and what is
// worth knowing besides.
func textOf(e *wire.Entry) string {
	s := e.Orig.String()
	add := func(name string) {
		f, _ := field.Lookup(name)
		if v, ok := f.Get(e); ok {
			s += " " + name + "=" + escape.Terminal(f.Format(v))
		}
	}
	if e.Has(wire.HasState) {
		s += " " + wire.StateName(e.Orig.Proto, e.State)
	}
	if e.Has(wire.HasStatus) && e.Status&wire.StatusSeenReply == 0 {
		s += " unreplied"
	}
	for _, name := range []string{"nat_src", "nat_sport", "nat_dst", "nat_dport"} {
		add(name)
	}
	if e.Mark != 0 {
		add("mark")
	}
	for _, name := range []string{"helper", "bytes", "timeout"} {
		add(name)
	}
	return s
}
