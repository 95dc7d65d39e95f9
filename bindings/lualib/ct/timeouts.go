package ct

import (
	"context"
	"encoding/json"
	"errors"
	"syscall"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/bindings/engine/plan"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/lua/luaerr"
	"github.com/ctsh/ctsh/lua/registry"
	"github.com/ctsh/ctsh/lua/unit"
)

// policyFields are the arguments that make a timeout policy.
const policyFields = "policy: {proto: string | int 0..255, family?: int 4..6 = 4, states: table}"

// timeoutsModule is ct.timeouts: the timeout policies of this namespace.
var timeoutsModule = registry.NewModule[*Host]("ct.timeouts", "timeout policies: how long the flows live that a rule gives the policy to (iptables -j CT --timeout NAME). "+
	"The ct timeout objects of nft are others, and not seen here").
	Example(`ct> ct.timeouts.add("short", {proto = "tcp", states = {established = "1h", time_wait = 10}}):apply()
add timeout policy short: 1 matched, 1 applied in ...
ct> ct.timeouts.get("short").states.established
3600`).
	Func("list() -> table[]", "the policies: {name, proto, family, use, states}, use being the rules that refer to it, states the seconds by state", func(h *Host, c *registry.Call) int {
		var list []wire.Timeout
		var err error
		h.do(func(ctx context.Context) { list, err = h.kernel.Timeouts(ctx) })
		c.Raise(fail(err))
		t := c.L.NewTable()
		for i := range list {
			t.Append(policyTable(c.L, &list[i]))
		}
		return c.Return(t)
	}).
	Raises("ENOTSUP where the kernel has no timeout policies").
	Example(`ct> #ct.timeouts.list()
0`).
	Func("get(name: string) -> table | nil", "one policy, nil where there is none of that name", func(h *Host, c *registry.Call) int {
		p, found := h.policy(c, c.Text(1))
		if !found {
			return c.Return(lua.LNil)
		}
		return c.Return(policyTable(c.L, &p))
	}).
	Example(`ct> ct.timeouts.get("short") == nil
true`).
	Func("add(name: string, "+policyFields+") -> plan", "plans to add a policy. States that are not named have the default of the namespace", func(h *Host, c *registry.Call) int {
		p := policyFrom(c)
		return h.changePolicy(c, &wire.TimeoutAdd{Timeout: p}, p.Name, &p)
	}).
	Raises("ETYPE for a protocol without policies and for a state that it lacks").
	Example(`ct> tostring(ct.timeouts.add("dns", {proto = "udp", states = {replied = "20s"}}))
plan: add timeout policy dns
ct> ct.timeouts.add("dns", {proto = "udp", states = {repied = "20s"}})
prompt:1: timeout policy: state: udp has no state "repied"; did you mean "replied"?`).
	Func("replace(name: string, "+policyFields+") -> plan", "plans to change a policy in place, also while rules use it. undo gives it what it had when the plan was applied, unless it was changed since", func(h *Host, c *registry.Call) int {
		p := policyFrom(c)
		h.mustPolicy(c, p.Name)
		return h.changePolicy(c, &wire.TimeoutAdd{Timeout: p, Replace: true}, p.Name, &p)
	}).
	Raises("ENOENT where there is none of that name").
	Example(`ct> r = ct.timeouts.add("dns", {proto = "udp", states = {replied = "20s"}}):apply()
ct> r = ct.timeouts.replace("dns", {proto = "udp", states = {replied = "40s"}}):apply()
ct> ct.timeouts.get("dns").states.replied
40
ct> r = r:undo():apply()
ct> ct.timeouts.get("dns").states.replied
20`).
	Func("delete(name: string) -> plan", "plans to delete a policy that no rule uses", func(h *Host, c *registry.Call) int {
		name := c.Text(1)
		h.mustPolicy(c, name)
		return h.changePolicy(c, wire.TimeoutDelete{Name: name}, name, nil)
	}).
	Raises("ENOENT where there is none of that name").
	Example(`ct> r = ct.timeouts.add("dns", {proto = "udp", states = {replied = "20s"}}):apply()
ct> ct.timeouts.delete("dns"):apply()
delete timeout policy dns: 1 matched, 1 applied in ...`)

