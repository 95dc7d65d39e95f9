package field

import (
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// Readers for the shapes that recur in the table. Those that filters ask most
// read of the message where the value lies, as long as its part is not decoded
// yet.

// tuple decodes one direction.
func (r *Row) tuple(dir wire.Direction) *wire.Tuple {
	e := r.Need(PartOrig << dir)
	if dir == wire.Reply {
		return &e.Reply
	}
	return &e.Orig
}

// proto is the protocol of the original direction, 0 where there is none.
func proto(r *Row) (uint32, bool) {
	if r.got&PartOrig == 0 {
		if p, _, _, ok := r.view.PeekPorts(wire.Original); ok {
			return uint32(p), true
		}
	}
	return uint32(r.Need(PartOrig).Orig.Proto), true
}

// status is the status word, 0 where there is none.
func (r *Row) status() (wire.Status, bool) {
	if r.got&PartStatus == 0 {
		return r.view.Status()
	}
	return r.entry.Status, r.entry.Has(wire.HasStatus)
}

func tupleAddr(dir wire.Direction, dst bool) func(*Row) (wire.AddrWords, bool) {
	return func(r *Row) (wire.AddrWords, bool) {
		if r.got&(PartOrig<<dir) == 0 {
			if a, ok := r.view.PeekAddr(dir, dst); ok {
				return a, true
			}
		}
		t := r.tuple(dir)
		if dst {
			return t.Dst.Words(), !t.IsZero()
		}
		return t.Src.Words(), !t.IsZero()
	}
}

// tuplePort reads a port of a direction whose protocol has any.
func tuplePort(dir wire.Direction, dst bool) func(*Row) (uint32, bool) {
	return func(r *Row) (uint32, bool) {
		if r.got&(PartOrig<<dir) == 0 {
			if p, from, to, ok := r.view.PeekPorts(dir); ok {
				if dst {
					from = to
				}
				return uint32(from), wire.HasPorts(p)
			}
		}
		t := r.tuple(dir)
		if dst {
			return uint32(t.DstPort), !t.IsZero() && wire.HasPorts(t.Proto)
		}
		return uint32(t.SrcPort), !t.IsZero() && wire.HasPorts(t.Proto)
	}
}

// tupleICMP reads type (0), code (1) or identifier (2).
func tupleICMP(dir wire.Direction, part int) func(*Row) (uint32, bool) {
	return func(r *Row) (uint32, bool) {
		t := r.tuple(dir)
		if t.Proto != wire.ProtoICMP && t.Proto != wire.ProtoICMPv6 {
			return 0, false
		}
		typ, code, id := t.ICMP()
		return uint32([...]uint16{uint16(typ), uint16(code), id}[part]), true
	}
}

func greKey(r *Row) (uint32, bool) {
	t := r.tuple(wire.Original)
	return uint32(t.SrcPort), t.Proto == wire.ProtoGRE
}

func family(r *Row) (uint32, bool) {
	if r.tuple(wire.Original).Family == wire.FamilyIPv6 {
		return 6, true
	}
	return 4, true
}

func protoName(r *Row) (string, bool) {
	p, _ := proto(r)
	return wire.ProtoName(uint8(p)), true
}

// direct reads a number that is an attribute of its own.
func direct(part Part, has wire.Present, view func(*wire.View) (uint32, bool), kept func(*wire.Entry) uint32) func(*Row) (uint32, bool) {
	return func(r *Row) (uint32, bool) {
		if r.got&part == 0 {
			return view(r.view)
		}
		return kept(&r.entry), r.entry.Has(has)
	}
}

// present reads a number where the kernel sent it.
func present(part Part, has wire.Present, get func(*wire.Entry) uint32) func(*Row) (uint32, bool) {
	return func(r *Row) (uint32, bool) {
		e := r.Need(part)
		if !e.Has(has) {
			return 0, false
		}
		return get(e), true
	}
}

// seconds reads a time in seconds where the kernel sent it.
func seconds(has wire.Present, get func(*wire.Entry) uint64) func(*Row) (float64, bool) {
	return func(r *Row) (float64, bool) {
		e := r.Need(PartTimes)
		if !e.Has(has) {
			return 0, false
		}
		return float64(get(e)) / 1e9, true
	}
}

// status reads whether any bit of mask is set, or with not whether none is.
func status(mask wire.Status, not bool) func(*Row) (bool, bool) {
	return func(r *Row) (bool, bool) {
		if r.got&PartStatus == 0 {
			s, ok := r.view.Status()
			return s&mask != 0 != not, ok
		}
		return r.entry.Status&mask != 0 != not, r.entry.Has(wire.HasStatus)
	}
}

// counter sums packets or bytes over the given directions.
func counter(bytes bool, dirs ...wire.Direction) func(*Row) (float64, bool) {
	return func(r *Row) (float64, bool) {
		e := r.Need(PartCounters)
		var n uint64
		for _, d := range dirs {
			if bytes {
				n += e.Counter[d].Bytes
			} else {
				n += e.Counter[d].Packets
			}
		}
		return float64(n), e.Has(wire.HasCounters)
	}
}

// replyOf is the reply of a flow of which the kernel translates one end, nil
// where it does not.
func (r *Row) replyOf(bit wire.Status) *wire.Tuple {
	if s, _ := r.status(); s&bit == 0 || !r.Need(PartReply).Has(wire.HasReply) {
		return nil
	}
	return &r.entry.Reply
}

// natAddr reads to what address one end is translated, where it is: the
// destination of the reply, or else its source.
func natAddr(bit wire.Status, dst bool) func(*Row) (wire.AddrWords, bool) {
	return func(r *Row) (wire.AddrWords, bool) {
		t := r.replyOf(bit)
		switch {
		case t == nil:
			return wire.AddrWords{}, false
		case dst:
			return t.Dst.Words(), true
		}
		return t.Src.Words(), true
	}
}

// natPort reads to what port likewise.
func natPort(bit wire.Status, dst bool) func(*Row) (uint32, bool) {
	return func(r *Row) (uint32, bool) {
		t := r.replyOf(bit)
		switch {
		case t == nil || !wire.HasPorts(t.Proto):
			return 0, false
		case dst:
			return uint32(t.DstPort), true
		}
		return uint32(t.SrcPort), true
	}
}

func stateName(r *Row) (string, bool) {
	e := r.Need(PartProto)
	if !e.Has(wire.HasState) {
		return "", false
	}
	p, _ := proto(r)
	return wire.StateName(uint8(p), e.State), true
}

func tcpFlags(dir wire.Direction) func(*Row) (uint32, bool) {
	return present(PartProto, wire.HasTCP, func(e *wire.Entry) uint32 { return uint32(e.TCP().Flags[dir]) })
}

func wscale(dir wire.Direction) func(*Row) (uint32, bool) {
	return present(PartProto, wire.HasTCP, func(e *wire.Entry) uint32 { return uint32(e.TCP().WScale[dir]) })
}

func vtag(dir wire.Direction) func(*Row) (uint32, bool) {
	return present(PartProto, wire.HasSCTP, func(e *wire.Entry) uint32 { return e.VTags()[dir] })
}

// lacks tells whether the message of a flow has not the attribute that a value
// is in: the whole of it is decoded for the few flows that have.
func (r *Row) lacks(attr int) bool { return r.got&PartExtra == 0 && !r.view.Has(attr) }

func helper(r *Row) (string, bool) {
	if r.lacks(wire.AttrHelp) {
		return "", false
	}
	e := r.Need(PartExtra)
	return e.Flow.Helper.String(), e.Has(wire.HasHelper)
}

func secCtx(r *Row) (string, bool) {
	if r.lacks(wire.AttrSecCtx) {
		return "", false
	}
	e := r.Need(PartExtra)
	return e.SecCtx, e.Has(wire.HasSecCtx)
}

func master(r *Row) (string, bool) {
	if r.lacks(wire.AttrTupleMaster) {
		return "", false
	}
	e := r.Need(PartExtra)
	return e.Master.String(), e.Has(wire.HasMaster)
}
