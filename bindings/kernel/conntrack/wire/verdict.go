package wire

import (
	"bytes"
	"encoding/binary"
	"syscall"
)

// Attributes of an extended acknowledgement (enum nlmsgerr_attrs).
const (
	extAckMsg = 1
)

// ReadVerdict reads the error number of an NLMSG_ERROR or NLMSG_DONE message,
// 0 for success, and the kernel's words where it gave any. A message too short
// to hold a number reads as EPROTO.
func ReadVerdict(msg []byte) (syscall.Errno, string) {
	h, ok := ReadHeader(msg)
	if !ok || len(msg) < 16 {
		return syscall.EPROTO, ""
	}
	if len(msg) < 20 {
		if h.Type == TypeDone {
			return 0, "" // a dump's end without a number
		}
		return syscall.EPROTO, ""
	}
	errno := syscall.Errno(-int32(nativeUint32(msg[16:])))
	if h.Flags&FlagAckTLVs == 0 {
		return errno, ""
	}
	tlvs := msg[20:]
	if h.Type == TypeError {
		// The header of the request follows, and with it the whole request
		// unless the answer is capped.
		skip := 16
		if h.Flags&FlagCapped == 0 && len(tlvs) >= 16 {
			skip = align(int(nativeUint32(tlvs)))
		}
		if skip < 16 || skip > len(tlvs) {
			return errno, ""
		}
		tlvs = tlvs[skip:]
	}
	text, _, _ := bytes.Cut(find(tlvs, extAckMsg), []byte{0})
	return errno, string(text)
}

// SetAck makes the message at the start of msg ask for an acknowledgement.
func SetAck(msg []byte) {
	flags := nativeUint16(msg[6:]) | FlagAck
	binary.NativeEndian.PutUint16(msg[6:], flags)
}
