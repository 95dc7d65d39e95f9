package wire

import (
	"encoding/binary"
	"fmt"
)

// FieldError says which field of a request cannot be sent, before anything is.
type FieldError struct {
	Op    string // "create flow"
	Field string // in the words of the user: "timeout", "reply tuple"
	Msg   string // what is wrong with it
}

// Error implements error.
func (e *FieldError) Error() string { return e.Op + ": " + e.Field + ": " + e.Msg }

// Request is a message to the kernel. Append adds it to b, a whole netlink
// message with NLM_F_REQUEST and the given flags set, or returns b as it was
// with a [*FieldError]. Only this package makes requests.
type Request interface {
	Append(b []byte, seq uint32, flags uint16) ([]byte, error)
	// Op names the operation for error messages: "delete flow".
	Op() string
	// Target is the flow or expectation it is about, zero where it is about
	// none.
	Target() Tuple
	sealed()
}

// builder appends one netlink message to a buffer.
type builder struct {
	b     []byte
	start int
}

// newBuilder starts a message of the given subsystem and type.
func newBuilder(b []byte, subsys, msg uint8, seq uint32, flags uint16, family uint8) builder {
	w := builder{b: b, start: len(b)}
	w.b = append(w.b, 0, 0, 0, 0, msg, subsys)
	w.b = binary.NativeEndian.AppendUint16(w.b, flags|FlagRequest)
	w.b = binary.NativeEndian.AppendUint32(w.b, seq)
	w.b = append(w.b, 0, 0, 0, 0, family, 0, 0, 0)
	binary.NativeEndian.PutUint16(w.b[w.start+4:], uint16(subsys)<<8|uint16(msg))
	return w
}

// version sets nfgenmsg.version. A flush heeds the family only with 1 (linux
// ctnetlink_flush_conntrack).
func (w *builder) version(v uint8) { w.b[w.start+17] = v }

// attrHeader appends the header of an attribute with n bytes of payload.
func (w *builder) attrHeader(typ, n int) {
	w.b = binary.NativeEndian.AppendUint16(w.b, uint16(nlaHeader+n))
	w.b = binary.NativeEndian.AppendUint16(w.b, uint16(typ))
}

func (w *builder) pad() {
	for (len(w.b)-w.start)&3 != 0 {
		w.b = append(w.b, 0)
	}
}

func (w *builder) bytes(typ int, p []byte) {
	w.attrHeader(typ, len(p))
	w.b = append(w.b, p...)
	w.pad()
}

// string appends s with its terminating NUL.
func (w *builder) string(typ int, s string) {
	w.attrHeader(typ, len(s)+1)
	w.b = append(w.b, s...)
	w.b = append(w.b, 0)
	w.pad()
}

func (w *builder) uint8(typ int, v uint8) {
	w.attrHeader(typ, 1)
	w.b = append(w.b, v, 0, 0, 0)
}

func (w *builder) uint16(typ int, v uint16) {
	w.attrHeader(typ, 2)
	w.b = binary.BigEndian.AppendUint16(w.b, v)
	w.b = append(w.b, 0, 0)
}

func (w *builder) uint32(typ int, v uint32) {
	w.attrHeader(typ, 4)
	w.b = binary.BigEndian.AppendUint32(w.b, v)
}

func (w *builder) uint64(typ int, v uint64) {
	w.attrHeader(typ, 8)
	w.b = binary.BigEndian.AppendUint64(w.b, v)
}

// native32 appends a word in host order (CTA_FILTER flags).
func (w *builder) native32(typ int, v uint32) {
	w.attrHeader(typ, 4)
	w.b = binary.NativeEndian.AppendUint32(w.b, v)
}

// nest opens a nested attribute; end closes it.
func (w *builder) nest(typ int) (mark int) {
	mark = len(w.b)
	w.attrHeader(typ|nlaNested, 0)
	return mark
}

func (w *builder) end(mark int) {
	binary.NativeEndian.PutUint16(w.b[mark:], uint16(len(w.b)-mark))
}

// finish writes the length and returns the buffer.
func (w *builder) finish() []byte {
	binary.NativeEndian.PutUint32(w.b[w.start:], uint32(len(w.b)-w.start))
	return w.b
}

// tuple appends t as the nest typ; with zone, its zone goes in as a split
// zone.
func (w *builder) tuple(typ int, t *Tuple, zone bool) {
	outer := w.nest(typ)
	ip := w.nest(attrTupleIP)
	if t.Family == FamilyIPv4 {
		w.bytes(attrIPv4Src, t.Src[12:])
		w.bytes(attrIPv4Dst, t.Dst[12:])
	} else {
		w.bytes(attrIPv6Src, t.Src[:])
		w.bytes(attrIPv6Dst, t.Dst[:])
	}
	w.end(ip)
	w.tupleProto(t)
	if zone {
		w.uint16(attrTupleZone, t.Zone)
	}
	w.end(outer)
}

func (w *builder) tupleProto(t *Tuple) {
	mark := w.nest(attrTupleProto)
	w.uint8(attrProtoNum, t.Proto)
	typ, code, id := t.ICMP()
	switch t.Proto {
	case ProtoICMP:
		w.uint16(attrProtoICMPID, id)
		w.uint8(attrProtoICMPType, typ)
		w.uint8(attrProtoICMPCode, code)
	case ProtoICMPv6:
		w.uint16(attrProtoICMP6ID, id)
		w.uint8(attrProtoICMP6Typ, typ)
		w.uint8(attrProtoICMP6Cod, code)
	default:
		// A protocol without ports ignores them, and the generic tracker
		// accepts them (linux nf_conntrack_proto_generic.c has no
		// nlattr_to_tuple), so they are sent only where they mean something.
		if HasPorts(t.Proto) || t.Proto == ProtoGRE {
			w.uint16(attrProtoSrcPort, t.SrcPort)
			w.uint16(attrProtoDstPort, t.DstPort)
		}
	}
	w.end(mark)
}

// check says what makes t unfit to name a flow, "" if nothing does.
func (t *Tuple) check() string {
	switch {
	case t.IsZero():
		return "missing"
	case t.Family != FamilyIPv4 && t.Family != FamilyIPv6:
		return fmt.Sprintf("family %d is neither IPv4 nor IPv6", t.Family)
	case t.Src.Is4() != t.Dst.Is4():
		return fmt.Sprintf("source %s and destination %s are of different families", t.Src, t.Dst)
	case t.Src.Is4() != (t.Family == FamilyIPv4):
		return fmt.Sprintf("address %s does not fit the family", t.Src)
	case t.Proto == ProtoICMP && t.Family != FamilyIPv4:
		return "icmp goes over IPv4, IPv6 has icmpv6"
	case t.Proto == ProtoICMPv6 && t.Family != FamilyIPv6:
		return "icmpv6 goes over IPv6, IPv4 has icmp"
	}
	if t.Proto == ProtoICMP || t.Proto == ProtoICMPv6 {
		typ, _, _ := t.ICMP()
		if _, ok := icmpAnswer(t.Proto, typ); !ok {
			return fmt.Sprintf("%s type %d is not a query or its answer, so it is not tracked", ProtoName(t.Proto), typ)
		}
	}
	return ""
}