// policyFrom reads a policy: its name, and what is in its table.
func policyFrom(c *registry.Call) wire.Timeout {
	t := c.Table(2)
	p := wire.Timeout{Name: c.Text(1), Family: wire.FamilyIPv4, Proto: protoFrom(c, t)}
	switch t.Int("family") {
	case 6:
		p.Family = wire.FamilyIPv6
	case 5:
		t.Bad("family", "want 4 or 6, got 5")
	}
	t.Get("states").(*lua.LTable).ForEach(func(k, v lua.LValue) {
		sec, ok := v.(lua.LNumber)
		if text, isText := v.(lua.LString); isText {
			f, err := unit.ParseDuration(string(text))
			sec, ok = lua.LNumber(f), err == nil
		}
		if !ok || float64(sec) != float64(uint32(sec)) {
			t.Bad("states", "%s: want whole seconds or a duration such as \"10m\", got %s", k, v)
		}
		c.Raise(fail(p.Set(k.String(), uint32(sec))))
	})
	return p
}

func policyTable(L *lua.LState, p *wire.Timeout) *lua.LTable {
	t, states := L.NewTable(), L.NewTable()
	for _, name := range wire.TimeoutStates(p.Proto) {
		if sec, ok := p.Get(name); ok {
			states.RawSetString(name, lua.LNumber(sec))
		}
	}
	t.RawSetString("name", lua.LString(p.Name))
	t.RawSetString("proto", lua.LString(wire.ProtoName(p.Proto)))
	t.RawSetString("family", lua.LNumber(familyNumber(p.Family)))
	t.RawSetString("use", lua.LNumber(p.Use))
	t.RawSetString("states", states)
	return t
}

func familyNumber(family uint8) int {
	if family == wire.FamilyIPv6 {
		return 6
	}
	return 4
}

// policy reads a policy of the kernel.
func (h *Host) policy(c *registry.Call, name string) (p wire.Timeout, found bool) {
	var err error
	h.do(func(ctx context.Context) { found, err = h.kernel.GetTimeout(ctx, wire.TimeoutGet{Name: name}, &p) })
	c.Raise(fail(err))
	return p, found
}

// mustPolicy refuses the name of a policy that is not there.
func (h *Host) mustPolicy(c *registry.Call, name string) {
	if _, found := h.policy(c, name); !found {
		c.Raise(noPolicy(c.Op(), name))
	}
}

// policy is a timeout policy in a journal: its name is that of the note.
type policy struct {
	Family uint8             `json:"family"`
	Proto  uint8             `json:"proto"`
	States map[string]uint32 `json:"states"` // seconds
}

func newPolicy(p *wire.Timeout) *policy {
	x := &policy{p.Family, p.Proto, map[string]uint32{}}
	for _, s := range wire.TimeoutStates(p.Proto) {
		if sec, ok := p.Get(s); ok {
			x.States[s] = sec
		}
	}
	return x
}

// is tells whether x is the policy now, nil being that there is none. The kernel
// tells all states of a policy.
func (x *policy) is(now *policy) bool {
	if x == nil || now == nil {
		return x == now
	}
	for s, sec := range x.States {
		if now.States[s] != sec {
			return false
		}
	}
	return x.Family == now.Family && x.Proto == now.Proto
}

// policyNote is what the journal keeps of a change to a policy: what it was and
// what it was set to, nil where there was none, or is none then.
type policyNote struct {
	Name string  `json:"name"`
	Was  *policy `json:"was,omitempty"`
	Set  *policy `json:"set,omitempty"`
}

// note is n for the journal.
func (n policyNote) note() (plan.Note, error) {
	data, err := json.Marshal(n)
	return plan.Note{Kind: "timeout policy", Data: data}, err
}

// request makes of the policy from, as it is now, the policy to.
func (n *policyNote) request(from, to *policy) (wire.Request, error) {
	if to == nil {
		return wire.TimeoutDelete{Name: n.Name}, nil
	}
	p := wire.Timeout{Name: n.Name, Family: to.Family, Proto: to.Proto}
	for s, sec := range to.States {
		if err := p.Set(s, sec); err != nil {
			return nil, err
		}
	}
	return &wire.TimeoutAdd{Timeout: p, Replace: from != nil}, nil
}

