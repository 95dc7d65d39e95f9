package ct

import (
	"context"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/engine/filter"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/lua/luaerr"
	"github.com/ctsh/ctsh/lua/registry"
)

// The verbs that give rows to the script.
func init() {
	queryType.
		Method("count() -> int", "how many rows there are; behind by, how many of each group, as column n", func(s *selection, c *registry.Call) int {
			return c.Return(lua.LNumber(s.count(c)))
		}).
		Example(`ct> flows:count()
3
ct> #flows:where("udp")
2`).
		Method("any() -> bool", "whether there is a row", func(s *selection, c *registry.Call) int {
			found := false
			s.h.lookAt(c, s.q.Limit(1), func(*field.Row) error { found = true; return conntrack.ErrStop })
			return c.Return(lua.LBool(found))
		}).
		Example(`ct> flows:where("sctp"):any()
false`).
		Method("list() -> table[]", "all rows in a table; prefer each for many", func(s *selection, c *registry.Call) int {
			list := c.L.NewTable()
			s.objects(c, func(v lua.LValue) bool { list.Append(v); return true })
			return c.Return(list)
		}).
		Example(`ct> #flows:list()
3`).
		Method("first() -> flow | row | expectation | nil", "the first row, in no order unless it was sorted", func(s *selection, c *registry.Call) int {
			return c.Return(s.first(c, 1)...)
		}).
		Example(`ct> flows:where{proto = "udp", dport = 53}:first().src
10.0.0.1
ct> flows:where("sctp"):first() == nil
true`).
		Method("one() -> flow | row | expectation", "the only row", func(s *selection, c *registry.Call) int {
			list := s.first(c, 2)
			switch {
			case list[0] == lua.LNil:
				c.Raise(luaerr.New(luaerr.ENOENT, c.Op(), "%s: no row matches %s", c.Op(), s.q))
			case len(list) > 1:
				c.Raise(luaerr.New(luaerr.ETYPE, c.Op(), "%s: more than one row matches %s", c.Op(), s.q).WithHint("first takes any, count tells how many"))
			}
			return c.Return(list[0])
		}).
		Raises("ENOENT where there is none, ETYPE where there are several").
		Example(`ct> flows:where("tcp"):one().dport
21
ct> flows:one()
prompt:1: query:one: more than one row matches flows; first takes any, count tells how many`).
		Method("each(fn: function)",
			"calls a function with every row, while the table is being read, and holds none. One whose parameters all have names of fields gets these instead, which is faster: function(src, bytes) ... end",
			func(s *selection, c *registry.Call) int { return s.each(c) }).
		Example(`ct> flows:where{dport = 53}:each(function(f) print(f.src, f.dport) end)
10.0.0.1	53
ct> flows:where{dport = 53}:each(function(dport, src, bytes) print(src, dport, bytes) end)
10.0.0.1	53	nil`).
		Method("iter() -> function", "for f in flows:iter() do ... end", func(s *selection, c *registry.Call) int { return s.iter(c) }).
		Example(`ct> n = 0
ct> for f in flows:iter() do n = n + f.dport end
ct> n
5427`).
		Method("map(fn: function) -> table[]", "what a function returns for every row, nil left out", func(s *selection, c *registry.Call) int {
			list := c.L.NewTable()
			s.call(c, c.Func(1), func(v lua.LValue) {
				if v != lua.LNil {
					list.Append(v)
				}
			})
			return c.Return(list)
		}).
		Example(`ct> table.concat(flows:sort("dport"):map(function(dport) return dport + 1 end), " ")
22 54 5354`).
		Method("fold(first: any, fn: function) -> any", "fn(so far, row) for every row, from first on; it returns what is so far", func(s *selection, c *registry.Call) int {
			sofar, fn := c.Get(1), c.Func(2)
			s.objects(c, func(v lua.LValue) bool {
				c.L.Push(fn)
				c.L.Push(sofar)
				c.L.Push(v)
				c.L.Call(2, 1)
				sofar = c.L.Get(-1)
				c.L.Pop(1)
				return true
			})
			return c.Return(sofar)
		}).
		Example(`ct> flows:fold(0, function(most, f) return math.max(most, f.sport) end)
4003`).
		Method("keys(field: string) -> text[]", "the different values of a field, as a list: what where(\"src in $1\", list) takes", func(s *selection, c *registry.Call) int {
			col := s.column(c, c.Text(1))
			list := c.L.NewTable()
			var values []field.Row
			q := s.q.Select([]filter.Column{col}).Distinct([]filter.Column{named(col)})
			s.h.lookAt(c, q, func(r *field.Row) error { values = append(values, r.Hold(field.PartNone)); return nil })
			f := q.Fields().Fields()[0]
			for i := range values {
				if v := fieldOf(c.L, f, &values[i]); v != lua.LNil {
					list.Append(v)
				}
			}
			return c.Return(list)
		}).
		Example(`ct> flows:where("src in $1", flows:where("udp"):keys("src")):count()
2`)
}

