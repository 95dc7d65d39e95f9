package wire

import "encoding/binary"

// labelsFrom reads label bits as the kernel stores them: an array of host
// longs, bit n in long n/64 (linux nf_conntrack_labels.c). On a 32-bit
// little-endian kernel the bytes are the same; big-endian ones differ.
func labelsFrom(b [16]byte) Labels {
	return Labels{binary.NativeEndian.Uint64(b[:8]), binary.NativeEndian.Uint64(b[8:])}
}

// bytes is the inverse of labelsFrom.
func (l Labels) bytes() (b [16]byte) {
	binary.NativeEndian.PutUint64(b[:8], l[0])
	binary.NativeEndian.PutUint64(b[8:], l[1])
	return b
}

// Bit tells whether label n (0 to 127) is set.
func (l Labels) Bit(n int) bool { return l[n>>6&1]>>(n&63)&1 == 1 }

// Set returns l with label n (0 to 127) set.
func (l Labels) Set(n int) Labels {
	l[n>>6&1] |= 1 << (n & 63)
	return l
}
