package wire

import (
	"bytes"
	"fmt"
)

// View is a received conntrack message, read in place. Reset notes the
// attributes in one pass; the methods decode one field each and return false
// where the kernel did not send it. It allocates nothing and is valid as long
// as the bytes it was reset to.
type View struct {
	msg  []byte
	seen uint32 // bit n: attribute n is there, at span[n]
	span [attrCount]span
}

type span struct{ off, end uint16 }

// DecodeError says what is wrong with a message.
type DecodeError struct {
	Offset int // from the start of the message, bytes
	Msg    string
}

// Error implements error.
func (e *DecodeError) Error() string {
	return fmt.Sprintf("netlink message malformed at byte %d: %s", e.Offset, e.Msg)
}

// Reset reads the attributes of msg, a whole netlink message with its header.
// Unknown attributes are passed over; of an attribute that stands twice the
// last counts, as in the kernel's nla_parse. On error the view is empty.
func (v *View) Reset(msg []byte) error {
	v.msg, v.seen = msg, 0
	if len(msg) < HeaderLen || len(msg) > 1<<16-1 {
		v.msg = nil
		return &DecodeError{0, fmt.Sprintf("%d bytes, want %d to 65535", len(msg), HeaderLen)}
	}
	var seen uint32
	for off, b := HeaderLen, msg[HeaderLen:]; len(b) > 0; {
		if len(b) < nlaHeader {
			return &DecodeError{off, "bytes left after the last attribute"}
		}
		n := int(nativeUint16(b))
		if n < nlaHeader || n > len(b) {
			return &DecodeError{off, fmt.Sprintf("attribute of %d bytes, %d are left", n, len(b))}
		}
		if typ := nativeUint16(b[2:]) & nlaTypeMask; typ < attrCount {
			v.span[typ] = span{uint16(off + nlaHeader), uint16(off + n)}
			seen |= 1 << (typ & 31)
		}
		step := align(n)
		if step >= len(b) {
			break
		}
		off, b = off+step, b[step:]
	}
	v.seen = seen
	return nil
}

// attr returns the payload of a top-level attribute, nil if absent.
func (v *View) attr(typ int) []byte {
	if v.seen&(1<<typ) == 0 {
		return nil
	}
	s := v.span[typ]
	return v.msg[s.off:s.end:s.end]
}

// Has tells whether the top-level attribute typ (AttrMark, ...) was sent.
func (v *View) Has(typ int) bool { return uint(typ) < attrCount && v.seen&(1<<typ) != 0 }

// Raw returns the bytes the view reads from, the netlink header included.
func (v *View) Raw() []byte { return v.msg }

// Family returns the address family of the message's nfgenmsg.
func (v *View) Family() uint8 { return v.msg[16] }

// Header returns the netlink header and the nfgenmsg.
func (v *View) Header() Header { h, _ := ReadHeader(v.msg); return h }

// Tuple decodes one direction into t, its zone included, and tells whether
// the message has that direction.
func (v *View) Tuple(dir Direction, t *Tuple) bool {
	p := v.attr(AttrTupleOrig + int(dir))
	if p == nil {
		return false
	}
	t.decode(p)
	if z := v.attr(AttrZone); len(z) >= 2 {
		t.Zone = be16(z)
	}
	return true
}

// Master decodes the original tuple of the flow that this one was expected by.
func (v *View) Master(t *Tuple) bool {
	p := v.attr(AttrTupleMaster)
	if p == nil {
		return false
	}
	t.decode(p)
	if z := v.attr(AttrZone); len(z) >= 2 {
		t.Zone = be16(z)
	}
	return true
}

func (v *View) uint32(typ int) (uint32, bool) {
	if p := v.attr(typ); len(p) >= 4 {
		return be32(p), true
	}
	return 0, false
}

// Status returns the status word.
func (v *View) Status() (Status, bool) { s, ok := v.uint32(AttrStatus); return Status(s), ok }

