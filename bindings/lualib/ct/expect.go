package ct

import (
	"context"
	"fmt"
	"net/netip"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/bindings/engine/plan"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/lua/value"
)

// expectation is an expectation as a script holds it.
type expectation struct {
	h *Host
	e wire.Expect
}

func expectField(get func(*wire.Expect) lua.LValue) func(*lua.LState, *expectation) lua.LValue {
	return func(_ *lua.LState, x *expectation) lua.LValue { return get(&x.e) }
}

func expectPort(get func(*wire.Expect) (wire.Tuple, bool)) func(*lua.LState, *expectation) lua.LValue {
	return expectField(func(e *wire.Expect) lua.LValue {
		t, dst := get(e)
		switch {
		case !wire.HasPorts(e.Tuple.Proto):
			return lua.LNil
		case dst:
			return lua.LNumber(t.DstPort)
		}
		return lua.LNumber(t.SrcPort)
	})
}

func flagField(bit wire.ExpectFlags) func(*lua.LState, *expectation) lua.LValue {
	return expectField(func(e *wire.Expect) lua.LValue { return lua.LBool(e.Flags&bit != 0) })
}

var expectType = value.NewType[*expectation]("expectation").
	Field("src", expectField(func(e *wire.Expect) lua.LValue { return lua.LString(e.Tuple.Src.String()) })).
	Field("dst", expectField(func(e *wire.Expect) lua.LValue { return lua.LString(e.Tuple.Dst.String()) })).
	Field("sport", expectPort(func(e *wire.Expect) (wire.Tuple, bool) { return e.Tuple, false })).
	Field("dport", expectPort(func(e *wire.Expect) (wire.Tuple, bool) { return e.Tuple, true })).
	Field("proto", expectField(func(e *wire.Expect) lua.LValue { return lua.LString(wire.ProtoName(e.Tuple.Proto)) })).
	Field("mask_src", expectField(func(e *wire.Expect) lua.LValue { return lua.LString(e.Mask.Src.String()) })).
	Field("mask_dst", expectField(func(e *wire.Expect) lua.LValue { return lua.LString(e.Mask.Dst.String()) })).
	Field("mask_sport", expectPort(func(e *wire.Expect) (wire.Tuple, bool) { return e.Mask, false })).
	Field("mask_dport", expectPort(func(e *wire.Expect) (wire.Tuple, bool) { return e.Mask, true })).
	Field("master", expectField(func(e *wire.Expect) lua.LValue { return lua.LString(e.Master.String()) })).
	Field("timeout", expectField(func(e *wire.Expect) lua.LValue { return lua.LNumber(e.Timeout) })).
	Field("id", expectField(func(e *wire.Expect) lua.LValue { return lua.LNumber(e.ID) })).
	Field("zone", expectField(func(e *wire.Expect) lua.LValue { return lua.LNumber(e.Tuple.Zone) })).
	Field("helper", expectField(func(e *wire.Expect) lua.LValue { return lua.LString(e.Helper) })).
	Field("class", expectField(func(e *wire.Expect) lua.LValue { return lua.LNumber(e.Class) })).
	Field("permanent", flagField(wire.ExpectPermanent)).
	Field("inactive", flagField(wire.ExpectInactive)).
	Field("userspace", flagField(wire.ExpectUserspace)).
	Field("fn", expectField(func(e *wire.Expect) lua.LValue { return lua.LString(e.Fn) })).
	Method("delete", func(a *value.Args, x *expectation) int {
		a.AtMost(0)
		req, err := wire.NewExpectDelete(&x.e)
		a.Raise(fail(err))
		p, err := plan.Direct("delete expectation", req)
		return x.h.plan(a, p, err)
	}).
	Method("timeout_to", func(a *value.Args, x *expectation) int {
		e := x.e
		e.Timeout, e.HasTimeout = uint32(a.Duration(1, "duration")), true
		p, err := plan.Direct("update expectation", &wire.ExpectUpdate{Expect: e})
		return x.h.plan(a, p, err)
	}).
	Text(func(x *expectation) string {
		return fmt.Sprintf("expect %s of %s, helper %s, %d s", x.e.Tuple, x.e.Master, x.e.Helper, x.e.Timeout)
	})

