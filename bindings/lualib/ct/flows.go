package ct

import (
	"context"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/engine/plan"
	"github.com/ctsh/ctsh/bindings/engine/query"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/lua/luaerr"
	"github.com/ctsh/ctsh/lua/registry"
	"github.com/ctsh/ctsh/lua/value"
)

// flows is a query as a script holds it.
type flows struct {
	h   *Host
	q   query.Query
	all bool // the script said ct.all
}

var flowsType = registry.NewType[*flows]("flows", "a selection of flows. It is a value: each verb makes another one, and nothing is read until rows are asked for").
	Example(`ct> flows:where("udp and dport == domain")
flows:where("udp and dport == domain")`)

// The methods refer to the type itself, so they are added after it is there.
func init() {
	flowsType.
		Method("where(filter: string | table | ct.all, ...: any) -> flows",
			"narrows to the flows that match. The filter is a text, whose parameters $1 and so on follow, or $name in a table; or a table of fields: keys are and-ed, lists or-ed", func(f *flows, c *registry.Call) int {
				filter, all := filterFrom(c, 1)
				q, err := f.q.Where(filter)
				c.Raise(fail(err))
				return c.Return(newFlows(c.L, &flows{f.h, q, f.all || all}))
			}).
		Example(`ct> flows:where("udp and dport in {53, 5353} and not assured"):count()
2
ct> flows:where("src == $1", "10.0.0.1"):count()
1
ct> flows:where("net in $lan and timeout > 5m", {lan = "10.0.0.0/8"}):count()
3
ct> flows:where{proto = "udp", dport = {53, 5353}}:count()
2`).
		Raises("EPARSE or ETYPE for a filter that is empty, unknown, out of range or that no flow could match, and for a parameter that is nil").
		Method("unless(filter: string | table | ct.all, ...: any) -> flows",
			"narrows to the flows that do not match. One that lacks what the filter asks for goes too", func(f *flows, c *registry.Call) int {
				filter, _ := filterFrom(c, 1)
				q, err := f.q.Unless(filter)
				c.Raise(fail(err))
				return c.Return(newFlows(c.L, &flows{f.h, q, f.all}))
			}).
		Example(`ct> flows:unless("dport == 53"):count()
2
ct> flows:unless("bytes < 1MB"):count()
0`).
		Method("table(name: string) -> flows", "reads another list of the kernel: conntrack, dying or unconfirmed", func(f *flows, c *registry.Call) int {
			q := f.q
			q.Table = tableFrom(c)
			return c.Return(newFlows(c.L, &flows{f.h, q, f.all}))
		}).
		Example(`ct> flows:table("dying"):count()
0`).
		Method("limit(n: int 1..2147483647) -> flows", "at most n flows", func(f *flows, c *registry.Call) int {
			q := f.q
			q.Limit = c.Int(1)
			return c.Return(newFlows(c.L, &flows{f.h, q, f.all}))
		}).
		Example(`ct> flows:limit(2):count()
2`).
		Method("count() -> int", "how many there are", func(f *flows, c *registry.Call) int { return c.Return(lua.LNumber(f.count(c))) }).
		Example(`ct> flows:count()
3`).
		Method("list() -> flow[]", "all of them in a table; prefer each for large ones", func(f *flows, c *registry.Call) int {
			list := c.L.NewTable()
			f.stream(c, f.q, func(fl *flow) bool { list.Append(flowType.New(c.L, fl)); return true })
			return c.Return(list)
		}).
		Example(`ct> #flows:list()
3`).
		Method("first() -> flow | nil", "the first one found, in no order", func(f *flows, c *registry.Call) int {
			q := f.q
			var first lua.LValue = lua.LNil
			q.Limit = 1
			f.stream(c, q, func(fl *flow) bool { first = flowType.New(c.L, fl); return false })
			return c.Return(first)
		}).
		Example(`ct> flows:where{proto = "udp", dport = 53}:first().src
10.0.0.1`).
		Method("each(fn: function)",
			"calls a function with every flow, while the table is being read. One whose parameters all have names of fields gets these instead, which is faster: function(src, bytes) ... end",
			func(f *flows, c *registry.Call) int { return f.each(c) }).
		Example(`ct> flows:where{dport = 53}:each(function(f) print(f.src, f.dport) end)
10.0.0.1	53
ct> flows:where{dport = 53}:each(function(dport, src, bytes) print(src, dport, bytes) end)
10.0.0.1	53	nil`).
		Method("iter() -> function", "for f in flows:iter() do ... end", func(f *flows, c *registry.Call) int { return f.iter(c) }).
		Example(`ct> n = 0
ct> for f in flows:iter() do n = n + f.dport end
ct> n
5427`).
		Method("print()", "writes a line a flow, as JSON with --json", func(f *flows, c *registry.Call) int { return f.print(c) }).
		Example(`ct> flows:where{dport = 53}:print()
udp 10.0.0.1:4001 > 192.0.2.53:53 unreplied mark=1 timeout=...`).
		Method("export(path: string, format: \"ndjson\" | \"json\" | \"csv\" | \"tsv\" = \"ndjson\")",
			"writes every field of every flow to a file, complete or not at all; - is standard output", func(f *flows, c *registry.Call) int { return f.export(c) }).
		Example(`ct> flows:where{dport = 53}:export("-", "csv")
src,dst,sport,dport,proto,...
10.0.0.1,192.0.2.53,4001,53,udp,...`).
		Method("delete() -> plan", "plans to delete them", func(f *flows, c *registry.Call) int {
			f.mustSelect(c)
			return f.h.plan(c, plan.Delete(f.q), nil)
		}).
		Raises("ETYPE without a filter").
		Example(`ct> flows:where{proto = "udp"}:delete()
plan: delete flows:where("proto == udp")`).
		Method("update("+changeFields+") -> plan", "plans to change them", func(f *flows, c *registry.Call) int {
			f.mustSelect(c)
			p, err := plan.Update(f.q, changeFrom(c))
			return f.h.plan(c, p, err)
		}).
		Raises("ETYPE without a filter, or for no change").
		Example(`ct> flows:where{proto = "udp"}:update{mark = "0x10/0xff", timeout = "5m"}
plan: update mark=0x10/0xff timeout=300s flows:where("proto == udp")`).
		Call("call(...: any)", "is a mistake, most often that of a loop: it raises, and names iter and each", func(_ *flows, c *registry.Call) int {
			e := luaerr.New(luaerr.ETYPE, "flows", "flows cannot be called")
			luaerr.Raise(c.L, e.WithHint("a loop is written: for f in flows:iter() do ... end"))
			return 0
		}).
		Example(`ct> for f in flows do print(f) end
prompt:1: flows cannot be called; a loop is written: for f in flows:iter() do ... end`).
		Len(func(c *registry.Call, f *flows) int { return c.Return(lua.LNumber(f.count(c))) }).
		Text(func(f *flows) string { return f.q.String() })
}

