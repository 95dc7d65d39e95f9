package nft

import (
	"context"
	"fmt"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/bindings/engine/plan"
	"github.com/ctsh/ctsh/bindings/kernel/nft"
	"github.com/ctsh/ctsh/lua/escape"
	"github.com/ctsh/ctsh/lua/registry"
)

// object is a set as a script holds it.
type object struct {
	h *Host
	s *nft.Set
}

// elementDoc says how elements are given.
const elementDoc = `An element is text as nft writes it: "10.0.0.1", "10.0.0.0/8" or "10.0.0.1-10.0.0.9" in a set of intervals, "10.0.0.1 . 80" for a combination, ` +
	`of which {"10.0.0.1", 80} is another form. A list stands for many elements`

// shown is how many elements a prompt shows of a set.
const shown = 10

var setType = registry.NewType[*object]("nft.set", "a set of nftables. What it holds is read when asked for").
	Example(`ct> nft.set("inet filter services")
set inet filter services, ipv4_addr . inet_service, flags interval: 1 element
  10.0.0.0/8 . 80-90`).
	Field("name: text", "family, table and name", func(_ *lua.LState, o *object) lua.LValue { return lua.LString(o.s.String()) }).
	Field("type: text", "what its elements are, in the words of nft", func(_ *lua.LState, o *object) lua.LValue { return lua.LString(o.s.Type()) }).
	Field("flags: text[]", "what nft calls them: constant, interval, timeout, dynamic", func(L *lua.LState, o *object) lua.LValue {
		t := L.NewTable()
		for _, f := range o.s.Flags() {
			t.Append(lua.LString(f))
		}
		return t
	}).
	Field("map: bool", "its elements have data; it is not changed here", func(_ *lua.LState, o *object) lua.LValue { return lua.LBool(o.s.Map) }).
	Field("timeout?: duration", "of elements that are given none", func(_ *lua.LState, o *object) lua.LValue {
		return seconds(o.s.Traits().Timeout)
	}).
	Field("size?: int", "how many elements it may hold", func(_ *lua.LState, o *object) lua.LValue {
		if n := o.s.Traits().Size; n > 0 {
			return lua.LNumber(n)
		}
		return lua.LNil
	})

// The methods make plans of other types, so they are added after this one.
func init() {
	setType.
		Method("add(element: string | number | table, options?: {timeout?: duration}) -> plan",
			"plans to add elements. "+elementDoc+". One that is there with a timeout gets it anew, from now on; one that is there for good stays so. "+
				"They go out in transactions of up to 256, of which each is made as a whole or not at all", func(o *object, c *registry.Call) int {
				var entries []nft.Entry
				for _, e := range o.elements(c, c.Get(1)) {
					entries = append(entries, nft.Entry{Element: e, Timeout: o.h.timeout(c, c.Table(2))})
				}
				for _, e := range entries {
					c.Raise(fail(c.Op(), o.s.Takes(e)))
				}
				return o.plan(c, "add", change{put: entries})
			}).
		Raises("ETYPE for what the set cannot hold").
		Example(`ct> nft.set("inet filter synflood"):add({"198.51.100.66", "203.0.113.9"}, {timeout = "10m"})
plan: add 2 elements to set inet filter synflood for 10m0s
...
ct> nft.set("inet filter services"):add{"192.0.2.1", "https"}:apply()
add: 1 matched, 1 applied in ...
ct> nft.set("inet filter synflood"):add("fd00::1")
prompt:1: nft.set:add: element "fd00::1" of set inet filter synflood: fd00::1 is an IPv6 address, the set holds IPv4 addresses (ipv4_addr)`).
		Method("delete(element: string | number | table) -> plan",
			"plans to delete elements, given as for add. One that is not there is no error, and counted as gone", func(o *object, c *registry.Call) int {
				es := o.elements(c, c.Get(1))
				for _, e := range es {
					c.Raise(fail(c.Op(), o.s.Takes(nft.Entry{Element: e})))
				}
				return o.plan(c, "delete", change{remove: es})
			}).
		Raises("ETYPE for what the set cannot hold").
		Example(`ct> nft.set("inet filter synflood"):delete{"192.0.2.1", "192.0.2.2"}:apply()
delete: 2 matched, 1 applied, 1 gone in ...`).
		Method("has(element: string | number | table) -> bool", "whether the set holds an element. In a set of intervals it does if one of them covers all of it", func(o *object, c *registry.Call) int {
			es := o.elements(c, c.Get(1))
			if len(es) != 1 {
				c.Bad("element", "want one element, got a list of %d", len(es))
			}
			var has bool
			var err error
			o.h.do(func(ctx context.Context) { has, err = o.s.Has(ctx, es[0]) })
			c.Raise(fail(c.Op(), err))
			return c.Return(lua.LBool(has))
		}).
		Raises("ETYPE for what the set cannot hold").
		Example(`ct> nft.set("inet filter nets"):has("10.1.2.3")
true
ct> nft.set("inet filter services"):has{"10.1.2.3", 91}
false`).
		Method("list() -> table[]", "what the set holds, in order: a table for each element with element, and where it has one timeout, expires (seconds left) and comment", func(o *object, c *registry.Call) int {
			list := o.entries(c)
			t := c.L.NewTable()
			for _, e := range list {
				t.Append(row(c.L, e))
			}
			return c.Return(showing(c.L, t, entryLines(list)))
		}).
		Example(`ct> r = nft.set("inet filter synflood"):list()[1]
ct> r.element, r.timeout, r.expires <= 3600, r.comment
192.0.2.1
3600
true
by hand
ct> nft.set("inet filter nets"):list()
10.0.0.0/8`).
		Len(func(c *registry.Call, o *object) int { return c.Return(lua.LNumber(len(o.entries(c)))) }).
		Text(func(o *object) string { return o.text() }).
		Show(func(c *registry.Call, o *object) string {
			list := o.entries(c)
			head := o.text() + ": " + elements(len(list))
			return strings.Join(append([]string{head}, entryLines(list)...), "\n  ")
		})
}

