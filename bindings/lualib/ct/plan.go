package ct

import (
	"context"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/engine/plan"
	"github.com/ctsh/ctsh/bindings/engine/query"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/lua/luaerr"
	"github.com/ctsh/ctsh/lua/registry"
)

// planned is a plan as a script holds it.
type planned struct {
	h     *Host
	p     *plan.Plan
	space *query.Space // where the change is made
}

var planType = registry.NewType[*planned]("plan", "a change that was not made yet. It can be looked at; only apply acts").
	Example(`ct> flows:where{mark = 1}:delete()
plan: delete flows:where("mark == 1")`)

// A preview makes flows, whose methods make plans: the methods are added after
// both types are there.
func init() {
	planType.
		Method(`apply(options?: {max?: int 1..2147483647 = 10000, batch?: int 1..250 = 128, on_error?: "skip" | "stop" = "skip"}) -> result`,
			"makes the change, but to protected flows: your own session, and what ct.protect names. max bounds how many flows it may touch, batch is messages a send; what the kernel refuses is counted in the result", (*planned).apply).
		Raises("EGUARD where more flows match than max, for an empty of the table with protected flows in it, or under --read-only; EPERM without CAP_NET_ADMIN").
		Example(`ct> flows:where{mark = 1}:delete():apply()
delete: 1 matched, 1 applied in ...
ct> flows:where{mark = 1}:delete():apply()
delete: 0 matched, 0 applied in ...`).
		Method("preview(n: int 1..1048576 = 20) -> flow[]", "some of the flows that it would touch now", (*planned).preview).
		Example(`ct> #flows:where{mark = 1}:delete():preview()
1`).
		Text(func(p *planned) string { return p.p.String() })
}

// plan returns p to the script, or raises err.
func (h *Host) plan(c *registry.Call, p *plan.Plan, err error) int {
	return h.planIn(c, h.space, p, err)
}

// planIn is plan for another namespace.
func (h *Host) planIn(c *registry.Call, space *query.Space, p *plan.Plan, err error) int {
	c.Raise(fail(err))
	return c.Return(planType.New(c.L, &planned{h, p, space}))
}

// found is the plan with its flows looked up, where functions of the script
// must be asked about them. most is how many are wanted beside those that are
// protected.
func (p *planned) found(c *registry.Call, guard *plan.Protection, most int) *plan.Plan {
	q, ok := p.p.Query()
	if !ok {
		return p.p
	}
	if !q.Calls() {
		p.h.warn(q)
		return p.p
	}
	var flows []wire.Flow
	todo := 0
	p.h.hand(c, q, field.PartAll, false, func(r *field.Row) error {
		flows = append(flows, r.Need(field.PartFlow).Flow)
		if !guard.Covers(r) {
			todo++
		}
		if todo == most {
			return conntrack.ErrStop
		}
		return nil
	})
	return p.p.On(flows)
}

// apply makes the change and returns its result.
func (p *planned) apply(c *registry.Call) int {
	t := c.Table(1)
	opt := plan.Options{Guard: p.h.protection(c, p.p, p.space), DryRun: p.h.opt.DryRun,
		Max: t.Int("max"), Batch: t.Int("batch"), StopOnError: t.Text("on_error") == "stop"}
	var res *plan.Result
	var err error
	todo := p.found(c, &opt.Guard, opt.Max+1)
	p.h.do(func(ctx context.Context) { res, err = todo.Apply(ctx, p.space.Kernel, opt) })
	if res != nil {
		p.h.run.failed += res.Failed + res.Unknown
	}
	c.Raise(fail(err))
	return c.Return(resultType.New(c.L, res))
}

// preview lists some of the flows that the plan would touch.
func (p *planned) preview(c *registry.Call) int {
	var list []wire.Flow
	var err error
	guard := p.h.protection(c, p.p, p.space)
	todo := p.found(c, &guard, c.Int(1))
	p.h.do(func(ctx context.Context) { list, err = todo.Preview(ctx, guard, c.Int(1)) })
	c.Raise(fail(err))
	t := c.L.NewTable()
	for _, f := range list {
		t.Append(flowType.New(c.L, p.h.hosting(p.space).newFlow(&wire.Entry{Flow: f})))
	}
	return c.Return(t)
}

func count(get func(*plan.Result) int) func(*lua.LState, *plan.Result) lua.LValue {
	return func(_ *lua.LState, r *plan.Result) lua.LValue { return lua.LNumber(get(r)) }
}

var resultType = registry.NewType[*plan.Result]("result", "what became of a plan").
	Example(`ct> r = flows:where{mark = 1}:delete():apply()
ct> r.applied, r.failed
1
0`).
	Field("matched: int", "flows or requests the plan found", count(func(r *plan.Result) int { return r.Matched })).
	Field("applied: int", "changes the kernel made", count(func(r *plan.Result) int { return r.Applied })).
	Field("gone: int", "flows that vanished before they were reached", count(func(r *plan.Result) int { return r.Gone })).
	Field("failed: int", "changes the kernel refused", count(func(r *plan.Result) int { return r.Failed })).
	Field("unknown: int", "changes to which the kernel's answer was lost", count(func(r *plan.Result) int { return r.Unknown })).
	Field("protected: int", "flows left out because they are protected", count(func(r *plan.Result) int { return r.Protected })).
	Field("dry_run: bool", "nothing was changed, because of --dry-run", func(_ *lua.LState, r *plan.Result) lua.LValue { return lua.LBool(r.DryRun) }).
	Field("took: duration", "how long it took", func(_ *lua.LState, r *plan.Result) lua.LValue { return lua.LNumber(r.Took.Seconds()) }).
	Field("errors: error[]", "the first refusals, each with code, msg and hint", func(L *lua.LState, r *plan.Result) lua.LValue {
		t := L.NewTable()
		for _, e := range r.Errors {
			t.Append(luaerr.ToLua(L, e))
		}
		return t
	}).
	Text(func(r *plan.Result) string { return r.String() })

// changeFields are the arguments of update.
const changeFields = "changes: {mark?: mask, timeout?: duration 0..8589934, status?: string, labels?: int 0..127[], helper?: bool}"

// changeFrom reads what update changes: mark, timeout, status, labels and
// helper.
func changeFrom(c *registry.Call) (to plan.Change) {
	t := c.Table(1)
	if t.Has("mark") {
		v, m := t.Masked("mark")
		to.Mark = &wire.Masked32{Value: v, Mask: m}
	}
	if t.Has("timeout") {
		secs := uint32(t.Number("timeout"))
		to.Timeout = &secs
	}
	if t.Has("status") {
		bit, ok := wire.ParseStatus(t.Text("status"))
		if !ok {
			c.Unknown("status", t.Text("status"), wire.StatusNames())
		}
		to.Status = bit
	}
	if t.Has("labels") {
		l := labelsFrom(t)
		to.Labels = &l
	}
	if t.Has("helper") {
		if t.Bool("helper") {
			t.Bad("helper", "false removes the helper; another cannot be set on a flow that exists")
		}
		to.DropHelper = true
	}
	return to
}

// labelsFrom reads a list of label numbers.
func labelsFrom(t *registry.Table) (l wire.Labels) {
	t.Get("labels").(*lua.LTable).ForEach(func(_, v lua.LValue) { l = l.Set(int(v.(lua.LNumber))) })
	return l
}
