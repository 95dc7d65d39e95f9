package fake

import (
	"bytes"
	"encoding/binary"
	"errors"
	"syscall"
)

// Attributes inside the nests (linux
// include/uapi/linux/netfilter/nfnetlink_conntrack.h).
const (
	tupleIP, tupleProto, tupleZone = 1, 2, 3

	ipV4Src, ipV4Dst, ipV6Src, ipV6Dst = 1, 2, 3, 4

	protoNum, protoSrcPort, protoDstPort  = 1, 2, 3
	protoICMPID, protoICMPType            = 4, 5
	protoICMPCode, protoICMP6ID           = 6, 7
	protoICMP6Type, protoICMP6Code        = 8, 9
	infoTCP, infoSCTP                     = 1, 3
	tcpState, tcpScaleOrig, tcpScaleReply = 1, 2, 3
	tcpFlagsOrig, tcpFlagsReply           = 4, 5
	sctpState, sctpTagOrig, sctpTagReply  = 1, 2, 3

	countPackets, countBytes = 1, 2
	timeStart, timeStop      = 1, 2
	adjCorrection            = 1
	adjBefore, adjAfter      = 2, 3
	synISN, synITS, synTSOff = 1, 2, 3
	helpName                 = 1

	natV4Min, natV4Max, natProto = 1, 2, 3
	natV6Min, natV6Max           = 4, 5
	natPortMin, natPortMax       = 1, 2

	filterOrig, filterReply = 1, 2

	statsEntries, statsMax = 1, 2
)

// nested is NLA_F_NESTED, which marks the nests that we send. It is not
// required of those we read.
const nested = 0x8000

const maxAttr = 32

// attrs are the payloads of a message or nest by type, nil where absent. Of
// an attribute that stands twice the last counts, and what is malformed ends
// the list, as with the kernel's nla_parse in its lenient form.
type attrs [maxAttr][]byte

func parse(b []byte) (a attrs) {
	for len(b) >= 4 {
		n := int(binary.NativeEndian.Uint16(b))
		if n < 4 || n > len(b) {
			return a
		}
		if typ := binary.NativeEndian.Uint16(b[2:]) & 0x3fff; typ < maxAttr {
			a[typ] = b[4:n:n]
		}
		if n = align(n); n >= len(b) {
			return a
		}
		b = b[n:]
	}
	return a
}

func align(n int) int { return (n + 3) &^ 3 }

// has tells whether an attribute is there; an empty payload counts.
func (a *attrs) has(typ int) bool { return a[typ] != nil }

func (a *attrs) u8(typ int) uint8   { return a[typ][0] }
func (a *attrs) u16(typ int) uint16 { return binary.BigEndian.Uint16(a[typ]) }
func (a *attrs) u32(typ int) uint32 { return binary.BigEndian.Uint32(a[typ]) }

// text returns a string attribute without its NUL.
func (a *attrs) text(typ int) string {
	for i, c := range a[typ] {
		if c == 0 {
			return string(a[typ][:i])
		}
	}
	return string(a[typ])
}

// policy is what an attribute must be: min bytes at least, at most max where
// max is not 0, a nest (empty or with room for a header), a string of at most
// max bytes that ends in NUL, or never there.
type policy struct {
	min, max uint8
	nest     bool
	text     bool
	reject   bool
}

// refusal is an errno with the words of an extended acknowledgement.
type refusal struct {
	errno  syscall.Errno
	words  string
	offset int // of the bad attribute, bytes from the start of the message
}

func (r *refusal) Error() string { return r.errno.Error() }

const policyWords = "Attribute failed policy validation"

// validate checks b against the policies by type (linux nla_validate with
// liberal rules: longer than asked for is accepted). offset is where b stands
// in the message.
func validate(b []byte, rules map[int]policy, offset int) error {
	for off := 0; len(b)-off >= 4; {
		n := int(binary.NativeEndian.Uint16(b[off:]))
		if n < 4 || n > len(b)-off {
			return nil
		}
		typ := int(binary.NativeEndian.Uint16(b[off+2:]) & 0x3fff)
		if p, ok := rules[typ]; ok {
			size := n - 4
			switch {
			case p.reject:
				return &refusal{syscall.EINVAL, "Unsupported attribute", offset + off}
			case p.text:
				if bytes.IndexByte(b[off+4:off+4+min(size, int(p.max)+1)], 0) < 0 {
					return &refusal{syscall.EINVAL, policyWords, offset + off}
				}
			case size < int(p.min), p.max != 0 && size > int(p.max), p.nest && size > 0 && size < 4:
				return &refusal{syscall.ERANGE, policyWords, offset + off}
			}
		}
		off += align(n)
	}
	return nil
}

// nest parses a nest under a policy. Its refusals have no words: the kernel
// passes no extack down to nests.
func nest(b []byte, rules map[int]policy) (attrs, error) {
	var words *refusal
	if err := validate(b, rules, 0); errors.As(err, &words) {
		return attrs{}, words.errno
	}
	return parse(b), nil
}

// message builds one netlink message.
type message struct{ b []byte }

// newMessage starts a message in b, which may hold others before it.
func newMessage(b []byte, typ, flags uint16, seq, portID uint32, family uint8, resID uint16) *message {
	b = append(b, 0, 0, 0, 0)
	b = binary.NativeEndian.AppendUint16(b, typ)
	b = binary.NativeEndian.AppendUint16(b, flags)
	b = binary.NativeEndian.AppendUint32(b, seq)
	b = binary.NativeEndian.AppendUint32(b, portID)
	b = append(b, family, 0)
	return &message{binary.BigEndian.AppendUint16(b, resID)}
}

// finish writes the length of the message that began at start.
func (m *message) finish(start int) []byte {
	binary.NativeEndian.PutUint32(m.b[start:], uint32(len(m.b)-start))
	return m.b
}

func (m *message) bytes(typ int, p []byte) {
	m.b = binary.NativeEndian.AppendUint16(m.b, uint16(4+len(p)))
	m.b = binary.NativeEndian.AppendUint16(m.b, uint16(typ))
	m.b = append(m.b, p...)
	m.b = append(m.b, make([]byte, align(len(p))-len(p))...)
}

func (m *message) u8(typ int, v uint8)   { m.bytes(typ, []byte{v}) }
func (m *message) u16(typ int, v uint16) { m.bytes(typ, binary.BigEndian.AppendUint16(nil, v)) }
func (m *message) u32(typ int, v uint32) { m.bytes(typ, binary.BigEndian.AppendUint32(nil, v)) }
func (m *message) u64(typ int, v uint64) { m.bytes(typ, binary.BigEndian.AppendUint64(nil, v)) }
func (m *message) text(typ int, s string) {
	m.bytes(typ, append([]byte(s), 0))
}

// nest appends what fill appends, as a nest.
func (m *message) nest(typ int, fill func()) {
	mark := len(m.b)
	m.b = append(m.b, 0, 0, 0, 0)
	binary.NativeEndian.PutUint16(m.b[mark+2:], uint16(typ|nested))
	fill()
	binary.NativeEndian.PutUint16(m.b[mark:], uint16(len(m.b)-mark))
}