// expects are the expectations of a namespace.
type expects struct{ h *Host }

func (x *expects) all(a *value.Args) (list []wire.Expect) {
	var err error
	x.h.do(func(ctx context.Context) {
		err = x.h.kernel.Expects(ctx, wire.ExpectDump{}, func(e *wire.Expect) error {
			list = append(list, *e)
			return nil
		})
	})
	a.Raise(fail(err))
	return list
}

var expectsType = value.NewType[*expects]("expects").
	Method("count", func(a *value.Args, x *expects) int { return a.Return(lua.LNumber(len(x.all(a)))) }).
	Method("list", func(a *value.Args, x *expects) int {
		t := a.L.NewTable()
		for _, e := range x.all(a) {
			t.Append(expectType.New(a.L, &expectation{x.h, e}))
		}
		return a.Return(t)
	}).
	Method("first", func(a *value.Args, x *expects) int {
		if list := x.all(a); len(list) > 0 {
			return a.Return(expectType.New(a.L, &expectation{x.h, list[0]}))
		}
		return a.Return(lua.LNil)
	}).
	Method("print", func(a *value.Args, x *expects) int {
		for _, e := range x.all(a) {
			fmt.Fprintln(x.h.opt.Stdout, expectType.New(a.L, &expectation{x.h, e}))
		}
		return 0
	}).
	Len(func(a *value.Args, x *expects) int { return a.Return(lua.LNumber(len(x.all(a)))) }).
	Text(func(*expects) string { return "expects" })

// expect is ct.expect{...}: a plan to expect a flow. master is a flow that has
// a helper; the ports and addresses that are left out match any.
func (h *Host) expect(a *value.Args) int {
	a.AtMost(1)
	t := a.Table(1, "expectation")
	if t == nil {
		a.Bad("expectation", "want a table of fields, got nil")
	}
	m, ok := flowType.Is(t.Field("master"))
	if !ok {
		t.Bad("master", "want a flow, got %s", value.Describe(t.Field("master")))
	}
	e := wire.Expect{Master: m.e.Orig}
	family := m.e.Orig.Family
	e.Tuple = wire.Tuple{Family: family, Proto: protoFrom(t), Zone: m.e.Orig.Zone}
	e.Mask = wire.Tuple{Family: family, Proto: e.Tuple.Proto}
	e.Tuple.Src, e.Mask.Src = endFrom(t, "src", family)
	e.Tuple.Dst, e.Mask.Dst = endFrom(t, "dst", family)
	e.Tuple.SrcPort, e.Mask.SrcPort = portFrom(t, "sport")
	e.Tuple.DstPort, e.Mask.DstPort = portFrom(t, "dport")
	e.Class = uint32(optional(t, "class", 255))
	if t.Bool("permanent") {
		e.Flags |= wire.ExpectPermanent
	}
	if t.Bool("inactive") {
		e.Flags |= wire.ExpectInactive
	}
	if t.Has("fn") {
		e.Fn = t.Text("fn")
	}
	t.Done()
	p, err := plan.Direct("expect", &wire.ExpectCreate{Expect: e})
	return h.plan(a, p, err)
}

// endFrom reads an address and its mask, both empty where it was left out.
func endFrom(t *value.Table, key string, family uint8) (addr, mask wire.Addr) {
	if !t.Has(key) {
		zero := wire.AddrFrom(netip.IPv6Unspecified())
		if family == wire.FamilyIPv4 {
			zero = wire.AddrFrom(netip.IPv4Unspecified())
		}
		return zero, zero
	}
	given := t.Addr(t.Field(key), key)
	if given.Is4() != (family == wire.FamilyIPv4) {
		t.Bad(key, "%s is not of the family of the master", given)
	}
	for i := range mask {
		mask[i] = 0xff
	}
	if given.Is4() {
		mask = wire.AddrFrom(netip.AddrFrom4([4]byte{255, 255, 255, 255}))
	}
	return wire.AddrFrom(given), mask
}

func portFrom(t *value.Table, key string) (p, mask uint16) {
	if !t.Has(key) {
		return 0, 0
	}
	return port(t, key), 65535
}
