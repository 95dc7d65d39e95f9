package ct

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/bindings/engine/plan"
	"github.com/ctsh/ctsh/bindings/engine/query"
	"github.com/ctsh/ctsh/lua/luaerr"
	"github.com/ctsh/ctsh/lua/registry"
)

// outcome is a result as a script holds it.
type outcome struct {
	h     *Host
	space *query.Space
	*plan.Result
}

func number(get func(*plan.Result) int) func(*lua.LState, *outcome) lua.LValue {
	return func(_ *lua.LState, r *outcome) lua.LValue { return lua.LNumber(get(r.Result)) }
}

var resultType = registry.NewType[*outcome]("result", "what became of a plan").
	Example(`ct> r = flows:where{mark = 1}:delete():apply()
ct> r.applied, r.failed
1
0`).
	Field("op: text", "what was done", func(_ *lua.LState, r *outcome) lua.LValue { return lua.LString(r.Op) }).
	Field("matched: int", "flows or requests the plan found", number(func(r *plan.Result) int { return r.Matched })).
	Field("applied: int", "changes the kernel made", number(func(r *plan.Result) int { return r.Applied })).
	Field("gone: int", "flows that vanished before they were reached", number(func(r *plan.Result) int { return r.Gone })).
	Field("changed_meanwhile: int", "flows left out because they were made anew, or no longer match", number(func(r *plan.Result) int { return r.Changed })).
	Field("exists: int", "flows that were to be brought back and are there already", number(func(r *plan.Result) int { return r.Exists })).
	Field("expired: int", "flows that were to be brought back and whose time has run out", number(func(r *plan.Result) int { return r.Expired })).
	Field("failed: int", "changes the kernel refused", number(func(r *plan.Result) int { return r.Failed })).
	Field("unknown: int", "changes to which the kernel's answer was lost", number(func(r *plan.Result) int { return r.Unknown })).
	Field("protected: int", "flows left out because they are protected", number(func(r *plan.Result) int { return r.Protected })).
	Field("back: int", "deleted flows that were there again when verify looked, or changed ones that were not as they should be", number(func(r *plan.Result) int { return r.Back })).
	Field("checked: int", "flows brought back that were read again", number(func(r *plan.Result) int { return r.Checked })).
	Field("differs: int", "of these, flows in which something is not as it was", number(func(r *plan.Result) int { return r.Differs })).
	Field("lost: table", "of flows brought back: what some had and have not any more, as field = why, such as counters and start", func(L *lua.LState, r *outcome) lua.LValue {
		t := L.NewTable()
		for _, l := range r.Lost {
			t.RawSetString(l.Field, lua.LString(l.Why))
		}
		return t
	}).
	Field("dry_run: bool", "nothing was changed, because of --dry-run", func(_ *lua.LState, r *outcome) lua.LValue { return lua.LBool(r.DryRun) }).
	Field("took: duration", "how long it took", func(_ *lua.LState, r *outcome) lua.LValue { return lua.LNumber(r.Took.Seconds()) }).
	Field("id?: text", "the journal of the change, which ct.undo takes", func(_ *lua.LState, r *outcome) lua.LValue {
		if r.ID == "" {
			return lua.LNil
		}
		return lua.LString(r.ID)
	}).
	Field("notes: text[]", "what is not exact or cannot be had", func(L *lua.LState, r *outcome) lua.LValue {
		list := L.NewTable()
		for _, note := range r.Notes {
			list.Append(lua.LString(note))
		}
		return list
	}).
	Field("errors: error[]", "the first refusals, each with code, msg and hint", func(L *lua.LState, r *outcome) lua.LValue {
		t := L.NewTable()
		for _, e := range r.Errors {
			t.Append(luaerr.ToLua(L, e))
		}
		return t
	}).
	Text(func(r *outcome) string { return r.String() })

// The rows are a query, and undo is a plan.
func init() {
	resultType.
		Field("rows?: query", "of zero: the flows as they were before their counters were reset", func(L *lua.LState, r *outcome) lua.LValue {
			if r.Rows == nil {
				return lua.LNil
			}
			q := query.New(&query.Frozen{Name: "zero().rows", Snap: r.Rows, Of: []*query.Space{r.space}, Selects: true})
			return queryType.New(L, &selection{h: r.h, q: q})
		}).
		Method("undo() -> plan", "plans to take the change back: deleted flows are made again, made ones deleted, changed ones get what they had", func(r *outcome, c *registry.Call) int {
			if r.ID == "" {
				e := luaerr.New(luaerr.ENOENT, c.Op(), "%s: nothing was written down of it", c.Op())
				c.Raise(e.WithHint("a journal is written where something was changed, unless apply{journal = false} or fast was said"))
			}
			return r.h.hosting(r.space).undo(c, r.ID, false)
		}).
		Raises("ENOENT where there is no journal").
		Example(`ct> r = flows:where("udp"):delete():apply()
ct> r:undo():apply()
ctsh: idle flows come back as they were; of 2 it is not known when a packet passed last, and a connection that was busy may be reset...
undo delete: 2 matched, 2 applied in ...
ct> flows:where("udp"):count()
2`)
}