// Timeout returns the seconds left. Offloaded flows have none.
func (v *View) Timeout() (uint32, bool) { return v.uint32(AttrTimeout) }

// Mark returns the mark; the kernel leaves it out of events when it is 0 and
// did not change.
func (v *View) Mark() (uint32, bool) { return v.uint32(AttrMark) }

// ID returns the identifier: stable for a flow's life, not unique over time.
func (v *View) ID() (uint32, bool) { return v.uint32(AttrID) }

// Use returns the reference count.
func (v *View) Use() (uint32, bool) { return v.uint32(AttrUse) }

// Zone returns CTA_ZONE, the zone of both directions; 0 where it was not sent,
// which is the default zone or a split one (then the tuples carry it).
func (v *View) Zone() uint16 {
	if p := v.attr(AttrZone); len(p) >= 2 {
		return be16(p)
	}
	return 0
}

// Counters returns the traffic of one direction.
func (v *View) Counters(dir Direction) (c Counters, ok bool) {
	b := v.attr(AttrCountersOrig + int(dir))
	if len(b) == 24 && nativeUint32(b) == wordPackets && nativeUint32(b[12:]) == wordBytes {
		return Counters{be64(b[4:]), be64(b[16:])}, true
	}
	in := attrs{b: b}
	for {
		typ, p, more := in.next()
		switch {
		case !more:
			return c, ok
		case typ == attrCountersPackets && len(p) >= 8:
			c.Packets, ok = be64(p), true
		case typ == attrCountersBytes && len(p) >= 8:
			c.Bytes, ok = be64(p), true
		case typ == attrCounters32Packets && len(p) >= 4:
			c.Packets, ok = uint64(be32(p)), true
		case typ == attrCounters32Bytes && len(p) >= 4:
			c.Bytes, ok = uint64(be32(p)), true
		}
	}
}

// Timestamp returns start and stop in nanoseconds since 1970, 0 for one that
// was not sent (stop comes with destroy events only).
func (v *View) Timestamp() (start, stop uint64, ok bool) {
	b := v.attr(AttrTimestamp)
	if len(b) == 12 && nativeUint32(b) == wordStart {
		return be64(b[4:]), 0, true
	}
	in := attrs{b: b}
	for {
		typ, p, more := in.next()
		switch {
		case !more:
			return start, stop, ok
		case typ == attrTimestampStart && len(p) >= 8:
			start, ok = be64(p), true
		case typ == attrTimestampStop && len(p) >= 8:
			stop, ok = be64(p), true
		}
	}
}

// EventTime returns when the kernel made the event, in nanoseconds since 1970
// (linux 6.14 and later, with nf_conntrack_timestamp).
func (v *View) EventTime() (uint64, bool) {
	if p := v.attr(AttrEventTime); len(p) >= 8 {
		return be64(p), true
	}
	return 0, false
}

// Labels returns the label bits; fewer than 128 are padded with zeros.
func (v *View) Labels() (l Labels, ok bool) {
	p := v.attr(AttrLabels)
	if p == nil {
		return l, false
	}
	var words [16]byte
	copy(words[:], p)
	return labelsFrom(words), true
}

// Helper returns the helper's name without its NUL.
func (v *View) Helper() ([]byte, bool) { return v.text(AttrHelp, attrHelpName) }

// SecCtx returns the security context.
func (v *View) SecCtx() ([]byte, bool) { return v.text(AttrSecCtx, attrSecCtxName) }

// text returns a string attribute inside a nest.
func (v *View) text(outer, inner int) ([]byte, bool) {
	p := find(v.attr(outer), inner)
	if p == nil {
		return nil, false
	}
	if i := bytes.IndexByte(p, 0); i >= 0 {
		p = p[:i]
	}
	return p, true
}

// find returns the payload of the first attribute typ in b, nil if absent.
func find(b []byte, typ int) []byte {
	in := attrs{b: b}
	for {
		t, p, ok := in.next()
		if !ok {
			return nil
		}
		if t == typ {
			return p
		}
	}
}
