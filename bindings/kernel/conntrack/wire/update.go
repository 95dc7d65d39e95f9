package wire

import "fmt"

// Masked32 is a value under a mask: bits outside the mask stay as they are.
type Masked32 struct {
	Value, Mask uint32
}

// Update changes a flow that exists; what is nil stays. The kernel looks the
// flow up by tuple and zone and ignores the id, so a re-created flow is hit
// too; NAT and master cannot be changed.
type Update struct {
	Key     Key
	Mark    *Masked32 // new = old & ^Mask | Value, in the kernel
	Timeout *uint32   // seconds; refused (EPERM) on a FIXED_TIMEOUT flow
	Status  Status    // bits to set beside Current; none can be cleared
	// Current is the status that the flow has: the kernel compares the whole
	// word and refuses (EBUSY) one that clears SEEN_REPLY or ASSURED.
	Current Status
	Labels  *Labels // bits to set
	// LabelMask says which label bits are replaced by Labels; nil is all.
	LabelMask *Labels
	// DropHelper removes the helper and its expectations. A helper cannot be
	// changed for another.
	DropHelper bool
	State      *uint8 // TCP connection state
	TCP        *TCPInfo
	TCPMask    [2]TCPFlags
	SeqAdj     *[2]SeqAdj
	SynProxy   *SynProxy
}

// Op implements Request.
func (*Update) Op() string { return "update flow" }

// Target implements Request.
func (u *Update) Target() Tuple { return u.Key.Tuple }
func (*Update) sealed()         {}

// Parts is how many things are to be changed. The kernel goes through them one by
// one: of a refused update of one part nothing was made.
func (u *Update) Parts() (n int) {
	for _, has := range []bool{u.Mark != nil, u.Timeout != nil, u.Status != 0, u.Labels != nil, u.DropHelper, u.State != nil || u.TCP != nil, u.SeqAdj != nil, u.SynProxy != nil} {
		if has {
			n++
		}
	}
	return n
}

// Append implements Request.
func (u *Update) Append(b []byte, seq uint32, flags uint16) ([]byte, error) {
	if err := u.check(); err != nil {
		return b, err
	}
	w := newBuilder(b, SubsysConntrack, MsgNew, seq, flags, u.Key.Tuple.Family)
	u.Key.append(&w)
	if u.Mark != nil {
		// The kernel computes (old & ^mask) ^ value: bits of the value
		// outside the mask would be toggled, so they are left out.
		w.uint32(AttrMark, u.Mark.Value&u.Mark.Mask)
		w.uint32(AttrMarkMask, u.Mark.Mask)
	}
	if u.Timeout != nil {
		w.uint32(AttrTimeout, *u.Timeout)
	}
	if u.Status != 0 {
		w.uint32(AttrStatus, uint32((u.Status|u.Current)&StatusSettable|
			u.Current&(StatusExpected|StatusDying)|StatusConfirmed))
	}
	if u.Labels != nil {
		mask := Labels{^uint64(0), ^uint64(0)}
		if u.LabelMask != nil {
			mask = *u.LabelMask
		}
		set := Labels{u.Labels[0] & mask[0], u.Labels[1] & mask[1]}.bytes()
		m := mask.bytes()
		w.bytes(AttrLabels, set[:])
		w.bytes(AttrLabelsMask, m[:])
	}
	if u.DropHelper {
		mark := w.nest(AttrHelp)
		w.string(attrHelpName, "")
		w.end(mark)
	}
	f := Flow{Orig: u.Key.Tuple}
	if u.State != nil {
		f.State, f.Present = *u.State, f.Present|HasState
	}
	if u.TCP != nil {
		f.SetTCP(*u.TCP)
	}
	w.protoInfo(&f, u.TCPMask)
	if u.SeqAdj != nil {
		for dir, s := range u.SeqAdj {
			w.seqAdj(AttrSeqAdjOrig+dir, s)
		}
	}
	if u.SynProxy != nil {
		w.synProxy(*u.SynProxy)
	}
	return w.finish(), nil
}

func (u *Update) check() error {
	if err := u.Key.check(u.Op()); err != nil {
		return err
	}
	fail := func(field, msg string, args ...any) error {
		return &FieldError{u.Op(), field, fmt.Sprintf(msg, args...)}
	}
	proto := u.Key.Tuple.Proto
	refused := u.Status &^ StatusSettable
	switch {
	case u.Mark == nil && u.Timeout == nil && u.Status == 0 && u.Labels == nil && !u.DropHelper &&
		u.State == nil && u.TCP == nil && u.SeqAdj == nil && u.SynProxy == nil:
		return fail("fields", "nothing to change")
	case u.Mark != nil && u.Mark.Mask == 0:
		return fail("mark", "mask 0 changes nothing")
	case u.Timeout != nil && *u.Timeout > MaxTimeout:
		return fail("timeout", "%d seconds, the kernel stores at most %d", *u.Timeout, MaxTimeout)
	case refused != 0:
		return fail("status", "%s cannot be set: only SEEN_REPLY, ASSURED, FIXED_TIMEOUT and HELPER can", refused)
	case (u.State != nil || u.TCP != nil) && proto != ProtoTCP:
		return fail("state", "can be changed on a TCP flow only, this is %s", ProtoName(proto))
	case u.State != nil && int(*u.State) >= len(tcpStates):
		return fail("state", "%d is no TCP state", *u.State)
	case u.LabelMask != nil && u.Labels == nil:
		return fail("labels", "a mask without labels")
	}
	return nil
}

// ReadUpdate reads the message of an [Update], as [Update.Append] makes it: what
// it names, and mark, timeout, labels, status and helper of what it changes.
// Status is the whole word that was sent.
func ReadUpdate(msg []byte) (u Update, err error) {
	var v View
	if err := v.Reset(msg); err != nil {
		return u, err
	}
	var f Flow
	v.Flow(&f)
	u.Key = f.Key()
	if value, ok := v.Mark(); ok {
		u.Mark = &Masked32{value, ^uint32(0)}
		if mask, ok := v.uint32(AttrMarkMask); ok {
			u.Mark.Mask = mask
		}
	}
	if sec, ok := v.Timeout(); ok {
		u.Timeout = &sec
	}
	if l, ok := v.Labels(); ok {
		u.Labels = &l
		if p := v.attr(AttrLabelsMask); len(p) == 16 {
			mask := labelsFrom([16]byte(p))
			u.LabelMask = &mask
		}
	}
	u.Status, _ = v.Status()
	if name, ok := v.Helper(); ok && len(name) == 0 {
		u.DropHelper = true
	}
	return u, nil
}
