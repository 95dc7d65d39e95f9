package nft

import "encoding/binary"

// attrHeader is the length of the header of an attribute.
const attrHeader = 4

// Flags in the type of an attribute (include/uapi/linux/netlink.h).
const (
	nested   = 0x8000
	typeMask = 0x3fff
)

// appendAttr appends an attribute with its padding.
func appendAttr(b []byte, typ uint16, payload []byte) []byte {
	b = binary.NativeEndian.AppendUint16(b, uint16(attrHeader+len(payload)))
	b = binary.NativeEndian.AppendUint16(b, typ)
	b = append(b, payload...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

func appendText(b []byte, typ uint16, text string) []byte {
	return appendAttr(b, typ, append([]byte(text), 0))
}

func appendUint32(b []byte, typ uint16, v uint32) []byte {
	return appendAttr(b, typ, binary.BigEndian.AppendUint32(nil, v))
}

func appendUint64(b []byte, typ uint16, v uint64) []byte {
	return appendAttr(b, typ, binary.BigEndian.AppendUint64(nil, v))
}

// openNest begins an attribute that holds others; closeNest ends it.
func openNest(b []byte, typ uint16) (with []byte, at int) {
	return binary.NativeEndian.AppendUint16(append(b, 0, 0), typ|nested), len(b)
}

func closeNest(b []byte, at int) { binary.NativeEndian.PutUint16(b[at:], uint16(len(b)-at)) }

// attrs walks over attributes. What is cut short ends it with bad set.
type attrs struct {
	b   []byte
	bad bool
}

// next returns the next attribute, its whole included.
func (a *attrs) next() (typ uint16, payload, whole []byte, ok bool) {
	if len(a.b) == 0 || a.bad {
		return 0, nil, nil, false
	}
	if len(a.b) < attrHeader {
		a.bad = true
		return 0, nil, nil, false
	}
	n := int(binary.NativeEndian.Uint16(a.b))
	if n < attrHeader || n > len(a.b) {
		a.bad = true
		return 0, nil, nil, false
	}
	typ = binary.NativeEndian.Uint16(a.b[2:]) & typeMask
	payload, whole = a.b[attrHeader:n:n], a.b[:n:n]
	a.b = a.b[min((n+3)&^3, len(a.b)):]
	return typ, payload, whole, true
}

// find returns the payload of the first attribute of a type, nil for none.
func find(b []byte, typ uint16) []byte {
	for a := (attrs{b: b}); ; {
		t, payload, _, ok := a.next()
		if !ok {
			return nil
		}
		if t == typ {
			return payload
		}
	}
}
