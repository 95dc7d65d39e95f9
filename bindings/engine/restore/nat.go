package restore

import "github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"

const (
	natBits = wire.StatusSrcNAT | wire.StatusDstNAT
	natDone = wire.StatusSrcNATDone | wire.StatusDstNATDone
)

// translate turns the reply tuple of a flow that went through NAT into the two
// attributes that make the kernel translate again, and gives it the tuple that
// they begin with. Both are given where one end is translated, each with one
// address and one port: an end that the kernel chooses itself may get another
// port where its own is taken (linux nf_nat_core.c, get_unique_tuple), while
// this one is refused then.
//
// A flow that NAT has looked at and left alone gets both as they are, and with
// them the DONE bits. One that NAT has not seen keeps its reply tuple, even one
// that is not the inverse of the original: it was made by hand.
func translate(c *wire.Create) {
	e := &c.Entry
	if !e.Has(wire.HasStatus) || e.Status&(natBits|natDone) == 0 {
		return
	}
	src, dst := e.Status&wire.StatusSrcNAT != 0, e.Status&wire.StatusDstNAT != 0
	reply, base := &e.Reply, e.Reply
	inv, _ := e.Orig.Invert()
	if src {
		base.Dst = inv.Dst
	}
	if dst {
		base.Src = inv.Src
	}
	c.SrcNAT = &wire.NAT{Min: reply.Dst, Max: reply.Dst}
	c.DstNAT = &wire.NAT{Min: reply.Src, Max: reply.Src}
	srcPort, dstPort := reply.DstPort, reply.SrcPort
	switch {
	case reply.Proto == wire.ProtoICMP || reply.Proto == wire.ProtoICMPv6:
		// The identifier is one for both ends. It goes with the source, which
		// comes second, unless only the destination is translated.
		_, _, id := reply.ICMP()
		srcPort, dstPort = id, id
		if src || dst {
			base.SrcPort = inv.SrcPort
		}
		if src {
			_, _, dstPort = e.Orig.ICMP()
		}
	case wire.HasPorts(reply.Proto):
		if src {
			base.DstPort = inv.DstPort
		}
		if dst {
			base.SrcPort = inv.SrcPort
		}
	case reply.Proto != wire.ProtoGRE:
		srcPort, dstPort = 0, 0
	}
	// Keys of GRE stay as they are in the reply: the kernel translates them only
	// where it knows the master, and that it is told later (linux nf_nat_core.c,
	// nf_nat_l4proto_unique_tuple).
	c.SrcNAT.MinPort, c.SrcNAT.MaxPort = srcPort, srcPort
	c.DstNAT.MinPort, c.DstNAT.MaxPort = dstPort, dstPort
	c.Untranslated = base
}
