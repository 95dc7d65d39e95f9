package ct

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

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
	h      *Host
	p      *plan.Plan
	space  *query.Space // where the change is made
	undoes string       // the journal that it takes back, "" for none
	own    bool         // that is a change of this process
	where  string       // in the script it was made
	seen   bool         // it was looked at, added to another or applied
}

var planType = registry.NewType[*planned]("plan", "a change that was not made yet. It can be looked at, kept and added to another; only apply acts").
	Example(`ct> flows:where{mark = 1}:delete()
plan: delete flows:where("mark == 1")
1 flow, 33% of the 3 in the table
  udp domain  1
of 1 flow it is not known when a packet passed last
nothing is changed yet; _:apply() does it
ct> _:apply()
delete: 1 matched, 1 applied in ...`)

// applyOptions are the arguments of apply.
const applyOptions = `options?: {max?: int 1..2147483647, share?: percent 0.0001..1, rate?: rate, batch?: int 1..250 = 128, on_error?: "skip" | "stop" = "skip", ` +
	`verify?: duration 0.001..3600, fast?: bool, journal?: bool}`

// A preview makes flows, whose methods make plans: the methods are added after
// both types are there.
func init() {
	planType.
		Method("apply("+applyOptions+") -> result",
			"makes the change, but to protected flows: your own session, and what ct.protect names. Each flow is read again just before: one that is gone, made anew or that the filter no longer selects is left out and counted. "+
				"What was there is written to a journal first, so that undo can bring it back; journal = false does without. "+
				"max bounds how many flows it may touch (10000; what undo and restore bring back is bounded by the table only), share what part of the table, rate how many a second; batch is messages a send; "+
				"verify looks so much later what is back; fast leaves a deletion to the kernel's own filter, where that compares exactly the same, without a journal", (*planned).apply).
		Raises("EGUARD where more flows match than max or share, or under --read-only; ENOTSUP where fast is not possible; EPERM without CAP_NET_ADMIN; EIO where the journal cannot be written. Nothing was changed then, unless it is said. EPARTIAL where some was changed before it failed, such as where a table grew beyond max while it was read: how far it came is said").
		Example(`ct> flows:where{mark = 1}:delete():apply()
delete: 1 matched, 1 applied in ...
ct> flows:where{mark = 1}:delete():apply()
delete: 0 matched, 0 applied in ...
ct> flows:where("udp or tcp"):delete():apply{share = "50%"}
prompt:1: delete: 2 flows match, 100% of the 2 in the table and more than the 50% of share; nothing was changed`).
		Method("preview(n: int 0..1048576 = 20) -> preview", "what it would do now, with some of the flows that it would touch", (*planned).preview).
		Example(`ct> v = flows:where{mark = 1}:delete():preview()
ct> v.n, v.flows[1].dport
1
53`).
		Method("explain() -> text", "how the flows are going to be found", (*planned).explain).
		Example(`ct> flows:where{mark = 1}:delete():explain()
plan     delete, by tuple, zone and id, guard max=10000 (default)
source   conntrack table...
...`).
		Field("n: int", "how many flows it would touch now, protected ones left out; the table is read for it", func(L *lua.LState, p *planned) lua.LValue {
			p.used()
			c := &registry.Call{L: L}
			view, err := p.look(c, 0)
			c.Raise(fail(err))
			return lua.LNumber(view.Matched())
		}).
		Field("undoes?: text", "the change that it takes back, by the id of its journal", func(_ *lua.LState, p *planned) lua.LValue {
			if p.undoes == "" {
				return lua.LNil
			}
			return lua.LString(p.undoes)
		}).
		Plus(func(c *registry.Call, a, b *planned) int {
			if a.space != b.space {
				c.Raise(luaerr.New(luaerr.ETYPE, "plan", "plans of two network namespaces cannot be one"))
			}
			if a.undoes != "" || b.undoes != "" {
				c.Raise(luaerr.New(luaerr.ETYPE, "plan", "an undo is applied by itself"))
			}
			a.used() // the sum stands for both
			b.used()
			return a.h.planIn(c, a.space, a.p.Plus(b.p), nil)
		}).
		Show(func(c *registry.Call, p *planned) string {
			p.used()
			view, err := p.look(c, 0)
			c.Raise(fail(err))
			return p.described(view) + "\n" + nextLine(view)
		}).
		Text(func(p *planned) string { return p.p.String() })
}

// nextLine is what is typed at a prompt to go on.
func nextLine(view *plan.Preview) string {
	if view.Bounded() > plan.DefaultMax {
		return fmt.Sprintf("nothing is changed yet; _:apply{max = %d} does it", view.Bounded())
	}
	return "nothing is changed yet; _:apply() does it"
}

// plan returns p to the script, or raises err.
func (h *Host) plan(c *registry.Call, p *plan.Plan, err error) int {
	return h.planIn(c, h.space, p, err)
}

// Plan returns a plan of another module to the script.
func (h *Host) Plan(c *registry.Call, p *plan.Plan) int { return h.plan(c, p, nil) }

// planIn is plan for another namespace.
func (h *Host) planIn(c *registry.Call, space *query.Space, p *plan.Plan, err error) int {
	c.Raise(fail(err))
	return h.offer(c, &planned{h: h, p: p, space: space})
}

// offer returns a plan to the script, and remembers that it did.
func (h *Host) offer(c *registry.Call, p *planned) int {
	p.where = luaerr.Where(c.L)
	if plans := &p.h.run.plans; len(*plans) < unusedKept {
		*plans = append(*plans, p)
	}
	return c.Return(planType.New(c.L, p))
}

