package nft

import (
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/bindings/kernel/nft"
	"github.com/ctsh/ctsh/lua/escape"
	"github.com/ctsh/ctsh/lua/registry"
)

var usesType = registry.NewType[*nft.Uses]("nft.uses", "the rules that use a set, and whether they keep what is in it out").
	Example(`ct> nft.uses("inet filter synflood")
effective: what comes from it to this machine: rule 1 of chain inet filter input drops it
  rule 1 of chain inet filter input: ip saddr, drop`).
	Field("effective: bool", "on one way at least all packets from or to what is in the set are dropped, those of an established connection too", func(_ *lua.LState, u *nft.Uses) lua.LValue { return lua.LBool(u.Effective) }).
	Field("reason: text", "why, or why not", func(_ *lua.LState, u *nft.Uses) lua.LValue { return lua.LString(u.Reason) }).
	Field("hooks: table", "on which ways they are dropped: input.source is what comes in, forward.source and forward.destination what is routed, output.destination what is sent", func(L *lua.LState, u *nft.Uses) lua.LValue {
		t := L.NewTable()
		for _, hook := range []nft.Hook{nft.Input, nft.Forward, nft.Output} {
			sides := L.NewTable()
			for _, side := range []nft.Side{nft.Source, nft.Destination} {
				sides.RawSetString(string(side), lua.LFalse)
			}
			t.RawSetString(string(hook), sides)
		}
		for _, p := range u.Paths {
			t.RawGetString(string(p.Hook)).(*lua.LTable).RawSetString(string(p.Side), lua.LBool(p.Drops))
		}
		return t
	}).
	Field("except: text[]", "rules that take some packets another way, before they are dropped", func(L *lua.LState, u *nft.Uses) lua.LValue {
		t := L.NewTable()
		seen := map[string]bool{}
		for _, p := range u.Paths {
			for _, x := range p.Except {
				if !seen[x] {
					seen[x] = true
					t.Append(lua.LString(x))
				}
			}
		}
		return t
	}).
	Field("rules: table[]", "the rules: {chain, rule, handle, key, side, verdict, invert, adds, asks, hooks}. rule is counted from 1, asks is what else it depends on, hooks where packets come to it", func(L *lua.LState, u *nft.Uses) lua.LValue {
		list := L.NewTable()
		for i := range u.Rules {
			list.Append(ruleTable(L, &u.Rules[i]))
		}
		return list
	}).
	Text(func(u *nft.Uses) string {
		if u.Effective {
			return "effective: " + escape.Terminal(u.Reason)
		}
		return "not effective: " + escape.Terminal(u.Reason)
	})

// The text is known to Show once the type is there.
func init() {
	usesType.Show(func(_ *registry.Call, u *nft.Uses) string {
		word := "not effective"
		if u.Effective {
			word = "effective"
		}
		lines := []string{word + ": " + escape.Terminal(u.Reason)}
		for i := range u.Rules {
			lines = append(lines, "  "+escape.Terminal(ruleText(&u.Rules[i])))
		}
		return strings.Join(lines, "\n")
	})
}

// ruleText is a rule in one line.
func ruleText(r *nft.Use) string {
	text := r.Place.String() + ": " + r.Key
	if r.Invert {
		text = r.Place.String() + ": not " + r.Key
	}
	if r.Adds {
		text += ", adds to it"
	}
	if r.Verdict != "" {
		text += ", " + r.Verdict
	}
	if len(r.Asks) > 0 {
		text += ", asks for " + strings.Join(r.Asks, ", ")
	}
	return text
}

// ruleTable is a rule as a script sees it.
func ruleTable(L *lua.LState, r *nft.Use) *lua.LTable {
	t := L.NewTable()
	text := func(key, s string) {
		if s != "" {
			t.RawSetString(key, lua.LString(s))
		}
	}
	t.RawSetString("chain", lua.LString(r.Place.Family.String()+" "+r.Place.Table+" "+r.Place.Chain))
	t.RawSetString("rule", lua.LNumber(r.Place.Rule))
	t.RawSetString("handle", lua.LNumber(r.Place.Handle))
	text("key", r.Key)
	text("side", string(r.Side))
	text("verdict", r.Verdict)
	t.RawSetString("invert", lua.LBool(r.Invert))
	t.RawSetString("adds", lua.LBool(r.Adds))
	asks, hooks := L.NewTable(), L.NewTable()
	for _, a := range r.Asks {
		asks.Append(lua.LString(a))
	}
	for _, e := range r.From {
		hooks.Append(lua.LString(e.Hook))
	}
	t.RawSetString("asks", asks)
	t.RawSetString("hooks", hooks)
	return t
}
