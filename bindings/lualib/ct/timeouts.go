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
		return h.changePolicy(c, &wire.TimeoutAdd{Timeout: p}, p.Name, &wire.TimeoutAdd{Timeout: p}, nil)
	}).
	Raises("ETYPE for a protocol without policies and for a state that it lacks").
	Example(`ct> tostring(ct.timeouts.add("dns", {proto = "udp", states = {replied = "20s"}}))
plan: add timeout policy dns
ct> ct.timeouts.add("dns", {proto = "udp", states = {repied = "20s"}})
prompt:1: timeout policy: state: udp has no state "repied"; did you mean "replied"?`).
	Func("replace(name: string, "+policyFields+") -> plan", "plans to change a policy in place, also while rules use it", func(h *Host, c *registry.Call) int {
		p := policyFrom(c)
		was := h.mustPolicy(c, p.Name)
		return h.changePolicy(c, &wire.TimeoutAdd{Timeout: p, Replace: true}, p.Name, nil, &was)
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
		was := h.mustPolicy(c, c.Text(1))
		return h.changePolicy(c, wire.TimeoutDelete{Name: was.Name}, was.Name, nil, &was)
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

// mustPolicy is policy for one that must be there.
func (h *Host) mustPolicy(c *registry.Call, name string) wire.Timeout {
	p, found := h.policy(c, name)
	if !found {
		c.Raise(luaerr.New(luaerr.ENOENT, c.Op(), "%s: no timeout policy %q", c.Op(), name).WithHint("ct.timeouts.list() lists them"))
	}
	return p
}

// policyNote is what the journal keeps of a change to policies: the one that
// was made, or the one that was there.
type policyNote struct {
	Made string        `json:"made,omitempty"`
	Was  *wire.Timeout `json:"was,omitempty"`
	// States are the seconds of Was by state, those that it sets.
	States map[string]uint32 `json:"states,omitempty"`
	// Replaced tells that Was is there still, with other values.
	Replaced bool `json:"replaced,omitempty"`
}

// changePolicy plans a change to policies. made is the policy that it makes, was
// the one that it changes or deletes.
func (h *Host) changePolicy(c *registry.Call, req wire.Request, name string, made *wire.TimeoutAdd, was *wire.Timeout) int {
	_, err := req.Append(nil, 1, 0)
	c.Raise(fail(err))
	note := policyNote{Was: was}
	if made != nil {
		note.Made = made.Timeout.Name
	}
	if was != nil {
		note.States = map[string]uint32{}
		for _, s := range wire.TimeoutStates(was.Proto) {
			if sec, ok := was.Get(s); ok {
				note.States[s] = sec
			}
		}
		_, note.Replaced = req.(*wire.TimeoutAdd)
	}
	act := h.policyChange(req)
	act.Undo = func() (n plan.Note, err error) {
		n.Kind = "timeout policy"
		n.Data, err = json.Marshal(note)
		return n, err
	}
	return h.plan(c, plan.Act(req.Op()+" "+name, "", act), nil)
}

// policyChange is a request about policies as an Action.
func (h *Host) policyChange(req wire.Request) plan.Action {
	return plan.Action{N: 1, Do: func(ctx context.Context) (plan.Counts, error) {
		if err := h.kernel.Do(ctx, req); err != nil {
			return plan.Counts{}, err
		}
		return plan.Counts{Applied: 1}, nil
	}}
}

// revertPolicy takes a change to policies back.
func (h *Host) revertPolicy(n plan.Note) (plan.Action, error) {
	var note policyNote
	if err := json.Unmarshal(n.Data, &note); err != nil {
		return plan.Action{}, err
	}
	if note.Was == nil {
		return h.policyBack(wire.TimeoutDelete{Name: note.Made}), nil
	}
	p := wire.Timeout{Name: note.Was.Name, Family: note.Was.Family, Proto: note.Was.Proto}
	for s, sec := range note.States {
		if err := p.Set(s, sec); err != nil {
			return plan.Action{}, err
		}
	}
	return h.policyBack(&wire.TimeoutAdd{Timeout: p, Replace: note.Replaced}), nil
}

// policyBack is policyChange for an undo, which may come a second time: what is
// gone or there already is no failure.
func (h *Host) policyBack(req wire.Request) plan.Action {
	change := h.policyChange(req)
	return plan.Action{N: 1, Do: func(ctx context.Context) (plan.Counts, error) {
		got, err := change.Do(ctx)
		switch {
		case errors.Is(err, syscall.ENOENT):
			return plan.Counts{Gone: 1}, nil
		case errors.Is(err, syscall.EEXIST):
			return plan.Counts{Exists: 1}, nil
		}
		return got, err
	}}
}