// unusedKept is how many plans are remembered that nothing was done with.
const unusedKept = 10

// used tells that something was done with the plan.
func (p *planned) used() {
	p.seen = true
	if i := slices.Index(p.h.run.plans, p); i >= 0 {
		p.h.run.plans = slices.Delete(p.h.run.plans, i, i+1)
	}
}

// Unused are the plans of the run that nothing was done with, each in a line: a
// script that makes one and forgets apply changes nothing.
func (h *Host) Unused() (list []string) {
	for _, p := range h.run.plans {
		text, _, _ := strings.Cut(p.p.String(), "\n")
		list = append(list, fmt.Sprintf("%s: never applied: %s", p.where, text))
	}
	return list
}

// Unattended says that from now on handlers and timers run, and nobody sees
// what they do: what they change is bounded over time.
func (h *Host) Unattended() {
	if h.run.breaker == nil {
		h.run.breaker = &plan.Breaker{Max: plan.DefaultMax, Per: time.Minute}
	}
}

// resolved is the plan with its flows looked up, where functions of the script
// must be asked about them. most is how many are wanted beside those that are
// protected.
func (p *planned) resolved(c *registry.Call, guard *plan.Protection, most int) *plan.Plan {
	for _, q := range p.p.Queries() {
		if !q.Calls() {
			p.h.warn(q)
		}
	}
	return p.p.Resolve(func(q query.Query) (flows []wire.Flow) {
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
		return flows
	})
}

// apply makes the change and returns its result.
func (p *planned) apply(c *registry.Call) int {
	defer p.used()
	t := c.Table(1)
	guard, err := p.h.protection(p.p, p.space)
	c.Raise(err)
	opt := plan.Options{Guard: guard, DryRun: p.h.opt.DryRun,
		Max: t.Int("max"), Share: t.Number("share"), Rate: t.Number("rate"), Batch: t.Int("batch"), StopOnError: t.Text("on_error") == "stop",
		Fast: t.Bool("fast"), Able: proven, Verify: time.Duration(t.Number("verify") * float64(time.Second))}
	if b := p.h.run.breaker; b != nil && !p.own { // what tripped it can be taken back
		opt.Allow = func(n int) error { return b.Allow(n, time.Now()) }
	}
	if !t.Has("journal") || t.Bool("journal") {
		opt.Journal, err = p.h.journal(p)
		c.Raise(fail(err))
	}
	most := opt.Max
	if most == 0 {
		most = plan.DefaultMax
	}
	todo := p.resolved(c, &opt.Guard, most+1)
	p.warn(c)
	var res *plan.Result
	p.h.do(func(ctx context.Context) {
		var stop func()
		opt.Progress, stop = p.h.applying(p.p.Op())
		defer stop()
		res, err = todo.Apply(ctx, p.space.Kernel, opt)
	})
	if res != nil {
		p.h.run.failed += res.Failed + res.Unknown
		if p.h.run.refused == nil && len(res.Errors) > 0 {
			p.h.run.refused = res.Errors[0]
		}
		if err == nil {
			p.undone(res)
		}
		for _, note := range res.Notes {
			if !opt.Fast { // it was asked for
				p.h.say(note)
			}
		}
	}
	p.partly(res, err)
	c.Raise(p.refusal(c, res, err))
	return c.Return(resultType.New(c.L, &outcome{p.h, p.space, res}))
}

// partly says how far a plan came that ended before its end, also where it was
// interrupted, which hides every other error.
func (p *planned) partly(res *plan.Result, err error) {
	if err == nil || res == nil || res.Applied+res.Unknown == 0 {
		return
	}
	text := res.String() + ", and ended before its end"
	if res.ID != "" {
		text += "; ctsh undo " + res.ID + " takes back what was changed"
	}
	p.h.say(text)
}

// refusal is the error of a plan. Where its guard refused it, it tells what the
// plan would have done.
func (p *planned) refusal(c *registry.Call, res *plan.Result, err error) error {
	var guard *plan.GuardError
	if errors.As(err, &guard) && guard.Done == 0 {
		if view, lookErr := p.look(c, 0); lookErr == nil {
			return luaerr.New(luaerr.EGUARD, "", "%w", err).WithHint(view.String())
		}
	}
	if err != nil && res != nil && res.Applied+res.Unknown > 0 {
		return luaerr.New(luaerr.EPARTIAL, "", "%w", err)
	}
	return fail(err)
}

// look finds out what the plan would do.
func (p *planned) look(c *registry.Call, n int) (view *plan.Preview, err error) {
	guard, err := p.h.protection(p.p, p.space)
	if err != nil {
		return nil, err
	}
	todo := p.resolved(c, &guard, -1)
	p.h.do(func(ctx context.Context) { view, err = todo.Preview(ctx, p.space.Kernel, guard, n) })
	return view, err
}

// explain tells how the flows are found.
func (p *planned) explain(c *registry.Call) int {
	text := "plan     " + p.p.Op()
	if p.p.Touches() {
		text += fmt.Sprintf(", by tuple, zone and id, guard max=%d (default)", plan.DefaultMax)
	}
	for _, q := range p.p.Queries() {
		var x query.Explanation
		var err error
		p.h.do(func(ctx context.Context) { x, err = q.Explain(ctx, p.h.learned()) })
		c.Raise(fail(err))
		text += "\n" + x.String()
	}
	return c.Return(lua.LString(text))
}
