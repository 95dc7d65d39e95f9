package wire

import "github.com/ti-mo/netfilter"

// Netlink subsystems of nfnetlink that this package speaks.
const (
	SubsysConntrack = uint8(netfilter.NFSubsysCTNetlink)
	SubsysExpect    = uint8(netfilter.NFSubsysCTNetlinkExp)
	SubsysTimeout   = uint8(netfilter.NFSubsysCTNetlinkTimeout)
)

// Message types of the conntrack subsystem (enum cntl_msg_types).
const (
	MsgNew            = 0
	MsgGet            = 1
	MsgDelete         = 2
	MsgGetCtrZero     = 3
	MsgGetStatsCPU    = 4
	MsgGetStats       = 5
	MsgGetDying       = 6
	MsgGetUnconfirmed = 7
)

// Message types of the expectation subsystem (enum ctnl_exp_msg_types).
const (
	MsgExpNew         = 0
	MsgExpGet         = 1
	MsgExpDelete      = 2
	MsgExpGetStatsCPU = 3
)

// Message types of the timeout subsystem (enum ctnl_timeout_msg_types).
const (
	MsgTimeoutNew        = 0
	MsgTimeoutGet        = 1
	MsgTimeoutDelete     = 2
	MsgTimeoutDefaultSet = 3
	MsgTimeoutDefaultGet = 4
)

// Netlink control messages and flags (include/uapi/linux/netlink.h).
const (
	TypeNoop    = 1
	TypeError   = 2
	TypeDone    = 3
	TypeOverrun = 4

	FlagRequest      = 0x1
	FlagMulti        = 0x2
	FlagAck          = 0x4
	FlagEcho         = 0x8
	FlagDumpIntr     = 0x10
	FlagDumpFiltered = 0x20

	FlagDump    = 0x300
	FlagReplace = 0x100
	FlagExcl    = 0x200
	FlagCreate  = 0x400

	FlagCapped  = 0x100
	FlagAckTLVs = 0x200
)

// Header is a netlink header with the nfgenmsg after it.
type Header struct {
	Len     uint32
	Type    uint16 // subsystem << 8 | message type
	Flags   uint16
	Seq     uint32
	PortID  uint32
	Family  uint8
	Version uint8
	ResID   uint16
}

// Subsys returns the subsystem of a data message.
func (h Header) Subsys() uint8 { return uint8(h.Type >> 8) }

// Msg returns the message type within the subsystem.
func (h Header) Msg() uint8 { return uint8(h.Type) }

// ReadHeader reads the header of the message at the start of b. Control
// messages (error, done) have no nfgenmsg: those fields then hold whatever
// follows the header, zero where nothing does. It is false where b is too
// short for a netlink header or for the length it states.
func ReadHeader(b []byte) (h Header, ok bool) {
	if len(b) < 16 {
		return h, false
	}
	h = Header{Len: nativeUint32(b), Type: nativeUint16(b[4:]), Flags: nativeUint16(b[6:]),
		Seq: nativeUint32(b[8:]), PortID: nativeUint32(b[12:])}
	if h.Len < 16 || int64(h.Len) > int64(len(b)) {
		return h, false
	}
	if h.Len >= HeaderLen {
		h.Family, h.Version, h.ResID = b[16], b[17], be16(b[18:])
	}
	return h, true
}

// Peek returns type, flags and sequence number of a message that Next
// returned: what the hot path needs of a header.
func Peek(msg []byte) (typ, flags uint16, seq uint32) {
	_ = msg[11]
	return nativeUint16(msg[4:]), nativeUint16(msg[6:]), nativeUint32(msg[8:])
}

// Next splits the first message off b, a datagram of one or several messages.
// ok is false at the end and, with rest not empty, where what is left is cut
// short or malformed.
func Next(b []byte) (msg, rest []byte, ok bool) {
	if len(b) < 16 {
		return nil, b, false
	}
	n := int(nativeUint32(b))
	if n < 16 || n > len(b) {
		return nil, b, false
	}
	if a := align(n); a < len(b) {
		return b[:n:n], b[a:], true
	}
	return b[:n:n], nil, true
}
