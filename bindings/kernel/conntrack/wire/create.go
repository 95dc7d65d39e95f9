package wire

import "fmt"

// NAT is a translation to set up at creation: one end is rewritten to an
// address between Min and Max and, where MaxPort is not 0, a port between
// MinPort and MaxPort. The kernel picks, and computes the reply tuple.
type NAT struct {
	Min, Max         Addr
	MinPort, MaxPort uint16
}

// Create makes a new flow, or with Upsert overwrites the one that is there.
// What is used of the entry: both tuples with their zones, timeout
// (required), status, mark, state and protocol details, labels, helper,
// sequence adjustment, SYN proxy and master, each where it is present.
// The kernel ignores counters, times, id and use.
type Create struct {
	Entry Entry
	// SrcNAT and DstNAT translate; then Entry.Reply is computed by the kernel
	// and taken here as the inverse of Entry.Orig. Without them a reply tuple
	// that is not the inverse makes a flow that looks translated and is not
	// (it lacks the NAT status, and packets are not rewritten).
	SrcNAT, DstNAT *NAT
	// Untranslated is the reply tuple that SrcNAT and DstNAT begin with where it
	// is not the inverse of Entry.Orig: what they cannot translate, such as the
	// keys of GRE, then stands in it as it is to be in the end.
	Untranslated Tuple
	// TCPMask says which TCP flags of Entry to set, by direction; flags read
	// from the kernel come with mask 0, which would set none.
	TCPMask [2]TCPFlags
	Upsert  bool
}

// Op implements Request.
func (*Create) Op() string { return "create flow" }

// Target implements Request.
func (c *Create) Target() Tuple { return c.Entry.Orig }
func (*Create) sealed()         {}

// MaxTimeout is the longest timeout that the kernel stores, in seconds
// (INT_MAX / HZ with HZ 250; larger values are cut to it without a word).
const MaxTimeout = 8589934

// Check tells whether the kernel can be asked for the flow, before anything is
// sent: nil, or the [*FieldError] that Append would return.
func (c *Create) Check() error {
	_, err := c.reply()
	return err
}

// reply is the reply tuple that the request is sent with, once all of it is
// checked.
func (c *Create) reply() (Tuple, error) {
	e := &c.Entry
	reply := e.Reply
	if c.SrcNAT != nil || c.DstNAT != nil || reply.IsZero() {
		inv, ok := e.Orig.Invert()
		if !ok && e.Orig.check() == "" {
			return reply, &FieldError{c.Op(), "reply tuple", "this ICMP type has no answer"}
		}
		if !c.Untranslated.IsZero() {
			inv = c.Untranslated
		}
		inv.Zone = reply.Zone
		if reply.IsZero() {
			inv.Zone = e.Orig.Zone
		}
		reply = inv
	}
	return reply, c.check(&reply)
}

// Append implements Request.
func (c *Create) Append(b []byte, seq uint32, flags uint16) ([]byte, error) {
	e := &c.Entry
	reply, err := c.reply()
	if err != nil {
		return b, err
	}
	flags |= FlagCreate
	if !c.Upsert {
		flags |= FlagExcl
	}
	w := newBuilder(b, SubsysConntrack, MsgNew, seq, flags, e.Orig.Family)
	split := e.Orig.Zone != reply.Zone
	w.tuple(AttrTupleOrig, &e.Orig, split && e.Orig.Zone != 0)
	w.tuple(AttrTupleReply, &reply, split && reply.Zone != 0)
	if !split && e.Orig.Zone != 0 {
		w.uint16(AttrZone, e.Orig.Zone)
	}
	w.uint32(AttrTimeout, e.Timeout)
	// A difference in CONFIRMED is EBUSY, and the new entry has it already.
	// The NAT, adjust and offload bits are the kernel's to set.
	w.uint32(AttrStatus, uint32(e.Status&StatusSettable|StatusConfirmed))
	w.nat(AttrNATSrc, c.SrcNAT, e.Orig.Family)
	w.nat(AttrNATDst, c.DstNAT, e.Orig.Family)
	w.entry(e, c.TCPMask)
	return w.finish(), nil
}

// StatusSettable are the status bits that a request may carry; the rest are
// refused (EBUSY) or ignored by the kernel.
const StatusSettable = StatusSeenReply | StatusAssured | StatusConfirmed |
	StatusFixedTimeout | StatusHelper

