package nft

import (
	"context"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/nft"
	"github.com/ctsh/ctsh/lua/registry"
)

// adder is nft.adder(set, options).
func (h *Host) adder(c *registry.Call) int {
	o := &object{h, h.find(c, c.Get(1))}
	timeout := h.timeout(c, c.Table(2))
	return h.handler(c, o, "would be added to set "+o.s.String(), nft.Entry{Timeout: timeout}, func(ctx context.Context, es []nft.Element) error {
		_, err := o.s.Add(ctx, es, timeout)
		return err
	})
}

// deleter is nft.deleter(set).
func (h *Host) deleter(c *registry.Call) int {
	o := &object{h, h.find(c, c.Get(1))}
	return h.handler(c, o, "would be deleted from set "+o.s.String(), nft.Entry{}, func(ctx context.Context, es []nft.Element) error {
		_, err := o.s.Delete(ctx, es)
		return err
	})
}

// handler returns a function that acts at once on what it is called with.
func (h *Host) handler(c *registry.Call, o *object, spared string, like nft.Entry, act func(context.Context, []nft.Element) error) int {
	if h.opt.ReadOnly {
		c.Raise(fail(c.Op(), conntrack.ErrReadOnly))
	}
	op := *c
	return c.Return(c.L.NewFunction(func(L *lua.LState) int {
		call := op
		call.L = L
		es := o.given(&call, L.Get(1))
		for _, e := range es {
			like.Element = e
			call.Raise(fail(call.Op(), o.s.Takes(like)))
		}
		if h.opt.DryRun {
			h.spared[spared] += len(es)
			return 0
		}
		var err error
		h.do(func(ctx context.Context) { err = act(ctx, es) })
		call.Raise(fail(call.Op(), err))
		return 0
	}))
}

// given are the elements that a function was called with: elements, or a row
// whose first columns are the values of one.
func (o *object) given(c *registry.Call, v lua.LValue) []nft.Element {
	if _, ok := v.(*lua.LUserData); !ok || o.h.opt.Columns == nil {
		return o.elements(c, v)
	}
	list := o.h.opt.Columns(c.L, v, len(o.s.Key))
	if list == nil {
		return o.elements(c, v)
	}
	parts := make([]string, len(list))
	for i, x := range list {
		parts[i] = text(c, "row", x)
	}
	e, err := o.s.Parse(parts...)
	c.Raise(fail(c.Op(), err))
	return []nft.Element{e}
}
