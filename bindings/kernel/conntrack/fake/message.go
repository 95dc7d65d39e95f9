package fake

import (
	"encoding/binary"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// flowMessage appends the message of a flow in a dump or as the answer to a
// get (linux ctnetlink_fill_info). use is the number of references.
func (k *Kernel) flowMessage(b []byte, f *flow, seq, portID uint32, flags uint16, use uint32) []byte {
	start := len(b)
	m := newMessage(b, uint16(wire.SubsysConntrack)<<8|wire.MsgNew, flags, seq, portID, f.e.Orig.Family, 0)
	m.tuples(f)
	m.u32(wire.AttrStatus, uint32(f.e.Status))
	m.u32(wire.AttrMark, f.e.Mark)
	m.u32(wire.AttrID, f.id)
	m.u32(wire.AttrUse, use)
	m.master(f)
	if f.e.Status&wire.StatusOffload == 0 {
		m.u32(wire.AttrTimeout, f.left(k.now))
	}
	m.counters(f)
	m.times(f)
	m.protoInfo(f, false)
	m.help(f)
	m.labels(f)
	m.seqAdj(f)
	m.synProxy(f)
	return m.finish(start)
}

// tuples appends both directions and the zone.
func (m *message) tuples(f *flow) {
	for dir := wire.Original; dir <= wire.Reply; dir++ {
		t := f.tuple(dir)
		m.tuple(wire.AttrTupleOrig+int(dir), &t, f.zone.dir == 1<<dir && f.zone.id != 0)
	}
	if f.zone.dir == 3 && f.zone.id != 0 {
		m.u16(wire.AttrZone, f.zone.id)
	}
}

func (m *message) master(f *flow) {
	if f.master != nil {
		t := f.master.tuple(wire.Original)
		m.tuple(wire.AttrTupleMaster, &t, false)
	}
}

func (m *message) counters(f *flow) {
	if !f.ext.acct {
		return
	}
	for dir, c := range f.e.Counter {
		m.nest(wire.AttrCountersOrig+dir, func() {
			m.u64(countPackets, c.Packets)
			m.u64(countBytes, c.Bytes)
		})
	}
}

func (m *message) times(f *flow) {
	if !f.ext.times {
		return
	}
	m.nest(wire.AttrTimestamp, func() {
		m.u64(timeStart, f.e.Start)
		if f.e.Stop != 0 {
			m.u64(timeStop, f.e.Stop)
		}
	})
}

// protoInfo appends the protocol's details; of a flow that ends the state
// only.
func (m *message) protoInfo(f *flow, ends bool) {
	switch f.e.Orig.Proto {
	case wire.ProtoTCP:
		m.nest(wire.AttrProtoInfo, func() {
			m.nest(infoTCP, func() {
				m.u8(tcpState, f.e.State)
				if ends {
					return
				}
				info := f.e.TCP()
				m.u8(tcpScaleOrig, info.WScale[0])
				m.u8(tcpScaleReply, info.WScale[1])
				m.bytes(tcpFlagsOrig, []byte{byte(info.Flags[0]), 0})
				m.bytes(tcpFlagsReply, []byte{byte(info.Flags[1]), 0})
			})
		})
	case wire.ProtoSCTP:
		m.nest(wire.AttrProtoInfo, func() {
			m.nest(infoSCTP, func() {
				m.u8(sctpState, f.e.State)
				if ends {
					return
				}
				tags := f.e.VTags()
				m.u32(sctpTagOrig, tags[0])
				m.u32(sctpTagReply, tags[1])
			})
		})
	}
}

func (m *message) help(f *flow) {
	if f.helper != nil {
		m.nest(wire.AttrHelp, func() { m.text(helpName, f.helper.name) })
	}
}

func (m *message) labels(f *flow) {
	if f.ext.labels && f.e.Labels != (wire.Labels{}) {
		b := binary.NativeEndian.AppendUint64(nil, f.e.Labels[0])
		m.bytes(wire.AttrLabels, binary.NativeEndian.AppendUint64(b, f.e.Labels[1]))
	}
}

func (m *message) seqAdj(f *flow) {
	if !f.ext.seqAdj || f.e.Status&wire.StatusSeqAdjust == 0 {
		return
	}
	for dir, s := range f.e.SeqAdj {
		m.nest(wire.AttrSeqAdjOrig+dir, func() {
			m.u32(adjCorrection, s.Correction)
			m.u32(adjBefore, s.Before)
			m.u32(adjAfter, s.After)
		})
	}
}

func (m *message) synProxy(f *flow) {
	if f.ext.synProxy {
		m.nest(wire.AttrSynProxy, func() {
			m.u32(synISN, f.e.SynProxy.ISN)
			m.u32(synITS, f.e.SynProxy.ITS)
			m.u32(synTSOff, f.e.SynProxy.TSOff)
		})
	}
}
