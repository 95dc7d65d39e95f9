package ct

import (
	"encoding/json"
	"strconv"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/bindings/engine/plan"
	"github.com/ctsh/ctsh/bindings/engine/query"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/lua/value"
)

// flow is a flow as a script holds it: a copy of what the kernel said.
type flow struct {
	h *Host
	e *wire.Entry
}

var flowType = value.NewType[*flow]("flow")

// The methods make plans and flows, so they are added after those types are
// there.
func init() {
	for _, f := range query.Fields() {
		flowType.Field(f.Name, func(L *lua.LState, fl *flow) lua.LValue { return fieldOf(L, &f, fl.e) })
	}
	flowType.
		Method("delete", func(a *value.Args, f *flow) int {
			a.AtMost(0)
			return f.h.plan(a, plan.DeleteFlow(f.e.Flow), nil)
		}).
		Method("update", func(a *value.Args, f *flow) int {
			p, err := plan.UpdateFlow(f.e.Flow, changeFrom(a))
			return f.h.plan(a, p, err)
		}).
		Method("get", func(a *value.Args, f *flow) int { return f.h.reread(a, f.e.Key()) }).
		Method("table", func(a *value.Args, f *flow) int { return a.Return(tableOf(a.L, f.e)) }).
		Method("json", func(a *value.Args, f *flow) int { return a.Return(lua.LString(jsonOf(f.e))) }).
		Text(func(f *flow) string { return textOf(f.e) }).
		Equal(func(a, b *flow) bool { return a.e.Orig == b.e.Orig && a.e.ID == b.e.ID })
}

// fieldOf reads a field as Lua sees it, nil where the flow lacks it.
func fieldOf(L *lua.LState, f *query.Field, e *wire.Entry) lua.LValue {
	v, ok := f.Get(e)
	if !ok {
		return lua.LNil
	}
	switch f.Kind {
	case query.Number:
		return lua.LNumber(v.Num)
	case query.Flag:
		return lua.LBool(v.On)
	case query.Labels:
		set := L.NewTable()
		for _, name := range query.LabelNames(v.Bits) {
			set.RawSetString(name, lua.LTrue)
		}
		return set
	}
	return lua.LString(f.Format(v))
}

func tableOf(L *lua.LState, e *wire.Entry) *lua.LTable {
	t := L.NewTable()
	fields := query.Fields()
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
	fields := query.Fields()
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
		case query.Number, query.Flag:
			b = append(b, f.Format(v)...)
		case query.Labels:
			text, _ := json.Marshal(query.LabelNames(v.Bits)) // strings only
			b = append(b, text...)
		default:
			text, _ := json.Marshal(f.Format(v))
			b = append(b, text...)
		}
	}
	return string(append(b, '}'))
}

// textOf renders a flow in one line: what it is, where it goes, and what is
// worth knowing besides.
func textOf(e *wire.Entry) string {
	s := e.Orig.String()
	add := func(name string) {
		f, _ := query.Lookup(name)
		if v, ok := f.Get(e); ok {
			s += " " + name + "=" + f.Format(v)
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