// text is the set in one line.
func (o *object) text() string {
	kind := "set"
	if o.s.Map {
		kind = "map"
	}
	text := fmt.Sprintf("%s %s, %s", kind, escape.Terminal(o.s.String()), o.s.Type())
	if flags := o.s.Flags(); len(flags) > 0 {
		text += ", flags " + strings.Join(flags, ",")
	}
	t := o.s.Traits()
	if t.Timeout > 0 {
		text += fmt.Sprintf(", timeout %v", t.Timeout)
	}
	if t.Size > 0 {
		text += fmt.Sprintf(", size %d", t.Size)
	}
	return text
}

// entries reads the set.
func (o *object) entries(c *registry.Call) (list []nft.Entry) {
	var err error
	o.h.do(func(ctx context.Context) {
		err = o.s.List(ctx, func(e nft.Entry) error { list = append(list, e); return nil })
	})
	c.Raise(fail(c.Op(), err))
	return list
}

// entryLines are the first elements of a list, a line each.
func entryLines(list []nft.Entry) []string {
	var lines []string
	for _, e := range list[:min(len(list), shown)] {
		lines = append(lines, entryText(e))
	}
	if n := len(list) - shown; n > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", n))
	}
	return lines
}

// entryText is an element in one line.
func entryText(e nft.Entry) string {
	text := escape.Terminal(e.Element.String())
	if e.Timeout > 0 {
		text += fmt.Sprintf("  timeout %v, expires in %v", e.Timeout, e.Expires.Round(time.Second))
	}
	if e.Comment != "" {
		text += "  " + escape.Terminal(e.Comment)
	}
	return text
}

// row is an element as a script sees it.
func row(L *lua.LState, e nft.Entry) *lua.LTable {
	t := L.CreateTable(0, 4)
	t.RawSetString("element", lua.LString(e.Element.String()))
	if e.Timeout > 0 {
		t.RawSetString("timeout", seconds(e.Timeout))
		t.RawSetString("expires", seconds(e.Expires))
	}
	if e.Comment != "" {
		t.RawSetString("comment", lua.LString(e.Comment))
	}
	return t
}

// seconds is a time as scripts count it, nil for none.
func seconds(d time.Duration) lua.LValue {
	if d <= 0 {
		return lua.LNil
	}
	return lua.LNumber(d.Seconds())
}

// timeout is the option of that name, 0 where it is left out.
func (h *Host) timeout(c *registry.Call, t *registry.Table) time.Duration {
	if !t.Has("timeout") {
		return 0
	}
	d := time.Duration(t.Number("timeout") * float64(time.Second))
	if d < time.Millisecond {
		t.Bad("timeout", "want a duration above 0; leave it out for the default of the set")
	}
	return d
}

// plan returns the plan of a change to the script.
func (o *object) plan(c *registry.Call, op string, ch change) int {
	ch.set = o.s
	return o.h.opt.Plan(c, plan.Act(op, ch.String(), o.h.action(ch)))
}
