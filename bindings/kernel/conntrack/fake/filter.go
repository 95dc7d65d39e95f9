package fake

import (
	"encoding/binary"
	"syscall"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// filter is what dump and flush select by (linux ctnetlink_filter), with the
// kernel's defects.
type filter struct {
	family uint8
	mark   *masked
	status *masked
	zone   *zone
	tuple  [2]wire.Tuple
	parts  [2]uint32
}

type masked struct{ value, mask uint32 }

func (m *masked) match(v uint32) bool { return m == nil || v&m.mask == m.value }

// readFilter reads a filter; active tells whether the request has one at all.
// Masks without their values are none, as are attributes that the kernel does
// not know as filters.
func readFilter(a *attrs, family uint8) (f filter, active bool, err error) {
	f.family = family
	if family == 0 && !a.has(wire.AttrMark) && !a.has(wire.AttrStatus) && !a.has(wire.AttrZone) && !a.has(wire.AttrFilter) {
		return f, false, nil
	}
	if a.has(wire.AttrMark) {
		f.mark = &masked{a.u32(wire.AttrMark), ^uint32(0)}
		if a.has(wire.AttrMarkMask) {
			f.mark.mask = a.u32(wire.AttrMarkMask)
		}
	} else if a.has(wire.AttrMarkMask) {
		return f, true, syscall.EINVAL
	}
	if a.has(wire.AttrStatus) {
		v := a.u32(wire.AttrStatus)
		f.status = &masked{v, v}
		if a.has(wire.AttrStatusMask) {
			f.status.mask = a.u32(wire.AttrStatusMask)
		}
		if f.status.mask == 0 {
			return f, true, syscall.EINVAL
		}
	} else if a.has(wire.AttrStatusMask) {
		return f, true, syscall.EINVAL
	}
	z := readZone(a, wire.AttrZone)
	if a.has(wire.AttrZone) {
		f.zone = &z
	}
	if a.has(wire.AttrFilter) {
		err = f.readTuples(a)
	}
	return f, true, err
}

// readTuples reads CTA_FILTER. Its flag words are in the order of the host.
func (f *filter) readTuples(a *attrs) error {
	in, err := nest(a[wire.AttrFilter], map[int]policy{filterOrig: {min: 4}, filterReply: {min: 4}})
	if err != nil {
		return err
	}
	for i, typ := range []int{filterOrig, filterReply} {
		if !in.has(typ) {
			continue
		}
		f.parts[i] = binary.NativeEndian.Uint32(in[typ])
		if f.parts[i]&^uint32(partAll) != 0 {
			return syscall.EINVAL
		}
	}
	for i := range f.parts {
		if f.parts[i] == 0 {
			continue
		}
		b := a[wire.AttrTupleOrig+i]
		if b == nil {
			return syscall.EINVAL
		}
		z := defaultZone
		if f.tuple[i], err = readTuple(b, wire.Direction(i), f.family, &z, f.parts[i]); err != nil {
			return err
		}
	}
	return nil
}

// match tells whether the kernel selects the flow.
func (f *filter) match(c *flow) bool {
	switch {
	case f.family != 0 && c.e.Orig.Family != f.family,
		!f.mark.match(c.e.Mark), !f.status.match(uint32(c.e.Status)),
		f.zone != nil && f.zone.id != c.zone.id:
		return false
	}
	return matchTuple(&f.tuple[0], &c.e.Orig, f.parts[0]) && matchTuple(&f.tuple[1], &c.e.Reply, f.parts[1])
}

// matchTuple compares the parts of a tuple: ports of TCP and UDP only, IPv6
// addresses the wrong way round, the zone not at all (linux
// ctnetlink_filter_match_tuple).
func matchTuple(want, t *wire.Tuple, parts uint32) bool {
	differs := func(part uint32, same bool) bool { return parts&part != 0 && !same }
	v4 := t.Family == wire.FamilyIPv4
	switch {
	case differs(partSrc, (want.Src == t.Src) == v4), differs(partDst, (want.Dst == t.Dst) == v4),
		differs(partProto, want.Proto == t.Proto):
		return false
	}
	shift := 0
	switch t.Proto {
	case wire.ProtoTCP, wire.ProtoUDP:
		return !differs(partSrcPort, want.SrcPort == t.SrcPort) && !differs(partDstPort, want.DstPort == t.DstPort)
	case wire.ProtoICMP:
	case wire.ProtoICMPv6:
		shift = 3
	default:
		return true
	}
	return !differs(partICMPType<<shift, want.DstPort>>8 == t.DstPort>>8) &&
		!differs(partICMPCode<<shift, want.DstPort&0xff == t.DstPort&0xff) &&
		!differs(partICMPID<<shift, want.SrcPort == t.SrcPort)
}

// dumpFlows dumps the table, and with GET_CTRZERO takes the counters. It goes
// bucket by bucket, so that what is made in a bucket behind it is missed; in a
// bucket it resumes after the flow it stopped at, and starts the bucket again
// when that one is gone.
func (k *Kernel) dumpFlows(c *call) error {
	filter, active, err := readFilter(&c.a, c.h.family)
	if err != nil {
		return err
	}
	var flags uint16 = flagMulti
	if active {
		flags |= flagFiltered
	}
	zero := c.h.typ&0xff == wire.MsgGetCtrZero
	bucket, last := 0, (*flow)(nil)
	return c.s.startDump(c.h, func(b []byte, size int) ([]byte, bool) {
		for ; bucket < len(k.table.buckets); bucket++ {
			for _, f := range after(k.table.buckets[bucket], last) {
				switch {
				case f.expired(k.now):
					k.remove(f, origin{})
					continue
				case !filter.match(f):
					continue
				}
				n := len(b)
				if b = k.flowMessage(b, f, c.h.seq, c.s.portID, flags, 1); len(b) > size && n > 0 {
					return b[:n], false
				}
				if zero {
					f.e.Counter = [2]wire.Counters{}
				}
				last = f
			}
			last = nil
		}
		return b, true
	})
}

// after is what follows last in the bucket, all of it where last is not there.
func after(bucket []*flow, last *flow) []*flow {
	for i, f := range bucket {
		if f == last {
			return bucket[i+1:]
		}
	}
	return bucket
}

// dumpDying lists the flows whose destroy event waits for a listener.
func (k *Kernel) dumpDying(c *call) error {
	if !c.dumping() {
		return syscall.EOPNOTSUPP
	}
	next := 0
	return c.s.startDump(c.h, func(b []byte, size int) ([]byte, bool) {
		for ; next < len(k.dying); next++ {
			f := k.dying[next]
			if c.h.family != 0 && f.e.Orig.Family != c.h.family {
				continue
			}
			n := len(b)
			if b = k.flowMessage(b, f, c.h.seq, c.s.portID, flagMulti, 1); len(b) > size && n > 0 {
				return b[:n], false
			}
		}
		return b, true
	})
}

// dumpUnconfirmed lists nothing: the kernel has dropped the list.
func (k *Kernel) dumpUnconfirmed(c *call) error {
	if !c.dumping() {
		return syscall.EOPNOTSUPP
	}
	return c.s.startDump(c.h, func(b []byte, _ int) ([]byte, bool) { return b, true })
}
