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
