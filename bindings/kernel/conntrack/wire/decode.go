package wire

import "strings"

// State returns the connection state of a TCP, SCTP or DCCP flow.
func (v *View) State() (state uint8, ok bool) {
	_, p := v.protoInfo()
	if s := find(p, attrTCPState); len(s) >= 1 { // state is attribute 1 in all three
		return s[0], true
	}
	return 0, false
}

// protoInfo returns which protocol's details the message has, and the nest.
func (v *View) protoInfo() (kind int, nest []byte) {
	in := attrs{b: v.attr(AttrProtoInfo)}
	kind, nest, _ = in.next()
	return kind, nest
}

// Flow decodes into f all that a Flow can hold. It overwrites f.
func (v *View) Flow(f *Flow) {
	*f = Flow{}
	v.Tuple(Original, &f.Orig)
	if v.Tuple(Reply, &f.Reply) {
		f.Present |= HasReply
	}
	var ok bool
	if f.Status, ok = v.Status(); ok {
		f.Present |= HasStatus
	}
	if f.Timeout, ok = v.Timeout(); ok {
		f.Present |= HasTimeout
	}
	if f.Mark, ok = v.Mark(); ok {
		f.Present |= HasMark
	}
	if f.ID, ok = v.ID(); ok {
		f.Present |= HasID
	}
	if use, ok := v.Use(); ok {
		f.Use = uint16(min(use, 1<<16-1))
		f.Present |= HasUse
	}
	if v.seen&(1<<AttrCountersOrig|1<<AttrCountersReply) != 0 {
		v.flowCounters(f)
	}
	if v.Has(AttrTimestamp) {
		v.flowTimes(f)
	}
	if v.Has(AttrProtoInfo) {
		v.ProtoInfo(f)
	}
	if f.Labels, ok = v.Labels(); ok {
		f.Present |= HasLabels
	}
	if name, ok := v.Helper(); ok {
		f.Helper = InternHelper(name)
		f.Present |= HasHelper
	}
}

func (v *View) flowCounters(f *Flow) {
	for dir := Original; dir <= Reply; dir++ {
		if c, ok := v.Counters(dir); ok {
			f.Counter[dir] = c
			f.Present |= HasCounters
		}
	}
}

func (v *View) flowTimes(f *Flow) {
	start, stop, ok := v.Timestamp()
	if !ok {
		return
	}
	f.Start, f.Stop = start, stop
	f.Present |= HasStart
	if stop != 0 {
		f.Present |= HasStop
	}
}

// flowTCP reads the details of a connection if they are laid out as usual.
func (v *View) flowTCP(f *Flow) bool {
	b := v.attr(AttrProtoInfo)
	if len(b) != 44 || nativeUint32(b) != wordTCP || nativeUint32(b[4:]) != wordState ||
		nativeUint32(b[12:]) != wordWScale[0] || nativeUint32(b[20:]) != wordWScale[1] ||
		nativeUint32(b[28:]) != wordFlags[0] || nativeUint32(b[36:]) != wordFlags[1] {
		return false
	}
	f.State = b[8]
	f.SetTCP(TCPInfo{WScale: [2]uint8{b[16], b[24]}, Flags: [2]TCPFlags{TCPFlags(b[32]), TCPFlags(b[40])}})
	f.Present |= HasState | HasTCP
	return true
}

// ProtoInfo decodes the connection state and details of the protocol into f,
// which is otherwise left as it is.
func (v *View) ProtoInfo(f *Flow) {
	if v.flowTCP(f) {
		return
	}
	kind, nest := v.protoInfo()
	in := attrs{b: nest}
	var tcp TCPInfo
	var tags [2]uint32
	for {
		typ, p, ok := in.next()
		if !ok {
			break
		}
		if len(p) == 0 || typ == 0 { // 0 is no attribute of any nest
			continue
		}
		switch {
		case typ == attrTCPState:
			f.State = p[0]
			f.Present |= HasState
		case kind == attrProtoInfoTCP && typ <= attrTCPWScaleReply:
			tcp.WScale[typ-attrTCPWScaleOrig] = p[0]
			f.Present |= HasTCP
		case kind == attrProtoInfoTCP && typ <= attrTCPFlagsReply:
			tcp.Flags[typ-attrTCPFlagsOrig] = TCPFlags(p[0])
			f.Present |= HasTCP
		case kind == attrProtoInfoSCTP && typ <= attrSCTPVTagReply && len(p) >= 4:
			tags[typ-attrSCTPVTagOrig] = be32(p)
			f.Present |= HasSCTP
		}
	}
	switch {
	case f.Has(HasTCP):
		f.SetTCP(tcp)
	case f.Has(HasSCTP):
		f.SetVTags(tags)
	}
}

// Entry decodes into e everything the message says. It overwrites e and may
// allocate, for the strings.
func (v *View) Entry(e *Entry) {
	*e = Entry{}
	v.Flow(&e.Flow)
	if v.Master(&e.Master) {
		e.Present |= HasMaster
	}
	for dir := Original; dir <= Reply; dir++ {
		if p := v.attr(AttrSeqAdjOrig + int(dir)); p != nil {
			e.SeqAdj[dir] = SeqAdj{uint32In(p, attrSeqAdjCorrection),
				uint32In(p, attrSeqAdjBefore), uint32In(p, attrSeqAdjAfter)}
			e.Present |= HasSeqAdj
		}
	}
	if p := v.attr(AttrSynProxy); p != nil {
		e.SynProxy = SynProxy{uint32In(p, attrSynProxyISN),
			uint32In(p, attrSynProxyITS), uint32In(p, attrSynProxyTSOff)}
		e.Present |= HasSynProxy
	}
	if s, ok := v.SecCtx(); ok {
		e.SecCtx = string(s)
		e.Present |= HasSecCtx
	}
	if s, ok := v.Helper(); ok {
		e.Helper = strings.Clone(string(s))
	}
	if p := find(v.attr(AttrHelp), attrHelpInfo); p != nil {
		e.HelpInfo = append([]byte(nil), p...)
	}
	if t, ok := v.EventTime(); ok {
		e.EventAt = t
		e.Present |= HasEventTime
	}
}

// uint32In returns a big-endian word of a nest, 0 if absent.
func uint32In(nest []byte, typ int) uint32 {
	if p := find(nest, typ); len(p) >= 4 {
		return be32(p)
	}
	return 0
}
