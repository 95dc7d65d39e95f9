package filtertest

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// Flow makes a flow from few values, so that filters of as few match often.
func Flow(r *rand.Rand) *wire.Entry {
	e := &wire.Entry{}
	protos := []uint8{wire.ProtoTCP, wire.ProtoUDP, wire.ProtoICMP, wire.ProtoSCTP, wire.ProtoGRE, 253}
	t := &e.Orig
	t.Proto, t.Family = protos[r.IntN(len(protos))], wire.FamilyIPv4
	t.Src, t.Dst = addr(r, false), addr(r, false)
	if r.IntN(4) == 0 && t.Proto != wire.ProtoICMP {
		t.Family, t.Src, t.Dst = wire.FamilyIPv6, addr(r, true), addr(r, true)
	}
	switch {
	case wire.HasPorts(t.Proto):
		t.SrcPort, t.DstPort = uint16(r.IntN(4)*1000), uint16([]int{22, 53, 80, 443}[r.IntN(4)])
	case t.Proto == wire.ProtoICMP:
		t.SetICMP(8, 0, uint16(r.IntN(3)))
	}
	if r.IntN(4) == 0 {
		t.Zone = uint16(r.IntN(3))
	}
	e.Reply, _ = t.Invert()
	e.Present = wire.HasReply | wire.HasStatus | wire.HasTimeout | wire.HasMark | wire.HasID
	e.Status = wire.Status(r.IntN(16))<<1 | wire.StatusConfirmed
	e.Timeout, e.Mark, e.ID = uint32(r.IntN(5)*60), uint32(r.IntN(4)), r.Uint32()
	if r.IntN(2) == 0 {
		e.Present |= wire.HasCounters
		e.Counter[0], e.Counter[1] = wire.Counters{Packets: uint64(r.IntN(5)), Bytes: uint64(r.IntN(5) * 1000)}, wire.Counters{Packets: 1, Bytes: 1000}
	}
	if t.Proto == wire.ProtoTCP {
		e.State, e.Present = uint8(r.IntN(5)), e.Present|wire.HasState
	}
	return e
}

func addr(r *rand.Rand, six bool) wire.Addr {
	if six {
		return wire.AddrFrom(netip.MustParseAddr(fmt.Sprintf("fd00::%d", 1+r.IntN(3))))
	}
	return wire.AddrFrom(netip.AddrFrom4([4]byte{10, byte(r.IntN(2)), 0, byte(1 + r.IntN(3))}))
}

// Text makes the text of a filter.
func Text(r *rand.Rand) string { return text(r, 0) }

func text(r *rand.Rand, depth int) string {
	n := r.IntN(14)
	if depth > 3 {
		n = r.IntN(10)
	}
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	one := func() string { return addr(r, r.IntN(5) == 0).String() }
	op := func() string { return pick("==", "!=", "<", "<=", ">", ">=") }
	switch n {
	case 0:
		return pick("tcp", "udp", "icmp", "sctp", "gre", "assured", "unreplied", "replied", "snat", "dnat", "nat", "confirmed")
	case 1:
		return fmt.Sprintf("%s %s %d", pick("dport", "sport", "rdport", "rsport", "protonum"), op(), []int{6, 17, 22, 53, 80, 255}[r.IntN(6)])
	case 2:
		return fmt.Sprintf("%s %s %s", pick("src", "dst", "rsrc", "rdst", "nat_src", "nat_dst"), pick("==", "!="), one())
	case 3:
		return fmt.Sprintf("%s %s %s", pick("src", "dst", "host", "net"), pick("in", "not in"), pick("10.0.0.0/8", "10.1.0.0/16", "fd00::/64", "{10.0.0.1, 10.1.0.0/24}", "10.0.0.1..10.0.0.2", "{fd00::1, 10.0.0.2}"))
	case 4:
		return fmt.Sprintf("%s %s %s", pick("bytes", "packets", "timeout", "mark", "zone", "icmp_id", "obytes"), op(), pick("0", "1", "2", "3"))
	case 5:
		return fmt.Sprintf("bytes %s %s", op(), pick("1kB", "2000", "4KiB"))
	case 6:
		return fmt.Sprintf("%s %s %s", pick("dport", "port"), pick("in", "not in"), pick("{22, 53}", "1..80", "{80, 400 .. 500}", "{1000}"))
	case 7:
		return fmt.Sprintf("mark %s %s", pick("==", "!="), pick("0x1/0x1", "0x2/0x3", "3"))
	case 8:
		return fmt.Sprintf("state %s %s", pick("==", "!="), pick("ESTABLISHED", "SYN_SENT", "NONE"))
	case 9:
		return pick("has(bytes)", "has(state)", "has(dport)", "timeout > 1m", "bytes / packets > 500", "net(src, 16) == 10.1.0.0", "max(obytes, rbytes) >= 2000", "proto in {tcp, udp}", "port == 53", "host == 10.0.0.1")
	case 10:
		return "not (" + text(r, depth+1) + ")"
	case 11:
		return "not " + atom(text(r, depth+1))
	}
	return atom(text(r, depth+1)) + pick(" and ", " or ", " && ", " || ") + atom(text(r, depth+1))
}

func atom(s string) string {
	if strings.Contains(s, " and ") || strings.Contains(s, " or ") || strings.Contains(s, "&&") || strings.Contains(s, "||") {
		return "(" + s + ")"
	}
	return s
}

// Exact makes the text of a filter that leaves much to a kernel: flows named
// whole or in part, alternatives of them, and often something more.
func Exact(r *rand.Rand) string {
	one := func() string { return addr(r, r.IntN(6) == 0).String() }
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	var terms []string
	for _, t := range []string{
		pick("tcp", "udp", "icmp", "sctp"), "src == " + one(), "dst == " + one(), fmt.Sprintf("dport == %d", []int{22, 53, 80, 443}[r.IntN(4)]),
		fmt.Sprintf("sport in {%d, %d}", r.IntN(1000), 1000+r.IntN(1000)), "mark == " + pick("0", "1", "2", "0x1/0x1"), "zone == " + pick("0", "1", "2"),
		pick("assured", "not assured", "unreplied", "replied"), "family == " + pick("4", "6"), "src in {" + one() + ", " + one() + "}",
		"(mark == 1 or src == " + one() + ")", "host == " + one(), "rdst == " + one(), atom(text(r, 2)),
	} {
		if r.IntN(4) == 0 {
			terms = append(terms, t)
		}
	}
	if len(terms) == 0 {
		return Whole(r)
	}
	return strings.Join(terms, " and ")
}

// Whole makes the text of a filter that names a flow, or a few, whole.
func Whole(r *rand.Rand) string {
	f := Flow(r)
	t := &f.Orig
	s := fmt.Sprintf("%s and src == %s and dst == %s and zone == %d", wire.ProtoName(t.Proto), t.Src, t.Dst, t.Zone)
	switch {
	case wire.HasPorts(t.Proto):
		s += fmt.Sprintf(" and dport == %d and sport in {%d, %d}", t.DstPort, t.SrcPort, t.SrcPort+1)
	case t.Proto == wire.ProtoICMP:
		_, _, id := t.ICMP()
		s += fmt.Sprintf(" and icmp_type == 8 and icmp_code == 0 and icmp_id == %d", id)
	}
	return s
}