// mustSelect refuses to change every flow unless that was said out loud.
func (f *flows) mustSelect(c *registry.Call) {
	if f.q.Filter.IsAll() && !f.all {
		e := luaerr.New(luaerr.ETYPE, c.Op(), "%s: no filter", c.Op())
		luaerr.Raise(c.L, e.WithHint("say flows:where(ct.all) to mean every flow"))
	}
}

func newFlows(L *lua.LState, f *flows) *lua.LUserData { return flowsType.New(L, f) }

func tableFrom(c *registry.Call) wire.Table {
	name := c.Text(1)
	var names []string
	for _, t := range []wire.Table{wire.TableConntrack, wire.TableDying, wire.TableUnconfirmed} {
		if t.String() == name {
			return t
		}
		names = append(names, t.String())
	}
	c.Unknown("table", name, names)
	return 0
}

func (f *flows) count(c *registry.Call) (n int) {
	var err error
	f.h.do(func(ctx context.Context) { n, err = f.q.Count(ctx, f.h.kernel, f.h.ability) })
	c.Raise(fail(err))
	return n
}

// chunk is how many flows go from the reader of the table to the script at
// once.
const chunk = 128

// reader reads a query in a goroutine of its own, so that the kernel works
// while the script does, and no more than a few chunks are held.
type reader struct {
	rows   chan []wire.Entry
	err    error // valid when rows is closed
	cancel context.CancelFunc
}

