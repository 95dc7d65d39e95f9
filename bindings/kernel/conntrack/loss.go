package conntrack

// dropCounter turns the kernel's 32-bit count of dropped messages into a
// total that does not wrap. It must be read at least once every 2^32 drops.
type dropCounter struct {
	last  uint32
	total uint64
}

// advance takes a reading.
func (c *dropCounter) advance(now uint32) {
	c.total += uint64(now - c.last) // modulo 2^32, so right across the wrap
	c.last = now
}

// gap follows one overrun from the kernel's word to the place of the loss.
//
// The kernel reports ENOBUFS ahead of what is still queued, and the socket
// stays deaf until that queue was read to the end (linux af_netlink.c,
// NETLINK_S_CONGESTED). What is missing therefore belongs behind the queued
// messages, and only there is its number final.
type gap struct {
	open bool
}

// overrun notes an ENOBUFS. It is true where an earlier gap is still open:
// there is a second word only after the queue ran empty in between, so that
// one is to be settled now.
func (g *gap) overrun() (settle bool) {
	settle = g.open
	g.open = true
	return settle
}

// drained notes that the queue was read to its end, and is true where a gap
// ends here.
func (g *gap) drained() (settle bool) {
	settle = g.open
	g.open = false
	return settle
}
