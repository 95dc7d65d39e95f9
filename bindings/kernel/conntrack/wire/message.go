package wire

import "encoding/binary"

// AppendMessage appends e as the message that a dump would hold: what is kept of
// a flow that was read before takes the same way as one that comes from the
// kernel. Only fields that are present are in it, and [View.Entry] reads them as
// they were. The message is no request (it lacks NLM_F_REQUEST): a kernel that
// got it would do nothing.
//
// A dump says of a master no zone, so that of e.Master is not written: it is read
// back as the zone of the flow, 0 where that is split. It may allocate where b
// has no room.
func (e *Entry) AppendMessage(b []byte) []byte {
	w := newBuilder(b, SubsysConntrack, MsgNew, 0, 0, e.Orig.Family)
	binary.NativeEndian.PutUint16(w.b[w.start+6:], FlagMulti)
	w.tuples(e)
	for _, a := range [...]struct {
		has   Present
		typ   int
		value uint32
	}{
		{HasStatus, AttrStatus, uint32(e.Status)}, {HasMark, AttrMark, e.Mark}, {HasID, AttrID, e.ID},
		{HasUse, AttrUse, uint32(e.Use)}, {HasTimeout, AttrTimeout, e.Timeout},
	} {
		if e.Has(a.has) {
			w.uint32(a.typ, a.value)
		}
	}
	if e.Has(HasMaster) {
		w.tuple(AttrTupleMaster, &e.Master, false)
	}
	w.counted(&e.Flow)
	if e.Orig.Proto == ProtoSCTP {
		w.sctp(&e.Flow)
	} else {
		w.protoInfo(&e.Flow, [2]TCPFlags{}) // flags are read with mask 0
	}
	w.help(e)
	w.extras(e)
	return w.finish()
}

// tuples appends both directions and the zone, inside the tuples where it is
// split.
func (w *builder) tuples(e *Entry) {
	split := e.SplitZone()
	if !e.Orig.IsZero() {
		w.tuple(AttrTupleOrig, &e.Orig, split && e.Orig.Zone != 0)
	}
	if e.Has(HasReply) {
		w.tuple(AttrTupleReply, &e.Reply, split && e.Reply.Zone != 0)
	}
	if !split && e.Orig.Zone != 0 {
		w.uint16(AttrZone, e.Orig.Zone)
	}
}

// counted appends traffic and times.
func (w *builder) counted(f *Flow) {
	if f.Has(HasCounters) {
		for dir, c := range f.Counter {
			mark := w.nest(AttrCountersOrig + dir)
			w.uint64(attrCountersPackets, c.Packets)
			w.uint64(attrCountersBytes, c.Bytes)
			w.end(mark)
		}
	}
	if f.Has(HasStart) {
		mark := w.nest(AttrTimestamp)
		w.uint64(attrTimestampStart, f.Start)
		if f.Has(HasStop) {
			w.uint64(attrTimestampStop, f.Stop)
		}
		w.end(mark)
	}
}

// sctp appends what is known of an SCTP association; a destroy event tells the
// state alone.
func (w *builder) sctp(f *Flow) {
	if f.Present&(HasState|HasSCTP) == 0 {
		return
	}
	outer := w.nest(AttrProtoInfo)
	in := w.nest(attrProtoInfoSCTP)
	if f.Has(HasState) {
		w.uint8(attrSCTPState, f.State)
	}
	if f.Has(HasSCTP) {
		tags := f.VTags()
		w.uint32(attrSCTPVTagOrig, tags[0])
		w.uint32(attrSCTPVTagReply, tags[1])
	}
	w.end(in)
	w.end(outer)
}

// help appends the helper, under the name that stands for its number where a
// flow has no more.
func (w *builder) help(e *Entry) {
	name := e.Helper
	if name == "" && e.Flow.Helper != HelperOther {
		name = e.Flow.Helper.String()
	}
	if (!e.Has(HasHelper) || name == "") && e.HelpInfo == nil {
		return
	}
	mark := w.nest(AttrHelp)
	if name != "" {
		w.string(attrHelpName, name)
	}
	if e.HelpInfo != nil {
		w.bytes(attrHelpInfo, e.HelpInfo)
	}
	w.end(mark)
}

// extras appends what few flows have.
func (w *builder) extras(e *Entry) {
	if e.Has(HasLabels) {
		l := e.Labels.bytes()
		w.bytes(AttrLabels, l[:])
	}
	if e.Has(HasSecCtx) {
		mark := w.nest(AttrSecCtx)
		w.string(attrSecCtxName, e.SecCtx)
		w.end(mark)
	}
	if e.Has(HasSeqAdj) {
		for dir, s := range e.SeqAdj {
			w.seqAdj(AttrSeqAdjOrig+dir, s)
		}
	}
	if e.Has(HasSynProxy) {
		w.synProxy(e.SynProxy)
	}
	if e.Has(HasEventTime) {
		w.uint64(AttrEventTime, e.EventAt)
	}
}