// policyNow reads a policy, nil where there is none of that name.
func (h *Host) policyNow(ctx context.Context, name string) (*policy, error) {
	var p wire.Timeout
	found, err := h.kernel.GetTimeout(ctx, wire.TimeoutGet{Name: name}, &p)
	if err != nil || !found {
		return nil, err
	}
	return newPolicy(&p), nil
}

// policyAsSet is the policy that the kernel makes of p now: states that p does
// not name get the defaults of the namespace.
func (h *Host) policyAsSet(ctx context.Context, p *wire.Timeout) *policy {
	x := newPolicy(p)
	var defaults wire.Timeout
	found, err := h.kernel.GetTimeout(ctx, wire.TimeoutDefaultGet{Family: p.Family, Proto: p.Proto}, &defaults)
	if err != nil || !found {
		return x // then only the states that it names can be compared
	}
	for _, s := range wire.TimeoutStates(p.Proto) {
		if _, named := x.States[s]; named {
			continue
		}
		if sec, ok := defaults.Get(s); ok {
			x.States[s] = sec
		}
	}
	return x
}

// changePolicy plans a change to the policy of a name: to set it, or for nil to
// delete it. What it was is read when the change is made.
func (h *Host) changePolicy(c *registry.Call, req wire.Request, name string, set *wire.Timeout) int {
	_, err := req.Append(nil, 1, 0)
	c.Raise(fail(err))
	add, _ := req.(*wire.TimeoutAdd)
	adds := add != nil && !add.Replace
	act := plan.Action{N: 1,
		Do: func(ctx context.Context) (plan.Counts, error) {
			if add != nil && add.Replace {
				// The kernel would make one where there is none.
				if was, err := h.policyNow(ctx, name); err != nil {
					return plan.Counts{}, err
				} else if was == nil {
					return plan.Counts{}, noPolicy(req.Op(), name)
				}
			}
			if err := h.kernel.Do(ctx, req); err != nil {
				return plan.Counts{}, err
			}
			return plan.Counts{Applied: 1}, nil
		},
		Undo: func() (plan.Note, error) {
			ctx := context.Background()
			n := policyNote{Name: name}
			var err error
			if n.Was, err = h.policyNow(ctx, name); err != nil || adds != (n.Was == nil) {
				return plan.Note{}, err // the change will be refused
			}
			if set != nil {
				n.Set = h.policyAsSet(ctx, set)
			}
			return n.note()
		},
	}
	return h.plan(c, plan.Act(req.Op()+" "+name, "", act), nil)
}

// noPolicy is the error for a policy that is not there.
func noPolicy(op, name string) error {
	return luaerr.New(luaerr.ENOENT, op, "%s: no timeout policy %q", op, name).WithHint("ct.timeouts.list() lists them")
}

// revertPolicy takes a change to a policy back, where nobody has changed it
// since. It may come a second time: what is as it was is no failure.
func (h *Host) revertPolicy(n plan.Note) (plan.Action, error) {
	var note policyNote
	if err := json.Unmarshal(n.Data, &note); err != nil {
		return plan.Action{}, err
	}
	return plan.Action{N: 1,
		Do: func(ctx context.Context) (got plan.Counts, err error) {
			now, err := h.policyNow(ctx, note.Name)
			switch {
			case err != nil:
				return got, err
			case note.Set.is(now):
				req, err := note.request(now, note.Was)
				if err == nil {
					err = h.kernel.Do(ctx, req)
				}
				switch {
				case err == nil:
					got.Applied++
				case errors.Is(err, syscall.ENOENT):
					got.Gone++
				case errors.Is(err, syscall.EEXIST):
					got.Exists++
				default:
					return got, err
				}
				return got, nil
			case now == nil:
				got.Gone++
			case note.Was.is(now):
				got.Exists++
			default:
				got.Changed++
			}
			if !note.Was.is(now) {
				got.Notes = append(got.Notes, "timeout policy "+note.Name+" was changed meanwhile: it stays as it is")
			}
			return got, nil
		},
		Undo: func() (plan.Note, error) {
			now, err := h.policyNow(context.Background(), note.Name)
			if err != nil || !note.Set.is(now) {
				return plan.Note{}, err
			}
			return policyNote{Name: note.Name, Was: note.Set, Set: note.Was}.note()
		},
	}, nil
}
