package archive

import (
	"net/netip"
	"strings"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// original reads the original tuple.
func (p *parser) original(t *wire.Tuple) {
	if text, ok := p.value(optFamily); ok {
		switch strings.ToLower(text) {
		case "ipv4":
			t.Family = wire.FamilyIPv4
		case "ipv6":
			t.Family = wire.FamilyIPv6
		default:
			p.bad(optFamily, "ipv4 or ipv6")
		}
	}
	for _, end := range []struct {
		o option
		a *wire.Addr
	}{{optSrc, &t.Src}, {optDst, &t.Dst}} {
		text, ok := p.value(end.o)
		if !ok && p.reason == "" {
			p.reason = wordOf[end.o] + " is missing"
		}
		if ok {
			*end.a = p.addr(end.o, text, &t.Family)
		}
	}
	if t.Proto == wire.ProtoICMP && t.Family != wire.FamilyIPv4 || t.Proto == wire.ProtoICMPv6 && t.Family != wire.FamilyIPv6 {
		p.bad(optProto, "a protocol of this family")
	}
	switch t.Proto {
	case wire.ProtoICMP, wire.ProtoICMPv6:
		t.SetICMP(uint8(p.number(optICMPType, 8, 0)), uint8(p.number(optICMPCode, 8, 0)), p.number16(optICMPID, 0))
		if _, ok := t.Invert(); !ok {
			p.bad(optICMPType, "a query or its answer")
		}
	case wire.ProtoGRE:
		t.SrcPort, t.DstPort = p.number16(optSrcKey, 0), p.number16(optDstKey, 0)
	default:
		t.SrcPort, t.DstPort = p.number16(optSport, 0), p.number16(optDport, 0)
	}
}

// reply makes the reply tuple: the inverse of the original one where the line says
// nothing else. An end was translated where -n or -g say so, which -o save writes
// where the address is another; another plain address is that of a flow made by
// hand. Where the port alone is another it writes the plain address either way:
// that counts as translated, since it is seldom anything else. What became of the
// identifier of ICMP it does not write.
func (p *parser) reply(e *wire.Entry) {
	inv, _ := e.Orig.Invert()
	t := inv
	src, dstNAT := p.end(optReplySrc, optDstNAT, &t.Src, &t.SrcPort, t.Family, t.Proto)
	dst, srcNAT := p.end(optReplyDst, optSrcNAT, &t.Dst, &t.DstPort, t.Family, t.Proto)
	if t.Proto == wire.ProtoGRE {
		t.SrcPort, t.DstPort = p.number16(optReplySrcKey, t.SrcPort), p.number16(optReplyDstKey, t.DstPort)
	} else {
		for _, port := range []struct {
			o     option
			field *uint16
			nat   bool // it came with the address
		}{{optReplySport, &t.SrcPort, src}, {optReplyDport, &t.DstPort, dst}} {
			if n := p.number16(port.o, *port.field); port.nat && n != *port.field {
				p.bad(port.o, "the port that stands with the address")
			} else {
				*port.field = n
			}
		}
	}
	e.Reply, e.Present = t, e.Present|wire.HasReply
	if srcNAT || t.Dst == inv.Dst && t.DstPort != inv.DstPort && wire.HasPorts(t.Proto) {
		e.Status |= wire.StatusSrcNAT
	}
	if dstNAT || t.Src == inv.Src && t.SrcPort != inv.SrcPort && wire.HasPorts(t.Proto) {
		e.Status |= wire.StatusDstNAT
	}
	if e.Status != 0 {
		e.Status |= wire.StatusSrcNATDone | wire.StatusDstNATDone
	}
}

// end reads one end of the reply tuple: its address, or what the other end of the
// original one is translated to, which may have a port with it.
func (p *parser) end(plain, nat option, a *wire.Addr, port *uint16, family, proto uint8) (withPort, translated bool) {
	text, isPlain := p.value(plain)
	to, isNAT := p.value(nat)
	if isPlain {
		*a = p.addr(plain, text, &family)
	}
	if !isNAT {
		return false, false
	}
	if ap, err := netip.ParseAddrPort(to); err == nil {
		if !wire.HasPorts(proto) {
			p.bad(nat, "an address; "+wire.ProtoName(proto)+" has no ports")
		}
		to, *port, withPort = ap.Addr().String(), ap.Port(), true
	}
	was := *a
	*a = p.addr(nat, to, &family)
	if isPlain && *a != was {
		p.bad(nat, "the address that "+wordOf[plain]+" gives")
	}
	return withPort, true
}

func (p *parser) zones(e *wire.Entry) {
	_, whole := p.value(optZone)
	_, orig := p.value(optOrigZone)
	_, reply := p.value(optReplyZone)
	if whole && (orig || reply) || orig && reply {
		if p.reason == "" {
			p.reason = "only one of -w, --orig-zone and --reply-zone can be"
		}
		return
	}
	zone := p.number16(optZone, 0)
	e.Orig.Zone, e.Reply.Zone = p.number16(optOrigZone, zone), p.number16(optReplyZone, zone)
}
