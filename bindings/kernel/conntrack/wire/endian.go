package wire

import "encoding/binary"

// Netlink headers, attribute headers, CTA_FILTER flags and labels are in the
// byte order of the host; all else in ctnetlink is big-endian.

func nativeUint16(b []byte) uint16 { return binary.NativeEndian.Uint16(b) }
func nativeUint32(b []byte) uint32 { return binary.NativeEndian.Uint32(b) }

func be16(b []byte) uint16 { return binary.BigEndian.Uint16(b) }
func be32(b []byte) uint32 { return binary.BigEndian.Uint32(b) }
func be64(b []byte) uint64 { return binary.BigEndian.Uint64(b) }

// headerWord is the header of an attribute of n bytes, header included, as
// nativeUint32 reads it.
func headerWord(n, typ uint16) uint32 {
	var b [4]byte
	binary.NativeEndian.PutUint16(b[:], n)
	binary.NativeEndian.PutUint16(b[2:], typ)
	return nativeUint32(b[:])
}

// Attribute headers of the layouts that the kernel sends, as words of the host:
// what looks like them is taken in one look, and all else is walked.
var (
	wordIPv4    = headerWord(20, attrTupleIP|nlaNested)
	wordIPv4Src = headerWord(8, attrIPv4Src)
	wordIPv4Dst = headerWord(8, attrIPv4Dst)
	wordIPv6    = headerWord(44, attrTupleIP|nlaNested)
	wordIPv6Src = headerWord(20, attrIPv6Src)
	wordIPv6Dst = headerWord(20, attrIPv6Dst)
	wordProto   = headerWord(28, attrTupleProto|nlaNested)
	wordNum     = headerWord(5, attrProtoNum)
	wordSrcPort = headerWord(6, attrProtoSrcPort)
	wordDstPort = headerWord(6, attrProtoDstPort)
	wordPackets = headerWord(12, attrCountersPackets)
	wordBytes   = headerWord(12, attrCountersBytes)
	wordStart   = headerWord(12, attrTimestampStart)
	wordTCP     = headerWord(44, attrProtoInfoTCP|nlaNested)
	wordState   = headerWord(5, attrTCPState)
	wordWScale  = [2]uint32{headerWord(5, attrTCPWScaleOrig), headerWord(5, attrTCPWScaleReply)}
	wordFlags   = [2]uint32{headerWord(6, attrTCPFlagsOrig), headerWord(6, attrTCPFlagsReply)}
)
