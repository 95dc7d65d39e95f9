package ct

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/bindings/engine/plan"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/lua/value"
)

// tupleNames are the fields that make a tuple.
type tupleNames struct{ src, dst, sport, dport, icmpType, icmpCode, icmpID string }

var (
	origNames  = tupleNames{"src", "dst", "sport", "dport", "icmp_type", "icmp_code", "icmp_id"}
	replyNames = tupleNames{"rsrc", "rdst", "rsport", "rdport", "ricmp_type", "ricmp_code", "ricmp_id"}
)

// tupleFrom reads a tuple. What the protocol needs must be there.
func tupleFrom(t *value.Table, n tupleNames, proto uint8) (tup wire.Tuple) {
	src, dst := t.Addr(t.Field(n.src), n.src), t.Addr(t.Field(n.dst), n.dst)
	if src.Is4() != dst.Is4() {
		t.Bad(n.dst, "%s and %s %s are of different families", dst, n.src, src)
	}
	tup = wire.Tuple{Src: wire.AddrFrom(src), Dst: wire.AddrFrom(dst), Proto: proto, Family: wire.FamilyIPv6}
	if src.Is4() {
		tup.Family = wire.FamilyIPv4
	}
	switch {
	case wire.HasPorts(proto):
		tup.SrcPort, tup.DstPort = port(t, n.sport), port(t, n.dport)
	case proto == wire.ProtoICMP || proto == wire.ProtoICMPv6:
		tup.SetICMP(uint8(t.Int(n.icmpType, 0, 255)), uint8(optional(t, n.icmpCode, 255)), uint16(optional(t, n.icmpID, 65535)))
	case proto == wire.ProtoGRE && n == origNames && t.Has("gre_key"):
		tup.SrcPort = port(t, "gre_key")
		tup.DstPort = tup.SrcPort
	}
	return tup
}

func port(t *value.Table, key string) uint16 { return uint16(t.Int(key, 0, 65535)) }

func optional(t *value.Table, key string, hi int64) int64 {
	if !t.Has(key) {
		return 0
	}
	return t.Int(key, 0, hi)
}

func protoFrom(t *value.Table) uint8 {
	name := ""
	switch v := t.Field("proto").(type) {
	case lua.LString:
		name = string(v)
	case lua.LNumber:
		return uint8(t.Int("proto", 0, 255))
	default:
		t.Bad("proto", "want a protocol, got %s", value.Describe(v))
	}
	p, ok := wire.ParseProto(name)
	if !ok {
		t.Bad("proto", "unknown protocol %q%s", name, hint(name, wire.ProtoNames()))
	}
	return p
}

// get is ct.get{tuple}: one flow, or nil.
func (h *Host) get(a *value.Args) int {
	a.AtMost(1)
	t := a.Table(1, "tuple")
	if t == nil {
		a.Bad("tuple", "want a table such as {proto = ..., src = ..., dst = ...}, got nil")
	}
	key := wire.Key{Tuple: tupleFrom(t, origNames, protoFrom(t))}
	key.Tuple.Zone = uint16(optional(t, "zone", 65535))
	t.Done()
	return h.reread(a, key)
}

// create is ct.create{...}: a plan to make a flow.
func (h *Host) create(a *value.Args) int {
	a.AtMost(1)
	t := a.Table(1, "flow")
	if t == nil {
		a.Bad("flow", "want a table of fields, got nil")
	}
	c := &wire.Create{Upsert: t.Bool("upsert")}
	e := &c.Entry
	proto := protoFrom(t)
	e.Orig = tupleFrom(t, origNames, proto)
	e.Orig.Zone = uint16(optional(t, "zone", 65535))
	if t.Has("rsrc") || t.Has("rdst") {
		e.Reply = tupleFrom(t, replyNames, proto)
		e.Reply.Zone = e.Orig.Zone
	}
	if !t.Has("timeout") {
		t.Bad("timeout", "missing: the kernel creates no flow without one")
	}
	secs := t.Seconds("timeout")
	if secs < 1 || secs > wire.MaxTimeout {
		t.Bad("timeout", "want 1 to %d seconds", wire.MaxTimeout)
	}
	e.Timeout, e.Present = uint32(secs), wire.HasTimeout
	createPolicy(t, e)
	c.SrcNAT, c.DstNAT = natFrom(t, "nat_src", "nat_sport"), natFrom(t, "nat_dst", "nat_dport")
	t.Done()
	p, err := plan.Direct("create", c)
	return h.plan(a, p, err)
}

// createPolicy reads state, status, mark, labels, helper and master.
func createPolicy(t *value.Table, e *wire.Entry) {
	if t.Has("state") {
		name := t.Text("state")
		state, ok := wire.ParseState(e.Orig.Proto, name)
		if !ok {
			t.Bad("state", "unknown %s state %q%s", wire.ProtoName(e.Orig.Proto), name, hint(name, wire.States(e.Orig.Proto)))
		}
		e.State, e.Present = state, e.Present|wire.HasState
	}
	for key, bits := range map[string]wire.Status{"replied": wire.StatusSeenReply,
		"assured": wire.StatusSeenReply | wire.StatusAssured, "fixed_timeout": wire.StatusFixedTimeout} {
		if t.Bool(key) {
			e.Status |= bits
		}
	}
	if t.Has("mark") {
		e.Mark, e.Present = uint32(t.Int("mark", 0, 1<<32-1)), e.Present|wire.HasMark
	}
	if t.Has("labels") {
		e.Labels, e.Present = labelsFrom(t), e.Present|wire.HasLabels
	}
	if t.Has("helper") {
		e.Helper, e.Present = t.Text("helper"), e.Present|wire.HasHelper
	}
	if t.Has("master") {
		m, ok := flowType.Is(t.Field("master"))
		if !ok {
			t.Bad("master", "want a flow, got %s", value.Describe(t.Field("master")))
		}
		e.Master, e.Present = m.e.Orig, e.Present|wire.HasMaster
	}
}

// natFrom reads a translation: an address, and a port where it is given.
func natFrom(t *value.Table, addr, ports string) *wire.NAT {
	if !t.Has(addr) {
		if t.Has(ports) {
			t.Bad(ports, "given without %s", addr)
		}
		return nil
	}
	to := wire.AddrFrom(t.Addr(t.Field(addr), addr))
	n := &wire.NAT{Min: to, Max: to}
	if t.Has(ports) {
		n.MinPort = uint16(t.Int(ports, 1, 65535))
		n.MaxPort = n.MinPort
	}
	return n
}

// flush is ct.flush{yes=true}: a plan to empty the table.
func (h *Host) flush(a *value.Args) int {
	a.AtMost(1)
	t := a.Table(1, "options")
	if t == nil || !t.Bool("yes") {
		a.Bad("options", "say ct.flush{yes = true} to plan emptying the table; flows:where{...}:delete() deletes some")
	}
	t.Done()
	p, err := plan.Direct("flush the table", &wire.Flush{All: true})
	return h.plan(a, p, err)
}