func (c *Create) check(reply *Tuple) error {
	e := &c.Entry
	fail := func(field, msg string, args ...any) error {
		return &FieldError{c.Op(), field, fmt.Sprintf(msg, args...)}
	}
	if msg := e.Orig.check(); msg != "" {
		return fail("original tuple", "%s", msg)
	}
	if msg := reply.check(); msg != "" {
		return fail("reply tuple", "%s", msg)
	}
	switch {
	case reply.Family != e.Orig.Family:
		return fail("reply tuple", "its family differs from that of the original one")
	case reply.Proto != e.Orig.Proto:
		return fail("reply tuple", "protocol %s, but the original one has %s", ProtoName(reply.Proto), ProtoName(e.Orig.Proto))
	case e.Orig.Zone != reply.Zone && e.Orig.Zone != 0 && reply.Zone != 0:
		return fail("zone", "the directions are in zones %d and %d; one of a split zone must be 0", e.Orig.Zone, reply.Zone)
	case !e.Has(HasTimeout):
		return fail("timeout", "missing: the kernel creates no flow without one")
	case e.Timeout == 0:
		return fail("timeout", "0 seconds: the flow would be gone at once")
	case e.Timeout > MaxTimeout:
		return fail("timeout", "%d seconds, the kernel stores at most %d", e.Timeout, MaxTimeout)
	case e.Has(HasMaster) && e.Master.check() != "":
		return fail("master", "%s", e.Master.check())
	case len(e.Helper) > 15:
		return fail("helper", "%q is longer than 15 bytes", e.Helper)
	case e.Has(HasState) && int(e.State) >= len(States(e.Orig.Proto)):
		return fail("state", "%d is no state of %s", e.State, ProtoName(e.Orig.Proto))
	}
	for _, n := range []*NAT{c.SrcNAT, c.DstNAT} {
		if n == nil {
			continue
		}
		if n.Min.Is4() != (e.Orig.Family == FamilyIPv4) || n.Max.Is4() != n.Min.Is4() {
			return fail("nat", "%s-%s does not fit the family of the flow", n.Min, n.Max)
		}
		if n.MinPort > n.MaxPort {
			return fail("nat", "port range %d-%d is empty", n.MinPort, n.MaxPort)
		}
	}
	return nil
}

func (w *builder) nat(typ int, n *NAT, family uint8) {
	if n == nil {
		return
	}
	mark := w.nest(typ)
	if family == FamilyIPv4 {
		w.bytes(attrNATv4Min, n.Min[12:])
		w.bytes(attrNATv4Max, n.Max[12:])
	} else {
		w.bytes(attrNATv6Min, n.Min[:])
		w.bytes(attrNATv6Max, n.Max[:])
	}
	if n.MaxPort != 0 {
		ports := w.nest(attrNATProto)
		w.uint16(attrNATPortMin, n.MinPort)
		w.uint16(attrNATPortMax, n.MaxPort)
		w.end(ports)
	}
	w.end(mark)
}

// entry appends what create takes of an entry beside tuples, zone, timeout,
// status and NAT.
func (w *builder) entry(e *Entry, mask [2]TCPFlags) {
	w.protoInfo(&e.Flow, mask)
	if e.Has(HasMark) {
		w.uint32(AttrMark, e.Mark)
	}
	if e.Has(HasLabels) {
		l := e.Labels.bytes()
		w.bytes(AttrLabels, l[:])
	}
	if e.Has(HasHelper) && e.Helper != "" {
		mark := w.nest(AttrHelp)
		w.string(attrHelpName, e.Helper)
		if len(e.HelpInfo) > 0 {
			w.bytes(attrHelpInfo, e.HelpInfo)
		}
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
	if e.Has(HasMaster) {
		w.tuple(AttrTupleMaster, &e.Master, false)
	}
}

// protoInfo appends state and protocol details. SCTP needs all three of its
// attributes or none; TCP stores a window scale only where both directions
// carry the flag in value and mask.
func (w *builder) protoInfo(f *Flow, mask [2]TCPFlags) {
	switch {
	case f.Orig.Proto == ProtoTCP && f.Present&(HasState|HasTCP) != 0:
		outer := w.nest(AttrProtoInfo)
		in := w.nest(attrProtoInfoTCP)
		if f.Has(HasState) {
			w.uint8(attrTCPState, f.State)
		}
		if f.Has(HasTCP) {
			t := f.TCP()
			w.uint8(attrTCPWScaleOrig, t.WScale[0])
			w.uint8(attrTCPWScaleReply, t.WScale[1])
			w.bytes(attrTCPFlagsOrig, []byte{byte(t.Flags[0]), byte(mask[0])})
			w.bytes(attrTCPFlagsReply, []byte{byte(t.Flags[1]), byte(mask[1])})
		}
		w.end(in)
		w.end(outer)
	case f.Orig.Proto == ProtoSCTP && f.Present&(HasState|HasSCTP) != 0:
		tags := f.VTags()
		outer := w.nest(AttrProtoInfo)
		in := w.nest(attrProtoInfoSCTP)
		w.uint8(attrSCTPState, f.State)
		w.uint32(attrSCTPVTagOrig, tags[0])
		w.uint32(attrSCTPVTagReply, tags[1])
		w.end(in)
		w.end(outer)
	case f.Orig.Proto == ProtoDCCP && f.Has(HasState):
		outer := w.nest(AttrProtoInfo)
		in := w.nest(attrProtoInfoDCCP)
		w.uint8(attrDCCPState, f.State)
		w.end(in)
		w.end(outer)
	}
}

func (w *builder) seqAdj(typ int, s SeqAdj) {
	mark := w.nest(typ)
	w.uint32(attrSeqAdjCorrection, s.Correction)
	w.uint32(attrSeqAdjBefore, s.Before)
	w.uint32(attrSeqAdjAfter, s.After)
	w.end(mark)
}

func (w *builder) synProxy(s SynProxy) {
	mark := w.nest(AttrSynProxy)
	w.uint32(attrSynProxyISN, s.ISN)
	w.uint32(attrSynProxyITS, s.ITS)
	w.uint32(attrSynProxyTSOff, s.TSOff)
	w.end(mark)
}
