package keyed

import (
	"fmt"
	"math"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/lua/luaerr"
	"github.com/ctsh/ctsh/lua/registry"
	"github.com/ctsh/ctsh/lua/vm"
)

// object is a Map as a script holds it.
type object struct {
	m     *Map[lua.LValue, lua.LValue]
	limit int
	ttl   time.Duration
}

const keyType = "string | number | bool"

var mapType = registry.NewType[*object]("map", "a table with a bound: it holds at most cap keys, the one set longest ago makes room, and a key goes ttl after it was last set").
	Example(`ct> m = map{cap = 2}
ct> m:set("a", 1) m:set("b", 2) m:set("c", 3)
ct> m:get("a") == nil, m:get("c"), #m
true
3
2`).
	Field("cap: int", "how many keys it holds at most", func(_ *lua.LState, o *object) lua.LValue { return lua.LNumber(o.limit) }).
	Field("evicted: int", "how many keys had to make room so far", func(_ *lua.LState, o *object) lua.LValue { return lua.LNumber(o.m.Evicted()) }).
	Field("expired: int", "how many keys went because their time was up", func(_ *lua.LState, o *object) lua.LValue { return lua.LNumber(o.m.Expired()) }).
	Method("get(key: "+keyType+") -> any", "the value of a key, nil if it is not there. Reading does not renew it", func(o *object, c *registry.Call) int {
		if v, ok := o.m.Get(c.Get(1)); ok {
			return c.Return(v)
		}
		return c.Return(lua.LNil)
	}).
	Example(`ct> map():get("a") == nil
true`).
	Method("set(key: "+keyType+", value: any)", "gives a key a value and renews it", func(o *object, c *registry.Call) int {
		o.m.Set(key(c), c.Get(2))
		return 0
	}).
	Example(`ct> m = map()
ct> m:set("10.0.0.1", true)
ct> m:get("10.0.0.1")
true`).
	Method("add(key: "+keyType+", n: number = 1) -> number", "adds to the number of a key, which begins at 0, and renews it", func(o *object, c *registry.Call) int {
		old, _ := o.m.Get(c.Get(1))
		sum, ok := old.(lua.LNumber)
		if old != nil && !ok {
			c.Bad("key", "its value is a %s, not a number", old.Type())
		}
		sum += lua.LNumber(c.Number(2))
		o.m.Set(key(c), sum)
		return c.Return(sum)
	}).
	Example(`ct> m = map()
ct> m:add("10.0.0.1"), m:add("10.0.0.1", 5)
1
6`).
	Method("delete(key: "+keyType+") -> any", "takes a key out and returns the value it had", func(o *object, c *registry.Call) int {
		if v, ok := o.m.Delete(c.Get(1)); ok {
			return c.Return(v)
		}
		return c.Return(lua.LNil)
	}).
	Example(`ct> m = map()
ct> m:set("a", 1)
ct> m:delete("a"), #m
1
0`).
	Method("clear()", "takes every key out", func(o *object, _ *registry.Call) int { o.m.Clear(); return 0 }).
	Example(`ct> m = map()
ct> m:set("a", 1) m:clear()
ct> #m
0`).
	Method("each(fn: function)", "calls fn(key, value) for every key that is there at the start, the one set last first", func(o *object, c *registry.Call) int {
		fn := c.Func(1)
		for _, k := range o.m.Keys() {
			v, ok := o.m.Get(k)
			if !ok {
				continue
			}
			c.L.Push(fn)
			c.L.Push(k)
			c.L.Push(v)
			c.L.Call(2, 0)
		}
		return 0
	}).
	Example(`ct> m = map()
ct> m:set("a", 1) m:set("b", 2)
ct> m:each(print)
b	2
a	1`).
	Len(func(c *registry.Call, o *object) int { return c.Return(lua.LNumber(o.m.Len())) }).
	Text(func(o *object) string { return fmt.Sprintf("map of %d keys, at most %d", o.m.Len(), o.limit) })

// key is an argument that can be found again: NaN cannot.
func key(c *registry.Call) lua.LValue {
	k := c.Get(1)
	if n, ok := k.(lua.LNumber); ok && math.IsNaN(float64(n)) {
		luaerr.Raise(c.L, luaerr.New(luaerr.ETYPE, c.Op(), "%s: NaN is no key", c.Op()))
	}
	return k
}

var prelude = registry.NewModule[func() time.Time]("", "").
	Func("map(options?: {cap?: int 1..100000000 = 10000, ttl?: duration}) -> map",
		"makes a bounded table, for state that is kept by address, mark or id: a plain table never frees the keys it ever had",
		func(now func() time.Time, c *registry.Call) int {
			t := c.Table(1)
			o := &object{limit: t.Int("cap"), ttl: time.Duration(t.Number("ttl") * float64(time.Second))}
			if t.Has("ttl") && o.ttl <= 0 {
				t.Bad("ttl", "want a duration above 0")
			}
			o.m = New[lua.LValue, lua.LValue](o.limit, o.ttl, now)
			return c.Return(mapType.New(c.L, o))
		}).
	Example(`ct> map{cap = 1000, ttl = "10m"}
map of 0 keys, at most 1000`)

// Open adds map to a state. now is the clock, time.Now where it is nil.
func Open(v *vm.VM, now func() time.Time) {
	if now == nil {
		now = time.Now
	}
	prelude.Open(v.L, now, v.Set)
}
