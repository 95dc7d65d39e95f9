package nft

import (
	"context"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/bindings/kernel/nft"
	"github.com/ctsh/ctsh/lua/registry"
)

// raises are the errors of functions that look a set up.
const raises = "ENOENT for a set that is not there; ETYPE for a name that cannot be or is there more than once; EPERM without CAP_NET_ADMIN; ENOTSUP without nftables"

var module = registry.NewModule[*Host]("nft", "sets of the firewall: addresses, ports and the like that rules of nftables look up").
	Example(`ct> nft.set("inet filter synflood"):add("198.51.100.66", {timeout = "10m"}):apply()
add: 1 matched, 1 applied in ...
ct> nft.set("inet filter synflood"):has("198.51.100.66")
true`)

// The functions make sets, so they are added after that type is there.
func init() {
	module.
		Func("set(name: string) -> nft.set", "finds a set by family, table and name; the family may be left out where only one has it", func(h *Host, c *registry.Call) int {
			return c.Return(setType.New(c.L, &object{h, h.find(c, c.Get(1))}))
		}).
		Raises(raises).
		Example(`ct> nft.set("inet filter synflood").type
ipv4_addr
ct> nft.set("filter synflod")
prompt:1: nft.set: no set "filter synflod"; did you mean "inet filter synflood"?`).
		Func("sets() -> nft.set[]", "lists the named sets and maps of all tables", func(h *Host, c *registry.Call) int {
			var list []*nft.Set
			var err error
			h.do(func(ctx context.Context) { list, err = h.client.Sets(ctx) })
			c.Raise(fail(c.Op(), err))
			t, lines := c.L.NewTable(), make([]string, len(list))
			for i, s := range list {
				o := &object{h, s}
				t.Append(setType.New(c.L, o))
				lines[i] = o.text()
			}
			return c.Return(showing(c.L, t, lines))
		}).
		Raises("EPERM without CAP_NET_ADMIN; ENOTSUP without nftables").
		Example(`ct> for _, s in ipairs(nft.sets()) do print(s.name, s.type) end
inet filter synflood	ipv4_addr
inet filter nets	ipv4_addr
inet filter services	ipv4_addr . inet_service
ct> nft.sets()
set inet filter synflood, ipv4_addr, flags timeout
set inet filter nets, ipv4_addr, flags interval
set inet filter services, ipv4_addr . inet_service, flags interval`).
		Func("adder(set: string | nft.set, options?: {timeout?: duration}) -> function",
			"returns a function that adds an element at once, without a plan: for each, on and other handlers. It takes an element as nft.set:add does, or a flow, event or row, "+
				"of which the first columns count, one for each value of an element: that of a flow is src. One that is there gets its timeout anew. Under --dry-run it only counts", (*Host).adder).
		Raises(raises+"; EGUARD under --read-only").
		Example(`ct> flows:by("src"):count():having("n > 1"):each(nft.adder("inet filter synflood", {timeout = "10m"}))
ct> nft.set("inet filter synflood"):list()[1].element
10.0.0.7`).
		Func("deleter(set: string | nft.set) -> function", "is nft.adder for the way back: the function deletes an element at once; one that is not there is no error", (*Host).deleter).
		Raises(raises+"; EGUARD under --read-only").
		Example(`ct> out = nft.deleter("inet filter synflood")
ct> out("192.0.2.1") out("192.0.2.1")
ct> #nft.set("inet filter synflood")
0`).
		Func("uses(set: string | nft.set) -> nft.uses", "looks at all rules: which of them use a set, and whether packets from and to what is in it are dropped, also those of an established connection", func(h *Host, c *registry.Call) int {
			s := h.find(c, c.Get(1))
			var u *nft.Uses
			var err error
			h.do(func(ctx context.Context) { u, err = h.client.Uses(ctx, s) })
			c.Raise(fail(c.Op(), err))
			return c.Return(usesType.New(c.L, u))
		}).
		Raises(raises).
		Example(`ct> u = nft.uses("inet filter synflood")
ct> u.effective, u.hooks.input.source, u.hooks.forward.source
true
true
false
ct> nft.uses("inet filter nets").reason
no rule uses set inet filter nets`)
}

// find is the set that an argument names or is.
func (h *Host) find(c *registry.Call, v lua.LValue) *nft.Set {
	if o, ok := setType.Is(v); ok {
		return o.s
	}
	var s *nft.Set
	var err error
	h.do(func(ctx context.Context) { s, err = h.client.Set(ctx, v.String()) })
	c.Raise(fail(c.Op(), err))
	return s
}
