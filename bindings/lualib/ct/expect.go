package ct

import (
	"context"
	"fmt"
	"math"
	"net/netip"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/engine/plan"
	"github.com/ctsh/ctsh/bindings/engine/query"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/lua/escape"
	"github.com/ctsh/ctsh/lua/luaerr"
	"github.com/ctsh/ctsh/lua/registry"
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

var expectType = registry.NewType[*expectation]("expectation", "a flow that a helper waits for").
	Example(`ct> m = flows:where{helper = "ftp"}:first()
ct> r = ct.expect{master = m, proto = "tcp", dst = "10.0.0.5", dport = 2021}:apply()
ct> expects:first().dport
2021`).
	Field("src: address", "source it waits for", expectField(func(e *wire.Expect) lua.LValue { return lua.LString(e.Tuple.Src.String()) })).
	Field("dst: address", "destination it waits for", expectField(func(e *wire.Expect) lua.LValue { return lua.LString(e.Tuple.Dst.String()) })).
	Field("sport?: int", "source port it waits for", expectPort(func(e *wire.Expect) (wire.Tuple, bool) { return e.Tuple, false })).
	Field("dport?: int", "destination port it waits for", expectPort(func(e *wire.Expect) (wire.Tuple, bool) { return e.Tuple, true })).
	Field("proto: text", "protocol it waits for", expectField(func(e *wire.Expect) lua.LValue { return lua.LString(wire.ProtoName(e.Tuple.Proto)) })).
	Field("mask_src: address", "bits of src that count", expectField(func(e *wire.Expect) lua.LValue { return lua.LString(e.Mask.Src.String()) })).
	Field("mask_dst: address", "bits of dst that count", expectField(func(e *wire.Expect) lua.LValue { return lua.LString(e.Mask.Dst.String()) })).
	Field("mask_sport?: int", "bits of sport that count", expectPort(func(e *wire.Expect) (wire.Tuple, bool) { return e.Mask, false })).
	Field("mask_dport?: int", "bits of dport that count", expectPort(func(e *wire.Expect) (wire.Tuple, bool) { return e.Mask, true })).
	Field("master: text", "tuple of the flow that expects it", expectField(func(e *wire.Expect) lua.LValue { return lua.LString(e.Master.String()) })).
	Field("timeout: duration", "seconds until it is forgotten", expectField(func(e *wire.Expect) lua.LValue { return lua.LNumber(e.Timeout) })).
	Field("id: int", "identifier", expectField(func(e *wire.Expect) lua.LValue { return lua.LNumber(e.ID) })).
	Field("zone: int", "zone", expectField(func(e *wire.Expect) lua.LValue { return lua.LNumber(e.Tuple.Zone) })).
	Field("helper: text", "helper that made it, or that its master has", expectField(func(e *wire.Expect) lua.LValue { return lua.LString(e.Helper) })).
	Field("class: int", "class within the helper", expectField(func(e *wire.Expect) lua.LValue { return lua.LNumber(e.Class) })).
	Field("permanent: bool", "it stays after the first match", flagField(wire.ExpectPermanent)).
	Field("inactive: bool", "it matches nothing yet", flagField(wire.ExpectInactive)).
	Field("userspace: bool", "it was made by a helper in user space", flagField(wire.ExpectUserspace)).
	Field("fn: text", "function that sets the expected flow up", expectField(func(e *wire.Expect) lua.LValue { return lua.LString(e.Fn) })).
	Method("delete() -> plan", "plans to delete it", func(x *expectation, c *registry.Call) int {
		return x.h.plan(c, x.h.deletingExpects(c, "delete expectation", x.e.Tuple.String(), []wire.Expect{x.e}), nil)
	}).
	Example(`ct> m = flows:where{helper = "ftp"}:first()
ct> r = ct.expect{master = m, proto = "tcp", dst = "10.0.0.5", dport = 2021}:apply()
ct> r = expects:first():delete():apply()
ct> r
delete expectation: 1 matched, 1 applied in ...
ct> r:undo():apply()
undo delete expectation: 1 matched, 1 applied in ...
ct> expects:first().dport
2021`).
	Method("timeout_to(duration: duration 1..8589934) -> plan", "plans to let it live so long from now, in whole seconds: a part of one counts as one", func(x *expectation, c *registry.Call) int {
		e := x.e
		e.Timeout, e.HasTimeout = wholeSeconds(c.Number(1)), true
		return x.h.plan(c, plan.Act("update expectation", e.Tuple.String(), x.h.prolongingExpect(c, x.e, e)), nil)
	}).
	Example(`ct> m = flows:where{helper = "ftp"}:first()
ct> r = ct.expect{master = m, proto = "tcp", dst = "10.0.0.5", dport = 2021}:apply()
ct> r = expects:first():timeout_to("10m"):apply()
ct> expects:first().timeout > 500
true`).
	Text(func(x *expectation) string { return expectText(&x.e) })

func expectText(e *wire.Expect) string {
	return fmt.Sprintf("expect %s of %s, helper %s, %d s", e.Tuple, e.Master, escape.Terminal(e.Helper), e.Timeout)
}

// expectFields are the columns of expectations, in order.
var expectFields = field.Columns(
	column("src", field.Address, "source it waits for"),
	column("dst", field.Address, "destination it waits for"),
	port("sport", "source port it waits for"),
	port("dport", "destination port it waits for"),
	&field.Field{Name: "proto", Kind: field.Text, Words: wire.ProtoNames, Doc: "protocol it waits for"},
	column("mask_src", field.Address, "bits of src that count"),
	column("mask_dst", field.Address, "bits of dst that count"),
	port("mask_sport", "bits of sport that count"),
	port("mask_dport", "bits of dport that count"),
	column("master", field.Text, "tuple of the flow that expects it"),
	&field.Field{Name: "timeout", Kind: field.Number, Unit: "s", Max: math.MaxUint32, Doc: "seconds until it is forgotten"},
	&field.Field{Name: "id", Kind: field.Number, Max: math.MaxUint32, Doc: "identifier"},
	port("zone", "zone"),
	column("helper", field.Text, "helper that made it, or that its master has"),
	&field.Field{Name: "class", Kind: field.Number, Max: math.MaxUint32, Doc: "class within the helper"},
	column("permanent", field.Flag, "it stays after the first match"),
	column("inactive", field.Flag, "it matches nothing yet"),
	column("userspace", field.Flag, "it was made by a helper in user space"),
	column("fn", field.Text, "function that sets the expected flow up"),
)

func column(name string, kind field.Kind, doc string) *field.Field {
	return &field.Field{Name: name, Kind: kind, Doc: doc}
}

func port(name, doc string) *field.Field {
	return &field.Field{Name: name, Kind: field.Number, Max: math.MaxUint16, Doc: doc}
}

// cellsOf are the columns of an expectation.
func cellsOf(e *wire.Expect) []field.Cell {
	addr := func(a wire.Addr) field.Cell { return field.Cell{Value: field.Value{Addr: a}, Has: true} }
	num := func(n uint32) field.Cell { return field.Cell{Value: field.Value{Num: float64(n)}, Has: true} }
	text := func(s string) field.Cell { return field.Cell{Value: field.Value{Str: s}, Has: s != ""} }
	on := func(bit wire.ExpectFlags) field.Cell {
		return field.Cell{Value: field.Value{On: e.Flags&bit != 0}, Has: true}
	}
	end := func(p uint16) field.Cell {
		return field.Cell{Value: field.Value{Num: float64(p)}, Has: wire.HasPorts(e.Tuple.Proto)}
	}
	t, m := &e.Tuple, &e.Mask
	return []field.Cell{addr(t.Src), addr(t.Dst), end(t.SrcPort), end(t.DstPort), text(wire.ProtoName(t.Proto)),
		addr(m.Src), addr(m.Dst), end(m.SrcPort), end(m.DstPort), text(e.Master.String()),
		num(e.Timeout), num(e.ID), num(uint32(t.Zone)), text(e.Helper), num(e.Class),
		on(wire.ExpectPermanent), on(wire.ExpectInactive), on(wire.ExpectUserspace), text(e.Fn)}
}

// expects is where the expectations of a namespace come from.
func (h *Host) expects() query.Source {
	return &query.Computed{Name: "expects", Set: expectFields, Rows: func(ctx context.Context, fn func(*field.Row) error) error {
		var r field.Row
		return h.kernel.Expects(ctx, wire.ExpectDump{}, func(e *wire.Expect) error {
			r.ResetCells(cellsOf(e))
			r.SetAbout(&expectation{h, *e})
			return fn(&r)
		})
	}}
}

// expect is ct.expect{...}.
func (h *Host) expect(c *registry.Call) int {
	t := c.Table(1)
	m, _ := flowType.Is(t.Get("master"))
	master := m.entry()
	e := wire.Expect{Master: master.Orig}
	family := master.Orig.Family
	e.Tuple = wire.Tuple{Family: family, Proto: protoFrom(c, t), Zone: master.Orig.Zone}
	e.Mask = wire.Tuple{Family: family, Proto: e.Tuple.Proto}
	e.Tuple.Src, e.Mask.Src = endFrom(t, "src", family)
	e.Tuple.Dst, e.Mask.Dst = endFrom(t, "dst", family)
	e.Tuple.SrcPort, e.Mask.SrcPort = portFrom(t, "sport")
	e.Tuple.DstPort, e.Mask.DstPort = portFrom(t, "dport")
	e.Class, e.Fn = uint32(t.Int("class")), t.Text("fn")
	if t.Bool("permanent") {
		e.Flags |= wire.ExpectPermanent
	}
	if t.Bool("inactive") {
		e.Flags |= wire.ExpectInactive
	}
	return h.plan(c, plan.Act("expect", e.Tuple.String(), h.makingExpect(c, e)), nil)
}

// endFrom reads an address and its mask, both empty where it was left out.
func endFrom(t *registry.Table, key string, family uint8) (addr, mask wire.Addr) {
	if !t.Has(key) {
		zero := wire.AddrFrom(netip.IPv6Unspecified())
		if family == wire.FamilyIPv4 {
			zero = wire.AddrFrom(netip.IPv4Unspecified())
		}
		return zero, zero
	}
	given := t.Addr(key)
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

func portFrom(t *registry.Table, key string) (p, mask uint16) {
	if !t.Has(key) {
		return 0, 0
	}
	return uint16(t.Int(key)), 65535
}

// deleteExpects plans to delete the expectations of s that there are now.
func (s *selection) deleteExpects(c *registry.Call) int {
	if !s.q.Selects() && !s.all {
		e := luaerr.New(luaerr.ETYPE, c.Op(), "%s: no filter", c.Op())
		luaerr.Raise(c.L, e.WithHint("say expects:where(ct.all) to mean every expectation"))
	}
	var list []wire.Expect
	s.h.hand(c, s.q, field.PartAll, false, func(r *field.Row) error {
		if x, ok := r.About().(*expectation); ok {
			list = append(list, x.e)
		}
		return nil
	})
	return s.h.plan(c, s.h.deletingExpects(c, "delete", s.q.String(), list), nil)
}
