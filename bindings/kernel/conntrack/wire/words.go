package wire

import "encoding/binary"

// AddrWords is an [Addr] as two numbers: what compares, masks and orders
// addresses without touching memory.
type AddrWords struct{ Hi, Lo uint64 }

// mappedLo is what stands in the lower word before an IPv4 address.
const mappedLo = 0xffff << 32

// Words returns a as two numbers.
func (a Addr) Words() AddrWords { return AddrWords{be64(a[:8]), be64(a[8:])} }

// Addr returns w as an address.
func (w AddrWords) Addr() (a Addr) {
	binary.BigEndian.PutUint64(a[:8], w.Hi)
	binary.BigEndian.PutUint64(a[8:], w.Lo)
	return a
}

// Is4 tells whether w is IPv4.
func (w AddrWords) Is4() bool { return w.Hi == 0 && w.Lo&^0xffffffff == mappedLo }

// Less tells whether w stands before x, IPv4 among IPv6 by its mapped form.
func (w AddrWords) Less(x AddrWords) bool { return w.Hi < x.Hi || w.Hi == x.Hi && w.Lo < x.Lo }
