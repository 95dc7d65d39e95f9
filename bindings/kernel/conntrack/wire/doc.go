// Package wire is the codec of ctnetlink: it turns bytes of the kernel into
// views and flows, and typed requests into bytes.
//
// A received message is read through a [View]: one pass notes where each
// attribute lies, and a field is decoded when somebody asks for it. A View
// points into the receive buffer and is valid until the next receive; whoever
// keeps a flow copies it into a [Flow], which is 176 bytes and holds no
// pointer, or into an [Entry], which holds all that the kernel said.
//
// Multi-byte attributes are big-endian, with two exceptions: the flag words of
// CTA_FILTER and the labels, which are host words (linux
// net/netfilter/nf_conntrack_netlink.c).
//
// The package must not open a socket, keep state between messages (the numbers
// of helper names excepted) or decide what may be done: validation here is only
// of what can be said on the wire.
package wire
