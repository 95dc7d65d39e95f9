package ct

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/bindings/engine/plan"
	"github.com/ctsh/ctsh/bindings/engine/query"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/lua/registry"
)

// tupleNames are the fields that make a tuple.
type tupleNames struct{ src, dst, sport, dport, icmpType, icmpCode, icmpID string }

var (
	origNames  = tupleNames{"src", "dst", "sport", "dport", "icmp_type", "icmp_code", "icmp_id"}
	replyNames = tupleNames{"rsrc", "rdst", "rsport", "rdport", "ricmp_type", "ricmp_code", "ricmp_id"}
)

// tupleFields are the arguments that make an original tuple, createFields what
// a new flow may have besides.
const (
	tupleFields = "proto: string | int 0..255, src: address, dst: address, sport?: int 0..65535, dport?: int 0..65535, " +
		"icmp_type?: int 0..255, icmp_code?: int 0..255, icmp_id?: int 0..65535, gre_key?: int 0..65535, zone?: int 0..65535"
	createFields = "timeout: duration 1..8589934, state?: string, replied?: bool, assured?: bool, fixed_timeout?: bool, " +
		"mark?: int 0..4294967295, labels?: table, helper?: string, master?: flow, upsert?: bool, " +
		"nat_src?: address, nat_sport?: int 1..65535, nat_dst?: address, nat_dport?: int 1..65535, " +
		"rsrc?: address, rdst?: address, rsport?: int 0..65535, rdport?: int 0..65535, " +
		"ricmp_type?: int 0..255, ricmp_code?: int 0..255, ricmp_id?: int 0..65535"
)

// tupleFrom reads a tuple. What the protocol needs must be there.
func tupleFrom(t *registry.Table, n tupleNames, proto uint8) (tup wire.Tuple) {
	for _, end := range []string{n.src, n.dst} {
		if !t.Has(end) {
			t.Bad(end, "want an address, got nil")
		}
	}
	src, dst := t.Addr(n.src), t.Addr(n.dst)
	if src.Is4() != dst.Is4() {
		t.Bad(n.dst, "%s and %s %s are of different families", dst, n.src, src)
	}
	tup = wire.Tuple{Src: wire.AddrFrom(src), Dst: wire.AddrFrom(dst), Proto: proto, Family: wire.FamilyIPv6}
	if src.Is4() {
		tup.Family = wire.FamilyIPv4
	}
	switch {
	case wire.HasPorts(proto):
		tup.SrcPort, tup.DstPort = portOf(t, n.sport, proto), portOf(t, n.dport, proto)
	case proto == wire.ProtoICMP || proto == wire.ProtoICMPv6:
		if !t.Has(n.icmpType) {
			t.Bad(n.icmpType, "missing: %s has one", wire.ProtoName(proto))
		}
		tup.SetICMP(uint8(t.Int(n.icmpType)), uint8(t.Int(n.icmpCode)), uint16(t.Int(n.icmpID)))
	case proto == wire.ProtoGRE && n == origNames && t.Has("gre_key"):
		tup.SrcPort = uint16(t.Int("gre_key"))
		tup.DstPort = tup.SrcPort
	}
	return tup
}

// portOf reads a port that the protocol needs.
func portOf(t *registry.Table, key string, proto uint8) uint16 {
	if !t.Has(key) {
		t.Bad(key, "missing: %s has ports", wire.ProtoName(proto))
	}
	return uint16(t.Int(key))
}

func protoFrom(c *registry.Call, t *registry.Table) uint8 {
	if _, ok := t.Get("proto").(lua.LNumber); ok {
		return uint8(t.Int("proto"))
	}
	p, ok := wire.ParseProto(t.Text("proto"))
	if !ok {
		c.Unknown("protocol", t.Text("proto"), wire.ProtoNames())
	}
	return p
}

// get is ct.get{tuple}.
func (h *Host) get(c *registry.Call) int {
	t := c.Table(1)
	key := wire.Key{Tuple: tupleFrom(t, origNames, protoFrom(c, t))}
	key.Tuple.Zone = uint16(t.Int("zone"))
	return h.reread(c, key)
}

// create is ct.create{...}.
func (h *Host) create(call *registry.Call) int {
	t := call.Table(1)
	c := &wire.Create{Upsert: t.Bool("upsert")}
	e := &c.Entry
	proto := protoFrom(call, t)
	e.Orig = tupleFrom(t, origNames, proto)
	e.Orig.Zone = uint16(t.Int("zone"))
	if t.Has("rsrc") || t.Has("rdst") {
		e.Reply = tupleFrom(t, replyNames, proto)
		e.Reply.Zone = e.Orig.Zone
	}
	e.Timeout, e.Present = wholeSeconds(t.Number("timeout")), wire.HasTimeout
	createPolicy(call, t, e)
	c.SrcNAT, c.DstNAT = natFrom(t, "nat_src", "nat_sport"), natFrom(t, "nat_dst", "nat_dport")
	p, err := plan.Direct("create", c)
	return h.plan(call, p, err)
}

// createPolicy reads state, status, mark, labels, helper and master.
func createPolicy(c *registry.Call, t *registry.Table, e *wire.Entry) {
	if t.Has("state") {
		name := t.Text("state")
		state, ok := wire.ParseState(e.Orig.Proto, name)
		if !ok {
			c.Unknown(wire.ProtoName(e.Orig.Proto)+" state", name, wire.States(e.Orig.Proto))
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
		e.Mark, e.Present = uint32(t.Number("mark")), e.Present|wire.HasMark
	}
	if t.Has("labels") {
		e.Labels, e.Present = labelsFrom(c, t), e.Present|wire.HasLabels
	}
	if t.Has("helper") {
		e.Helper, e.Present = t.Text("helper"), e.Present|wire.HasHelper
	}
	if m, ok := flowType.Is(t.Get("master")); ok {
		e.Master, e.Present = m.entry().Orig, e.Present|wire.HasMaster
	}
}

// natFrom reads a translation: an address, and a port where it is given.
func natFrom(t *registry.Table, addr, ports string) *wire.NAT {
	if !t.Has(addr) {
		if t.Has(ports) {
			t.Bad(ports, "given without %s", addr)
		}
		return nil
	}
	to := wire.AddrFrom(t.Addr(addr))
	n := &wire.NAT{Min: to, Max: to}
	if t.Has(ports) {
		n.MinPort = uint16(t.Int(ports))
		n.MaxPort = n.MinPort
	}
	return n
}

// flush is ct.flush{yes=true}.
func (h *Host) flush(c *registry.Call) int {
	if !c.Table(1).Bool("yes") {
		c.Bad("options", "say ct.flush{yes = true} to plan emptying the table; flows:where{...}:delete() deletes some")
	}
	return h.plan(c, plan.Delete(query.New(&query.Flows{Spaces: []*query.Space{h.space}})), nil)
}
