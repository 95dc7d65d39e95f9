package fake

import (
	"syscall"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

var conntrackPolicy = map[int]policy{
	wire.AttrTupleOrig: {nest: true}, wire.AttrTupleReply: {nest: true}, wire.AttrStatus: {min: 4},
	wire.AttrProtoInfo: {nest: true}, wire.AttrHelp: {nest: true}, wire.AttrNATSrc: {nest: true},
	wire.AttrTimeout: {min: 4}, wire.AttrMark: {min: 4}, wire.AttrID: {min: 4},
	wire.AttrNATDst: {nest: true}, wire.AttrTupleMaster: {nest: true},
	wire.AttrSeqAdjOrig: {nest: true}, wire.AttrSeqAdjReply: {nest: true}, wire.AttrZone: {min: 2},
	wire.AttrMarkMask: {min: 4}, wire.AttrLabels: {max: 16}, wire.AttrLabelsMask: {max: 16},
	wire.AttrFilter: {nest: true}, wire.AttrStatusMask: {min: 4}, wire.AttrEventTime: {reject: true},
}

// conntrackService is subsystem 1. The statistics and the special lists have
// no policy.
var conntrackService = service{
	calls: []handler{wire.MsgNew: (*Kernel).newFlow, wire.MsgGet: (*Kernel).getFlow,
		wire.MsgDelete: (*Kernel).deleteFlow, wire.MsgGetCtrZero: (*Kernel).getFlow,
		wire.MsgGetStatsCPU: (*Kernel).cpuStats, wire.MsgGetStats: (*Kernel).totals,
		wire.MsgGetDying: (*Kernel).dumpDying, wire.MsgGetUnconfirmed: (*Kernel).dumpUnconfirmed},
	rules: []map[int]policy{conntrackPolicy, conntrackPolicy, conntrackPolicy, conntrackPolicy,
		nil, nil, nil, nil},
}

// lookup reads the tuple that a request names a flow by, in either direction.
// none says that it names none.
func (c *call) lookup(k *Kernel) (f *flow, none bool, err error) {
	z := readZone(&c.a, wire.AttrZone)
	for dir := wire.Original; dir <= wire.Reply; dir++ {
		if b := c.a[wire.AttrTupleOrig+int(dir)]; b != nil {
			t, err := readTuple(b, dir, c.h.family, &z, partAll)
			if err != nil {
				return nil, false, err
			}
			return k.find(z, t), false, nil
		}
	}
	return nil, true, nil
}

// getFlow answers GET and GET_CTRZERO, one flow or all. The id is ignored.
func (k *Kernel) getFlow(c *call) error {
	if c.dumping() {
		return k.dumpFlows(c)
	}
	f, none, err := c.lookup(k)
	switch {
	case err != nil:
		return err
	case none:
		return syscall.EINVAL
	case f == nil:
		return syscall.ENOENT
	}
	m := k.flowMessage(nil, f, c.h.seq, c.s.portID, flagMulti, 2)
	if c.h.typ&0xff == wire.MsgGetCtrZero {
		f.e.Counter = [2]wire.Counters{}
	}
	return c.reply(m)
}

// deleteFlow deletes one flow, or without a tuple (or with CTA_FILTER, when
// the tuples are patterns) all that the filter selects.
func (k *Kernel) deleteFlow(c *call) error {
	if c.a.has(wire.AttrFilter) {
		return k.flush(c, c.h.family)
	}
	f, none, err := c.lookup(k)
	switch {
	case err != nil:
		return err
	case none && c.h.version == 0:
		return k.flush(c, 0)
	case none:
		return k.flush(c, c.h.family)
	case f == nil, c.a.has(wire.AttrID) && c.a.u32(wire.AttrID) != f.id:
		return syscall.ENOENT
	}
	k.remove(f, c.by())
	return nil
}

func (k *Kernel) flush(c *call, family uint8) error {
	filter, _, err := readFilter(&c.a, family)
	if err != nil {
		return err
	}
	for _, f := range k.table.all() {
		if filter.match(f) {
			k.remove(f, c.by())
		}
	}
	return nil
}

// totals answers GET_STATS.
func (k *Kernel) totals(c *call) error {
	m := newMessage(nil, uint16(wire.SubsysConntrack)<<8|wire.MsgGetStats, flagMulti, c.h.seq, c.s.portID, 0, 0)
	m.u32(statsEntries, uint32(k.table.len()+len(k.dying)))
	m.u32(statsMax, uint32(k.sys.Max))
	return c.reply(m.finish(0))
}

// cpuStats answers GET_STATS_CPU; without DUMP it is a success without data.
func (k *Kernel) cpuStats(c *call) error {
	return k.perCPU(c, func(m *message, s stats) {
		for typ, v := range map[int]uint32{2: s.found, 4: s.invalid, 8: s.insert, 9: s.insertFailed,
			10: s.drop, 11: s.earlyDrop, 12: 0, 13: 0, 14: 0, 15: 0} {
			m.u32(typ, v)
		}
	})
}

// perCPU dumps one row a CPU; all that happened, happened on the first.
func (k *Kernel) perCPU(c *call, row func(*message, stats)) error {
	if !c.dumping() {
		return nil
	}
	cpu := 0
	return c.s.startDump(c.h, func(b []byte, size int) ([]byte, bool) {
		for ; cpu < k.opt.CPUs; cpu++ {
			start := len(b)
			m := newMessage(b, c.h.typ, flagMulti, c.h.seq, c.s.portID, 0, uint16(cpu))
			if cpu == 0 {
				row(m, k.stats)
			} else {
				row(m, stats{})
			}
			if len(m.b) > size && start > 0 {
				return b, false
			}
			b = m.finish(start)
		}
		return b, true
	})
}
