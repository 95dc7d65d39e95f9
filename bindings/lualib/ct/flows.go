package ct

import (
	"context"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/bindings/engine/plan"
	"github.com/ctsh/ctsh/bindings/engine/query"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/lua/luaerr"
	"github.com/ctsh/ctsh/lua/value"
)

// flows is a query as a script holds it.
type flows struct {
	h   *Host
	q   query.Query
	all bool // the script said ct.all
}

var flowsType = value.NewType[*flows]("flows")

// The methods refer to the type itself, so they are added after it is there.
func init() {
	flowsType.
		Method("where", func(a *value.Args, f *flows) int {
			a.AtMost(1)
			q, err := f.q.Where(filterFrom(a, 1))
			a.Raise(fail(err))
			_, all := allType.Is(a.Get(1))
			return a.Return(newFlows(a.L, &flows{f.h, q, f.all || all}))
		}).
		Method("table", func(a *value.Args, f *flows) int {
			a.AtMost(1)
			q := f.q
			q.Table = tableFrom(a)
			return a.Return(newFlows(a.L, &flows{f.h, q, f.all}))
		}).
		Method("limit", func(a *value.Args, f *flows) int {
			q := f.q
			q.Limit = int(a.Int(1, "n", 1, 1<<31))
			return a.Return(newFlows(a.L, &flows{f.h, q, f.all}))
		}).
		Method("count", func(a *value.Args, f *flows) int { a.AtMost(0); return a.Return(lua.LNumber(f.count(a))) }).
		Method("list", func(a *value.Args, f *flows) int {
			a.AtMost(0)
			list := a.L.NewTable()
			f.stream(a, f.q, func(fl *flow) bool { list.Append(flowType.New(a.L, fl)); return true })
			return a.Return(list)
		}).
		Method("first", func(a *value.Args, f *flows) int {
			a.AtMost(0)
			q := f.q
			var first lua.LValue = lua.LNil
			q.Limit = 1
			f.stream(a, q, func(fl *flow) bool { first = flowType.New(a.L, fl); return false })
			return a.Return(first)
		}).
		Method("each", func(a *value.Args, f *flows) int {
			a.AtMost(1)
			fn := a.Func(1, "function")
			f.stream(a, f.q, func(fl *flow) bool {
				a.L.Push(fn)
				a.L.Push(flowType.New(a.L, fl))
				a.L.Call(1, 0)
				return true
			})
			return 0
		}).
		Method("iter", func(a *value.Args, f *flows) int { a.AtMost(0); return f.iter(a) }).
		Method("print", func(a *value.Args, f *flows) int { a.AtMost(0); return f.print(a) }).
		Method("export", func(a *value.Args, f *flows) int { a.AtMost(2); return f.export(a) }).
		Method("delete", func(a *value.Args, f *flows) int {
			a.AtMost(0)
			f.mustSelect(a)
			return f.h.plan(a, plan.Delete(f.q), nil)
		}).
		Method("update", func(a *value.Args, f *flows) int {
			f.mustSelect(a)
			p, err := plan.Update(f.q, changeFrom(a))
			return f.h.plan(a, p, err)
		}).
		Len(func(a *value.Args, f *flows) int { return a.Return(lua.LNumber(f.count(a))) }).
		Text(func(f *flows) string { return f.q.String() })
}

// mustSelect refuses to change every flow unless that was said out loud.
func (f *flows) mustSelect(a *value.Args) {
	if f.q.Filter.IsAll() && !f.all {
		e := luaerr.New(luaerr.ETYPE, a.Op, "%s: no filter", a.Op)
		luaerr.Raise(a.L, e.WithHint("say flows:where(ct.all) to mean every flow"))
	}
}

func newFlows(L *lua.LState, f *flows) *lua.LUserData { return flowsType.New(L, f) }

// filterFrom reads a filter: a table of fields, or ct.all.
func filterFrom(a *value.Args, n int) query.Filter {
	if _, ok := allType.Is(a.Get(n)); ok {
		return query.Filter{}
	}
	t, ok := a.Get(n).(*lua.LTable)
	if !ok {
		a.Bad("filter", "want a table of fields or ct.all, got %s", value.Describe(a.Get(n)))
	}
	x, err := value.ToGo(t)
	if err != nil {
		a.Bad("filter", "%s", err)
	}
	fields, ok := x.(map[string]any)
	if list, isList := x.([]any); isList && len(list) > 0 {
		a.Bad("filter", "want field = value, got a list")
	}
	if !ok {
		fields = nil // an empty table, which Compile refuses
	}
	f, err := query.Compile(fields)
	a.Raise(fail(err))
	return f
}

func tableFrom(a *value.Args) wire.Table {
	name := a.String(1, "table")
	var names []string
	for _, t := range []wire.Table{wire.TableConntrack, wire.TableDying, wire.TableUnconfirmed} {
		if t.String() == name {
			return t
		}
		names = append(names, t.String())
	}
	e := luaerr.New(luaerr.ETYPE, a.Op, "unknown table %q", name)
	luaerr.Raise(a.L, e.WithHint(luaerr.DidYouMean(name, names)))
	return 0
}

func (f *flows) count(a *value.Args) (n int) {
	var err error
	f.h.do(func(ctx context.Context) { n, err = f.q.Count(ctx, f.h.kernel, f.h.ability) })
	a.Raise(fail(err))
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
		r.err = q.Each(ctx, f.h.kernel, f.h.ability, true, func(e *wire.Entry, _ *wire.View) error {
			if rows == nil {
				rows = make([]wire.Entry, 0, chunk)
			}
			if rows = append(rows, *e); len(rows) == chunk {
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
func (f *flows) stream(a *value.Args, q query.Query, fn func(*flow) bool) {
	r := f.read(q)
	defer r.cancel()
	for {
		rows, ok := r.next(f.h)
		if !ok {
			a.Raise(fail(r.err))
			return
		}
		for i := range rows {
			if !fn(&flow{f.h, &rows[i]}) {
				return
			}
		}
	}
}

// iter returns a function for Lua's for. What a loop that was left early still
// holds is given back when the script ends.
func (f *flows) iter(a *value.Args) int {
	r := f.read(f.q)
	var rows []wire.Entry
	return a.Return(value.Func(a.L, "flows:iter", func(a *value.Args) int {
		for len(rows) == 0 {
			var ok bool
			if rows, ok = r.next(f.h); !ok {
				r.cancel()
				a.Raise(fail(r.err))
				return a.Return(lua.LNil)
			}
		}
		fl := &flow{f.h, &rows[0]}
		rows = rows[1:]
		return a.Return(flowType.New(a.L, fl))
	}))
}

// reread is f:get(): the flow as it is now, nil if it is gone.
func (h *Host) reread(a *value.Args, key wire.Key) int {
	e := &wire.Entry{}
	var found bool
	var err error
	h.do(func(ctx context.Context) { found, err = h.kernel.Get(ctx, wire.Get{Key: key}, e) })
	a.Raise(fail(err))
	if !found {
		return a.Return(lua.LNil)
	}
	return a.Return(flowType.New(a.L, &flow{h, e}))
}