// named is a column as it is called behind a select.
func named(col filter.Column) filter.Column {
	f, _ := field.Columns(col.Field).Lookup(col.Name)
	return filter.Column{Field: f, Text: col.Text}
}

func (s *selection) count(c *registry.Call) (n int) {
	if s.q.Calls() {
		s.h.hand(c, s.q, field.PartNone, false, func(*field.Row) error { n++; return nil })
		return n
	}
	s.h.warn(s.q)
	var err error
	s.h.do(func(ctx context.Context) {
		ctx, stop := s.h.watched(ctx, s.h.opt.Progress)
		defer stop()
		n, err = s.q.Count(ctx)
	})
	c.Raise(fail(err))
	return n
}

// first returns up to n rows, nil for none.
func (s *selection) first(c *registry.Call, n int) (list []lua.LValue) {
	cut := selection{s.h, s.q.Limit(n), s.all}
	cut.objects(c, func(v lua.LValue) bool { list = append(list, v); return len(list) < n })
	if len(list) == 0 {
		return []lua.LValue{lua.LNil}
	}
	return list
}

// each calls a function with every row, or with the fields that its parameters
// are named by.
func (s *selection) each(c *registry.Call) int {
	fn := s.h.function(c.Func(1), s.q)
	x := fn.start(c.L)
	s.h.hand(c, s.q, fn.parts(), false, func(r *field.Row) error {
		c.L.Call(x.push(r), 0)
		return nil
	})
	return 0
}

// call calls a function with every row and passes on what it returns.
func (s *selection) call(c *registry.Call, given *lua.LFunction, with func(lua.LValue)) {
	fn := s.h.function(given, s.q)
	x := fn.start(c.L)
	s.h.hand(c, s.q, fn.parts(), false, func(r *field.Row) error { with(x.call(r)); return nil })
}

// iter returns a function for Lua's for. What a loop that was left early still
// holds is given back when the script ends.
func (s *selection) iter(c *registry.Call) int {
	if s.q.Calls() {
		return s.iterHeld(c)
	}
	s.h.warn(s.q)
	r := s.h.read(s.h.vm.Context(), s.q, field.PartAll)
	var rows []field.Row
	return c.Return(c.L.NewFunction(func(L *lua.LState) int {
		for len(rows) == 0 {
			var ok bool
			if rows, ok = r.next(s.h); !ok {
				r.cancel()
				s.h.tell(r.report)
				if r.err != nil {
					luaerr.Raise(L, luaerr.From("query:iter", fail(r.err)))
				}
				return 0
			}
		}
		held := &rows[0]
		rows = rows[1:]
		L.Push(s.object(L, held))
		return 1
	}))
}

// iterHeld is iter for a query that calls functions: they all run first.
func (s *selection) iterHeld(c *registry.Call) int {
	var list []lua.LValue
	s.objects(c, func(v lua.LValue) bool { list = append(list, v); return true })
	return c.Return(c.L.NewFunction(func(L *lua.LState) int {
		if len(list) == 0 {
			return 0
		}
		L.Push(list[0])
		list = list[1:]
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
	return c.Return(flowType.New(c.L, h.newFlow(e)))
}