func (f *flows) read(q query.Query) *reader {
	ctx, cancel := context.WithCancel(f.h.vm.Context())
	r := &reader{rows: make(chan []wire.Entry, 2), cancel: cancel}
	go func() {
		defer close(r.rows)
		var rows []wire.Entry
		send := func() error {
			select {
			case r.rows <- rows:
				rows = nil
				return nil
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		r.err = q.Each(ctx, f.h.kernel, f.h.ability, func(row *field.Row, _ *wire.View) error {
			if rows == nil {
				rows = make([]wire.Entry, 0, chunk)
			}
			if rows = append(rows, *row.Need(field.PartAll)); len(rows) == chunk {
				return send()
			}
			return nil
		})
		if r.err == nil && len(rows) > 0 {
			r.err = send()
		}
	}()
	return r
}

// next returns the next rows, without the turn while there are none.
func (r *reader) next(h *Host) (rows []wire.Entry, ok bool) {
	select {
	case rows, ok = <-r.rows:
	default:
		h.do(func(context.Context) { rows, ok = <-r.rows })
	}
	return rows, ok
}

// stream calls fn for every flow of q, with the turn held, until it is false.
func (f *flows) stream(c *registry.Call, q query.Query, fn func(*flow) bool) {
	r := f.read(q)
	defer r.cancel()
	for {
		rows, ok := r.next(f.h)
		if !ok {
			c.Raise(fail(r.err))
			return
		}
		for i := range rows {
			if !fn(&flow{f.h, &rows[i]}) {
				return
			}
		}
	}
}

// each calls a function with every flow, or with the fields that its parameters
// are named by.
func (f *flows) each(c *registry.Call) int {
	fn := c.Func(1)
	fields := fieldsOf(fn)
	var boxes value.Boxes
	f.stream(c, f.q, func(fl *flow) bool {
		c.L.Push(fn)
		for _, x := range fields {
			if v, ok := x.Get(fl.e); ok && x.Kind == field.Number {
				c.L.Push(boxes.Number(v.Num))
			} else {
				c.L.Push(fieldOf(c.L, x, fl.e))
			}
		}
		if fields == nil {
			c.L.Push(flowType.New(c.L, fl))
		}
		c.L.Call(max(1, len(fields)), 0)
		return true
	})
	return 0
}

// fieldsOf are the fields that the parameters of a function name, nil unless
// all of them name one.
func fieldsOf(fn *lua.LFunction) (fields []*field.Field) {
	for _, name := range value.Parameters(fn) {
		x, ok := field.Lookup(name)
		if !ok {
			return nil
		}
		fields = append(fields, x)
	}
	return fields
}

// iter returns a function for Lua's for. What a loop that was left early still
// holds is given back when the script ends.
func (f *flows) iter(c *registry.Call) int {
	r := f.read(f.q)
	var rows []wire.Entry
	return c.Return(c.L.NewFunction(func(L *lua.LState) int {
		for len(rows) == 0 {
			var ok bool
			if rows, ok = r.next(f.h); !ok {
				r.cancel()
				if r.err != nil {
					luaerr.Raise(L, luaerr.From("flows:iter", fail(r.err)))
				}
				return 0
			}
		}
		fl := &flow{f.h, &rows[0]}
		rows = rows[1:]
		L.Push(flowType.New(L, fl))
		return 1
	}))
}

// reread is f:get(): the flow as it is now, nil if it is gone.
func (h *Host) reread(c *registry.Call, key wire.Key) int {
	e := &wire.Entry{}
	var found bool
	var err error
	h.do(func(ctx context.Context) { found, err = h.kernel.Get(ctx, wire.Get{Key: key}, e) })
	c.Raise(fail(err))
	if !found {
		return c.Return(lua.LNil)
	}
	return c.Return(flowType.New(c.L, &flow{h, e}))
}
