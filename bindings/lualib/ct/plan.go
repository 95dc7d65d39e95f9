package ct

import (
	"context"
	"strconv"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/bindings/engine/plan"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/lua/luaerr"
	"github.com/ctsh/ctsh/lua/value"
)

// planned is a plan as a script holds it.
type planned struct {
	h *Host
	p *plan.Plan
}

var planType = value.NewType[*planned]("plan")

// A preview makes flows, whose methods make plans: the methods are added after
// both types are there.
func init() {
	planType.
		Method("apply", func(a *value.Args, p *planned) int { return p.apply(a) }).
		Method("preview", func(a *value.Args, p *planned) int { return p.preview(a) }).
		Text(func(p *planned) string { return p.p.String() })
}

// plan returns p to the script, or raises err.
func (h *Host) plan(a *value.Args, p *plan.Plan, err error) int {
	a.Raise(fail(err))
	return a.Return(planType.New(a.L, &planned{h, p}))
}

// apply makes the change and returns its result.
func (p *planned) apply(a *value.Args) int {
	a.AtMost(1)
	opt := plan.Options{Able: p.h.ability, DryRun: p.h.opt.DryRun}
	if t := a.Table(1, "options"); t != nil {
		if t.Has("max") {
			opt.Max = int(t.Int("max", 1, 1<<31))
		}
		if t.Has("batch") {
			opt.Batch = int(t.Int("batch", 1, 250))
		}
		if t.Has("on_error") {
			switch mode := t.Text("on_error"); mode {
			case "stop":
				opt.StopOnError = true
			case "skip":
			default:
				t.Bad("on_error", `want "skip" or "stop", got %q`, mode)
			}
		}
		t.Done()
	}
	var res *plan.Result
	var err error
	p.h.do(func(ctx context.Context) { res, err = p.p.Apply(ctx, p.h.kernel, opt) })
	if res != nil {
		p.h.run.failed += res.Failed + res.Unknown
	}
	a.Raise(fail(err))
	return a.Return(resultType.New(a.L, res))
}

// preview lists some of the flows that the plan would touch.
func (p *planned) preview(a *value.Args) int {
	n := 20
	if !a.Missing(1) {
		n = int(a.Int(1, "n", 1, 1<<20))
	}
	var list []wire.Flow
	var err error
	p.h.do(func(ctx context.Context) { list, err = p.p.Preview(ctx, p.h.kernel, p.h.ability, n) })
	a.Raise(fail(err))
	t := a.L.NewTable()
	for _, f := range list {
		t.Append(flowType.New(a.L, &flow{p.h, &wire.Entry{Flow: f}}))
	}
	return a.Return(t)
}

func count(get func(*plan.Result) int) func(*lua.LState, *plan.Result) lua.LValue {
	return func(_ *lua.LState, r *plan.Result) lua.LValue { return lua.LNumber(get(r)) }
}

var resultType = value.NewType[*plan.Result]("result").
	Field("matched", count(func(r *plan.Result) int { return r.Matched })).
	Field("applied", count(func(r *plan.Result) int { return r.Applied })).
	Field("gone", count(func(r *plan.Result) int { return r.Gone })).
	Field("failed", count(func(r *plan.Result) int { return r.Failed })).
	Field("unknown", count(func(r *plan.Result) int { return r.Unknown })).
	Field("dry_run", func(_ *lua.LState, r *plan.Result) lua.LValue { return lua.LBool(r.DryRun) }).
	Field("took", func(_ *lua.LState, r *plan.Result) lua.LValue { return lua.LNumber(r.Took.Seconds()) }).
	Field("errors", func(L *lua.LState, r *plan.Result) lua.LValue {
		t := L.NewTable()
		for _, e := range r.Errors {
			t.Append(luaerr.ToLua(L, e))
		}
		return t
	}).
	Text(func(r *plan.Result) string { return r.String() })

// changeFrom reads what update changes: mark, timeout, status, labels and
// helper.
func changeFrom(a *value.Args) (c plan.Change) {
	a.AtMost(1)
	t := a.Table(1, "changes")
	if t == nil {
		a.Bad("changes", "want a table such as {mark = 1}, got nil")
	}
	if t.Has("mark") {
		c.Mark = markFrom(t)
	}
	if t.Has("timeout") {
		s := t.Seconds("timeout")
		if s > wire.MaxTimeout {
			t.Bad("timeout", "the kernel stores at most %d seconds", wire.MaxTimeout)
		}
		secs := uint32(s)
		c.Timeout = &secs
	}
	if t.Has("status") {
		name := t.Text("status")
		bit, ok := wire.ParseStatus(name)
		if !ok {
			t.Bad("status", "unknown status %q%s", name, hint(name, wire.StatusNames()))
		}
		c.Status = bit
	}
	if t.Has("labels") {
		l := labelsFrom(t)
		c.Labels = &l
	}
	if t.Has("helper") {
		if t.Field("helper") != lua.LFalse {
			t.Bad("helper", "false removes the helper; another cannot be set on a flow that exists")
		}
		c.DropHelper = true
	}
	t.Done()
	return c
}

func hint(word string, among []string) string {
	if h := luaerr.DidYouMean(word, among); h != "" {
		return "; " + h
	}
	return ""
}

// markFrom reads a mark: a number, or text with an optional mask.
func markFrom(t *value.Table) *wire.Masked32 {
	if s, ok := t.Field("mark").(lua.LString); ok {
		v, m, err := value.ParseMasked(string(s))
		if err != nil {
			t.Bad("mark", "%s", err)
		}
		return &wire.Masked32{Value: v, Mask: m}
	}
	return &wire.Masked32{Value: uint32(t.Int("mark", 0, 1<<32-1)), Mask: ^uint32(0)}
}

// labelsFrom reads a list of label numbers, as numbers or text.
func labelsFrom(t *value.Table) (l wire.Labels) {
	list, ok := t.Field("labels").(*lua.LTable)
	if !ok {
		t.Bad("labels", "want a list of label numbers, got %s", value.Describe(t.Field("labels")))
	}
	list.ForEach(func(_, v lua.LValue) {
		n, err := strconv.Atoi(v.String())
		if err != nil || n < 0 || n > 127 {
			t.Bad("labels", "%s is not a label number from 0 to 127", value.Describe(v))
		}
		l = l.Set(n)
	})
	return l
}
