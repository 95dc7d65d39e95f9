package wire

import "encoding/binary"

// The Peek methods read one value of a tuple where it lies, for filters that
// look at one or two and pass most messages over. They know the layout that the
// kernel sends and no other: where ok is false the message may still have the
// value, and [View.Tuple] tells. What they return is what View.Tuple reads.

// Lengths of the parts of a usual tuple, headers included.
const (
	lenIPv4  = 20 // the two addresses
	lenIPv6  = 44
	lenPorts = 28 // the protocol and two ports
)

// What a usual tuple begins with: the headers of the addresses and of the first
// one, and those of the protocol and its number, each as one number of the host.
var (
	pairIPv4  = pair(wordIPv4, wordIPv4Src)
	pairIPv6  = pair(wordIPv6, wordIPv6Src)
	pairProto = pair(wordProto, wordNum)
)

// pair is two words that stand in a row, as nativeUint64 reads them.
func pair(first, second uint32) uint64 {
	var b [8]byte
	binary.NativeEndian.PutUint32(b[:], first)
	binary.NativeEndian.PutUint32(b[4:], second)
	return nativeUint64(b[:])
}

func nativeUint64(b []byte) uint64 { return binary.NativeEndian.Uint64(b) }

// PeekPorts reads the protocol and both ports of a direction, where it has a
// protocol with ports. What they hold depends on the protocol: see [Tuple].
func (v *View) PeekPorts(dir Direction) (proto uint8, src, dst uint16, ok bool) {
	b := v.attr(AttrTupleOrig + int(dir))
	var p *[lenPorts]byte
	// Nothing may follow: of a part that stands twice the last would count.
	switch {
	case len(b) == lenIPv4+lenPorts && nativeUint64(b) == pairIPv4:
		p = (*[lenPorts]byte)(b[lenIPv4:])
	case len(b) == lenIPv6+lenPorts && nativeUint64(b) == pairIPv6:
		p = (*[lenPorts]byte)(b[lenIPv6:])
	default:
		return 0, 0, 0, false
	}
	if nativeUint64(p[:]) != pairProto || nativeUint32(p[12:]) != wordSrcPort || nativeUint32(p[20:]) != wordDstPort {
		return 0, 0, 0, false
	}
	return p[8], be16(p[16:]), be16(p[24:]), true
}

// PeekAddr reads one address of a direction, the destination with dst. The
// protocol does not matter.
func (v *View) PeekAddr(dir Direction, dst bool) (a AddrWords, ok bool) {
	b := v.attr(AttrTupleOrig + int(dir))
	switch {
	case len(b) >= lenIPv4+nlaHeader && nativeUint64(b) == pairIPv4 &&
		nativeUint32(b[12:]) == wordIPv4Dst && onlyProto(b[lenIPv4:]):
		if dst {
			return AddrWords{Lo: mappedLo | uint64(be32(b[16:]))}, true
		}
		return AddrWords{Lo: mappedLo | uint64(be32(b[8:]))}, true
	case len(b) >= lenIPv6+nlaHeader && nativeUint64(b) == pairIPv6 &&
		nativeUint32(b[24:]) == wordIPv6Dst && onlyProto(b[lenIPv6:]):
		if dst {
			return AddrWords{be64(b[28:]), be64(b[36:])}, true
		}
		return AddrWords{be64(b[8:]), be64(b[16:])}, true
	}
	return AddrWords{}, false
}

// onlyProto tells whether b is one attribute, the protocol, so that no
// addresses stand in it a second time.
func onlyProto(b []byte) bool {
	return int(nativeUint16(b)) == len(b) && nativeUint16(b[2:]) == attrTupleProto|nlaNested
}
